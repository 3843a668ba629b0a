"""How the two values of a field stand to each other, and what of them is marked."""

from urllib.parse import urlencode

import pytest

from sync.coupling_setup.asked import Asked
from sync.coupling_setup.fields import Marked, Result, Show, compare_field, mark_difference, shown

CASES = [
    ("Bonn", "Bonn", {"equal": True}, "equal", Result.EQUAL),
    ("", "", {"equal": True, "coupled": True}, "equal", Result.EQUAL),
    ("USD", "USD", {"equal": True, "coupled": True}, "equal, coupled", Result.EQUAL),
    ("Bonn", "", {"equal": False}, "blank there", Result.BLANK_THERE),
    ("", "Bonn", {"equal": False}, "blank here", Result.BLANK_HERE),
    ("Bonn", "Ulm", {"equal": False}, "different", Result.DIFFERENT),
    ("Bonn", "BONN", {"equal": False}, "different but for case", Result.DIFFERENT),
    ("(587) 555-0117", "+1 587 555 0117", {"equal": False, "region": "CA"}, "equal as phone", Result.EQUAL),
    ("(587) 555-0117", "+1 587 555 0118", {"equal": False, "region": "CA"}, "different", Result.DIFFERENT),
    ("-", "n/a", {"equal": False, "region": ""}, "different", Result.DIFFERENT),
]


@pytest.mark.parametrize(("here", "there", "how", "words", "result"), CASES)
def test_equal_and_different_values_are_told_apart(here, there, how, words, result):
    found = compare_field("Phone No.", "telephone1", here, there, **how)
    assert (found.words, found.result) == (words, result)


@pytest.mark.parametrize(
    ("here", "there", "marked"),
    [
        ("410 Railway St SW", "410 Railway St", (Marked("410 Railway St ", "SW"), Marked("410 Railway St"))),
        ("New Iris Ltd.", "Iris Ltd.", (Marked("", "New", " Iris Ltd."), Marked("", "", "Iris Ltd."))),
        ("Bonn", "Ulm", (Marked("Bonn"), Marked("Ulm"))),
        ("a b a", "a a", (Marked("a ", "b", " a"), Marked("a ", "", "a"))),
    ],
)
def test_what_only_one_side_has_is_marked(here, there, marked):
    one, other = mark_difference(here, there)
    assert (one, other) == marked
    assert [value.before + value.differing + value.after for value in (one, other)] == [here, there]


def test_a_part_of_the_fields_is_shown():
    fields = [compare_field("A", "a", here, there, equal=here == there) for here, there in ("xx", "xy", ("x", ""))]
    assert [len(shown(fields, show)) for show in Show] == [3, 1, 1, 1]
    blank = compare_field("B", "b", "", "", equal=True)
    assert shown([blank, *fields], Show.ALL) == [*fields, blank]


def test_whatever_is_given_stands_in_an_address_that_can_be_redirected_to():
    for text in ("x" * 5000, "é" * 1000, "\U0001f600" * 300, "a"):
        given = dict.fromkeys(("q", "page", "row", "initial", "mapping"), text)
        assert len(urlencode(Asked.of(given, back=f"/{text}").query())) < 15_000
    kept = Asked.of({"page": "p" * 2000, "row": "new", "mapping": "CUSTOMER"}, back="/c/x/?" + "q" * 1000)
    assert (len(kept.page), kept.row, kept.mapping, len(kept.back)) == (2000, "new", "CUSTOMER", 1006)
