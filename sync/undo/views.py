"""Views of Undo This Job: preview what it would do, look at that, then undo exactly that."""

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

from accounts.access import company_or_404
from core.roles import Can, requires
from core.spreadsheets import csv_lines
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, mapping_or_404, show_error
from jobs import services as jobs
from jobs.models import Job, Type
from jobs.pages.lists import job_url
from jobs.pages.started import redirect_to_job
from sync.models import UndoPreview
from sync.undo.listing import UndoList, tab_of
from sync.undo.page import BACK, KEEP, UndoForm, preview_page, preview_url, unfinished_page
from sync.undo.services import start_preview, undo_as_previewed
from ui import render


@require_POST
@requires(Can.OPERATE)
def undo(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Have a job say what undoing a coupling job would do, and show that."""
    owner = company_or_404(request, company)
    job = Job.objects.filter(company=owner, pk=pk, type=Type.COUPLING).select_related("company").first()
    if job is None:
        raise Http404(f"{owner.name} has no coupling job {pk}.")
    try:
        started = start_preview(job=job, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(job_url(job, owner))
    return HttpResponseRedirect(preview_url(started))


@require_safe
@requires(Can.READ)
def preview(request: HttpRequest, company: str, undo: int) -> HttpResponse:
    """Show a preview; while it is made, its progress."""
    job, found = _found(request, company, undo)
    if found is None or not found.complete or _expired(found):
        undone = found.undone if found is not None else None
        return render.page(
            request, unfinished_page(request, job, undone, kept=found is not None and not found.complete)
        )
    tab = tab_of(request.GET.get("tab", ""))
    return render.page(request, preview_page(request, found, _mapping(job), tab, UndoForm(initial={"values": BACK})))


@require_safe
@requires(Can.READ)
def export(request: HttpRequest, company: str, undo: int) -> HttpResponseBase:
    """Send what stands on a tab as CSV, narrowed and searched as the page is."""
    job, found = _complete(request, company, undo)
    tab = tab_of(request.GET.get("tab", ""))
    shown = UndoList(found, _mapping(job), tab, request.GET.dict())
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    response = StreamingHttpResponse(csv_lines(shown.head, shown.lines(text)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="undo-{job.pk}-{tab.name}.csv"'
    return response


@require_POST
@requires(Can.OPERATE)
def carry_out(request: HttpRequest, company: str, undo: int) -> HttpResponse:
    """Undo exactly what a preview told, and show the job."""
    job, found = _complete(request, company, undo)
    try:
        values = request.POST.get("values", BACK) != KEEP
        started = undo_as_previewed(preview=found, values=values, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(preview_url(job))
    return redirect_to_job(request, job.company, started)


@require_POST
@requires(Can.OPERATE)
def cancel(request: HttpRequest, company: str, undo: int) -> HttpResponse:
    """Stop a preview that is still made."""
    job, _ = _found(request, company, undo)
    if not job.ended:
        jobs.cancel(job=job, user=request.user)
    return HttpResponseRedirect(preview_url(job))


def _found(request: HttpRequest, slug: str, number: int) -> tuple[Job, UndoPreview | None]:
    """Return the job of a preview, and what it found as long as that is there. Raises Http404."""
    owner = company_or_404(request, slug)
    job = Job.objects.filter(company=owner, pk=number, type=Type.UNDO_PREVIEW).first()
    if job is None:
        raise Http404(f"{owner} has no preview {number} of an undo. It may have been deleted.")
    job.company = owner
    found = UndoPreview.objects.select_related("undone", "carried_out_by").filter(job=job).first()
    if found is not None:
        found.job, found.undone.company = job, owner
    return job, found


def _complete(request: HttpRequest, slug: str, number: int) -> tuple[Job, UndoPreview]:
    """Return a preview that is complete and kept. Raises Http404."""
    job, found = _found(request, slug, number)
    if found is None or not found.complete or _expired(found):
        raise Http404("The preview is not complete, or no longer kept. Preview again.")
    return job, found


def _expired(found: UndoPreview) -> bool:
    return found.complete and found.kept_until < timezone.now()


def _mapping(job: Job) -> IntegrationTableMapping:
    return mapping_or_404(job.company, job.mapping_name)
