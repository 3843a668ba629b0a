"""The pages Resolve Update Conflicts and Coupled Data Synchronization Errors, and what can be done there."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company as company_of
from connection_setup.connection.state import unavailable_reason
from core.refusals import Refusal
from core.roles import Can, may, requires
from coupling import local_records
from coupling.couplings.services import start_uncoupling
from coupling.models import Coupling, IntegrationTableMapping
from coupling.records import lists as records
from jobs.models import Job, Reason
from jobs.pages import lists as listings
from masterdata import catalog
from masterdata.models import Company
from sync.start import services
from sync.start.pages import started_jobs
from ui import listing, render
from ui.kit import Action, Cell, Link, Notice, Page, Status, Tip
from ui.links import company_url

CONFLICTS = "Resolve Update Conflicts"
SKIPPED = "Coupled Data Synchronization Errors"


def _url(company: Company, name: str, **more: Any) -> str:
    return company_url(f"sync:{name}", company, **more)


def _couplings(company: Company) -> "QuerySet[Coupling]":
    return Coupling.objects.filter(company=company).select_related("mapping__company").order_by("id")


class _Named:
    """Names the records of a page of couplings, one query per mapping, and finds their last jobs."""

    def __init__(self, *, with_jobs: bool = False) -> None:
        self.with_jobs = with_jobs

    def __call__(self, rows: Sequence[Coupling]) -> None:
        by_mapping: dict[int, list[Coupling]] = {}
        for row in rows:
            by_mapping.setdefault(row.mapping_id, []).append(row)
        ids = {row.last_job_id for row in rows if row.last_job_id}
        jobs = Job.objects.in_bulk(ids) if self.with_jobs and ids else {}
        for row in rows:
            row.job_row = jobs.get(row.last_job_id or 0)  # type: ignore[attr-defined]
        for found in by_mapping.values():
            names = local_records.read_keys_and_names(found[0].mapping, [row.local_id for row in found])
            for row in found:
                key, title = names.get(row.local_id, ("", ""))
                row.record_text = f"{key} {title}".strip() or "(deleted)"  # type: ignore[attr-defined]
                row.record_there = bool(key)  # type: ignore[attr-defined]


def _record(company: Company, row: Any) -> Cell:
    if not row.record_there:
        return Status(row.record_text, "bad")
    return Link(row.record_text, records.card_url(company, catalog.table(row.table), row.local_id))


# -- conflicts ---------------------------------------------------------------------------------------------------------


def _conflict_listing(company: Company) -> listing.Listing:
    return listing.Listing(
        id="update-conflicts",
        caption="Pairs changed on both sides",
        rows=Coupling.objects.filter(company=company, conflict__isnull=False)
        .select_related("mapping__company")
        .order_by("id"),
        columns=[
            listing.Column("record", "Record", lambda row: _record(company, row)),
            listing.Column("mapping", "Mapping", "mapping.name", sort="mapping__name"),
            listing.Column("field", "Field", lambda row: _parts(row, "caption"), wrap=True),
            listing.Column("ours", "Our value", lambda row: _parts(row, "local_value"), wrap=True),
            listing.Column("theirs", "Value in Dataverse", lambda row: _parts(row, "integration_value"), wrap=True),
            listing.Column("base", "Value before", lambda row: _parts(row, "base_value"), wrap=True),
        ],
        filters=_mapping_filter(company, conflict__isnull=False),
        key="id",
        selectable=True,
        row_label=lambda row: str(row.record_text),
        decorate=_Named(),
        empty=Notice("No pair was changed on both sides in the same field.", "ok", "No conflicts"),
    )


def _parts(row: Any, name: str) -> str:
    """One value per conflicting field, in the fields' order."""
    found = []
    for one in (row.conflict or {}).get("fields", []):
        value = one.get(name)
        found.append(
            ("(never synchronized)" if name == "base_value" else "(blank)") if value in (None, "") else str(value)
        )
    if name == "base_value":
        found = [
            "(blank)" if one.get("base_value") == "" else text
            for one, text in zip((row.conflict or {}).get("fields", []), found, strict=True)
        ]
    return " · ".join(found)


def _mapping_filter(company: Company, **where: Any) -> list[listing.Filter]:
    """The filter by mapping, where several have such couplings: asked mapping by mapping, not coupling by coupling."""
    such = Coupling.objects.filter(company=company, mapping=OuterRef("pk"), **where)
    mappings = IntegrationTableMapping.objects.filter(company=company).filter(Exists(such)).order_by("name")
    names = list(mappings.values_list("name", flat=True))
    if len(names) < 2:
        return []
    choices = [(name, name) for name in names]
    return [listing.Filter("mapping", "Mapping", lambda rows, value: rows.filter(mapping__name=value), choices)]


@require_safe
@requires(Can.READ)
def conflicts(request: HttpRequest, company: str) -> HttpResponse:
    """Pairs whose same field was changed on both sides, and the choice which side counts."""
    owner = company_of(request, company)
    why = unavailable_reason(owner)
    off = _off(request, why)

    def act(label: str, choice: str, icon: str) -> Action:
        return Action(label, _url(owner, "resolve"), "post", icon, selection=True, off=off, values={"choice": choice})

    return render.page(
        request,
        Page(
            CONFLICTS,
            company=owner,
            tip=Tip(
                "Both sides changed the same field",
                "Nothing of these pairs is written until you choose. Tick pairs, then say which side counts for the "
                "fields shown; edits of other fields are kept from both sides.",
            ),
            help="synchronization#conflicts",
            actions=[
                act("Send Data Update to Dataverse", "send", "import"),
                act("Get Data Update from Dataverse", "get", "export"),
            ],
            notices=_not_connected(why),
            listing=_conflict_listing(owner),
        ),
    )


@require_POST
@requires(Can.OPERATE)
def resolve(request: HttpRequest, company: str) -> HttpResponse:
    """Synchronize the ticked pairs, with the chosen side winning."""
    owner = company_of(request, company)
    back = _url(owner, "conflicts")
    chosen = listing.selected(request, _conflict_listing(owner))
    if not chosen:
        return listing.nothing_selected(request, back)
    try:
        started = services.resolve(
            company=owner, couplings=chosen.ids, choice=request.POST.get("choice", ""), user=request.user
        )
    except (Refusal, ValueError) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(back)
    return started_jobs(request, owner, started, back)


# -- records left out --------------------------------------------------------------------------------------------------


def _skipped_listing(company: Company) -> listing.Listing:
    return listing.Listing(
        id="skipped-couplings",
        caption="Coupled records left out",
        rows=_couplings(company).filter(skipped=True),
        columns=[
            listing.Column("record", "Description", lambda row: _record(company, row)),
            listing.Column("mapping", "Mapping", "mapping.name", sort="mapping__name"),
            listing.Column("exists", "Record Exists", lambda row: "Yes" if row.record_there else "No"),
            listing.Column("reason", "Reason", _reason),
            listing.Column("error", "Error Message", "last_error", wrap=True),
            listing.Column("job", "Failed On", lambda row: _job_link(company, row)),
            listing.Column("integration", "Coupled To", lambda row: str(row.integration_id), default=False),
        ],
        filters=_mapping_filter(company, skipped=True),
        key="id",
        selectable=True,
        row_label=lambda row: str(row.record_text),
        decorate=_Named(with_jobs=True),
        empty=Notice("No record failed twice in a row in the same way.", "ok", "Nothing is left out"),
    )


def _reason(row: Any) -> Cell:
    reason = row.last_to_reason or row.last_from_reason
    return Status(str(Reason(reason).label) if reason in Reason.values else reason, "bad")


def _job_link(company: Company, row: Any) -> Cell:
    job = row.job_row
    if job is None:
        return ""
    return Link(f"{job.ended_at or job.created_at:%Y-%m-%d %H:%M}", listings.job_url(job, company))


@require_safe
@requires(Can.READ)
def skipped(request: HttpRequest, company: str) -> HttpResponse:
    """Coupled records that failed twice in a row in the same way and are left out until somebody retries."""
    owner = company_of(request, company)
    why = unavailable_reason(owner)
    off = _off(request, why)

    def act(label: str, name: str, icon: str, *, selection: bool = True) -> Action:
        return Action(label, _url(owner, name), "post", icon, selection=selection, off=off)

    return render.page(
        request,
        Page(
            SKIPPED,
            company=owner,
            tip=Tip(
                "Mend the cause, then retry",
                "A pair that fails twice in a row with the same error is left out of further runs. The message says "
                "what to mend; Retry takes the pair back in and synchronizes it at once.",
            ),
            help="synchronization#skipped",
            actions=[
                act("Retry", "retry", "run"),
                act("Retry All", "retry-all", "sync", selection=False),
                act("Delete Couplings", "delete-couplings", "uncouple"),
            ],
            notices=_not_connected(why),
            listing=_skipped_listing(owner),
        ),
    )


@require_POST
@requires(Can.OPERATE)
def retry(request: HttpRequest, company: str) -> HttpResponse:
    """Take the ticked pairs back in and synchronize them."""
    owner = company_of(request, company)
    chosen = listing.selected(request, _skipped_listing(owner))
    if not chosen:
        return listing.nothing_selected(request, _url(owner, "skipped"))
    return _retried(request, owner, chosen.ids)


@require_POST
@requires(Can.OPERATE)
def retry_all(request: HttpRequest, company: str) -> HttpResponse:
    """Take every pair of the company back in."""
    return _retried(request, company_of(request, company), None)


def _retried(request: HttpRequest, company: Company, couplings: "list[int] | None") -> HttpResponse:
    back = _url(company, "skipped")
    try:
        count, started = services.retry(company=company, couplings=couplings, user=request.user)
    except Refusal as error:
        messages.warning(request, "No record is left out." if couplings is None else str(error))
        return HttpResponseRedirect(back)
    word = "1 record is" if count == 1 else f"{count:,} records are"
    messages.success(request, f"{word} taken back in by the job that was started.")
    return started_jobs(request, company, started, back)


@require_POST
@requires(Can.OPERATE)
def delete_couplings(request: HttpRequest, company: str) -> HttpResponse:
    """Queue the deletion of the ticked pairs' couplings; neither record is deleted."""
    owner = company_of(request, company)
    back = _url(owner, "skipped")
    chosen = listing.selected(request, _skipped_listing(owner))
    if not chosen:
        return listing.nothing_selected(request, back)
    by_mapping: dict[int, list[Any]] = {}
    for mapping_id, local_id in chosen.rows.values_list("mapping_id", "local_id"):
        by_mapping.setdefault(mapping_id, []).append(local_id)
    started = []
    try:
        for mapping_id, ids in by_mapping.items():
            mapping = IntegrationTableMapping.objects.select_related("company").get(pk=mapping_id)
            started.append(start_uncoupling(mapping=mapping, selection=ids, user=request.user))
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return started_jobs(request, owner, started, back)


# -- shared ------------------------------------------------------------------------------------------------------------


def _off(request: HttpRequest, why: str) -> str:
    if why:
        return "Enable the connection first."
    return "" if may(request.user, Can.OPERATE) else "Your role may look, not start jobs."


def _not_connected(why: str) -> list[Notice]:
    return [Notice(why, "warn", "Dataverse is not connected")] if why else []
