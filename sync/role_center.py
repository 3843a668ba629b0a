"""What synchronization shows on the role center: what needs a person, how mappings stand, and rows written per day."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import BigIntegerField, Count, F, Min, QuerySet, Sum, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Concat
from django.http import HttpRequest
from django.utils import timezone

from connection_setup.connection.state import know_connection
from core.moments import read_moment
from core.words import counted
from coupling import local_records
from coupling.failures.standing import standing
from coupling.mappings import counts, drift_page
from coupling.mappings.counts import Counts
from coupling.models import CouplingBase, IntegrationTableMapping
from coupling.page_parts import mapping_url
from coupling.undone import left_undone
from jobs.alerts import page as alerts
from jobs.models import Alert
from jobs.pages.lists import RUN_MARKS
from masterdata.models import Company
from sync.engine.conflicts_standing import FieldCount
from sync.schedules import page as schedules_page
from sync.schedules import reading, runs
from sync.schedules.reading import Line
from sync.schedules.rules import Status as Standing
from sync.written_rows import DAYS, written_by_day
from ui.cells import time_ago
from ui.charts import Day, chart_of
from ui.kit import Cell, Coverage, Cue, FactBox, Link, Status, Table
from ui.links import company_url
from ui.registry import RoleCenterPart


def part(request: HttpRequest, company: Any) -> RoleCenterPart:
    """Return synchronization's part of the role center."""
    lines = reading.lines(company, timezone.now())
    for connection in (getattr(line.mapping.company, "connection", None) for line in lines[:1]):
        if connection is not None:
            know_connection(request, connection)
    mappings = [line.mapping for line in lines]
    numbers = counts.count_records(company, mappings)
    waiting = _waiting(company, mappings)
    failed = waiting["failed"]
    cues = [
        *_settled_by_hand(company, mappings, waiting),
        _uncoupled(company, mappings, numbers, failed),
        *_settled_elsewhere(company, mappings, waiting),
        drift_page.cue(request, company),
    ]
    tables = [("Mappings", _mappings_table(company, lines, numbers, failed))]
    return RoleCenterPart(cues, tables if lines else (), [_written(company)])


_FIELDS = "fields since "


def _waiting(company: Company, mappings: Sequence[IntegrationTableMapping]) -> dict[str, dict[int, int]]:
    """Return how much of each kind waits for somebody, by mapping; one query.

    How many fields conflict stands under _FIELDS and the moment since when the oldest of a mapping waits.
    """
    kinds: dict[str, QuerySet[Any]] = {
        "failed": standing(company, mappings=mappings),
        "undone": left_undone(company),
        "conflicts": CouplingBase.objects.filter(company=company, conflict__isnull=False),
        "late": reading.late_mappings(timezone.now(), company=company).annotate(mapping_id=F("pk")),
        "alerts": Alert.objects.filter(company=company, over_at=None).annotate(mapping_id=Value(0, BigIntegerField())),
    }
    parts = [
        rows.order_by().values("mapping_id").annotate(_what=Value(kind, TextField()), _n=Count("pk"))
        .values_list("mapping_id", "_what", "_n")
        for kind, rows in kinds.items()
    ]  # fmt: skip
    oldest = Concat(Value(_FIELDS), Min(KeyTextTransform("at", "conflict")), output_field=TextField())
    conflicts = kinds["conflicts"].order_by().values("mapping_id")
    parts.append(
        conflicts.annotate(_what=oldest, _n=Sum(FieldCount("conflict"))).values_list("mapping_id", "_what", "_n")
    )
    found: dict[str, dict[int, int]] = {kind: {} for kind in kinds}
    for mapping, kind, number in parts[0].union(*parts[1:], all=True):
        found.setdefault(kind, {})[mapping] = number
    return found


def caption(mapping: IntegrationTableMapping) -> str:
    """Return what the records of a mapping are called; its name where its table is gone."""
    try:
        return local_records.get_table(mapping).caption_plural
    except local_records.Unusable:
        return mapping.name


def _told(mappings: Sequence[IntegrationTableMapping], by_mapping: Mapping[int, int]) -> str:
    """Return "Customers 170, Items 3", the most first."""
    found = sorted(
        ((by_mapping.get(one.pk, 0), caption(one)) for one in mappings), key=lambda pair: pair[0], reverse=True
    )
    return ", ".join(f"{called} {number:,}" for number, called in found if number)


def _settled_by_hand(
    company: Company, mappings: Sequence[IntegrationTableMapping], waiting: Mapping[str, Mapping[int, int]]
) -> list[Cue]:
    """Return the cues of what failed or was left out, record by record."""
    number, left = sum(waiting["failed"].values()), sum(waiting["undone"].values())
    return [
        Cue(
            f"{number:,}", "Records failed", company_url("sync:failures", company), "bad" if number else "ok", "Failed",
            _told(mappings, waiting["failed"]), "Work through them", "No record failed",
        ),
        Cue(
            f"{left:,}", "Records left out", company_url("sync:skipped", company), "bad" if left else "ok", "Left out",
            _told(mappings, waiting["undone"]), "Look and retry",
        ),
    ]  # fmt: skip


def _uncoupled(
    company: Company,
    mappings: Sequence[IntegrationTableMapping],
    numbers: Mapping[int, Counts],
    failed: Mapping[int, int],
) -> Cue:
    """Return the cue of records that are not coupled, those that failed aside: they have a cue of their own."""
    by_mapping = {pk: max(one.uncoupled - failed.get(pk, 0), 0) for pk, one in numbers.items() if one.usable}
    number = sum(by_mapping.values())
    stored = [one.counted_at for one in numbers.values() if one.is_stored]
    told = _told(mappings, by_mapping) + (f". Counted {time_ago(min(filter(None, stored)))}" if stored else "")
    return Cue(
        f"{number:,}", "Records not coupled", company_url("coupling:mappings", company), "warn" if number else "ok",
        "Uncoupled", told, "Couple them", "All records are coupled" if mappings and not failed else "",
    )  # fmt: skip


def _settled_elsewhere(
    company: Company, mappings: Sequence[IntegrationTableMapping], waiting: Mapping[str, Mapping[int, int]]
) -> list[Cue]:
    """Return the cues of conflicts, alerts and late schedules."""
    conflicts, late = sum(waiting["conflicts"].values()), len(waiting["late"])
    told = _conflicts(mappings, waiting) if conflicts else ""
    return [
        Cue(
            f"{conflicts:,}", "Update conflicts", company_url("sync:conflicts", company, query={"show": "changed"}),
            "warn" if conflicts else "ok", "Conflict", told, "Resolve",
            "No update conflict waits",
        ),
        alerts.cue(company, waiting["alerts"].get(0, 0)),
        Cue(
            f"{late:,}", "Late schedules", company_url("jobs:queue", company), "late" if late else "ok", "Late",
            ", ".join(one.name for one in mappings if one.pk in waiting["late"]), "Look at their schedules",
            "No schedule is late",
        ),
    ]  # fmt: skip


def _conflicts(mappings: Sequence[IntegrationTableMapping], waiting: Mapping[str, Mapping[int, int]]) -> str:
    """Return of how many fields, of what, and how long the oldest waits."""
    since = {kind.removeprefix(_FIELDS): sum(by.values()) for kind, by in waiting.items() if kind.startswith(_FIELDS)}
    fields = f"{counted(sum(since.values()), 'field')}: {_told(mappings, waiting['conflicts'])}"
    oldest = min((at for text in since if (at := read_moment(text)) is not None), default=None)
    return f"{fields}. The oldest was found {time_ago(oldest)}" if oldest is not None else fields


def _mappings_table(
    company: Company, lines: Sequence[Line], numbers: Mapping[int, Counts], failed: Mapping[int, int]
) -> Table:
    """Return how much of each mapping is coupled, its last runs, its last success and its next run."""
    drawn = runs.strips(company, [line.mapping for line in lines])
    return Table(
        "Mappings: how much is coupled, the last runs, last success and next run",
        ("Mapping", "Coupled to Dataverse", f"Last {runs.SHOWN} runs", "Last success", "Next run"),
        [
            (
                Link(line.mapping.name, mapping_url("mapping", line.mapping)),
                _coverage(company, line.mapping, numbers[line.mapping.pk], failed.get(line.mapping.pk, 0)),
                drawn[line.mapping.name],
                _success(line),
                _next_run(line),
            )
            for line in lines
        ],
        cards=True,
        halves=frozenset({3, 4}),
        keys=RUN_MARKS,
    )


def _coverage(company: Company, mapping: IntegrationTableMapping, one: Counts, failed: int) -> Cell:
    if not one.usable:
        return Status("Cannot be used as it is", "bad")
    failed = min(failed, one.uncoupled)
    rest: list[Link | str] = []
    if failed:
        query = {"mapping": mapping.name}
        rest.append(Link(f"{failed:,} failed", company_url("sync:failures", company, query=query)))
    if others := one.uncoupled - failed:
        url = company_url("records:list", company, table=mapping.table, query={"coupled": "no"})
        rest.append(Link(f"{others:,} more uncoupled" if failed else f"{others:,} uncoupled", url))
    return Coverage(one.records - one.uncoupled, one.records, failed, rest or (("all coupled",) if one.records else ()))


def _success(line: Line) -> Cell:
    last = line.entry.last_success
    return Status(time_ago(last), "late" if line.late else "ok") if last else "never"


def _next_run(line: Line) -> Cell:
    if line.held or line.status is not Standing.READY or line.mapping.next_run_at is None:
        return schedules_page.word(line) if not line.held else Status("On hold", "hold")
    return time_ago(line.mapping.next_run_at)


def _written(company: Company) -> FactBox:
    """Return the chart of rows written per day, with its numbers as a table."""
    days = [
        Day(f"{day.day} {day:%b}", there, here) for day, there, here in written_by_day(company, timezone.localdate())
    ]
    context = {
        "chart": chart_of(days), "newest_first": days[::-1], "days": DAYS,
        "there": sum(day.up for day in days), "here": sum(day.down for day in days),
    }  # fmt: skip
    return FactBox("Rows written per day", template="sync/role_center/written.html", context=context)
