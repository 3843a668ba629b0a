"""What becomes of records that are coupled with choices: captions, codes, values of new choices."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import Direction
from sync.rules.choices import Action, ChoicePair, ChoiceRecord, choices_of, code_of, decide, free_values, is_called

ID = UUID(int=1)


def record(key: str, title: str = "", text: str = "") -> ChoiceRecord:
    return ChoiceRecord(ID, key, title, text or key)


def pair(caption: str = "Net 30", local_text: str | None = None) -> ChoicePair:
    return ChoicePair(ID, 1, caption, local_text)


@pytest.mark.parametrize(
    ("key", "title", "caption", "called"),
    [
        ("NET 30", "", "Net 30", True),
        ("30 DAYS", "Net 30", " net 30 ", True),
        ("2% 10; NET", "", "2% 10; Net 30", True),
        ("2% 10", "", "2% 10; Net 30", False),
        ("30 DAYS", "", "Net 30", False),
    ],
)
def test_a_choice_is_called_by_code_or_name_and_a_code_holds_a_captions_beginning(key, title, caption, called):
    assert is_called(record(key, title), caption, 10) is called


@pytest.mark.parametrize(
    ("stored", "local", "caption", "direction", "expected"),
    [
        (pair(), record("NET 30"), "Net 30", Direction.TO, Action.KEEP),
        (pair(), record("30 DAYS", "Net 30"), "Net 30", Direction.TO, Action.KEEP),
        (pair(), record("30 DAYS"), "Net 30", Direction.TO, Action.RENAME),
        (pair(local_text="30 DAYS"), record("30 DAYS"), "Net 30", Direction.TO, Action.KEEP),
        (pair(local_text="30 DAYS"), record("31 DAYS"), "Net 30", Direction.TO, Action.RENAME),
        (pair(local_text="NET 30"), record("NET 30"), "Net thirty", Direction.TO, Action.KEEP),
        (pair(), record("NET 30"), "Net 30", Direction.FROM, Action.KEEP),
        (pair(), record("NET 30"), "Net thirty", Direction.FROM, Action.TAKE),
        (pair(), None, "Net 30", Direction.TO, Action.GONE_HERE),
        (pair(), record("NET 30"), None, Direction.FROM, Action.GONE_THERE),
    ],
)
def test_a_pair_goes_the_mappings_way_and_by_what_changed(stored, local, caption, direction, expected):
    assert decide(stored, local, caption, direction, 10) is expected


def test_several_choices_may_be_called_like_a_record():
    assert choices_of(record("2% 10; NET"), {1: "2% 10; Net 30", 2: "2% 10; Net 60", 3: "Net 30"}, 10) == [1, 2]


@given(st.text(max_size=40), st.integers(1, 20))
def test_a_record_made_of_a_choice_is_called_like_it(caption: str, size: int) -> None:
    code = code_of(caption, size)
    if code:
        assert is_called(record(code), caption, size)


@given(st.integers(0, 30), st.sets(st.integers(0, 831_200_100)))
def test_new_values_are_the_publishers_own_and_free(count: int, taken: set[int]) -> None:
    values = free_values(count, taken, 831_200_000)
    assert len(set(values)) == count
    assert not set(values) & taken
    assert all(value >= 831_200_000 for value in values)
