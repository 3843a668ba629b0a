"""The rows most like each record that has none: by its name, and by phone, mail and street where criteria read these.

They are shown to a person with what differs, and never coupled by themselves. Numbers of one town and addresses of one
provider are alike without meaning anything, so what is not the name counts only where the names have something in
common. Only what a run reads anyway is compared, and no more than COMPARED pairs of texts, in about half a second;
beyond them nothing is looked at. No Django.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from core.vocabulary import CompareAs
from coupling.matching.closest import in_order
from coupling.matching.near_misses import plain_words
from coupling.rows import Criterion

COMPARED = 50_000_000
"""Pairs of texts compared at most."""
KEPT = 3
"""Rows kept of each record."""
_LOOKED_AT = 20
"""Rows of a page that are looked at for a record, the most alike first."""
NAME = "name"
NEAR_MISS = "near miss"
"""What is alike of a row that differs in invisible characters, spacing, punctuation or legal form alone."""
_LEAST = {NAME: 85, "phone": 90, "mail": 90, "street": 90}
"""Per cent from which on a row is alike, by what is compared."""
_LEAST_OF_NAME = 75
"""Per cent that the names must have in common where something else is alike."""
_RECORDS = 20_000
_AT_ONCE = 2_000_000
_FEWEST_DIGITS = 7
_STREETS = ("address", "address_2")
_MAILS = ("e_mail", "e_mail_2")
_PHONES = ("phone_no", "mobile_phone_no")
_NUMBER = re.compile(r"\d+")


class AlikeRow(NamedTuple):
    """A row that is like a record. id: as a text; alike: per cent; by: what of it is alike."""

    id: str
    name: str
    alike: int
    by: str


class Compared(NamedTuple):
    """What is compared: a kind (a word of _LEAST), and where it stands on both sides; blank for the name."""

    kind: str
    local: str = ""
    column: str = ""


def compared_by(criteria: Iterable[Criterion]) -> tuple[Compared, ...]:
    """Return what rows are alike by: the name, and phone, mail and street among the criteria."""
    found = {("", ""): Compared(NAME)}
    for one in criteria:
        kind = _kind_of(one)
        if kind:
            found.setdefault((one.local, one.integration), Compared(kind, one.local, one.integration))
    return tuple(found.values())


def _kind_of(one: Criterion) -> str:
    if one.compare_as is CompareAs.PHONE or one.local in _PHONES:
        return "phone"
    if one.compare_as is CompareAs.EMAIL or one.local in _MAILS:
        return "mail"
    return "street" if one.local in _STREETS else ""


def plain(kind: str, values: Sequence[object]) -> list[str]:
    """Return values as they are compared; "" for those that are not."""
    texts = [value if isinstance(value, str) else "" for value in values]
    if kind == "phone":
        digits = ["".join(_NUMBER.findall(text)).lstrip("0") for text in texts]
        return [one if len(one) >= _FEWEST_DIGITS else "" for one in digits]
    if kind == "mail":
        return [text.strip().casefold() if "@" in text else "" for text in texts]
    words = plain_words(texts)
    return [in_order(one) for one in words] if kind == NAME else [" ".join(one.split()) for one in words]


class AlikeRows:
    """The most alike rows of each record. What is kept grows with the records alone."""

    def __init__(self, compared: Sequence[Compared]) -> None:
        self.compared = compared
        self._texts: list[list[str]] = [[] for _ in compared]
        self._found: dict[int, list[AlikeRow]] = {}
        self._left = COMPARED

    @property
    def looks(self) -> bool:
        """Whether rows are still looked at."""
        return self._left > 0

    def add(self, columns: Sequence[Sequence[object]]) -> None:
        """Add records by their values, a column for each of `compared`."""
        if not self.looks:
            return
        if len(self._texts[0]) + len(columns[0]) > _RECORDS:
            self._give_up()
            return
        for known, one, values in zip(self._texts, self.compared, columns, strict=True):
            known += plain(one.kind, values)

    def look(
        self,
        ids: Sequence[str],
        names: Sequence[str | None],
        columns: Sequence[Sequence[object]],
        matched: NDArray[np.bool_],
    ) -> None:
        """Look at rows by their values, a column for each of `compared`; matched: the records that have a row."""
        called = plain(NAME, names)
        for one, texts, values in zip(self.compared, self._texts, columns, strict=True):
            if not self.looks:
                return
            rows = [(at, text) for at, text in enumerate(plain(one.kind, values)) if text]
            wanted = [at for at, text in enumerate(texts) if text and not matched[at]]
            self._left -= len(rows) * len(wanted)
            if self._left <= 0:
                self._give_up()
            elif rows and wanted:
                self._compare(one.kind, texts, wanted, rows, ids, names, called)

    def _compare(
        self,
        kind: str,
        texts: Sequence[str],
        wanted: Sequence[int],
        rows: Sequence[tuple[int, str]],
        ids: Sequence[str],
        names: Sequence[str | None],
        called: Sequence[str],
    ) -> None:
        there = [text for _, text in rows]
        step = max(1, _AT_ONCE // len(rows))
        for start in range(0, len(wanted), step):
            part = wanted[start : start + step]
            scores = process.cdist(
                [texts[at] for at in part], there, scorer=fuzz.ratio, score_cutoff=_LEAST[kind], dtype=np.uint8
            )
            for line in np.flatnonzero(scores.any(axis=1)).tolist():
                best = np.argsort(scores[line])[::-1][:_LOOKED_AT]
                for place in best.tolist():
                    score, row = int(scores[line, place]), rows[place][0]
                    if score and self._counts(kind, part[line], called[row]):
                        self._keep(part[line], AlikeRow(ids[row], names[row] or "", score, kind))

    def _counts(self, kind: str, position: int, called: str) -> bool:
        """Return whether a row that is called so may be alike: names have the same numbers, or something in common."""
        own = self._texts[0][position]
        if kind == NAME:
            return _numbers(own) == _numbers(called)
        return bool(own and called) and fuzz.ratio(own, called) >= _LEAST_OF_NAME

    def _keep(self, position: int, row: AlikeRow) -> None:
        known = self._found.setdefault(position, [])
        known[:] = best_first([*known, row])[:KEPT]

    def at(self, position: int) -> list[AlikeRow]:
        """Return the rows kept of a record, the most alike first."""
        return self._found.get(position, [])

    def let_go(self) -> None:
        """Drop what only looking at rows needs."""
        self._texts = [[] for _ in self.compared]
        self._left = 0

    def _give_up(self) -> None:
        self.let_go()
        self._found.clear()


def best_first(rows: Iterable[AlikeRow]) -> list[AlikeRow]:
    """Return rows, the most alike first and each once."""
    found: dict[str, AlikeRow] = {}
    for row in sorted(rows, key=lambda one: -one.alike):
        found.setdefault(row.id.replace("-", ""), row)
    return list(found.values())


def _numbers(text: str) -> list[str]:
    return _NUMBER.findall(text)
