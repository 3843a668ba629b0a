"""Views of Synchronization History: the list, its exports, putting values back."""

from uuid import UUID

from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_or_404
from connection_setup.connection.state import unavailable_text
from core.roles import Can, requires
from core.spreadsheets import csv_lines
from coupling.page_parts import EXPLAINED, show_error
from coupling.records.lists import record_or_404, table_or_404
from jobs.errors import EmptySelection
from jobs.models import Job
from jobs.pages.lists import job_url
from masterdata.models import Company
from sync.history import export as exporting
from sync.history import page as pages
from sync.history.listing import history_listing, history_url
from sync.history.reading import lines_of, read
from sync.history.services import put_back as start_putting_back
from ui import ids, listing, render
from ui.kit import Action


@require_safe
@requires(Can.READ)
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show what synchronization wrote: of all, or of a job, a record, a mapping, a field, between two days."""
    owner = company_or_404(request, company)
    return render.page(request, pages.history_page(request, owner, unavailable_text(owner)))


@require_safe
@requires(Can.READ)
def of_record(request: HttpRequest, company: str, table: str, system_id: UUID) -> HttpResponse:
    """Show what happened to one record; its card fetches the section from here."""
    owner, what = company_or_404(request, company), table_or_404(table)
    record = record_or_404(owner, what, system_id)
    return render.page(request, pages.record_page(request, owner, what, record))


@require_safe
@requires(Can.READ)
def export(request: HttpRequest, company: str, kind: str) -> HttpResponseBase:
    """Send the list as a file, narrowed and searched as the page is."""
    owner = company_or_404(request, company)
    rows = history_listing(owner).narrowed(request.GET.dict()).iterator(chunk_size=1000)
    if kind == "csv":
        content, of_type = csv_lines(exporting.HEAD, exporting.csv_rows(rows)), "text/csv; charset=utf-8"
    elif kind == "json":
        content, of_type = exporting.json_text(rows), "application/json"
    else:
        raise Http404(f"There is no export as {kind}.")
    response = StreamingHttpResponse(content, content_type=of_type)
    response["Content-Disposition"] = f'attachment; filename="synchronization-history.{kind}"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def put_back(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then have values put back: those selected on the list, or the one that a link names."""
    owner = company_or_404(request, company)
    back = _back(request, owner)
    what = history_listing(owner)
    chosen = _selected(request, owner, what)
    if not chosen:
        return listing.nothing_selected(request, back)
    if request.method == "POST" and request.POST.get("sure") == "yes":
        return _start(request, owner, chosen, back)
    lines = read(list(chosen.rows[: pages.LISTED]))
    anyway = request.POST.get("anyway") == "yes"
    text, told = pages.question(lines, chosen.count, anyway=anyway)
    values = {"selection": chosen.token, "sure": "yes", "back": back, **({"anyway": "yes"} if anyway else {})}
    return render.confirm(
        request,
        title=f"{pages.PUT_BACK}?",
        text=text,
        lines=told,
        action=Action(pages.PUT_BACK, request.path, "post", "reset", primary=True, values=values),
        back=back,
        company=owner,
    )


def _selected(request: HttpRequest, owner: Company, what: listing.Listing) -> listing.Selection:
    number = ids.parse_id(request.GET.get("line", ""))
    if request.method != "POST" and number is not None:
        rows = lines_of(owner).filter(pk=number)
        return listing.Selection(rows, rows.count(), token=what.signed(keys=[str(number)]), key=what.key)
    return listing.selected(request, what)


def _back(request: HttpRequest, owner: Company) -> str:
    """Return where the person came from: the list, or a page that says so."""
    given = request.POST.get("back") or request.GET.get("back", "")
    safe = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if safe and given.startswith(f"/c/{owner.slug}/") and len(given) < 2000 else history_url(owner)


def _start(request: HttpRequest, owner: Company, chosen: listing.Selection, back: str) -> HttpResponse:
    try:
        started: list[Job] = start_putting_back(
            company=owner, lines=chosen.rows, anyway=request.POST.get("anyway") == "yes", user=request.user
        )
    except EmptySelection:
        return listing.nothing_selected(request, back)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(back)
    messages.success(request, pages.put_back_note(started))
    return HttpResponseRedirect(job_url(started[0], owner) if len(started) == 1 else back)
