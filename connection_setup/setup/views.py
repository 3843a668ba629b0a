"""Dataverse Connection Setup: read, save, test, enable, disable."""

from collections import Counter
from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company as company_of
from connection_setup import hooks
from connection_setup.checks import services as checks_services
from connection_setup.connection import settings, state
from connection_setup.dynamics365 import services as dynamics
from connection_setup.enabling import questions
from connection_setup.enabling import services as enabling_services
from connection_setup.enabling import views as enabling_views
from connection_setup.models import DataverseConnection
from connection_setup.setup import page as pages
from connection_setup.setup.forms import SettingsForm
from core.refusals import Refusal
from core.roles import Can, requires
from jobs.models import OPEN_STATES, Job, State
from jobs.registry import registry
from ui import render
from ui.kit import Action
from ui.links import company_url

Acting = Callable[[HttpRequest, DataverseConnection], HttpResponse]


def save_form_first(act: Acting) -> Callable[..., HttpResponse]:
    """A view of POSTs that saves the form that came along, then acts; the page again where something is wrong in it.

    Since that page stands at the action's own address, reading the address anew leads to the page's.
    """

    @requires(Can.ADMINISTER)
    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters("client_secret", "user_password")
    @wraps(act)
    def view(request: HttpRequest, company: str) -> HttpResponse:
        connection = state.connection_of(company_of(request, company))
        if request.method != "POST":
            return HttpResponseRedirect(company_url("connection_setup:setup", connection.company))
        form = saved(request, connection, request.POST)
        if form is not None:
            return again(request, connection, form)
        return act(request, state.connection_of(connection.company))

    return view


@requires(Can.READ)
@require_safe
def setup(request: HttpRequest, company: str) -> HttpResponse:
    """The page."""
    connection = state.connection_of(company_of(request, company))
    return render.page(request, pages.setup(request, connection))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret", "user_password")
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """The page with the fields of the authentication type just chosen; what was typed stays, nothing is saved."""
    connection = state.connection_of(company_of(request, company))
    if request.method != "POST" or connection.enabled:
        return _back(request, connection)
    return again(request, connection, SettingsForm(connection=connection, typed=request.POST))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret", "user_password")
def environment_url(request: HttpRequest, company: str) -> HttpResponse:
    """The page with a verdict on the address just typed, of which the field alone is taken; nothing is saved."""
    connection = state.connection_of(company_of(request, company))
    if request.method != "POST" or connection.enabled:
        return _back(request, connection)
    form = SettingsForm(request.POST, connection=connection)
    form.is_valid()
    return render.page(request, pages.setup(request, connection, form))


@save_form_first
def save(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Save what was typed; without scripts the Enabled switch comes along and is obeyed."""
    if bool(request.POST.get("enabled")) != connection.enabled:
        return _switched(request, connection)
    messages.success(request, "The settings are saved.")
    return _back(request, connection)


@save_form_first
def test(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Test Connection: what was typed is saved first."""
    report = checks_services.test_connection(connection=connection)
    if report.failed is None:
        questions.forget_test_answers(company=connection.company)
        left = report.attention_count
        words = (
            f"{left} {'check needs' if left == 1 else 'checks need'} attention." if left else "All checks are right."
        )
        messages.success(request, f"The connection test was successful. {words}")
    return _back(request, connection)


@save_form_first
def toggle(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """The Enabled switch: what was typed is saved first; turning off asks before."""
    if bool(request.POST.get("enabled")) == connection.enabled:
        return _back(request, connection)
    return _switched(request, connection)


@save_form_first
def enable(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Enable, by its own POST: the steps follow; enabled already is fine."""
    return enabling_views.begin(request, connection)


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, company: str) -> HttpResponse:
    """Ask with numbers, then switch off."""
    connection = state.connection_of(company_of(request, company))
    back = company_url("connection_setup:setup", connection.company)
    if request.method == "POST":
        enabling_services.disable(company=connection.company, user=request.user)
        messages.success(
            request,
            "The connection is disabled. Settings, mappings and couplings are kept; schedules are on hold until it is "
            "enabled again.",
        )
        return HttpResponseRedirect(back)
    return render.confirm(
        request,
        title="Disable the connection?",
        text=_what_disabling_does(connection),
        action=Action("Disable", company_url("connection_setup:disable", connection.company), "post", primary=True),
        back=back,
        company=connection.company,
    )


def _what_disabling_does(connection: DataverseConnection) -> str:
    company = connection.company
    couplings = hooks.count_couplings(company)
    states = Counter(Job.objects.filter(company=company, state__in=OPEN_STATES).values_list("state", flat=True))
    running = states.pop(State.IN_PROCESS, 0)
    waiting = sum(states.values())
    schedules = sum(1 for provider in registry.schedules for _ in provider(company))
    sentences = [
        f"{_many(couplings, 'coupling is', 'couplings are')} kept, with all settings and mappings."
        if couplings
        else "Nothing is coupled; all settings and mappings are kept.",
        f"{_many(running, 'job in process stops', 'jobs in process stop')} at the next checkpoint, and "
        f"{_many(waiting, 'queued job does', 'queued jobs do')} not start; what was done is saved."
        if running or waiting
        else "No job is queued or in process.",
        f"{_many(schedules, 'schedule goes', 'schedules go')} on hold until the connection is enabled again."
        if schedules
        else "No mapping is on a schedule.",
        "Dynamics 365 Connection Setup comes on top of it and rests as well." if dynamics.enabled(company) else "",
        "Nothing is removed in Dataverse.",
        "To connect another environment later, delete the couplings first: they belong to this one."
        if couplings
        else "",
    ]
    return " ".join(filter(None, sentences))


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


@sensitive_variables("secret")
def saved(request: HttpRequest, connection: DataverseConnection, given: QueryDict) -> SettingsForm | None:
    """Save the form that came along, if one did; the form itself when it was refused."""
    if connection.enabled or "environment_url" not in given:
        return None
    form = SettingsForm(given, request.FILES, connection=connection)
    if not form.is_valid():
        return form
    try:
        settings.save_settings(connection=connection, values=form.values, secret=form.secret, user=request.user)
    except Refusal as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return form
    return None


def _switched(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    if connection.enabled:
        return render.redirect(request, company_url("connection_setup:disable", connection.company))
    return enabling_views.begin(request, connection)


def again(request: HttpRequest, connection: DataverseConnection, form: SettingsForm) -> HttpResponse:
    """The page with what is wrong; the secret typed is not sent back."""
    response = render.page(request, pages.setup(request, connection, form), status=200)
    if request.htmx:  # type: ignore[attr-defined]
        response["HX-Retarget"] = "#main"
        response["HX-Reselect"] = "#main"
        response["HX-Reswap"] = "outerHTML"
    return response


def _back(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    return render.redirect(request, company_url("connection_setup:setup", connection.company))
