"""Paging: every row once, in order, whichever way one walks."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import bulk
from coupling.models import CouplingBase
from masterdata.models import Company, Customer
from masterdata.models.parties import CustomerBlocked
from tests.ui.conftest import customers
from ui import paging


def walk(rows: Any, size: int) -> list[str]:
    """Return the numbers seen by following Next to the end."""
    seen, part = [], paging.page(rows, number=1, size=size)
    while True:
        seen += [row.no for row in part.rows]
        if not part.has_next:
            return seen
        part = paging.page(rows, number=part.number + 1, size=size, after=str(part.rows[-1].pk))


class WalkingTest(TestCase):
    """Next and Previous over ties, both directions of sorting."""

    @settings(max_examples=25, deadline=None)
    @given(
        names=st.lists(st.sampled_from(["", "a", "A", "b", "ä", "zz"]), max_size=23),
        size=st.integers(1, 7),
        sort=st.sampled_from(
            [(), ("name",), ("-name",), ("-name", "city"), ("name", "-no"), ("blocked", "name"), ("-blocked",)]
        ),
    )
    def test_next_and_previous_visit_every_row_once_in_order(
        self, names: list[str], size: int, sort: tuple[str, ...]
    ) -> None:
        company = Company.objects.create(name="X", currency_code="EUR")
        given = [(company.pk, f"{n:03}", name, CustomerBlocked.SHIP if n % 2 else "") for n, name in enumerate(names)]
        bulk.insert(Customer, ("company_id", "no", "name", "blocked"), given)
        rows = paging.ordered(Customer.objects.filter(company=company), sort)
        in_order = list(rows.values_list("no", flat=True))
        assert walk(rows, size) == in_order
        last = max(1, -(-len(names) // size))
        part, seen = paging.page(rows, number=last, size=size), list[str]()
        while True:
            seen = [row.no for row in part.rows] + seen
            if part.number == 1:
                break
            part = paging.page(rows, number=part.number - 1, size=size, before=str(part.rows[0].pk))
        assert seen == in_order


@pytest.mark.parametrize(
    ("sort", "ordered", "skipped_over"),
    [
        ((), ("no",), ["no"]),
        (("-no",), ("-no",), ["no"]),
        (("name",), ("name", "pk"), ["name", "id"]),
        (("-name",), ("-name", "-pk"), ["name", "id"]),
        (("name", "no"), ("name", "no"), ["name", "no"]),
    ],
)
def test_an_order_that_tells_rows_apart_is_left_as_its_index_has_it(
    cronus: Company, sort: tuple[str, ...], ordered: tuple[str, ...], skipped_over: list[str]
) -> None:
    """PostgreSQL's index of numbers does not hold the ids, so neither sorting nor skipping asks for them."""
    customers(cronus, 8)
    rows = paging.ordered(Customer.objects.filter(company=cronus), sort)
    assert rows.query.order_by == ordered
    with CaptureQueriesContext(connection) as queries:
        found = paging.page(rows, number=3, size=3)
    assert [row.no for row in found.rows] == list(rows.values_list("no", flat=True))[6:]
    skipping = queries[0]["sql"].rpartition("SELECT ")[2]
    assert "OFFSET" in skipping
    assert re.findall(r'"(\w+)" AS', skipping.split("FROM")[0]) == skipped_over


def test_the_same_number_in_several_companies_does_not_tell_rows_apart(cronus: Company) -> None:
    assert paging.ordered(Customer.objects.all(), ("no",)).query.order_by == ("no", "pk")


@pytest.mark.parametrize("given", [{"after": "999999"}, {"after": "x"}, {"before": "none"}, {}])
def test_a_neighbour_that_is_gone_falls_back_to_the_pages_number(cronus: Company, given: dict[str, str]) -> None:
    customers(cronus, 25)
    part = paging.page(paging.ordered(Customer.objects.filter(company=cronus)), number=2, size=10, **given)
    assert [row.no for row in part.rows] == [str(10010 + n) for n in range(10)]


@pytest.mark.parametrize("pk", ["9" * 40, str(2**63), "x"])
def test_an_id_that_no_row_can_have_is_as_one_that_is_gone(cronus: Company, pk: str) -> None:
    rows = paging.ordered(CouplingBase.objects.filter(company=cronus))
    assert paging.page(rows, number=2, size=10, after=pk) == paging.page(rows, number=2, size=10, before=pk)


def test_a_page_past_the_end_shows_the_first(cronus: Company) -> None:
    customers(cronus, 3)
    part = paging.page(paging.ordered(Customer.objects.filter(company=cronus)), number=40, size=10)
    assert (part.number, len(part.rows), part.has_next) == (1, 3, False)


def test_the_next_page_is_sought_not_skipped_to(cronus: Company) -> None:
    rows = paging.ordered(Customer.objects.filter(company=cronus))
    some = customers(cronus, 30)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        paging.page(rows, number=3, size=10, after=str(some[19].pk))
    assert not any("OFFSET" in query["sql"] for query in queries)


@pytest.mark.parametrize(("before", "first"), [(29, "10019"), (12, "10002"), (10, "10000"), (4, "10000"), (0, "10000")])
def test_the_first_page_is_full_where_fewer_rows_are_left_before_a_row(
    cronus: Company, before: int, first: str
) -> None:
    some = customers(cronus, 30)
    rows = paging.ordered(Customer.objects.filter(company=cronus))
    part = paging.page(rows, number=3, size=10, before=str(some[before].pk))
    assert [row.no for row in part.rows] == [str(int(first) + n) for n in range(10)]
    assert (part.number, part.has_next) == (1 if before < 10 else 3, True)


@pytest.mark.parametrize(("way", "first"), [("after", "10015"), ("before", "10004")])
def test_a_neighbour_that_no_longer_passes_is_looked_up_among_the_rows_it_came_from(
    cronus: Company, way: str, first: str
) -> None:
    some = customers(cronus, 30)
    every = Customer.objects.filter(company=cronus)
    rows = paging.ordered(every.exclude(pk=some[14].pk))
    part = paging.page(rows, number=3, size=10, among=every, **{way: str(some[14].pk)})
    assert part.rows[0].no == first


def test_a_page_past_the_last_by_number_shows_that_one(cronus: Company) -> None:
    some = customers(cronus, 50)
    rows = paging.ordered(Customer.objects.filter(company=cronus))
    part = paging.page(rows, number=4, size=10, last=2)
    assert (part.number, part.rows[0].no, part.skipped) == (2, "10010", 10)
    part = paging.page(rows, number=4, size=10, last=2, after=str(some[29].pk))
    assert (part.number, part.rows[0].no) == (4, "10030")


def test_rows_are_counted_up_to_the_limit(cronus: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNT_LIMIT", 20)
    customers(cronus, 20)
    assert paging.counted(Customer.objects.all()) == (20, True)
    Customer.objects.create(company=cronus, no="Z")
    assert paging.counted(Customer.objects.all()) == (20, False)


@pytest.mark.parametrize(
    ("place", "queries"),
    [(lambda n: {"no": f"{9999 + n}"}, 1), (lambda n: {"no": f"{9999 + n}x"}, 2), (lambda _: None, 1)],
)
def test_a_place_that_is_known_is_sought_and_one_that_is_not_there_is_skipped_to(
    cronus: Company, place: paging.Place, queries: int
) -> None:
    customers(cronus, 25)
    rows = paging.ordered(Customer.objects.filter(company=cronus))
    with CaptureQueriesContext(connection) as asked:
        part = paging.page(rows, number=2, size=10, place=place)
    assert [row.no for row in part.rows] == [f"{10010 + n}" for n in range(10)]
    assert (part.number, part.has_next, part.skipped) == (2, True, 10)
    assert len(asked) == queries


@pytest.mark.parametrize(("number", "counts"), [(1, 1), (2, 1), (3, 0)])
def test_a_page_far_down_does_not_count_what_it_has_skipped(
    administrator: Client, cronus: Company, monkeypatch: pytest.MonkeyPatch, number: int, counts: int
) -> None:
    monkeypatch.setattr(paging, "COUNT_LIMIT", 100)
    customers(cronus, 130)
    with CaptureQueriesContext(connection) as queries:
        page = administrator.get(f"/c/{cronus.slug}/records/customer/?page={number}").content.decode()
    assert "More than 100 customers" in page
    assert sum("COUNT(*)" in query["sql"] for query in queries) == counts
