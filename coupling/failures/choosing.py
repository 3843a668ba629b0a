"""Which candidate a failed record is coupled with where nobody chose one: the only one, or the one that stands out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from coupling.failures.candidates import CandidateRow, FailureSeen, row_id_of
from coupling.failures.compared import text_of
from jobs.display import caption_of_field

_EQUAL = 100
STANDS_OUT = 5
"""Per cent by which the most alike row is more alike than the next one."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A failed record and the row it is to be coupled with. by_person: a person chose this very row."""

    seen: FailureSeen
    candidate: CandidateRow
    row_id: UUID
    by_person: bool

    @property
    def sentence(self) -> str:
        """Return the pair in words, with the values compared where the row is only nearly alike."""
        row = ", ".join(filter(None, (self.candidate.name or self.candidate.id, self.candidate.city)))
        notes = [f"{self.candidate.nearly} % alike"] if 0 < self.candidate.nearly < _EQUAL else []
        if self.candidate.nearly:
            notes += [_values(one, self.candidate) for one in self.seen.fields]
        return f"{self.seen.failed} with {row} ({'; '.join(notes)})" if notes else f"{self.seen.failed} with {row}"


def _values(compared: Mapping[str, object], row: CandidateRow) -> str:
    """Return what a field compared holds on both sides."""
    here = text_of(compared.get("local_value")) or "blank"
    there = text_of(row.values.get(str(compared.get("integration")))) or "blank"
    return f"{caption_of_field(compared)} {here} here, {there} there"


def default_candidate(seen: FailureSeen) -> CandidateRow | None:
    """Return the one row that may be coupled with a record; of several nearly alike, the one that stands out."""
    free = seen.free
    if len(free) == 1:
        return None if seen.more else free[0]
    if len(free) < 2 or any(not one.nearly for one in free):
        return None
    best, second = sorted(free, key=lambda one: -one.nearly)[:2]
    return best if best.nearly >= second.nearly + STANDS_OUT else None


def choose(lines: Iterable[FailureSeen], asked: Mapping[int, str]) -> tuple[list[Chosen], list[FailureSeen]]:
    """Return the pairs to couple, and the records for which no row stands out. asked: row by failed record's id."""
    chosen: list[Chosen] = []
    open_: list[FailureSeen] = []
    for seen in lines:
        given = asked.get(seen.failed.pk)
        default = default_candidate(seen)
        one = next((row for row in seen.free if row.id == given), None) if given else default
        row_id = row_id_of(one) if one is not None else None
        if one is None or row_id is None:
            open_.append(seen)
        else:
            chosen.append(Chosen(seen, one, row_id, by_person=bool(given) and one is not default))
    return chosen, open_
