"""From a list or a card to what belongs to a record: its row in Dataverse, and the runs that dealt with it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company_or_404
from core.roles import Can, requires
from coupling.records import lists as records
from coupling.records.menus import OPEN
from coupling.records.partners import partner_of
from jobs.outcomes import jobs_of_record
from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui import listing, render
from ui.kit import Action, Link, Notice, Page
from ui.links import company_url


@require_POST
@requires(Can.READ)
def open_row(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Open the row of the record that is selected on its list.

    Browsers do not let a form be redirected to another site, so a page leads there, by itself and by its link.
    """
    owner, what = company_or_404(request, company), records.table_or_404(table)
    back = records.list_url(owner, what)
    chosen = records.selected_records(request, owner, what)
    if not chosen:
        return listing.nothing_selected(request, back)
    if chosen.count > 1:
        messages.warning(request, f"One row is opened at a time, so nothing was done. Tick one record, then {OPEN}.")
        return HttpResponseRedirect(back)
    record = chosen.rows[0]
    partner = partner_of(request, owner, what, record)
    title = records.record_title(what, record)
    if not partner.url:
        messages.warning(request, f"{title} has no row to open. {partner.why_not_open}")
        return HttpResponseRedirect(back)
    notice = Notice(
        f"The row of {title} opens now. Where it does not, follow the link.", actions=[Action(OPEN, partner.url)]
    )
    crumb = Link(what.caption_plural, back)
    response = render.page(request, Page(OPEN, company=owner, crumbs=(crumb,), notices=(notice,), help="records"))
    response["Refresh"] = f"0; url={partner.url}"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def log(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Lead to the runs that dealt with the record in ?record= or ticked on the list; to all of the table's mapping
    where it is none or several, or where no run is known to have dealt with it; of several mappings to all there are.
    """
    owner, what = company_or_404(request, company), records.table_or_404(table)
    chosen = _chosen(request, owner, what)
    if chosen is not None and jobs_of_record(owner, chosen):
        return HttpResponseRedirect(company_url("jobs:list", owner, query={"record": chosen}))
    names = [one.name for one in records.mappings_of(owner, what)]
    query = {"type": "synchronization", "mapping": names[0] if len(names) == 1 else ""}
    return HttpResponseRedirect(company_url("jobs:list", owner, query=query))


def _chosen(request: HttpRequest, company: Company, table: LocalTable) -> UUID | None:
    if request.method == "POST":
        selected = records.selected_records(request, company, table)
        return selected.ids[0] if selected.count == 1 else None
    try:
        return UUID(request.GET.get("record", ""))
    except ValueError:
        return None
