"""What a person's text is looked for in, as $filter text."""

from uuid import UUID

import pytest

from coupling.row_search import SearchColumns, phone_hint, search_filter

ID = UUID("11111111-2222-3333-4444-555555555555")
ALL = SearchColumns("accountid", ("name",), ("telephone1",), ())
PHONES = SearchColumns("accountid", (), ("telephone1",), ())
NONE = SearchColumns("accountid", (), (), ())
NOTHING = f"accountid eq {UUID(int=0)}"


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("  ", NONE, ""),
        ("iris", ALL, "contains(name,'iris')"),
        (str(ID), NONE, f"accountid eq {ID}"),
        # A text is never every row: where nothing can have it in it, nothing is found.
        ("iris", NONE, NOTHING),
        ("iris", PHONES, NOTHING),
        ("555 0117", NONE, NOTHING),
    ],
)
def test_a_text_finds_what_has_it_in_it(text: str, columns: SearchColumns, expected: str) -> None:
    assert search_filter(text, columns) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ""), ("Iris 5", ""), ("555", "from 5 digits on"), ("+45 33", "from 5 digits on"),
        ("+45 33 12 34 61", "by their last 7 digits"),
    ],
)  # fmt: skip
def test_how_a_phone_number_is_looked_for_is_told(text: str, says: str) -> None:
    told = phone_hint(text)
    assert says in told and bool(says) is bool(told)
