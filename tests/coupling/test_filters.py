"""Filters as text and evaluated here; and the planner's filters, which must find all that the matcher would match."""

import re
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.vocabulary import CompareAs
from coupling import filters
from coupling.matching import read_plan
from coupling.matching.compare import canonical_column
from coupling.matching.match import group_by_priority
from coupling.rows import Condition, Criterion

COMPANY = UUID(int=7)
CUSTOMER = [
    {"column": "statecode", "operator": "eq", "value": 0, "label": "Active"},
    {"column": "customertypecode", "operator": "eq", "value": 3},
    {"column": "tandem_companyid", "operator": "in", "value": ["@company", None]},
]


def test_a_filter_becomes_the_text_dataverse_reads():
    text = filters.filter_text(filters.parse_conditions(CUSTOMER, company=COMPANY), frozenset({"tandem_companyid"}))
    assert text == (
        "(statecode eq 0 and customertypecode eq 3 and "
        f"(_tandem_companyid_value eq {COMPANY} or _tandem_companyid_value eq null))"
    )


def test_a_condition_on_the_company_counts_only_once_its_row_exists():
    assert [one.column for one in filters.parse_conditions(CUSTOMER)] == ["statecode", "customertypecode"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"statecode": 0, "customertypecode": 3, "tandem_companyid": None}, True),
        ({"statecode": 0, "customertypecode": 3, "tandem_companyid": str(COMPANY).upper()}, True),
        ({"statecode": 0, "customertypecode": 3, "tandem_companyid": str(UUID(int=8))}, False),
        ({"statecode": 1, "customertypecode": 3}, False),
        ({"statecode": 0, "customertypecode": None}, False),
    ],
)
def test_a_filter_is_evaluated_here_as_dataverse_would(row, expected):
    assert filters.matches(filters.parse_conditions(CUSTOMER, company=COMPANY), row.get) is expected


@pytest.mark.parametrize(
    ("operator", "value", "given", "expected"),
    [
        ("ne", 3, 4, True), ("ne", 3, 3, False), ("ne", 3, None, False), ("ne", None, 3, True),
        ("ne", None, None, False),
        ("eq", None, None, True), ("eq", "abc", "ABC", True), ("eq", False, 0, False), ("eq", False, False, True),
    ],
)  # fmt: skip
def test_a_comparison_with_a_blank_is_true_only_where_it_asks_for_one(operator, value, given, expected):
    assert filters.matches([Condition("a", operator, value)], {"a": given}.get) is expected


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (
            [{"column": "a", "operator": "like", "value": 1}],
            "The filter on a uses 'like', which is not one of eq, ne, in.",
        ),
        ([{"operator": "eq"}], "A filter condition cannot be read: {'operator': 'eq'}."),
        ([{"column": "a", "operator": "in", "value": 1}], "The filter on a uses 'in', which is not one of eq, ne, in."),
        (["x"], "A filter condition cannot be read: 'x'."),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_with_a_sentence(stored, message):
    with pytest.raises(filters.BadFilter) as refused:
        filters.parse_conditions(stored)
    assert (refused.value.message, refused.value.fix) == (message, filters.RESET)


def test_conditions_after_one_on_the_company_still_count():
    last = {"column": "name", "operator": "ne", "value": "x"}
    assert filters.parse_conditions([*CUSTOMER, last])[-1] == Condition("name", "ne", "x")
    assert filters.filter_text([Condition("name", "ne", "x")]) == "name ne 'x'"


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (CUSTOMER, "statecode is Active, customertypecode is 3, tandem_companyid is this company or blank"),
        ([{"column": "donotphone", "operator": "ne", "value": True}], "donotphone is not yes"),
        ([{"column": "donotphone", "operator": "in", "value": [False, ""]}], "donotphone is no or blank"),
    ],
)
def test_a_filter_reads_as_a_sentence(stored, text):
    assert filters.readable(stored) == text


def test_a_text_that_looks_like_a_number_is_no_number():
    assert not filters.matches([Condition("a", "eq", "1.0")], {"a": 1}.get)
    assert filters.matches([Condition("a", "eq", "1")], {"a": 1}.get)
    assert not filters.matches([Condition("a", "eq", "None")], {"a": None}.get)


KINDS = {"telephone1": "String", "name": "String", "ownerid": "Owner", "creditlimit": "Money"}


def asked(criteria, *records):
    return read_plan.probe_filters(group_by_priority(criteria), records, KINDS)


def test_few_records_are_asked_for_by_filter():
    (text,) = asked([Criterion("name", "name")], {"name": "Adatum Corporation"}, {"name": "O'Neil"})
    assert "startswith(name,'Adatum Corporation')" in text
    assert "startswith(name,'O''Neil')" in text


@pytest.mark.parametrize(
    ("value", "begins"),
    [("Messer", None), ("Kongress 7", "Kongre"), ("Rockstra\u00dfe", "Rockstra"), ("Jos\u00e9", None), ("ab", None),
     ("Cafe\u0301s here", None), ("Lake[1] side", "Lake")],
)  # fmt: skip
def test_a_filter_uses_only_what_every_spelling_has(value, begins):
    found = asked([Criterion("name", "name")], {"name": value})
    if begins is None:
        assert found is None
    else:
        assert found is not None
        assert f"startswith(name,'{begins}')" in found[0]


def test_what_no_filter_can_find_is_scanned():
    assert asked([Criterion("phone", "telephone1", compare_as=CompareAs.PHONE)], {"phone": "425 555 0100"}) is None
    assert asked([Criterion("name", "name", compare_as=CompareAs.COMPANY_NAME)], {"name": "Adatum"}) is None


def test_in_a_group_one_field_that_can_be_asked_for_is_enough():
    criteria = [Criterion("phone", "telephone1", compare_as=CompareAs.PHONE), Criterion("name", "name")]
    (text,) = asked(criteria, {"phone": "425 555 0100", "name": "Adatum"})
    assert "telephone1" not in text


def test_records_without_a_value_are_not_asked_for():
    assert asked([Criterion("name", "name")], {"name": ""}, {"name": None}) == []


def test_lookups_and_numbers_are_asked_for_by_value():
    owner = UUID(int=3)
    (text,) = asked(
        [Criterion("owner", "ownerid"), Criterion("limit", "creditlimit")], {"owner": str(owner), "limit": 5}
    )
    assert text == f"(_ownerid_value eq {owner} and creditlimit eq 5)"
    assert asked([Criterion("owner", "ownerid")], {"owner": "\x02not coupled\x02XX"}) is None


@pytest.mark.parametrize(
    ("wanted", "rows", "kind", "requests"),
    [
        (["a"], 91, "probe", 1),
        (["a", "b"], 91, "scan", 1),
        (["a"] * 15, None, "probe", 15),
        (["a"] * 30, None, "scan", 20),
        (None, 91, "scan", 1),
        ([], 91, "probe", 0),
    ],
)
def test_the_plan_with_fewer_requests_is_taken(wanted, rows, kind, requests):
    plan = read_plan.choose_plan(wanted, rows)
    assert (plan.kind, plan.requests) == (kind, requests)


word = st.text(alphabet="abSsß É\u0301eé\t'-%[x", max_size=9)


@settings(max_examples=400)
@given(mine=word, theirs=word)
def test_a_probe_finds_every_row_that_a_scan_would_match(mine, theirs):
    """Dataverse compares text without regard to case; white space counts there, and the filter allows for it."""
    criterion = Criterion("name", "name")
    canonical = canonical_column(criterion)
    found = asked([criterion], {"name": mine})
    if not canonical([mine])[0] or canonical([mine]) != canonical([theirs]) or found is None:
        return
    prefixes = [match.replace("''", "'") for match in re.findall(r"startswith\(name,'((?:[^']|'')*)'\)", found[0])]
    assert prefixes
    assert any(theirs.lower().startswith(prefix.lower()) for prefix in prefixes)


def test_the_rows_outside_are_those_that_miss_a_condition():
    text = filters.outside_text(filters.parse_conditions(CUSTOMER, company=COMPANY), frozenset({"tandem_companyid"}))
    assert text == (
        "((statecode ne 0 or statecode eq null) or (customertypecode ne 3 or customertypecode eq null) or "
        f"(_tandem_companyid_value ne null and _tandem_companyid_value ne {COMPANY}))"
    )
    assert filters.outside_text([]) == ""


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (("a", "eq", None), "a ne null"),
        (("a", "ne", None), "a eq null"),
        (("a", "ne", 4), "(a eq 4 or a eq null)"),
        (("a", "in", [1, 2]), "((a ne 1 and a ne 2) or a eq null)"),
        (("a", "in", [None]), "a ne null"),
    ],
)
def test_what_misses_a_condition(condition, text):
    assert filters.outside_text([Condition(*condition)]) == text


def test_a_row_misses_the_conditions_that_it_does_not_meet():
    wanted = filters.parse_conditions(CUSTOMER, company=COMPANY)
    row = {"statecode": 1, "customertypecode": None, "tandem_companyid": None}
    assert [one.column for one in filters.unmet(wanted, row.get)] == ["statecode", "customertypecode"]


def test_with_multi_company_the_condition_on_the_company_does_not_count():
    assert filters.names_company(CUSTOMER) and not filters.names_company(CUSTOMER[:2])
    assert filters.in_force(CUSTOMER, multi_company=True) == CUSTOMER[:2]
    assert filters.in_force(CUSTOMER, multi_company=False) == CUSTOMER


@pytest.mark.parametrize(
    ("column", "label", "caption"),
    [("statecode", "", "Status"), ("statecode", "State of it", "State of it"), ("city", "", "city")],
)
def test_a_column_is_called_as_dataverse_calls_it(column, label, caption):
    assert filters.caption_of(column, label) == caption
