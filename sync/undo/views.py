"""View of Undo This Job: show what it would do, then start it."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from accounts.access import company_or_404
from core.roles import Can, requires
from coupling.mappings.services import require_enabled
from coupling.page_parts import EXPLAINED, show_error
from jobs.models import Job, Type
from jobs.pages.lists import job_url
from jobs.pages.started import redirect_to_job
from sync.undo.choices import choices_there
from sync.undo.page import BACK, KEEP, UndoForm, undo_page
from sync.undo.preview import UndoPreview, preview
from sync.undo.reading import MadeByJob
from sync.undo.services import start_undo, undoable
from ui import render


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def undo(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Show what undoing a coupling job would do; a POST undoes it."""
    owner = company_or_404(request, company)
    job = Job.objects.filter(company=owner, pk=pk, type=Type.COUPLING).select_related("company").first()
    if job is None:
        raise Http404(f"{owner.name} has no coupling job {pk}.")
    try:
        if request.method == "POST":
            values = request.POST.get("values", BACK) != KEEP
            return redirect_to_job(request, owner, start_undo(job=job, values=values, user=request.user))
        require_enabled(owner)
        mapping = undoable(job)
        if mapping.uid_kind == "option":
            total = len(choices_there(job, mapping))
            found = UndoPreview(total=total, looked_at=total, count_ended=total)
        else:
            found = preview(MadeByJob(job, mapping))
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(job_url(job, owner))
    return render.page(request, undo_page(job, mapping, found, UndoForm(initial={"values": BACK})))
