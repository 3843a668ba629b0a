"""Dataverse Business Units: choose the one a company's rows belong to."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company as company_of
from connection_setup.business_units import services as units
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import sign_in
from connection_setup.setup import views
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from masterdata.models import Company
from ui import render
from ui.kit import Action, FastTab, Link, Notice, Page, Status, Table
from ui.links import company_url

MANY = 15
"""So many lines are looked through at a glance; above them stands a search."""
MOST = 200
"""More lines than this are not shown; the search narrows them."""


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The list, as Dataverse gives it now."""
    connection = state.connection_of(company_of(request, company))
    owner = connection.company
    if connection.enabled:
        notice = Notice("Turn Enabled off to choose another one.", "warn", title="The connection is enabled.")
        return render.page(request, _page(connection, (notice,)))
    try:
        found = units.listed(connection, sign_in.current(owner, request.session.session_key))
    except (DataverseError, Refusal) as error:
        kept = connection.business_unit_name or units.default_name(owner)
        return render.page(
            request,
            _page(
                connection,
                (
                    Notice(
                        f"{error.user_message} The choice stays as it is: {kept}.",
                        "bad",
                        title="The business units cannot be read.",
                    ),
                ),
            ),
        )
    advice = units.advice(connection)
    notices = (Notice(advice, "warn", title="Person: stay with the default."),) if advice else ()
    return render.page(request, _page(connection, notices, _tabs(connection, found, request.GET.get("q", ""))))


@views.save_form_first
def look_up(_: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """From the field Coupled Business Unit: what was typed is saved first."""
    return HttpResponseRedirect(company_url("connection_setup:units", connection.company))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Take one; where another company is coupled with it, after a question."""
    connection = state.connection_of(company_of(request, company))
    owner = connection.company
    if request.method != "POST":
        return HttpResponseRedirect(company_url("connection_setup:units", owner))
    try:
        found = units.listed(connection, sign_in.current(owner, request.session.session_key))
        unit = _named(found, request.POST.get("unit", ""))
        if unit.others and request.POST.get("sure") != "yes":
            return _asked(request, owner, unit)
        units.choose(connection=connection, unit=unit, user=request.user)
    except (DataverseError, Refusal) as error:
        messages.error(request, f"Nothing was chosen. {error.user_message}")
        return HttpResponseRedirect(company_url("connection_setup:units", owner))
    made = "" if unit.id else " It is made when the connection is enabled."
    messages.success(request, f"{unit.name} is the Coupled Business Unit.{made}")
    if not unit.own and (advice := units.advice(connection)):
        messages.warning(request, advice)
    return HttpResponseRedirect(company_url("connection_setup:setup", owner))


def _named(found: list[units.Unit], wanted: str) -> units.Unit:
    """The unit with an id; the new one is "new". Raises Refusal."""
    try:
        key = None if wanted == "new" else UUID(wanted)
    except ValueError:
        key = UUID(int=0)
    unit = next((one for one in found if one.id == key), None)
    if unit is None:
        raise Refusal(
            "configuration",
            "That business unit is not among those of the environment.",
            "Choose one of the list.",
        )
    return unit


def _asked(request: HttpRequest, owner: Company, unit: units.Unit) -> HttpResponse:
    others = " and ".join(unit.others)
    return render.confirm(
        request,
        title="Couple with this business unit?",
        text=f"{unit.name} is coupled with {others} already. Two companies in one business unit own each other's rows, "
        "which can cause synchronization errors. Continue?",
        action=Action(
            "Continue",
            company_url("connection_setup:units-choose", owner),
            "post",
            values={"unit": str(unit.id), "sure": "yes"},
        ),
        back=company_url("connection_setup:units", owner),
        company=owner,
    )


def _page(connection: DataverseConnection, notices: tuple[Notice, ...], tabs: tuple[FastTab, ...] = ()) -> Page:
    company = connection.company
    return Page(
        units.TITLE,
        company=company,
        crumbs=(Link("Dataverse Connection Setup", company_url("connection_setup:setup", company)),),
        help="connection#unit",
        notices=notices,
        actions=(Action("Dataverse Connection Setup", company_url("connection_setup:setup", company), icon="back"),),
        fast_tabs=tabs,
    )


def _tabs(connection: DataverseConnection, found: list[units.Unit], search: str) -> tuple[FastTab, ...]:
    company = connection.company
    wanted = search.strip().casefold()
    matching = [one for one in found if wanted in f"{one.shown} {one.parent}".casefold()]
    shown = matching[:MOST]
    rows = [
        (
            one.shown,
            one.parent,
            Status(f"Coupled with {' and '.join(one.others)}", "warn") if one.others else "Default" if one.own else "",
        )
        for one in shown
    ]
    choices = [
        Action(
            "Choose",
            company_url("connection_setup:units-choose", company),
            "post",
            values={"unit": str(one.id) if one.id else "new"},
            off="Current" if units.is_current(connection, one) else "",
        )
        for one in shown
    ]
    left = f", the first {MOST} shown" if len(matching) > MOST else ""
    table = FastTab(
        "units",
        "Business units below the root",
        gist=f"{len(matching)} of {len(found)}{left}" if wanted or left else f"{len(found)}",
        table=Table(
            units.TITLE,
            ("Name", "Parent", "Remark"),
            rows,
            empty="No business unit has that in its name. Search for something else.",
            row_actions=choices or (None,),
        ),
    )
    if len(found) <= MANY and not wanted:
        return (table,)
    url = company_url("connection_setup:units", company)
    clear = f"{url}?{urlencode({'q': ''})}" if wanted else ""
    asked = FastTab(
        "search",
        "Search",
        template="connection_setup/business_units/search.html",
        context={"url": url, "search": search, "clear": clear, "told": f"{len(matching)} of {len(found)} shown{left}"},
    )
    return (asked, table)
