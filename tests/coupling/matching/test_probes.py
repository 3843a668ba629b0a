"""What Dataverse is asked for where few records are looked up, letter by letter."""

from decimal import Decimal
from urllib.parse import quote
from uuid import UUID

import pytest

from core.vocabulary import CompareAs
from coupling.matching import read_plan
from coupling.matching.match import group_by_priority
from coupling.rows import Criterion

ID = UUID(int=3)


def asked(column_type, value, compare_as=CompareAs.TEXT):
    criterion = Criterion("f", "c", compare_as=compare_as)
    return read_plan.probe_filters(group_by_priority([criterion]), [{"f": value}], {"c": column_type})


@pytest.mark.parametrize(
    ("column_type", "value", "text"),
    [
        *((kind, str(ID), f"_c_value eq {ID}") for kind in ("Lookup", "Customer", "Owner")),
        ("Uniqueidentifier", str(ID).upper(), f"c eq {ID}"),
        *((kind, 5, "c eq 5") for kind in ("Integer", "BigInt", "Picklist", "State", "Status")),
        *((kind, Decimal("1.5"), "c eq 1.5") for kind in ("Decimal", "Double", "Money")),
        ("Boolean", True, "c eq true"),
        *(
            (kind, "Adatum", "(startswith(c,'adatum') or startswith(c,'[^a-z0-9]%adatum'))")
            for kind in ("String", "Memo")
        ),
    ],
)
def test_a_value_is_asked_for_as_its_column_compares(column_type, value, text):
    assert asked(column_type, value) == [text]


def test_a_mail_address_is_asked_for_wherever_it_stands():
    for written in ("a@b.example", "A <A@B.example>", "mailto:a@b.example"):
        assert asked("String", written, CompareAs.EMAIL) == ["contains(c,'a@b.example')"]


@pytest.mark.parametrize(
    ("column_type", "value", "compare_as"),
    [
        ("Lookup", "me", CompareAs.TEXT),
        ("Integer", "five", CompareAs.TEXT),
        ("DateTime", "Adatum", CompareAs.TEXT),
        ("String", 12345, CompareAs.TEXT),
        ("String", "5", CompareAs.NUMBER),
        ("String", "2026-11-30", CompareAs.DATE),
        ("DateTime", "2026-11-30", CompareAs.DATE),
        ("String", "\u0301\u0301", CompareAs.TEXT),
    ],
)
def test_what_only_a_scan_finds_is_not_asked_for(column_type, value, compare_as):
    assert asked(column_type, value, compare_as) is None


def test_what_is_no_mail_address_is_blank_and_not_asked_for():
    assert asked("String", "somebody", CompareAs.EMAIL) == []


def test_records_of_several_priorities_are_all_asked_for_and_blank_ones_left_out():
    groups = group_by_priority([Criterion("f", "c", priority=1), Criterion("g", "d", priority=2)])
    records = [{"f": " ", "g": None}, {"f": 1, "g": 2}]
    assert read_plan.probe_filters(groups, records, {"c": "Integer", "d": "Integer"}) == ["c eq 1", "d eq 2"]


def test_a_filter_has_at_most_so_many_conditions_and_characters():
    criteria = group_by_priority([Criterion("f", "c")])
    full, length = read_plan._MAX_CONDITIONS, read_plan._MAX_LENGTH
    for count, texts in ((full, 1), (full + 1, 2), (2 * full + 1, 3)):
        found = read_plan.probe_filters(criteria, [{"f": n} for n in range(count)], {"c": "Integer"})
        assert len(found) == texts
        assert sum(text.count(" eq ") for text in found) == count
        assert max(text.count(" eq ") for text in found) == full
    words = [{"f": f"{n:04}xyzä"} for n in range(200)]
    found = read_plan.probe_filters(criteria, words, {"c": "String"})
    assert len(found) > 1
    assert all(len(quote(text)) <= length for text in found)
    assert sum(text.count("startswith(c,'0") for text in found) == 200


def test_the_plan_carries_what_it_asks_for():
    assert read_plan.choose_plan(["a"], 100_000) == read_plan.Plan("probe", 1, ("a",))
