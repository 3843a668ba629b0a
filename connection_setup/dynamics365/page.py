"""Page Dynamics 365 Connection Setup."""

from django.template.defaultfilters import date as formatted_date
from django.utils import timezone

from connection_setup import captions
from connection_setup.connection import state
from connection_setup.dynamics365 import services as dynamics
from connection_setup.dynamics365.services import TITLE
from connection_setup.enabled_switch import enabled_switch
from connection_setup.models import DataverseConnection, Dynamics365Connection
from connection_setup.types import Report
from core.roles import ONLY_ADMINISTRATORS
from ui.kit import Action, FastTab, Field, Link, Menu, Notice, Page, Status, Table, Tip
from ui.links import company_url, optional_url

ENABLE_FIRST = "Enable it first."


def build_page(setup: Dynamics365Connection, *, administrator: bool) -> Page:
    """Return the page; administrator: whether the person may change what is on it."""
    company = setup.company
    connection = state.connection_of(company)
    report = Report.stored(setup.checks)
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(captions.TITLE, company_url("connection_setup:setup", company)),),
        state=_status(setup, connection, report),
        help="dynamics-365",
        tip=Tip(
            "What this page does",
            "It adds Dynamics 365 Sales to the connection to Dataverse: units are coupled with unit groups, items and "
            "resources with products, prices with price lists, and opportunities. Address and sign-in are those of "
            "Dataverse Connection Setup.",
        ),
        actions=_actions(setup, connection, administrator),
        notices=_notices(setup, connection, report),
        fast_tabs=(
            _connection_tab(setup, connection, administrator),
            _checks_tab(setup, report),
            _tables_tab(unit_groups=setup.unit_groups, extended_prices=setup.extended_prices),
        ),
        form_url=company_url("connection_setup:dynamics-toggle", company) if administrator else "",
        submit=Action("Save", icon="save") if administrator else None,
        submit_without_scripts=True,
    )


def _status(setup: Dynamics365Connection, connection: DataverseConnection, report: Report) -> Status:
    if not setup.enabled:
        return Status("Not enabled")
    if not connection.enabled:
        return Status("Enabled, Dataverse is not", "warn")
    return Status("Enabled", "bad" if report.failed else "ok")


def _notices(setup: Dynamics365Connection, connection: DataverseConnection, report: Report) -> tuple[Notice, ...]:
    if not connection.enabled:
        way = Action(captions.TITLE, company_url("connection_setup:setup", setup.company))
        return (
            Notice(
                "Dynamics 365 needs it. "
                + ("Nothing is synchronized until it is enabled again." if setup.enabled else "Enable it first."),
                "warn",
                "The connection to Dataverse is not enabled.",
                (way,),
            ),
        )
    if report.failed:
        return (Notice(report.failed.fix, "bad", report.failed.message),)
    return ()


def _actions(
    setup: Dynamics365Connection, connection: DataverseConnection, administrator: bool
) -> tuple[Action | Menu, ...]:
    company = setup.company
    not_permitted = "" if administrator else ONLY_ADMINISTRATORS
    not_connected = "" if connection.enabled else "Enable the connection to Dataverse first."
    not_usable = not_connected or ("" if setup.enabled else ENABLE_FIRST)
    test = Action(
        "Test Connection",
        company_url("connection_setup:dynamics-test", company),
        "post",
        icon="check",
        off=not_permitted,
    )
    toggle = (
        Action(
            "Disable",
            company_url("connection_setup:dynamics-disable", company),
            icon="disconnect",
            off=not_permitted,
            dialog=True,
        )
        if setup.enabled
        else Action(
            "Enable",
            company_url("connection_setup:dynamics-enable", company),
            "post",
            icon="plug",
            off=not_permitted or not_connected,
        )
    )
    certificate = Action(
        "Use Certificate Authentication",
        company_url("connection_setup:certificate", company),
        icon="shield",
        off=not_permitted or not_connected,
    )
    mappings = Action(
        "Integration Table Mappings", optional_url("coupling:mappings", company), icon="list", off=not_connected
    )
    defaults = Action(
        "Use Default Synchronization Setup",
        company_url("connection_setup:dynamics-reset", company),
        icon="reset",
        off=not_permitted or not_usable,
        dialog=True,
    )
    units = Action(
        f"Turn Unit Group Mapping {'Off' if setup.unit_groups else 'On'}",
        company_url("connection_setup:dynamics-units", company),
        icon="settings",
        off=not_permitted or ("Disable Dynamics 365 first." if setup.enabled else ""),
        dialog=True,
    )
    prices = Action(
        f"Turn Extended Prices {'Off' if setup.extended_prices else 'On'}",
        company_url("connection_setup:dynamics-prices", company),
        icon="settings",
        off=not_permitted or ("Disable Dynamics 365 first." if setup.enabled else ""),
        dialog=True,
    )
    full = Action("Run Full Synchronization", optional_url("sync:review", company), icon="sync", off=not_usable)
    queue = Action("Synch. Job Queue Entries", optional_url("jobs:queue", company), icon="job")
    encryption = Action(
        "Encryption Management", company_url("connection_setup:encryption", company), icon="lock", off=not_permitted
    )
    return (
        Menu("Connection", (test, toggle, certificate), icon="plug"),
        Menu("Mapping", (mappings, defaults, units, prices), icon="settings"),
        Menu("Synchronization", (full, queue), icon="sync"),
        Menu("Encryption", (encryption,), icon="lock"),
        test,
        *((full, mappings) if setup.enabled and connection.enabled else ()),
    )


def describe_schedules(active: int, total: int) -> str:
    """Return what the number of active schedules means, as a sentence."""
    if not active:
        return "No scheduled synchronization is active."
    if active == total:
        return "All scheduled synchronizations are active."
    return f"{active} of {total} scheduled synchronizations are active. See Integration Table Mappings for the others."


def _connection_tab(setup: Dynamics365Connection, connection: DataverseConnection, administrator: bool) -> FastTab:
    company = setup.company
    active, total = dynamics.count_schedules(company) if setup.enabled else (0, 0)
    hint = (
        "Synchronization runs on its schedules. Turning this off puts them on hold; couplings are kept."
        if setup.enabled
        else "Turning this on tests the environment, and adds the mappings of the sales tables with their schedules."
    )
    toggle = company_url("connection_setup:dynamics-toggle", company)
    enabled = (
        Field("Enabled", hint=hint, form_field=enabled_switch(toggle, enabled=setup.enabled))
        if administrator
        else Field("Enabled", "Yes" if setup.enabled else "No")
    )
    return FastTab(
        "connection",
        "Connection to Dynamics 365 Sales",
        (
            Field(
                "Dynamics 365 Sales URL",
                connection.environment_url,
                copy=True,
                hint="The Environment URL of Dataverse Connection Setup.",
            ),
            Field("Authentication Type", str(connection.get_authentication_type_display())),
            enabled,
            Field(
                "Unit Group Mapping",
                "Yes" if setup.unit_groups else "No",
                hint="Yes: each item and resource has a unit group with its units. No: each unit is a unit group. "
                "It can be changed while Dynamics 365 is disabled.",
            ),
            Field(
                "Extended Prices",
                "Yes" if setup.extended_prices else "No",
                hint="Yes: price lists and their lines. No: the prices of customer price groups. It can be changed "
                "while Dynamics 365 is disabled.",
            ),
            Field(
                "Active scheduled synchronization jobs",
                Status(f"{active} of {total}", "warn" if setup.enabled and active < total else ""),
                hint=describe_schedules(active, total),
            ),
        ),
        gist="enabled" if setup.enabled else "not enabled",
    )


def _checks_tab(setup: Dynamics365Connection, report: Report) -> FastTab:
    rows = [
        (
            check.name,
            Status(captions.CHECK_RESULTS[check.state], captions.STATUS_STYLES[check.state]),
            check.user_message,
        )
        for check in report.checks
    ]
    gist = "not tested yet"
    if setup.checked_at:
        moment = formatted_date(timezone.localtime(setup.checked_at), "j M Y H:i")
        result = f"{report.attention_count} need attention" if report.attention_count else "all OK"
        gist = f"{result} · tested {moment}"
    return FastTab(
        "checks",
        "Integration Solution Settings",
        gist=gist,
        table=Table(
            "Checks of the last test",
            ("Check", "Result", "What it means"),
            rows,
            wrap=frozenset({2}),
            empty="Nothing was tested yet. Choose Connection, then Test Connection.",
        ),
    )


def _tables_tab(*, unit_groups: bool, extended_prices: bool) -> FastTab:
    measures = (
        (
            "UNIT OF MEASURE",
            "Units of Measure",
            "Unit groups (uomschedule)",
            "To Dataverse: one unit group per unit, with the unit as its base unit",
        ),
    )
    groups = (
        (
            "UNIT GROUP",
            "Unit Groups",
            "Unit groups (uomschedule)",
            "To Dataverse: one unit group per item and resource, kept by itself",
        ),
        (
            "ITEM UOM, RESOURCE UOM",
            "Item and Resource Units of Measure",
            "Units (uom)",
            "To Dataverse: the units of each group, with their quantities",
        ),
    )
    price_groups = (
        (
            "CUSTPRCGRP-PRICE",
            "Customer Price Groups",
            "Price lists (pricelevel)",
            "To Dataverse: a price list for each group, in the currency of the group's prices",
        ),
        (
            "SALESPRC-PRODPRICE",
            "Sales Prices",
            "Price list items (productpricelevel)",
            "To Dataverse: the prices of customer price groups",
        ),
    )
    price_lists = (
        (
            "PLHEADER-PRICE",
            "Price Lists",
            "Price lists (pricelevel)",
            "To Dataverse: code, description, currency and dates; active while the status is Active",
        ),
        (
            "PLLINE-PRODPRICE",
            "Price List Lines",
            "Price list items (productpricelevel)",
            "To Dataverse: the prices of items and resources that begin at no quantity",
        ),
    )
    rows = (
        *(groups if unit_groups else measures),
        (
            "ITEM-PRODUCT",
            "Items",
            "Products (product)",
            "Both ways: name and unit. To Dataverse: number, price, cost and stock. New products are published",
        ),
        (
            "RESOURCE-PRODUCT",
            "Resources",
            "Products (product)",
            "Products of the type Services. Both ways: name. To Dataverse: number, price, cost, capacity and unit",
        ),
        *(price_lists if extended_prices else price_groups),
        (
            "OPPORTUNITY",
            "Opportunities",
            "Opportunities (opportunity)",
            "Both ways: the topic. To Dataverse: contact, account, owner, value and date. Only when you run it",
        ),
    )
    return FastTab(
        "tables",
        "What Is Synchronized",
        gist="Units, items, resources, prices and opportunities",
        table=Table("What is synchronized", ("Mapping", "Here", "In Dynamics 365", "How"), rows, wrap=frozenset({3})),
    )
