"""Both sides of a pair field by field: which are equal, which differ and where. No Django."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.vocabulary import Direction
from coupling.matching.phones import phone


class Result(StrEnum):
    """How the two values of a field stand to each other; what it is called is what the page shows."""

    EQUAL = "equal"
    DIFFERENT = "different"
    BLANK_HERE = "blank here"
    BLANK_THERE = "blank there"


class Show(StrEnum):
    """Which fields the page shows."""

    ALL = ""
    DIFFERENT = "different"
    BLANK = "blank"
    EQUAL = "equal"


_SHOWN = {
    Show.ALL: frozenset(Result),
    Show.DIFFERENT: frozenset({Result.DIFFERENT}),
    Show.BLANK: frozenset({Result.BLANK_HERE, Result.BLANK_THERE}),
    Show.EQUAL: frozenset({Result.EQUAL}),
}
CAPTIONS = {Show.ALL: "All", Show.DIFFERENT: "Different", Show.BLANK: "Blank on one side", Show.EQUAL: "Equal"}


@dataclass(frozen=True, slots=True)
class Marked:
    """A value, with the part in its middle that the other side does not have; all of it is `before` where none is."""

    before: str
    differing: str = ""
    after: str = ""

    @property
    def whole(self) -> str:
        """The value without marks."""
        return f"{self.before}{self.differing}{self.after}"


@dataclass(frozen=True, slots=True)
class ComparedField:
    """A mapped field with its two values, as people read them. words: the result with what it goes by."""

    caption: str
    column: str
    here: Marked
    there: Marked
    result: Result
    words: str
    direction: Direction = Direction.BIDIRECTIONAL


def compare_field(
    caption: str,
    column: str,
    here: str,
    there: str,
    *,
    equal: bool,
    direction: Direction = Direction.BIDIRECTIONAL,
    coupled: bool = False,
    region: str | None = None,
) -> ComparedField:
    """Return a field with how its values stand. equal: by the rules of synchronization.

    coupled: what both refer to is compared through its coupling; region: of a phone number, the country that one
    without a prefix may belong to; None for anything else.
    """
    one, other = Marked(here), Marked(there)
    if equal:
        result, words = Result.EQUAL, "equal, coupled" if coupled and (here or there) else "equal"
    elif not here or not there:
        result = Result.BLANK_THERE if here else Result.BLANK_HERE
        words = result.value
    elif region is not None and (number := phone(here, region)) and number == phone(there, region):
        result, words = Result.EQUAL, "equal as phone"
    else:
        result = Result.DIFFERENT
        words = "different but for case" if here.casefold() == there.casefold() else "different"
        one, other = mark_difference(here, there)
    return ComparedField(caption, column, one, other, result, words, direction)


def mark_difference(here: str, there: str) -> tuple[Marked, Marked]:
    """Return two values with the words marked that only one of them has; none where nothing of them is the same."""
    one, other = here.split(" "), there.split(" ")
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    if not start and not end:
        return Marked(here), Marked(there)
    return _marked(one, start, end), _marked(other, start, end)


def _marked(words: list[str], start: int, end: int) -> Marked:
    stop = len(words) - end
    before, differing, after = (" ".join(part) for part in (words[:start], words[start:stop], words[stop:]))
    if before and (differing or after):
        before += " "
    if differing and after:
        after = f" {after}"
    return Marked(before, differing, after)


def shown(fields: Iterable[ComparedField], show: Show) -> list[ComparedField]:
    """Return those fields that the page shows; last those that are blank on both sides."""
    found = [field for field in fields if field.result in _SHOWN[show]]
    return sorted(found, key=lambda field: not (field.here.before or field.there.before or field.here.differing))
