"""Record lists and cards."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connection_setup.models import DataverseConnection
from core.roles import Role
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from coupling.records import lists as records
from masterdata import catalog
from masterdata.models import Company, Customer
from tests.ui.conftest import customers
from tests.ui.pages import Document, check

TITLES = {
    "customer": "Customers", "vendor": "Vendors", "contact": "Contacts", "item": "Items",
    "salesperson": "Salespeople/Purchasers", "currency": "Currencies", "payment_terms": "Payment Terms",
    "shipment_method": "Shipment Methods", "shipping_agent": "Shipping Agents", "unit_of_measure": "Units of Measure",
}  # fmt: skip


@pytest.fixture
def url(cronus: Company) -> str:
    return f"/c/{cronus.slug}/records/customer/"


@pytest.fixture
def mapping(cronus: Company) -> IntegrationTableMapping:
    DataverseConnection.objects.create(
        company=cronus, environment_url="https://contoso.crm4.dynamics.com", enabled=True
    )
    return IntegrationTableMapping.objects.create(
        company=cronus, name="CUSTOMER", table="customer", integration_table="account", entity_set="accounts",
        uid_column="accountid",
    )  # fmt: skip


def couple(mapping: IntegrationTableMapping, *records: Customer) -> None:
    for record in records:
        Coupling.objects.create(
            company=mapping.company,
            mapping=mapping,
            table="customer",
            local_id=record.system_id,
            integration_id=uuid.uuid4(),
        )


def numbers(page: Document) -> list[str]:
    """Return the numbers in the list."""
    return [row[1] for row in page.rows()]


@pytest.mark.parametrize(("name", "title"), TITLES.items())
def test_every_table_has_a_list_titled_with_its_caption(
    administrator: Client, cronus: Company, name: str, title: str
) -> None:
    page = check(administrator.get(f"/c/{cronus.slug}/records/{name}/"))
    assert page.h1 == title
    assert "Nothing here yet" in page.root.text


def test_a_list_shows_numbers_that_lead_to_cards(administrator: Client, cronus: Company, url: str) -> None:
    some = customers(cronus, 3)
    page = check(administrator.get(url))
    assert numbers(page) == ["10000", "10001", "10002"]
    assert page.links()["10001"] == f"{url}{some[1].system_id}/"
    assert check(administrator.get(page.links()["10001"])).h1 == "10001 · Alder 00001"


def test_sorting_says_so_to_screen_readers_and_turns_round(administrator: Client, cronus: Company, url: str) -> None:
    customers(cronus, 4)
    page = check(administrator.get(url, {"sort": "name"}))
    heads = {head.text: head.get("aria-sort") for head in page.root.all("th") if head.get("aria-sort")}
    assert heads["Name"] == "ascending"
    assert heads["City"] == "none"
    assert numbers(page) == ["10001", "10003", "10000", "10002"]
    turned = check(administrator.get(page.links()["Name"]))
    assert numbers(turned) == ["10002", "10000", "10003", "10001"]


@pytest.mark.parametrize(
    "query",
    ["sort=password", "sort=company__name", "page=x", "page=-1", "page=99999999", "after='", "coupled=maybe", "q=%00"],
)
def test_a_list_takes_any_address(administrator: Client, cronus: Company, url: str, query: str) -> None:
    customers(cronus, 2)
    assert numbers(check(administrator.get(f"{url}?{query}"))) == ["10000", "10001"]


def test_searching_narrows_and_shows_a_chip_that_takes_it_back(
    administrator: Client, cronus: Company, url: str
) -> None:
    customers(cronus, 6)
    page = check(administrator.get(url, {"q": "alder", "sort": "-name"}))
    assert numbers(page) == ["10005", "10003", "10001"]
    assert "3 customers, filtered" in page.root.text
    chip = next(link for link in page.root.all("a") if link.get("aria-label") == "Remove the filter Search: alder")
    assert len(numbers(check(administrator.get(chip.get("href"))))) == 6


def test_a_list_filters_by_coupled_to_dataverse(
    administrator: Client, cronus: Company, url: str, mapping: IntegrationTableMapping
) -> None:
    some = customers(cronus, 4)
    couple(mapping, some[1], some[2])
    shown = {row[1]: row[-1] for row in check(administrator.get(url)).rows()}
    assert shown == {"10000": "No", "10001": "Yes", "10002": "Yes", "10003": "No"}
    assert numbers(check(administrator.get(url, {"coupled": "yes"}))) == ["10001", "10002"]
    assert numbers(check(administrator.get(url, {"coupled": "no"}))) == ["10000", "10003"]


def test_a_list_filters_by_blocked(administrator: Client, cronus: Company, url: str) -> None:
    some = customers(cronus, 2)
    Customer.objects.filter(pk=some[1].pk).update(blocked="All")
    assert numbers(check(administrator.get(url, {"blocked": "yes"}))) == ["10001"]
    assert numbers(check(administrator.get(url, {"blocked": "no"}))) == ["10000"]


def test_pages_follow_each_other(administrator: Client, cronus: Company, url: str) -> None:
    customers(cronus, 120)
    first = check(administrator.get(url))
    assert "1 to 50 of 120" in first.root.text
    second = check(administrator.get(first.links()["Next"]))
    assert numbers(second)[0] == "10050"
    third = check(administrator.get(second.links()["Next"]))
    assert numbers(third) == [str(10100 + n) for n in range(20)]
    assert "Next" not in third.links()
    assert numbers(check(administrator.get(third.links()["Previous"]))) == numbers(second)


def test_columns_are_chosen_per_person(administrator: Client, signed_in: Any, cronus: Company, url: str) -> None:
    customers(cronus, 1)
    administrator.post(
        "/preferences/columns/", {"list": "records-customer", "column": ["no", "city", "nonsense"], "next": url}
    )
    assert check(administrator.get(url)).rows() == [["", "10000", "Rome"]]
    assert len(check(signed_in(Role.VIEWER).get(url)).rows()[0]) > 5
    administrator.post("/preferences/columns/", {"list": "records-customer", "reset": "1", "next": url})
    assert len(check(administrator.get(url)).rows()[0]) > 5


def test_htmx_gets_the_rows_alone(administrator: Client, cronus: Company, url: str) -> None:
    customers(cronus, 2)
    answer = administrator.get(url, headers={"HX-Request": "true", "HX-Target": "records-customer-rows"})
    text = answer.content.decode()
    assert "<html" not in text
    assert "10001" in text
    assert "HX-Target" in answer.headers["Vary"]


def test_a_list_takes_few_queries_however_long_it_is(
    administrator: Client, cronus: Company, url: str, mapping: IntegrationTableMapping
) -> None:
    couple(mapping, *customers(cronus, 60))
    administrator.get(url)
    with CaptureQueriesContext(connection) as queries:
        administrator.get(url)
    assert len(queries) <= 12, "\n".join(query["sql"] for query in queries)


def test_a_page_of_uncoupled_records_takes_few_queries(
    administrator: Client, cronus: Company, url: str, mapping: IntegrationTableMapping
) -> None:
    some = customers(cronus, 120)
    couple(mapping, *some[:10])
    page = f"{url}?coupled=no&page=2&after={some[59].pk}"
    administrator.get(page)
    with CaptureQueriesContext(connection) as queries:
        assert numbers(check(administrator.get(page)))[0] == "10060"
    assert len(queries) <= 12, "\n".join(query["sql"] for query in queries)


# -- the menu ---------------------------------------------------------------------------------------------------------


def test_while_the_connection_is_not_enabled_the_menu_says_why(
    administrator: Client, cronus: Company, url: str
) -> None:
    page = check(administrator.get(url))
    assert "Match-Based Coupling" not in page.buttons()
    assert (
        "The connection to Dataverse is not enabled." in page.root.all("nav")[-1].text
        or "not enabled" in page.root.text
    )


def test_the_menu_leads_to_match_based_coupling(
    administrator: Client, cronus: Company, url: str, mapping: IntegrationTableMapping
) -> None:
    customers(cronus, 1)
    page = check(administrator.get(url))
    assert {"Related", "Dataverse", "Coupling", "Match-Based Coupling"} <= set(page.buttons())
    button = next(one for one in page.root.all("button") if one.text == "Match-Based Coupling")
    assert button.get("form") == "records-customer-form"
    assert button.get("formaction") == reverse(
        "coupling:criteria-selection", kwargs={"company": cronus.slug, "table": "customer"}
    )


def test_a_viewer_is_told_that_the_role_only_looks(signed_in: Any, cronus: Company, url: str, mapping: Any) -> None:
    customers(cronus, 1)
    page = check(signed_in(Role.VIEWER).get(url))
    assert "Match-Based Coupling" not in page.buttons()
    assert "Your role may look, not change." in page.root.text


# -- selection --------------------------------------------------------------------------------------------------------


def select(cronus: Company, data: dict[str, Any]) -> Any:
    request = RequestFactory().post("/", data)
    request.user = User()
    return records.selected_records(request, cronus, catalog.table("customer"))


def test_ticked_rows_are_the_selection(cronus: Company) -> None:
    some = customers(cronus, 5)
    found = select(cronus, {"selected": [str(some[3].system_id), str(some[1].system_id)]})
    assert (found.count, found.all_matching) == (2, False)
    assert found.ids == [some[1].system_id, some[3].system_id]


@pytest.mark.parametrize(
    "data",
    [{}, {"selected": []}, {"selected": [""]}, {"selected": ["*"]}, {"selected": [str(uuid.uuid4())]},
     {"all_matching": "1"}, {"all_matching": "1", "list_filters": "forged"}, {"selection": "forged"}],
)  # fmt: skip
def test_an_empty_or_forged_selection_selects_nothing(cronus: Company, data: dict[str, Any]) -> None:
    customers(cronus, 5)
    found = select(cronus, data)
    assert found.count == 0
    assert list(found.rows) == []


def test_records_of_another_company_are_never_selected(cronus: Company, northwind: Company) -> None:
    foreign = customers(northwind, 2)
    assert select(cronus, {"selected": [str(foreign[0].system_id)]}).count == 0


def test_all_that_match_keeps_the_filters_of_the_page(administrator: Client, cronus: Company, url: str) -> None:
    customers(cronus, 120)
    page = check(administrator.get(url, {"q": "alder", "page": "2"}))
    signed = next(one.get("value") for one in page.root.all("input") if one.get("name") == "list_filters")
    found = select(cronus, {"all_matching": "1", "list_filters": signed})
    assert (found.count, found.all_matching) == (60, True)
    again = select(cronus, {"selection": found.token})
    assert (again.count, again.all_matching) == (60, True)


def test_a_selection_whose_filter_is_gone_selects_nothing_and_never_more(cronus: Company) -> None:
    customers(cronus, 3)
    listing = records.record_listing(cronus, catalog.table("customer"))
    for gone in ({"blocked.is": "a choice that was removed"}, {"a column that was removed": "1"}):
        token = listing.signed(filters=gone)
        assert select(cronus, {"selection": token}).count == 0
        assert select(cronus, {"all_matching": "1", "list_filters": token}).count == 0


def test_a_selection_of_another_list_is_not_taken(cronus: Company) -> None:
    customers(cronus, 3)
    request = RequestFactory().get("/")
    other = records.record_listing(cronus, catalog.table("vendor")).signed(filters={})
    assert request.method == "GET"
    assert select(cronus, {"all_matching": "1", "list_filters": other}).count == 0


# -- cards ------------------------------------------------------------------------------------------------------------


def test_a_card_shows_the_partner_and_the_last_error(
    administrator: Client, cronus: Company, url: str, mapping: Any
) -> None:
    one = customers(cronus, 1)[0]
    couple(mapping, one)
    CouplingBase.objects.update(last_error="Phone No. is longer than 50 characters.")
    page = check(administrator.get(f"{url}{one.system_id}/"))
    assert "longer than 50" in page.root.text
    assert page.links()["Open in Dataverse"].startswith("https://contoso.crm4.dynamics.com/main.aspx?")


def test_a_record_of_another_company_is_not_shown(
    administrator: Client, cronus: Company, northwind: Company, url: str
) -> None:
    foreign = customers(northwind, 1)[0]
    check(administrator.get(f"{url}{foreign.system_id}/"), status=404)


def test_an_administrator_adds_changes_and_deletes_a_record(administrator: Client, cronus: Company, url: str) -> None:
    assert check(administrator.get(f"{url}new/")).h1 == "New customer"
    people, terms = (url.replace("customer", table) for table in ("salesperson", "payment_terms"))
    assert check(administrator.get(f"{people}new/")).h1 == "New salesperson/purchaser"
    page = check(administrator.get(terms))
    assert page.links()["New payment terms"] == f"{terms}new/"
    assert "0 payment terms" in page.root.text
    page = check(administrator.post(f"{url}new/", {"no": "", "name": "X"}))
    assert page.by_id("form-errors") is not None
    answer = administrator.post(f"{url}new/", {"no": "C1", "name": "Larch", "credit_limit": "0"})
    card = answer.headers["Location"]
    record = Customer.objects.get(no="C1")
    assert (record.company, record.changed_by) == (cronus, "person")
    seen = record.modified_at.isoformat()
    administrator.post(f"{card}edit/", {"no": "C1", "name": "Larch & Co", "credit_limit": "5", "seen": seen})
    assert Customer.objects.get(no="C1").name == "Larch & Co"
    assert check(administrator.get(f"{card}delete/")).h1 == "Delete C1 · Larch & Co?"
    administrator.post(f"{card}delete/")
    assert not Customer.objects.exists()


def test_a_change_over_somebody_elses_is_refused(administrator: Client, cronus: Company, url: str) -> None:
    one = customers(cronus, 1)[0]
    seen = one.modified_at.isoformat()
    one.city = "Turin"
    one.save()
    answer = administrator.post(
        f"{url}{one.system_id}/edit/", {"no": one.no, "name": "Mine", "credit_limit": "0", "seen": seen}
    )
    assert "Somebody changed this record" in check(answer).root.text
    assert Customer.objects.get().name == one.name


def test_a_number_that_is_taken_is_refused_at_its_field(administrator: Client, cronus: Company, url: str) -> None:
    customers(cronus, 1)
    page = check(administrator.post(f"{url}new/", {"no": "10000", "credit_limit": "0"}))
    field = page.by_id("id_no")
    assert field is not None
    assert field.get("aria-invalid") == "true"
    assert "10000 is taken" in page.root.text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.MAPPER])
def test_only_administrators_change_records(signed_in: Any, cronus: Company, url: str, role: Role) -> None:
    one = customers(cronus, 1)[0]
    client = signed_in(role)
    check(client.get(f"{url}{one.system_id}/"))
    for path in ("new/", f"{one.system_id}/edit/", f"{one.system_id}/delete/"):
        check(client.get(url + path), status=403)
        assert client.post(url + path).status_code == 403


def test_a_reference_leads_to_the_record_it_names(administrator: Client, cronus: Company) -> None:
    one = customers(cronus, 1)[0]
    base = f"/c/{cronus.slug}/records/customer"
    assert administrator.get(f"{base}/by-key/", {"key": "10000"}).headers["Location"] == f"{base}/{one.system_id}/"
    check(administrator.get(f"{base}/by-key/", {"key": "nope"}), status=404)
