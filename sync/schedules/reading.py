"""How schedules stand: of a company, of one mapping, and those that are late."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce

from connection_setup.connection.organization import hold_reason_of
from connection_setup.models import DataverseConnection, Dynamics365Connection
from coupling.mappings import defaults
from coupling.models import IntegrationTableMapping
from jobs.models import Job, State
from masterdata.models import Company
from sync.models import Schedule, SchedulePause
from sync.schedules import rules, runs
from sync.schedules.rules import Entry, Status


class _Minutes(Func):
    """A column's number of minutes as a length of time; SQLite keeps one in microseconds."""

    template = "(%(expressions)s * INTERVAL '1 minute')"
    arity = 1
    output_field = DurationField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the expression for SQLite."""
        return self.as_sql(compiler, connection, template="(%(expressions)s * 60000000)", **context)


@dataclass(frozen=True, slots=True)
class Line:
    """One schedule as lists and commands show it. held: why all of the company's are on hold, "" where they are not."""

    mapping: IntegrationTableMapping
    schedule: Schedule
    entry: Entry
    status: Status
    late: bool
    held: str = ""


def mappings_with_schedules(company: Any) -> "QuerySet[IntegrationTableMapping]":
    """Return the mappings that have a job queue entry: all but those of what is not enabled or mapped another way."""
    found = IntegrationTableMapping.objects.filter(company=company)
    return found.exclude(name__in=defaults.disabled_names(company), scheduled=False)


def lines(company: Company, now: datetime) -> list[Line]:
    """Return the schedules of a company, in the order of its mappings; one query, with what `runs` asks for."""
    mappings = with_all(IntegrationTableMapping.objects.filter(company=company))
    return [_line(mapping, now) for mapping in mappings if mapping.scheduled or mapping.name not in _disabled(mapping)]


def _disabled(mapping: IntegrationTableMapping) -> list[str]:
    """Return the names of the mappings that nothing runs for, where the mapping was read with its company's setup."""
    company = mapping.company
    return defaults.disabled_by(getattr(company, "dynamics_365", None) or Dynamics365Connection(company=company))


def late_mappings(now: datetime, **where: Any) -> "QuerySet[Any]":
    """Return the mappings that are late, by what rules.is_late says; where: conditions on them."""
    runs_here = Job.objects.filter(company=OuterRef("company_id"), mapping_name=OuterRef("name"), **runs.WHOLE)
    finished = runs_here.filter(state=State.FINISHED).order_by("-pk").values("ended_at")[:1]
    found = IntegrationTableMapping.objects.filter(
        scheduled=True, schedule__failed_at=None, company__connection__enabled=True,
        company__connection__other_organization_id=None, **where,
    ).exclude(Exists(SchedulePause.objects.filter(company=OuterRef("company_id"))))  # fmt: skip
    return found.annotate(
        _since=Coalesce("schedule__owed_since", "next_run_at"),
        _finished=Coalesce(Subquery(finished), "schedule__last_success_at"),
    ).filter(
        Q(_finished=None) | Q(_finished__lt=F("_since")),
        _since__lt=ExpressionWrapper(Value(now) - _Minutes("late_after_minutes"), output_field=DateTimeField()),
    )  # fmt: skip


def late_lines(now: datetime) -> list[Line]:
    """Return the schedules of all companies that are late; one query."""
    return [_line(row, now) for row in with_all(late_mappings(now)).order_by("company_id", "position")]


def line_of(mapping: IntegrationTableMapping, now: datetime) -> Line:
    """Return the schedule of one mapping, as it stands now."""
    if hasattr(mapping, "oldest_run"):
        return _line(mapping, now)
    return _line(with_all(IntegrationTableMapping.objects.all()).get(pk=mapping.pk), now)


def with_all(found: "QuerySet[IntegrationTableMapping]") -> "QuerySet[Any]":
    """Add what says how schedules stand, and where their last runs begin."""
    pause = SchedulePause.objects.filter(company=OuterRef("company_id")).values("message")
    rows: QuerySet[Any] = runs.with_oldest(found).annotate(_pause=Subquery(pause))
    return rows.select_related("schedule__job", "schedule__held_by", "company__connection", "company__dynamics_365")


def _line(mapping: Any, now: datetime) -> Line:
    kept, connection = schedule_of(mapping), getattr(mapping.company, "connection", None)
    held = hold_reason_of(connection or DataverseConnection()) or (mapping._pause or "").rstrip(".")
    entry = entry_of(mapping, kept, held=bool(held), finished=mapping.last_finished)
    return Line(mapping, kept, entry, rules.status_of(entry, now), rules.is_late(entry, now), held)


def schedule_of(mapping: IntegrationTableMapping) -> Schedule:
    """Return what is kept of a mapping's runs; of one that never ran by itself, as nothing came of it yet."""
    try:
        return mapping.schedule
    except Schedule.DoesNotExist:
        return Schedule(mapping=mapping)


def entry_of(
    mapping: IntegrationTableMapping, kept: Schedule, *, held: bool = False, finished: datetime | None = None
) -> Entry:
    """Return the facts that decide about a schedule. finished: when a run that anybody asked for ended well."""
    job = kept.job
    return Entry(
        scheduled=mapping.scheduled, every=mapping.every_minutes,
        inactivity_timeout=mapping.inactivity_timeout_minutes, late_after=mapping.late_after_minutes,
        next_run_at=mapping.next_run_at, on_hold_since=mapping.on_hold_since, owed_since=kept.owed_since,
        attempts=kept.attempts, failed=kept.failed_at is not None, held=held,
        running=job is not None and job.state in (State.IN_PROCESS, State.POSTPONED),
        last_success=max(filter(None, (kept.last_success_at, finished)), default=None),
    )  # fmt: skip
