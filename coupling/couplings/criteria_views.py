"""Views of Select Coupling Criteria: choose what to match on, see what would happen, then couple."""

from collections.abc import Mapping, Sequence

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from core.roles import Can, may, requires
from coupling.couplings import services, suggest_services
from coupling.couplings.criteria_form import CriteriaForm
from coupling.couplings.criteria_page import RETURN_PAGES, choose_page, criteria_page, form_values, return_url
from coupling.couplings.criteria_state import changes_since
from coupling.couplings.preview_page import preview_url
from coupling.job_parameters import CouplingParameters
from coupling.mappings import services as mappings_services
from coupling.matching.criteria import readable, sentence_end, stored_criteria
from coupling.models import IntegrationTableMapping, Selection
from coupling.page_parts import EXPLAINED, error_notice, mapping_or_404, mapping_url
from coupling.records import keep_selection, selections
from coupling.records import lists as records
from coupling.rows import Criterion
from jobs.models import Job, Reason, Type
from jobs.pages.started import redirect_to_job
from ui import ids, render
from ui.kit import Notice


@require_safe
@requires(Can.READ)
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Ask for which mapping: Tell Me leads here."""
    return render.page(request, choose_page(access.company_or_404(request, company)))


@require_POST
@requires(Can.OPERATE)
def from_selection(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Store a list's selection, and go on to the criteria of the table's mapping."""
    owner = access.company_or_404(request, company)
    one = records.table_or_404(table)
    selection = keep_selection.store_from_list(
        request, owner, one, title="Match-Based Coupling", without="they cannot be coupled"
    )
    if not isinstance(selection, Selection):
        return selection
    if selections.count_coupled(selection) == selection.count:
        why = "All selected records are coupled already, so there is nothing to match. Select uncoupled ones."
        return keep_selection.back_to_list(request, selection, one, why)
    return HttpResponseRedirect(mapping_url("criteria", selection.mapping, selection=selection.pk))


@require_safe
@requires(Can.READ)
def criteria(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show the page as stored on the mapping, as it was when a preview was asked for, or as a suggestion says."""
    one = mapping_or_404(access.company_or_404(request, company), mapping)
    prefetch_related_objects([one], "fields")  # every part of the page looks at them
    selection = _selection(request, one, request.GET)
    if (suggested := _suggested(one, request.GET.get("suggestion", ""))) is not None:
        form = CriteriaForm.from_mapping(one, selection)
        form.fill_in(suggested)
        form.notices.append(Notice(f"{sentence_end(readable(one, suggested))} It is not saved.", "", "Filled in"))
        return _shown(request, form)
    previewed = _previewed(one, request.GET.get("preview", ""))
    if previewed is None:
        return _shown(request, CriteriaForm.from_mapping(one, selection))
    form = CriteriaForm.from_preview(one, CouplingParameters.load(previewed.parameters), selection)
    if previewed.selection_only and selection is None:
        form.notices.append(Notice(_OF_ALL, "warn", "Of selected records"))
    return _shown(request, form)


def _suggested(mapping: IntegrationTableMapping, given: str) -> Sequence[Criterion] | None:
    """Return the criteria of a suggestion, named by its measurement's number and its place; None for none."""
    number, _, place = given.partition("-")
    wanted, at = ids.parse_id(number), ids.parse_id(place)
    if wanted is None or at is None:
        return None
    return suggest_services.suggested(mapping=mapping, number=wanted, place=at)


_OF_ALL = (
    "The preview was made of selected records. What you start here is for all of the mapping: choose Preview Again on "
    "the preview's page, or select the records in their list."
)


def _previewed(mapping: IntegrationTableMapping, number: str) -> Job | None:
    """Return the job of a preview of the mapping; None for a blank number, or another one."""
    wanted = ids.parse_id(number) if number else None
    jobs = Job.objects.filter(company=mapping.company_id, mapping_name=mapping.name, type=Type.PREVIEW)
    return jobs.filter(pk=wanted).first() if wanted is not None else None


@require_POST
@requires(Can.PREVIEW)
def preview(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Queue a preview of what is on the page, and show how far it is; nothing is stored on the mapping."""
    form = CriteriaForm.from_request(mapping_or_404(access.company_or_404(request, company), mapping), request)
    if not _usable(form):
        return _shown(request, form, status=400)
    settings = form.settings()
    try:
        job = services.start_preview(
            mapping=form.mapping,
            selection=None if form.selection is None else selections.iter_ids(form.selection),
            criteria=settings.criteria,
            create_new=settings.create_new,
            synchronize=settings.synchronize,
            conflicts=settings.conflicts,
            brakes=form.brakes,
            user=request.user,
        )
    except EXPLAINED as error:
        form.notices.append(error_notice(error, "No preview"))
        return _shown(request, form, status=400)
    return HttpResponseRedirect(preview_url(job, **form_values(form, _within(request))))


@require_POST
@requires(Can.MAP)
def save(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Store the criteria on the mapping, without starting anything."""
    form = CriteriaForm.from_request(mapping_or_404(access.company_or_404(request, company), mapping), request)
    if not _usable(form):
        return _shown(request, form, status=400)
    if _is_out_of_date(request, form):
        return _shown(request, form, status=409)
    mappings_services.save_criteria(mapping=form.mapping, settings=form.settings())
    messages.success(request, _saved(form.mapping))
    within = _within(request)
    return HttpResponseRedirect(return_url(form, within) if within == "guide" else _page_url(form, within))


@require_POST
@requires(Can.MAP)
def reset(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Take back all criteria of the mapping."""
    one = mapping_or_404(access.company_or_404(request, company), mapping)
    mappings_services.reset_criteria(mapping=one)
    messages.success(request, f"No field of {one.name} is matched on any more.")
    form = CriteriaForm.from_mapping(one, _selection(request, one, request.POST))
    return HttpResponseRedirect(_page_url(form, _within(request)))


@require_POST
@requires(Can.OPERATE)
def start(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Start the coupling with what is on the page, and show its job."""
    one = mapping_or_404(access.company_or_404(request, company), mapping)
    form = CriteriaForm.from_request(one, request)
    if not _usable(form):
        return _shown(request, form, status=400)
    if may(request.user, Can.MAP, one.company) and _is_out_of_date(request, form):
        return _shown(request, form, status=409)
    settings = form.settings()
    try:
        job = services.start_coupling(
            mapping=one,
            selection=None if form.selection is None else selections.iter_ids(form.selection),
            criteria=settings.criteria,
            create_new=settings.create_new,
            synchronize=settings.synchronize,
            conflicts=settings.conflicts,
            brakes=form.brakes,
            user=request.user,
        )
    except EXPLAINED as error:
        title = "Nothing to match on" if error.reason == Reason.NO_CRITERIA else "Not started"
        form.notices.append(error_notice(error, title))
        return _shown(request, form, status=400)
    if may(request.user, Can.MAP, one.company) and mappings_services.save_criteria(mapping=one, settings=settings):
        messages.success(request, _saved(one))
    if form.selection is not None:
        selections.delete_selection(form.selection)
    return redirect_to_job(request, one.company, job)


def _saved(mapping: IntegrationTableMapping) -> str:
    """Return what is said where criteria were stored on a mapping."""
    words = readable(mapping, stored_criteria(mapping))
    return f"The matching criteria of {mapping.name} are saved{f': {sentence_end(words)}' if words else '.'}"


def _is_out_of_date(request: HttpRequest, form: CriteriaForm) -> bool:
    """Return whether somebody stored other criteria since the page was opened; the page then says what changed.

    It shows what was typed, and when it is sent once more it replaces what is stored.
    """
    told = changes_since(form.mapping, request.POST.get("seen", ""))
    if told:
        told.append("Nothing was saved or started. What you chose is below; choose the same again to replace it.")
        form.notices.append(Notice(" ".join(told), "warn", "Changed since this page was opened"))
    return bool(told)


def _usable(form: CriteriaForm) -> bool:
    """Return whether all that was entered can be used; what cannot be compared is marked on the page."""
    if form.valid:
        form.mark(services.incomparable(form.mapping, form.settings().criteria))
    return form.valid


def _selection(request: HttpRequest, mapping: IntegrationTableMapping, given: Mapping[str, str]) -> Selection | None:
    """Return the selection that the request names. Raises Http404 where it is no longer stored."""
    return selections.get_selection(mapping, request.user, given.get("selection", ""))


def _within(request: HttpRequest) -> str:
    """Return where the page was opened from: a word of RETURN_PAGES, "" from the mappings or a list."""
    word = request.POST.get("within") or request.GET.get("within", "")
    return word if word in RETURN_PAGES else ""


def _page_url(form: CriteriaForm, within: str) -> str:
    return mapping_url("criteria", form.mapping, **form_values(form, within))


def _shown(request: HttpRequest, form: CriteriaForm, status: int = 200) -> HttpResponse:
    return render.page(request, criteria_page(request, form, _within(request)), status=status)
