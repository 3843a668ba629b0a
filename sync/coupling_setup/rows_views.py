"""Create Here from Dataverse: the rows of a mapping that nothing is coupled with, and records made for chosen ones."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_or_404
from core.refusals import NotUsable
from core.roles import Can, may, requires
from core.vocabulary import Direction
from coupling.couplings.by_hand import RowsSeen, UncoupledRows
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, crumbs, error_notice, mapping_or_404, show_error
from coupling.row_search import SEARCHED_BY, phone_hint
from jobs.pages.started import redirect_to_job
from sync.coupling_setup import services
from ui import render
from ui.kit import Action, Page
from ui.links import company_url
from ui.searched import Search, searched_text

TITLE = "Create Here from Dataverse"
MOST_CHOSEN = 1000
"""Ticks of one request that are read at most."""


@require_safe
@requires(Can.PREVIEW)  # it reads tables from the service
def uncoupled(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show the rows inside the filter that nothing is coupled with, searched and page by page."""
    owner = company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    text = searched_text(request.GET)
    found, notices = UncoupledRows([], 0), []
    columns: tuple[str, ...] = ()
    captions: list[str] = []
    try:
        services.require_rows(one)
        gateway = Gateway(owner)
        seen = RowsSeen(one, gateway, user=request.user)
        found = seen.uncoupled(text, page=request.GET.get("page", ""))
        columns = seen.searched.telling
        infos = gateway.table(one).columns
        captions = [infos[name].label or name for name in columns]
    except EXPLAINED as error:
        notices.append(error_notice(error, "The rows cannot be read"))
    off = _off(request, one)
    page = Page(
        TITLE,
        company=owner,
        crumbs=crumbs(owner, one),
        help="coupling.md#create-here",
        notices=notices,
        template="sync/coupling_setup/uncoupled.html",
        context=_context(one, text, found, columns, captions, off, failed=bool(notices)),
    )
    return render.page(request, page)


def _off(request: HttpRequest, mapping: IntegrationTableMapping) -> str:
    """Return why no records can be created for rows of the mapping; "" where they can."""
    if not may(request.user, Can.OPERATE, mapping.company):
        return "Your role may look, not change."
    return f"{mapping.name} only sends data to Dataverse." if mapping.direction == Direction.TO else ""


def _context(
    mapping: IntegrationTableMapping,
    text: str,
    found: UncoupledRows,
    columns: tuple[str, ...],
    captions: list[str],
    off: str,
    *,
    failed: bool,
) -> dict[str, Any]:
    def address(**query: Any) -> str:
        return company_url("sync:uncoupled-rows", mapping.company, mapping=mapping.name, query=query)

    rows = [
        (str(one.row.id), one.row.name or str(one.row.id), [one.row.values.get(name) or "" for name in columns])
        for one in found.rows
    ]
    return {
        "rows": rows, "captions": captions, "off": off, "failed": failed, "text": text, "mapping": mapping.name,
        "search": Search("rows", "Dataverse rows", address(), text, SEARCHED_BY),
        "search_note": phone_hint(text),
        "looked_at": found.looked_at, "next_url": address(q=text, page=found.next_page) if found.next_page else "",
        "first_url": address(q=text),
        "save_url": company_url("sync:create-here", mapping.company, mapping=mapping.name),
    }  # fmt: skip


@require_POST
@requires(Can.OPERATE)
def create(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Create and couple a record for each of the selected rows."""
    owner = company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    back = company_url("sync:uncoupled-rows", owner, mapping=one.name, query={"q": searched_text(request.POST)})
    if request.POST.get("every") == "1":
        return _create_every(request, one, back)
    rows = _chosen(request)
    if not rows:
        messages.warning(request, "Nothing is selected, so nothing was done. Tick the rows you mean.")
        return HttpResponseRedirect(back)
    try:
        if len(rows) > MOST_CHOSEN:
            raise NotUsable(f"More than {MOST_CHOSEN:,} rows are selected.", "Select fewer at once.")
        job = services.create_here(mapping=one, rows=rows, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(back)
    return redirect_to_job(request, owner, job)


def _create_every(request: HttpRequest, mapping: IntegrationTableMapping, back: str) -> HttpResponse:
    """Create records for all rows that the search finds, after asking with their number."""
    owner, text = mapping.company, searched_text(request.POST)
    try:
        services.require_rows(mapping)
        rows, more = RowsSeen(mapping, Gateway(owner), user=request.user).every_uncoupled(text)
        if request.POST.get("confirmed") == "yes" or not rows:
            return redirect_to_job(
                request, owner, services.create_here(mapping=mapping, rows=rows, user=request.user)
            )  # fmt: skip
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(back)
    what = "1 row" if len(rows) == 1 else f"{len(rows):,} rows"
    found = f" found by “{text}”" if text else ""
    behind = " There are more rows behind those looked at: do this again afterwards." if more else ""
    return render.confirm(
        request,
        title="Create Here from Dataverse",
        text=f"A record is created here for each of {what}{found} that nothing is coupled with, and coupled with it. "
        f"Records that may be the same are not looked for: match first.{behind}",
        action=Action(
            "Create Here", request.path, "post", "add", primary=True,
            values={"q": text, "every": "1", "confirmed": "yes"},
        ),
        back=back,
        company=owner,
    )  # fmt: skip


def _chosen(request: HttpRequest) -> list[UUID]:
    """Return the ids that are ticked; what is none is left out."""
    found = []
    for text in request.POST.getlist("selected"):
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
