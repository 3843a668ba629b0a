"""Near misses: values that differ in invisible characters, spacing, punctuation or legal form alone. No Django.

They are told to a person, with what differs, and never coupled by themselves. They are found while the rows pass by,
which they do once: of each record a hash is kept, of the rows the first one that has it and is nobody's match.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.vocabulary import CompareAs
from coupling.matching import compare
from coupling.matching.closest import ClosestRows, likeness
from coupling.matching.legal_forms import JOINED, without_form
from coupling.rows import Criterion

_LOOSENED = (CompareAs.TEXT, CompareAs.COMPANY_NAME)
_JOIN = "\x00"
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that show nothing."""
_JOINED = re.compile(
    f"[{JOINED}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff{''.join(_UNSEEN)}]+"
)
"""What stands between letters of one word."""
_APART = re.compile(r"[^\w\x00]|_")
_ASCII: dict[int, str | None] = {
    code: None if sign in JOINED or not (sign.isprintable() or sign.isspace()) else " "
    for code, sign in enumerate(map(chr, range(128)))
    if code and not sign.isalnum()
}
_WORD_STARTS = re.compile(r"(?<=\w)[^\w.]+(?=\w)|(?<=\w)\.[^\w]+(?=\w)")
_SHOWN = 60


def has_near_misses(criteria: Iterable[Criterion]) -> bool:
    """Return whether records can have near misses by these criteria: one of them compares text."""
    return any(one.compare_as in _LOOSENED for one in criteria)


class NearRow(NamedTuple):
    """A row that is a near miss: its id as a text, its name, and its values, criterion by criterion."""

    id: str
    name: str
    values: tuple[Any, ...]


class NearRows:
    """The first near miss of each record of one priority.

    What is kept is a number per record, and for each of these at most one row's values.
    """

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._loosened = [one.compare_as in _LOOSENED for one in criteria]
        self._with_form = [one.compare_as is CompareAs.TEXT for one in criteria]
        self._added: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._hashes = self._formless = np.empty(0, np.int64)
        self._known = np.empty(0, np.int64)
        self.rows: dict[int, NearRow] = {}
        self._by = self._loosened.index(True)
        """The column by which the closest row is looked for."""
        self._closest = ClosestRows()
        self._row_of: dict[int, NearRow] | None = None
        """By record, once nothing is looked at any more."""

    def add(self, canonical: Sequence[Sequence[str]], keys: Sequence[str]) -> None:
        """Add records by their canonical columns. keys: "" for those without a key."""
        loose, formless = self._loose(canonical)
        if len(canonical) > 1:
            loose = [one if key else "" for one, key in zip(loose, keys, strict=True)]
            formless = [one if key else "" for one, key in zip(formless, keys, strict=True)]
        self._added.append((_hashes(loose), _hashes(formless)))
        if self._closest.looks:
            self._closest.add(_words(canonical[self._by]).split(_JOIN), [bool(key) for key in keys])

    def look(
        self,
        canonical: Sequence[Sequence[str]],
        masks: Iterable[tuple[bool, ...]],
        given: Sequence[Sequence[Any]],
        places: Sequence[int],
        matched: NDArray[np.bool_],
        ids: Sequence[str],
        names: Sequence[str | None],
    ) -> None:
        """Look at rows for near misses. masks: which fields count, as of some records; places: the rows to look at;
        matched: the records that have a row already; ids, names: of all rows.
        """
        self._sort()
        if not len(self._known) or not len(places):
            return
        columns = [[*map(column.__getitem__, places)] for column in canonical]
        if self._closest.looks:
            words = _words(columns[self._by]).split(_JOIN)
            self._closest.look(words, lambda at: tuple(column[places[at]] for column in given), matched)
        for mask in filter(any, masks):
            used = [column if one else [""] * len(places) for column, one in zip(columns, mask, strict=True)]
            both = self._loose(used)
            if len(used) > 1:
                filled = [*map(all, zip(*[column for column, one in zip(used, mask, strict=True) if one], strict=True))]
                both = [[key if one else "" for key, one in zip(keys, filled, strict=True)] for keys in both]
            for keys in both:
                hashes = _hashes(keys)
                at = np.minimum(np.searchsorted(self._known, hashes), len(self._known) - 1)
                for hit in np.flatnonzero((self._known[at] == hashes) & (hashes != 0)).tolist():
                    row = places[hit]
                    if int(hashes[hit]) not in self.rows:
                        values = tuple(column[row] for column in given)
                        self.rows[int(hashes[hit])] = NearRow(ids[row], names[row] or "", values)

    def at(self, position: int) -> NearRow | None:
        """Return the near miss of a record; None for none."""
        if self._row_of is not None:
            return self._row_of.get(position)
        self._sort()
        hashes = (int(self._hashes[position]), int(self._formless[position]))
        return next((self.rows[one] for one in hashes if one in self.rows), None)

    def closest_at(self, position: int) -> tuple[Any, ...] | None:
        """Return the values, criterion by criterion, of the closest row of a record; None for none."""
        return self._closest.at(position)

    def positions(self) -> list[int]:
        """Return the positions of the records that have a near miss."""
        if self._row_of is not None:
            return list(self._row_of)
        self._sort()
        found = np.fromiter(self.rows, np.int64, len(self.rows))
        return list(np.flatnonzero(np.isin(self._hashes, found) | np.isin(self._formless, found)).tolist())

    def let_go(self) -> None:
        """Keep the near misses found by the records' positions alone: nothing is looked at from now on."""
        found = {position: row for position in self.positions() if (row := self.at(position)) is not None}
        self._row_of = found
        self._closest.let_go()
        self._hashes = self._formless = self._known = np.empty(0, np.int64)

    def _loose(self, canonical: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return two keys per row: of its letters, and of these without legal forms, "" where there is none."""
        letters: list[Sequence[str]] = []
        formless: list[Sequence[str]] = []
        for column, loosened, with_form in zip(canonical, self._loosened, self._with_form, strict=True):
            words = _words(column) if loosened else ""
            letters.append(_joined(words) if loosened else column)
            formless.append(_joined(_JOIN.join(map(without_form, words.split(_JOIN)))) if with_form else letters[-1])
        keys, shorter = compare.join_keys(letters), compare.join_keys(formless)
        return [keys, ["" if one == other else one for one, other in zip(shorter, keys, strict=True)]]

    def _sort(self) -> None:
        if self._added:
            hashes, formless = zip(*self._added, strict=True)
            self._hashes = np.concatenate([self._hashes, *hashes])
            self._formless = np.concatenate([self._formless, *formless])
            known = np.concatenate([self._hashes, self._formless])
            self._known = np.sort(known[known != 0])  # np.unique takes ten times as long
            self._added = []


def difference(here: str, there: str, *, case_sensitive: bool = False) -> str:
    """Return in what two values differ: "an invisible character (U+200B)"; "" where they are equal or other values."""
    one, other = _taken_apart(here), _taken_apart(there)
    form = ""
    if one.letters != other.letters:
        one, other = _taken_apart(_before_form(here)), _taken_apart(_before_form(there))
        form = "legal form"
    if one.letters != other.letters or not one.letters:
        return ""
    found = []
    if case_sensitive and one.cased != other.cased:
        found.append("upper and lower case")
    if unseen := _between(one.unseen, other.unseen):
        several = sum(((one.unseen - other.unseen) + (other.unseen - one.unseen)).values()) > 1
        found.append(f"{'invisible characters' if several else 'an invisible character'} ({unseen})")
    for word, before, after in (
        ("spacing", one.spaces, other.spaces), ("punctuation", one.signs, other.signs),
    ):  # fmt: skip
        if before != after:
            signs = Counter(sign for _, sign in before), Counter(sign for _, sign in after)
            named = _between(*(Counter({s: n for s, n in each.items() if not s.isascii()}) for each in signs))
            found.append(f"{word} ({named})" if named else word)
    return _listed([*found, form] if form else found)


def closest_sentence(caption: str, here: Any, there: Any) -> str:
    """Return how close a row's value is, without its period; "" where it is not."""
    if not isinstance(here, str) or not isinstance(there, str):
        return ""
    alike = likeness(_words([here]), _words([there]))
    return f'The closest {caption} in Dataverse is "{_shown(there)}" ({alike} % alike)' if alike else ""


def _before_form(text: str) -> str:
    """Return what stands before the legal form at a text's end; the text where it has none."""
    for start in _WORD_STARTS.finditer(text):
        tail = _words([text[start.end() :]]).strip()
        if tail and without_form(f"- {tail}") == "-":
            return text[: start.start()]
    return text


def sentence(caption: str, here: Any, there: Any, *, case_sensitive: bool = False) -> str:
    """Return that a row's value differs in what, without its period; "" where it is no near miss."""
    if not isinstance(here, str) or not isinstance(there, str):
        return ""
    told = difference(here, there, case_sensitive=case_sensitive)
    return f'{caption} "{_shown(there)}" in Dataverse differs in {told}' if told else ""


def _shown(text: str) -> str:
    shown = "".join(sign for sign in text if not _is_unseen(sign)).strip()
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."


class _Apart:
    """A text taken apart: its letters, and behind how many of them spaces and signs stand."""

    def __init__(self) -> None:
        self.letters, self.cased = "", ""
        self.unseen: Counter[str] = Counter()
        self.spaces: list[tuple[int, str]] = []
        self.signs: list[tuple[int, str]] = []


def _taken_apart(text: str) -> _Apart:
    found, count = _Apart(), 0
    letters: list[str] = []
    for sign in unicodedata.normalize("NFC", text):
        if _is_unseen(sign):
            found.unseen[sign] += 1
        elif sign.isspace():
            found.spaces.append((count, sign))
        elif sign.isalnum() or unicodedata.category(sign)[0] == "M":
            letters.append(sign)
            count += 1
        else:
            found.signs.append((count, sign))
    # White space around a value does not count when comparing.
    found.spaces = [one for one in found.spaces if 0 < one[0] < count or any(at == one[0] for at, _ in found.signs)]
    found.cased = "".join(letters)
    found.letters = found.cased.casefold()
    return found


def _is_unseen(sign: str) -> bool:
    if sign.isascii():
        return not sign.isprintable() and not sign.isspace()
    return sign in _UNSEEN or "\ufe00" <= sign <= "\ufe0f" or unicodedata.category(sign) in ("Cf", "Cc")


def _between(one: Counter[str], other: Counter[str]) -> str:
    """Return the characters that only one of two has, or has more often: "U+00A0, U+200B"."""
    return ", ".join(f"U+{ord(sign):04X}" for sign in sorted((one - other) + (other - one)))


def plain_words(texts: Sequence[str]) -> list[str]:
    """Return texts in small letters without other signs than blanks between words."""
    return _words(texts).split(_JOIN) if texts else []


def _words(column: Sequence[str]) -> str:
    """Return texts in small letters without other signs than blanks between words, joined; by few calls for all."""
    joined = _JOIN.join(column)
    if joined.count(_JOIN) != len(column) - 1:
        joined = _JOIN.join([text.replace(_JOIN, "") for text in column])
    joined = joined.casefold()
    return joined.translate(_ASCII) if joined.isascii() else _APART.sub(" ", _JOINED.sub("", joined))


def _joined(words: str) -> list[str]:
    return words.replace(" ", "").split(_JOIN)


def _hashes(keys: Sequence[str]) -> NDArray[np.int64]:
    """Return 64 bits per key, 0 for a blank one."""
    return np.fromiter(map(hash, keys), np.int64, len(keys))


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
