"""One page of Dataverse rows while it is compared with the local candidates. No Django."""

from collections.abc import Sequence

import numpy as np

from coupling.matching.key_index import KeyIndex, Places, Slots


class RemotePage:
    """One page while it is compared: which of its rows are stored, in the order they were found."""

    def __init__(self, ids: Sequence[str], earlier: bytearray) -> None:
        """ids: as texts; earlier: the ids stored before, 16 bytes each. Raises ValueError for an id that is no GUID."""
        self.raw = raw_ids(ids)
        self.stored: list[int] = []
        self._numbers = np.zeros(len(ids), np.uint32)
        self._before = len(earlier) // 16
        self._earlier = earlier

    def add_hits(self, index: KeyIndex, slots: Slots) -> None:
        """Note which rows have which slots of a priority; row by row, 0 for none."""
        rows = np.flatnonzero(slots)
        hits = slots[rows]
        alone = index.first[hits] == 0
        ordered = np.sort(hits)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if len(twice):
            alone &= ~np.isin(hits, twice)
        self._number(rows[alone])
        index.first[hits[alone]] = self._numbers[rows[alone]]
        # The others are second rows of somebody, and rows of one page with the same slot.
        for row, slot in zip(rows[~alone].tolist(), hits[~alone].tolist(), strict=True):
            self._add_further_hit(index, slot, row)

    def _number(self, rows: Places) -> None:
        """Give these rows of the page numbers, those that have none yet."""
        fresh = rows[self._numbers[rows] == 0]
        first = self._before + len(self.stored) + 1
        self._numbers[fresh] = np.arange(first, first + len(fresh))
        self.stored += fresh.tolist()

    def _add_further_hit(self, index: KeyIndex, slot: int, row: int) -> None:
        again = index.first[slot]
        if again:
            # The service gives a row twice when its table changed between two pages; it counts once.
            if any(self._is(number, row) for number in index.rows(slot)):
                return
            if not index.stores_further_row(slot):
                return
        self._number(np.array([row]))
        number = int(self._numbers[row])
        if again:
            index.add_further_row(slot, number)
        else:
            index.first[slot] = number

    def _is(self, number: int, row: int) -> bool:
        """Return whether the row stored under a number is this page's row."""
        if number > self._before:
            at = 16 * self.stored[number - self._before - 1]
            known: bytes | bytearray = self.raw[at : at + 16]
        else:
            known = self._earlier[16 * number - 16 : 16 * number]
        return known == self.raw[16 * row : 16 * row + 16]


def raw_ids(ids: Sequence[str]) -> bytes:
    """Return the ids of a page, 16 bytes each. Raises ValueError for one that is no GUID."""
    raw = bytes.fromhex("".join(ids).replace("-", ""))
    if len(raw) != 16 * len(ids) or not set(map(len, ids)) <= {32, 36}:
        raise ValueError("A row's id is not a GUID.")
    return raw
