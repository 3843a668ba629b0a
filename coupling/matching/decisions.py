"""What the matcher decides about a record: the result, its candidates, and what each priority gave. No Django."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

UNLOOKED = "unlooked"
"""Marks the detail of an outcome without a match where nobody looked for rows that are nearly alike."""


class Result(StrEnum):
    """What became of a record, or of one priority. Values are those of jobs.models.Reason where they are reasons."""

    COUPLED = "coupled"
    NO_MATCH = "no_match"
    MULTIPLE = "multiple_matches"
    ALREADY_COUPLED = "already_coupled"
    BLANK = "blank"
    """Of a priority only: the record has no value to match on there."""


class Candidate(NamedTuple):
    """A Dataverse row that has a record's key. partner: the position of the record that got the row in this run."""

    id: UUID
    name: str
    coupled: bool = False
    partner: int | None = None


class PriorityResult(NamedTuple):
    """What one priority gave: how many rows have the key, and what that means."""

    priority: int
    row_count: int
    result: Result


@dataclass(slots=True)
class Decision:
    """What becomes of one local candidate, and why.

    position: its place in key order; group: the index of the group that decided (for a record not coupled: of the one
    that is shown); row_count: how many Dataverse rows have the key there; trail: every priority tried, in order.
    """

    position: int
    local_id: UUID
    result: Result
    group: int
    row_count: int
    candidates: tuple[Candidate, ...]
    trail: tuple[PriorityResult, ...]
