"""Views of Environment Changed: show, ask again, choose, point back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.connection.state import connection_of
from connection_setup.enabling import services as enabling_services
from connection_setup.enabling import views as enabling_views
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from masterdata.models import Company
from sync.environment import page, services
from sync.environment.choices import Choice
from sync.environment.forms import PointBackForm
from ui import render
from ui.kit import Action
from ui.links import company_url


@requires(Can.READ)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page, with what answered last; nothing is asked."""
    owner = company_or_404(request, company)
    situation, job = services.known_situation(owner), services.open_job(owner)
    return render.page(request, page.build_page(owner, situation, request.user, job))


@requires(Can.ADMINISTER)
@require_POST
def check(request: HttpRequest, company: str) -> HttpResponse:
    """Ask which organization answers now, and show the page with it."""
    owner = company_or_404(request, company)
    situation = services.ask_situation(owner)
    if situation.problem is not None:
        messages.error(request, situation.problem.user_message)
    elif situation.changed:
        messages.warning(request, f"Another organization answers: {situation.now}.")
    else:
        messages.success(request, f"The organization {situation.now} answers, as it should.")
    return HttpResponseRedirect(company_url("sync:environment", owner))


@requires(Can.ADMINISTER)
@require_POST
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Lead to the form, or ask before couplings are dropped; what was confirmed is queued."""
    owner = company_or_404(request, company)
    back = company_url("sync:environment", owner)
    try:
        choice = Choice(request.POST.get("choice", ""))
    except ValueError:
        return HttpResponseRedirect(back)
    if choice is Choice.POINT_BACK:
        return HttpResponseRedirect(company_url("sync:environment-point-back", owner))
    if request.POST.get("sure") != "yes":
        return _ask(request, owner, choice, back)
    try:
        start = services.start_keeping if choice is Choice.KEEP else services.start_dropping
        job = start(company=owner, user=request.user)
    except (Refusal, DataverseError) as error:
        messages.error(request, f"Nothing was changed. {error.user_message}")
        return HttpResponseRedirect(back)
    return HttpResponseRedirect(company_url("jobs:job", owner, pk=job.pk))


def _ask(request: HttpRequest, owner: Company, choice: Choice, back: str) -> HttpResponse:
    situation = services.known_situation(owner)
    kept = services.count_soon(owner, situation) if choice is Choice.KEEP else None
    title, text, label = page.question(choice, situation, kept)
    values = {"choice": choice.value, "sure": "yes"}
    action = Action(label, company_url("sync:environment-choose", owner), "post", values=values, primary=True)
    return render.confirm(request, title=title, text=text, action=action, back=back, company=owner, careful=True)


@requires(Can.ADMINISTER)
@require_POST
def enable(request: HttpRequest, company: str) -> HttpResponse:
    """Enable the connection with the organization that answers, once no coupling belongs to another one."""
    owner = company_or_404(request, company)
    if not services.known_situation(owner).starts_anew:
        messages.info(request, "There is nothing to enable anew.")
        return HttpResponseRedirect(company_url("sync:environment", owner))
    enabling_services.disable(company=owner, user=request.user)
    return enabling_views.begin(request, connection_of(owner))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("secret")
@sensitive_variables()
def point_back(request: HttpRequest, company: str) -> HttpResponse:
    """Ask where the own organization answers; a POST points back once it does."""
    owner = company_or_404(request, company)
    connection, situation = connection_of(owner), services.known_situation(owner)
    form = PointBackForm(request.POST if request.method == "POST" else None, connection=connection)
    if not form.is_valid():
        return render.page(request, page.point_back_page(owner, form, situation))
    given = form.cleaned_data
    try:
        job = services.point_back(
            company=owner,
            values={"environment_url": given["environment_url"]},
            secret=given.get("secret", ""),
            user=request.user,
        )
    except (Refusal, DataverseError) as error:
        form.refuse(error.field if isinstance(error, Refusal) else "", error.user_message)
        return render.page(request, page.point_back_page(owner, form, situation))
    messages.success(request, f"The connection leads to {situation.was} again. All couplings are as they were.")
    if job is not None:
        return HttpResponseRedirect(company_url("jobs:job", owner, pk=job.pk))
    return HttpResponseRedirect(company_url("sync:environment", owner))
