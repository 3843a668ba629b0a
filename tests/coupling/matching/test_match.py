"""The matcher: tables of cases for each rule, and any input at all against a brute-force evaluator."""

import pytest
from hypothesis import given, settings

from core.vocabulary import CompareAs
from coupling.matching.decisions import Result
from coupling.matching.match import Matcher, group_by_priority
from coupling.rows import Criterion, RemoteRow
from tests.coupling.matching.random_scenes import agree, local_id, matched, row_id, scenes

PHONE = Criterion("phone", "telephone1")
NAME = Criterion("name", "name", 1)
CITY = Criterion("city", "city", 1)


def results(*args, **options):
    return [decision.result.value for decision in matched(*args, **options)]


@pytest.mark.parametrize(
    ("mine", "theirs", "result"),
    [
        ("Adatum", "ADATUM", "coupled"),
        (" Adatum ", "Adatum", "coupled"),
        ("Caf\u00e9", "Cafe\u0301", "coupled"),
        ("STRASSE", "Stra\u00dfe", "coupled"),
        ("Adatum", "Adatum Corp", "no_match"),
        ("Adatum", "Adátum", "no_match"),
        ("", "", "no_match"),
        ("   ", None, "no_match"),
        ("O'Neil", "o'neil", "coupled"),
    ],
)
def test_text_compares_normalised_trimmed_and_without_case(mine, theirs, result):
    assert results([Criterion("name", "name")], [{"name": mine}], [{"name": theirs}]) == [result]


def test_case_counts_when_the_criterion_says_so():
    criterion = Criterion("name", "name", case_sensitive=True)
    assert results([criterion], [{"name": "Adatum"}], [{"name": "ADATUM"}]) == ["no_match"]
    assert results([criterion], [{"name": "Adatum "}], [{"name": "Adatum"}]) == ["coupled"]


def test_equal_priorities_are_all_asked_for():
    locals_ = [{"name": "Adatum", "city": "Oslo"}]
    assert results([NAME, CITY], locals_, [{"name": "Adatum", "city": "Bergen"}]) == ["no_match"]
    assert results([NAME, CITY], locals_, [{"name": "ADATUM", "city": "oslo"}]) == ["coupled"]


def test_a_later_priority_stands_alone():
    """The reference adds later groups to earlier ones; the documents say each stands for itself."""
    locals_ = [{"phone": "555", "name": "Adatum", "city": "Oslo"}]
    rows = [{"telephone1": "666", "name": "Adatum", "city": "Oslo"}]
    (decision,) = matched([PHONE, NAME, CITY], locals_, rows)
    assert decision.result is Result.COUPLED
    assert [(tried.priority, tried.row_count, tried.result) for tried in decision.trail] == [
        (0, 0, Result.NO_MATCH),
        (1, 1, Result.COUPLED),
    ]


def test_a_blank_priority_is_first():
    locals_ = [{"phone": "555", "name": "Adatum"}]
    rows = [{"telephone1": "555", "name": "x"}, {"telephone1": "y", "name": "Adatum"}]
    (decision,) = matched([Criterion("name", "name", 1), PHONE], locals_, rows)
    assert decision.candidates[0].id == row_id(0)


def test_all_records_are_tried_at_one_priority_before_the_next():
    """The second record finds the row by phone, so the first, which finds it by name only, comes too late."""
    locals_ = [{"phone": "1", "name": "Adatum"}, {"phone": "2", "name": "x"}]
    rows = [{"telephone1": "2", "name": "Adatum"}]
    assert results([PHONE, Criterion("name", "name", 1)], locals_, rows) == ["already_coupled", "coupled"]


def test_a_blank_value_drops_its_field_from_the_group():
    locals_ = [{"name": "Adatum", "city": ""}]
    assert results([NAME, CITY], locals_, [{"name": "Adatum", "city": "Oslo"}]) == ["coupled"]


def test_a_blank_value_makes_a_group_match_nothing_where_the_mapping_says_so():
    locals_ = [{"name": "Adatum", "city": ""}, {"name": "Adatum", "city": "Oslo"}]
    rows = [{"name": "Adatum", "city": "Oslo"}]
    assert results([NAME, CITY], locals_, rows, blank_is_no_match=True) == ["no_match", "coupled"]


def test_a_group_with_nothing_left_matches_nothing():
    assert results([NAME, CITY], [{"name": "", "city": None}], [{"name": None, "city": ""}]) == ["no_match"]


def test_a_blank_in_dataverse_does_not_meet_a_value():
    assert results([NAME, CITY], [{"name": "A", "city": "Oslo"}], [{"name": "A", "city": None}]) == ["no_match"]


@pytest.mark.parametrize(("mine", "theirs"), [(0, 0.0), (False, False), (5, "5"), (2.50, "2.5")])
def test_zero_and_false_are_values_and_numbers_compare_by_value(mine, theirs):
    assert results([Criterion("n", "n")], [{"n": mine}], [{"n": theirs}]) == ["coupled"]


def test_coupled_rows_count_as_candidates():
    rows = [{"telephone1": "555"}, {"telephone1": "555"}]
    assert results([PHONE], [{"phone": "555"}], rows, coupled=[0]) == ["multiple_matches"]


def test_the_one_row_that_is_coupled_is_named():
    (decision,) = matched([PHONE], [{"phone": "555"}], [{"telephone1": "555"}], coupled=[0])
    assert decision.result is Result.ALREADY_COUPLED
    assert decision.candidates[0].id == row_id(0)
    assert decision.candidates[0].coupled


def test_the_first_in_key_order_gets_a_row_two_want():
    first, second = matched([PHONE], [{"phone": "555"}, {"phone": "555"}], [{"telephone1": "555"}])
    assert (first.result, second.result) == (Result.COUPLED, Result.ALREADY_COUPLED)
    assert second.candidates[0].partner == 0


def test_the_outcome_shown_is_the_most_telling_over_all_priorities():
    locals_ = [{"phone": "555", "name": "Adatum"}, {"phone": "5", "name": "Fabrikam"}]
    rows = [
        {"telephone1": "555", "name": "b"},
        {"telephone1": "555", "name": "c"},
        {"telephone1": "", "name": "Fabrikam"},
    ]
    criteria = [PHONE, Criterion("name", "name", 1)]
    multiple, coupled = matched(criteria, locals_, rows, coupled=[2])
    assert (multiple.result, multiple.group, multiple.row_count) == (Result.MULTIPLE, 0, 2)
    assert (coupled.result, coupled.group) == (Result.ALREADY_COUPLED, 1)
    assert [tried.result for tried in multiple.trail] == [Result.MULTIPLE, Result.NO_MATCH]


def test_at_most_three_candidates_are_named_and_all_are_counted():
    (decision,) = matched([PHONE], [{"phone": "555"}], [{"telephone1": "555"}] * 7)
    assert decision.row_count == 7
    assert [candidate.name for candidate in decision.candidates] == ["row 0", "row 1", "row 2"]


def test_a_row_given_twice_counts_once():
    matcher = Matcher(group_by_priority([PHONE]))
    matcher.add([local_id(0).bytes], {"phone": ["555"]})
    for _ in range(2):
        matcher.add_remote_page([str(row_id(0))], ["Adatum"], {"telephone1": ["555"]})
    (decision,) = matcher.decide()
    assert decision.result is Result.COUPLED


def test_values_with_the_signs_used_inside_stay_apart():
    locals_ = [{"name": "a\x00b", "city": "c"}, {"name": "a", "city": "b\x00c"}]
    rows = [{"name": "a", "city": "b\x00c"}]
    assert results([NAME, CITY], locals_, rows) == ["no_match", "coupled"]


def test_half_a_surrogate_pair_does_no_harm():
    assert results([Criterion("name", "name")], [{"name": "a\ud800"}], [{"name": "A\ud800"}]) == ["coupled"]


def test_what_is_kept_does_not_grow_with_the_remote_table():
    matcher = Matcher(group_by_priority([PHONE]))
    matcher.add([local_id(0).bytes], {"phone": ["555"]})
    for page in range(20):
        ids = [str(row_id(page * 100 + at)) for at in range(100)]
        matcher.add_remote_page(ids, ["x"] * 100, {"telephone1": ["555"] * 100})
    assert matcher.stored_rows == 3
    (decision,) = matcher.decide()
    assert decision.row_count == 2000


def test_rows_may_come_as_records():
    matcher = Matcher(group_by_priority([PHONE]))
    matcher.add([local_id(0).bytes], {"phone": ["555"]})
    matcher.add_remote_rows([RemoteRow(row_id(4), "Adatum", {"telephone1": "555"})])
    (decision,) = matcher.decide()
    assert (decision.result, decision.candidates[0].name) == (Result.COUPLED, "Adatum")


@pytest.mark.parametrize("as_records", [False, True])
@pytest.mark.parametrize(
    ("here", "own", "there", "its", "result"),
    [
        ("030 1234567", "DE", "+49 30 1234567", None, "coupled"),
        ("030 1234567", "DE", "030 1234567", "Germany", "coupled"),
        ("+49 30 1234567", "", "030 1234567", "DE", "coupled"),
        ("030 1234567", "", "+49 30 1234567", "DE", "no_match"),
        ("425 555 0100", "", "+1 425 555 0100", "DE", "coupled"),
    ],
)
def test_phone_numbers_are_read_with_their_records_countries(here, own, there, its, result, as_records):
    number = Criterion("phone", "telephone1", compare_as=CompareAs.PHONE)
    matcher = Matcher(group_by_priority([number]), country="US", countries=("country", "address1_country"))
    matcher.add([local_id(0).bytes], {"phone": [here], "country": [own]})
    values = {"telephone1": there, "address1_country": its}
    if as_records:
        matcher.add_remote_rows([RemoteRow(row_id(4), "Adatum", values)])
    else:
        matcher.add_remote_page([row_id(4).hex], ["Adatum"], {name: [value] for name, value in values.items()})
    (decision,) = matcher.decide()
    assert decision.result == result


SEVERAL = Criterion("phone", "telephone1", compare_as=CompareAs.PHONE)


@pytest.mark.parametrize(
    ("here", "there", "result"),
    [
        ("33123461 / 33123462", ["+45 33123462"], "coupled"),
        ("33123462", ["33123461 / +45 33123462"], "coupled"),
        ("33123461 / 33123462", ["33123462 / 33123461"], "coupled"),
        ("33123461 / 33123462", ["33123463, 33123462"], "coupled"),
        ("33123461 / 33123462", ["33123461", "33123462"], "multiple_matches"),
        ("33123461 / 33123462", ["33123463"], "no_match"),
        ("33123461", ["33123461 / 33123462", "33123461"], "multiple_matches"),
    ],
)
def test_any_of_several_phone_numbers_matches(here, there, result):
    locals_ = [{"phone": "33999999"}, {"phone": here}]
    (_, decision) = matched([SEVERAL], locals_, [{"telephone1": number} for number in there], country="DK")
    assert (decision.result, decision.row_count) == (result, {"no_match": 0, "coupled": 1}.get(result, 2))


def test_two_records_that_share_one_of_their_numbers_want_the_same_row():
    locals_ = [{"phone": "33123461 / 33123462"}, {"phone": "33123462"}]
    assert results([SEVERAL], locals_, [{"telephone1": "33123462"}], country="DK") == ["coupled", "already_coupled"]


def test_further_numbers_count_with_the_other_fields_of_their_priority():
    locals_ = [{"phone": "33123461 / 33123462", "city": "Oslo"}, {"phone": "33123461 / 33123462", "city": ""}]
    rows = [{"telephone1": "33123462", "city": "Bergen"}]
    criteria = [SEVERAL, Criterion("city", "city")]
    assert results(criteria, locals_, rows, country="DK") == ["no_match", "coupled"]
    assert results(criteria, locals_, rows, country="DK", blank_is_no_match=True) == ["no_match", "no_match"]


@pytest.mark.parametrize(("placeholder", "city"), [("-", "Oslo"), ("n/a", "")])
def test_a_placeholder_is_left_out_like_a_blank(placeholder, city):
    locals_, rows = [{"name": placeholder, "city": city}], [{"name": placeholder, "city": "Oslo"}]
    assert results([NAME, CITY], locals_, rows) == ["coupled" if city else "no_match"]
    assert results([NAME], locals_, rows) == ["no_match"]


def test_decisions_without_what_was_coupled_before_are_the_same():
    """A job that goes on after a kill leaves out what it wrote; the others' decisions must not change."""
    locals_ = [{"phone": str(n % 7), "name": f"n{n % 5}", "city": ""} for n in range(20)]
    rows = [{"telephone1": str(n % 9), "name": f"n{n % 4}", "city": "x"} for n in range(15)]
    criteria = [PHONE, NAME, CITY]
    whole = list(matched(criteria, locals_, rows))
    for cut in range(1, 20):
        before = [decision.candidates[0].id.int - 2**64 for decision in whole[:cut] if decision.result == "coupled"]
        again = matched(criteria, locals_[cut:], rows, coupled=before)
        assert [(d.result, d.trail) for d in again] == [(d.result, d.trail) for d in whole[cut:]]


@settings(max_examples=300, deadline=None)
@given(**scenes)
def test_it_decides_as_a_brute_force_evaluator_does(criteria, locals_, rows, coupled, strict):
    agree(criteria, locals_, rows, coupled, strict)
