"""Views of the page Retention Policies."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from accounts.access import company_or_404
from core.roles import Can, may, requires
from jobs.pages.lists import job_url
from jobs.retention import page, reading, services
from jobs.retention.forms import PolicyForm
from ui import render
from ui.kit import Action
from ui.links import company_url


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def policies(request: HttpRequest, company: str) -> HttpResponse:
    """Show how long jobs are kept; a POST of an Administrator saves it."""
    owner = company_or_404(request, company)
    administrator = may(request.user, Can.ADMINISTER, owner)
    given = request.POST if request.method == "POST" and administrator else None
    form = PolicyForm(given, instance=reading.stored_policy(owner))
    if given is None or not form.is_valid():
        status = 400 if form.errors else 403 if request.method == "POST" else 200
        return render.page(request, page.build_page(owner, form, administrator=administrator), status=status)
    services.set_policy(company=owner, user=request.user, **form.cleaned_data)
    messages.success(request, "The retention policy is saved. It counts from the next run on.")
    return HttpResponseRedirect(company_url("jobs:retention", owner))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def run(request: HttpRequest, company: str) -> HttpResponse:
    """Say what would be removed, then start the job that removes it."""
    owner = company_or_404(request, company)
    back = company_url("jobs:retention", owner)
    found = services.preview(company=owner)
    if not found.jobs:
        messages.info(request, found.text)
        return HttpResponseRedirect(back)
    if request.method != "POST":
        return render.confirm(
            request, company=owner, title=page.RUN, text=f"{found.text} What is removed cannot be had back.",
            action=Action("Remove", request.path, "post", "delete"), back=back, careful=True,
        )  # fmt: skip
    return HttpResponseRedirect(job_url(services.start(company=owner, user=request.user), owner))
