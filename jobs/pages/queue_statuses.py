"""Schedules and jobs of Job Queue Entries by one set of statuses: how many of each, and those that are shown."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Count

from jobs.models import OPEN_STATES, Job, State
from jobs.registry import Schedule
from masterdata.models import Company
from ui.kit import State as Look
from ui.links import company_url

STATUS = "status"
"""The address's parameter."""
LATE, ERROR, IN_PROCESS, ON_HOLD, READY, WAITING = "late", "error", "in_process", "on_hold", "ready", "waiting"
CAPTIONS = {
    LATE: "Late", ERROR: "Error", IN_PROCESS: "In Process", ON_HOLD: "On Hold", READY: "Ready", WAITING: "Waiting",
}  # fmt: skip
_OF_LOOKS: dict[Look, str] = {"late": LATE, "bad": ERROR, "run": IN_PROCESS, "hold": ON_HOLD, "ok": READY}
_OF_JOBS = {State.IN_PROCESS.value: IN_PROCESS, State.QUEUED.value: WAITING, State.POSTPONED.value: WAITING}


def asked(given: Any) -> str:
    """Return the status that is asked for; "" for all."""
    found = str(given.get(STATUS, ""))
    return found if found in CAPTIONS else ""


def shown(lines: Sequence[Schedule], status: str) -> list[Schedule]:
    """Return the schedules of a status."""
    return [line for line in lines if not status or _OF_LOOKS.get(line.look) == status]


def states(status: str) -> list[str]:
    """Return the states of the jobs that have a status."""
    return [state for state in OPEN_STATES if not status or _OF_JOBS[state] == status]


def segments(company: Company, lines: Sequence[Schedule], status: str) -> list[tuple[str, int, str, bool]]:
    """Return the statuses that there are, with how many schedules and jobs have each; one query."""
    counts = Counter(_OF_LOOKS[line.look] for line in lines if line.look in _OF_LOOKS)
    jobs = Job.objects.filter(company=company, state__in=OPEN_STATES).order_by()
    for state, count in jobs.values_list("state").annotate(count=Count("pk")):
        counts[_OF_JOBS[state]] += count
    found = [("All", counts.total(), company_url("jobs:queue", company), not status)]
    for name, caption in CAPTIONS.items():
        if counts[name] or status == name:
            found.append(
                (caption, counts[name], company_url("jobs:queue", company, query={STATUS: name}), status == name)
            )
    return found
