"""What becomes of the couplings that a job made once the job is undone, and of what was synchronized since: pure.

A value goes back to what people last made of it: the writes of synchronization are followed from the newest to the
oldest, as long as each found what the one before it had written. Where somebody entered another value in between, that
one was overwritten, and it is what comes back. Where somebody changed the value after the last write, it stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from sync.rules.changes import Kept, code_of


class Stays(Enum):
    """Why a coupling that the job made is not ended. The values are reasons of the closed list (jobs.models.Reason)."""

    UNCOUPLED = "not_coupled"
    COUPLED_ANEW = "already_coupled"
    DECIDED = "changed_since"
    DELETED = "local_deleted"
    CREATING = "create_queued"
    NOT_PREVIEWED = "changed_since_preview"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a coupling that the job made stands now.

    there: it is still the one that the job made; ended: how it ended, as a clause; coupled_by: where its record is
    coupled otherwise by now, who or what did that; decided: what a person decided about the pair since, as a clause.
    """

    there: bool
    ended: str = ""
    coupled_by: str = ""
    decided: str = ""
    record_exists: bool = True
    pending: bool = False


class Why(NamedTuple):
    """Why a coupling is not ended: the reason, and the sentence."""

    why: Stays
    message: str


def stays(standing: Standing) -> Why | None:
    """Return why undoing the job leaves a pair as it is; None where its coupling is ended."""
    if not standing.there:
        if standing.coupled_by:
            return Why(
                Stays.COUPLED_ANEW,
                f"The record was coupled anew since, by {standing.coupled_by}. That coupling is not this job's, so it "
                "stays.",
            )
        ended = standing.ended or "the coupling was deleted"
        return Why(Stays.UNCOUPLED, f"There is nothing to undo: {ended} already.")
    if standing.pending:
        return Why(
            Stays.CREATING,
            "Whether its row was created in Dataverse is not known yet. Synchronize the mapping, then undo the job "
            "again.",
        )
    if not standing.record_exists:
        return Why(
            Stays.DELETED,
            "The record was deleted here since. What becomes of its coupling is settled by the next synchronization.",
        )
    if standing.decided:
        return Why(
            Stays.DECIDED,
            f"{standing.decided}, so the coupling counts as confirmed and stays. Delete it from the record's card if "
            "it is wrong.",
        )
    return None


class Write(NamedTuple):
    """One write of synchronization to a field of one side: what it replaced, and what it wrote.

    entered: whether people had entered a value on that side since the write before, if only the same one.
    """

    before: Kept
    after: Kept
    entered: bool = False


class Writes(NamedTuple):
    """What synchronization wrote to a field of one side, oldest first; entered: as above, since the last of them."""

    writes: tuple[Write, ...]
    entered: bool = False


class Line(NamedTuple):
    """A line of the history about one field of a pair: the side written, what it replaced, what it wrote.

    asked: a person had chosen the side that counts, whether or not it had changed.
    """

    here: bool
    before: Kept
    after: Kept
    asked: bool = False


def follow(lines: Iterable[Line]) -> dict[bool, Writes]:
    """Return what was written to a field, by side: here or not. Lines are given oldest first.

    What went to one side came from the other, where it had changed since synchronization wrote there last: so people
    had entered it, also where it is the same value as was written there.
    """
    found: dict[bool, list[Write]] = {True: [], False: []}
    entered = {True: False, False: False}
    for line in lines:
        found[line.here].append(Write(line.before, line.after, entered[line.here]))
        entered[line.here] = False
        if not line.asked:
            entered[not line.here] = True
    return {here: Writes(tuple(writes), entered[here]) for here, writes in found.items() if writes}


def own_value(writes: Sequence[Write]) -> Kept:
    """Return what people had last made of a value before these writes replaced it; oldest first, at least one.

    Values are compared by their codes, as when they are put back.
    """
    own = writes[-1].before
    for earlier, later in zip(reversed(writes[:-1]), reversed(writes), strict=False):
        if later.entered or code_of(earlier.after) != code_of(later.before):
            break  # somebody entered a value in between
        own = earlier.before
    return own
