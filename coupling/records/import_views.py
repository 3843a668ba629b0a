"""The views of the page Import, and the export of a list."""

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

from accounts import access
from accounts.access import company_or_404
from core.refusals import Refusal
from core.roles import Can, requires
from coupling.job_parameters import ImportParameters
from coupling.records import import_page, import_preview, import_services, lists
from coupling.records.import_form import ChoicesForm, FileForm
from jobs.models import Job, Type
from jobs.pages import lists as job_lists
from masterdata import catalog
from masterdata.files import kept, writing
from masterdata.files.kept import KeptFile
from masterdata.files.types import LIMITS
from masterdata.models import Company
from ui import render
from ui.links import company_url
from ui.uploads import takes_files


@takes_files(most_bytes=3 * LIMITS.bytes)  # up to there the form says what is too large for an import
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Ask for a file; a POST keeps it and starts its preview."""
    owner = company_or_404(request, company)
    initial = {"company": owner.slug, "table": request.GET.get("table") or "customer"}
    data = request.POST if request.method == "POST" else None
    companies = access.visible_companies(request, Can.ADMINISTER)
    form = FileForm(data, request.FILES or None, companies=companies, initial=initial)
    if data is None or not form.is_valid():
        return render.page(request, import_page.choose_page(owner, form))
    target = company_or_404(request, form.cleaned_data["company"], Can.ADMINISTER)
    file = form.cleaned_data["file"]
    try:
        job = import_services.start_import(
            company=target, table=catalog.table(form.cleaned_data["table"]), file=kept.keep(file.chunks()),
            file_name=file.name, preview=True, user=request.user,
        )  # fmt: skip
    except Refusal as refusal:
        form.add_error("file", refusal.user_message)
        return render.page(request, import_page.choose_page(owner, form))
    return _to_preview(request, target, job)


@require_safe
@requires(Can.ADMINISTER)
def preview(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Show what was decided about a file and what it would change; polled while it is read."""
    owner = company_or_404(request, company)
    job = _job(owner, pk)
    return render.page(request, import_page.preview_page(owner, job, _form(job)))


@require_safe
@requires(Can.ADMINISTER)
def preview_rows(request: HttpRequest, company: str, pk: int) -> HttpResponseBase:
    """Send every row of a preview as CSV: what would become of it, field by field."""
    owner = company_or_404(request, company)
    job = _job(owner, pk)
    if not import_preview.is_kept(job):
        messages.error(
            request, "The rows of this preview are no longer kept. Choose the file again to have them previewed anew."
        )
        return _to_preview(request, owner, job)
    rows = writing.csv_lines(import_preview.HEADER, import_preview.table_rows(job))
    answer = StreamingHttpResponse(rows, content_type=writing.FORMATS["csv"])
    answer["Content-Disposition"] = f'attachment; filename="preview-{job.pk}.csv"'
    return answer


@require_POST
@requires(Can.ADMINISTER)
def again(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Preview the file again, with other choices."""
    owner = company_or_404(request, company)
    job = _job(owner, pk)
    form = _form(job, request)
    if not form.is_valid():
        return render.page(request, import_page.preview_page(owner, job, form))
    parameters = ImportParameters.load(job.parameters)
    try:
        next_job = import_services.start_import(
            company=owner, table=catalog.table(parameters.table), file=KeptFile(parameters.file),
            file_name=parameters.file_name, columns=form.columns(), options=form.options(),
            blank_clears=form.cleaned_data["blank_clears"], blank_clears_of=form.blank_clears_of(),
            preview=True, user=request.user,
        )  # fmt: skip
    except Refusal as refusal:
        return _file_is_gone(request, owner, parameters, refusal)
    return _to_preview(request, owner, next_job)


@require_POST
@requires(Can.ADMINISTER)
def start(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Start the import that was previewed; once, however often the button is pressed."""
    owner = company_or_404(request, company)
    job = _job(owner, pk)
    parameters = ImportParameters.load(job.parameters)
    try:
        started = import_services.start_previewed(job=job, user=request.user)
    except Refusal as refusal:
        return _file_is_gone(request, owner, parameters, refusal)
    return render.redirect(request, job_lists.job_url(started, owner))


@require_safe
@requires(Can.READ)
def export(request: HttpRequest, company: str, table: str, kind: str) -> HttpResponseBase:
    """Send the list's records with all their fields, narrowed and searched as the page is, as CSV or a workbook."""
    owner, what = company_or_404(request, company), lists.table_or_404(table)
    if kind not in writing.FORMATS:
        raise Http404(f"There is no export as {kind!r}.")
    names = [field.name for field in what.fields]
    header = [field.caption for field in what.fields]
    rows = lists.record_listing(owner, what).narrowed(request.GET.dict()).values_list(*names)
    content: HttpResponseBase
    if kind == "csv":
        content = StreamingHttpResponse(writing.csv_lines(header, rows.iterator(2000)))
    else:
        content = HttpResponse(writing.workbook(what.caption_plural, header, rows[: writing.MOST_ROWS].iterator(2000)))
    content["Content-Type"] = writing.FORMATS[kind]
    content["Content-Disposition"] = f'attachment; filename="{what.name}.{kind}"'
    return content


def _job(company: Company, pk: int) -> Job:
    """Return the preview. Raises Http404 with a sentence."""
    job = Job.objects.filter(company=company, type=Type.IMPORT, pk=pk, parameters__preview=True).first()
    if job is None:
        raise Http404(f"{company.name} has no preview of an import with the number {pk}.")
    return job


def _form(job: Job, request: HttpRequest | None = None) -> ChoicesForm:
    parameters = ImportParameters.load(job.parameters)
    contents = KeptFile(parameters.file).contents()
    plan = import_services.plan_of(job)
    data = request.POST if request is not None else None
    return ChoicesForm(data, parameters=parameters, contents=contents, plan=plan)


def _to_preview(request: HttpRequest, company: Company, job: Job) -> HttpResponse:
    return render.redirect(request, company_url("records:import-preview", company, pk=job.pk))


def _file_is_gone(
    request: HttpRequest, company: Company, parameters: ImportParameters, refusal: Refusal
) -> HttpResponse:
    messages.error(request, refusal.user_message)
    return HttpResponseRedirect(company_url("records:import", company, query={"table": parameters.table}))
