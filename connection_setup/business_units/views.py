"""Views of Dataverse Business Units."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.access import company_or_404
from connection_setup.business_units import page
from connection_setup.business_units import services as business_units
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import sign_in
from connection_setup.setup import views as setup_views
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from ui import render
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the units, as Dataverse lists them now."""
    connection = state.connection_of(company_or_404(request, company))
    if connection.enabled:
        return render.page(request, page.build_page(connection, (page.ENABLED,)))
    try:
        units = _list_units(request, connection)
    except (DataverseError, Refusal) as error:
        notice = page.unreadable_notice(connection, error.user_message)
        return render.page(request, page.build_page(connection, (notice,)))
    tabs = page.build_tabs(connection, units, request.GET.get("q", ""))
    return render.page(request, page.build_page(connection, page.advice_notices(connection), tabs))


@setup_views.save_form_first
def look_up(_: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Redirect from the field Coupled Business Unit to the list; what was typed is saved first."""
    return HttpResponseRedirect(company_url("connection_setup:units", connection.company))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Choose a unit; where another company is coupled with it, ask first."""
    connection = state.connection_of(company_or_404(request, company))
    owner = connection.company
    if request.method != "POST":
        return HttpResponseRedirect(company_url("connection_setup:units", owner))
    try:
        unit = business_units.find_unit(_list_units(request, connection), request.POST.get("unit", ""))
        if unit.other_companies and request.POST.get("sure") != "yes":
            return render.confirm(request, **page.sharing_question(owner, unit))
        business_units.choose_unit(connection=connection, unit=unit, user=request.user)
    except (DataverseError, Refusal) as error:
        messages.error(request, f"Nothing was chosen. {error.user_message}")
        return HttpResponseRedirect(company_url("connection_setup:units", owner))
    made = "" if unit.id else " It is created when the connection is enabled."
    messages.success(request, f"{unit.name} is the Coupled Business Unit.{made}")
    if not unit.is_default and (advice := business_units.ownership_advice(connection)):
        messages.warning(request, advice)
    return HttpResponseRedirect(company_url("connection_setup:setup", owner))


def _list_units(request: HttpRequest, connection: DataverseConnection) -> list[business_units.BusinessUnit]:
    """Return the units, read as who is signed in; of other companies the names that the person may see.

    Raises DataverseError and Refusal.
    """
    signed_in = sign_in.current(connection.company, request.session.session_key)
    units = business_units.list_units(connection, signed_in)
    return [replace(unit, other_companies=access.shown_names(request, unit.other_companies)) for unit in units]
