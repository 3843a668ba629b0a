"""Page Preview of the Full Synchronization, as data: the lines, and records of one by what would be done."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from connection_setup.connection.state import connection_of
from connection_setup.setup.menus import row_url
from core import spreadsheets
from core.roles import Can, may
from core.vocabulary import Direction, Recommendation
from core.words import counted
from coupling import local_records
from coupling.models import IntegrationTableMapping
from coupling.records import lists as records
from jobs import display, services
from jobs.mentions import PersonReading, Reader
from jobs.models import Job, Reason, State, Type
from jobs.pages import lists as listings
from masterdata.models import Company
from sync.full import page as review
from sync.full.estimate import Estimate
from sync.full.first_couplings import COUPLES_FIRST, FirstCoupling, brake_of, couplings_of
from sync.full.preview_job import FullPreviewParameters, StoredLine, estimate_of, stored_lines, totals
from sync.models import FullSynchPreview, FullSynchPreviewRecord, PreviewKind
from ui import render
from ui.cells import time_ago
from ui.kit import Action, Cell, Changes, FactBox, FastTab, Link, Notice, Page, Progress, Status, Table
from ui.links import company_url
from ui.listing import Column, Listing

TITLE = "Preview of the Full Synchronization"
UNCONDITIONAL = "Run Unconditional Full Synchronization"
WAYS = {"to": Direction.TO, "from": Direction.FROM}
_HELP = "synchronization#full-preview"
_SHOWN = (
    PreviewKind.CREATED_THERE, PreviewKind.CREATED_HERE, PreviewKind.CHANGED_THERE, PreviewKind.CHANGED_HERE,
)  # fmt: skip
"""Kinds that have a column of their own in the table of lines."""


def preview_url(job: Job, **query: Any) -> str:
    """Return the address of a preview."""
    return company_url("sync:review-preview", job.company, full_preview=job.pk, query=query)


def job_actions(_request: HttpRequest, job: Job) -> list[Action]:
    """Return where the card of a preview's job leads."""
    if job.type != Type.FULL_PREVIEW:
        return []
    return [Action("Open the Preview", preview_url(job), icon="preview", primary=True)]


def first_way(mapping: IntegrationTableMapping) -> Direction:
    """Return the way that is asked for first: the mapping's own, or to Dataverse."""
    return Direction.FROM if mapping.direction == Direction.FROM else Direction.TO


def ask_way(request: HttpRequest, mapping: IntegrationTableMapping, way: Direction) -> HttpResponse:
    """Ask before an unconditional full synchronization is previewed; where both ways are possible, which."""
    there = way == Direction.TO
    what = (
        "differs in Dataverse is overwritten with the values here" if there
        else "differs here is overwritten with the values of Dataverse"
    )  # fmt: skip
    notice = None
    if mapping.direction == Direction.BIDIRECTIONAL:
        other = company_url(
            "sync:unconditional", mapping.company, mapping=mapping.name, query={"way": "from" if there else "to"}
        )
        label = "From Dataverse Instead" if there else "To Dataverse Instead"
        notice = Notice(
            "It overwrites one side. See that it is the one you mean.", "warn", "", (Action(label, other, icon="sync"),)
        )
    return render.confirm(
        request,
        title=UNCONDITIONAL,
        text=f"Every coupled pair of {mapping.name} is compared, and what {what}, also where that is newer. Nothing is "
        "created. First you see what would be overwritten.",
        action=Action(
            "Preview", request.path, "post", "preview", primary=True, values={"way": "to" if there else "from"}
        ),
        back=company_url("coupling:mappings", mapping.company),
        company=mapping.company,
        notice=notice,
    )


def unfinished_page(request: HttpRequest, job: Job, *, kept: bool) -> Page:
    """Return the page of a preview that is still made, that failed, or that is no longer kept."""
    notices = []
    if job.state == State.FAILED:
        notices.append(Notice(job.message or "The preview failed.", "bad", "No preview"))
    elif job.state == State.CANCELLED:
        notices.append(Notice(job.message or "Cancelled.", "warn", "No preview"))
    elif job.ended and not kept:
        notices.append(Notice("Previews are kept for a day. Choose Preview Again.", "", "No longer kept"))
    progress = display.progress(job, poll_url=preview_url(job), waits_for=services.waits_for(job))
    return Page(
        TITLE,
        crumbs=_crumbs(job.company),
        company=job.company,
        state=display.status(job),
        help=_HELP,
        actions=_actions(request, job, None),
        notices=notices,
        progress=None if progress is None else _quick(progress),
    )


def _quick(progress: Progress) -> Progress:
    return dataclasses.replace(progress, poll_every="500ms")


@dataclasses.dataclass(frozen=True, slots=True)
class Tab:
    """Which records are shown: those of a mapping of which the same would be done."""

    mapping: str
    kind: PreviewKind


def tab_of(lines: Sequence[StoredLine], given: Mapping[str, str]) -> Tab | None:
    """Return the tab asked for, else the first that has records; None where none has."""
    asked = next((line for line in lines if line.mapping == given.get("mapping") and line.counts), None)
    line = asked or next((line for line in lines if line.counts), None)
    if line is None:
        return None
    kinds = [kind for kind in PreviewKind if line.counts.get(kind)]
    return Tab(line.mapping, next((kind for kind in kinds if kind == given.get("kind")), kinds[0]))


def preview_page(request: HttpRequest, preview: FullSynchPreview) -> Page:
    """Return the page of a preview."""
    job, lines = preview.job, stored_lines(preview.lines)
    first = couplings_of(lines)
    tab = tab_of(lines, request.GET)
    shown = None if tab is None else PreviewList(preview, tab, PersonReading(request.user))
    return Page(
        TITLE,
        crumbs=_crumbs(job.company),
        company=job.company,
        state=Status(f"Kept until {display.clock(preview.kept_until)}"),
        help=_HELP,
        actions=_actions(request, job, tab),
        notices=_notices(lines, first),
        fast_tabs=[FastTab("lines", "Lines", table=_lines_table(job, lines, first))],
        lead="sync/full/preview_lead.html",
        listing=None if shown is None else shown.listing(),
        fact_boxes=[_facts(job, lines)],
        context={"preview_mappings": _mapping_tabs(job, lines, tab), "preview_kinds": _kind_tabs(job, lines, tab)},
    )


def _crumbs(company: Company) -> list[Link]:
    return [Link(review.TITLE, review.review_url(company))]


def _actions(request: HttpRequest, job: Job, tab: Tab | None) -> list[Action]:
    company = job.company
    off = "" if may(request.user, Can.OPERATE, company) else "Your role may look, not start jobs."
    actions: list[Action] = []
    if not job.ended:
        url = company_url("sync:review-preview-cancel", company, full_preview=job.pk)
        stops = "Stops after the batch in hand." if job.cancel_requested else off
        actions.append(Action("Cancel", url, "post", "cancel", off=stops))
    else:
        asked = FullPreviewParameters.load(job.parameters)
        again = review.review_url(company, "preview-review")
        if asked.unconditional:
            again = company_url("sync:unconditional", company, mapping=asked.unconditional)
        values = {"way": "from" if asked.direction == Direction.FROM else "to"} if asked.unconditional else {}
        actions.append(Action("Preview Again", again, "post", "preview", off=off, values=values))
        actions.append(_run_action(job, off, done=tab is not None))
    if tab is not None:
        query = {"mapping": tab.mapping, "kind": tab.kind.value, "q": request.GET.get("q", "")}
        export = company_url("sync:review-preview-export", company, full_preview=job.pk, query=query)
        actions.append(Action("Export to CSV", export, icon="export"))
    actions.append(Action("Job", listings.job_url(job, company), icon="job"))
    return actions


def _run_action(job: Job, off: str, *, done: bool) -> Action:
    """Return what carries out what was previewed."""
    if not FullPreviewParameters.load(job.parameters).unconditional:
        sync_all = review.review_url(job.company, "sync-all")
        return Action("Sync All", sync_all, icon="run", off=off, dialog=not off)
    url = company_url("sync:run-unconditional", job.company, full_preview=job.pk)
    why = off or ("" if done else "Nothing would be overwritten.")
    return Action(UNCONDITIONAL, url, "post", "run", off=why)


def _notices(lines: Sequence[StoredLine], first: Mapping[int, FirstCoupling]) -> list[Notice]:
    notices = []
    if braked := [line.mapping for line in lines if line.brake or brake_of(line, first)]:
        text = f"{', '.join(braked)}: the table below says which, and how far it goes."
        notices.append(Notice(text, "warn", f"A brake would stop {counted(len(braked), 'line')}."))
    if failing := [line.mapping for line in lines if line.failed or line.message.startswith("fails")]:
        text = f"{', '.join(failing)}: the table below says why for each."
        notices.append(Notice(text, "bad", f"{counted(len(failing), 'line')} would fail."))
    if later := sum(line.after_others for line in lines):
        text = "What becomes of them shows once those lines have run: they count as failed here."
        refer = "1 record refers" if later == 1 else f"{later:,} records refer"
        notices.append(Notice(text, "", f"{refer} to what an earlier line couples or creates."))
    return notices


def _lines_table(job: Job, lines: Sequence[StoredLine], first: Mapping[int, FirstCoupling]) -> Table:
    rows = []
    for line in lines:
        if line.recommendation == Recommendation.NO_RECORDS and line.message:
            continue  # told below
        numbers: list[Cell] = [line.counts.get(kind, 0) or "" for kind in _SHOWN]
        others = sum(count for kind, count in line.counts.items() if kind not in _SHOWN)
        rows.append([_line_name(job, line), *numbers, others or "", _note(job, line, first)])
    head = ("Mapping", *(str(kind.label) for kind in _SHOWN), "Others", "What happens")
    numeric = frozenset(range(1, 2 + len(_SHOWN)))
    return Table(
        "Lines", head, rows, numeric=numeric, wrap=frozenset({2 + len(_SHOWN)}), cards=True, halves=numeric,
        empty="No line has records to synchronize now.",
    )  # fmt: skip


def _line_name(job: Job, line: StoredLine) -> Cell:
    return Link(line.mapping, preview_url(job, mapping=line.mapping)) if line.counts else line.mapping


def _note(job: Job, line: StoredLine, first: Mapping[int, FirstCoupling]) -> Cell:
    """Return what else is to be known of a line: where its pairs are previewed, or why nothing of it would run."""
    if line.coupling_preview is not None:
        url = company_url("coupling:match-preview", job.company, preview=line.coupling_preview)
        if brake := brake_of(line, first):
            return Link(f"{brake} See the pairs", url, "warn")
        found = first.get(line.coupling_preview)
        return Link(f"{found.text if found else COUPLES_FIRST}: see the pairs", url)
    if line.brake:
        return Status(line.brake, "warn")
    if line.message:
        text = line.message[:1].upper() + line.message[1:]
        return Status(text, "bad") if line.failed or line.message.startswith("fails") else text
    if not line.counts:
        return "Nothing is to be done"
    if FullPreviewParameters.load(job.parameters).unconditional:
        return "Overwrites what differs"
    expected = Estimate.load(line.estimate)
    return "Creates what has no partner" + (f": {expected.short}" if expected is not None else "")


def _mapping_tabs(job: Job, lines: Sequence[StoredLine], tab: Tab | None) -> list[tuple[str, int, str, bool]]:
    return [
        (line.mapping, sum(line.counts.values()), preview_url(job, mapping=line.mapping),
         tab is not None and line.mapping == tab.mapping)
        for line in lines
        if line.counts
    ]  # fmt: skip


def _kind_tabs(job: Job, lines: Sequence[StoredLine], tab: Tab | None) -> list[tuple[str, int, str, bool]]:
    line = next((line for line in lines if tab is not None and line.mapping == tab.mapping), None)
    if line is None:
        return []
    return [
        (str(kind.label), count, preview_url(job, mapping=line.mapping, kind=kind.value),
         tab is not None and kind == tab.kind)
        for kind in PreviewKind
        if (count := line.counts.get(kind, 0))
    ]  # fmt: skip


def _facts(job: Job, lines: Sequence[StoredLine]) -> FactBox:
    found = totals(lines)
    facts: list[tuple[str, Cell]] = [(str(kind.label), f"{found[kind]:,}") for kind in PreviewKind if found[kind]]
    made: list[tuple[str, Cell]] = [
        ("Read", f"{job.processed:,}"),
        ("Made", time_ago(job.ended_at) if job.ended_at else ""),
    ]
    if way := FullPreviewParameters.load(job.parameters).unconditional:
        text = f"Nothing is written yet. It runs over all of {way}; what changes until then is not in these numbers."
        return FactBox("What would be overwritten", facts=[*facts, *made], text=text)
    facts += [("Estimate of all", str(estimate_of(lines))), *made]
    idle = [line.mapping for line in lines if line.recommendation == Recommendation.NO_RECORDS and line.message]
    without = f" No records to synchronize now: {', '.join(idle)}." if idle else ""
    return FactBox(
        "What Sync All would do", facts=facts,
        text=f"Nothing is written yet. What changes until Sync All is chosen is not in these numbers.{without}",
    )  # fmt: skip


class PreviewList:
    """The records of one tab, as one person reads them."""

    def __init__(self, preview: FullSynchPreview, tab: Tab, reader: Reader) -> None:
        self.preview, self.tab, self.reader, self.company = preview, tab, reader, preview.job.company
        found = IntegrationTableMapping.objects.select_related("company")
        self.mapping = found.filter(company=self.company, name=tab.mapping).first()
        self.table = None if self.mapping is None else local_records.get_table(self.mapping)
        self._connection = connection_of(self.company)

    def listing(self) -> Listing:
        """Return the list."""
        rows = FullSynchPreviewRecord.objects.filter(
            preview=self.preview, mapping_name=self.tab.mapping, kind=self.tab.kind
        )
        columns = [
            Column("record", "Record here", self._record),
            Column("no", "No.", "local_key"),
            Column("row", "Row in Dataverse", self._row),
            Column("values", "Values", lambda row: Changes(tuple((c, b, a) for c, b, a in row.values)), wrap=True),
            Column("reason", "Reason", lambda row: str(Reason(row.reason).label)),
            Column("why", "Why", self.why, wrap=True),
        ]
        needed = [one for one in columns if one.name not in self._left_out()]
        return Listing(
            id="full-preview",
            caption="Records" if self.table is None else self.table.caption_plural,
            rows=rows.order_by("id"),
            columns=needed,
            search=("local_key__istartswith", "local_name__icontains", "integration_name__icontains"),
            search_label="Search by number or name",
            key="id",
            cards=True,
            total=None,
            row_label=lambda row: row.local_key or row.integration_name,
            empty=Notice("No record of this preview.", title="Nothing here"),
        )

    def _left_out(self) -> set[str]:
        """Return the columns that say nothing on this tab."""
        written = self.tab.kind in _SHOWN
        nobody_here = self.tab.kind == PreviewKind.CREATED_HERE
        nobody_there = self.tab.kind == PreviewKind.CREATED_THERE
        return {
            *(("reason", "why") if written else ("values",)),
            *(("record", "no") if nobody_here else ()),
            *(("row",) if nobody_there else ()),
        }

    def _record(self, row: FullSynchPreviewRecord) -> Cell:
        name = row.local_name or row.local_key
        if self.table is None or row.local_id is None:
            return name
        return Link(name, records.card_url(self.company, self.table, row.local_id))

    def _row(self, row: FullSynchPreviewRecord) -> Cell:
        name = row.integration_name or str(row.integration_id or "")
        if self.mapping is None or self.mapping.uid_kind == "option" or row.integration_id is None:
            return name
        url = row_url(self._connection, self.mapping.integration_table, self.mapping.entity_set, row.integration_id)
        return Link(name, url)

    def why(self, row: FullSynchPreviewRecord) -> str:
        """Return what is told of a record, as the reader sees it."""
        return str(self.reader.read_outcome(row.message, dict(row.detail or {}))[0])

    def csv_lines(self, given: Mapping[str, str]) -> Iterator[str]:
        """Yield the tab as CSV, a line for each field that would be written; searched as the page is."""
        head = ("Mapping", "Kind", "No.", "Name", "Dataverse Row", "Field", "Before", "After", "Reason", "Why",
                "Record ID", "Dataverse Row ID")  # fmt: skip
        yield from spreadsheets.csv_lines(head, self._csv_rows(given))

    def _csv_rows(self, given: Mapping[str, str]) -> Iterator[Sequence[str]]:
        for row in self.listing().narrowed(given).iterator(chunk_size=1000):
            for caption, before, after in row.values or [("", "", "")]:
                yield (
                    row.mapping_name, str(self.tab.kind.label), row.local_key, row.local_name, row.integration_name,
                    str(caption), str(before), str(after), str(Reason(row.reason).label), self.why(row),
                    str(row.local_id or ""), str(row.integration_id or ""),
                )  # fmt: skip


def is_kept(preview: FullSynchPreview | None) -> bool:
    """Return whether a preview can be looked at."""
    return preview is not None and preview.complete and preview.kept_until >= timezone.now()
