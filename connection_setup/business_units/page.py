"""Page Dataverse Business Units: the units to choose from, and the question before sharing one."""

from typing import Any

from connection_setup import captions
from connection_setup.business_units import services as business_units
from connection_setup.business_units.services import BusinessUnit
from connection_setup.models import DataverseConnection
from masterdata.models import Company
from ui.kit import Action, FastTab, Link, Notice, Page, Status, Table
from ui.links import company_url

SEARCH_FROM = 15
"""A list of more lines than this has a search above it."""
MAX_LINES = 200
"""More lines than this are not shown; the search narrows them."""
ENABLED = Notice("Turn Enabled off to choose another one.", "warn", title="The connection is enabled.")


def build_page(connection: DataverseConnection, notices: tuple[Notice, ...], tabs: tuple[FastTab, ...] = ()) -> Page:
    """Return the page with these notices, and the tabs of `build_tabs` where the units could be read."""
    company = connection.company
    setup = company_url("connection_setup:setup", company)
    return Page(
        business_units.TITLE,
        company=company,
        crumbs=(Link(captions.TITLE, setup),),
        help="connection#unit",
        notices=notices,
        actions=(Action(captions.TITLE, setup, icon="back"),),
        fast_tabs=tabs,
    )


def unreadable_notice(connection: DataverseConnection, reason: str) -> Notice:
    """Return the notice that the units cannot be read, and why; the choice stays."""
    current = connection.business_unit_name or business_units.default_unit_name(connection.company)
    return Notice(
        f"{reason} The Coupled Business Unit is still {current}.",
        "bad",
        title="The business units cannot be read.",
    )


def advice_notices(connection: DataverseConnection) -> tuple[Notice, ...]:
    """Return the notice that the ownership model recommends the default unit, where it does."""
    advice = business_units.ownership_advice(connection)
    return (Notice(advice, "warn", title="Person: keep the default business unit."),) if advice else ()


def build_tabs(connection: DataverseConnection, units: list[BusinessUnit], search: str) -> tuple[FastTab, ...]:
    """Return the units whose name or parent contains the search, as a FastTab; a search before a long list."""
    wanted = search.strip().casefold()
    matching = [unit for unit in units if wanted in f"{unit.caption} {unit.parent}".casefold()]
    shown = matching[:MAX_LINES]
    cut = f", the first {MAX_LINES} shown" if len(matching) > MAX_LINES else ""
    table = FastTab(
        "units",
        "Business units below the root",
        gist=f"{len(matching)} of {len(units)}{cut}" if wanted or cut else f"{len(units)}",
        table=Table(
            business_units.TITLE,
            ("Name", "Parent", "Remark"),
            [(unit.caption, unit.parent, _remark(unit)) for unit in shown],
            empty="No business unit has that in its name. Search for something else.",
            row_actions=[_choose_action(connection, unit) for unit in shown] or (None,),
        ),
    )
    if len(units) <= SEARCH_FROM and not wanted:
        return (table,)
    url = company_url("connection_setup:units", connection.company)
    search_tab = FastTab(
        "search",
        "Search",
        template="connection_setup/business_units/search.html",
        context={
            "url": url,
            "search": search,
            "clear": f"{url}?q=" if wanted else "",
            "count": f"{len(matching)} of {len(units)} shown{cut}",
        },
    )
    return (search_tab, table)


def sharing_question(company: Company, unit: BusinessUnit) -> dict[str, Any]:
    """Return what ui.render.confirm asks before a unit is shared with other companies."""
    others = " and ".join(unit.other_companies)
    return {
        "title": "Couple with this business unit?",
        "text": f"{unit.name} is coupled with {others} already. Two companies in one business unit own each other's "
        "rows, which can cause synchronization errors. Continue?",
        "action": Action(
            "Continue",
            company_url("connection_setup:units-choose", company),
            "post",
            values={"unit": str(unit.id), "sure": "yes"},
        ),
        "back": company_url("connection_setup:units", company),
        "company": company,
    }


def _remark(unit: BusinessUnit) -> Status | str:
    if unit.other_companies:
        return Status(f"Coupled with {' and '.join(unit.other_companies)}", "warn")
    return "Default" if unit.is_default else ""


def _choose_action(connection: DataverseConnection, unit: BusinessUnit) -> Action:
    return Action(
        "Choose",
        company_url("connection_setup:units-choose", connection.company),
        "post",
        values={"unit": str(unit.id) if unit.id else business_units.NEW},
        off="Current" if business_units.is_current(connection, unit) else "",
    )
