"""What a text says of other companies to whom; decided over plain data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.mentions import HIDDEN, NOBODY, Mention, Reader, Text, mark, take_marks

ALDER = Reader({1: "Alder"})


@pytest.mark.parametrize(
    ("text", "mentions", "shown"),
    [
        ("It is free.", [], "It is free."),
        (f"It belongs to {HIDDEN}.", [Mention(1, "S1 Shop")], "It belongs to Alder, where it is coupled to S1 Shop."),
        (f"It belongs to {HIDDEN}.", [Mention(1)], "It belongs to Alder."),
        (f"It belongs to {HIDDEN}.", [Mention(2, "S1 Shop")], f"It belongs to {HIDDEN}."),
        (f"{HIDDEN}; {HIDDEN}", [Mention(2), Mention(1)], f"{HIDDEN}; Alder"),
        (f"{HIDDEN}; {HIDDEN}", [Mention(1)], f"Alder; {HIDDEN}"),
        ("It is free.", [Mention(1, "S1")], "It is free."),
    ],
)
def test_a_reader_reads_the_names_of_their_own_companies_alone(text, mentions, shown):
    assert ALDER.read(text, mentions) == shown
    assert NOBODY.read(text, mentions) == text


def test_marks_become_mentions_in_their_order():
    made = take_marks(f"to {mark(2)}; to {mark(1)}.")
    assert made == Text(f"to {HIDDEN}; to {HIDDEN}.", (Mention(2), Mention(1)))
    assert ALDER.read(*made) == f"to {HIDDEN}; to Alder."


def test_an_outcome_shows_nothing_of_what_is_kept_for_others():
    kept = {
        "fields": [1], "mentions": [{"company": 2, "record": "S1 Shop"}],
        "candidates": [{"id": "x", "coupled_to": HIDDEN, "mention": {"company": 2, "record": "S1 Shop"}}, {"id": "y"}],
    }  # fmt: skip
    plain = [{"id": "x", "coupled_to": HIDDEN}, {"id": "y"}]
    assert ALDER.read_outcome(HIDDEN, kept) == (HIDDEN, {"fields": [1], "candidates": plain})
    assert ALDER.read_outcome("", None) == ("", None)
    told, detail = Reader({2: "Birch"}).read_outcome(HIDDEN, kept)
    assert (told, detail["candidates"][0]["coupled_to"]) == (
        "Birch, where it is coupled to S1 Shop",
        "S1 Shop in Birch",
    )


@given(st.recursive(st.none() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(
    st.sampled_from(["mentions", "mention", "candidates", "company", "record", "id"]), one)))  # fmt: skip
def test_whatever_a_detail_holds_nothing_is_raised_and_nothing_is_shown_to_nobody(detail):
    assert NOBODY.read_outcome(HIDDEN, detail)[0] == HIDDEN
