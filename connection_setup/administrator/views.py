"""An administrator's sign-in in the browser, and the preparation of the environment that follows it."""

from typing import TypeGuard
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render as render_template
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company as company_of
from connection_setup import hooks
from connection_setup.administrator import page as own
from connection_setup.certificate import views as certificate_views
from connection_setup.connection import endpoints, redirect_url, state
from connection_setup.enabling import run as enabling
from connection_setup.enabling import views as enabling_views
from connection_setup.enabling.steps import ADMINISTRATOR
from connection_setup.environments import services as environments
from connection_setup.models import AdministratorSignIn, DataverseConnection, EnablingRun
from connection_setup.provisioning import consent, preparation
from connection_setup.provisioning import sign_in as administrator
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError, SignInError
from ui import render
from ui.links import company_url

DISABLED = frozenset({"prepare", preparation.REDEPLOY})
"""What is done only while the connection is not enabled."""


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The page; polled while a sign-in is waited for."""
    connection = state.connection_of(company_of(request, company))
    found, run = _current(request, connection), enabling.current_run(connection.company)
    if found is not None and found.signed_in_at and found.purpose == "prepare" and _waits(run):
        return render.redirect(request, run.page_url)  # what asked for the sign-in goes on
    form = None
    if found is None and request.GET.get("accept") == "missing":
        form = own.consent_form(connection, {"purpose": request.GET.get("purpose", "")})
    return _shown(request, connection, form)


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest, company: str) -> HttpResponse:
    """Begin: off to Microsoft's sign-in, in this window or in one of its own."""
    connection = state.connection_of(company_of(request, company))
    if request.method != "POST":
        return HttpResponseRedirect(company_url("connection_setup:administrator", connection.company))
    form = own.consent_form(connection, request.POST)
    purpose = str(form.data.get("purpose") or "prepare")
    if not form.is_valid() or (connection.enabled and purpose in DISABLED):
        # The page is read anew while the sign-in goes on in a window: it must not stand at the address of this POST.
        again = urlencode({"purpose": form.data.get("purpose", ""), "accept": "missing"})
        return HttpResponseRedirect(f"{company_url('connection_setup:administrator', connection.company)}?{again}")
    if purpose == "prepare":
        consent.give(company=connection.company, user=request.user)
    run = enabling.current_run(connection.company)
    page = (
        run.page_url
        if purpose == "prepare" and _waits(run)
        else company_url("connection_setup:administrator", connection.company)
    )
    try:
        address = administrator.begin(
            company=connection.company,
            user=request.user,
            session_key=_session(request),
            return_url=page,
            in_window=request.POST.get("in_window") == "1",
            purpose=purpose,
        )
    except (DataverseError, Refusal) as error:
        messages.error(request, f"The sign-in cannot begin. {error.user_message}")
        return HttpResponseRedirect(company_url("connection_setup:administrator", connection.company))
    return HttpResponseRedirect(address)


@requires(Can.ADMINISTER)
@require_safe
@sensitive_variables("returned")
def signed_in(request: HttpRequest) -> HttpResponse:
    """Where Microsoft's sign-in sends the browser back to. The code is taken, and gone from the address at once."""
    returned = {name: str(value) for name, value in request.GET.items()}
    try:
        found = administrator.finish(session_key=_session(request), user=request.user, returned=returned)
    except SignInError as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(reverse("ui:home"))
    if found.purpose == administrator.DISCOVER and found.signed_in_at is not None:
        environments.look(found)
    if found.in_window:
        return HttpResponseRedirect(company_url("connection_setup:administrator-window", found.company))
    return HttpResponseRedirect(
        redirect_url.safe_return_path(found.return_url, company_url("connection_setup:setup", found.company))
    )


@requires(Can.ADMINISTER)
@require_safe
def window(request: HttpRequest, company: str) -> HttpResponse:
    """What the sign-in's own window says at last; it closes by itself where scripts run."""
    owner = company_of(request, company)
    key = request.session.session_key
    found = administrator.current(owner, key) or environments.current(owner, key)
    back = redirect_url.safe_return_path(
        found.return_url if found else "", company_url("connection_setup:administrator", owner)
    )
    return render_template(
        request,
        "connection_setup/administrator/window.html",
        {"problem": found.problem_text if found else "", "back": back},
    )


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest, company: str) -> HttpResponse:
    """Take the next step; without scripts all that are left. To prepare an environment is to enable the connection."""
    connection = state.connection_of(company_of(request, company))
    found = _current(request, connection)
    ready = found is not None and found.signed_in_at is not None
    if request.method != "POST" or found is None or not ready or (connection.enabled and found.purpose in DISABLED):
        return render.redirect(request, company_url("connection_setup:administrator", connection.company))
    if found.purpose == "prepare":
        consent.give(company=connection.company, user=request.user)
        return enabling_views.begin(request, connection)
    by_steps = bool(request.htmx)  # type: ignore[attr-defined]
    report = preparation.take_next_step(found)
    while report is not None and report.ended and not by_steps:
        report = preparation.take_next_step(found)
    if preparation.next_step(found) is None and found.purpose == preparation.REDEPLOY:
        return _deployed(request, connection)
    if preparation.next_step(found) is None:
        return _switched(request, connection) if found.purpose == "certificate" else _joined(request, found)
    in_progress = by_steps and report is not None and report.ended
    if not by_steps:
        return HttpResponseRedirect(company_url("connection_setup:administrator", connection.company))
    return render.page(request, own.page(request, connection, found, in_progress=in_progress))


@requires(Can.ADMINISTER)
@require_POST
def forget(request: HttpRequest, company: str) -> HttpResponse:
    """Drop the sign-in; where an enabling failed by it, that can go on without."""
    owner = company_of(request, company)
    run = enabling.current_run(owner)
    again = run is not None and enabling.failed_by_administrator(run, _session(request))
    administrator.drop(owner, _session(request))
    if run is not None and again:
        messages.success(request, "The administrator's sign-in is forgotten. Try again to go on without it.")
        return HttpResponseRedirect(run.page_url)
    messages.success(request, "The administrator's sign-in is forgotten.")
    return HttpResponseRedirect(company_url("connection_setup:setup", owner))


def _deployed(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """The integration solution is there again, as this version brings it; forget who brought it."""
    administrator.drop(connection.company, _session(request))
    messages.success(
        request,
        "The integration solution is deployed: solution, tables, role and user are as they must be. The "
        "administrator's sign-in is forgotten. Next, turn on Enabled.",
    )
    return render.redirect(request, company_url("connection_setup:setup", connection.company))


def _switched(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """The other application's user is there: change to its certificate, and forget who made it."""
    administrator.drop(connection.company, _session(request))
    return render.redirect(request, certificate_views.switched(request, connection.company))


def _joined(request: HttpRequest, found: AdministratorSignIn) -> HttpResponse:
    """The coupled users were added to the owning team: say whom, and forget who did it."""
    last = preparation.step_reports(found)[-1]
    administrator.drop(found.company, _session(request))
    (messages.warning if last.state == "attention" else messages.success)(request, last.user_message)
    return render.redirect(
        request, hooks.coupled_users_url(found.company) or company_url("connection_setup:setup", found.company)
    )


def _shown(request: HttpRequest, connection: DataverseConnection, form: own.PurposeForm | None = None) -> HttpResponse:
    found = _current(request, connection)
    purpose = str((form.data if form is not None else request.GET).get("purpose", ""))
    if found is not None or purpose not in preparation.PURPOSES:
        purpose = found.purpose if found is not None else "prepare"
    response = render.page(request, own.page(request, connection, found, form, purpose=purpose))
    # A browser holds the answer to a form, which leads to Microsoft, against where forms of this page may go.
    if origin := endpoints.sign_in_origin(connection):
        response._csp_update = {"form-action": [origin]}  # type: ignore[attr-defined]
    return response


def _waits(run: EnablingRun | None) -> "TypeGuard[EnablingRun]":
    """Whether an enabling is under way that asked for the sign-in."""
    return run is not None and run.ended_at is None and enabling.waiting_for(run) == ADMINISTRATOR


def _current(request: HttpRequest, connection: DataverseConnection) -> AdministratorSignIn | None:
    return administrator.current(connection.company, request.session.session_key)


def _session(request: HttpRequest) -> str:
    return str(request.session.session_key or "")
