"""Views of Dataverse Connection Setup: show, save, test, enable, disable."""

from collections import Counter
from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_or_404
from connection_setup import captions, hooks
from connection_setup.checks import services as checks_services
from connection_setup.connection import settings, state
from connection_setup.dynamics365 import services as dynamics
from connection_setup.enabling import questions
from connection_setup.enabling import services as enabling_services
from connection_setup.enabling import views as enabling_views
from connection_setup.models import DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.setup import page
from connection_setup.setup.forms import SettingsForm
from core.refusals import Refusal
from core.roles import Can, requires
from jobs.models import OPEN_STATES, Job, State
from jobs.registry import registry
from ui import render
from ui.htmx import htmx_of
from ui.kit import Action
from ui.links import company_url

ConnectionView = Callable[[HttpRequest, DataverseConnection], HttpResponse]


def save_form_first(act: ConnectionView) -> Callable[..., HttpResponse]:
    """Make a view of POSTs that saves the form that came along, then acts; a form with errors is shown again.

    The page is then shown at the action's own address, so a GET of that address redirects to the page's.
    """

    @requires(Can.ADMINISTER)
    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters("client_secret", "user_password")
    @wraps(act)
    def view(request: HttpRequest, company: str) -> HttpResponse:
        connection = state.connection_of(company_or_404(request, company))
        if request.method != "POST":
            return HttpResponseRedirect(company_url("connection_setup:setup", connection.company))
        if (stale := _stale_text(connection, request.POST)) is not None:
            messages.warning(request, stale)
            return _redirect_to_page(request, connection)
        form = save_form(request, connection, request.POST)
        if form is not None:
            return render_form(request, connection, form)
        return act(request, state.connection_of(connection.company))

    return view


@requires(Can.READ)
@require_safe
def setup(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page."""
    connection = state.connection_of(company_or_404(request, company))
    return render.page(request, page.build_page(request, connection))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret", "user_password")
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Show the fields of the authentication type just chosen; what was typed stays, nothing is saved."""
    connection = state.connection_of(company_or_404(request, company))
    if request.method != "POST" or connection.enabled:
        return _redirect_to_page(request, connection)
    return render_form(request, connection, SettingsForm(connection=connection, typed=request.POST))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret", "user_password")
def environment_url(request: HttpRequest, company: str) -> HttpResponse:
    """Check the address just typed, and show the page, of which htmx takes the field alone; nothing is saved."""
    connection = state.connection_of(company_or_404(request, company))
    if request.method != "POST" or connection.enabled:
        return _redirect_to_page(request, connection)
    form = SettingsForm(request.POST, connection=connection)
    form.is_valid()
    return render.page(request, page.build_page(request, connection, form))


def _stale_text(connection: DataverseConnection, given: QueryDict) -> str | None:
    """Return what to say to a page that was shown before the connection was enabled; None to any other.

    The fields come along from a page that shows them, which is one of a connection that is not enabled.
    """
    if connection.enabled and "environment_url" in given:
        return (
            "The connection was enabled meanwhile, in another window or by somebody else, so nothing of this page was "
            "saved. Turn Enabled off to change the settings."
        )
    return None


@save_form_first
def save(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Save what was typed; without scripts the Enabled switch comes along, and is followed."""
    if bool(request.POST.get("enabled")) != connection.enabled:
        return _toggle(request, connection)
    messages.success(request, "The settings are saved.")
    if not connection.environment_url and not credentials.has_secret(connection):
        label = credentials.LABELS[credentials.current_type(connection)]
        messages.info(request, f"Without an Environment URL no {label} is kept: enter it again with the next address.")
    return _redirect_to_page(request, connection)


@save_form_first
def test(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Test the connection (Test Connection)."""
    report = checks_services.test_connection(connection=connection)
    if report.failed is None:
        questions.forget_test_answers(company=connection.company)
        attention = report.attention_count
        verdict = f"{_count(attention, 'check needs', 'checks need')} attention." if attention else "All checks are OK."
        messages.success(request, f"The connection test was successful. {verdict}")
    return _redirect_to_page(request, connection)


@save_form_first
def toggle(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Follow the Enabled switch; turning off asks first."""
    if bool(request.POST.get("enabled")) == connection.enabled:
        return _redirect_to_page(request, connection)
    return _toggle(request, connection)


@save_form_first
def enable(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Begin to enable the connection: the steps follow; enabled already is fine."""
    return enabling_views.begin(request, connection)


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, saying in numbers what will happen, then disable the connection."""
    connection = state.connection_of(company_or_404(request, company))
    back = company_url("connection_setup:setup", connection.company)
    if request.method == "POST":
        enabling_services.disable(company=connection.company, user=request.user)
        messages.success(
            request,
            "The connection is disabled. Settings, mappings and couplings are kept. Schedules are on hold until it is "
            "enabled again.",
        )
        return HttpResponseRedirect(back)
    return render.confirm(
        request,
        title="Disable the connection?",
        text=_describe_disabling(request, connection),
        action=Action("Disable", company_url("connection_setup:disable", connection.company), "post", primary=True),
        back=back,
        company=connection.company,
    )


def _describe_disabling(request: HttpRequest, connection: DataverseConnection) -> str:
    company = connection.company
    couplings = hooks.count_couplings(company)
    states = Counter(Job.objects.filter(company=company, state__in=OPEN_STATES).values_list("state", flat=True))
    running = states.pop(State.IN_PROCESS, 0)
    waiting = sum(states.values())
    lines = [line for provider in registry.schedules for line in provider(request, company)]
    schedules = sum(line.on for line in lines)
    sentences = [
        f"{_count(couplings, 'coupling is', 'couplings are')} kept, with all settings and mappings."
        if couplings
        else "Nothing is coupled; all settings and mappings are kept.",
        f"{_count(running, 'job in process stops', 'jobs in process stop')} at the next checkpoint, and "
        f"{_count(waiting, 'queued job does', 'queued jobs do')} not start; what was done is saved."
        if running or waiting
        else "No job is queued or in process.",
        f"{_count(schedules, 'schedule goes', 'schedules go')} on hold until the connection is enabled again."
        if schedules
        else "No mapping is on a schedule.",
        "Dynamics 365 needs this connection, so it is not synchronized either." if dynamics.is_enabled(company) else "",
        "Nothing is removed in Dataverse.",
        f"Where another environment is connected later, {captions.ENVIRONMENT_CHANGED} asks what becomes of the "
        "couplings: they belong to this one."
        if couplings
        else "",
    ]
    return " ".join(filter(None, sentences))


def _count(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


@sensitive_variables("secret")
def save_form(request: HttpRequest, connection: DataverseConnection, given: QueryDict) -> SettingsForm | None:
    """Save the form that came along, if one did; return the form when it was refused, else None."""
    if connection.enabled or "environment_url" not in given:
        return None
    form = SettingsForm(given, request.FILES, connection=connection)
    if not form.is_valid():
        return form
    try:
        settings.save_settings(connection=connection, values=form.values, secret=form.secret, user=request.user)
    except Refusal as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.user_message)
        return form
    return None


def _toggle(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    if connection.enabled:
        return render.redirect(request, company_url("connection_setup:disable", connection.company))
    return enabling_views.begin(request, connection)


def render_form(request: HttpRequest, connection: DataverseConnection, form: SettingsForm) -> HttpResponse:
    """Show the page with the form's errors; the secret typed is not sent back."""
    response = render.page(request, page.build_page(request, connection, form), status=200)
    if htmx_of(request):
        response["HX-Retarget"] = "#main"
        response["HX-Reselect"] = "#main"
        response["HX-Reswap"] = "outerHTML"
    return response


def _redirect_to_page(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    return render.redirect(request, company_url("connection_setup:setup", connection.company))
