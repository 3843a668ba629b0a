"""Starting synchronizations of a mapping: the views."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from accounts.access import company_or_404
from connection_setup.connection.state import unavailable_text
from core.refusals import Refusal
from core.roles import Can, requires
from coupling.models import IntegrationTableMapping
from jobs.models import Job
from jobs.pages.started import redirect_to_job
from masterdata.models import Company
from sync.start import services
from ui import render
from ui.kit import Action
from ui.links import company_url


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def synchronize(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Synchronize Modified Records, or with ?full=1 Run Full Synchronization, of one mapping."""
    owner = company_or_404(request, company)
    found = IntegrationTableMapping.objects.select_related("company").filter(company=owner, name=mapping).first()
    if found is None:
        raise Http404(f"There is no integration table mapping {mapping!r} in {owner.name}.")
    back = _back_url(request, owner)
    full = (request.POST if request.method == "POST" else request.GET).get("full") == "1"
    title = "Run Full Synchronization" if full else "Synchronize Modified Records"
    if request.method != "POST":
        only = "Uncoupled records stay as they are." if found.synch_only_coupled else "Uncoupled records are created."
        text = (
            f"Every coupled pair of {found.name} is compared on both sides. {only}"
            if full
            else f"What changed on either side since the last run of {found.name} is synchronized. {only}"
        )
        values = {"full": "1" if full else "", "next": back}
        text = f"{unavailable_text(owner)} {text}".strip()
        action = Action(title, request.path, "post", icon="sync", primary=True, values=values)
        return render.confirm(request, title=title, text=text, action=action, back=back, company=owner)
    try:
        job = services.start_synchronization(mapping=found, full=full, user=request.user)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, [job], back)


def _back_url(request: HttpRequest, company: Company) -> str:
    """Return where the person came from, as `next` says; the list of mappings without it, or where it leads away."""
    given = request.POST.get("next") or request.GET.get("next") or ""
    if given and url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure()):
        return given
    return company_url("coupling:mappings", company)


def redirect_to_jobs(request: HttpRequest, company: Company, started: list[Job], back: str) -> HttpResponse:
    """Redirect to the job that was started; to `back` with a message where there are several."""
    if len(started) == 1:
        return redirect_to_job(request, company, started[0])
    messages.success(request, f"{len(started)} jobs have been queued, one per mapping.")
    return HttpResponseRedirect(back)
