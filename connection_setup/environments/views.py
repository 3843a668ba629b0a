"""Dataverse User Environments: the sign-in that looks for environments, and choosing one of them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company as company_of
from connection_setup.connection import endpoints, state
from connection_setup.environments import page
from connection_setup.environments import services as environments
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import sign_in as administrator
from connection_setup.setup import views
from connection_setup.setup.forms import SettingsForm, address_problem
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from ui import render
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The page; polled while a sign-in is waited for."""
    return _shown(request, state.connection_of(company_of(request, company)))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret", "user_password")
def look_up(request: HttpRequest, company: str) -> HttpResponse:
    """From the field Environment URL: what was typed is saved first, but for an address that cannot be."""
    connection = state.connection_of(company_of(request, company))
    if request.method == "POST" and "environment_url" in request.POST and not connection.enabled:
        given = request.POST.copy()
        if address_problem(given.get("environment_url", ""), given.get("cloud", "")):
            given["environment_url"] = connection.environment_url
        form = views.saved(request, connection, given)
        if form is not None:
            return views.again(request, connection, form)
    return HttpResponseRedirect(company_url("connection_setup:environments", connection.company))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest, company: str) -> HttpResponse:
    """Begin: off to the sign-in, in this window or in one of its own."""
    connection = state.connection_of(company_of(request, company))
    here = company_url("connection_setup:environments", connection.company)
    if request.method != "POST":
        return HttpResponseRedirect(here)
    form = page.TenantForm(request.POST)
    if not form.is_valid():
        return _shown(request, connection, form)
    try:
        opens = environments.begin(
            company=connection.company,
            user=request.user,
            session_key=_session(request),
            return_url=here,
            tenant=form.cleaned_data["tenant"],
            in_window=request.POST.get("in_window") == "1",
        )
    except (DataverseError, Refusal) as error:
        messages.error(request, f"The sign-in cannot begin. {error.user_message}")
        return HttpResponseRedirect(here)
    return HttpResponseRedirect(opens)


@requires(Can.ADMINISTER)
@require_POST
def again(request: HttpRequest, company: str) -> HttpResponse:
    """Ask for the environments anew."""
    owner = company_of(request, company)
    found = environments.current(owner, request.session.session_key)
    if found is not None and found.signed_in_at is not None:
        environments.look(found)
    return HttpResponseRedirect(company_url("connection_setup:environments", owner))


@requires(Can.ADMINISTER)
@require_POST
def forget(request: HttpRequest, company: str) -> HttpResponse:
    """Drop the sign-in, so that somebody else signs in."""
    owner = company_of(request, company)
    if environments.current(owner, request.session.session_key) is not None:
        administrator.drop(owner, _session(request))
    return HttpResponseRedirect(company_url("connection_setup:environments", owner))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Take one of the environments found; where a secret must be entered again, the page with it filled in."""
    connection = state.connection_of(company_of(request, company))
    setup = company_url("connection_setup:setup", connection.company)
    found = environments.current(connection.company, request.session.session_key)
    if request.method != "POST" or found is None or found.signed_in_at is None:
        return HttpResponseRedirect(company_url("connection_setup:environments", connection.company))
    wanted = request.POST.get("environment", "")
    try:
        chosen = environments.choose(signed_in=found, organization_id=wanted, user=request.user)
    except Refusal as refusal:
        if not refusal.field:
            messages.error(request, f"Nothing was chosen. {refusal}")
            return HttpResponseRedirect(company_url("connection_setup:environments", connection.company))
        values = environments.chosen_values(found, wanted)
        messages.warning(request, f"{values['environment_url']} is filled in, but not saved yet. {refusal}")
        return views.again(request, connection, SettingsForm(connection=connection, typed=values))
    messages.success(
        request, f"{chosen.environment_url} is the Environment URL now. Next, test the connection or turn on Enabled."
    )
    return HttpResponseRedirect(setup)


def _shown(request: HttpRequest, connection: DataverseConnection, form: page.TenantForm | None = None) -> HttpResponse:
    found = environments.current(connection.company, request.session.session_key)
    response = render.page(request, page.page(request, connection, found, form))
    # A browser holds the answer to a form, which leads to the sign-in, against where forms of this page may go.
    if origin := endpoints.sign_in_origin(connection, any_tenant=True):
        response._csp_update = {"form-action": [origin]}  # type: ignore[attr-defined]
    return response


def _session(request: HttpRequest) -> str:
    return str(request.session.session_key or "")
