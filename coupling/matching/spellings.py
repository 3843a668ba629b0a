"""Patterns of SQL's LIKE that every spelling fits which compares equal to a text. No Django.

Dataverse reads % _ [abc] [^abc] in contains, startswith and endswith as wildcards, and ignores case (the
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
_MOST_MARKS = 4
_MOST_LETTERS = 24
"""Letters of a text that its pattern has; the rest would tell few rows apart."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The pattern of a text; letters: how many it spells out; whole: whether it is of all of the text."""

    text: str
    letters: int
    whole: bool

    def inside(self, column: str) -> str:
        """Return the filter that a column contains the text."""
        return odata.contains(column, self.text)

    def beginning(self, column: str, *, few: int, more_behind: bool = False, before: str = "") -> str:
        """Return the filter that a column begins with the text, white space or punctuation before it apart.

        few: of fewer letters it has to be the whole, since too many rows begin with it; more_behind: words may follow;
        before: a pattern that stands before it.
        """
        text = f"{before}{self.text}"
        starts = odata.startswith(column, text)
        if self.whole and self.letters < few:
            ended = odata.startswith(column, f"{text}{OTHER}")
            starts = odata.any_of(
                odata.all_of(starts, odata.endswith(column, text)),
                ended if more_behind else odata.all_of(ended, odata.endswith(column, OTHER)),
            )
        return odata.any_of(starts, odata.startswith(column, f"{OTHER}%{text}"))


def pattern_of(canonical: str, *, apart: bool = False) -> Pattern | None:
    """Return the pattern of a text as it is compared: composed (NFC) and case-folded; None where nothing can be said.

    apart: anything may stand between two of its letters.
    """
    parts: list[str] = []
    letters = used = 0
    for sign, part in _parts(canonical):
        parts.append(part)
        letters += part != "%"
        used += len(sign)
        if letters == _MOST_LETTERS:
            break
    if not letters:
        return None
    return Pattern(_joined("%" if apart else "", parts), letters, used == len(canonical))


def joined_patterns(words: Iterable[str], *, apart: bool = False) -> Pattern | None:
    """Return the pattern of words in this order, whatever is between them; None where nothing can be said of them."""
    found = [pattern_of(word, apart=apart) or Pattern("%", 0, whole=True) for word in words]
    letters = sum(one.letters for one in found)
    if not letters:
        return None
    return Pattern(_joined("%", [one.text for one in found]), letters, all(one.whole for one in found))


def _joined(between: str, parts: Iterable[str]) -> str:
    return re.sub("%+", _one_percent, between.join(parts))


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


def _parts(canonical: str) -> Iterator[tuple[str, str]]:
    """Yield a text in pieces, each with its pattern: a letter with the marks on it, or what one letter may stand for.

    Such a piece ("ss" is also written as one letter) begins with its first letter or with one that stands for more.
    """
    at = 0
    while at < len(canonical):
        if run := _run(canonical, at):
            length, sources = run
            first = {one for letter in (canonical[at], *sources) for one in _first_letters(letter)}
            yield canonical[at : at + length], f"{_class(first)}%"
        else:
            length = 1
            while at + length < len(canonical) and _is_mark(canonical[at + length]):
                length += 1
            yield canonical[at : at + length], _sign(canonical[at : at + length])
        at += length


def _run(canonical: str, start: int) -> tuple[int, str] | None:
    """Return how long the run is in which single letters may stand for several, and those that may begin it."""
    end, at, first = start, start, ""
    while at < len(canonical) and at <= end:
        for made, sources in _several().get(canonical[at], ()):
            if canonical.startswith(made, at):
                end = max(end, at + len(made))
                first += sources if at == start else ""
        at += 1
        if at >= end:
            break
    return (end - start, first) if end > start else None


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign)[0] == "M"


@cache
def _sign(sign: str) -> str:
    """Return the pattern of a letter and the marks on it: written composed or not, in any order."""
    if unicodedata.category(sign[0])[0] in "CM" or (sign.isspace() and sign != " "):
        return "%"
    if sign in "%_[":
        return f"[{sign}]"
    if len(unicodedata.normalize("NFD", sign)) > _MOST_MARKS + 1:
        return "%"
    spellings = _first_letters(sign)
    return f"{_class(spellings)}%" if len(unicodedata.normalize("NFD", sign)) > 1 else _class(spellings)


def _first_letters(sign: str) -> set[str]:
    """Return the letters that a spelling of a letter with the marks on it begins with: any marks may be composed."""
    apart = unicodedata.normalize("NFD", sign)
    base, marks = apart[0], apart[1:]
    found = {sign[0], *_singles().get(sign[0], ())}
    for count in range(len(marks) + 1 if apart != sign else 0):
        for some in combinations(marks, count):
            found.add(first := unicodedata.normalize("NFC", base + "".join(some))[0])
            found.update(_singles().get(first, ()))
    for made, letters in _marked().get(base, ()):
        if set(made[1:]) <= set(marks):
            found.update(letters)
    return found


def _class(letters: set[str]) -> str:
    """Return the pattern of one of these letters, in either case."""
    letters |= {upper for one in letters if len(upper := one.upper()) == 1 and not upper.isascii()}
    return "".join(letters) if len(letters) == 1 else f"[{''.join(sorted(letters))}]"


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
def _several() -> dict[str, list[tuple[str, str]]]:
    """Return what single letters become that become several, by its first letter: each with these letters."""
    sources: dict[str, str] = {}
    for letter, made in _folded().items():
        if len(made) > 1 and not _is_marked(made):
            sources[made] = sources.get(made, "") + letter
    found: dict[str, list[tuple[str, str]]] = {}
    for made, letters in sources.items():
        found.setdefault(made[0], []).append((made, letters))
    return found


@cache
def _marked() -> dict[str, list[tuple[str, str]]]:
    """Return what single letters become that become one with marks on it, by that one: each with these letters."""
    found: dict[str, list[tuple[str, str]]] = {}
    for letter, made in _folded().items():
        parts = unicodedata.normalize("NFD", made)
        if len(made) > 1 and _is_marked(made):
            found.setdefault(parts[0], []).append((parts, letter))
    return found


def _is_marked(made: str) -> bool:
    """Return whether it is one letter with marks on it, which _sign has in all its forms anyway."""
    return all(map(_is_mark, made[1:]))


def fold(text: str) -> str:
    """Return a text as it is compared without regard to case (coupling.matching.compare)."""
    return unicodedata.normalize("NFC", text).casefold()
