"""Views of Preview of the Full Synchronization: make one, look at it, cancel it, take it as CSV."""

from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from core.refusals import Refusal
from core.roles import Can, requires
from coupling.mappings.services import get_mapping
from coupling.models import IntegrationTableMapping
from jobs import services as jobs
from jobs.mentions import PersonReading
from jobs.models import Job, Type
from jobs.pages.started import redirect_to_job
from sync.full import preview_page
from sync.full.page import review_url
from sync.full.preview_job import FullPreviewParameters, start_full_preview, stored_lines
from sync.full.preview_page import WAYS, PreviewList, preview_url
from sync.models import FullSynchPreview
from sync.start.services import start_unconditional, unconditional_way
from ui import render
from ui.links import company_url


@require_POST
@requires(Can.OPERATE)
def start(request: HttpRequest, company: str) -> HttpResponse:
    """Have a preview made of what Sync All would do now."""
    owner = company_or_404(request, company)
    try:
        job = start_full_preview(company=owner, user=request.user)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(review_url(owner))
    return HttpResponseRedirect(preview_url(job))


@require_safe
@requires(Can.READ)
def show(request: HttpRequest, company: str, full_preview: int) -> HttpResponse:
    """Show a preview; while it is made, its progress."""
    job, found = _found(request, company, full_preview)
    if found is None or not preview_page.is_kept(found):
        return render.page(request, preview_page.unfinished_page(request, job, kept=False))
    return render.page(request, preview_page.preview_page(request, found))


@require_POST
@requires(Can.OPERATE)
def cancel(request: HttpRequest, company: str, full_preview: int) -> HttpResponse:
    """Stop a preview that is still made."""
    job, _ = _found(request, company, full_preview)
    if not job.ended:
        jobs.cancel(job=job, user=request.user)
    return HttpResponseRedirect(preview_url(job))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def unconditional(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Ask which way an unconditional full synchronization of a mapping goes, then have it previewed."""
    owner = company_or_404(request, company)
    found = IntegrationTableMapping.objects.select_related("company").filter(company=owner, name=mapping).first()
    if found is None:
        raise Http404(f"There is no integration table mapping {mapping!r} in {owner.name}.")
    given = request.POST if request.method == "POST" else request.GET
    way = WAYS.get(given.get("way", ""), preview_page.first_way(found))
    if request.method != "POST":
        return preview_page.ask_way(request, found, way)
    try:
        unconditional_way(found, way)
        job = start_full_preview(company=owner, unconditional=found.name, direction=way, user=request.user)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(company_url("coupling:mappings", owner))
    return HttpResponseRedirect(preview_url(job))


@require_POST
@requires(Can.OPERATE)
def run(request: HttpRequest, company: str, full_preview: int) -> HttpResponse:
    """Run the unconditional full synchronization that was previewed."""
    job, found = _found(request, company, full_preview)
    asked = FullPreviewParameters.load(job.parameters)
    if not asked.unconditional or not preview_page.is_kept(found):
        raise Http404("There is no preview of an unconditional full synchronization here any more. Preview it again.")
    try:
        mapping = get_mapping(job.company, asked.unconditional)
        started = start_unconditional(mapping=mapping, direction=asked.direction, user=request.user)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(preview_url(job))
    return redirect_to_job(request, job.company, started)


@require_safe
@requires(Can.READ)
def export(request: HttpRequest, company: str, full_preview: int) -> HttpResponseBase:
    """Send the records of a tab as CSV, searched as the page is."""
    job, found = _found(request, company, full_preview)
    tab = None
    if found is not None and preview_page.is_kept(found):
        tab = preview_page.tab_of(stored_lines(found.lines), request.GET)
    if found is None or tab is None:
        raise Http404("The preview has no records to be exported, or is not kept any more. Choose Preview Again.")
    shown = PreviewList(found, tab, PersonReading(request.user))
    response = StreamingHttpResponse(shown.csv_lines(request.GET), content_type="text/csv; charset=utf-8")
    name = f"full-preview-{job.pk}-{tab.mapping}-{tab.kind.value}.csv".lower()
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _found(request: HttpRequest, slug: str, number: int) -> tuple[Job, FullSynchPreview | None]:
    """Return the job of a preview, and what it found as long as it is kept. Raises Http404."""
    owner = company_or_404(request, slug)
    related = Job.objects.select_related("requested_by")
    job = related.filter(company=owner, pk=number, type=Type.FULL_PREVIEW).first()
    if job is None:
        raise Http404(f"{owner} has no preview {number} of the full synchronization. It may have been deleted.")
    job.company = owner
    found = FullSynchPreview.objects.filter(job=job).first()
    if found is not None:
        found.job = job
    return job, found
