"""Which candidate a failed record is coupled with where nobody chose one: the only one, or the one that stands out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from coupling.failures.candidates import CandidateRow, FailureSeen, row_id_of

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
        """Return the pair in words: "10150 Pine Logistics with Pine Logistics Ltd, London (97 % alike)"."""
        row = ", ".join(filter(None, (self.candidate.name or self.candidate.id, self.candidate.city)))
        alike = f" ({self.candidate.nearly} % alike)" if self.candidate.nearly else ""
        return f"{self.seen.failed} with {row}{alike}"


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
