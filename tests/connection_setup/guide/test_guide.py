"""The assisted setup guide: its list, its steps, which may be opened, what is stored."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from connection_setup.guide.flow import Step
from connection_setup.models import AssistedSetup, DataverseConnection
from masterdata.models import Company
from tests.connection_setup.conftest import APPLICATION, SECRET, TENANT, signed_in
from tests.connection_setup.setup import test_page
from ui import guides

GUIDE = "/c/cronus-international/assisted-setup/dataverse/"
LIST = "/c/cronus-international/assisted-setup/"


def text_of(answer: Any) -> str:
    return test_page.text_of(answer.content.decode())


def made(*done: bool) -> list[Step]:
    """Return steps that are done or not."""

    def one(number: int, is_done: bool) -> Step:
        return Step(str(number), f"Step {number}", number, lambda _: None, lambda _: None, lambda _: is_done)  # type: ignore[arg-type, return-value]

    return [one(number, is_done) for number, is_done in enumerate(done)]


NOW: Any = SimpleNamespace()


@pytest.mark.parametrize(
    ("done", "first", "open_"),
    [
        ((False, False, False), "0", (True, False, False)),
        ((True, False, False), "1", (True, True, False)),
        ((True, True, True), "2", (True, True, True)),
        # A sign-in that ran out closes what comes after it, and nothing that came before.
        ((True, False, True), "1", (True, True, False)),
    ],
)
def test_the_guide_continues_at_the_first_unfinished_step(
    done: tuple[bool, ...], first: str, open_: tuple[bool, ...]
) -> None:
    steps = made(*done)
    assert guides.first_unfinished(steps, NOW).name == first
    assert tuple(guides.may_open(steps, step, NOW) for step in steps) == open_


def test_the_last_step_is_followed_by_itself() -> None:
    steps = made(True, True)
    assert [guides.following_step(steps, step).name for step in steps] == ["1", "1"]


def test_the_list_shows_whether_the_guide_is_completed(admin: Client, company: Company) -> None:
    admin.get(GUIDE)  # opened, and closed at once
    assert "Set up a connection to Microsoft Dataverse Not Completed" in text_of(admin.get(LIST))
    admin.post(f"{GUIDE}before-you-start/")
    assert "Set up a connection to Microsoft Dataverse Not Completed" in text_of(admin.get(LIST))


def test_a_company_that_was_connected_without_the_guide_counts_as_set_up(
    admin: Client, connection: DataverseConnection
) -> None:
    DataverseConnection.objects.update(enabled=True)
    assert "Set up a connection to Microsoft Dataverse Completed" in text_of(admin.get(LIST))


def test_the_guide_opens_at_its_first_step_and_later_where_it_was_left(admin: Client, company: Company) -> None:
    assert "Connect CRONUS International to Dataverse" in text_of(admin.get(GUIDE))
    assert admin.post(f"{GUIDE}before-you-start/")["Location"] == f"{GUIDE}consent/"
    assert "What the administrator permits" in text_of(admin.get(GUIDE))


def test_every_step_shows_the_guides_title_and_its_position(admin: Client, company: Company) -> None:
    page = admin.get(f"{GUIDE}before-you-start/")
    assert b"<h1>Set up a connection to Microsoft Dataverse</h1>" in page.content
    assert "step 1 of" in text_of(page)


def test_a_step_that_is_not_open_redirects_to_the_first_unfinished_one(admin: Client, company: Company) -> None:
    answer = admin.get(f"{GUIDE}ownership/", follow=True)
    assert answer.redirect_chain[-1][0] == f"{GUIDE}before-you-start/"
    assert "Ownership comes after Before you start." in text_of(answer)
    assert admin.post(f"{GUIDE}finish/", {"run": "full"})["Location"] == f"{GUIDE}before-you-start/"
    assert not AssistedSetup.objects.exists()


def test_a_step_that_does_not_exist_is_not_found(admin: Client, company: Company) -> None:
    assert admin.get(f"{GUIDE}nonsense/").status_code == 404


def test_the_guide_does_not_continue_without_consent(admin: Client, company: Company) -> None:
    admin.post(f"{GUIDE}before-you-start/")
    refused = admin.post(f"{GUIDE}consent/")
    assert "Tick this to go on" in text_of(refused)
    for permission in ("Access Dataverse as you", "Have full access to", "Sign in and read your profile"):
        assert permission in text_of(refused)
    assert admin.post(f"{GUIDE}consent/", {"consent": "on"})["Location"] == f"{GUIDE}application/"


def test_nobody_consents_for_another(admin: Client, company: Company) -> None:
    admin.post(f"{GUIDE}before-you-start/")
    admin.post(f"{GUIDE}consent/", {"consent": "on"})
    other = User.objects.create_user("grace", password="x")
    other.groups.add(Group.objects.get(name="Administrator"))
    hers = Client()
    hers.force_login(other)
    page = hers.get(GUIDE)
    assert "What the administrator permits" in text_of(page)
    assert "checked" not in page.content.decode().partition('name="consent"')[2][:200]
    assert hers.get(f"{GUIDE}application/").status_code == 302
    assert "Which application signs in?" in text_of(admin.get(GUIDE))


def test_an_address_that_needs_the_secret_again_says_so_at_the_sign_in(
    admin: Client, connection: DataverseConnection
) -> None:
    at_application(admin)
    other = "https://contoso.crm4.dynamics.com"
    page = admin.post(f"{GUIDE}sign-in/", {"environment_url": other})
    assert "Enter the Client Secret again" in text_of(page)
    assert 'name="client_secret"' in page.content.decode(), "it is asked for here, not at a later step"
    assert DataverseConnection.objects.get().environment_url == connection.environment_url
    admin.post(f"{GUIDE}sign-in/", {"environment_url": other, "client_secret": "another"})
    assert DataverseConnection.objects.get().environment_url == other


def test_a_chosen_environment_without_a_sign_in_is_refused(admin: Client, company: Company) -> None:
    registered(admin)
    admin.post(f"{GUIDE}sign-in/", {"without": "1"})
    chosen = {"environment": "0f0e0d0c-0000-4000-8000-000000000001", "environment_url": "https://a.crm4.dynamics.com"}
    page = text_of(admin.post(f"{GUIDE}environment/", chosen))
    assert "The sign-in that found these environments has expired" in page
    assert DataverseConnection.objects.get().environment_url == ""


def at_application(admin: Client) -> None:
    admin.post(f"{GUIDE}before-you-start/")
    admin.post(f"{GUIDE}consent/", {"consent": "on"})


def registration(**changed: Any) -> dict[str, Any]:
    return {
        "cloud": "commercial", "tenant_id": TENANT, "client_id": APPLICATION, "client_secret": SECRET,
        "authentication_type": "client_secret", **changed,
    }  # fmt: skip


def test_the_registration_is_stored_and_its_secret_never_shown_again(admin: Client, company: Company) -> None:
    at_application(admin)
    answer = admin.post(f"{GUIDE}application/", registration())
    assert answer.status_code == 302, text_of(answer)
    kept = DataverseConnection.objects.get(company=company)
    assert (kept.client_id, kept.tenant_id, kept.environment_url) == (APPLICATION, TENANT, "")
    page = admin.get(f"{GUIDE}application/").content.decode()
    assert APPLICATION in page
    assert SECRET not in page


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"client_secret": ""}, "Client Secret is not stored yet"),
        ({"client_id": ""}, "Enter the Client ID of the registration"),
        ({"client_secret": APPLICATION}, "the secret's ID, not its value"),
        ({"client_id": "not a guid"}, "A Client ID is a GUID"),
        ({"authentication_type": "certificate", "client_secret": ""}, "Certificate is not stored yet"),
    ],
)
def test_missing_registration_settings_are_reported_beside_their_fields(
    admin: Client, company: Company, typed: dict[str, str], told: str
) -> None:
    at_application(admin)
    answer = admin.post(f"{GUIDE}application/", registration(**typed))
    assert told in text_of(answer)
    assert SECRET not in answer.content.decode()


def test_another_authentication_type_asks_for_its_own_fields_and_keeps_what_was_typed(
    admin: Client, company: Company
) -> None:
    at_application(admin)
    typed = registration(authentication_type="certificate", choose="1")
    page = admin.post(f"{GUIDE}application/", typed, headers={"HX-Request": "true"}).content.decode()
    assert 'name="certificate_file"' in page
    assert 'name="client_secret"' not in page
    assert TENANT in page
    assert not DataverseConnection.objects.exists()


def test_only_administrators_open_the_guide(company: Company, db: None) -> None:
    for role in ("Mapper", "Operator", "Viewer"):
        assert signed_in(role).get(f"{GUIDE}consent/").status_code == 403


def registered(admin: Client) -> None:
    at_application(admin)
    admin.post(f"{GUIDE}application/", registration())


def test_next_and_back_show_and_hide_the_fields_of_the_application(admin: Client, company: Company) -> None:
    at_application(admin)
    assert 'name="client_secret"' in admin.get(f"{GUIDE}application/").content.decode()
    consent = admin.get(f"{GUIDE}consent/").content.decode()
    assert 'name="client_secret"' not in consent
    assert 'name="consent"' in consent
    assert "checked" in consent


def test_the_guide_opens_with_the_address_of_the_settings(admin: Client, connection: DataverseConnection) -> None:
    at_application(admin)
    assert connection.environment_url in admin.get(f"{GUIDE}sign-in/").content.decode()


def test_without_an_administrator_the_environment_is_entered_by_its_address(admin: Client, company: Company) -> None:
    registered(admin)
    assert admin.post(f"{GUIDE}sign-in/", {"without": "1"})["Location"] == f"{GUIDE}environment/"
    assert "Choose an environment, or enter" in text_of(admin.post(f"{GUIDE}environment/", {"environment_url": ""}))
    question = admin.post(f"{GUIDE}environment/", {"environment_url": "contoso.crm4.dynamics.com/main.aspx"})
    assert "Replace contoso.crm4.dynamics.com/main.aspx with the suggested https://contoso.crm4.dynamics.com?" in (
        text_of(question)
    )
    typed = {"environment_url": "contoso.crm4.dynamics.com/main.aspx", "replace": "yes"}
    assert admin.post(f"{GUIDE}environment/", typed)["Location"] == f"{GUIDE}ownership/"
    assert DataverseConnection.objects.get().environment_url == "https://contoso.crm4.dynamics.com"


def test_another_environment_asks_for_the_secret_again_at_the_step(admin: Client, company: Company) -> None:
    registered(admin)
    admin.post(f"{GUIDE}sign-in/", {"without": "1"})
    admin.post(f"{GUIDE}environment/", {"environment_url": "https://contoso.crm4.dynamics.com"})
    other = {"environment_url": "https://fabrikam.crm4.dynamics.com"}
    assert "Enter the Client Secret again" in text_of(admin.post(f"{GUIDE}environment/", other))
    assert DataverseConnection.objects.get().environment_url == "https://contoso.crm4.dynamics.com"
    assert admin.post(f"{GUIDE}environment/", {**other, "client_secret": SECRET}).status_code == 302
    assert DataverseConnection.objects.get().environment_url == "https://fabrikam.crm4.dynamics.com"


def test_an_environment_of_another_tenant_asks_for_the_secret_again_where_it_can_be_entered(
    admin: Client, company: Company
) -> None:
    registered(admin)  # with a tenant, and no environment yet
    admin.post(f"{GUIDE}sign-in/", {"without": "1"})
    assert 'name="client_secret"' in admin.get(f"{GUIDE}environment/").content.decode()


@pytest.mark.parametrize("model", ["team", "person"])
def test_the_ownership_model_is_stored(admin: Client, company: Company, model: str) -> None:
    registered(admin)
    admin.post(f"{GUIDE}sign-in/", {"without": "1"})
    admin.post(f"{GUIDE}environment/", {"environment_url": "https://contoso.crm4.dynamics.com"})
    assert "Select a valid choice" in text_of(admin.post(f"{GUIDE}ownership/", {"ownership_model": "nobody"}))
    assert admin.post(f"{GUIDE}ownership/", {"ownership_model": model}).status_code == 302
    assert DataverseConnection.objects.get().ownership_model == model


def test_a_sign_in_that_cannot_begin_says_why_at_the_step(admin: Client, connection: DataverseConnection) -> None:
    at_application(admin)
    answer = admin.post(f"{GUIDE}sign-in/", {"environment_url": connection.environment_url})
    assert "The sign-in did not work." in text_of(answer)
    assert "The sign-in cannot begin." in text_of(answer)


def test_while_enabled_the_steps_show_what_is_set_and_are_locked(
    admin: Client, connection: DataverseConnection
) -> None:
    DataverseConnection.objects.update(enabled=True)
    for step in ("application", "sign-in", "environment", "ownership"):
        page = text_of(admin.get(f"{GUIDE}{step}/"))
        assert "The connection is enabled." in page, step
    admin.post(f"{GUIDE}ownership/", {"ownership_model": "person"})
    assert DataverseConnection.objects.get().ownership_model == "team"


def test_the_role_center_leads_an_administrator_to_the_guide_while_nothing_is_connected(
    admin: Client, company: Company
) -> None:
    start = "/c/cronus-international/"
    assert f'href="{GUIDE}"' in admin.get(start).content.decode()
    assert f'href="{GUIDE}"' not in signed_in("Viewer").get(start).content.decode()
