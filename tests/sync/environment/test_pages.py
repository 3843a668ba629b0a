"""Page Environment Changed, and the pages that lead to it."""

import html
import re

import pytest
from django.test import Client

from connection_setup.checks import services as checks
from connection_setup.connection.state import connection_of
from connection_setup.enabling import services as enabling
from coupling.models import Coupling
from jobs.models import Job, Type
from jobs.running.waiting import run_to_end
from sync.environment import services
from tests.connection_setup.conftest import signed_in
from tests.sync.conftest import make_unreachable
from tests.sync.environment.conftest import replace_organization

LEADING = {
    "role center": "",
    "setup page": "dataverse-connection-setup/",
    "mappings": "mappings/",
    "records": "records/customer/",
    "jobs": "jobs/",
    "review": "dataverse-full-synch-review/",
}
"""Pages that say that the environment changed, below the company's address."""


def text_of(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    plain = re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>", "", answer.content.decode(), flags=re.DOTALL))
    return " ".join(html.unescape(plain).split())


@pytest.fixture
def base(company) -> str:
    return f"/c/{company.slug}/"


@pytest.fixture
def address(base: str) -> str:
    return f"{base}environment-changed/"


@pytest.mark.parametrize("enabled", [True, False])
def test_pages_say_that_the_environment_changed_and_lead_there(changed, administrator, remote, base, address, enabled):
    if not enabled:
        enabling.disable(company=changed.company, user=None)
    checks.test_connection(connection=connection_of(changed.company))
    answers = {name: administrator.get(base + page) for name, page in LEADING.items()}
    assert {name: text_of(one).count("The environment changed.") for name, one in answers.items()} == dict.fromkeys(
        LEADING, 1
    )
    assert [name for name, one in answers.items() if f'href="{address}"' not in one.content.decode()] == []
    # Once the own organization answers again, nothing is said any more.
    replace_organization(remote, changed.was)
    checks.test_connection(connection=connection_of(changed.company))
    answers = {name: administrator.get(base + page) for name, page in LEADING.items()}
    assert [name for name, one in answers.items() if "The environment changed." in text_of(one)] == []


def test_a_failed_run_is_enough_to_say_so(changed, administrator, base, address):
    answer = administrator.post(f"{base}mappings/of/CUSTOMER/synchronize/", follow=True)
    assert answer.status_code == 200
    run_to_end(Job.objects.latest("pk"))
    assert "The environment changed." in text_of(administrator.get(base))


def test_the_page_shows_both_organizations_and_asks_nothing(changed, administrator, address, remote):
    services.ask_situation(changed.company)
    remote.control("DELETE", "requests")
    shown = text_of(administrator.get(address))
    assert remote.requests()["total"] == 0
    assert str(changed.was) in shown and str(changed.now) in shown and remote.environment_url in shown
    assert "Point Back" in shown and "Keep Couplings" in shown and "Start Anew" in shown
    assert "Waits for a decision" in shown


def test_check_now_asks_and_says_what_answers(changed, administrator, address, remote):
    assert "Its own organization" in text_of(administrator.get(address))
    shown = text_of(administrator.post(f"{address}check/", follow=True))
    assert f"Another organization answers: {connection_of(changed.company).organization_name} ({changed.now})" in shown
    replace_organization(remote, changed.was)
    assert "answers, as it should" in text_of(administrator.post(f"{address}check/", follow=True))
    make_unreachable(changed.company)
    assert "cannot be reached" in text_of(administrator.post(f"{address}check/", follow=True))


@pytest.mark.parametrize(("choice", "left"), [("keep", 2), ("drop", 0)])
@pytest.mark.parametrize("enabled", [True, False])
def test_a_choice_asks_first_then_leads_to_its_job(changed, administrator, address, choice, left, enabled):
    if not enabled:
        enabling.disable(company=changed.company, user=None)
    services.ask_situation(changed.company)
    asked = administrator.post(f"{address}choose/", {"choice": choice})
    expected = "Of 3 couplings, 2 have their row in" if choice == "keep" else "This drops all 3 couplings"
    assert expected in text_of(asked)
    assert not Job.objects.filter(type=Type.ENVIRONMENT).exists()
    answer = administrator.post(f"{address}choose/", {"choice": choice, "sure": "yes"})
    job = Job.objects.get(type=Type.ENVIRONMENT)
    assert answer["Location"].endswith(f"/{job.pk}/")
    assert f"Job {job.pk} carries out what was chosen" in text_of(administrator.get(address))
    assert run_to_end(job).state == "finished"
    assert Coupling.objects.count() == left
    assert "Environment change" in text_of(administrator.get(answer["Location"]))


@pytest.mark.parametrize("enabled", [True, False])
def test_after_dropping_the_page_offers_to_enable(changed, administrator, address, enabled):
    if not enabled:
        enabling.disable(company=changed.company, user=None)
    services.ask_situation(changed.company)
    refused = administrator.post(f"{address}enable/", follow=True)
    assert "There is nothing to enable anew." in text_of(refused)
    run_to_end(services.start_dropping(company=changed.company))
    assert f'action="{address}enable/"' in administrator.get(address).content.decode()
    shown = text_of(administrator.post(f"{address}enable/", follow=True))
    connection = connection_of(changed.company)
    assert (connection.organization_id, connection.enabled) == (changed.now, True), shown
    assert "Its own organization" in text_of(administrator.get(address))


def test_pointing_back_asks_for_address_and_secret_and_says_what_is_wrong(changed, administrator, address, remote):
    services.ask_situation(changed.company)
    led = administrator.post(f"{address}choose/", {"choice": "point-back"})
    assert led["Location"] == f"{address}point-back/"
    assert remote.environment_url in administrator.get(led["Location"]).content.decode()
    given = {"environment_url": remote.environment_url}
    assert f"the organization {changed.now} answers" in text_of(administrator.post(led["Location"], given))
    elsewhere = text_of(administrator.post(led["Location"], {"environment_url": "https://contoso.crm4.dynamics.com"}))
    assert "is not sent to another place" in elsewhere
    replace_organization(remote, changed.was)
    done = text_of(administrator.post(led["Location"], given, follow=True))
    assert "All couplings are as they were" in done and "Its own organization" in done


def test_a_secret_that_was_typed_is_not_sent_back(changed, administrator, address, remote):
    given = {"environment_url": remote.environment_url, "secret": "typed-secret-value"}
    assert "typed-secret-value" not in administrator.post(f"{address}point-back/", given).content.decode()


def test_without_anything_to_decide_no_way_out_is_offered(company, coupled, administrator, address):
    shown = text_of(administrator.get(address))
    assert "There is nothing to decide." in shown
    assert "The own organization answers." in shown
    refused = administrator.post(f"{address}choose/", {"choice": "keep", "sure": "yes"}, follow=True)
    assert "kept as it is" in text_of(refused)
    assert administrator.post(f"{address}choose/", {"choice": "else"})["Location"] == address


def test_who_may_only_look_sees_why_nothing_can_be_chosen(changed, address):
    viewer: Client = signed_in("Viewer")
    services.ask_situation(changed.company)
    shown = text_of(viewer.get(address))
    assert str(changed.now) in shown and "Your role may look, not change." in shown
    assert viewer.post(f"{address}choose/", {"choice": "drop", "sure": "yes"}).status_code == 403
    assert Coupling.objects.count() == 3


def test_enabling_that_fails_for_it_leads_there(changed, administrator, base, address):
    enabling.disable(company=changed.company, user=None)
    answer = administrator.post(f"{base}dataverse-connection-setup/enable/", follow=True)
    assert "3 couplings belong to" in text_of(answer)
    assert f'href="{address}"' in answer.content.decode()


READING = (
    "dataverse-connection-setup/integration-solutions/",
    "dataverse-connection-setup/integration-user-roles/",
    "dataverse-connection-setup/owning-team-roles/",
    "couple-dataverse-users-with-salespeople/",
    "dataverse-full-synch-review/",
)


def test_a_page_that_reads_dataverse_says_why_it_shows_nothing(changed, administrator, base):
    shown = {page: text_of(administrator.get(base + page)) for page in READING}
    other = connection_of(changed.company).organization_name
    for told in (
        f"now leads to another organization, {other} ({changed.now})", "opens Environment Changed and decides"
    ):  # fmt: skip
        assert [page for page, text in shown.items() if told not in text] == []


def test_many_couplings_are_not_counted_while_somebody_waits(changed, administrator, address, monkeypatch):
    monkeypatch.setattr(services, "COUNTED_SOON", 2)
    services.ask_situation(changed.company)
    shown = text_of(administrator.post(f"{address}choose/", {"choice": "keep"}))
    assert "The rows of 3 couplings are looked up by their ids" in shown
