"""Filters on any column: what each asks of a record, in the address, and what is said of a wrong one."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client, RequestFactory

from coupling.records.column_filters import column_filters
from coupling.records.lists import record_listing, selected_records
from masterdata import catalog
from masterdata.models import Company, Customer
from tests.example_app.models import Subscription
from tests.ui.pages import check
from ui import bound_list
from ui.column_filters import clean_address


@pytest.fixture
def people(cronus: Company) -> list[Customer]:
    rows = (
        {"no": "C1", "name": "Alder", "city": "London", "credit_limit": Decimal("100"), "payment_terms_code": "30D"},
        {"no": "C2", "name": "Birch", "city": "LONDONDERRY", "credit_limit": Decimal("250.50"), "blocked": "All"},
        {"no": "D1", "name": "Cedar", "city": "", "payment_terms_code": "30D", "blocked": "Ship"},
    )
    made = [Customer.objects.create(company=cronus, **row) for row in rows]
    Customer.objects.filter(no="D1").update(modified_at=datetime(2020, 5, 4, 23, 59, tzinfo=UTC))
    return made


def shown(company: Company, query: str, table: str = "customer") -> Any:
    return bound_list.bind(RequestFactory().get(f"/?{query}"), record_listing(company, catalog.table(table)))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("city.begins=london", "C1 C2"),
        ("city.contains=DERRY", "C2"),
        ("city.is=london", "C1"),
        ("city.blank=yes", "D1"),
        ("city.blank=no", "C1 C2"),
        ("no.begins=c", "C1 C2"),
        ("no.is=+d1+", "D1"),
        ("no.contains=1", "C1 D1"),
        ("payment_terms_code.is=30d&sort=-no", "D1 C1"),
        ("credit_limit.from=100&credit_limit.to=250.5", "C1 C2"),
        ("credit_limit.from=1,000", ""),
        ("credit_limit.to=99.99", "D1"),
        ("blocked.is=All", "C2"),
        ("blocked.blank=yes", "C1"),
        ("modified_at.to=2020-05-04", "D1"),
        ("modified_at.to=2020-05-03", ""),
        ("modified_at.from=2020-05-05&q=alder", "C1"),
        ("city.begins=lon&coupled=no&name.begins=b", "C2"),
        ("city.begins=%25", ""),
        ("credit_limit.from=abc", "C1 C2 D1"),
        ("blocked.is=nonsense&city.blank=maybe", "C1 C2 D1"),
    ],
)
def test_a_filter_on_a_column_narrows_the_list(cronus: Company, people: Any, query: str, wanted: str) -> None:
    assert [row.no for row in shown(cronus, query).slice.rows] == wanted.split()


def test_every_kind_of_column_of_an_own_model_can_be_filtered_by(cronus: Company) -> None:
    for n in (1, 2):
        Subscription.objects.create(
            company=cronus, number=f"s{n}", seats=n, active=n == 1, starts_on=date(2026, 1, 1) if n == 1 else None
        )
    for query in ("number.begins=s1", "seats.to=1", "active.is=yes", "starts_on.from=2026-01-01", "starts_on.blank=no"):
        assert [row.number for row in shown(cronus, query, "subscription").slice.rows] == ["s1"], query


@pytest.mark.parametrize("table", [table.name for table in catalog.tables()])
def test_every_field_of_every_table_can_be_filtered_by(cronus: Company, table: str) -> None:
    known = catalog.table(table)
    assert [one.name for one in column_filters(known, cronus)] == [
        *(field.name for field in known.fields),
        "modified_at",
    ]
    values = {"blank": "yes", "from": "2026-01-01", "to": "2026-01-01"}
    for one in record_listing(cronus, known).filters:
        value = values.get(one.name.partition(".")[2], "7")
        for given in (value, "7"):
            assert list(one.apply(known.records(cronus), given)[:1]) == [] if one.chosen(given) else True


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("credit_limit.from=abc", 'Credit Limit (LCY): "abc" is no number. Write it with a point before decimals'),
        ("credit_limit.from=1.234,50", "is no number."),
        ("credit_limit.to=1.234", "has too many decimals; the column has at most 2 decimals."),
        ("credit_limit.to=99999999999999999", "is larger than any value that the column can hold."),
        ("modified_at.to=31.12.2026", '"31.12.2026" is no day. Write it as 2026-11-30.'),
        ("modified_at.to=0001-01-01", "is no day."),
        ("blocked.is=perhaps", '"perhaps" is none of its choices.'),
        ("city.blank=perhaps", '"perhaps" is none of its choices.'),
    ],
)
def test_a_wrong_filter_is_said_to_be_and_left_out(
    administrator: Client, cronus: Company, people: Any, query: str, sentence: str
) -> None:
    text = check(administrator.get(f"/c/{cronus.slug}/records/customer/?{query}")).root.text
    assert sentence in text
    assert "3 customers" in text


def test_the_form_of_all_columns_leads_to_a_plain_address(cronus: Company) -> None:
    columns = column_filters(catalog.table("customer"), cronus)
    sent = (
        "set=filters&q=x&coupled=no&page=3&view=4&city.how=begins&city.text=+Lon+&name.how=contains&name.text="
        "&e_mail.how=blank&e_mail.text=x&phone_no.how=filled&credit_limit.from=100&credit_limit.to=&blocked.is=blank"
    )
    assert clean_address("/list/", columns, QueryDict(sent)) == (
        "/list/?q=x&coupled=no&view=4&city.begins=Lon&phone_no.blank=no&e_mail.blank=yes&credit_limit.from=100"
        "&blocked.blank=yes"
    )
    assert clean_address("/list/", columns, QueryDict("city.text=Lon")) == ""
    assert clean_address("/list/", columns, QueryDict("set=filters")) == "/list/"
    wrong = clean_address("/list/", columns, QueryDict("set=filters&credit_limit.to=abc&city.how=is&city.text=Rome"))
    assert wrong == "/list/?city.is=Rome&credit_limit.to=abc&choose=filters"


def test_wrong_input_keeps_what_was_typed_and_says_so_at_the_column(
    administrator: Client, cronus: Company, people: Any
) -> None:
    url = f"/c/{cronus.slug}/records/customer/"
    sent = {"set": "filters", "credit_limit.to": "abc", "city.how": "begins", "city.text": "Lon"}
    page = check(administrator.get(url, sent, follow=True))
    typed = {one.get("name"): one for one in page.root.all("input")}
    assert typed["credit_limit.to"].get("value") == "abc"
    assert typed["credit_limit.to"].get("aria-invalid") == "true"
    assert typed["city.text"].get("value") == "Lon"
    assert "2 customers, filtered" in page.root.text


def test_all_that_match_are_those_of_the_filters(cronus: Company, people: Any) -> None:
    bound = shown(cronus, "city.begins=lon&no.begins=C2")
    sent = RequestFactory().post("/", {"all_matching": "1", "list_filters": bound.signed_filters})
    chosen = selected_records(sent, cronus, catalog.table("customer"))
    assert [row.no for row in chosen.rows] == ["C2"]
    assert [chip.text for chip in bound.chips] == ["No. begins with: C2", "City begins with: lon"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans a small table otherwise")
@pytest.mark.parametrize(
    ("query", "plan"),
    [
        ("no.begins=C1", "masterdata_customer USING INDEX masterdata_one_customer (company_id=? AND no>? AND no<?)"),
        ("no.is=C1", "(company_id=? AND no=?)"),
        ("city.contains=x", "(company_id=?)"),
        ("city.contains=x&sort=name", "USING INDEX masterdata_customer_name (company_id=?)"),
        ("credit_limit.from=1&sort=-no", "(company_id=?)"),
    ],
)
def test_an_order_on_an_index_is_never_sorted_for_a_filter(cronus: Company, query: str, plan: str) -> None:
    found = shown(cronus, query).matching[:51].explain()
    assert plan in found.replace("sqlite_autoindex_masterdata_customer_2", "masterdata_one_customer"), found
    assert "TEMP B-TREE" not in found
