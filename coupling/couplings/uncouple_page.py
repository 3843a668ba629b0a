"""Page Delete Couplings: ask, with the numbers, then start the jobs."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from connection_setup.connection.state import unavailable_text
from core.roles import Can, requires
from coupling.couplings import services
from coupling.models import IntegrationTableMapping, Selection, pairs_of
from coupling.page_parts import EXPLAINED, job_log_url, mapping_or_404, mapping_url, show_error
from coupling.records import keep_selection, selections
from coupling.records import lists as records
from jobs.models import Job
from jobs.pages.started import redirect_to_job
from masterdata.models import Company
from ui import ids, listing, render
from ui.kit import Action
from ui.links import company_url

TITLE = "Delete Couplings"
_WHAT_STAYS = (
    "No data is deleted on either side; the rows in Dataverse are only released from this company. Deleted couplings "
    "are found again by match-based coupling; what both sides had agreed on is not."
)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def uncouple_mappings(request: HttpRequest, company: str) -> HttpResponse:
    """Ask about all couplings of the chosen mappings, then start."""
    owner = access.company_or_404(request, company)
    back = company_url("coupling:mappings", owner)
    given = request.POST if request.method == "POST" else request.GET
    chosen = IntegrationTableMapping.objects.filter(company=owner, pk__in=ids.parse_ids(given.getlist("id")))
    counted = [(one, pairs_of(one).count()) for one in chosen.select_related("company")]
    coupled = [(one, count) for one, count in counted if count]
    if not counted:
        return listing.nothing_selected(request, back)
    if not coupled:
        names = ", ".join(one.name for one, _ in counted)
        messages.warning(request, f"{names}: there are no couplings, so there is nothing to delete.")
        return HttpResponseRedirect(back)
    if request.method == "POST":
        mappings = [one for one, _ in coupled]
        return _started(
            request,
            owner,
            back,
            lambda: [services.start_uncoupling(mapping=one, all=True, user=request.user) for one in mappings],
        )
    parts = ", ".join(f"{count:,} coupling{'s' if count != 1 else ''} of {one.name}" for one, count in coupled)
    again = {"id": ",".join(str(one.pk) for one, _ in counted)}
    action = _action(request, owner, sum(count for _, count in coupled), again)
    return _confirm(request, owner, f"This deletes {parts}.", action, back)


@require_POST
@requires(Can.OPERATE)
def from_selection(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Store a list's selection, then ask about its couplings."""
    owner = access.company_or_404(request, company)
    one = records.table_or_404(table)
    selection = keep_selection.store_from_list(
        request, owner, one, title="Delete Coupling", without="none is coupled", coupled=True
    )
    if not isinstance(selection, Selection):
        return selection
    if not selections.count_coupled(selection):
        why = "None of the selected records is coupled, so there is nothing to delete."
        return keep_selection.back_to_list(request, selection, one, why)
    return HttpResponseRedirect(mapping_url("uncouple", selection.mapping, selection=selection.pk))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def uncouple_selection(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Ask about the couplings of a stored selection, then start."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    given = request.POST if request.method == "POST" else request.GET
    selection = selections.get_selection(one, request.user, given.get("selection", ""))
    back = company_url("records:list", owner, table=one.table)
    if selection is None:
        return listing.nothing_selected(request, back)
    if request.method == "POST":
        return _started(request, owner, back, lambda: [_uncouple_selected(selection, user=request.user)])
    coupled = selections.count_coupled(selection)
    action = _action(request, owner, coupled, {"selection": str(selection.pk)})
    return _confirm(request, owner, _selection_text(selection, coupled), action, back)


def _uncouple_selected(selection: Selection, *, user: Any) -> Job:
    local_ids = selections.iter_ids(selection)
    job = services.start_uncoupling(mapping=selection.mapping, selection=local_ids, user=user)
    selections.delete_selection(selection)
    return job


def _started(request: HttpRequest, owner: Company, back: str, start: Callable[[], Sequence[Job]]) -> HttpResponse:
    """Start jobs and lead to them: to the one job, or to the log where there are several; go back with an error."""
    try:
        jobs = start()
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(back)
    if len(jobs) == 1:
        return redirect_to_job(request, owner, jobs[0])
    return HttpResponseRedirect(job_log_url(owner, type="uncoupling"))


def _selection_text(selection: Selection, coupled: int) -> str:
    uncoupled = selection.count - coupled
    text = f"This deletes the {coupled:,} couplings of the selected records."
    if coupled == 1:
        text = "This deletes the coupling of the selected record."
    return f"{text} {uncoupled:,} of the selected records are not coupled." if uncoupled else text


def _action(request: HttpRequest, owner: Company, count: int, values: dict[str, str]) -> Action:
    label = f"Delete {count:,} couplings" if count != 1 else "Delete the coupling"
    off = unavailable_text(owner)
    return Action(label, request.path, "post", "uncouple", values=values, primary=True, off=off)


def _confirm(request: HttpRequest, owner: Company, text: str, action: Action, back: str) -> HttpResponse:
    return render.confirm(request, title=TITLE, text=f"{text} {_WHAT_STAYS}", action=action, back=back, company=owner)
