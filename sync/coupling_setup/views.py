"""Views of Set Up Coupling: for which record, the page about it, coupling, and the ways that lead there from lists."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from core.refusals import NotUsable
from core.roles import Can, may, requires
from coupling.couplings.services import description
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, show_error
from coupling.records import lists as records
from coupling.records.which_mapping import NAME, find_or_ask
from jobs.models import Job, Outcome, Reason
from jobs.pages import lists as listings
from jobs.pages.started import redirect_to_job
from masterdata import catalog
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.conflicts.conflicts_page import conflicts_listing
from sync.conflicts.skipped_page import skipped_listing
from sync.coupling_setup import services
from sync.coupling_setup.asked import NEW, Asked
from sync.coupling_setup.page import TITLE, SetUpPage
from ui import listing, render
from ui.kit import Action, FastTab, Link, Page, Table
from ui.links import company_url

_CREATE = "Create in Dataverse"
_ONE_AT_A_TIME = "One record is coupled by hand at a time, so nothing was done. Tick one, then choose {title}."


@require_safe
@requires(Can.READ)
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Ask for which mapping: Tell Me leads here."""
    owner = company_or_404(request, company)
    mappings = IntegrationTableMapping.objects.filter(company=owner, uid_kind="guid").select_related("company")
    known = {table.name: table for table in catalog.tables()}
    reads = may(request.user, Can.PREVIEW, owner)
    lines = [
        (
            one.name,
            description(one),
            Link("Records", company_url("records:list", owner, table=one.table, query={"coupled": "no"})),
            Link("Rows", company_url("sync:uncoupled-rows", owner, mapping=one.name)) if reads else "",
        )
        for one in mappings
        if one.table in known
    ]
    table = Table(
        "Integration table mappings",
        ("Name", "Tables", "Not coupled here", "Not coupled in Dataverse"),
        lines,
        empty="The mappings of this company are made when its connection to Dataverse is enabled.",
    )
    tab = FastTab("mappings", "What is to be coupled?", table=table)
    return render.page(request, Page(TITLE, company=owner, help="coupling.md#by-hand", fast_tabs=[tab]))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def set_up(request: HttpRequest, company: str, table: str, system_id: UUID) -> HttpResponse:
    """Show a record with the rows it may be coupled with, both field by field; couple it, or create its row."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    record = records.record_or_404(owner, what, system_id)
    given = request.POST if request.method == "POST" else request.GET
    asked = Asked.of(given.dict(), _next_url(request, given.get("next", "")))
    page = SetUpPage(request, owner, what, record, asked)
    if request.method != "POST":
        return render.page(request, page.build())
    if given.get("do") == "compare":
        return HttpResponseRedirect(page.address())
    return _couple(request, page)


def _next_url(request: HttpRequest, given: str) -> str:
    """Return where the person came from; "" where that leads away from this site."""
    safe = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if given and safe else ""


def _couple(request: HttpRequest, page: SetUpPage) -> HttpResponse:
    """Do what was chosen, and go on to the job that follows, or back; with the reason where it cannot be done."""
    owner, asked, local_id = page.company, page.asked, page.record.system_id
    mapping = page.mapping
    try:
        if mapping is None:
            raise NotUsable(page.no_mapping)
        if asked.row == NEW:
            job = services.create_in_dataverse(mapping=mapping, records=[local_id], user=request.user)
            return redirect_to_job(request, owner, job)
        if asked.row_id is None:
            raise NotUsable("No row was chosen, so nothing was coupled.", "Choose a row, or Create New.")
        _, started = services.couple(
            mapping=mapping, local_id=local_id, integration_id=asked.row_id,
            initial=asked.initial or services.NONE, user=request.user,
        )  # fmt: skip
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(page.address())
    if started is not None:
        messages.success(request, "The record is coupled. This job is its first synchronization.")
        return redirect_to_job(request, owner, started)
    messages.success(request, "The record is coupled.")
    return HttpResponseRedirect(asked.back or records.card_url(owner, page.table, local_id))


# -- from lists ------------------------------------------------------------------------------------------------------


@require_POST
@requires(Can.OPERATE)
def from_records(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Go on to the page about the record that is selected on its list."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    back = records.list_url(owner, what)
    chosen = records.selected_records(request, owner, what)
    return _to_one(request, owner, chosen, back, lambda record: (what, record.system_id, ""))


@require_POST
@requires(Can.OPERATE)
def from_undone(request: HttpRequest, company: str) -> HttpResponse:
    """Go on to the page about the record of a line of Coupled Data Synchronization Errors."""
    owner = company_or_404(request, company)
    settled = request.POST.get("settled") == "yes"
    back = company_url("sync:skipped", owner, query={"settled": "yes"} if settled else {})
    chosen = listing.selected(request, skipped_listing(owner, settled=settled))
    return _to_one(request, owner, chosen, back, _record_of)


@require_POST
@requires(Can.OPERATE)
def from_conflicts(request: HttpRequest, company: str) -> HttpResponse:
    """Go on to the page about the record of a pair on Resolve Update Conflicts."""
    owner = company_or_404(request, company)
    chosen = listing.selected(request, conflicts_listing(owner))
    return _to_one(request, owner, chosen, company_url("sync:conflicts", owner), lambda line: _record_of(line.coupling))


@require_POST
@requires(Can.OPERATE)
def from_outcomes(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Go on to the page about the record of an outcome of a job."""
    owner = company_or_404(request, company)
    job = Job.objects.filter(company=owner, pk=pk).first()
    mapping = IntegrationTableMapping.objects.filter(company=owner, name=job.mapping_name).first() if job else None
    if job is None or mapping is None:
        raise Http404(f"{owner.name} has no job {pk} of a mapping.")
    outcome, reason = request.POST.get("outcome", ""), request.POST.get("reason", "")
    shown = listings.outcomes(
        job, outcome if outcome in Outcome.values else "", reason if reason in Reason.values and reason else None
    )  # fmt: skip
    table = records.table_or_404(mapping.table)
    back = listings.outcomes_url(job, owner, outcome=Outcome.FAILED.value)
    chosen = listing.selected(request, shown)
    return _to_one(request, owner, chosen, back, lambda one: (table, one.local_id, mapping.name))


def _record_of(line: Any) -> tuple[LocalTable, UUID | None, str]:
    """Return the record that a coupling or a line of what is undone is about."""
    return records.table_or_404(line.mapping.table), line.local_id, line.mapping.name


def _to_one(
    request: HttpRequest, company: Company, chosen: listing.Selection, back: str, record_of: Any
) -> HttpResponse:
    """Redirect to the page about the one record that is selected; back with a sentence where it is not one."""
    if not chosen:
        return listing.nothing_selected(request, back)
    if chosen.count > 1:
        messages.warning(request, _ONE_AT_A_TIME.format(title=TITLE))
        return HttpResponseRedirect(back)
    rows: QuerySet[Any] = chosen.rows
    table, local_id, mapping = record_of(rows[0])
    if local_id is None:
        messages.warning(
            request,
            "This line is about a Dataverse row alone, so there is no record to couple. Choose Set Up Coupling for the "
            "record that it belongs to.",
        )
        return HttpResponseRedirect(back)
    query = {"mapping": mapping, "next": back}
    return HttpResponseRedirect(
        company_url("sync:set-up-coupling", company, table=table.name, system_id=local_id, query=query)
    )


@require_POST
@requires(Can.OPERATE)
def create_in_dataverse(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Create rows for the selected records, after asking where they are several."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    back = records.list_url(owner, what)
    chosen = records.selected_records(request, owner, what)
    if not chosen:
        return listing.nothing_selected(request, back)
    mappings = records.mappings_of(owner, what)
    if not mappings:
        messages.error(request, f"{what.caption_plural} have no integration table mapping to create rows by.")
        return HttpResponseRedirect(back)
    mapping = find_or_ask(request, owner, what, chosen, mappings, title=_CREATE)
    return mapping if isinstance(mapping, HttpResponse) else _create_rows(request, mapping, chosen, back)


def _create_rows(
    request: HttpRequest, mapping: IntegrationTableMapping, chosen: listing.Selection, back: str
) -> HttpResponse:
    owner = mapping.company
    if chosen.count > 1 and request.POST.get("confirmed") != "yes":
        text = (
            f"A row is created in Dataverse for each of the {chosen.count:,} selected records that is not coupled, and "
            "coupled with it. What is coupled already stays as it is."
        )
        values = {"selection": chosen.token, "confirmed": "yes", NAME: mapping.name}
        act = Action(_CREATE, request.path, "post", "add", values=values, primary=True)
        return render.confirm(request, title=_CREATE, text=text, action=act, back=back, company=owner)
    try:
        ids = chosen.rows.values_list("system_id", flat=True)
        job = services.create_in_dataverse(mapping=mapping, records=ids, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(back)
    return redirect_to_job(request, owner, job)
