"""Views of the page Retention Policies."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from core.roles import Can, may, requires
from jobs.pages.lists import job_url
from jobs.retention import page, reading, services
from jobs.retention.forms import PolicyForm
from ui import render
from ui.kit import Action
from ui.links import company_url


@require_safe
@requires(Can.READ)
def policies(request: HttpRequest, company: str) -> HttpResponse:
    """Show how long jobs are kept."""
    owner = company_or_404(request, company)
    form = PolicyForm(instance=reading.stored_policy(owner))
    return render.page(request, page.build_page(owner, form, administrator=may(request.user, Can.ADMINISTER, owner)))


@require_POST
@requires(Can.ADMINISTER)
def save(request: HttpRequest, company: str) -> HttpResponse:
    """Save how long jobs are kept; what cannot be saved is shown again, with the reason."""
    owner = company_or_404(request, company)
    form = PolicyForm(request.POST, instance=reading.stored_policy(owner))
    if not form.is_valid():
        return render.page(request, page.build_page(owner, form, administrator=True), status=400)
    services.set_policy(company=owner, user=request.user, **form.cleaned_data)
    messages.success(request, "The retention policy is saved. It counts from the next run on.")
    return HttpResponseRedirect(company_url("jobs:retention", owner))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def run(request: HttpRequest, company: str) -> HttpResponse:
    """Say what would be removed, then start the job that removes it."""
    owner = company_or_404(request, company)
    back = company_url("jobs:retention", owner)
    if request.method == "POST":
        return HttpResponseRedirect(job_url(services.start(company=owner, user=request.user), owner))
    found = services.preview(company=owner, most=page.COUNTED)
    lost = " What is removed cannot be had back." if found.removes_something else ""
    return render.confirm(
        request, company=owner, title=page.RUN, text=f"{found.text}{lost}",
        action=Action("Remove", request.path, "post", "delete"), back=back, careful=True,
    )  # fmt: skip
