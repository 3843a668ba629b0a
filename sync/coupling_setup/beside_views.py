"""The page of Here and in Dataverse, from which a record's card fetches its fact box."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.access import company_or_404
from core.roles import Can, may, requires
from coupling.records import lists as records
from sync.coupling_setup.beside import TITLE, beside_box
from ui import render
from ui.kit import Link, Page


@require_safe
@requires(Can.READ)
def beside(request: HttpRequest, company: str, table: str, system_id: UUID) -> HttpResponse:
    """Show both sides of a coupled record, read now."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    record = records.record_or_404(owner, what, system_id)
    asks = may(request.user, Can.PREVIEW, owner)  # as for whatever reads tables from Dataverse
    box = beside_box(owner, what, record, again=request.GET.get("again") == "1", asks=asks)
    crumbs = (
        Link(what.caption_plural, records.list_url(owner, what)),
        Link(records.record_title(what, record), records.card_url(owner, what, system_id)),
    )
    return render.page(request, Page(TITLE, company=owner, crumbs=crumbs, fact_boxes=(box,), help="records.md#beside"))
