"""Views of Register an Application."""

from dataclasses import asdict

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.registration import page
from connection_setup.registration import services as registration
from connection_setup.registration.findings import Finding
from core.roles import Can, requires
from ui import render
from ui.links import company_url

_SESSION_KEY = "registration"


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page."""
    connection = state.connection_of(company_or_404(request, company))
    seen_at = f"{request.scheme}://{request.get_host()}"
    answer = _remembered_answer(request, connection)
    findings = registration.collect_findings(connection, seen_at=seen_at, tenant_answer=answer)
    return render.page(request, page.build_page(connection, findings))


@requires(Can.ADMINISTER)
@require_POST
def check(request: HttpRequest, company: str) -> HttpResponse:
    """Check what can be checked; the page shows the result of each step."""
    connection = state.connection_of(company_or_404(request, company))
    answer = registration.check_registration(connection)
    request.session[_SESSION_KEY] = {"settings": _settings_key(connection), "finding": asdict(answer)}
    messages.success(request, "The registration was checked as far as possible. Each step shows its result.")
    return HttpResponseRedirect(company_url("connection_setup:registration", connection.company))


def _remembered_answer(request: HttpRequest, connection: DataverseConnection) -> Finding | None:
    """Return what the tenant's sign-in answered last in this session; None once the settings were changed."""
    stored = request.session.get(_SESSION_KEY)
    if not stored or stored.get("settings") != _settings_key(connection):
        return None
    return Finding(**stored["finding"])


def _settings_key(connection: DataverseConnection) -> str:
    return f"{connection.company_id} {connection.cloud} {connection.tenant_id} {connection.environment_url}"
