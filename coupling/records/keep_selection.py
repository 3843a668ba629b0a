"""Match-Based Coupling and Delete Couplings begin on a record list: its selection is stored for the next page."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from coupling.models import Selection
from coupling.records import lists as records
from coupling.records import selections, which_mapping
from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui import listing


def store_from_list(
    request: HttpRequest, company: Company, table: LocalTable, *, title: str, without: str, coupled: bool = False
) -> Selection | HttpResponse:
    """Store what the list has selected for the table's mapping; return what to show where nothing is stored: the way
    back, or the question for which of several mappings.

    title: what is done with the records; without: what does not work for a table that no mapping covers, as the end of
    a sentence; coupled: only mappings count through which the records are coupled.
    """
    back = records.list_url(company, table)
    selected = records.selected_records(request, company, table)
    if not selected:
        return listing.nothing_selected(request, back)
    mappings = records.mappings_of(company, table)
    if not mappings:
        messages.error(request, f"{table.caption_plural} have no integration table mapping, so {without}.")
        return HttpResponseRedirect(back)
    if coupled:
        mappings = list(which_mapping.that_couple(mappings, selected))
    mapping = which_mapping.find_or_ask(request, company, table, selected, mappings, title=title)
    if isinstance(mapping, HttpResponse):
        return mapping
    local_ids = selected.rows.order_by(table.key).values_list("system_id", flat=True).iterator(chunk_size=5000)
    return selections.store_selection(mapping=mapping, local_ids=local_ids, user=request.user)


def back_to_list(request: HttpRequest, selection: Selection, table: LocalTable, why: str) -> HttpResponse:
    """Delete a selection that cannot be used, and go back to the list with the reason."""
    selections.delete_selection(selection)
    messages.warning(request, why)
    return HttpResponseRedirect(records.list_url(selection.company, table))
