"""Views of Preview of Match-Based Coupling: make one, look at it, tick, couple these."""

from uuid import UUID

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from core.refusals import Refusal
from core.roles import Can, requires
from coupling.couplings import preview_services
from coupling.couplings.preview_brakes import BrakesForm
from coupling.couplings.preview_export import csv_lines
from coupling.couplings.preview_list import PreviewList, Tab, tab_of
from coupling.couplings.preview_page import preview_page, preview_url, previews_page, unfinished_page
from coupling.matching.previewed import Found
from coupling.models import CouplingPreview, IntegrationTableMapping
from coupling.page_parts import EXPLAINED, mapping_or_404, show_error
from jobs import services as jobs
from jobs.mentions import PersonReading
from jobs.models import Job, Type
from jobs.pages.started import redirect_to_job
from ui import render
from ui.htmx import htmx_of


@require_safe
@requires(Can.READ)
def previews(request: HttpRequest, company: str) -> HttpResponse:
    """Show the previews that are kept, newest first: Tell Me leads here."""
    owner = access.company_or_404(request, company)
    kept = CouplingPreview.objects.filter(mapping__company=owner, kept_until__gte=timezone.now())
    related = kept.select_related("job", "job__requested_by", "mapping", "mapping__company", "carried_out_by")
    return render.page(request, previews_page(owner, list(related.order_by("-pk")[:50])))


@require_safe
@requires(Can.READ)
def preview(request: HttpRequest, company: str, preview: int) -> HttpResponse:
    """Show a preview; while it is made, its progress."""
    job, mapping, found = _found(request, company, preview)
    if found is None or not found.complete:
        return render.page(request, unfinished_page(request, job, mapping, kept=found is not None))
    return render.page(request, preview_page(request, found, tab_of(request.GET.get("tab", ""))))


@require_safe
@requires(Can.READ)
def export(request: HttpRequest, company: str, preview: int) -> HttpResponseBase:
    """Send the records of a tab as CSV, narrowed and searched as the page is."""
    job, _, found = _found(request, company, preview)
    if found is None or not found.complete:
        raise Http404("The preview is not there to be exported. Preview again.")
    tab = tab_of(request.GET.get("tab", ""))
    shown = PreviewList(found, tab, request.GET, PersonReading(request.user))
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    response = StreamingHttpResponse(csv_lines(shown, text), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="preview-{job.pk}-{tab.name}.csv"'
    return response


@require_POST
@requires(Can.PREVIEW)
def again(request: HttpRequest, company: str, preview: int) -> HttpResponse:
    """Preview the same once more."""
    job, mapping, _ = _found(request, company, preview)
    try:
        new = preview_services.preview_again(job=job, mapping=mapping, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(preview_url(job))
    return HttpResponseRedirect(preview_url(new))


@require_POST
@requires(Can.PREVIEW)
def cancel(request: HttpRequest, company: str, preview: int) -> HttpResponse:
    """Stop a preview that is still made."""
    job, _, _ = _found(request, company, preview)
    if not job.ended:
        jobs.cancel(job=job, user=request.user)
    return HttpResponseRedirect(preview_url(job))


@require_POST
@requires(Can.OPERATE)
def tick(request: HttpRequest, company: str, preview: int) -> HttpResponse:
    """Keep what is ticked on a page."""
    _, _, found = _complete(request, company, preview)
    tab = tab_of(request.GET.get("tab", ""))
    try:
        _keep_ticks(request, found, tab)
    except Refusal as error:
        show_error(request, error)
    return _back(request, found, tab)


@require_POST
@requires(Can.OPERATE)
def tick_all(request: HttpRequest, company: str, preview: int) -> HttpResponse:
    """Tick all records of a tab, or none; those alone of which something was found, where that is named."""
    _, _, found = _complete(request, company, preview)
    tab, named = tab_of(request.POST.get("tab", "")), request.POST.get("found", "")
    chosen = [one for one in tab.found if one is not Found.LEFT_OUT and named in ("", one.value)]
    try:
        preview_services.tick_all(preview=found, found=chosen, ticked=bool(request.POST.get("ticked")))
    except Refusal as error:
        show_error(request, error)
    shown = tab_of(request.GET.get("tab", tab.name if not named else ""))
    return _back(request, found, shown)


@require_POST
@requires(Can.OPERATE)
def set_brakes(request: HttpRequest, company: str, preview: int) -> HttpResponse:
    """Keep the limits above which nothing is coupled or created."""
    _, _, found = _complete(request, company, preview)
    form = BrakesForm(request.POST, auto_id="brake_%s")
    if not form.is_valid():
        return render.page(request, preview_page(request, found, tab_of(""), form), status=400)
    try:
        preview_services.set_brakes(preview=found, brakes=form.brakes, **form.further)
    except Refusal as error:
        show_error(request, error)
    return HttpResponseRedirect(preview_url(found.job))


@require_POST
@requires(Can.OPERATE)
def couple_these(request: HttpRequest, company: str, preview: int) -> HttpResponse:
    """Couple exactly the ticked pairs, with what is ticked on the page, and show the job."""
    job, mapping, found = _complete(request, company, preview)
    try:
        _keep_ticks(request, found, tab_of(request.GET.get("tab", "")))
        started = preview_services.couple_these(preview=found, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(preview_url(job))
    return redirect_to_job(request, mapping.company, started)


def _keep_ticks(request: HttpRequest, found: CouplingPreview, tab: Tab) -> None:
    """Keep what is ticked among the records that the page has shown; nothing where it showed none. Raises Refusal."""
    plain = PreviewList(found, tab, {}, PersonReading(None)).listing(selectable=True)
    signed = plain.unsigned(request.POST.get("shown", "")) or {}
    shown = {UUID(row_id): Found(what) for what, row_id in signed.get("shown", ())}
    if shown:
        given = request.POST.getlist("selected")
        preview_services.tick(preview=found, shown=shown, ticked={one for one in shown if str(one) in given})


def _back(request: HttpRequest, found: CouplingPreview, tab: Tab) -> HttpResponse:
    """Show the page as it is now: at once where scripts ask for a part of it."""
    if htmx_of(request):
        found.refresh_from_db()
        return render.page(request, preview_page(request, found, tab))
    return HttpResponseRedirect(preview_url(found.job, tab=tab.name))


def _complete(request: HttpRequest, company: str, number: int) -> tuple[Job, IntegrationTableMapping, CouplingPreview]:
    """Return a preview that is complete. Raises Http404."""
    job, mapping, found = _found(request, company, number)
    if found is None or not found.complete:
        raise Http404("The preview is not complete, or no longer kept. Preview again.")
    return job, mapping, found


def _found(request: HttpRequest, slug: str, number: int) -> tuple[Job, IntegrationTableMapping, CouplingPreview | None]:
    """Return the job of a preview with its mapping, and what it found as long as it is kept. Raises Http404."""
    owner = access.company_or_404(request, slug)
    along = ("job", "job__requested_by", "carried_out_by", "mapping", "mapping__known_columns")
    asked = CouplingPreview.objects.select_related(*along).filter(job__company=owner, job__type=Type.PREVIEW)
    kept = asked.filter(job__in=Job.objects.filter(pk=number), complete=True, kept_until__gte=timezone.now()).first()
    if kept is not None:
        kept.job.company = kept.mapping.company = owner
        return kept.job, kept.mapping, kept
    related = Job.objects.select_related("requested_by")
    job = related.filter(company=owner, pk=number, type=Type.PREVIEW).first()
    if job is None:
        raise Http404(f"{owner} has no preview {number}. It may have been deleted.")
    job.company = owner
    mapping = mapping_or_404(owner, job.mapping_name)
    found = CouplingPreview.objects.select_related("carried_out_by").filter(job=job).first()
    if found is not None:
        found.job, found.mapping = job, mapping
        if found.complete and found.kept_until < timezone.now():
            found = None
    return job, mapping, found
