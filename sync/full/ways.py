"""How a line's job stands on each way: To and From Int. Table Job Status, as they are kept with the line."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from core.vocabulary import Direction
from coupling.models import CouplingBase
from jobs.models import OPEN_STATES, Job, Outcome, State, Type
from jobs.outcomes import rows_of


class WayStatus(StrEnum):
    """Blank: no job goes that way."""

    NONE = ""
    IN_PROCESS = "in_process"
    ERROR = "error"
    SUCCESS = "success"


CAPTIONS = {
    WayStatus.NONE: "", WayStatus.IN_PROCESS: "In Process", WayStatus.ERROR: "Error", WayStatus.SUCCESS: "Success",
}  # fmt: skip
_BOTH = frozenset({Direction.TO, Direction.FROM})


def statuses(direction: str, state: str, failed: Collection[Direction]) -> dict[str, str]:
    """Return the columns of a line of this direction. state: of its job; failed: the ways on which records failed."""

    def status(way: Direction, other: Direction) -> str:
        if direction == other:
            return WayStatus.NONE.value
        if state in OPEN_STATES:
            return WayStatus.IN_PROCESS.value
        wrong = state != State.FINISHED or way in failed
        return (WayStatus.ERROR if wrong else WayStatus.SUCCESS).value

    return {"to_status": status(Direction.TO, Direction.FROM), "from_status": status(Direction.FROM, Direction.TO)}


def failed_ways(family: Iterable[Job]) -> set[Direction]:
    """Return the ways on which jobs failed with records; a coupling job counts for both."""
    found: set[Direction] = set()
    for job in family:
        if not job.counters.get("failed"):
            continue
        if job.type != Type.SYNCHRONIZATION:
            return set(_BOTH)
        rows = rows_of(job, Outcome.FAILED)
        pairs = CouplingBase.objects.filter(mapping__company=job.company_id, last_job_id=job.pk)
        looks = {
            Direction.TO: (rows.filter(integration_id=None), pairs.exclude(last_to_reason="")),
            Direction.FROM: (rows.filter(local_id=None), pairs.exclude(last_from_reason="")),
        }
        ways = {way for way, queries in looks.items() if any(query.exists() for query in queries)}
        found |= ways or _BOTH
    return found
