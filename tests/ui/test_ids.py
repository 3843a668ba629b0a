"""Numbers of rows as they come with requests."""

import pytest

from ui import ids


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("007", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("²", None),
        ("٣", None),
        ("-1", None),
        ("", None),
    ],
)
def test_an_id_is_a_row_s_number_or_nothing(text: str, number: int | None) -> None:
    assert ids.number(text) == number
    assert ids.numbers([f"{text}, 5", "x,6"]) == [*([] if number is None else [number]), 5, 6]
