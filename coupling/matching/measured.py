"""Both sides' values of many field pairs, read once and kept as hashes: what any criteria over them would couple.

    sides = MeasuredSides(criteria)
    sides.add_records(columns)         # local candidates in key order, part by part; columns as the criteria stand
    sides.add_rows(ids, columns)       # Dataverse rows, page by page
    sides.couple([(0,), (3, 4)], taken)  # by priority, the numbers of the criteria that are ANDed

The rules are the matcher's (coupling.matching.match), and so are the canonical texts: what is counted here is what a
coupling with these criteria does. A text is kept as 64 bits, so the memory is eight bytes for a value, whatever it is;
that two of a million texts share them happens once in many thousands of runs. No Django.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coupling.matching import compare
from coupling.matching.remote_page import raw_ids
from coupling.rows import Criterion

Hashes = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]
Partners = NDArray[np.int32]
Group = tuple[int, ...]
"""The numbers of the criteria of one priority."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class FieldMeasure:
    """How full a field pair is on both sides, in records and rows, and how many of its values are distinct."""

    filled_here: int
    filled_there: int
    distinct_here: int
    distinct_there: int


@dataclass(frozen=True, slots=True)
class Coupled:
    """What some criteria would do.

    unique: records that would be coupled; by_priority: how many of them by each; wrongly_joined: records whose value
    others share, here or in Dataverse, so that a match on it says nothing (see MeasuredSides.couple); filled_here,
    filled_there: how many records and rows have a value in every field of one priority at least; unique_here: records
    with exactly one row at one of the priorities; unique_there: rows that exactly one record has.
    """

    unique: int
    by_priority: tuple[int, ...]
    wrongly_joined: int
    filled_here: int
    filled_there: int
    unique_here: int
    unique_there: int


@dataclass(frozen=True, slots=True)
class _Matches:
    """What one priority finds. rows: per record one of its rows, -1 for none; several: whether there are more."""

    rows: Partners
    several: Flags
    has_record: Flags
    shared: Flags
    """Per row: whether several records have it."""
    filled_here: Flags
    filled_there: Flags


class _Side:
    """The values of one side, by criterion: hashes, 0 for a blank; further: those of second and third numbers."""

    def __init__(self, criteria: Sequence[Criterion], country: str) -> None:
        self._criteria, self._country = criteria, country
        self._columns = [compare.canonical_column(one, country) for one in criteria]
        self._parts: list[list[Hashes]] = [[] for _ in criteria]
        self._further_parts: list[list[tuple[int, Places, Hashes]]] = [[] for _ in criteria]
        self.count = 0
        self.values: list[Hashes] = []

    def add(self, columns: Sequence[Sequence[Any]], countries: Sequence[Any] | None, count: int) -> None:
        """Add values by criterion."""
        for at, (criterion, given) in enumerate(zip(self._criteria, columns, strict=True)):
            self._parts[at].append(_hashed(self._columns[at](given, countries)))
            for number, texts in enumerate(compare.further_columns(criterion, self._country, given, countries)):
                hashes = _hashed(texts)
                places = np.flatnonzero(hashes)
                self._further_parts[at].append((number, places + self.count, hashes[places]))
        self.count += count

    def seal(self, kept: NDArray[np.intp] | None = None) -> None:
        """Join what was added. kept: the places that count, in order; all unless given."""
        empty = np.empty(0, np.uint64)
        self.values = [np.concatenate([empty, *parts]) for parts in self._parts]
        self._parts = [[] for _ in self._criteria]
        if kept is not None:
            self.values = [values[kept] for values in self.values]
            new_place = np.full(self.count, -1, np.int64)
            new_place[kept] = np.arange(len(kept))
            self._further_parts = [
                [(number, new_place[places], hashes) for number, places, hashes in parts]
                for parts in self._further_parts
            ]
            self.count = len(kept)

    def readings(self, group: Group) -> Iterator[tuple[int | None, list[Hashes]]]:
        """Yield the columns of a group: as they are, then once for each further value (which one it replaces)."""
        columns = [self.values[at] for at in group]
        yield None, columns
        for place, at in enumerate(group):
            for number in sorted({number for number, _, _ in self._further_parts[at]}):
                column = np.zeros(self.count, np.uint64)
                for one, places, hashes in self._further_parts[at]:
                    if one == number:
                        there = places >= 0
                        column[places[there]] = hashes[there]
                yield place, [*columns[:place], column, *columns[place + 1 :]]


class MeasuredSides:
    """See the module. blank_is_no_match, country: as the matcher has them."""

    def __init__(self, criteria: Sequence[Criterion], *, country: str = "", blank_is_no_match: bool = False) -> None:
        self._blank_is_no_match = blank_is_no_match
        self._records, self._rows = _Side(criteria, country), _Side(criteria, country)
        self._ids = bytearray()
        self._known: dict[Group, _Matches] = {}
        self._taken = np.zeros(0, np.bool_)
        self._met = np.empty(0, np.int64)

    @property
    def record_count(self) -> int:
        """How many local candidates there are."""
        return self._records.count

    @property
    def row_count(self) -> int:
        """How many Dataverse rows there are; before `seal`, one that came twice counts twice."""
        return self._rows.count

    def add_records(self, columns: Sequence[Sequence[Any]], countries: Sequence[Any] | None, count: int) -> None:
        """Add local candidates in key order, by criterion; values of lookups as ids of the coupled rows."""
        self._records.add(columns, countries, count)

    def add_rows(self, ids: Sequence[str], columns: Sequence[Sequence[Any]], countries: Sequence[Any] | None) -> None:
        """Add Dataverse rows, by criterion. A row that comes twice counts once."""
        self._ids += raw_ids(ids)
        self._rows.add(columns, countries, len(ids))

    def seal(self) -> None:
        """End adding."""
        self._records.seal()
        ids = np.frombuffer(bytes(self._ids), "V16")
        first = np.sort(np.unique(ids, return_index=True)[1]) if len(ids) else np.empty(0, np.intp)
        self._rows.seal(first if len(first) < len(ids) else None)
        if len(first) < len(ids):
            self._ids = bytearray(ids[first].tobytes())
        self._taken = np.zeros(self.row_count, np.bool_)

    def row_ids_met(self, size: int = 5000) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the ids of the rows that any record may meet, in parts, each with the place of its first one."""
        met = np.zeros(self.row_count, np.bool_)
        for at in range(len(self._records.values)):
            met |= self._matches((at,)).has_record
        self._met = np.flatnonzero(met)
        for start in range(0, len(self._met), size):
            part = self._met[start : start + size].tolist()
            yield start, [bytes(self._ids[16 * row : 16 * row + 16]) for row in part]

    def take(self, start: int, ids: Sequence[bytes], coupled: Sequence[bytes]) -> None:
        """Note which rows of a part of `row_ids_met` are coupled already: they count, and nobody gets them."""
        known = set(coupled)
        for at, row_id in enumerate(ids):
            if row_id in known:
                self._taken[self._met[start + at]] = True

    # -- what they would do --------------------------------------------------------------------------------------------

    def measure(self, criterion: int) -> FieldMeasure:
        """Return how full the field pair of a criterion is, and how many of its values are distinct."""
        here, there = self._records.values[criterion], self._rows.values[criterion]
        filled_here, filled_there = here[here != 0], there[there != 0]
        return FieldMeasure(
            len(filled_here), len(filled_there), len(np.unique(filled_here)), len(np.unique(filled_there))
        )

    def couple(self, groups: Sequence[Group]) -> Coupled:
        """Return what a coupling by these priorities would do.

        Wrongly joined are records with several rows, and those with one row that other records have too (the first of
        them in key order would get it); but for those that another priority couples with a row of their own.
        """
        taken = self._taken.copy()
        open_ = np.ones(self.record_count, np.bool_)
        wrong, one_row = np.zeros(self.record_count, np.bool_), np.zeros(self.record_count, np.bool_)
        one_record, filled_here = np.zeros(self.row_count, np.bool_), np.zeros(self.record_count, np.bool_)
        filled_there = np.zeros(self.row_count, np.bool_)
        counts = []
        for group in groups:
            found = self._matches(group)
            has_one = (found.rows >= 0) & ~found.several
            filled_here |= found.filled_here
            filled_there |= found.filled_there
            one_row |= has_one
            one_record |= found.has_record & ~found.shared
            free = np.flatnonzero(open_ & has_one)
            free = free[~taken[found.rows[free]]]
            shared = found.shared[found.rows[free]]
            wrong |= open_ & found.several
            wrong[free[shared]] = True
            row, among = np.unique(found.rows[free], return_index=True)
            position = free[among]
            taken[row] = True
            open_[position] = False
            wrong[position[~found.shared[row]]] = False
            counts.append(len(position))
        return Coupled(
            sum(counts), tuple(counts), int(wrong.sum()), int(filled_here.sum()), int(filled_there.sum()),
            int(one_row.sum()), int(one_record.sum()),
        )  # fmt: skip

    def examples(self, group: Group, limit: int = 3) -> list[tuple[int, int, int]]:
        """Return values that many share, those of most records and rows first: (a record, records, rows)."""
        here, there = self._key(self._records, group), self._key(self._rows, group)
        keys, first, counts = np.unique(here, return_index=True, return_counts=True)
        row_keys, row_counts = np.unique(there, return_counts=True)
        place = np.searchsorted(row_keys, keys)
        place[place == len(row_keys)] = 0
        rows = np.where(row_keys[place] == keys, row_counts[place], 0) if len(row_keys) else np.zeros(len(keys), int)
        rows[keys == 0] = 0
        many = np.flatnonzero((rows > 0) & (counts + rows > 2))
        many = many[np.argsort(-(counts[many] + rows[many]), kind="stable")][:limit]
        return [(int(first[at]), int(counts[at]), int(rows[at])) for at in many]

    def _key(self, side: _Side, group: Group) -> Hashes:
        """Return one key a record or row with all fields filled, 0 for the others."""
        columns = [side.values[at] for at in group]
        return np.where(_all_filled(columns, side.count), _combined(columns), np.uint64(0))

    def _matches(self, group: Group) -> _Matches:
        """Return what one priority finds; kept, since many sequences have the same."""
        found = self._known.get(group)
        if found is None:
            found = self._known[group] = self._matched(group)
        return found

    def _matched(self, group: Group) -> _Matches:
        masks: set[int] = set()
        keys, places = [], []
        for replaced, columns in self._records.readings(group):
            used = np.zeros(self.record_count, np.int64)
            for at, column in enumerate(columns):
                used |= (column != 0).astype(np.int64) << at
            every = (1 << len(group)) - 1
            having = np.flatnonzero(used == every if self._blank_is_no_match else used)
            if replaced is not None:
                having = having[columns[replaced][having] != 0]
            masks |= set(np.unique(used[having]).tolist())
            keys.append(_combined([column[having] for column in columns]))
            places.append(having)
        row_keys, row_places = [], []
        for replaced, columns in self._rows.readings(group):
            for mask in masks:
                if replaced is not None and not mask >> replaced & 1:
                    continue
                looked_at = [column for at, column in enumerate(columns) if mask >> at & 1]
                having = np.flatnonzero(_all_filled(looked_at, self.row_count))
                counted = [
                    column[having] if mask >> at & 1 else np.zeros(len(having), np.uint64)
                    for at, column in enumerate(columns)
                ]
                row_keys.append(_combined(counted))
                row_places.append(having)
        here = _joined(keys, np.uint64), _joined(places, np.int64)
        there = _joined(row_keys, np.uint64), _joined(row_places, np.int64)
        rows, last_row = _partners(here, there, self.record_count)
        record, last_record = _partners(there, here, self.row_count)
        filled_here = _all_filled([self._records.values[at] for at in group], self.record_count)
        filled_there = _all_filled([self._rows.values[at] for at in group], self.row_count)
        return _Matches(rows, rows != last_row, record >= 0, record != last_record, filled_here, filled_there)


def _hashed(texts: Sequence[str]) -> Hashes:
    """Return 64 bits for each text, 0 for the empty one alone."""
    return np.fromiter(map(hash, texts), np.int64, len(texts)).view(np.uint64)


def _combined(columns: Sequence[Hashes]) -> Hashes:
    """Return one key a place; a column of zeros alone is as if its field were not there."""
    key = columns[0].copy()
    for column in columns[1:]:
        key *= _MIX
        key ^= key >> np.uint64(29)
        key += column
    return key


def _all_filled(columns: Sequence[Hashes], count: int) -> Flags:
    filled = np.ones(count, np.bool_)
    for column in columns:
        filled &= column != 0
    return filled


def _joined(parts: Sequence[NDArray[Any]], type_: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, type_), *parts])


def _partners(mine: tuple[Hashes, Places], theirs: tuple[Hashes, Places], count: int) -> tuple[Partners, Partners]:
    """Return, of all that share a key with each of my places, the first and the last place; -1 for none.

    They are the same where there is exactly one.
    """
    order = np.argsort(theirs[0])
    keys, places = theirs[0][order], theirs[1][order]
    first, last = np.full(count, np.iinfo(np.int64).max), np.full(count, -1, np.int64)
    if len(keys):
        begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        least, most = np.minimum.reduceat(places, begins), np.maximum.reduceat(places, begins)
        known = keys[begins]
        at = np.searchsorted(known, mine[0])
        at[at == len(known)] = 0
        hits = np.flatnonzero(known[at] == mine[0])
        np.minimum.at(first, mine[1][hits], least[at[hits]])
        np.maximum.at(last, mine[1][hits], most[at[hits]])
    return np.where(last < 0, -1, first).astype(np.int32), last.astype(np.int32)
