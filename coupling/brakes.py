"""Brakes: above how many records a coupling stops before it couples or creates anything, and above how many deletions a
run waits for a person. Data in, sentences out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from core.refusals import Refusal
from coupling.job_parameters import CouplingParameters

REASON = "brake"
"""The word of jobs.models.Reason."""
CHANGE_THEM = "See in a preview which they are; then choose among them there, or raise the limit."


@dataclass(frozen=True, slots=True)
class Brakes:
    """At most so many records may be created, or so many of 100 that take part; at most so many may be coupled.

    deleted, deleted_percent: of at most so many pairs, or so many of 100, a run may find one side deleted and do what
    the mapping's option says. None: no limit; but where neither of these two is given, there is one all the same.
    """

    created: int | None = None
    created_percent: int | None = None
    coupled: int | None = None
    deleted: int | None = None
    deleted_percent: int | None = None

    @classmethod
    def asked(cls, given: CouplingParameters) -> "Brakes":
        """Return the brakes that a job is asked for."""
        return cls(given.stop_above, given.stop_above_percent, given.stop_coupled_above)

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> "Brakes":
        """Return the brakes that a mapping keeps, as `dump` gives them."""
        return cls(**values)

    def dump(self) -> dict[str, int]:
        """Return the limits that there are, by name: what a mapping keeps, and its file."""
        return {name: limit for name, limit in asdict(self).items() if limit is not None}

    def asked_instead(
        self,
        creating: Iterable[tuple[int | None, int | None]] | None,
        coupled: tuple[int | None] | None,
        deleted: Iterable[tuple[int | None, int | None]] | None = None,
    ) -> "Brakes":
        """Return these with other limits. creating and deleted: those on creating and on deletions, each in records or
        in percent, none of both for no limit of one's own, which take the place of both; coupled: the one on coupling;
        None leaves what is there.
        """
        made = _both(creating, (self.created, self.created_percent))
        gone = _both(deleted, (self.deleted, self.deleted_percent))
        return Brakes(*made, self.coupled if coupled is None else coupled[0], *gone)

    def on_coupling(self) -> "Brakes":
        """Return the limits of coupling alone."""
        return replace(self, deleted=None, deleted_percent=None)

    def most_deleted(self, total: int) -> int:
        """Return of how many of `total` pairs a run may find a side deleted before it waits for a person."""
        if self.deleted is None and self.deleted_percent is None:
            return max(LEAST_DELETED, total * DELETED_PERCENT // 100)
        share = None if self.deleted_percent is None else total * self.deleted_percent // 100
        return min(limit for limit in (self.deleted, share) if limit is not None)

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return self != Brakes()

    def most_created(self, total: int) -> int | None:
        """Return how many records may be created where `total` take part; None for any number."""
        share = None if self.created_percent is None else total * self.created_percent // 100
        given = [limit for limit in (self.created, share) if limit is not None]
        return min(given, default=None)

    def stops_creating(self, count: int, total: int) -> bool:
        """Return whether so many are too many to be created where `total` take part."""
        most = self.most_created(total)
        return most is not None and count > most

    def stops_coupling(self, count: int) -> bool:
        """Return whether so many are too many to be coupled."""
        return self.coupled is not None and count > self.coupled


NO_BRAKES = Brakes()
LEAST_DELETED, DELETED_PERCENT = 100, 10
"""Where a mapping says nothing: more than 100 pairs, and more than 10 % of them, wait for a person."""


def _both(
    given: Iterable[tuple[int | None, int | None]] | None, stored: tuple[int | None, int | None]
) -> tuple[int | None, int | None]:
    """Return a limit in records and one in percent, as they are given, each by itself; else those that are stored."""
    if given is None:
        return stored
    found: tuple[int | None, int | None] = (None, None)
    for number, percent in given:
        found = (found[0] if number is None else number, found[1] if percent is None else percent)
    return found


LIMITS: Mapping[str, tuple[str, int]] = {
    "created": ("created", 1_000_000_000),
    "created_percent": ("created (%)", 100),
    "coupled": ("coupled", 1_000_000_000),
    "deleted": ("deleted", 1_000_000_000),
    "deleted_percent": ("deleted (%)", 100),
}
"""The limits that a mapping may keep: what sentences call each, and the largest it takes."""


def creating_stopped(count: int, most: int) -> Refusal:
    """Return why none of so many records is created."""
    would = "1 record would be created" if count == 1 else f"{count:,} records would be created"
    return Refusal(REASON, f"{would}, and the brake stops above {most:,}, so none is.", CHANGE_THEM)


def coupling_stopped(count: int, most: int) -> Refusal:
    """Return why none of so many records is coupled."""
    would = "1 record would be coupled" if count == 1 else f"{count:,} records would be coupled"
    return Refusal(REASON, f"{would}, and the brake stops above {most:,}, so none is.", CHANGE_THEM)


def record_not_created(count: int, most: int) -> str:
    """Return what is told of one of the records that are not created."""
    return f"It is not created: the brake stops above {most:,}, and {count:,} would be."


def deletions_stopped(count: int, total: int, most: int) -> str:
    """Return why a run does nothing about pairs one side of which was deleted: too many were at once."""
    were = "1 pair" if total == 1 else f"{total:,} pairs"
    return (
        f"{count:,} of {were} have a deleted side, and the brake stops above {most:,}, so a person decides about them."
    )


def deletions_wait(where: str, count: int, total: int, most: int) -> str:
    """Return why nothing is done about a pair one side of which was deleted: too many were at once."""
    return (
        f"The record it is coupled to was deleted {where}. So were those of {count:,} of the mapping's {total:,} "
        f"pairs, and the brake stops above {most:,}, so nothing is done about any of them by itself. Choose Restore "
        "Records, Delete Records or Delete Couplings; or raise the brake on the mapping's card, and choose Retry."
    )
