"""Sign-in, the shell, Tell Me, preferences, errors."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.roles import Role
from coupling.models import IntegrationTableMapping
from masterdata.models import Company
from tests.ui.conftest import PASSWORD, customers, person
from tests.ui.pages import check, read
from ui.models import UserPreference


def test_signing_in_asks_for_a_name_and_a_password_and_leads_to_the_role_center(
    client: Client, cronus: Company
) -> None:
    page = check(client.get("/sign-in/"))
    assert page.h1 == "Sign in"
    person(Role.VIEWER)
    answer = client.post("/sign-in/", {"username": "viewer", "password": PASSWORD}, follow=True)
    assert check(answer).h1 == "Role Center"


def test_a_wrong_password_is_told_in_a_sentence(client: Client, db: Any) -> None:
    page = check(client.post("/sign-in/", {"username": "nobody", "password": "wrong"}))
    assert any(one.get("role") == "alert" for one in page.root.all("div"))


def test_after_five_wrong_passwords_the_page_says_to_wait(client: Client, db: Any) -> None:
    for _ in range(5):
        answer = client.post("/sign-in/", {"username": "eve", "password": "wrong"})
    page = check(answer, status=429)
    assert page.h1 == "Too many attempts"


def test_somebody_not_signed_in_is_led_to_sign_in_from_everywhere(client: Client, cronus: Company) -> None:
    for url in ("/", f"/c/{cronus.slug}/", f"/c/{cronus.slug}/records/customer/", "/help/records/"):
        assert client.get(url).headers["Location"].startswith("/sign-in/")


def test_signing_out_is_a_post(administrator: Client, cronus: Company) -> None:
    refused = administrator.get("/sign-out/")
    assert (refused.status_code, refused["Allow"]) == (405, "POST, OPTIONS")
    assert "It belongs to a button or a form of a page." in refused.content.decode()
    assert administrator.post("/sign-out/").headers["Location"] == "/sign-in/"


def test_without_a_company_the_first_page_says_what_to_do(administrator: Client) -> None:
    page = check(administrator.get("/"))
    assert "company create" in page.root.text


def test_the_first_page_is_the_role_center_of_the_company_seen_last(
    administrator: Client, cronus: Company, northwind: Company
) -> None:
    assert administrator.get("/").headers["Location"] == f"/c/{cronus.slug}/"
    administrator.get(f"/c/{northwind.slug}/records/customer/")
    assert administrator.get("/").headers["Location"] == f"/c/{northwind.slug}/"


def test_the_company_switcher_keeps_the_page(administrator: Client, cronus: Company, northwind: Company) -> None:
    page = check(administrator.get(f"/c/{cronus.slug}/records/item/"))
    assert page.links()["Northwind Traders"] == f"/c/{northwind.slug}/records/item/"


def test_the_company_switcher_leaves_what_only_one_company_has(
    administrator: Client, cronus: Company, northwind: Company
) -> None:
    IntegrationTableMapping.objects.create(
        company=cronus, name="CUSTOMER", table="customer", integration_table="account", direction="bidirectional"
    )
    page = check(administrator.get(f"/c/{cronus.slug}/mappings/of/CUSTOMER/"))
    assert page.links()["Northwind Traders"] == f"/c/{northwind.slug}/"
    page = check(
        administrator.post(f"/c/{cronus.slug}/dataverse-connection-setup/save/", {"environment_url": "http://"})
    )
    assert page.links()["Northwind Traders"] == f"/c/{northwind.slug}/"


def test_the_navigation_marks_the_page_one_is_on(administrator: Client, cronus: Company) -> None:
    page = check(administrator.get(f"/c/{cronus.slug}/records/customer/"))
    marked = [link.text for link in page.root.all("a") if link.get("aria-current") == "page"]
    assert marked == ["Customers"]


@pytest.mark.parametrize(
    "title",
    ["Role Center", "Customers", "Vendors", "Contacts", "Items", "Salespeople/Purchasers", "Currencies",
     "Payment Terms", "Shipment Methods", "Shipping Agents", "Units of Measure"],
)  # fmt: skip
def test_tell_me_finds_every_page_under_its_title(administrator: Client, cronus: Company, title: str) -> None:
    page = check(administrator.get(reverse("ui:search", kwargs={"company": cronus.slug}), {"q": title}))
    found = page.root.all("main")[0]
    url = next(link.get("href") for link in found.all("a") if link.text == title)
    assert check(administrator.get(url)).h1 == title


def test_tell_me_finds_records_by_number_and_by_name(administrator: Client, cronus: Company) -> None:
    some = customers(cronus, 5)
    for text in ("10003", "alder 00003"):
        page = check(administrator.get(f"/c/{cronus.slug}/search/", {"q": text}))
        assert page.links()["Alder 00003 10003"].endswith(f"{some[3].system_id}/")


def test_tell_me_answers_htmx_with_the_hits_alone(administrator: Client, cronus: Company) -> None:
    answer = administrator.get(
        f"/c/{cronus.slug}/search/", {"q": "cust"}, headers={"HX-Request": "true", "HX-Target": "tellme-found"}
    )
    page = check(answer, fragment=True)
    assert not page.root.all("html")
    assert "Customers" in page.links()


@pytest.mark.parametrize("text", ["", "   ", "<script>alert(1)</script>", "%", "\x00", "x" * 5000])
def test_tell_me_takes_any_text(administrator: Client, cronus: Company, text: str) -> None:
    check(administrator.get(f"/c/{cronus.slug}/search/", {"q": text}))


def test_help_renders_the_projects_own_pages_and_nothing_else(administrator: Client) -> None:
    page = check(administrator.get("/help/records/"))
    assert page.h1 == "Records"
    assert page.by_id("import") is not None
    for name in ("nothing", "..", "settings"):
        assert administrator.get(f"/help/{name}/").status_code == 404


def test_light_dark_and_density_are_kept_for_the_person(administrator: Client, cronus: Company) -> None:
    answer = administrator.post(
        "/preferences/appearance/", {"theme": "dark", "density": "compact", "next": f"/c/{cronus.slug}/"}
    )
    html = check(administrator.get(answer.headers["Location"])).root.all("html")[0]
    assert (html.get("data-theme"), html.get("data-density")) == ("dark", "compact")
    administrator.post("/preferences/appearance/", {"theme": "pink", "density": ""})
    assert UserPreference.objects.filter(name__in=["theme", "density"]).count() == 0


def test_preferences_never_lead_to_another_site(administrator: Client, cronus: Company) -> None:
    for target in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        answer = administrator.post("/preferences/appearance/", {"next": target})
        assert answer.headers["Location"] == "/"


def test_a_page_that_is_not_there_says_so_inside_the_shell(administrator: Client, cronus: Company) -> None:
    page = check(administrator.get("/c/nowhere/"), status=404)
    assert "nowhere" in page.root.text
    assert page.root.all("nav")


def test_a_page_that_is_not_allowed_says_who_can_help(signed_in: Any, cronus: Company) -> None:
    page = check(signed_in(None).get(f"/c/{cronus.slug}/"), status=403)
    assert "administrator" in page.root.text


def test_an_expired_form_says_that_nothing_was_changed(cronus: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person(Role.VIEWER), backend="django.contrib.auth.backends.ModelBackend")
    page = check(client.post("/preferences/appearance/", {}), status=403)
    assert page.h1 == "This form has expired"


def test_an_error_of_our_own_shows_no_trace(
    administrator: Client, cronus: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret words")

    monkeypatch.setattr("ui.views.hits", broken)
    administrator.raise_request_exception = False
    answer = administrator.get(f"/c/{cronus.slug}/search/")
    assert answer.status_code == 500
    assert read(answer).h1 == "Something went wrong here"
    assert b"secret words" not in answer.content


def test_a_section_stays_as_the_person_left_it(administrator: Client, cronus: Company) -> None:
    one = customers(cronus, 1)[0]
    url = f"/c/{cronus.slug}/records/customer/{one.system_id}/"

    def is_open() -> bool:
        section = check(administrator.get(url)).by_id("tab-address")
        assert section is not None
        return "open" in section.attributes

    assert is_open()
    answer = administrator.post("/preferences/tab/", {"page": "records.card", "tab": "tab-address", "open": ""})
    assert answer.status_code == 204
    assert not is_open()
    administrator.post("/preferences/tab/", {"page": "records.card", "tab": "tab-address", "open": "1"})
    assert is_open()
    assert administrator.post("/preferences/tab/", {"page": "<x>", "tab": "tab-a"}).status_code == 404
