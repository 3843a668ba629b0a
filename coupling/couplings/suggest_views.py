"""Views of Suggest Criteria and of criteria sets."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from core.roles import Can, requires
from coupling.couplings import suggest_services
from coupling.couplings.criteria_facts import newest_measurement
from coupling.couplings.suggest_page import suggestions_page, words_of
from coupling.mappings import criteria_sets
from coupling.matching.criteria import readable, sentence_end
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, mapping_or_404, mapping_url, show_error
from jobs import services as jobs
from jobs.models import Job, Type
from ui import ids, render

CARRIED = ("within", "selection")
"""What the criteria page was opened with."""


@require_POST
@requires(Can.PREVIEW)
def suggest(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Measure both sides, and show how far it is; nothing is stored on the mapping."""
    one = _mapping(request, company, mapping)
    try:
        suggest_services.start_suggestion(mapping=one, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
    return HttpResponseRedirect(mapping_url("suggestions", one, **_carried(request)))


@require_safe
@requires(Can.READ)
def suggestions(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show what was measured last, or how far measuring is."""
    one = _mapping(request, company, mapping)
    page = suggestions_page(request, one, _newest_job(one), newest_measurement(one), _carried(request))
    return render.page(request, page)


@require_POST
@requires(Can.PREVIEW)
def cancel(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Stop measuring."""
    one = _mapping(request, company, mapping)
    job = _newest_job(one)
    if job is not None and not job.ended:
        jobs.cancel(job=job, user=request.user)
    return HttpResponseRedirect(mapping_url("suggestions", one, **_carried(request)))


@require_POST
@requires(Can.MAP)
def take(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Store suggested criteria as the mapping's, say so, and show them."""
    one = _mapping(request, company, mapping)
    number, place = (_number(request, name) for name in ("measurement", "place"))
    try:
        taken = suggest_services.take(mapping=one, number=number, place=place)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(mapping_url("suggestions", one, **_carried(request)))
    messages.success(request, f"The matching criteria of {one.name} are saved: {sentence_end(words_of(one, taken))}")
    return HttpResponseRedirect(mapping_url("criteria", one, **_carried(request)))


# -- criteria sets -----------------------------------------------------------------------------------------------------


@require_POST
@requires(Can.MAP)
def save_set(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Keep the mapping's present criteria under a name."""

    def save(one: IntegrationTableMapping) -> str:
        kept, there = criteria_sets.save_as(mapping=one, name=request.POST.get("set_name", ""))
        words = sentence_end(readable(one, criteria_sets.criteria_of(kept)))
        return f"The criteria set {kept.name} is {'replaced' if there else 'saved'}: {words}"

    return _done(request, company, mapping, save)


@require_POST
@requires(Can.MAP)
def choose_set(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Make the criteria of a set the mapping's."""

    def choose(one: IntegrationTableMapping) -> str:
        kept = criteria_sets.choose(mapping=one, number=_number(request, "set"))
        words = sentence_end(readable(one, criteria_sets.criteria_of(kept)))
        return f"The matching criteria of {one.name} are saved, those of the set {kept.name}: {words}"

    return _done(request, company, mapping, choose)


@require_POST
@requires(Can.MAP)
def rename_set(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Call a set by another name."""

    def rename(one: IntegrationTableMapping) -> str:
        name = request.POST.get("set_name", "")
        return f"It is called {criteria_sets.rename(mapping=one, number=_number(request, 'set'), name=name).name} now."

    return _done(request, company, mapping, rename)


@require_POST
@requires(Can.MAP)
def delete_set(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Delete a set; the mapping's criteria stay."""

    def delete(one: IntegrationTableMapping) -> str:
        name = criteria_sets.delete(mapping=one, number=_number(request, "set"))
        return f"The criteria set {name} is deleted. The matching criteria of {one.name} stay as they are."

    return _done(request, company, mapping, delete)


def _done(
    request: HttpRequest, company: str, mapping: str, work: Callable[[IntegrationTableMapping], str]
) -> HttpResponse:
    """Do something with a mapping's sets, say what was done, and show the criteria."""
    one = _mapping(request, company, mapping)
    try:
        messages.success(request, work(one))
    except EXPLAINED as error:
        show_error(request, error)
    return HttpResponseRedirect(mapping_url("criteria", one, **_carried(request)))


def _mapping(request: HttpRequest, company: str, name: str) -> IntegrationTableMapping:
    return mapping_or_404(access.company_or_404(request, company), name)


def _number(request: HttpRequest, name: str) -> int:
    """Return a number that a form of the page carries; -1, which nothing has, for anything else."""
    number = ids.parse_id(request.POST.get(name, ""))
    return -1 if number is None else number


def _carried(request: HttpRequest) -> dict[str, Any]:
    given = {name: request.POST.get(name) or request.GET.get(name, "") for name in CARRIED}
    return {name: value for name, value in given.items() if value}


def _newest_job(mapping: IntegrationTableMapping) -> Job | None:
    """Return the newest job that measured the mapping, or does; None for none."""
    found = Job.objects.filter(company=mapping.company_id, mapping_name=mapping.name, type=Type.SUGGESTION)
    job = found.order_by("-pk").first()
    if job is not None:
        job.company = mapping.company
    return job
