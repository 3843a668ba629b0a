"""Match-Based Coupling and Delete Couplings begin on a record list: the selection is kept for the page that follows."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from coupling.models import Selection
from coupling.records import lists as records
from coupling.records import selections
from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui import listing


def keep(request: HttpRequest, owner: Company, table: LocalTable, *, without: str) -> Selection | HttpResponse:
    """What the list has selected, kept for the table's mapping; where there is nothing to keep, the way back.

    without: what does not work for a table that no mapping covers, as the end of a sentence.
    """
    back = records.list_url(owner, table)
    selection = records.selected(request, owner, table)
    if not selection:
        return listing.nothing_selected(request, back)
    mappings = records.mappings_of(owner, table)
    if not mappings:
        messages.error(request, f"{table.caption_plural} have no integration table mapping, so {without}.")
        return HttpResponseRedirect(back)
    ids = selection.rows.order_by(table.key).values_list("system_id", flat=True).iterator(chunk_size=5000)
    return selections.store_selection(mapping=mappings[0], ids=ids, user=request.user)


def redirect_to_selection(request: HttpRequest, draft: Selection, table: LocalTable, why: str) -> HttpResponse:
    """Forget the selection, which is of no use: back to the list, with the reason."""
    selections.drop(draft)
    messages.warning(request, why)
    return HttpResponseRedirect(records.list_url(draft.company, table))
