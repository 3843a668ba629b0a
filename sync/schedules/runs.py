"""The last runs of mappings, each as a strip."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.timezone import localtime

from coupling.models import IntegrationTableMapping
from jobs.models import OPEN_STATES, Job, State, Type
from masterdata.models import Company
from sync.schedules.rules import Result, result_of
from ui.cells import text_of
from ui.kit import RunLook, RunMark, Strip
from ui.links import company_url

WHOLE = {"type": Type.SYNCHRONIZATION, "selection_only": False}
SHOWN = 24
"""Runs in a strip."""
_WORDS: Mapping[RunLook, str] = {
    "finished": "finished", "idle": "finished, nothing to do", "errors": "finished with failed records",
    "failed": "failed", "run": "in process", "stopped": "cancelled",
}  # fmt: skip


def with_oldest(mappings: "QuerySet[IntegrationTableMapping]") -> "QuerySet[Any]":
    """Add the oldest run that a strip shows, by which the others are found (none where there are fewer), and when the
    last one that succeeded ended.
    """
    runs = Job.objects.filter(company=OuterRef("company_id"), mapping_name=OuterRef("name"), **WHOLE)
    newest = runs.order_by("-pk")
    return mappings.annotate(
        oldest_run=Subquery(newest.values("pk")[SHOWN - 1 : SHOWN]),
        last_finished=Subquery(newest.filter(state=State.FINISHED).values("ended_at")[:1]),
    )


def strips(company: Company, mappings: Iterable[Any]) -> dict[str, Strip]:
    """Return the last synchronizations of whole mappings, by the mapping's name, with one query.

    The mappings come from `with_oldest`.
    """
    names = {mapping.name: mapping.oldest_run or 0 for mapping in mappings}
    # Each by its own index, which an order over all of them would keep SQLite from taking.
    conditions = [Q(company=company, mapping_name=name, pk__gte=pk, **WHOLE) for name, pk in names.items()]
    found: dict[str, list[RunMark]] = {name: [] for name in names}
    if conditions:
        rows = Job.objects.filter(reduce(or_, conditions)).order_by()
        shown = rows.only("mapping_name", "state", "failure_reason", "counters", "started_at", "created_at")
        for job in sorted(shown, key=lambda job: job.pk):
            found[job.mapping_name].append(_mark(job))
    return {name: Strip(tuple(marks), _summary(name, marks), _log(company, name)) for name, marks in found.items()}


def _log(company: Company, name: str) -> str:
    return company_url("jobs:list", company, query={"type": Type.SYNCHRONIZATION.value, "mapping": name})


def _mark(job: Job) -> RunMark:
    look = _look(job)
    return RunMark(look, f"{text_of(localtime(job.started_at or job.created_at))}: {_WORDS[look]}")


def _look(job: Job) -> RunLook:
    if job.state in OPEN_STATES:
        return "run"
    if job.state == State.FINISHED and job.counters.get("failed"):
        return "errors"
    result = result_of(job.state, job.failure_reason, job.counters)
    looks: dict[Result, RunLook] = {Result.ACTIVE: "finished", Result.IDLE: "idle"}
    return looks.get(result, "failed" if job.state == State.FAILED else "stopped")


def _summary(name: str, marks: list[RunMark]) -> str:
    if not marks:
        return "no run yet"
    counts = Counter(_WORDS[one.look] for one in marks)
    told = ", ".join(f"{count} {words}" for words, count in counts.items())
    return f"Last {len(marks)} runs of {name}: {told}" if len(marks) > 1 else f"The only run of {name}: {told}"
