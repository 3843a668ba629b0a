"""Export, import and copy of mappings by page, and the default mappings that are missing."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from core.refusals import Explained, NotUsable, Refusal
from core.roles import Can, requires
from coupling.mapping_files.types import MAX_BYTES
from coupling.mappings import defaults, file_page, file_services
from coupling.mappings.file_services import Plan
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, show_error
from masterdata.models import Company
from ui import ids, listing, render
from ui.kit import Action, Page
from ui.uploads import takes_files


def _chosen(request: HttpRequest, company: Company) -> list[str]:
    """Return the names of the mappings that the address names."""
    wanted = ids.parse_ids(request.GET.getlist("id"))
    return list(IntegrationTableMapping.objects.filter(company=company, pk__in=wanted).values_list("name", flat=True))


@require_safe
@requires(Can.READ)
def export_mappings(request: HttpRequest, company: str) -> HttpResponse:
    """Answer with the file of the mappings that the address names, or of all."""
    owner = access.company_or_404(request, company)
    names = _chosen(request, owner)
    if not names and "id" in request.GET:
        return listing.nothing_selected(request, file_page.list_url(owner))
    try:
        text = file_services.export_text(owner, names)
    except NotUsable as error:
        show_error(request, error)
        return HttpResponseRedirect(file_page.list_url(owner))
    name = slugify(names[0]) if len(names) == 1 else "mappings"
    return HttpResponse(
        text,
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{owner.slug}-{name or "mapping"}.yaml"'},
    )


@takes_files(most_bytes=2 * MAX_BYTES)  # up to there the form says that the file is too large
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def import_mappings(request: HttpRequest, company: str) -> HttpResponse:
    """Ask for a file; a POST shows what it would change, and a POST that agrees to that stores it."""
    owner = access.company_or_404(request, company, Can.ADMINISTER)
    agrees = "agreed" in request.POST
    form = file_page.FileForm(request.POST or None, request.FILES or None)
    if not agrees and not form.is_valid():
        return render.page(
            request, file_page.choose_file_page(owner, form, request.path), status=400 if form.is_bound else 200
        )
    content = _agreed_content(request) if agrees else form.cleaned_data["file"].read(MAX_BYTES + 1)
    try:
        plan = file_services.plan_import(owner, content)
        if agrees and _carry_out(request, plan):
            return HttpResponseRedirect(file_page.list_url(owner))
    except EXPLAINED as error:
        return _refused(request, owner, error)
    agreed = file_page.AgreedForm(initial={"agreed": plan.fingerprint, "text": content.decode("utf-8-sig")})
    return render.page(
        request, file_page.difference_page(owner, plan, agreed, request.path, file_page.IMPORT, "Import")
    )


def _agreed_content(request: HttpRequest) -> bytes:
    """Return the file that was shown: browsers send a form's text with breaks of lines that are longer than its own."""
    return request.POST.get("text", "").replace("\r\n", "\n").encode()


def _refused(request: HttpRequest, company: Company, error: Explained) -> HttpResponse:
    """Answer with the page that asks for a file, and what is wrong with the one that was sent."""
    form = file_page.FileForm(request.POST, request.FILES)
    form.errors.clear()
    form.add_error("file", error.user_message)
    return render.page(request, file_page.choose_file_page(company, form, request.path), status=400)


def _carry_out(request: HttpRequest, plan: Plan) -> bool:
    """Store a plan where it is the one that was agreed to; say why not where it is another. Raises Refusal."""
    if request.POST.get("agreed") != plan.fingerprint:
        messages.warning(request, "Something else differs by now. Look at the difference again.")
        return False
    file_services.carry_out(plan, user=request.user)
    messages.success(request, file_page.stored_sentence(plan))
    try:
        for sentence in file_services.outside_sentences(plan.company, plan.changes):
            messages.info(request, sentence)
    except EXPLAINED as error:
        show_error(request, error)
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def copy_mappings(request: HttpRequest, company: str) -> HttpResponse:
    """Ask to which company the chosen mappings go; a POST shows what that would change there, and then copies them."""
    owner = access.company_or_404(request, company)
    names = _chosen(request, owner)
    if not names:
        return listing.nothing_selected(request, file_page.list_url(owner))
    others = [one for one in access.visible_companies(request, Can.ADMINISTER) if one != owner]
    form = file_page.CompanyForm(request.POST if request.method == "POST" else None, companies=others)
    address = request.get_full_path()
    if not form.is_valid():
        page = file_page.choose_company_page(owner, names, form, address)
        return render.page(request, page, status=400 if form.is_bound else 200)
    target = access.company_or_404(request, form.cleaned_data["to"], Can.ADMINISTER)
    try:
        plan = file_services.plan_copy(owner, names, target)
        if "agreed" in request.POST and _carry_out(request, plan):
            return HttpResponseRedirect(file_page.list_url(target))
    except EXPLAINED as error:
        form.add_error("to", error.user_message)
        return render.page(request, file_page.choose_company_page(owner, names, form, address), status=400)
    return render.page(request, _copy_page(owner, plan, target, address))


def _copy_page(company: Company, plan: Plan, target: Company, address: str) -> Page:
    agreed = file_page.AgreedForm(initial={"agreed": plan.fingerprint, "to": target.slug})
    return file_page.difference_page(company, plan, agreed, address, file_page.COPY, "Copy")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def add_defaults(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then add the default mappings that the company does not have; the others stay as they are."""
    owner = access.company_or_404(request, company)
    back = file_page.list_url(owner)
    missing: Sequence[str] = defaults.missing_names(owner)
    if not missing:
        messages.info(request, f"{owner} has all default mappings.")
        return render.redirect(request, back)
    if request.method == "POST":
        try:
            plan = file_services.plan_defaults(owner)
            file_services.carry_out(plan, user=request.user)
            messages.success(request, file_page.stored_sentence(plan))
        except Refusal as error:
            show_error(request, error)
        return HttpResponseRedirect(back)
    return render.confirm(
        request,
        title="Add Missing Default Mappings",
        text="These are added as they are by default. They do not run by themselves before somebody says so, and all "
        "other mappings stay as they are.",
        lines=[one.sentence for one in file_services.plan_defaults(owner).changes],
        action=Action("Add Missing Default Mappings", request.path, "post", "add", primary=True),
        back=back,
        company=owner,
    )
