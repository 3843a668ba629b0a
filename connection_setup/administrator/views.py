"""Views of Administrator Sign-In: begin and finish the sign-in, and take the steps that follow it, by purpose."""

from typing import TypeGuard
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render as render_template
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from connection_setup import hooks
from connection_setup.administrator import consent_views, forms, page
from connection_setup.certificate import views as certificate_views
from connection_setup.connection import redirect_url, state
from connection_setup.connection.sign_in_redirect import allow_sign_in_redirect
from connection_setup.enabling import preparing
from connection_setup.enabling import run as enabling
from connection_setup.enabling import views as enabling_views
from connection_setup.enabling.steps import ADMINISTRATOR
from connection_setup.environments import services as environments
from connection_setup.models import AdministratorSignIn, DataverseConnection, EnablingRun
from connection_setup.provisioning import consent, preparation
from connection_setup.provisioning import sign_in as administrator_sign_in
from core.refusals import Refusal
from core.roles import Can, may, no_company, requires
from dataverse.errors import DataverseError, SignInError
from ui import render
from ui.htmx import htmx_of
from ui.links import company_url

RETURNED = (
    "code", "state", "error", "error_description", "session_state", "client_info", "admin_consent", "tenant", "scope",
)  # fmt: skip
"""What Microsoft's sign-in sends a browser back with."""
WHILE_DISABLED = frozenset({"prepare", preparation.REDEPLOY})
"""The purposes whose steps are taken only while the connection is not enabled."""


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page; it is polled while a sign-in is waited for."""
    connection = state.connection_of(company_or_404(request, company))
    found, run = _current_sign_in(request, connection), enabling.current_run(connection.company)
    if found is not None and found.signed_in_at and found.purpose == "prepare" and _waits_for_sign_in(run):
        return render.redirect(request, run.page_url)  # the enabling that asked for the sign-in continues
    job = preparing.open_job(connection.company)
    redeploys = found is not None and found.signed_in_at and found.purpose == preparation.REDEPLOY
    if redeploys and job is not None and preparing.purpose_of(job) == preparation.REDEPLOY:
        return render.redirect(request, company_url("jobs:job", connection.company, pk=job.pk))
    form = None
    if found is None and request.GET.get("accept") == "missing":
        form = forms.purpose_form(connection, {"purpose": request.GET.get("purpose", "")})
    return _render(request, connection, form)


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest, company: str) -> HttpResponse:
    """Begin the sign-in: redirect to Microsoft, in this window or in one of its own."""
    connection = state.connection_of(company_or_404(request, company))
    here = company_url("connection_setup:administrator", connection.company)
    if request.method != "POST":
        return HttpResponseRedirect(here)
    form = forms.purpose_form(connection, request.POST)
    purpose = str(form.data.get("purpose") or "prepare")
    if not form.is_valid() or (connection.enabled and purpose in WHILE_DISABLED):
        # The page is polled while the sign-in takes place in a window, so it must not be shown at this POST's address.
        again = urlencode({"purpose": form.data.get("purpose", ""), "accept": "missing"})
        return HttpResponseRedirect(f"{here}?{again}")
    if purpose == "prepare":
        consent.give(company=connection.company, user=request.user)
    run, in_window = enabling.current_run(connection.company), request.POST.get("in_window") == "1"
    try:
        address = administrator_sign_in.begin(
            company=connection.company,
            user=request.user,
            session_key=_session_key(request),
            return_url=run.page_url if purpose == "prepare" and _waits_for_sign_in(run) else here,
            in_window=in_window,
            purpose=purpose,
            origin=redirect_url.begun_elsewhere(request, connection),
        )
    except (DataverseError, Refusal) as error:
        if in_window:  # the page that opened the window tells it
            return HttpResponseRedirect(company_url("connection_setup:administrator-window", connection.company))
        messages.error(request, f"The sign-in cannot begin. {error.user_message}")
        return HttpResponseRedirect(here)
    return HttpResponseRedirect(address)


@login_not_required
@sensitive_variables("returned")
def signed_in(request: HttpRequest) -> HttpResponse:
    """Take what Microsoft's sign-in sends the browser back with, and redirect to an address without it.

    It is open to whoever comes, so that no page of signing in here carries the code in its own address.
    """
    returned = {name: request.GET[name] for name in RETURNED if name in request.GET}
    sent, is_read = returned.get("state", ""), request.method in {"GET", "HEAD"}
    elsewhere = administrator_sign_in.begun_at(sent) if is_read else ""
    if elsewhere and elsewhere != redirect_url.origin_of(request) and redirect_url.is_trusted(elsewhere):
        return HttpResponseRedirect(f"{elsewhere}{redirect_url.PATH}?{urlencode(returned)}")
    if is_read and "admin_consent" in returned:
        return consent_views.came_back(request, returned)
    if not request.user.is_authenticated:
        administrator_sign_in.note_lost(sent)
        messages.error(request, administrator_sign_in.LOST.user_message)
        return HttpResponseRedirect(reverse(settings.LOGIN_URL))
    return _take_sign_in(request, returned)


vars(signed_in)["requires"] = Can.ADMINISTER  # of whoever is signed in; others are led to signing in, as everywhere


@requires(Can.ADMINISTER)
@require_safe
@sensitive_variables("returned")
def _take_sign_in(request: HttpRequest, returned: dict[str, str]) -> HttpResponse:
    """Finish the sign-in that came back to somebody who is signed in here."""
    try:
        found = administrator_sign_in.finish(session_key=_session_key(request), user=request.user, returned=returned)
    except SignInError as error:
        administrator_sign_in.note_lost(returned.get("state", ""))
        messages.error(request, error.user_message)
        return HttpResponseRedirect(reverse("ui:home"))
    if not may(request.user, Can.ADMINISTER, found.company):  # taken while the person was signing in
        administrator_sign_in.drop(found.company, _session_key(request))
        raise Http404(no_company(found.company.slug))
    if found.signed_in_at is not None:
        preparing.wake(found.company)
    if found.purpose == administrator_sign_in.DISCOVER and found.signed_in_at is not None:
        environments.discover_environments(found)
    if found.in_window:
        return HttpResponseRedirect(company_url("connection_setup:administrator-window", found.company))
    return HttpResponseRedirect(
        redirect_url.safe_return_path(found.return_url, company_url("connection_setup:setup", found.company))
    )


@requires(Can.ADMINISTER)
@require_safe
def window(request: HttpRequest, company: str) -> HttpResponse:
    """Show the result in the sign-in's own window; it closes by itself where scripts run."""
    owner = company_or_404(request, company)
    key = request.session.session_key
    found = administrator_sign_in.current(owner, key) or environments.current_sign_in(owner, key)
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
    """Take the next step; without scripts, all that are left. Preparing an environment enables the connection."""
    connection = state.connection_of(company_or_404(request, company))
    here = company_url("connection_setup:administrator", connection.company)
    found = _current_sign_in(request, connection)
    if request.method != "POST" or found is None or not _may_take_steps(found, connection):
        return render.redirect(request, here)
    if found.purpose in WHILE_DISABLED:
        return _begin_preparing(request, connection, found)
    by_steps = bool(htmx_of(request))
    report = preparation.take_next_step(found)
    while report is not None and report.ended and not by_steps:
        report = preparation.take_next_step(found)
    if preparation.next_step(found) is None:
        return _finish(request, connection, found)
    if not by_steps:
        return HttpResponseRedirect(here)
    in_progress = report is not None and report.ended
    return render.page(request, page.build_page(connection, found, in_progress=in_progress))


def _begin_preparing(request: HttpRequest, connection: DataverseConnection, found: AdministratorSignIn) -> HttpResponse:
    """Begin to enable, or the job that redeploys; answer with the page that shows it."""
    if found.purpose == "prepare":
        consent.give(company=connection.company, user=request.user)
        return enabling_views.begin(request, connection)
    job = preparing.start(found, user=request.user)
    return render.redirect(request, company_url("jobs:job", connection.company, pk=job.pk))


@requires(Can.ADMINISTER)
@require_POST
def forget(request: HttpRequest, company: str) -> HttpResponse:
    """Drop the sign-in; an enabling that failed because of it can then continue without."""
    owner = company_or_404(request, company)
    run = enabling.current_run(owner)
    again = run is not None and enabling.failed_by_administrator(run, _session_key(request))
    administrator_sign_in.drop(owner, _session_key(request))
    if run is not None and again:
        if run.found.get("missing"):
            enabling.ask_again(run)
            messages.success(request, "The administrator's sign-in is forgotten. Sign in with another account.")
        else:
            messages.success(request, "The administrator's sign-in is forgotten. Try again to continue without it.")
        return HttpResponseRedirect(run.page_url)
    messages.success(request, "The administrator's sign-in is forgotten.")
    return HttpResponseRedirect(company_url("connection_setup:setup", owner))


def _finish(request: HttpRequest, connection: DataverseConnection, found: AdministratorSignIn) -> HttpResponse:
    """Do what follows the last step, by the purpose of the sign-in; the sign-in is dropped."""
    if found.purpose == "certificate":
        return _finish_certificate(request, connection)
    if found.purpose == preparation.WEB_HOOK:
        return _finish_web_hook(request, found)
    return _finish_team(request, found)


def _finish_certificate(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Change to the certificate of the other application, whose user exists now."""
    administrator_sign_in.drop(connection.company, _session_key(request))
    return render.redirect(request, certificate_views.switch_and_report(request, connection.company))


def _finish_web_hook(request: HttpRequest, found: AdministratorSignIn) -> HttpResponse:
    """Say that the web hook is registered, where it is shown."""
    last = preparation.step_reports(found)[-1]
    administrator_sign_in.drop(found.company, _session_key(request))
    messages.success(request, f"The web hook is registered. {last.message} The administrator's sign-in is forgotten.")
    return render.redirect(request, company_url("connection_setup:setup", found.company))


def _finish_team(request: HttpRequest, found: AdministratorSignIn) -> HttpResponse:
    """Say which coupled users were added to the owning team."""
    last = preparation.step_reports(found)[-1]
    administrator_sign_in.drop(found.company, _session_key(request))
    (messages.warning if last.state == "attention" else messages.success)(request, last.user_message)
    return render.redirect(
        request, hooks.coupled_users_url(found.company) or company_url("connection_setup:setup", found.company)
    )


def _render(
    request: HttpRequest, connection: DataverseConnection, form: forms.PurposeForm | None = None
) -> HttpResponse:
    found = _current_sign_in(request, connection)
    purpose = str((form.data if form is not None else request.GET).get("purpose", ""))
    if found is not None or purpose not in preparation.PURPOSES:
        purpose = found.purpose if found is not None else "prepare"
    response = render.page(request, page.build_page(connection, found, form, purpose=purpose))
    return allow_sign_in_redirect(request, response, connection)


def _may_take_steps(found: AdministratorSignIn, connection: DataverseConnection) -> bool:
    """Return whether somebody signed in, and the steps of that purpose may be taken now."""
    return found.signed_in_at is not None and not (connection.enabled and found.purpose in WHILE_DISABLED)


def _waits_for_sign_in(run: EnablingRun | None) -> "TypeGuard[EnablingRun]":
    """Return whether an enabling is under way that asked for the sign-in."""
    return run is not None and run.ended_at is None and enabling.waiting_for(run) == ADMINISTRATOR


def _current_sign_in(request: HttpRequest, connection: DataverseConnection) -> AdministratorSignIn | None:
    return administrator_sign_in.current(connection.company, request.session.session_key)


def _session_key(request: HttpRequest) -> str:
    return str(request.session.session_key or "")
