"""Page Integration Table Mappings, and Use Default Synchronization Setup."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from connection_setup.connection.organization import hold_reason
from connection_setup.connection.state import unavailable_text
from core.roles import Can, requires
from core.vocabulary import Direction
from coupling import local_records
from coupling.mappings import column_looks, counts, drift_page
from coupling.mappings.column_looks import Drift
from coupling.mappings.filter_words import integration_filter_text, table_filter_text
from coupling.mappings.schedule import ON_HOLD
from coupling.models import IntegrationTableMapping
from coupling.page_parts import (
    ASK_A_PERSON,
    NOT_ENABLED,
    job_log_url,
    mapping_url,
    permission_reason,
)
from coupling.undone import left_undone
from jobs.models import Job
from masterdata.models import Company
from ui import listing, render
from ui.cells import time_ago
from ui.kit import Action, Cell, Cue, FactBox, Link, Menu, Notice, Page, Status, Tip
from ui.links import company_url, optional_url

# -- the list -----------------------------------------------------------------------------------------------------


@require_safe
@requires(Can.READ)
def mappings(request: HttpRequest, company: str) -> HttpResponse:
    """Show the list of mappings."""
    owner = access.company_or_404(request, company)
    jobs = counts.latest_jobs(owner)
    off = unavailable_text(owner)
    own = IntegrationTableMapping.objects.filter(company=owner).select_related("company", "known_columns")
    numbers = counts.count_records(owner, own)
    found = {mapping.pk: column_looks.loaded(mapping) for mapping in own}
    drifts = {pk: drift for pk, drift in found.items() if drift.changes}
    shown = mapping_listing(owner, jobs, numbers, drifts, off=off)
    page = Page(
        "Integration Table Mappings",
        company=owner,
        tip=_TIP,
        help="mappings.md",
        notices=[
            *([off_notice(owner, off)] if off and shown.rows.exists() else []),
            *drift_page.list_notice(drifts.values()),
        ],
        actions=_list_actions(request, owner, NOT_ENABLED if off else ""),
        listing=shown,
        fact_boxes=[troubleshooting(owner, jobs), *_about_counts(numbers)],
    )
    return render.page(request, page)


_TIP = Tip(
    "About integration table mappings",
    "Each line says which table here goes with which table in Dataverse, and which way the data flows. Select a "
    "mapping, then choose Coupling, Match-Based Coupling to find out which records are the same on both sides.",
)


def mapping_listing(
    company: Company,
    jobs: Mapping[str, Job] = MappingProxyType({}),
    numbers: Mapping[int, counts.Counts] = MappingProxyType({}),
    drifts: Mapping[int, Drift] = MappingProxyType({}),
    *,
    off: str = "",
) -> listing.Listing:
    """Return the list of a company's mappings, as its page and the views of its actions see it.

    jobs, numbers, drifts: the last jobs, the counts and what changed about columns, for the page; off: why the
    connection cannot be used, for a list that is empty.
    """

    def decorate(rows: list[Any]) -> None:
        held = hold_reason(company)
        for row in rows:
            row.counted, row.last_job = numbers.get(row.pk, counts.Counts()), jobs.get(row.name)
            row.next_run = next_run(row, held)

    return listing.Listing(
        id="mappings",
        caption="Mappings",
        rows=IntegrationTableMapping.objects.filter(company=company).select_related("company"),
        key="id",
        selectable=True,
        row_url=lambda row: mapping_url("mapping", row),
        search=("name__icontains", "integration_table__icontains", "table__icontains"),
        decorate=decorate,
        filters=[
            listing.Filter(
                "direction", "Direction", lambda rows, value: rows.filter(direction=value), choices=Direction.choices
            )
        ],
        columns=[
            listing.Column("name", "Name", "name", sort="name"),
            listing.Column(
                "columns", "Columns", lambda row: drift_page.cell(drifts.get(row.pk)), default=bool(drifts),
                narrow="narrow",
            ),
            listing.Column("table", "Table", table_cell, narrow="narrow"),
            listing.Column("table_filter", "Table Filter", table_filter_text, default=False, wrap=True),
            listing.Column(
                "direction", "Direction", lambda row: row.get_direction_display(), sort="direction",
                narrow="narrow halved",
            ),
            listing.Column(
                "integration_table", "Integration Table", _integration_table, sort="integration_table",
                narrow="narrow",
            ),
            listing.Column(
                "integration_filter", "Integration Table Filter", integration_filter_text, default=False, wrap=True
            ),
            listing.Column("records", "Records", lambda row: row.counted.records, numeric=True),
            listing.Column("coupled", "Coupled", lambda row: row.counted.coupled, numeric=True),
            listing.Column("uncoupled", "Uncoupled", _uncoupled, numeric=True),
            listing.Column("errors", "Errors", _errors, numeric=True),
            listing.Column(
                "left_out", "Left Out", _left_out, numeric=True, default=any(one.undone for one in numbers.values())
            ),
            listing.Column("last_run", "Last run", _last_run),
            listing.Column(
                "only_coupled", "Synch. Only Coupled Records", "synch_only_coupled", sort="synch_only_coupled",
                default=False,
            ),
            listing.Column(
                "multi_company", "Multi-Company Synchronization Enabled", "multi_company", sort="multi_company",
                default=False,
            ),
            listing.Column("uid", "Integration Field", _uid_cell, default=False),
            listing.Column("uid_kind", "Integration Field Type", lambda row: row.get_uid_kind_display(), default=False),
            listing.Column(
                "deletion", "Resolve Deletion Conflicts",
                lambda row: row.get_deletion_conflict_display() or ASK_A_PERSON, default=False,
            ),
            listing.Column(
                "update", "Resolve Update Conflicts",
                lambda row: row.get_update_conflict_display() or ASK_A_PERSON, default=False,
            ),
            listing.Column("next_run", "Next run", "next_run", default=False),
            listing.Column("user_defined", "User Defined", "user_defined", sort="user_defined", default=False),
        ],
        empty=_no_mappings(company, off),
    )  # fmt: skip


def _no_mappings(company: Company, off: str) -> Notice:
    """Return why there is no mapping yet, and the way to the first ones."""
    if off:
        setup = optional_url("connection_setup:setup", company)
        return Notice(
            f"{off} It then asks whether to use the default synchronization setup.",
            title="No mappings yet",
            actions=[Action("Dataverse Connection Setup", setup, icon="plug")] if setup else (),
        )
    use = Action(
        "Use Default Synchronization Setup", optional_url("coupling:reset", company), icon="reset", dialog=True
    )
    return Notice("Synchronization is not set up for this company.", title="No mappings yet", actions=[use])


def table_cell(row: Any) -> Cell:
    """Return the local table of a mapping, which leads to its list."""
    try:
        table = local_records.get_table(row)
    except local_records.Unusable:
        return Status(f"{row.table} is not known", "bad")
    return Link(table.caption_plural, optional_url("records:list", row.company, table=table.name))


def _integration_table(row: Any) -> str:
    return f"{row.integration_table} (choice)" if row.uid_kind == "option" else row.integration_table


def _uid_cell(row: Any) -> Cell:
    """Return the column that a row goes by; that of choices leads to Dataverse Option Mapping."""
    return Link(row.uid_column, mapping_url("options", row)) if row.uid_kind == "option" else str(row.uid_column)


def _uncoupled(row: Any) -> Cell:
    count = row.counted.uncoupled
    url = optional_url("records:list", row.company, table=row.table, query={"coupled": "no"})
    return Link(f"{count:,}", url) if count and url else count


def _errors(row: Any) -> Cell:
    job = row.last_job
    failed = int(job.counters.get("failed", 0)) if job else 0
    if not failed:
        return 0
    url = company_url("jobs:outcomes", row.company, pk=job.pk, query={"outcome": "failed"})
    return Link(f"{failed:,}", url, "bad")


def _left_out(row: Any) -> Cell:
    count = row.counted.undone
    url = optional_url("sync:skipped", row.company, query={"mapping": row.name})
    return Link(f"{count:,}", url, "bad") if count and url else count


def _last_run(row: Any) -> Cell:
    job = row.last_job
    if job is None:
        return Status("Not yet")
    url = company_url("jobs:job", row.company, pk=job.pk)
    if not job.ended:
        return Link(str(job.get_state_display()), url, "run")
    if job.state == "failed":
        return Link(f"Failed {time_ago(job.ended_at)}", url, "bad")
    return Link(time_ago(job.ended_at), url, "ok" if job.state == "finished" else "warn")


def _list_actions(request: HttpRequest, company: Company, off: str) -> list[Action | Menu]:
    maps, operates = (permission_reason(request, company, can) for can in (Can.MAP, Can.OPERATE))

    def act(label: str, what: str, icon: str, why: str = "", **kwargs: Any) -> Action:
        url = company_url("coupling:selected", company, what=what)
        return Action(label, url, "post", icon, selection=True, off=why, **kwargs)

    synchronization = [act("Integration Synch. Job Log", "synch-log", "list")]
    if optional_url("sync:synchronize-mapping", company, mapping="x"):
        whole = act("Run Unconditional Full Synchronization", "unconditional", "sync", off or operates)
        synchronization.insert(0, whole)
        synchronization.insert(0, act("Run Full Synchronization", "full", "sync", off or operates))
        synchronization.insert(0, act("Synchronize Modified Records", "synchronize", "sync", off or operates))
    return [
        Menu(
            "Mapping",
            [
                act("Fields", "fields", "columns"),
                act("Edit", "edit", "edit"),
                act("Options", "options", "list"),
                act("Use Default Synchronization Setup", "reset", "reset", maps),
                Action(
                    "Add Missing Default Mappings",
                    company_url("coupling:add-defaults", company),
                    icon="add",
                    off=maps,
                    dialog=True,
                ),
                act("Delete Mapping", "delete", "delete", maps),
                Action(
                    "Manual Integration Table Mappings", company_url("coupling:manual-mappings", company), icon="table"
                ),
                Action("Job Queue Entry", optional_url("jobs:queue", company), icon="job"),
                Action("Change Log", optional_url("connection_setup:change-log", company), icon="list"),
            ],
            icon="table",
        ),
        Menu(
            "File",
            [
                act("Export Selected", "export", "export"),
                Action("Export All", company_url("coupling:export-mappings", company), icon="export"),
                Action(
                    "Import",
                    company_url("coupling:import-mappings", company),
                    icon="import",
                    off=permission_reason(request, company, Can.ADMINISTER),
                ),
                act("Copy to Another Company", "copy", "copy"),
            ],
            icon="copy",
        ),
        Menu("Synchronization", synchronization, icon="sync"),
        Menu(
            "Coupling",
            [
                act("Match-Based Coupling", "match", "couple", off),
                act("Integration Coupling Job Log", "coupling-log", "job"),
            ],
            icon="couple",
        ),
        Menu(
            "Uncoupling",
            [
                act("Delete Couplings", "uncouple", "uncouple", off or operates),
                act("Integration Uncouple Job Log", "uncoupling-log", "job"),
            ],
            icon="uncouple",
        ),
        act("Fields", "fields", "columns"),
        act("Match-Based Coupling", "match", "couple", off),
        Action("New Table Mapping", company_url("coupling:new-mapping", company), icon="add", off=maps),
    ]


def _about_counts(numbers: Mapping[int, counts.Counts]) -> list[FactBox]:
    """Return when the numbers were true; none where there are none."""
    times = [one.counted_at for one in numbers.values() if one.counted_at is not None]
    return [FactBox("About the counts", [("Counted", time_ago(min(times)))])] if times else []


def next_run(mapping: IntegrationTableMapping, held: str) -> str:
    """Return when the mapping is synchronized next by schedule. held: why nothing starts now, "" where it does."""
    if not mapping.scheduled:
        return "not scheduled"
    if mapping.on_hold_since is not None and not held:
        ends = f", or {time_ago(mapping.next_run_at)}" if mapping.next_run_at is not None else ""
        return f"{ON_HOLD}: when a record here changes{ends}"
    return f"On hold: {held}" if held else time_ago(mapping.next_run_at) or "in a moment"


def off_notice(company: Company, off: str) -> Notice:
    """Return the notice why Dataverse cannot be used, and where to fix it."""
    url = optional_url("connection_setup:setup", company)
    return Notice(off, "warn", actions=[Action("Dataverse Connection Setup", url)] if url else ())


def troubleshooting(
    company: Company, jobs: Mapping[str, Job], mapping: IntegrationTableMapping | None = None
) -> FactBox:
    """Return the fact box of failed records of the last runs and of what is left undone: of a mapping, or of all."""
    errors = sum(
        int(job.counters.get("failed", 0)) for name, job in jobs.items() if mapping is None or name == mapping.name
    )
    lines = left_undone(company)
    undone = (lines.filter(mapping=mapping) if mapping else lines).count()
    narrowed = {"mapping": mapping.name} if mapping else {}
    return FactBox(
        "Troubleshooting",
        cues=[
            Cue(f"{errors:,}", "Integration Errors", job_log_url(company, **narrowed), "bad" if errors else "ok"),
            Cue(
                f"{undone:,}", "Coupled Data Sync Errors", optional_url("sync:skipped", company, query=narrowed),
                "bad" if undone else "ok",
            ),
        ],
        text="Failed records in the last run of each mapping, and all that synchronization left undone until now.",
    )  # fmt: skip


_OF_SEVERAL = {
    "uncouple": "coupling:uncouple-mappings", "reset": "coupling:reset", "export": "coupling:export-mappings",
    "copy": "coupling:copy-mappings",
}  # fmt: skip
"""Actions on several mappings at once, and their pages."""


@require_POST
@requires(Can.READ)
def selected(request: HttpRequest, company: str, what: str) -> HttpResponse:
    """Lead from the selected mappings to what is to be done with them."""
    owner = access.company_or_404(request, company)
    back = company_url("coupling:mappings", owner)
    chosen = list(listing.selected(request, mapping_listing(owner)).rows)
    if not chosen:
        return listing.nothing_selected(request, back)
    if what in _OF_SEVERAL:
        query = "&".join(f"id={mapping.pk}" for mapping in chosen)
        return HttpResponseRedirect(f"{company_url(_OF_SEVERAL[what], owner)}?{query}")
    if len(chosen) > 1:
        messages.warning(request, "Several mappings are selected. Select the one you mean, then choose the action.")
        return HttpResponseRedirect(back)
    return HttpResponseRedirect(_action_url(owner, chosen[0], what))


def _action_url(company: Company, mapping: IntegrationTableMapping, what: str) -> str:
    logs = {"coupling-log": "coupling", "uncoupling-log": "uncoupling", "synch-log": "synchronization"}
    if what in logs:
        return job_log_url(company, type=logs[what], mapping=mapping.name)
    own = {"options": "options", "fields": "fields", "edit": "mapping", "match": "criteria", "delete": "delete-mapping"}
    if what in own:
        return mapping_url(own[what], mapping)
    full = {"full": "1"} if what == "full" else {}
    if what in ("synchronize", "full") and (
        url := optional_url("sync:synchronize-mapping", company, mapping=mapping.name, query=full)
    ):
        return url
    if what == "unconditional" and (url := optional_url("sync:unconditional", company, mapping=mapping.name)):
        return url
    raise Http404(f"There is no action {what!r} on mappings.")
