"""The pages of what was found, over plain data."""

import pytest

from ui.searched import MOST_CHARACTERS, Pages, searched_text


@pytest.mark.parametrize(
    ("wanted", "count", "shown", "number", "previous", "following"),
    [
        ("1", 0, [], 1, "", ""),
        ("1", 10, [*range(10)], 1, "", ""),
        ("1", 11, [*range(10)], 1, "", "p2"),
        ("2", 21, [*range(10, 20)], 2, "p1", "p3"),
        ("3", 21, [20], 3, "p2", ""),
        ("9", 21, [20], 3, "p2", ""),
        ("0", 21, [*range(10)], 1, "", "p2"),
        ("-1", 21, [*range(10)], 1, "", "p2"),
        ("\u0663", 21, [*range(10)], 1, "", "p2"),
        ("9" * 5000, 21, [*range(10)], 1, "", "p2"),
    ],
)
def test_the_page_that_was_asked_for_is_shown_or_the_nearest_there_is(
    wanted: str, count: int, shown: list[int], number: int, previous: str, following: str
) -> None:
    pages = Pages.of("people", wanted, count, 10, "p{}".format)
    assert (list(range(count))[pages.shown], pages.number) == (shown, number)
    assert (pages.previous, pages.next) == (previous, following)


def test_what_is_searched_for_is_cut_and_holds_no_nul() -> None:
    assert searched_text({"q": " a\0b "}) == "ab"
    assert searched_text({}) == ""
    assert len(searched_text({"q": "x" * 1000})) == MOST_CHARACTERS
