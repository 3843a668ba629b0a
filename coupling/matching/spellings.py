"""Patterns of SQL's LIKE that every spelling fits which compares equal to a text. No Django.

Dataverse reads % _ [abc] [^abc] in contains, startswith and endswith as wildcards, and takes no regard to case (the
documentation of the Web API's query functions). A pattern may fit more: what it finds is compared exactly afterwards.
So where spellings differ in what a letter becomes when text is compared, the pattern has all of them, or "%".
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from dataverse import odata

OTHER = "[^a-z0-9]"
"""A sign that is no plain letter or digit: white space before a text, punctuation behind it."""
_PLANES = 0x30000
"""Behind these code points nothing becomes another letter."""
_MOST_LETTERS = 24
"""Letters of a text that its pattern has; the rest would tell few rows apart."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern; letters: how many signs it says; whole: whether it is of the whole text."""

    text: str
    letters: int
    whole: bool

    def beginning(self, column: str, *, few: int, more_behind: bool = False) -> str:
        """Return the filter that a column begins with the text, white space or punctuation before it apart.

        few: of fewer letters it has to be the whole, since too many rows begin with it; more_behind: words may follow.
        """
        starts = odata.startswith(column, self.text)
        if self.whole and self.letters < few:
            ended = odata.startswith(column, f"{self.text}{OTHER}")
            starts = odata.any_of(
                odata.all_of(starts, odata.endswith(column, self.text)),
                ended if more_behind else odata.all_of(ended, odata.endswith(column, OTHER)),
            )
        return odata.any_of(starts, odata.startswith(column, f"{OTHER}%{self.text}"))


def pattern_of(canonical: str, *, apart: bool = False) -> Pattern | None:
    """Return the pattern of a text as it is compared: composed (NFC) and case-folded; None where nothing can be said.

    apart: anything may stand between two of its letters.
    """
    parts: list[str] = []
    letters = 0
    for part in _parts(canonical):
        parts.append(part)
        letters += part != "%"
        if letters == _MOST_LETTERS:
            break
    if not letters:
        return None
    joined = ("%" if apart else "").join(parts)
    return Pattern(re.sub("%+", _one_percent, joined), letters, len(parts) == len(canonical))


def joined_patterns(words: Iterable[str], *, apart: bool = False) -> Pattern | None:
    """Return the pattern of words in this order, whatever is between them; None where nothing can be said of them."""
    found = [pattern_of(word, apart=apart) or Pattern("%", 0, whole=True) for word in words]
    letters = sum(one.letters for one in found)
    if not letters:
        return None
    text = "%".join(one.text for one in found)
    return Pattern(re.sub("%+", _one_percent, text), letters, all(one.whole for one in found))


def _one_percent(found: re.Match[str]) -> str:
    """Return one "%" for several; as it is where it stands for itself, in brackets."""
    return "%" if found.string[found.start() - 1 : found.start()] != "[" else found[0]


def digits_pattern(digits: str) -> str:
    """Return the pattern of digits in this order, in any script or as letters of a phone's keys."""
    return "%".join(_digit(int(digit)) for digit in digits)


@cache
def _digit(value: int) -> str:
    keys = "", "", "abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"
    others = [chr(code) for code in range(0x80, _PLANES) if unicodedata.decimal(chr(code), None) == value]
    return f"[{value}{keys[value]}{''.join(others)}]"


def _parts(canonical: str) -> Iterator[str]:
    """Yield for each sign of a text what stands for it in a pattern."""
    several = _several()
    covered = {
        at + further
        for at in range(len(canonical))
        if (found := several.match(canonical, at)) is not None
        for further in range(len(found[0]))
    }
    for at, sign in enumerate(canonical):
        yield "%" if at in covered else _sign(sign)


@cache
def _sign(sign: str) -> str:
    if unicodedata.category(sign)[0] in "CM" or (sign.isspace() and sign != " "):
        return "%"
    if sign in "%_[":
        return f"[{sign}]"
    parts = unicodedata.normalize("NFD", sign)
    spellings = {sign, *_singles().get(sign, ())}
    if parts != sign:
        # Written as a letter and marks, in any order, of which some may have been composed with it.
        for count in range(len(parts)):
            for marks in combinations(parts[1:], count):
                spellings.add(unicodedata.normalize("NFC", parts[0] + "".join(marks))[0])
    spellings |= {upper for one in spellings if len(upper := one.upper()) == 1 and not upper.isascii()}
    some = sign if len(spellings) == 1 else f"[{''.join(sorted(spellings))}]"
    return some if parts == sign else f"{some}%"


@cache
def _folded() -> dict[str, str]:
    """Return what each letter beyond ASCII becomes when text is compared, where it becomes another or several."""
    found = {}
    for code in range(0x80, _PLANES):
        letter = chr(code)
        if unicodedata.category(letter) != "Cs" and (made := fold(letter)) != letter:
            found[letter] = made
    return found


@cache
def _singles() -> dict[str, str]:
    """Return the letters that become one other letter, by that one."""
    found: dict[str, str] = {}
    for letter, made in _folded().items():
        if len(made) == 1:
            found[made] = found.get(made, "") + letter
    return found


@cache
def _several() -> re.Pattern[str]:
    """Return what a letter may become that becomes several: "ss" is also written as one letter."""
    longest_first = sorted({made for made in _folded().values() if len(made) > 1}, key=lambda made: (-len(made), made))
    return re.compile("|".join(map(re.escape, longest_first)))


def fold(text: str) -> str:
    """Return a text as it is compared without regard to case (coupling.matching.compare)."""
    return unicodedata.normalize("NFC", text).casefold()
