"""Which criteria are suggested for which data: tables of cases over two measured sides."""

import random

import pytest

from core.vocabulary import CompareAs
from coupling.matching.measured import MeasuredSides
from coupling.matching.suggesting import Pair, measure_pairs, suggest
from coupling.rows import Criterion

CRITERIA = (
    Criterion("no", "accountnumber"),
    Criterion("name", "name"),
    Criterion("name", "name", compare_as=CompareAs.COMPANY_NAME),
    Criterion("phone_no", "telephone1", compare_as=CompareAs.PHONE),
    Criterion("phone_no", "telephone1"),
    Criterion("city", "address1_city"),
    Criterion("blocked", "blocked"),
)
PAIRS = (
    Pair("no", (0,), "code", only_measured=True), Pair("name", (1, 2)), Pair("phone_no", (3, 4), own_way=True),
    Pair("city", (5,)), Pair("blocked", (6,), "boolean"),
)  # fmt: skip


def suggested(here, there):
    """Return the suggestions for records and rows given as (name, phone, city), the criteria by their numbers."""
    sides = MeasuredSides(CRITERIA, country="US")

    def columns(rows):
        by_field = {
            "no": [str(at) for at in range(len(rows))],
            "name": [row[0] for row in rows],
            "phone_no": [row[1] for row in rows],
            "city": [row[2] for row in rows],
            "blocked": [True for _ in rows],
        }
        return [by_field[one.local] for one in CRITERIA]

    sides.add_records(columns(here), None, len(here))
    sides.add_rows([f"{at:032x}" for at in range(1, len(there) + 1)], columns(there), None)
    sides.seal()
    return suggest(sides, measure_pairs(sides, PAIRS))


def groups_of(found):
    return [one.groups for one in found]


def phone(at):
    return f"425 555 {at:04d}"


UNIQUE = [(f"Business {at}", phone(at), "Oslo") for at in range(20)]


@pytest.mark.parametrize(
    ("here", "there", "first", "unique", "wrong"),
    [
        (UNIQUE, UNIQUE, ((3,),), 20, 0),
        # Names differ, numbers are written in another way.
        (UNIQUE, [(f"B{at}", f"+1 (425) 555-{at:04d}", None) for at in range(20)], ((3,),), 20, 0),
        # Legal forms: compared as company names more are found than as texts.
        (UNIQUE, [(f"Business {at}, Inc.", None, None) for at in range(20)], ((2,),), 20, 0),
        # Nothing in common, nothing there, nothing here.
        (UNIQUE, [(f"Else {at}", None, None) for at in range(20)], None, 0, 0),
        (UNIQUE, [], None, 0, 0),
        ([], UNIQUE, None, 0, 0),
    ],
)
def test_the_first_suggestion_couples_most(here, there, first, unique, wrong):
    found = suggested(here, there)
    if first is None:
        assert found == []
        return
    assert found[0].groups == first
    assert (found[0].coupled.unique, found[0].coupled.wrongly_joined) == (unique, wrong)


def test_what_one_field_leaves_another_adds_in_a_second_priority():
    there = [(f"Business {at}", None, None) if at % 4 else (f"B{at}", phone(at), None) for at in range(20)]
    first = suggested(UNIQUE, there)[0]
    assert (first.groups, first.coupled.by_priority) == (((1,), (3,)), (15, 5))


def test_names_that_branches_share_are_matched_together_with_the_place():
    here = [(f"Shop {at // 2}", None, ("Oslo", "Bergen")[at % 2]) for at in range(20)]
    found = suggested(here, here)
    assert found[0].groups == ((1, 5),)
    assert (found[0].coupled.unique, found[0].coupled.wrongly_joined) == (20, 0)


def test_a_number_that_many_share_is_trusted_with_what_other_criteria_have_left():
    here = [(f"Shop {at}", phone(0), None) for at in range(10)] + [("Alpine", phone(1), None), ("Trey", phone(2), None)]
    there = [(f"Shop {at}", phone(0), None) for at in range(10)] + [("A", phone(1), None), ("T", phone(2), None)]
    first = suggested(here, there)[0]
    assert (first.groups, first.coupled.by_priority, first.coupled.wrongly_joined) == (((1,), (3,)), (10, 2), 0)


def test_a_number_of_one_s_own_a_place_and_a_yes_or_no_are_never_matched_on_alone():
    cities = [f"City {at}" for at in range(20)]
    here = [(f"A{at}", None, cities[at]) for at in range(20)]
    assert suggested(here, [(f"B{at}", None, cities[at]) for at in range(20)]) == []


def test_a_number_that_many_share_is_shown_with_what_it_would_join_and_is_no_part_of_the_order():
    here = [(f"Business {at}", phone(at // 10), None) for at in range(20)]
    there = [(f"Business {at}" if at else "Else", phone(at // 5), None) for at in range(10)]
    found = {one.groups: one.coupled for one in suggested(here, there)}
    assert next(iter(found)) == ((1,),)
    assert ((3,),) not in found or found[(3,),].wrongly_joined == 20


def test_the_same_data_give_the_same_suggestions():
    dice = random.Random(7)
    rows = [(f"N{dice.randrange(15)}", phone(dice.randrange(15)), f"C{dice.randrange(3)}") for _ in range(40)]
    assert groups_of(suggested(rows, rows[::-1])) == groups_of(suggested(rows, rows[::-1]))
