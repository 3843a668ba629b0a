"""Match-based coupling, pure: local candidates and pages of Dataverse rows in, one decision per candidate out.

    matcher = Matcher(groups(criteria))
    matcher.add(ids, columns)              # local candidates in key order, part by part
    matcher.add_remote_page(ids, names, columns)      # Dataverse rows, page by page; a row once
    for decision in matcher.decide(coupled): ...

The rules: each priority stands alone, its fields are ANDed; all candidates are tried at one priority before any is
tried at the next; a blank local value drops its field from the group, and a group with nothing left matches nothing;
exactly one row, not coupled, is a match. Dataverse rows that are coupled already count as candidates; the first
candidate in key order gets a row that two want.

What is kept grows with the local candidates alone, whatever the size of the Dataverse table: per priority their keys
with columns of numbers beside them (coupling.keyed), and of Dataverse rows only the first three that a key met. Pages
are compared as a whole, by calls that run in C. No Django here.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import numpy as np

from coupling.matching import compare
from coupling.matching.key_index import KeyIndex, Places, Slots, encode
from coupling.rows import Criterion, RemoteRow


class Result(StrEnum):
    """What became of a record, or of one priority. Values are those of jobs.models.Reason where they are reasons."""

    COUPLED = "coupled"
    NO_MATCH = "no_match"
    MULTIPLE = "multiple_matches"
    ALREADY_COUPLED = "already_coupled"
    BLANK = "blank"
    """Of a priority only: the record has no value to match on there."""


_TELLING = (Result.MULTIPLE, Result.ALREADY_COUPLED)


@dataclass(frozen=True, slots=True)
class Group:
    """The criteria of one priority."""

    priority: int
    criteria: tuple[Criterion, ...]


class Candidate(NamedTuple):
    """A Dataverse row that a record's key met. `partner`: the record (its position) that got the row in this run."""

    id: UUID
    name: str
    coupled: bool = False
    partner: int | None = None


class PriorityResult(NamedTuple):
    """What one priority gave: how many rows met the key, and what that means."""

    priority: int
    met: int
    result: Result


@dataclass(slots=True)
class Decision:
    """What becomes of one local candidate, and why.

    `position`: its place in key order; `group`: the index of the group that decided (for a record not coupled: of the
    one that says most); `count`: how many Dataverse rows met the key there; `trail`: every priority tried, in order.
    """

    position: int
    local_id: UUID
    result: Result
    group: int
    count: int
    candidates: tuple[Candidate, ...]
    trail: tuple[PriorityResult, ...]


def group_by_priority(criteria: Iterable[Criterion]) -> list[Group]:
    """The criteria by priority, ascending; within one priority in the order given."""
    by_priority: dict[int, list[Criterion]] = {}
    for criterion in criteria:
        by_priority.setdefault(criterion.priority, []).append(criterion)
    return [Group(priority, tuple(by_priority[priority])) for priority in sorted(by_priority)]


class Matcher:
    """Matches one set of local candidates against a stream of Dataverse rows.

    blank_is_no_match: a blank local value makes its whole group match nothing, instead of dropping the field.
    country: where phone numbers without a country prefix belong; countries: the local field and the Dataverse column
    that hold a record's own country, which counts before that one, if both sides have it.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        blank_is_no_match: bool = False,
        country: str = "",
        countries: tuple[str, str] | None = None,
    ) -> None:
        self.groups = tuple(groups)
        self._country_field, self._country_column = countries or ("", "")
        self._columns = [
            [compare.canonical_column(criterion, country) for criterion in group.criteria] for group in groups
        ]
        self._indexes = [KeyIndex() for _ in groups]
        self._masks: list[set[tuple[bool, ...]]] = [set() for _ in groups]
        self._blank_is_no_match = blank_is_no_match
        self._ids = bytearray()
        self._found_ids = bytearray()
        self._found_names = bytearray()
        self._found_ends = array("Q", [0])

    def __len__(self) -> int:
        """How many local candidates there are."""
        return len(self._ids) // 16

    @property
    def kept_rows(self) -> int:
        """How many Dataverse rows are kept as somebody's candidate."""
        return len(self._found_ids) // 16

    # -- the local side --------------------------------------------------------------------------------------------

    def add(self, ids: Sequence[bytes], columns: Mapping[str, Sequence[object]]) -> None:
        """Add local candidates in key order: their ids (16 bytes each) and, by local field, their values.

        Values of lookup criteria come as the id of the coupled Dataverse row.
        """
        countries = columns.get(self._country_field)
        self._ids += b"".join(ids)
        if len(self._ids) % 16:
            raise ValueError("An id has 16 bytes.")
        for group, makers, index, masks in zip(self.groups, self._columns, self._indexes, self._masks, strict=True):
            canonical = [
                make(columns[criterion.local], countries)
                for criterion, make in zip(group.criteria, makers, strict=True)
            ]
            keys = compare.join_keys(canonical)
            if len(canonical) == 1:
                masks.add((True,))
            elif any("" in column for column in canonical):
                used = list(zip(*[map(bool, column) for column in canonical], strict=True))
                if self._blank_is_no_match:
                    keys = [key if all(mask) else "" for key, mask in zip(keys, used, strict=True)]
                    masks.add((True,) * len(canonical))
                else:
                    # A record without any value has a key of separators only, which no Dataverse row is asked for.
                    keys = [key if any(mask) else "" for key, mask in zip(keys, used, strict=True)]
                    masks.update(used)
            else:
                masks.add((True,) * len(canonical))
            index.add(keys)

    # -- the Dataverse side ------------------------------------------------------------------------------------------

    def add_remote_page(
        self, ids: Sequence[str], names: Sequence[str | None], columns: Mapping[str, Sequence[object]]
    ) -> None:
        """Compare one page of Dataverse rows: ids as texts, names, and by column the values. Each row comes once."""
        page = _RemotePage(self, _raw(ids))
        countries = columns.get(self._country_column)
        for group, makers, index, masks in zip(self.groups, self._columns, self._indexes, self._masks, strict=True):
            canonical = [
                make(columns[criterion.integration], countries)
                for criterion, make in zip(group.criteria, makers, strict=True)
            ]
            blanks = [len(canonical) > 1 and "" in column for column in canonical]
            for mask in masks:
                if not any(mask):
                    continue
                keys = compare.join_keys(
                    [column if used else [""] * len(ids) for column, used in zip(canonical, mask, strict=True)]
                )
                # A row that is blank where the mask looks cannot meet a key of this mask.
                for column, used, has_blank in zip(canonical, mask, blanks, strict=True):
                    if used and has_blank:
                        keys = [key if value else "" for key, value in zip(keys, column, strict=True)]
                page.meet(index, index.met(keys))
        self._keep(page, names)

    def add_remote_rows(self, rows: Sequence[RemoteRow]) -> None:
        """Compare rows given as records: for probes and small tables."""
        wanted = {criterion.integration for group in self.groups for criterion in group.criteria}
        wanted |= {self._country_column} - {""}
        self.add_remote_page(
            [row.id.hex for row in rows],
            [row.name for row in rows],
            {name: [row.values.get(name) for row in rows] for name in wanted},
        )

    def _keep(self, page: "_RemotePage", names: Sequence[str | None]) -> None:
        """Remember the page's rows that are somebody's candidates."""
        rows = page.kept
        self._found_ids += np.frombuffer(page.raw, "V16")[rows].tobytes()
        encoded, sizes = encode([names[row] or "" for row in rows])
        self._found_ends.frombytes((np.cumsum(sizes) + len(self._found_names)).astype(np.uint64).tobytes())
        self._found_names += encoded

    # -- deciding --------------------------------------------------------------------------------------------------

    def decide(self, coupled: Callable[[list[bytes]], Iterable[bytes]] | None = None) -> "Decisions":
        """Decide all candidates. `coupled` answers which of up to 5000 row ids (16 bytes each) are coupled already.

        The answer is asked once per kept row, before anything is decided.
        """
        taken = np.zeros(self.kept_rows + 1, np.uint8)
        for start in range(0, self.kept_rows if coupled else 0, 5000):
            stop = min(start + 5000, self.kept_rows)
            part = [bytes(self._found_ids[16 * at : 16 * at + 16]) for at in range(start, stop)]
            if coupled and (known := set(coupled(part))):
                taken[[at for at, found in enumerate(part, start + 1) if found in known]] = 1
        partner = np.zeros(self.kept_rows + 1, np.uint32)
        decided = np.zeros(len(self), np.uint32)
        by = np.zeros(len(self), np.uint8)
        for number, index in enumerate(self._indexes, 1):
            slots = index.slots
            rows = index.first[slots]
            free = np.flatnonzero((by == 0) & (rows != 0) & (taken[rows] == 0) & ~index.several()[slots])
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


class _RemotePage:
    """One page while it is compared: which of its rows are kept, in the order they were met."""

    def __init__(self, matcher: Matcher, raw: bytes) -> None:
        self.raw = raw
        self.kept: list[int] = []
        self._numbers = np.zeros(len(raw) // 16, np.uint32)
        self._before = matcher.kept_rows
        self._earlier = matcher._found_ids

    def meet(self, index: KeyIndex, slots: Slots) -> None:
        """Note which rows met which slots of a priority; row by row, 0 for none."""
        rows = np.flatnonzero(slots)
        met = slots[rows]
        alone = index.first[met] == 0
        ordered = np.sort(met)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if len(twice):
            alone &= ~np.isin(met, twice)
        self._number(rows[alone])
        index.first[met[alone]] = self._numbers[rows[alone]]
        # What is left are second rows of somebody, and rows of one page that met the same slot.
        for row, slot in zip(rows[~alone].tolist(), met[~alone].tolist(), strict=True):
            self._meet(index, slot, row)

    def _number(self, rows: Places) -> None:
        """Keep these rows of the page, those that are not kept yet."""
        fresh = rows[self._numbers[rows] == 0]
        first = self._before + len(self.kept) + 1
        self._numbers[fresh] = np.arange(first, first + len(fresh))
        self.kept += fresh.tolist()

    def _meet(self, index: KeyIndex, slot: int, row: int) -> None:
        again = index.first[slot]
        if again:
            # The service gives a row twice when its table changed between two pages; it counts once.
            if any(self._is(number, row) for number in index.rows(slot)):
                return
            if not index.counts_further(slot):
                return
        self._number(np.array([row]))
        number = int(self._numbers[row])
        if again:
            index.meet(slot, number)
        else:
            index.first[slot] = number

    def _is(self, number: int, row: int) -> bool:
        """Whether the row kept under a number is this page's row."""
        if number > self._before:
            at = 16 * self.kept[number - self._before - 1]
            known: bytes | bytearray = self.raw[at : at + 16]
        else:
            known = self._earlier[16 * number - 16 : 16 * number]
        return known == self.raw[16 * row : 16 * row + 16]


def _raw(ids: Sequence[str]) -> bytes:
    """The ids of a page, 16 bytes each."""
    raw = bytes.fromhex("".join(ids).replace("-", ""))
    if len(raw) != 16 * len(ids) or not set(map(len, ids)) <= {32, 36}:
        raise ValueError("A row's id is not a GUID.")
    return raw


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

    def __len__(self) -> int:
        return len(self._decided)

    def __iter__(self) -> Iterator[Decision]:
        return map(self.at, range(len(self)))

    def id_at(self, position: int) -> bytes:
        """The 16 bytes of the local id at a position."""
        return bytes(self._matcher._ids[16 * position : 16 * position + 16])

    def find(self, local_id: bytes, start: int = 0) -> int | None:
        """The position, from `start` on, of a local id."""
        ids, at = self._matcher._ids, 16 * start
        while (at := ids.find(local_id, at)) >= 0:
            if at % 16 == 0:
                return at // 16
            at += 1
        return None

    def coupled(self) -> int:
        """How many records get a row."""
        return len(self._by) - self._by.count(0)

    def coupled_by(self) -> list[int]:
        """Per group, how many records get their row by it."""
        return [self._by.count(number) for number in range(1, len(self._matcher.groups) + 1)]

    def tally(self) -> dict[Result, int]:
        """How many records end how; cheaper than iterating."""
        counts: dict[Result, int] = dict.fromkeys((Result.COUPLED, Result.NO_MATCH, *_TELLING), 0)
        counts[Result.COUPLED] = self.coupled()
        for position, by in enumerate(self._by):
            if not by:
                counts[self._most_telling(position)[0]] += 1
        return counts

    def row_at(self, position: int) -> UUID | None:
        """The Dataverse row that the record at a position gets."""
        row = self._decided[position]
        return UUID(bytes=self._found_id(row)) if row else None

    def at(self, position: int) -> Decision:
        """The decision on the record at a position."""
        matcher = self._matcher
        by = self._by[position]
        if by:
            result, group, upto = Result.COUPLED, by - 1, by - 1
            row = self._decided[position]
            candidates: tuple[Candidate, ...] = (
                Candidate(UUID(bytes=self._found_id(row)), self._name(row), False, None),
            )
            count = 1
        else:
            (result, group), upto = self._most_telling(position), len(matcher.groups)
            index = matcher._indexes[group]
            slot = index.slots[position]
            count = index.count(slot)
            candidates = tuple(
                Candidate(
                    UUID(bytes=self._found_id(row)),
                    self._name(row),
                    bool(self._taken[row]),
                    self._partner[row] - 1 if self._partner[row] else None,
                )
                for row in index.rows(slot)
            )
        trail: tuple[PriorityResult, ...] = (
            (PriorityResult(matcher.groups[group].priority, 1, Result.COUPLED),) if by else ()
        )
        if upto:
            trail = (*[self._tried(number, position) for number in range(upto)], *trail)
        return Decision(position, UUID(bytes=self.id_at(position)), result, group, count, candidates, trail)

    def _found_id(self, row: int) -> bytes:
        return bytes(self._matcher._found_ids[16 * row - 16 : 16 * row])

    def _name(self, row: int) -> str:
        ends = self._matcher._found_ends
        return self._matcher._found_names[ends[row - 1] : ends[row]].decode("utf-8", "surrogatepass")

    def _tried(self, number: int, position: int) -> PriorityResult:
        """What a priority that did not couple the record gave. What was free then would have been taken, so the state
        after all decisions tells the same as the state at the time."""
        index = self._matcher._indexes[number]
        slot = index.slots[position]
        count = index.count(slot)
        if not slot:
            result = Result.BLANK
        elif not count:
            result = Result.NO_MATCH
        elif count > 1:
            result = Result.MULTIPLE
        else:
            result = Result.ALREADY_COUPLED
        return PriorityResult(self._matcher.groups[number].priority, count, result)

    def _most_telling(self, position: int) -> tuple[Result, int]:
        """The outcome shown for a record that was not coupled, and the group it comes from."""
        results = [self._tried(number, position).result for number in range(len(self._matcher.groups))]
        for telling in _TELLING:
            if telling in results:
                return telling, results.index(telling)
        return Result.NO_MATCH, next((at for at, result in enumerate(results) if result is Result.NO_MATCH), 0)
