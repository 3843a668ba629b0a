"""Page Preview of Match-Based Coupling, as data."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from connection_setup.connection.state import connection_for_request
from core.roles import Can, may
from core.words import counted
from coupling import local_records
from coupling.couplings.foreseen import Foreseen
from coupling.couplings.preview_brakes import BrakesForm, brakes_box
from coupling.couplings.preview_list import TABS, PreviewList, Tab
from coupling.couplings.preview_services import why_stopped
from coupling.couplings.preview_store import PreviewRecords, PreviewTicks, can_create, count_matched
from coupling.job_parameters import CouplingParameters
from coupling.matching.previewed import Found
from coupling.models import CouplingPreview, IntegrationTableMapping
from coupling.page_parts import crumbs, mapping_url, permission_reason
from jobs import display, services
from jobs.mentions import PersonReading
from jobs.models import Job, State
from jobs.pages import lists as listings
from masterdata.models import Company
from ui.cells import time_ago
from ui.kit import Action, Cell, FactBox, FastTab, Link, Notice, Page, Status, Table
from ui.links import company_url

TITLE = "Preview of Match-Based Coupling"
_HELP = "coupling.md#preview"


def preview_url(job: Job, **query: Any) -> str:
    """Return the address of a preview."""
    return company_url("coupling:match-preview", job.company, preview=job.pk, query=query)


def previews_page(company: Company, previews: Sequence[CouplingPreview]) -> Page:
    """Return the page of the previews that are kept."""
    lines = [
        (
            Link(one.mapping.name, preview_url(one.job)),
            Status("Coupled", "ok") if one.is_carried_out else display.status(one.job),
            one.job.message or one.job.phase,
            display.started_by(one.job),
            one.job.created_at,
        )
        for one in previews
    ]
    table = Table(
        "Previews", ("Mapping", "State", "What was found", "Made by", "Made"), lines, wrap=frozenset({2}),
        empty="None is kept now. Choose Preview on the page Select Coupling Criteria of a mapping.",
    )  # fmt: skip
    return Page(
        TITLE,
        crumbs=crumbs(company),
        company=company,
        help=_HELP,
        actions=[Action("Select Coupling Criteria", company_url("coupling:choose-criteria", company), icon="filter")],
        fast_tabs=[FastTab("previews", "Previews", table=table)],
    )


def unfinished_page(request: HttpRequest, job: Job, mapping: IntegrationTableMapping, *, kept: bool) -> Page:
    """Return the page of a preview that is still made, that failed, or that is no longer kept."""
    notices = []
    if job.state == State.FAILED:
        notices.append(Notice(job.message or "The preview failed.", "bad", "No preview"))
    elif job.state == State.CANCELLED:
        notices.append(Notice(job.message or "Cancelled.", "warn", "No preview"))
    elif job.ended and not kept:
        notices.append(
            Notice("Previews are kept for a day. Preview again to see what matches now.", "", "No longer kept")
        )
    progress = display.progress(
        job, poll_url=preview_url(job, **_kept(request, job)), waits_for=services.waits_for(job)
    )
    return Page(
        TITLE,
        crumbs=_crumbs(request, job, mapping),
        company=mapping.company,
        state=display.status(job),
        help=_HELP,
        actions=_actions(request, job, mapping, found=False),
        notices=notices,
        progress=None if progress is None else quick(progress),
    )


def quick(progress: Any) -> Any:
    """Return the progress polled twice a second: a small preview takes no longer."""
    return dataclasses.replace(progress, poll_every="500ms")


def preview_page(request: HttpRequest, preview: CouplingPreview, tab: Tab, brakes: BrakesForm | None = None) -> Page:
    """Return the page of a preview. brakes: as they were entered, where they cannot be kept."""
    mapping, job = preview.mapping, preview.job
    connection = connection_for_request(request, mapping.company)
    shown = PreviewList(preview, tab, request.GET, PersonReading(request.user), request.get_full_path(), connection)
    operates = may(request.user, Can.OPERATE, mapping.company)
    open_to = operates and not preview.is_carried_out
    return Page(
        TITLE,
        crumbs=_crumbs(request, job, mapping),
        company=mapping.company,
        state=Status(f"Kept until {_clock(preview.kept_until)}"),
        help=_HELP,
        actions=_actions(request, job, mapping, found=True),
        notices=_notices(preview, shown),
        lead="coupling/couplings/preview_lead.html",
        listing=shown.listing(selectable=open_to),
        fact_boxes=[
            _start_box(request, preview, shown.ticks),
            FactBox("Matched by", facts=[(f"{at}. {one[0]}", one[1]) for at, one in enumerate(preview.orders, 1)]),
            *_foreseen_box(shown),
            brakes_box(preview, shown.ticks, brakes, off=not open_to),
        ],
        context=_lead(preview, tab, shown.ticks, _kept(request, job), can_tick=open_to),
    )  # fmt: skip


def _clock(moment: datetime) -> str:
    """Return the time of day, with the date where it is not today's."""
    local = timezone.localtime(moment)
    return f"{local:%H:%M}" if local.date() == timezone.localdate() else f"{local.day} {local:%b %H:%M}"


def _crumbs(request: HttpRequest, job: Job, mapping: IntegrationTableMapping) -> list[Link]:
    trail = crumbs(mapping.company, mapping)
    return [*trail, Link("Select Coupling Criteria", _criteria_url(request, job, mapping))]


def _kept(request: HttpRequest, job: Job) -> dict[str, str]:
    """Return what the criteria page was opened with, which its address gets back; a selection is its person's own."""
    names = ("within", "selection") if job.requested_by_id == request.user.pk else ("within",)
    return {name: request.GET[name] for name in names if request.GET.get(name)}


def _criteria_url(request: HttpRequest, job: Job, mapping: IntegrationTableMapping) -> str:
    return mapping_url("criteria", mapping, preview=job.pk, **_kept(request, job))


def _actions(request: HttpRequest, job: Job, mapping: IntegrationTableMapping, *, found: bool) -> list[Action]:
    company, no_preview = mapping.company, permission_reason(request, mapping.company, Can.PREVIEW)
    actions: list[Action] = []
    if not job.ended:
        url = company_url("coupling:cancel-preview", company, preview=job.pk)
        off = "Stops after the batch in hand." if job.cancel_requested else no_preview
        actions.append(Action("Cancel", url, "post", "cancel", off=off))
    else:
        url = company_url("coupling:preview-again", company, preview=job.pk)
        actions.append(Action("Preview Again", url, "post", "preview", off=no_preview))
    actions.append(Action("Select Coupling Criteria", _criteria_url(request, job, mapping), icon="filter"))
    if found:
        query = {name: request.GET.get(name, "") for name in ("tab", "q", "by")}
        export = company_url("coupling:export-preview", company, preview=job.pk, query=query)
        actions.append(Action("Export to CSV", export, icon="export"))
        actions.append(Action("Copy Link", preview_url(job, tab=request.GET.get("tab", "")), icon="copy", copies=True))
    actions.append(Action("Job", listings.job_url(job, company), icon="job"))
    return actions


# -- what stands above the list ----------------------------------------------------------------------------------------


def _notices(preview: CouplingPreview, shown: PreviewList) -> list[Notice]:
    notices: list[Notice] = []
    company, numbers = preview.mapping.company, preview.numbers
    if (done := preview.carried_out_by) is not None and preview.is_carried_out:
        see = [Action("See the job", listings.job_url(done, company))]
        notices.append(
            Notice(f"These pairs are coupled by job {done.pk}. Nothing can be ticked any more.", "ok", "", see)
        )
        return notices
    near, new = int(numbers.get(Found.NEAR, 0)), int(numbers.get(Found.NEW, 0))
    if near and can_create(preview.mapping):
        are, they = ("are likely duplicates", "They are") if near > 1 else ("is a likely duplicate", "It is")
        rows = f"{near:,} of the {near + new:,} new rows {are}."
        text = f"{_nearly_alike(preview)} {they} left out unless you tick {'them' if near > 1 else 'it'}."
        see = [Action(f"See the {near:,}", preview_url(preview.job, tab="near"))]
        notices.append(Notice(text, "warn", rows, see))
    if changed := len(shown.changes or ()):
        noun = "pair" if shown.tab.name == "couple" else "record"
        what = f"1 {noun} changed" if changed == 1 else f"{changed:,} {noun}s changed"
        text = "What changed is left and told when you couple these. Preview again to see what matches now."
        notices.append(Notice(text, "warn", f"{what} since this preview."))
    if (stopped := why_stopped(preview, shown.ticks)) is not None:
        text = f"{stopped.message} Untick some, or change the limits."
        notices.append(Notice(text, "warn", "Stopped by a brake"))
    return notices


def _nearly_alike(preview: CouplingPreview) -> str:
    table = local_records.get_table(preview.mapping).caption.lower()
    shown = PreviewList(preview, TABS[4], {}, PersonReading(None))
    for row in PreviewRecords(preview, (Found.NEAR,))[0:1]:
        if row.record.near is not None:
            pair = f"{shown.here(row.record)} and {shown.there(row.record).text}"
            return f"Dataverse has a {table} that is nearly alike, such as {pair}."
    return f"Dataverse has a {table} that is nearly alike, or one outside the filter."


def _lead(
    preview: CouplingPreview, tab: Tab, ticks: PreviewTicks, kept: dict[str, str], *, can_tick: bool
) -> dict[str, Any]:
    mapping, job = preview.mapping, preview.job
    table, total = local_records.get_table(mapping), count_matched(preview)
    what = table.caption.lower() if total == 1 else table.caption_plural.lower()
    counts = {one.name: sum(int(preview.numbers.get(found, 0)) for found in one.found) for one in TABS}
    creates = ticks.default(Found.NEW)
    keys = [
        ("ok", f"{counts['couple']:,} couple", counts["couple"]),
        ("two", f"{counts['create']:,} {'create' if creates else 'find no match'}", counts["create"]),
        ("warn", f"{counts['several']:,} fail, several matches", counts["several"]),
        ("bad", f"{counts['taken']:,} fail, already coupled", counts["taken"]),
    ]
    nothing = "Nothing was written by it." if preview.is_carried_out else "Nothing is written yet."
    compared = f"Compared with {preview.rows_compared:,} rows"
    requests = "1 request" if job.requests == 1 else f"{job.requests:,} requests"
    return {
        "preview_heading": f"{total:,} {what} would end like this",
        "preview_note": f"{nothing} {compared} in {requests}, {time_ago(job.ended_at)}",
        "preview_keys": [(look, text) for look, text, count in keys if count],
        "preview_bars": bars([(look, count) for look, _, count in keys], total),
        "preview_tabs": [
            (one.caption if one.name != "create" or can_create(mapping) else "No match", counts[one.name],
             preview_url(job, tab=one.name, **kept), one is tab)
            for one in TABS
            if counts[one.name] or one is tab or one.name == "couple"
        ],
        "preview_tick_all": _tick_all(preview, tab, counts[tab.name]) if can_tick else [],
    }  # fmt: skip


def bars(parts: Sequence[tuple[str, int]], total: int) -> list[tuple[str, str, str]]:
    """Return the stretches of a bar that is 100 wide: look, where it begins, how wide it is."""
    gap, shown = 0.35, [(look, count) for look, count in parts if count]
    room = 100 - gap * max(0, len(shown) - 1)
    found, at = [], 0.0
    for look, count in shown:
        width = room * count / max(total, 1)
        found.append((look, f"{at:.2f}", f"{width:.2f}"))
        at += width + gap
    return found


def _tick_all(preview: CouplingPreview, tab: Tab, count: int) -> list[Action]:
    if not count or tab.found[0] is Found.LEFT_OUT:
        return []
    url = company_url("coupling:tick-all-previewed", preview.mapping.company, preview=preview.pk)
    kept = {"tab": tab.name}
    return [
        Action(f"Tick all {count:,}", url, "post", values={**kept, "ticked": "1"}),
        Action("Untick all", url, "post", values=kept),
    ]


# -- fact boxes --------------------------------------------------------------------------------------------------------


def _start_box(request: HttpRequest, preview: CouplingPreview, ticks: PreviewTicks) -> FactBox:
    mapping = preview.mapping
    coupled, created = ticks.count(Found.COUPLE), ticks.count_created()
    label = f"Couple these {coupled:,}" if coupled or not created else f"Create these {created:,}"
    off = permission_reason(request, mapping.company, Can.OPERATE)
    operates = not off
    if preview.is_carried_out:
        off = f"Coupled by job {preview.carried_out_by_id}."
    elif not coupled and not created:
        off = "Nothing is ticked."
    elif why_stopped(preview, ticks) is not None:
        off = "A brake stops it."
    url = company_url("coupling:couple-previewed", mapping.company, preview=preview.pk)
    new = int(preview.numbers.get(Found.NEW, 0))
    return FactBox(
        "Start",
        facts=[("Ticked to couple", coupled), ("Ticked to create", created)],
        template="coupling/couplings/preview_start.html",
        context={
            "action": Action(label, url, "post", "couple", selection=True, off=off, primary=True),
            "new": new if can_create(mapping) and operates and not preview.is_carried_out else 0,
            "creates": ticks.default(Found.NEW),
            "tick_all": company_url("coupling:tick-all-previewed", mapping.company, preview=preview.pk),
        },
    )


def _foreseen_box(shown: PreviewList) -> list[FactBox]:
    """Return what synchronization would do to the pairs; nothing once they are coupled, or where nobody tells it."""
    if shown.preview.is_carried_out or shown.tab.name != "couple":
        return []
    foreseen = shown.foreseen
    if foreseen.problem:
        return [FactBox("Then synchronized", text=f"Not known now. {foreseen.problem}")]
    if not (first := foreseen.all):
        return []
    facts: list[tuple[str, Cell]] = [
        ("Rows there", _written([len(one.there) for one in first])),
        ("Records here", _written([len(one.here) for one in first])),
        ("Equal already", sum(one == Foreseen() for one in first)),
    ]
    if conflicts := sum(one.conflicts > 0 for one in first):
        facts.append(("Wait for a person", conflicts))
    if left := sum(bool(one.why and not one.fails) for one in first):
        facts.append(("Left as they are", left))
    if failures := foreseen.failures:
        facts.append(("Would fail", failures.total()))
        facts += [(f"for {reason}", count) for reason, count in failures.most_common()]
    at_once = CouplingParameters.load(shown.preview.job.parameters).synchronize
    text = "At once: Synchronize After Coupling is on." if at_once else "Not at once: by the next synchronization."
    total = int(shown.preview.numbers.get(Found.COUPLE, 0))
    if total > len(first):
        text += f" Of the first {len(first):,} of {total:,} pairs."
    return [FactBox("Then synchronized", facts=facts, text=text)]


def _written(fields: Sequence[int]) -> str:
    """Return of how many pairs fields are written, and how many fields."""
    pairs = sum(count > 0 for count in fields)
    return f"{pairs:,}, {counted(sum(fields), 'field')}" if pairs else "0"
