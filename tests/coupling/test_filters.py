"""Filters as text and evaluated here; and the planner's filters, which must find all that the matcher would match."""

from urllib.parse import quote
from uuid import UUID

import pytest

from core.vocabulary import CompareAs
from coupling import filters
from coupling.filters import Condition, all_of, parse
from coupling.matching import read_plan
from coupling.matching.match import group_by_priority
from coupling.rows import Criterion

COMPANY = UUID(int=7)
CUSTOMER = {
    "all": [
        {"field": "statecode", "op": "eq", "value": 0, "label": "Active"},
        {"field": "customertypecode", "op": "eq", "value": 3},
    ]
}
OWN = Condition("tandem_companyid", "in", [COMPANY, None])
LOOKUPS = frozenset({"tandem_companyid"})


def customers() -> filters.Node:
    return all_of(parse(CUSTOMER), OWN)


def test_a_filter_becomes_the_text_dataverse_reads():
    assert filters.filter_text(customers(), LOOKUPS) == (
        "(statecode eq 0 and customertypecode eq 3 and "
        f"(_tandem_companyid_value eq {COMPANY} or _tandem_companyid_value eq null))"
    )


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
    assert filters.matches(customers(), row.get) is expected


@pytest.mark.parametrize(
    ("operator", "value", "given", "expected"),
    [
        ("ne", 3, 4, True), ("ne", 3, 3, False), ("ne", 3, None, True), ("ne", None, 3, True),
        ("ne", None, None, False),
        ("eq", None, None, True), ("eq", "abc", "ABC", True), ("eq", False, 0, False), ("eq", False, False, True),
        ("eq", 3, None, False), ("in", [3, None], None, True), ("in", [3], None, False), ("not_in", [3], None, True),
        ("not_in", [3, None], None, False), ("not_in", [3, None], 4, True), ("not_in", [3], 3, False),
        ("lt", 3, None, False), ("ge", 3, None, False), ("begins_with", "a", None, False), ("contains", "a", "", False),
        ("blank", None, None, True), ("blank", None, "", True), ("blank", None, 0, False),
        ("not_blank", None, False, True), ("not_blank", None, None, False),
        ("eq", None, "", True), ("ne", None, "", False),
    ],
)  # fmt: skip
def test_a_comparison_with_a_blank_is_true_only_where_it_asks_for_one(operator, value, given, expected):
    assert filters.matches(Condition("a", operator, value), {"a": given}.get) is expected


OPS = "eq, ne, lt, le, gt, ge, in, not_in, begins_with, contains, blank, not_blank"


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"field": "a", "op": "like", "value": 1}, f"The filter on a uses 'like', which is not one of {OPS}."),
        ({"op": "eq"}, "A filter condition cannot be read: {'op': 'eq'}."),
        ({"field": "a", "op": "in", "value": 1}, "The filter on a uses 'in', which needs a list of values, not 1."),
        ({"field": "a", "op": "in", "value": []}, "The filter on a uses 'in', which needs a list of values, not []."),
        ({"all": ["x"]}, "A filter condition cannot be read: 'x'."),
        ([{"column": "a", "operator": "eq", "value": 1}],
         "A filter condition cannot be read: [{'column': 'a', 'operator': 'eq', 'value': 1}]."),
        ({"field": "a", "op": "eq"}, "The filter on a uses 'eq' without a value."),
        ({"field": "a", "op": "lt", "value": None},
         "The filter on a uses 'lt' with a blank, which nothing is compared with."),
        ({"field": "a", "op": "blank", "value": 1}, "The filter on a uses 'blank', which takes no value: 1."),
        ({"field": "a", "op": "eq", "value": {"b": 1}},
         "The filter on a compares with {'b': 1}, which is no single value."),
        ({"field": "a", "op": "eq", "value": 1, "not": 2},
         "The filter on a has a part 'not'; a condition has field, op, value and label."),
        ({"all": [], "any": []}, "A group of a filter has 'all' alone, but here 'any' too."),
        ({"any": []}, "The group 'any' of a filter has no conditions."),
        ({"any": {"field": "a"}}, "The group 'any' of a filter needs a list of conditions, not {'field': 'a'}."),
        ({"all": [{"any": [{"all": [{"field": "a", "op": "blank"}]}]}]},
         "A filter may have a group inside a group, but no deeper: the group 'all' is at level 3."),
        ({"field": "a", "op": "in", "value": list(range(501))},
         "The filter compares with 501 values; it may compare with 500."),
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_refused_with_a_sentence(stored, message):
    with pytest.raises(filters.BadFilter) as refused:
        filters.parse(stored)
    assert (refused.value.message, refused.value.fix) == (message, filters.RESET)


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        ({}, {}),
        ({"all": []}, {}),
        (CUSTOMER, CUSTOMER),
        ({"field": "a", "op": "eq", "value": " "}, {"field": "a", "op": "eq", "value": None}),
        ({"field": "a", "op": "blank", "value": None}, {"field": "a", "op": "blank"}),
        ({"any": [{"all": [{"field": "a", "op": "lt", "value": 2.5}]}]},) * 2,
        ({"field": "a", "op": "not_in", "value": [1, None]},) * 2,
    ],
)
def test_a_filter_is_stored_as_it_was_given(stored, kept):
    assert filters.dump(filters.parse(stored)) == kept


def test_conditions_that_all_must_hold_stand_beside_each_other():
    last = {"field": "name", "op": "ne", "value": "x"}
    whole = all_of(customers(), parse(last))
    assert list(filters.conditions(whole))[-1] == Condition("name", "ne", "x")
    assert filters.field_names(whole) == ["statecode", "customertypecode", "tandem_companyid", "name"]
    assert all_of(filters.EVERYTHING, OWN) == OWN
    assert filters.filter_text(Condition("name", "ne", "x")) == "(name ne 'x' or name eq null)"
    assert filters.filter_text(filters.EVERYTHING) == ""


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ({}, ""),
        (CUSTOMER, "statecode is Active, customertypecode is 3"),
        ({"field": "donotphone", "op": "ne", "value": True}, "donotphone is not Yes"),
        ({"field": "donotphone", "op": "in", "value": [False, ""]}, "donotphone is No or blank"),
        ({"all": [{"field": "a", "op": "blank"}, {"any": [{"field": "b", "op": "begins_with", "value": "x"},
                                                          {"field": "c", "op": "not_in", "value": [1, 2]}]}]},
         "a is blank, (b begins with x or c is not 1 or 2)"),
        ({"any": [{"field": "a", "op": "ge", "value": 5}, {"all": [{"field": "b", "op": "lt", "value": 2},
                                                                   {"field": "c", "op": "not_blank"}]}]},
         "a is at least 5 or (b is less than 2 and c is not blank)"),
    ],
)  # fmt: skip
def test_a_filter_reads_as_a_sentence(stored, text):
    assert filters.readable(filters.parse(stored)) == text


def test_a_text_that_looks_like_a_number_is_no_number():
    assert not filters.matches(Condition("a", "eq", "1.0"), {"a": 1}.get)
    assert filters.matches(Condition("a", "eq", "1"), {"a": 1}.get)
    assert not filters.matches(Condition("a", "eq", "None"), {"a": None}.get)


KINDS = {"telephone1": "String", "name": "String", "ownerid": "Owner", "creditlimit": "Money"}


def asked(criteria, *records):
    return read_plan.probe_filters(group_by_priority(criteria), records, KINDS)


def test_few_records_are_asked_for_by_filter():
    (text,) = asked([Criterion("name", "name")], {"name": "Adatum Corporation"}, {"name": "O'Neil"})
    assert "startswith(name,'adatum corporation')" in text
    assert "startswith(name,'o''neil')" in text


def test_in_a_group_one_field_that_can_be_asked_for_is_enough_where_records_are_many():
    criteria = [Criterion("phone", "telephone1", compare_as=CompareAs.PHONE), Criterion("name", "name")]
    records = [{"phone": "425 555 0100", "name": f"Adatum {at}"} for at in range(26)]
    (text,) = asked(criteria, *records)
    assert "telephone1" not in text
    (text,) = asked(criteria, records[0])
    assert "startswith(name,'adatum 0')" in text and "telephone1" in text


def test_a_condition_that_finds_half_a_table_does_not_stand_for_one_that_finds_few():
    criteria = [Criterion("phone", "telephone1", compare_as=CompareAs.PHONE), Criterion("limit", "creditlimit")]
    texts = asked(criteria, *({"phone": f"425 555 0{at}", "limit": 5} for at in range(100, 126)))
    assert all("creditlimit eq 5 and contains(telephone1" in text for text in texts)


def test_what_is_longer_than_an_address_is_left_out_or_scanned():
    phones = [Criterion(f"phone_{at}", "telephone1", compare_as=CompareAs.PHONE) for at in range(3)]
    three = "425 555 0100; 425 555 0101; 425 555 0102"
    (text,) = asked(phones, {f"phone_{at}": three for at in range(3)})
    assert len(quote(text)) < 20_000


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


def test_the_rows_outside_are_those_that_miss_a_condition():
    assert filters.outside_text(customers(), LOOKUPS) == (
        "((statecode ne 0 or statecode eq null) or (customertypecode ne 3 or customertypecode eq null) or "
        f"(_tandem_companyid_value ne null and _tandem_companyid_value ne {COMPANY}))"
    )
    assert filters.outside_text(filters.EVERYTHING) == ""


@pytest.mark.parametrize(
    ("condition", "inside", "outside"),
    [
        (("a", "eq", None), "a eq null", "a ne null"),
        (("a", "eq", 4), "a eq 4", "(a ne 4 or a eq null)"),
        (("a", "ne", None), "a ne null", "a eq null"),
        (("a", "ne", 4), "(a ne 4 or a eq null)", "a eq 4"),
        (("a", "in", [1, 2]), "(a eq 1 or a eq 2)", "((a ne 1 and a ne 2) or a eq null)"),
        (("a", "in", [None]), "a eq null", "a ne null"),
        (("a", "not_in", [1, 2]), "((a ne 1 and a ne 2) or a eq null)", "(a eq 1 or a eq 2)"),
        (("a", "not_in", [1, None]), "(a ne null and a ne 1)", "(a eq 1 or a eq null)"),
        (("a", "lt", 3), "a lt 3", "(a ge 3 or a eq null)"),
        (("a", "ge", 3), "a ge 3", "(a lt 3 or a eq null)"),
        (("a", "le", 3), "a le 3", "(a gt 3 or a eq null)"),
        (("a", "gt", 3), "a gt 3", "(a le 3 or a eq null)"),
        (("a", "begins_with", "O'N_%["), "startswith(a,'O''N[_][%][[]')",
         "(not startswith(a,'O''N[_][%][[]') or a eq null)"),
        (("a", "contains", "x"), "contains(a,'x')", "(not contains(a,'x') or a eq null)"),
        (("a", "blank"), "a eq null", "a ne null"),
        (("a", "not_blank"), "a ne null", "a eq null"),
    ],
)  # fmt: skip
def test_what_meets_a_condition_and_what_misses_it(condition, inside, outside):
    assert filters.filter_text(Condition(*condition)) == inside
    assert filters.outside_text(Condition(*condition)) == outside


def test_groups_are_turned_round_for_what_is_outside():
    either = parse(
        {
            "any": [
                {"field": "a", "op": "eq", "value": 1},
                {"all": [{"field": "b", "op": "blank"}, {"field": "c", "op": "blank"}]},
            ]
        }
    )
    assert filters.filter_text(either) == "(a eq 1 or (b eq null and c eq null))"
    assert filters.outside_text(either) == "((a ne 1 or a eq null) and (b ne null or c ne null))"


def test_a_row_misses_the_conditions_that_it_does_not_meet():
    row = {"statecode": 1, "customertypecode": None, "tandem_companyid": None}
    assert [one.field for one in filters.unmet(customers(), row.get)] == ["statecode", "customertypecode"]


def test_of_a_group_of_which_one_must_hold_the_whole_is_missed():
    either = parse({"any": [{"field": "a", "op": "eq", "value": 1}, {"field": "b", "op": "blank"}]})
    assert filters.unmet(either, {"a": 2, "b": 3}.get) == [either]
    assert filters.unmet(either, {"a": 2}.get) == []


@pytest.mark.parametrize(
    ("column", "label", "caption"),
    [("statecode", "", "Status"), ("statecode", "State of it", "State of it"), ("city", "", "city")],
)
def test_a_column_is_called_as_dataverse_calls_it(column, label, caption):
    assert filters.caption_of(column, label) == caption
