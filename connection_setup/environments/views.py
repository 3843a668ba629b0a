"""Views of Dataverse User Environments: the sign-in that looks for environments, and choosing one of them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.connection import redirect_url, state
from connection_setup.connection.sign_in_redirect import allow_sign_in_redirect
from connection_setup.environments import forms, page
from connection_setup.environments import services as environments
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import sign_in as administrator_sign_in
from connection_setup.setup import views as setup_views
from connection_setup.setup.forms import SettingsForm, is_bad_address
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from ui import render
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page; it is polled while a sign-in is waited for."""
    return _render(request, state.connection_of(company_or_404(request, company)))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret", "user_password")
def look_up(request: HttpRequest, company: str) -> HttpResponse:
    """Redirect from the field Environment URL to the page; what was typed is saved first, except a bad address."""
    connection = state.connection_of(company_or_404(request, company))
    if request.method == "POST" and "environment_url" in request.POST and not connection.enabled:
        given = request.POST.copy()
        if is_bad_address(given.get("environment_url", ""), given.get("cloud", "")):
            given["environment_url"] = connection.environment_url
        form = setup_views.save_form(request, connection, given)
        if form is not None:
            return setup_views.render_form(request, connection, form)
    return HttpResponseRedirect(company_url("connection_setup:environments", connection.company))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest, company: str) -> HttpResponse:
    """Begin the sign-in: redirect to Microsoft, in this window or in one of its own."""
    connection = state.connection_of(company_or_404(request, company))
    here = company_url("connection_setup:environments", connection.company)
    if request.method != "POST":
        return HttpResponseRedirect(here)
    form = forms.TenantForm(request.POST)
    if not form.is_valid():
        return _render(request, connection, form)
    in_window = request.POST.get("in_window") == "1"
    try:
        address = environments.begin_sign_in(
            company=connection.company,
            user=request.user,
            session_key=_session_key(request),
            return_url=here,
            tenant=form.cleaned_data["tenant"],
            in_window=in_window,
            origin=redirect_url.begun_elsewhere(request, connection),
        )
    except (DataverseError, Refusal) as error:
        if in_window:  # the page that opened the window tells it
            return HttpResponseRedirect(company_url("connection_setup:administrator-window", connection.company))
        messages.error(request, f"The sign-in cannot begin. {error.user_message}")
        return HttpResponseRedirect(here)
    return HttpResponseRedirect(address)


@requires(Can.ADMINISTER)
@require_POST
def again(request: HttpRequest, company: str) -> HttpResponse:
    """Ask for the environments again."""
    owner = company_or_404(request, company)
    found = environments.current_sign_in(owner, request.session.session_key)
    if found is not None and found.signed_in_at is not None:
        environments.discover_environments(found)
    return HttpResponseRedirect(company_url("connection_setup:environments", owner))


@requires(Can.ADMINISTER)
@require_POST
def forget(request: HttpRequest, company: str) -> HttpResponse:
    """Drop the sign-in, so that somebody else signs in."""
    owner = company_or_404(request, company)
    if environments.current_sign_in(owner, request.session.session_key) is not None:
        administrator_sign_in.drop(owner, _session_key(request))
    return HttpResponseRedirect(company_url("connection_setup:environments", owner))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Save one of the environments found; where a secret must be entered again, show the setup page filled in."""
    connection = state.connection_of(company_or_404(request, company))
    setup = company_url("connection_setup:setup", connection.company)
    found = environments.current_sign_in(connection.company, request.session.session_key)
    if request.method != "POST" or found is None or found.signed_in_at is None:
        return HttpResponseRedirect(company_url("connection_setup:environments", connection.company))
    wanted = request.POST.get("environment", "")
    try:
        chosen = environments.choose_environment(signed_in=found, organization_id=wanted, user=request.user)
    except Refusal as refusal:
        if not refusal.field:
            messages.error(request, f"Nothing was chosen. {refusal.user_message}")
            return HttpResponseRedirect(company_url("connection_setup:environments", connection.company))
        values = environments.settings_for(found, wanted)
        messages.warning(
            request, f"{values['environment_url']} is filled in, but not saved yet. {refusal.user_message}"
        )
        return setup_views.render_form(request, connection, SettingsForm(connection=connection, typed=values))
    messages.success(
        request, f"{chosen.environment_url} is the Environment URL now. Next, test the connection or turn on Enabled."
    )
    return HttpResponseRedirect(setup)


def _render(
    request: HttpRequest, connection: DataverseConnection, form: forms.TenantForm | None = None
) -> HttpResponse:
    found = environments.current_sign_in(connection.company, request.session.session_key)
    response = render.page(request, page.build_page(connection, found, form))
    return allow_sign_in_redirect(request, response, connection, any_tenant=True)


def _session_key(request: HttpRequest) -> str:
    return str(request.session.session_key or "")
