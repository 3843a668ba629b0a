"""The history of a record: what synchronization changed of it, day by day, and what it did not write.

It has a page of its own, which the record's card fetches below the values.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from core.roles import Can, may
from coupling.models import EndedCoupling, couplings_of_table
from jobs.models import Job, JobOutcome, Outcome, Type
from jobs.outcomes import rows_of_record
from jobs.pages.lists import job_url, reason_label
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.history.editors import Editors
from sync.history.entries import Entry, Written
from sync.history.listing import SIDES, TITLE, by_field, history_url
from sync.history.lives import lives_of
from sync.history.reading import Line, lines_of, read
from sync.models import SynchronizedField, SynchronizedValue
from sync.rules.changes import Won
from ui import ids
from ui.kit import Link, Status
from ui.links import company_url
from ui.listing import Filter, day_begins

LINES = 50
"""Lines of a page of the timeline."""
MOST_OF_ONE = 1000
"""Lines of one job about one record that are shown together."""
EVENTS = 20
_TOLD = (Outcome.CONFLICT, Outcome.INSERTED, Outcome.UNCOUPLED, Outcome.FAILED, Outcome.SKIPPED)
_SINCE = Filter("since", "From", lambda rows, value: rows.filter(at__gte=day_begins(value)), kind="date")
_UNTIL = Filter("until", "To", lambda rows, value: rows.filter(at__lt=day_begins(value, 1)), kind="date")
_WAYS = (("", "Both"), ("to", "To Dataverse"), ("from", "From Dataverse"))


@dataclass(frozen=True, slots=True)
class Day:
    """The entries of a day, newest first."""

    title: str
    entries: Sequence[Entry]


class CardHistory:
    """The history of one record as a request asks for it."""

    def __init__(self, request: HttpRequest, company: Company, table: LocalTable, record: Any) -> None:
        self.request, self.company, self.table, self.record = request, company, table, record
        self.given: Mapping[str, str] = request.GET.dict()
        self.url = record_history_url(company, table, record)
        self._all = lines_of(company).filter(local_id=record.system_id)
        self._may = may(request.user, Can.OPERATE, company)

    def context(self) -> dict[str, Any] | None:
        """Return what the template shows; None where nothing was ever written, and none was kept from being."""
        fields = self._fields()
        rows = self._narrowed()
        before = ids.parse_id(self.given.get("before", ""))
        if before is not None:
            rows = rows.filter(pk__lt=before)
        shown, more = _whole_events(rows)
        entries = self._entries(shown)
        if not self.narrowed and before is None:
            created = {row.job_id for row in shown if row.won == Won.NEW}
            entries += self._events(shown[-1].at if more else None, created)
        if not fields and not entries:
            return None
        entries.sort(key=lambda one: one.at, reverse=True)
        return {
            "title": TITLE, "days": _days(entries), "fields": fields, "given": self.given, "url": self.url,
            "count": self._count(shown, more or before is not None), "narrowed": self.narrowed,
            "ways": [(label, self._address(way=way), self.given.get("way", "") == way) for way, label in _WAYS],
            "earlier": f"{self._address(before=str(shown[-1].pk))}#history" if more else "",
            "newest": f"{self._address()}#history" if before is not None else "",
            "all": history_url(self.company, record=self.record.system_id),
        }  # fmt: skip

    @property
    def narrowed(self) -> bool:
        """Whether some of it is asked for."""
        return any(self.given.get(name) for name in ("field", "since", "until", "way"))

    def _address(self, **changes: str) -> str:
        kept = {name: self.given.get(name, "") for name in ("field", "since", "until", "way")}
        query = {**kept, **changes}
        return record_history_url(self.company, self.table, self.record, query)

    def _fields(self) -> list[tuple[str, str]]:
        """Return the fields of which there are lines of this record: name and caption."""
        known = self._all.order_by().values_list("field_id", flat=True).distinct()
        own = SynchronizedField.objects.filter(pk__in=list(known))
        found = {local or column: caption for local, column, caption in own.values_list("local", "column", "caption")}
        return sorted(found.items(), key=lambda item: item[1].casefold())

    def _narrowed(self) -> "QuerySet[SynchronizedValue]":
        rows = self._all
        if name := self.given.get("field", "").replace("\0", ""):
            rows = by_field(self.company, rows, name)
        for one in (_SINCE, _UNTIL):
            if day := one.chosen(self.given.get(one.name, "")):
                rows = one.apply(rows, day)
        if (side := SIDES.get(self.given.get("way", ""))) is not None:
            rows = rows.filter(side=side)
        return rows

    def _count(self, shown: Sequence[SynchronizedValue], part: bool) -> str:
        runs = len({row.job_id for row in shown})
        changes = "1 change" if len(shown) == 1 else f"{len(shown)} changes"
        return f"{changes} in {'1 run' if runs == 1 else f'{runs} runs'}{' on this page' if part else ''}"

    # -- what was written ---------------------------------------------------------------------------------------------

    def _entries(self, rows: Sequence[SynchronizedValue]) -> list[Entry]:
        found: dict[tuple[int, bool], Entry] = {}
        on_both: dict[tuple[int, bool], dict[str, list[str]]] = {}
        edited: dict[tuple[int, bool], list[str]] = {}
        for row, line in zip(rows, read(rows), strict=True):
            key = (line.job_id, line.here)
            if key not in found:
                found[key] = self._entry(row, line)
            found[key].fields.append(self._written(line))
            if line.changed_by and (note := f"{line.changed_by} changed it there") not in found[key].notes:
                found[key].notes.insert(0, note)
            if not (line.here or line.put_back or line.by_rule):
                edited.setdefault(key, []).append(line.field)
            if line.winner:
                on_both.setdefault(key, {}).setdefault(line.winner, []).append(line.caption)
        self._name_editors(found, edited)
        for key, winners in on_both.items():
            for winner, captions in winners.items():
                named = ", ".join(dict.fromkeys(captions))
                found[key].notes.append(f"{named} had changed on both sides: {winner}")
        return list(found.values())

    def _entry(self, row: SynchronizedValue, line: Line) -> Entry:
        if line.new:
            title, icon = "Created here" if line.here else "Created in Dataverse", "add"
        elif line.put_back:
            title, icon = "Put back here" if line.here else "Put back in Dataverse", "reset"
        else:
            title = "Dataverse to here" if line.here else "Here to Dataverse"
            icon = "from" if line.here else "to"
        return Entry(
            line.at, title, icon, Link(f"job {line.job_id}", job_url(row.job, self.company)),
            "there" if line.here and not line.put_back else "", notes=[line.person] if line.person else [],
        )  # fmt: skip

    def _name_editors(
        self, found: Mapping[tuple[int, bool], Entry], edited: Mapping[tuple[int, bool], list[str]]
    ) -> None:
        """Say who had changed here what went to Dataverse. edited: the fields, by entry."""
        if not edited:
            return
        editors = Editors(self.record)
        for key, names in edited.items():
            found[key].notes[:0] = editors.notes(found[key].at, names)

    def _written(self, line: Line) -> Written:
        url = ""
        if self._may and not (line.new or line.choice or line.by_rule):
            url = company_url("sync:put-back", self.company, query={"line": line.pk, "back": self.url})
        label = f"Put {line.caption} back {'here' if line.here else 'in Dataverse'}: {line.before[:60] or 'blank'}"
        return Written(
            line.caption, line.before, line.after, url, label, line.new or line.by_rule
        )  # fmt: skip

    # -- other events -------------------------------------------------------------------------------------------------

    def _events(self, since: datetime | None, created: Collection[int]) -> list[Entry]:
        """Return what else happened to the record: coupled, created, kept from being written; since when, or ever.

        created: jobs of which is told already that they created it.
        """
        lives = lives_of(self.company, self.table, self.record)
        found = [*lives.entries(), *self._outcomes(lives.told, created)]
        return [one for one in found if since is None or one.at >= since]

    def _outcomes(self, told: Collection[int], created: Collection[int]) -> Iterable[Entry]:
        """Yield what jobs came to; told: the numbers of couplings of whose end is told already."""
        rows = rows_of_record(self.company, self.record.system_id, _TOLD)
        rows = rows.filter(job__type__in=(Type.SYNCHRONIZATION, Type.UNCOUPLING))
        rows = rows.exclude(number__in=told) if told else rows
        for row in rows.select_related("job").order_by("-job_id")[:EVENTS]:
            at = row.job.ended_at or row.job.started_at or row.job.created_at
            link = self._link(row.job)
            if row.outcome == Outcome.INSERTED and row.job_id in created:
                continue
            if row.outcome == Outcome.INSERTED:
                here = isinstance(row.detail, dict) and row.detail.get("side") == "local"
                yield Entry(at, "Created here" if here else "Created in Dataverse", "add", link)
            elif row.outcome == Outcome.UNCOUPLED:
                yield Entry(at, "Coupling deleted", "uncouple", link, notes=[reason_label(row.reason)])
            else:
                conflict = row.outcome == Outcome.CONFLICT
                why = f"Update conflict: {_captions(row)}" if conflict else reason_label(row.reason)
                yield Entry(at, "Not written", "warning", link, "warn", Status(why, "warn" if conflict else "bad"))

    def _link(self, job: Job | None) -> Link | None:
        return Link(f"job {job.pk}", job_url(job, self.company)) if job is not None else None


def _whole_events(rows: "QuerySet[SynchronizedValue]") -> tuple[list[SynchronizedValue], bool]:
    """Return the first lines of what is told, and whether there are more: what one job wrote is not torn apart."""
    found = list(rows[: LINES + 1])
    if len(found) <= LINES:
        return found, False
    job = found[LINES].job_id
    whole = [row for row in found if row.job_id != job]
    if whole:
        return whole, True
    whole = list(rows.filter(job_id=job)[:MOST_OF_ONE])
    return whole, rows.filter(pk__lt=whole[-1].pk).exists()


def _captions(row: JobOutcome) -> str:
    fields = row.detail.get("fields", []) if isinstance(row.detail, dict) else []
    return ", ".join(str(one.get("caption", "")) for one in fields if isinstance(one, dict))


def _days(entries: Iterable[Entry]) -> list[Day]:
    found: dict[date, list[Entry]] = {}
    for one in entries:
        found.setdefault(timezone.localtime(one.at).date(), []).append(one)
    return [Day(_day_title(day), own) for day, own in found.items()]


def _day_title(day: date) -> str:
    today = timezone.localdate()
    words = {today: "Today, ", today - timedelta(days=1): "Yesterday, "}.get(day, "")
    return f"{words}{day.day} {day:%b %Y}"


def record_history_url(company: Company, table: LocalTable, record: Any, query: Mapping[str, str] | None = None) -> str:
    """Return the address of a record's history."""
    parts = {"table": table.name, "system_id": record.system_id}
    return company_url("sync:record-history", company, query=query, **parts)


def record_section(
    _request: HttpRequest, company: Company, table: LocalTable, record: Any
) -> tuple[str, dict[str, Any]] | None:
    """Return the template that fetches the history into the card: for ui.registry.record_section. One query."""
    if not _has_history(company, table, record.system_id):
        return None
    return "sync/history/on_card.html", {"history": {"title": TITLE, "url": record_history_url(company, table, record)}}


def _has_history(company: Company, table: LocalTable, local_id: UUID) -> bool:
    """Return whether anything was written of a record, kept from being, coupled or uncoupled."""
    looked_up = (
        lines_of(company).filter(local_id=local_id),
        rows_of_record(company, local_id, _TOLD),
        couplings_of_table(company, table.name).filter(local_id=local_id, pending=False),
        EndedCoupling.objects.filter(company=company, table=table.name, local_id=local_id),
    )
    first, *others = (rows.order_by().values_list("pk", flat=True) for rows in looked_up)
    return first.union(*others, all=True)[:1].count() > 0
