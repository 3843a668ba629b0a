"""Couplings that ended: kept as they were, whoever deletes them, and what is known of who did.

A job that ends a coupling says so in its outcome (OutcomeRow.number), a person past any job in the audit log
(services.delete_coupling).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.utils import timezone

from core import bulk
from coupling.models import Coupling, EndedCoupling
from jobs.models import Job, Outcome
from jobs.outcomes import ends_of

_PART = 500
_COLUMNS = (
    "number", "company_id", "mapping_name", "table", "local_id", "integration_id", "method", "job_id", "criterion",
    "made_at", "ended_at",
)  # fmt: skip
_READ = (
    "pk", "company_id", "mapping__name", "table", "local_id", "integration_id", "method", "job_id", "criterion",
    "created_at",
)  # fmt: skip


def keep_ended(*, sender: type[Coupling], instance: Coupling, origin: Any, **_: Any) -> None:
    """Keep what a coupling was that is about to be deleted; receives pre_delete.

    Not where its mapping or company is deleted, with all that it has.
    """
    if getattr(origin, "model", type(origin)) is sender:
        _keep(sender.objects.filter(pk=instance.pk))


def keep_ended_in_bulk(*, sender: type[Coupling], key: str, values: Sequence[Any], **_: Any) -> None:
    """Keep what couplings were that core.bulk is about to delete; receives bulk.deleting."""
    for start in range(0, len(values), _PART):
        _keep(sender.objects.filter(**{f"{key}__in": values[start : start + _PART]}))


def _keep(couplings: "QuerySet[Coupling]") -> None:
    """Keep couplings; those whose row was never created were none."""
    now = timezone.now()
    found = couplings.filter(pending=False).order_by().values_list(*_READ)
    bulk.insert(EndedCoupling, _COLUMNS, [(*row, now) for row in found], ignore_conflicts=True)


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended a coupling: a job with its reason, or a person past any job; neither where nobody noted it."""

    job: Job | None = None
    reason: str = ""
    person: str = ""


def endings_of(numbers: Iterable[int]) -> dict[int, Ending]:
    """Return what ended these couplings, as far as somebody noted it."""
    wanted = list(numbers)
    found: dict[int, Ending] = {}
    for start in range(0, len(wanted), _PART):
        part = wanted[start : start + _PART]
        outcomes = ends_of(part).exclude(outcome=Outcome.COUPLED).select_related("job__requested_by")
        found |= {one.number: Ending(one.job, one.reason) for one in outcomes if one.number is not None}
        found |= {
            entry.object_id: Ending(person=str(entry.actor or ""))
            for entry in entries_of(part, LogEntry.Action.DELETE)
            if entry.object_id is not None and entry.object_id not in found
        }
    return found


def entries_of(numbers: Sequence[int], action: int) -> "QuerySet[LogEntry]":
    """Return the audit entries of couplings that people made or deleted past any job, with who did, oldest first."""
    of_couplings = ContentType.objects.get_for_model(Coupling)
    entries: QuerySet[LogEntry] = LogEntry.objects.filter(
        content_type=of_couplings, action=action, object_id__in=list(numbers)
    )
    return entries.select_related("actor").order_by("pk")
