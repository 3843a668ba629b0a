"""The closest row of each record that has none: by likeness of a name, over the rows that are read anyway. No Django.

It is told to a person and never coupled by itself. What is compared is bounded: a run that would compare more pairs
than COMPARED, about a second's, does not look at all.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from coupling.matching.legal_forms import without_form

LEAST = 85
"""Per cent from which on a row is close."""
COMPARED = 100_000_000
"""Pairs of texts compared at most, each in about ten nanoseconds."""
_RECORDS = 20_000
_NUMBER = re.compile(r"\d+")
_AT_ONCE = 2_000_000


def likeness(here: str, there: str) -> int:
    """Return how many per cent two texts have in common, whatever the order of their words; 0 with other numbers.

    See `in_order`.
    """
    one, other = in_order(here), in_order(there)
    return int(fuzz.ratio(one, other)) if _NUMBER.findall(one) == _NUMBER.findall(other) else 0


def in_order(words: str) -> str:
    """Return the words of a text (in small letters, without signs) in order, without legal form."""
    return " ".join(sorted(without_form(words).split()))


class ClosestRows:
    """The closest row of each record, by one column."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._scores: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._rows: dict[int, tuple[Any, ...]] = {}
        self._left = COMPARED

    def add(self, words: Sequence[str], filled: Sequence[bool]) -> None:
        """Add records by their texts. filled: which of them have a key."""
        if len(self._texts) + len(words) <= _RECORDS:
            self._texts += [in_order(one) if has else "" for one, has in zip(words, filled, strict=True)]
        else:
            self._give_up()

    def look(self, words: Sequence[str], values: Callable[[int], tuple[Any, ...]], matched: NDArray[np.bool_]) -> None:
        """Look at rows. words: their texts; values: what is kept of a row; matched: the records that have a row."""
        if len(self._scores) < len(self._texts):
            self._scores = np.zeros(len(self._texts), np.uint8)
        rows = [(at, in_order(one)) for at, one in enumerate(words) if one.strip()]
        wanted = [at for at, text in enumerate(self._texts) if text and not matched[at]]
        self._left -= len(rows) * len(wanted)
        if self._left <= 0:
            self._give_up()
        if not rows or not wanted or not self.looks:
            return
        texts = [text for _, text in rows]
        step = max(1, _AT_ONCE // len(rows))
        for start in range(0, len(wanted), step):
            part = wanted[start : start + step]
            scores = process.cdist(
                [self._texts[at] for at in part], texts, scorer=fuzz.ratio, score_cutoff=LEAST, dtype=np.uint8
            )
            best = scores.argmax(axis=1)
            found = scores[np.arange(len(part)), best]
            for at in np.flatnonzero(found > self._scores[part]).tolist():
                self._scores[part[at]] = found[at]
                self._rows[part[at]] = values(rows[int(best[at])][0])

    def at(self, position: int) -> tuple[Any, ...] | None:
        """Return what was kept of the closest row of a record; None for none."""
        return self._rows.get(position)

    @property
    def looks(self) -> bool:
        """Whether rows are still looked at."""
        return self._left > 0

    def let_go(self) -> None:
        """Drop what only looking at rows needs; what was found stays."""
        self._left, self._texts, self._scores = 0, [], np.empty(0, np.uint8)

    def _give_up(self) -> None:
        self.let_go()
        self._rows.clear()
