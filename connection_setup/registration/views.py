"""Register an Application in the browser."""

from dataclasses import asdict

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company as company_of
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.registration import page
from connection_setup.registration import services as registration
from connection_setup.registration.services import Found
from core.roles import Can, requires
from ui import render
from ui.links import company_url

_KEPT = "registration"


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The page."""
    connection = state.connection_of(company_of(request, company))
    here = f"{request.scheme}://{request.get_host()}"
    found = registration.findings(connection, seen_at=here, asked=_kept(request, connection))
    return render.page(request, page.page(connection, found))


@requires(Can.ADMINISTER)
@require_POST
def check(request: HttpRequest, company: str) -> HttpResponse:
    """Check what can be checked; the page tells step by step."""
    connection = state.connection_of(company_of(request, company))
    said = registration.ask(connection)
    request.session[_KEPT] = {"of": _of(connection), "found": asdict(said)}
    messages.success(request, "What can be checked was checked. Each step has its result.")
    return HttpResponseRedirect(company_url("connection_setup:registration", connection.company))


def _kept(request: HttpRequest, connection: DataverseConnection) -> Found | None:
    """What the tenant's sign-in said last in this session, while the settings are those of then."""
    kept = request.session.get(_KEPT)
    return Found(**kept["found"]) if kept and kept["of"] == _of(connection) else None


def _of(connection: DataverseConnection) -> str:
    return f"{connection.company_id} {connection.cloud} {connection.tenant_id} {connection.environment_url}"
