"""The keys of one priority: those of the local candidates, and which Dataverse rows have them. No Django.

A candidate has one key, and further ones where a field of it holds several phone numbers; so does a row. A row is the
candidate's where any of their keys are equal.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coupling.matching import compare
from coupling.matching.key_index import KeyIndex, Slots
from coupling.matching.near_misses import NearRow, NearRows, has_near_misses
from coupling.rows import Criterion

Canonical = list[list[str]]
"""Per criterion the canonical texts of its column."""


class GroupIndex:
    """The keys of the criteria of one priority. See Matcher for country, blank_is_no_match, near_misses."""

    def __init__(
        self, criteria: Sequence[Criterion], country: str, *, blank_is_no_match: bool, near_misses: bool = False
    ) -> None:
        self._criteria = criteria
        self._country = country
        self._columns = [compare.canonical_column(criterion, country) for criterion in criteria]
        self._blank_is_no_match = blank_is_no_match
        self._indexes = [KeyIndex()]
        """The first has a key of each candidate; the others further keys, of those that have some."""
        self._count = 0
        self._masks: set[tuple[bool, ...]] = set()
        """Which fields count, of all candidates."""
        self._near = NearRows(criteria) if near_misses and has_near_misses(criteria) else None

    # -- local candidates --------------------------------------------------------------------------------------------

    def add(self, columns: Mapping[str, Sequence[Any]], countries: Sequence[Any] | None, count: int) -> None:
        """Add `count` candidates, by their values per local field and their countries."""
        given = [columns[criterion.local] for criterion in self._criteria]
        canonical = self._canonical(given, countries)
        keys = [self._local_keys(canonical)]
        if self._near is not None:
            self._near.add(canonical, keys[0])
        keys += [self._local_keys(further, at) for at, further in self._further(canonical, given, countries)]
        while len(self._indexes) < len(keys):
            self._indexes.append(KeyIndex())
            self._indexes[-1].add([""] * self._count)
        for at, index in enumerate(self._indexes):
            index.add(keys[at] if at < len(keys) else [""] * count)
        self._count += count

    def _local_keys(self, canonical: Canonical, replaced: int | None = None) -> list[str]:
        """Return a key per candidate, "" for none. replaced: the column that must have a value."""
        keys = compare.join_keys(canonical)
        width = len(canonical)
        if width == 1 or not any("" in column for column in canonical):
            self._masks.add((True,) * width)
            return keys
        used = list(zip(*[map(bool, column) for column in canonical], strict=True))
        # A record without any value has a key of separators only, which no Dataverse row is asked for.
        enough = all if self._blank_is_no_match else any
        self._masks.update([(True,) * width] if self._blank_is_no_match else used)
        if replaced is not None:
            return [key if enough(mask) and mask[replaced] else "" for key, mask in zip(keys, used, strict=True)]
        return [key if enough(mask) else "" for key, mask in zip(keys, used, strict=True)]

    # -- Dataverse rows ----------------------------------------------------------------------------------------------

    def find(
        self,
        columns: Mapping[str, Sequence[Any]],
        countries: Sequence[Any] | None,
        ids: Sequence[str],
        names: Sequence[str | None],
    ) -> Iterator[tuple[KeyIndex, Slots]]:
        """Yield, for each index and way to read the rows, which slot each of the rows has there; 0 for none."""
        count = len(ids)
        given = [columns[criterion.integration] for criterion in self._criteria]
        canonical = self._canonical(given, countries)
        matched = np.zeros(count, np.bool_)
        readings: list[tuple[int | None, Canonical]] = [(None, canonical), *self._further(canonical, given, countries)]
        for replaced, texts in readings:
            blanks = [len(texts) > 1 and "" in column for column in texts]
            for mask in self._masks:
                if not any(mask) or (replaced is not None and not mask[replaced]):
                    continue
                keys = compare.join_keys(
                    [column if used else [""] * count for column, used in zip(texts, mask, strict=True)]
                )
                # A row that is blank where the mask looks cannot have a key of this mask.
                for column, used, has_blank in zip(texts, mask, blanks, strict=True):
                    if used and has_blank:
                        keys = [key if value else "" for key, value in zip(keys, column, strict=True)]
                for index in self._indexes:
                    slots = index.find_slots(keys)
                    matched |= slots != 0
                    yield index, slots
        if self._near is not None:
            places = np.flatnonzero(~matched).tolist()
            self._near.look(canonical, self._masks, given, places, self.has_row(), ids, names)

    def look_near(
        self,
        columns: Mapping[str, Sequence[Any]],
        countries: Sequence[Any] | None,
        ids: Sequence[str],
        names: Sequence[str | None],
    ) -> None:
        """Look at rows for near misses alone."""
        if self._near is not None:
            given = [columns[criterion.integration] for criterion in self._criteria]
            canonical = self._canonical(given, countries)
            self._near.look(canonical, self._masks, given, range(len(ids)), self.has_row(), ids, names)

    # -- both ----------------------------------------------------------------------------------------------------------

    def _canonical(self, given: Sequence[Sequence[Any]], countries: Sequence[Any] | None) -> Canonical:
        return [make(values, countries) for make, values in zip(self._columns, given, strict=True)]

    def _further(
        self, canonical: Canonical, given: Sequence[Sequence[Any]], countries: Sequence[Any] | None
    ) -> list[tuple[int, Canonical]]:
        """Return the columns once more for each further value of a field: (which column it is, all columns)."""
        found: list[tuple[int, Canonical]] = []
        for at, (criterion, values) in enumerate(zip(self._criteria, given, strict=True)):
            further = compare.further_columns(criterion, self._country, values, countries)
            found += [(at, [*canonical[:at], column, *canonical[at + 1 :]]) for column in further]
        return found

    # -- what was found ------------------------------------------------------------------------------------------------

    def only_rows(self) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Return per candidate a row that has its key, 0 for none, and whether there is more than one."""
        rows, several = _rows_of_slots(self._indexes[0])
        for index in self._indexes[1:]:
            further, further_several = _rows_of_slots(index)
            several = several | further_several | ((rows != 0) & (further != 0) & (rows != further))
            rows = np.where(rows != 0, rows, further)
        return rows, several

    def has_row(self) -> NDArray[np.bool_]:
        """Return per candidate whether a row has its key."""
        found: NDArray[np.bool_] = self.only_rows()[0] != 0
        return found

    def has_key(self, position: int) -> bool:
        """Return whether a candidate has a value to match on."""
        return bool(self._indexes[0].slots[position])

    def has_rows(self, position: int) -> bool:
        """Return whether a candidate has a row."""
        return any(index.first[index.slots[position]] for index in self._indexes)

    @property
    def near_rows(self) -> Mapping[int, NearRow]:
        """The rows stored as near misses."""
        return self._near.rows if self._near is not None else {}

    def near_miss(self, position: int) -> NearRow | None:
        """Return a row that nearly has a candidate's values; None for none."""
        return self._near.at(position) if self._near is not None else None

    def closest_row(self, position: int) -> tuple[Any, ...] | None:
        """Return the values, criterion by criterion, of the row that is closest to a candidate; None for none."""
        return self._near.closest_at(position) if self._near is not None else None

    def positions_of_near_misses(self) -> list[int]:
        """Return the positions of the candidates that have one, whatever else they have."""
        return self._near.positions() if self._near is not None else []

    def let_go(self) -> None:
        """Drop what only looking at rows needs."""
        for index in self._indexes:
            index.let_go()
        if self._near is not None:
            self._near.let_go()

    def without_rows(self) -> "GroupIndex":
        """Return an index of the same candidates without rows, for a second set of them."""
        other = copy(self)
        other._indexes = [index.without_rows() for index in self._indexes]
        other._near = None
        return other

    def rows(self, position: int) -> list[int]:
        """Return the rows stored for a candidate, each once."""
        return list(dict.fromkeys(row for index in self._indexes for row in index.rows(index.slots[position])))

    def row_count(self, position: int) -> int:
        """Return how many rows a candidate has; where a row may count twice, at least how many."""
        counts = [index.row_count(index.slots[position]) for index in self._indexes]
        return counts[0] if len(counts) == 1 else max(*counts, len(self.rows(position)))


def _rows_of_slots(index: KeyIndex) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return per candidate the first row that has its key there, 0 for none, and whether there are more."""
    slots = index.slots
    return index.first[slots], index.has_several_rows()[slots]
