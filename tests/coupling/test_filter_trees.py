"""Trees of conditions give the same rows from the database here, from Dataverse by $filter, and evaluated here."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coupling import filters
from coupling.filters.checks import read
from coupling.gateway import Gateway
from coupling.local_filters import filter_field, records_q
from coupling.models import IntegrationTableMapping
from dataverse.types import Usage
from masterdata.catalog import LocalTable
from tests.example_app.models import Sample

TABLE = LocalTable("sample", Sample, key="number", title="text", references={"partner": "customer"})
COLUMNS = {
    "text": "firstname", "amount": "annualincome", "seats": "numberofchildren", "active": "donotphone",
    "size": "gendercode", "starts_on": "birthdate", "seen_at": "lastonholdtime",
    "partner": "parentcustomerid",
}  # fmt: skip
PARTNERS = {f"0a000000-0000-4000-8000-00000000000{at}": f"{at}0000" for at in (1, 2, 3)}
"""Rows that a look-up there names, and the records that they are coupled with here."""
VALUES: dict[str, list[Any]] = {
    "text": ["Adatum", "ADATUM", "adatum x", "O'Neil", "o''neil", "50%", "50 x", "a_b", "axb", "[x]", "x",
             "\u00c9t\u00e9", "\u00e9T\u00c9s"],
    "amount": [0, 0.1, 0.11, 10, 99999999.99],
    "seats": [0, 1, 2, 1000],
    "active": [True, False],
    "size": [1, 2],
    "starts_on": ["2024-02-29", "2026-01-31", "2026-02-01"],
    "seen_at": ["2026-01-31T00:00:00Z", "2026-01-31T08:00:00Z", "2026-01-31T08:00:01Z"],
    "partner": [*PARTNERS],
}  # fmt: skip
PARTS = ["ad", "AD", "'", "%", "_", "[", "50%", "a_", "[x", "\u00c9", "\u00e9t", "x"]
ORDERED = ("amount", "seats", "starts_on", "seen_at")
OFTEN = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def conditions(text_orders: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Return conditions on any field, with the values that rows have."""
    ordered = [*ORDERED, "text"] if text_orders else ORDERED

    def of(name: str) -> st.SearchStrategy[dict[str, Any]]:
        value, blank = st.sampled_from(VALUES[name]), st.none()
        several = st.lists(value | blank, min_size=1, max_size=3)
        kinds = [
            st.fixed_dictionaries({"op": st.sampled_from(["eq", "ne"]), "value": value | blank}),
            st.fixed_dictionaries({"op": st.sampled_from(["in", "not_in"]), "value": several}),
            st.fixed_dictionaries({"op": st.sampled_from(["blank", "not_blank"])}),
        ]
        if name in ordered:
            kinds.append(st.fixed_dictionaries({"op": st.sampled_from(["lt", "le", "gt", "ge"]), "value": value}))
        if name == "text":
            part = st.sampled_from([*PARTS, *VALUES["text"]])
            kinds.append(st.fixed_dictionaries({"op": st.sampled_from(["begins_with", "contains"]), "value": part}))
        return st.one_of(kinds).map(lambda rest: {"field": name, **rest})

    return st.one_of([of(name) for name in VALUES])


def trees(*, text_orders: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Return filters of all shapes: nothing, a condition, groups, groups in a group."""
    leaf = conditions(text_orders)

    def group(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        return st.builds(
            lambda word, many: {word: many}, st.sampled_from(["all", "any"]), st.lists(parts, min_size=1, max_size=4)
        )

    return st.just({}) | leaf | group(leaf | group(leaf))


def rows() -> list[dict[str, Any]]:
    """Return rows in which each field has each of its values and is blank, beside others by chance."""
    chance = random.Random(7)
    return [{}, *({name: chance.choice([*values, None]) for name, values in VALUES.items()} for _ in range(60))]


def translated(node: filters.Node) -> filters.Node:
    """Return the filter of Dataverse's columns as one of local fields: choices are words here, rows are records."""
    names = {column: name for name, column in COLUMNS.items()}

    def local(value: Any) -> Any:
        return PARTNERS.get(value, str(value)) if value is not None else None

    def change(one: filters.Condition) -> filters.Condition:
        name = names[one.field]
        value = one.value
        if name in ("size", "partner"):
            value = [local(part) for part in value] if isinstance(value, list) else local(value)
        return filters.Condition(name, one.op, value)

    return filters.tree.changed(node, change)


def remotely(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a filter of local fields as one of Dataverse's columns."""
    if "field" in stored:
        return stored | {"field": COLUMNS[stored["field"]]}
    return {word: [remotely(part) for part in parts] for word, parts in stored.items()}


def saved(company: Any, given: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Make the local records of rows by Dataverse's columns. Returns their values by number."""
    made = {}
    for number, row in enumerate(given):
        values = {name: read(row.get(column), filter_field(TABLE, name).kind) for name, column in COLUMNS.items()}
        values["partner"] = PARTNERS.get(values["partner"])
        blanks = {"text": "", "size": "", "partner": ""}
        made[str(number)] = {name: blanks.get(name) if value is None else value for name, value in values.items()}
    Sample.objects.bulk_create(Sample(company=company, number=number, **values) for number, values in made.items())
    return made


def found_here(company: Any, node: filters.Node) -> set[str]:
    return set(TABLE.records(company).filter(records_q(TABLE, node)).values_list("number", flat=True))


@pytest.fixture
def both_sides(company, remote):
    """Load the same rows on both sides. Returns mapping, gateway, Dataverse's rows as tracked, local values."""
    loaded = [
        {"lastname": str(at), **{COLUMNS[name]: value for name, value in row.items()}} for at, row in enumerate(rows())
    ]
    remote.load({"contacts": loaded})
    mapping = IntegrationTableMapping(
        company=company, name="SAMPLE", integration_table="contact", entity_set="contacts", uid_column="contactid",
        name_column="lastname",
    )  # fmt: skip
    gateway = Gateway(company, Usage())
    pages = gateway.scan(mapping, list(COLUMNS.values()), track_changes=True)
    tracked = {row.name: row for page in pages for row in page.rows}
    assert len(tracked) == len(loaded)
    assert {str(row.values[COLUMNS["partner"]]).lower() for row in tracked.values()} == {*PARTNERS, "none"}
    here = saved(company, [tracked[str(at)].values for at in range(len(loaded))])
    return mapping, gateway, tracked, here


@OFTEN
@given(stored=trees())
def test_a_tree_gives_the_same_rows_everywhere(both_sides, company, stored):
    mapping, gateway, tracked, here = both_sides
    mapping.integration_filter = remotely(stored)
    node = filters.resolve(
        translated(filters.parse(mapping.integration_filter)), lambda name: filter_field(TABLE, name)
    )
    inside = {row.name for page in gateway.scan(mapping, ["firstname"]) for row in page.rows}
    outside = {name for page in gateway.scan_outside(mapping, ["firstname"], 9) for name in page.names}
    assert inside == {name for name, row in tracked.items() if gateway.inside(mapping, row)}
    assert inside == found_here(company, node)
    assert inside == {number for number, values in here.items() if filters.matches(node, values.get)}
    assert outside == set(tracked) - inside
    for name, row in tracked.items():
        assert bool(filters.unmet(gateway.row_filter(mapping), row.values.get)) is (name in outside)


@OFTEN
@given(stored=trees(text_orders=True))
def test_local_texts_are_also_compared_by_their_order(company, stored):
    if not Sample.objects.exists():
        saved(company, [{COLUMNS[name]: value for name, value in row.items()} for row in rows()])
    every = {one.number: one for one in Sample.objects.all()}
    node = filters.parse(stored)
    fields = {name: filter_field(TABLE, name) for name in COLUMNS}

    def with_words(one: filters.Condition) -> filters.Condition:
        if one.field not in ("size", "partner") or one.value is None:
            return one

        def word(part: Any) -> Any:
            return PARTNERS.get(part, str(part)) if part else None

        value = one.value
        words = [word(part) for part in value] if isinstance(value, list) else word(value)
        return filters.Condition(one.field, one.op, words)

    node = filters.resolve(filters.tree.changed(node, with_words), fields.__getitem__)
    expected = {
        number for number, one in every.items() if filters.matches(node, lambda name, one=one: getattr(one, name))
    }
    assert found_here(company, node) == expected


def test_the_rows_hold_each_value_and_a_blank():
    for name, values in VALUES.items():
        assert {row.get(name) for row in rows()} == {*values, None}
