"""Delete Couplings: ask, with the numbers, then start the jobs."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from connection_setup.connection.state import unavailable_text
from core.roles import Can, requires
from coupling.couplings import services
from coupling.models import Coupling, IntegrationTableMapping, Selection
from coupling.page_parts import EXPLAINED, job_log_url, mapping_or_404, mapping_url, show_error
from coupling.records import keep_selection, selections
from coupling.records import lists as records
from masterdata.models import Company
from ui import ids, listing, render
from ui.kit import Action
from ui.links import company_url

TITLE = "Delete Couplings"
_KEPT = (
    "No data is deleted on either side; the rows in Dataverse are only released from this company. Deleted couplings "
    "are found again by match-based coupling, their history is not."
)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def uncouple_mappings(request: HttpRequest, company: str) -> HttpResponse:
    """All couplings of the chosen mappings."""
    owner = access.company(request, company)
    back = company_url("coupling:mappings", owner)
    given = request.POST if request.method == "POST" else request.GET
    wanted = ids.parse_ids(given.getlist("id"))
    chosen = list(IntegrationTableMapping.objects.filter(company=owner, pk__in=wanted).select_related("company"))
    counted = [(mapping, Coupling.objects.filter(mapping=mapping).count()) for mapping in chosen]
    coupled = [(mapping, count) for mapping, count in counted if count]
    if not chosen:
        return listing.nothing_selected(request, back)
    if not coupled:
        messages.warning(request, f"{_names(chosen)}: there are no couplings, so there is nothing to delete.")
        return HttpResponseRedirect(back)
    if request.method == "POST":
        try:
            jobs = [services.start_uncoupling(mapping=mapping, all=True, user=request.user) for mapping, _ in coupled]
        except EXPLAINED as error:
            show_error(request, error)
            return HttpResponseRedirect(back)
        return HttpResponseRedirect(_job_url(owner, [job.pk for job in jobs]))
    total = sum(count for _, count in coupled)
    parts = ", ".join(f"{count:,} couplings of {mapping.name}" for mapping, count in coupled)
    again = {"id": ",".join(map(str, wanted))}
    return _asked(request, owner, total, f"This deletes {parts}.", again, request.path, back)


@require_POST
@requires(Can.OPERATE)
def from_selection(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """The couplings of the records selected on a list: keep the selection, then ask."""
    owner = access.company(request, company)
    one = records.table_or_404(table)
    selection = keep_selection.store_from_list(request, owner, one, without="none is coupled")
    if not isinstance(selection, Selection):
        return selection
    if not selections.count_coupled(selection):
        why = "None of the selected records is coupled, so there is nothing to delete."
        return keep_selection.back_to_list(request, selection, one, why)
    return HttpResponseRedirect(mapping_url("uncouple", selection.mapping, selection=selection.pk))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def uncouple_selection(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Ask about a kept selection, then start."""
    owner = access.company(request, company)
    one = mapping_or_404(owner, mapping)
    given = request.POST if request.method == "POST" else request.GET
    selection = selections.get_selection(one, request.user, given.get("selection", ""))
    back = company_url("records:list", owner, table=one.table)
    if selection is None:
        return listing.nothing_selected(request, back)
    if request.method == "POST":
        try:
            job = services.start_uncoupling(mapping=one, selection=selections.iter_ids(selection), user=request.user)
        except EXPLAINED as error:
            show_error(request, error)
            return HttpResponseRedirect(back)
        selections.delete_selection(selection)
        return HttpResponseRedirect(_job_url(owner, [job.pk]))
    coupled = selections.count_coupled(selection)
    return _asked(
        request, owner, coupled, _of_selection(selection, coupled), {"selection": str(selection.pk)}, request.path, back
    )


def _of_selection(selection: Selection, coupled: int) -> str:
    rest = selection.count - coupled
    text = (
        f"This deletes the {coupled:,} couplings of the selected records."
        if coupled != 1
        else ("This deletes the coupling of the selected record.")
    )
    return f"{text} {rest:,} of the selected records are not coupled." if rest else text


def _asked(
    request: HttpRequest, owner: Company, count: int, text: str, values: dict[str, str], url: str, back: str
) -> HttpResponse:
    label = f"Delete {count:,} couplings" if count != 1 else "Delete the coupling"
    return render.confirm(
        request,
        title=TITLE,
        text=f"{text} {_KEPT}",
        action=Action(label, url, "post", "uncouple", values=values, primary=True, off=unavailable_text(owner)),
        back=back,
        company=owner,
    )


def _names(mappings: Sequence[IntegrationTableMapping]) -> str:
    return ", ".join(mapping.name for mapping in mappings)


def _job_url(owner: Company, jobs: Sequence[int]) -> str:
    if len(jobs) == 1:
        return company_url("jobs:job", owner, pk=jobs[0])
    return job_log_url(owner, type="uncoupling")
