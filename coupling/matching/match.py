"""Match-based coupling, pure: local candidates and pages of Dataverse rows in, one decision per candidate out.

    matcher = Matcher(groups(criteria))
    matcher.add(ids, columns)              # local candidates in key order, part by part
    matcher.add_remote_page(ids, names, columns)  # Dataverse rows, page by page; a row once
    for decision in matcher.decide(coupled): ...

The rules: each priority stands alone, its fields are ANDed; all candidates are tried at one priority before any is
tried at the next; a blank local value drops its field from the group, and a group without fields matches nothing;
exactly one row, not coupled, is a match. Dataverse rows that are coupled already count as candidates; the first
candidate in key order gets a row that two want.

What is stored grows with the local candidates alone, whatever the size of the Dataverse table: per priority their keys
with columns of numbers (coupling.matching.key_index), and of Dataverse rows only the first three that have a key. Pages
are compared as a whole, by calls that run in C. No Django.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import numpy as np

from coupling.matching.alike import NEAR_MISS, AlikeRow, AlikeRows, best_first, compared_by
from coupling.matching.decisions import Candidate, Decision, PriorityResult, Result
from coupling.matching.found_rows import FoundRows, digits_at
from coupling.matching.group_index import GroupIndex
from coupling.matching.remote_page import RemotePage
from coupling.rows import Criterion, RemoteRow

_SHOWN_FIRST = (Result.MULTIPLE, Result.ALREADY_COUPLED)


@dataclass(frozen=True, slots=True)
class Group:
    """The criteria of one priority."""

    priority: int
    criteria: tuple[Criterion, ...]


def group_by_priority(criteria: Iterable[Criterion]) -> list[Group]:
    """Return the criteria by priority, ascending; within one priority in the order given."""
    by_priority: dict[int, list[Criterion]] = {}
    for criterion in criteria:
        by_priority.setdefault(criterion.priority, []).append(criterion)
    return [Group(priority, tuple(by_priority[priority])) for priority in sorted(by_priority)]


class Matcher:
    """Matches one set of local candidates against a stream of Dataverse rows.

    blank_is_no_match: a blank local value makes its whole group match nothing, instead of dropping the field.
    country: the company's (ISO 3166), for phone numbers without a prefix; countries: the local field and the Dataverse
    column with a record's own country, which counts first. near_misses: note for each record, beside its matches, a row
    that differs in invisible characters, spacing, punctuation or legal form alone. keeps_values: store the values
    compared of each row that is stored.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        blank_is_no_match: bool = False,
        country: str = "",
        countries: tuple[str, str] | None = None,
        near_misses: bool = False,
        keeps_values: bool = False,
    ) -> None:
        self.groups = tuple(groups)
        self._keeps_values = keeps_values
        self._country_field, self._country_column = countries or ("", "")
        self._indexes = [
            GroupIndex(group.criteria, country, blank_is_no_match=blank_is_no_match, near_misses=near_misses)
            for group in self.groups
        ]
        criteria = [one for group in self.groups for one in group.criteria]
        self._alike = AlikeRows(compared_by(criteria)) if near_misses else None
        self._ids = bytearray()
        self._found = FoundRows()

    def __len__(self) -> int:
        """Return how many local candidates there are."""
        return len(self._ids) // 16

    @property
    def stored_rows(self) -> int:
        """The number of Dataverse rows stored as somebody's candidate."""
        return len(self._found)

    def for_other_rows(self) -> "Matcher":
        """Return a matcher of the same local candidates, all of them added, for other Dataverse rows."""
        other = copy(self)
        other._indexes, other._alike = [index.without_rows() for index in self._indexes], None
        other._found = FoundRows()
        other._keeps_values = False
        return other

    def let_go(self) -> None:
        """Drop what only comparing rows needs, more than half of what is stored: from now on none is compared."""
        for index in self._indexes:
            index.let_go()
        if self._alike is not None:
            self._alike.let_go()

    # -- the local side --------------------------------------------------------------------------------------------

    def add(
        self, ids: Sequence[bytes], columns: Mapping[str, Sequence[object]], names: Sequence[object] | None = None
    ) -> None:
        """Add local candidates in key order: their ids (16 bytes each) and, by local field, their values.

        Values of lookup criteria come as the id of the coupled Dataverse row. names: by which rows may be alike.
        """
        countries = columns.get(self._country_field)
        self._ids += b"".join(ids)
        if len(self._ids) % 16:
            raise ValueError("An id has 16 bytes.")
        for index in self._indexes:
            index.add(columns, countries, len(ids))
        if self._alike is not None:
            called = names if names is not None else [""] * len(ids)
            self._alike.add([columns[one.local] if one.local else called for one in self._alike.compared])

    # -- the Dataverse side ------------------------------------------------------------------------------------------

    def add_remote_page(
        self, ids: Sequence[str], names: Sequence[str | None], columns: Mapping[str, Sequence[object]]
    ) -> None:
        """Compare one page of Dataverse rows: ids as texts, names, and by column the values. Each row comes once."""
        page = RemotePage(ids, self._found.ids)
        countries = columns.get(self._country_column)
        for group_index in self._indexes:
            for index, slots in group_index.find(columns, countries, ids, names):
                page.add_hits(index, slots)
        self._look_alike(ids, names, columns)
        self._found.store(page, names)
        if self._keeps_values:
            self._found.store_values(page, [columns[name] for name in self.value_columns])

    def _look_alike(
        self, ids: Sequence[str], names: Sequence[str | None], columns: Mapping[str, Sequence[object]]
    ) -> None:
        """Look for rows that are like records without any."""
        if self._alike is None or not self._alike.looks or not len(self):
            return
        matched = np.zeros(len(self), np.bool_)
        for index in self._indexes:
            matched |= index.has_row()
        values = [columns[one.column] if one.column else names for one in self._alike.compared]
        self._alike.look(ids, names, values, matched)

    def add_remote_rows(self, rows: Sequence[RemoteRow]) -> None:
        """Compare rows given as records: for probes and small tables."""
        self.add_remote_page([row.id.hex for row in rows], [row.name for row in rows], self._columns_of(rows))

    def look_near(self, rows: Sequence[RemoteRow]) -> None:
        """Look for near misses alone among some rows, also once all is decided."""
        columns, ids, names = self._columns_of(rows), [row.id.hex for row in rows], [row.name for row in rows]
        for group_index in self._indexes:
            group_index.look_near(columns, columns.get(self._country_column), ids, names)
        self._look_alike(ids, names, columns)

    def _columns_of(self, rows: Sequence[RemoteRow]) -> dict[str, list[object]]:
        wanted = {criterion.integration for group in self.groups for criterion in group.criteria}
        wanted |= {self._country_column} - {""}
        return {name: [row.values.get(name) for row in rows] for name in wanted}

    @property
    def value_columns(self) -> list[str]:
        """The Dataverse columns compared, each once: the order of the values of a stored row."""
        return list(dict.fromkeys(one.integration for group in self.groups for one in group.criteria))

    # -- deciding --------------------------------------------------------------------------------------------------

    def decide(self, coupled: Callable[[list[bytes]], Iterable[bytes]] | None = None) -> "Decisions":
        """Decide all candidates.

        coupled: returns which of up to 5000 row ids (16 bytes each) are coupled already; it is called before anything
        is decided, with each stored row once.
        """
        taken = np.zeros(self.stored_rows + 1, np.uint8)
        for start in range(0, self.stored_rows if coupled else 0, 5000):
            stop = min(start + 5000, self.stored_rows)
            part = [bytes(self._found.ids[16 * at : 16 * at + 16]) for at in range(start, stop)]
            if coupled and (known := set(coupled(part))):
                taken[[at for at, row_id in enumerate(part, start + 1) if row_id in known]] = 1
        partner = np.zeros(self.stored_rows + 1, np.uint32)
        decided = np.zeros(len(self), np.uint32)
        by = np.zeros(len(self), np.uint8)
        for number, index in enumerate(self._indexes, 1):
            rows, several = index.only_rows()
            free = np.flatnonzero((by == 0) & (rows != 0) & (taken[rows] == 0) & ~several)
            # Of those that want the same row, the first in key order gets it.
            row, among = np.unique(rows[free], return_index=True)
            position = free[among]
            taken[row] = 2
            partner[row] = position + 1
            decided[position] = row
            by[position] = number
        # One by one their numbers are read quicker from these than from numpy's arrays.
        return Decisions(
            self, bytearray(taken), array("I", partner.tobytes()), array("I", decided.tobytes()), bytearray(by)
        )


class Decisions:
    """All decisions of a matcher, in key order; iterate it, or ask for one by position."""

    def __init__(
        self, matcher: Matcher, taken: bytearray, partner: "array[int]", decided: "array[int]", by: bytearray
    ) -> None:
        self._matcher = matcher
        self._taken = taken
        self._partner = partner
        self._decided = decided
        self._by = by
        self._shown_at = lru_cache(maxsize=10_000)(self._result_shown)  # asked for several times each

    def __len__(self) -> int:
        return len(self._decided)

    def __iter__(self) -> Iterator[Decision]:
        return map(self.decision_at, range(len(self)))

    def let_go(self) -> None:
        """Drop what only comparing further rows needs: see Matcher."""
        self._matcher.let_go()

    def id_at(self, position: int) -> bytes:
        """Return the 16 bytes of the local id at a position."""
        return bytes(self._matcher._ids[16 * position : 16 * position + 16])

    def find_position(self, local_id: bytes, start: int = 0) -> int | None:
        """Return the position, from `start` on, of a local id; None where it is not there."""
        ids, at = self._matcher._ids, 16 * start
        while (at := ids.find(local_id, at)) >= 0:
            if at % 16 == 0:
                return at // 16
            at += 1
        return None

    def has_rows(self, position: int) -> bool:
        """Return whether any row has a key of the record at a position."""
        return any(index.has_rows(position) for index in self._matcher._indexes)

    def near_miss_at(self, position: int) -> tuple[int, tuple[object, ...]] | None:
        """Return the group and the values of a row that nearly has those of the record at a position; None for none."""
        if self.result_at(position) is not Result.NO_MATCH:
            return None
        for number, index in enumerate(self._matcher._indexes):
            if (near := index.near_miss(position)) is not None:
                return number, near.values
        return None

    def alike_at(self, position: int) -> list[AlikeRow]:
        """Return the rows that a record without a match nearly has: near misses (100 %), then what is alike."""
        if self.result_at(position) is not Result.NO_MATCH:
            return []
        near = [found for index in self._matcher._indexes if (found := index.near_miss(position)) is not None]
        alike = self._matcher._alike.at(position) if self._matcher._alike is not None else []
        return best_first([*(AlikeRow(one.id, one.name, 100, NEAR_MISS) for one in near), *alike])

    def closest_row_at(self, position: int) -> tuple[int, tuple[object, ...]] | None:
        """Return the group and the values of the row that is closest to the record at a position; None for none."""
        if self.result_at(position) is not Result.NO_MATCH:
            return None
        for number, index in enumerate(self._matcher._indexes):
            if (values := index.closest_row(position)) is not None:
                return number, values
        return None

    def positions_of_near_misses(self) -> list[int]:
        """Return the positions of the records without a match that have a near miss."""
        indexes = self._matcher._indexes
        found = sorted({position for index in indexes for position in index.positions_of_near_misses()})
        return [position for position in found if self.result_at(position) is Result.NO_MATCH]

    def positions_with_rows(self) -> list[int]:
        """Return the positions of the records that any row has a key of."""
        found = np.zeros(len(self), np.bool_)
        for index in self._matcher._indexes:
            found |= index.only_rows()[0] != 0
        return list(np.flatnonzero(found).tolist())

    def result_at(self, position: int) -> Result:
        """Return the result of the decision on the record at a position; quicker than the decision."""
        return Result.COUPLED if self._by[position] else self._shown_at(position)[0]

    def count_coupled(self) -> int:
        """Return how many records get a row."""
        return len(self._by) - self._by.count(0)

    def count_coupled_by_priority(self) -> list[int]:
        """Return per group how many records get their row by it."""
        return [self._by.count(number) for number in range(1, len(self._matcher.groups) + 1)]

    def count_results(self) -> dict[Result, int]:
        """Return how many records end how; cheaper than iterating."""
        counts: dict[Result, int] = dict.fromkeys((Result.COUPLED, Result.NO_MATCH, *_SHOWN_FIRST), 0)
        counts[Result.COUPLED] = self.count_coupled()
        for position, by in enumerate(self._by):
            if not by:
                counts[self._shown_at(position)[0]] += 1
        return counts

    def row_at(self, position: int) -> UUID | None:
        """Return the Dataverse row that the record at a position gets; None for none."""
        row = self._decided[position]
        return UUID(bytes=self._matcher._found.id_of(row)) if row else None

    def group_at(self, position: int) -> int | None:
        """Return the place of the priority that coupled the record at a position; None where none did."""
        by = self._by[position]
        return by - 1 if by else None

    def coupled_between(self, first: int, end: int) -> list[int]:
        """Return the positions, of those from `first` to before `end`, of the records that get a row."""
        return [at for at, by in enumerate(self._by[first:end], first) if by]

    def ids_at(self, positions: Sequence[int]) -> list[str]:
        """Return the local ids at these positions, as 32 digits each."""
        return digits_at(self._matcher._ids, positions)

    def row_ids_at(self, positions: Sequence[int]) -> list[str]:
        """Return the ids of the rows that the records at these positions get, as 32 digits each."""
        return digits_at(self._matcher._found.ids, [self._decided[at] - 1 for at in positions])

    def row_name_at(self, position: int) -> str:
        """Return the name of the row that the record at a position gets."""
        return self._matcher._found.name_of(self._decided[position])

    def candidate_values(self, position: int) -> list[list[object]]:
        """Return the values of the rows that `decision_at` gives as candidates, in their order, where they are kept."""
        matcher, row = self._matcher, self._decided[position]
        if row:
            return [matcher._found.values_of(row)]
        _, group = self._shown_at(position)
        return [matcher._found.values_of(one) for one in matcher._indexes[group].rows(position)]

    def tried_before(self, position: int) -> list[PriorityResult]:
        """Return what the priorities before the one that coupled the record at a position gave."""
        return [self._priority_result(number, position) for number in range(max(self._by[position] - 1, 0))]

    def decision_at(self, position: int) -> Decision:
        """Return the decision on the record at a position."""
        matcher, by = self._matcher, self._by[position]
        candidates: tuple[Candidate, ...]
        if by:
            result, group, upto = Result.COUPLED, by - 1, by - 1
            candidates = (self._candidate(self._decided[position])._replace(coupled=False, partner=None),)
            count = 1
        else:
            (result, group), upto = self._shown_at(position), len(matcher.groups)
            index = matcher._indexes[group]
            count = index.row_count(position)
            candidates = (*map(self._candidate, index.rows(position)),)
        trail: tuple[PriorityResult, ...] = (
            (PriorityResult(matcher.groups[group].priority, 1, Result.COUPLED),) if by else ()
        )
        if upto:
            trail = (*[self._priority_result(number, position) for number in range(upto)], *trail)
        return Decision(position, UUID(bytes=self.id_at(position)), result, group, count, candidates, trail)

    def _candidate(self, row: int) -> Candidate:
        found, partner = self._matcher._found, self._partner[row]
        known = bool(self._taken[row]), partner - 1 if partner else None
        return Candidate(UUID(bytes=found.id_of(row)), found.name_of(row), *known)

    def _priority_result(self, number: int, position: int) -> PriorityResult:
        """Return what a priority that did not couple the record gave.

        What was free then would have been taken, so the state after all decisions says the same as that at the time.
        """
        index = self._matcher._indexes[number]
        count = index.row_count(position)
        if not index.has_key(position):
            result = Result.BLANK
        elif not count:
            result = Result.NO_MATCH
        elif count > 1:
            result = Result.MULTIPLE
        else:
            result = Result.ALREADY_COUPLED
        return PriorityResult(self._matcher.groups[number].priority, count, result)

    def _result_shown(self, position: int) -> tuple[Result, int]:
        """Return the result shown for a record that was not coupled, and the group it comes from."""
        results = [self._priority_result(number, position).result for number in range(len(self._matcher.groups))]
        for shown in _SHOWN_FIRST:
            if shown in results:
                return shown, results.index(shown)
        return Result.NO_MATCH, next((at for at, result in enumerate(results) if result is Result.NO_MATCH), 0)
