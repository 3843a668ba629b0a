"""The job that removes old jobs: first what hangs on them, part by part, then they themselves."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone

from core import bulk
from core.job_parameters import JobParameters
from jobs.models import ENDED_STATES, OPEN_STATES, Job, Type
from jobs.registry import registry
from jobs.retention import past_alerts, reading
from jobs.retention.rules import Stays, told
from jobs.running.context import JobContext

TYPE = "retention"


class RetentionParameters(JobParameters, frozen=True):
    """What retention is asked to do. now: the moment by which jobs are old, in ISO format, the same in each slice."""

    now: str = ""


def remove(context: JobContext) -> None:
    """Handle one slice of a retention job; it goes on behind the last jobs that are gone."""
    asked = RetentionParameters.load(context.parameters)
    now = datetime.fromisoformat(asked.now) if asked.now else timezone.now()
    policy = reading.policy_of(context.company)
    if policy.history_days is not None:
        _drop_older(context, now - timedelta(days=policy.history_days))
    if policy.days is not None:
        _drop_alerts(context, now - timedelta(days=policy.days))
    for part in reading.parts(context.company, policy, now, after=context.resume.get("after", 0)):
        _remove_what_hangs_on(context, part.ids)
        with context.checkpoint() as point:
            Job.objects.filter(pk__in=part.ids, state__in=ENDED_STATES).delete()
            point.phase = "Removing old jobs"
            point.processed(len(part.ids))
            if part.ids:
                point.count("deleted", len(part.ids))
            before = context.resume
            point.resume = {
                **before,
                "after": part.last,
                "outcomes": before.get("outcomes", 0) + part.outcomes,
                "last": before.get("last", 0) + part.stays[Stays.LAST],
                "unsettled": before.get("unsettled", 0) + part.stays[Stays.UNSETTLED],
                "follows": before.get("follows", 0) + part.stays[Stays.FOLLOWS],
            }
    done = context.resume
    jobs = int(context.job.counters.get("deleted", 0))
    numbers = (done.get(name, 0) for name in ("outcomes", "last", "unsettled", "lines", "follows", "alerts"))
    context.finish(told(jobs, *numbers))


def _drop_older(context: JobContext, before: datetime) -> None:
    """Drop what jobs wrote before a moment and what may be younger or older than they are."""
    puts_back = Job.objects.filter(company=context.company, type__in=(Type.RESTORE, Type.UNDO), state__in=OPEN_STATES)
    if puts_back.exists():  # they go by what the lines say; the next night they have ended
        return
    for drop in registry.aged:
        dropped = bulk.MAX_ROWS
        while dropped == bulk.MAX_ROWS:
            with context.checkpoint() as point:
                dropped = drop(company=context.company, before=before, most=bulk.MAX_ROWS)
                point.phase = "Removing old lines of the history"
                point.resume = {**context.resume, "lines": context.resume.get("lines", 0) + dropped}


def _drop_alerts(context: JobContext, before: datetime) -> None:
    """Drop alerts that were over before a moment, and what was sent of them."""
    while past_alerts.any_old(context.company, before):
        with context.checkpoint() as point:
            dropped, _ = past_alerts.drop(company=context.company, before=before, most=bulk.MAX_ROWS)
            point.phase = "Removing past alerts"
            point.resume = {**context.resume, "alerts": context.resume.get("alerts", 0) + dropped}


def _remove_what_hangs_on(context: JobContext, ids: Sequence[int]) -> None:
    """Delete all rows that go with these jobs, in checkpoints of a bearable size.

    Where the worker is killed meanwhile, the jobs still stand, and the next slice goes on with them.
    """
    for model, lookup in _hanging_on(Job):
        rows = model._base_manager.filter(**{f"{lookup}__in": ids}).order_by()
        while found := list(rows.values_list("pk", flat=True)[: bulk.MAX_ROWS]):
            with context.checkpoint() as point:
                bulk.delete(model, str(model._meta.pk.name), found)
                point.phase = "Removing what became of records"


def _hanging_on(model: type[models.Model], through: str = "") -> Iterator[tuple[type[models.Model], str]]:
    """Yield the models that have many rows for one of a model and go with it, the deepest first, with the way there."""
    for relation in model._meta.related_objects:
        if relation.on_delete is not models.CASCADE:
            continue
        related: Any = relation.related_model
        lookup = f"{relation.field.name}__{through}" if through else relation.field.name
        yield from _hanging_on(related, lookup)
        if not relation.one_to_one:
            yield related, lookup
