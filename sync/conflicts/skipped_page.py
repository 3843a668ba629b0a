"""Page Coupled Data Synchronization Errors as data: whatever synchronization left undone, with its condition."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from connection_setup.connection.state import connection_of
from connection_setup.models import DataverseConnection
from connection_setup.setup.menus import row_url
from coupling import local_records
from coupling.models import IntegrationTableMapping, UndoneRecord
from coupling.records import lists as records
from coupling.undone import FOR_A_RECORD, left_undone, read_condition
from jobs.mentions import NOBODY, Reader
from jobs.models import Job, Reason, Type
from jobs.pages import lists as listings
from masterdata import catalog
from masterdata.models import Company
from sync.conflicts.coupling_rows import not_connected
from sync.conflicts.live_rows import existing_rows
from sync.conflicts.services import DELETED
from ui import listing
from ui.cells import text_of
from ui.kit import Action, Cell, Link, Menu, Notice, Page, Status, Tip
from ui.links import company_url

TITLE = "Coupled Data Synchronization Errors"


def skipped_page(
    company: Company,
    reader: Reader,
    *,
    settled: bool,
    unavailable: str,
    off: str,
    off_deleting: str,
    connection: DataverseConnection | None = None,
) -> Page:
    """Return the page as the reader sees it.

    settled: what people accepted as it is; unavailable: why Dataverse cannot be used; off: why the actions are off;
    off_deleting: why Delete Records is; connection: by which Dataverse is asked whether rows exist, if it is.
    """
    values = {"settled": "yes"} if settled else {}

    def act(label: str, name: str, icon: str, *, selection: bool = True, why: str = off) -> Action:
        url = company_url(f"sync:{name}", company)
        return Action(label, url, "post", icon, selection=selection, off=why, values=values)

    actions: list[Action | Menu] = [act("Retry", "retry", "run")]
    if not settled:
        actions.append(act("Retry All", "retry-all", "sync", selection=False))
    actions.append(act("Synchronize", "synchronize-undone", "sync"))
    if not settled:
        actions.append(act("Couple with Merged Row", "couple-with-successor", "couple"))
    actions.append(act("Set Up Coupling", "set-up-coupling-undone", "edit"))
    actions += [
        act("Restore Records", "restore", "reset"),
        act("Delete Couplings", "delete-couplings", "uncouple"),
    ]
    if not settled:
        url = company_url("sync:find-deleted", company)
        actions.append(Action("Find for Deleted", url, icon="search", off=off, dialog=True))
    actions.append(act("Delete Records", "delete-records", "delete", why=off_deleting))
    if not settled:
        actions.append(act("Accept", "accept", "check", why="" if unavailable else off))
    logs = [
        act("Synchronization Log", "left-out-log", "job", why=""),
        Action("Uncoupling Log", company_url("jobs:list", company, query={"type": Type.UNCOUPLING}), icon="job"),
    ]
    return Page(
        TITLE,
        company=company,
        tip=Tip(
            "Each line says what holds it back",
            "A line goes by itself when its cause does: the related record is coupled, the row is active again, the "
            "value is corrected. Where it stays so, settle it: retry, delete the coupling, couple with the row that "
            "it was merged into, restore or delete what was deleted on one side, or accept it as it is.",
        ),
        help="synchronization#skipped",
        actions=[*actions, Menu("Logs", logs, icon="job"), _other_list(company, settled)],
        notices=not_connected(unavailable),
        listing=skipped_listing(company, reader, settled=settled, connection=connection),
    )


def _other_list(company: Company, settled: bool) -> Action:
    """Return the way to what people accepted as it is, or back."""
    if settled:
        return Action("Show What Is Undone", company_url("sync:skipped", company), icon="list")
    url = company_url("sync:skipped", company, query={"settled": "yes"})
    return Action("Show What Was Accepted", url, icon="list")


def skipped_listing(
    company: Company, reader: Reader = NOBODY, *, settled: bool = False, connection: DataverseConnection | None = None
) -> listing.Listing:
    """Return the list of what is left undone; or of what people settled.

    connection: by which Dataverse is asked whether the rows shown exist; None: they are told as the last run found.
    """
    cells = _Cells(company, connection)
    nothing = (
        Notice("Nobody chose Accept for a record.", title="Nothing was accepted as it is")
        if settled
        else Notice("All that synchronization took up is done, or waits on Resolve Update Conflicts.", "ok",
                    "Nothing is left out")
    )  # fmt: skip
    return listing.Listing(
        id="accepted-records" if settled else "undone-records",
        caption="Records left out",
        rows=left_undone(company, settled=settled).select_related("mapping__company").order_by("id"),
        columns=[
            listing.Column("record", "Description", cells.record, wrap=True),
            listing.Column("mapping", "Mapping", "mapping.name", sort="mapping__name"),
            listing.Column("reason", "Reason", _reason, sort="reason", narrow="narrow"),
            listing.Column("error", "Error Message", lambda row: read_condition(row, reader), wrap=True),
            listing.Column("since", "Since", "since", sort="since"),
            listing.Column("attempts", "Attempts", "attempts", numeric=True, default=False),
            listing.Column("look_at", "Next Attempt", cells.next_attempt, default=False),
            listing.Column("exists", "Record Exists", lambda row: "Yes" if cells.exists(row) else "No", default=False),
            listing.Column("coupled_exists", "Coupled Record Exists", cells.coupled_exists, narrow="narrow"),
            listing.Column("job", "Failed On", cells.last_job),
            listing.Column("row", "Dataverse Row", cells.row, default=False, wrap=True),
            listing.Column("integration", "Coupled To", cells.coupled_to, default=False, wrap=True),
        ],
        filters=_filters(company, settled),
        search=(
            "local_key__istartswith",
            "local_name__icontains",
            "integration_name__icontains",
            "condition__icontains",
        ),
        search_label="Search by name or condition",
        key="id",
        selectable=True,
        cards=True,
        row_label=cells.text,
        decorate=cells.load,
        empty=nothing,
    )


def deleted_listing(
    company: Company, reader: Reader = NOBODY, connection: DataverseConnection | None = None
) -> listing.Listing:
    """Return the list of pairs a side of which was deleted, which a person decides about."""
    whole = skipped_listing(company, reader, connection=connection)
    return replace(
        whole,
        id="deleted-records",
        caption="Pairs deleted on one side",
        rows=whole.rows.filter(reason__in=DELETED),
        columns=[one for one in whole.columns if one.name not in ("look_at", "row")],
        filters=[one for one in whole.filters if one.name == "mapping" and len(one.options()) > 1],
        empty=Notice("Of every pair both sides exist, as far as runs looked.", "ok", "Nothing was deleted on one side"),
    )


def _filters(company: Company, settled: bool) -> list[listing.Filter]:
    """Return the filters by mapping and by reason, with those that there are."""
    lines = left_undone(company, settled=settled)
    mappings = IntegrationTableMapping.objects.filter(company=company).order_by("name")
    names = mappings.filter(Exists(lines.filter(mapping=OuterRef("pk")))).values_list("name", flat=True)
    reasons = lines.order_by("reason").values_list("reason", flat=True).distinct()
    return [
        listing.Filter(
            "mapping", "Mapping", lambda rows, value: rows.filter(mapping__name=value), [(name, name) for name in names]
        ),
        listing.Filter(
            "reason", "Reason", lambda rows, value: rows.filter(reason=value),
            [(reason, listings.reason_label(reason) or reason) for reason in reasons],
        ),
    ]  # fmt: skip


class _Cells:
    """Cells of the list; `load` reads what they show, in one query per mapping and one for the jobs."""

    def __init__(self, company: Company, asked: DataverseConnection | None = None) -> None:
        self.company, self._asked = company, asked
        self._existing: set[UUID] | None = None
        self._names: dict[int, str] = {}
        self._jobs: dict[int, Job] = {}

    @cached_property
    def connection(self) -> DataverseConnection:
        """The connection that rows are opened by."""
        return self._asked or connection_of(self.company)

    def load(self, rows: Sequence[Any]) -> None:
        """Read the names of the rows' records as they are now, and their last jobs: a listing's `decorate`."""
        by_mapping: dict[int, list[UndoneRecord]] = {}
        for row in rows:
            by_mapping.setdefault(row.mapping_id, []).append(row)
        self._jobs = Job.objects.in_bulk({row.job_id for row in rows if row.job_id})
        self._existing = existing_rows(self.company, self._asked, rows)
        for found in by_mapping.values():
            try:
                names = local_records.read_keys_and_names(
                    found[0].mapping, [row.local_id for row in found if row.local_id is not None]
                )
            except local_records.Unusable:
                continue
            self._names |= {row.pk: " ".join(names[row.local_id]).strip() for row in found if row.local_id in names}

    def exists(self, row: UndoneRecord) -> bool:
        """Return whether the local record exists."""
        return row.pk in self._names

    def text(self, row: UndoneRecord) -> str:
        """Return key and name of the local record; the row's name where there is none."""
        if row.local_id is None:
            return row.label
        return self._names.get(row.pk) or f"{row.local_key} {row.local_name} (deleted)".strip()

    def record(self, row: UndoneRecord) -> Cell:
        """Return the local record, as a link to its card; or the Dataverse row without one."""
        if row.local_id is None:
            return self.text(row)
        if not self.exists(row):
            return Status(self.text(row), "bad")
        return Link(self.text(row), records.card_url(self.company, catalog.table(row.mapping.table), row.local_id))

    def last_job(self, row: UndoneRecord) -> Cell:
        """Return when the last job met the condition, as a link to it."""
        job = self._jobs.get(row.job_id or 0)
        if job is None:
            return ""
        return Link(text_of(job.ended_at or job.created_at), listings.job_url(job, self.company))

    def row(self, row: UndoneRecord) -> Cell:
        """Return the row in Dataverse, as a link to it there."""
        if row.integration_id is None:
            return ""
        mapping = row.mapping
        url = row_url(self.connection, mapping.integration_table, mapping.entity_set, row.integration_id)
        return Link(row.integration_name or str(row.integration_id), url)

    def coupled_to(self, row: UndoneRecord) -> Cell:
        """Return the row that the record is coupled to."""
        return self.row(row) if row.coupling_id is not None else ""

    def coupled_exists(self, row: UndoneRecord) -> str:
        """Return whether the row in Dataverse exists: now, or as the last run that looked at it found."""
        if row.integration_id is None:
            return ""
        if self._existing is not None:
            return "Yes" if row.integration_id in self._existing else "No"
        found = "No" if row.reason == Reason.INTEGRATION_DELETED else "Yes"
        return f"{found}, by the last run"

    def next_attempt(self, row: UndoneRecord) -> Cell:
        """Return when a run takes it up by itself."""
        once_settled = row.waits_for.startswith(FOR_A_RECORD)
        return row.look_at or ("When the record is settled" if once_settled else "When a side changes")


def _reason(row: UndoneRecord) -> Cell:
    return listings.reason_link(row.reason, "warn" if row.reason == Reason.OUTSIDE_FILTER else "bad")
