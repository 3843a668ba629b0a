"""Dynamics 365 Connection Setup: the sales tables on top of a company's connection to Dataverse.

Address and credentials are those of the Dataverse connection, so this begins where that one is enabled. What is
synchronized belongs to a room above, which brings it with `bring`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from connection_setup.checks import judges
from connection_setup.connection import clients, state
from connection_setup.connection.state import NotConnected, audit_as
from connection_setup.models import Dynamics365Connection
from connection_setup.types import Check, Dataverse, Report
from core.refusals import Refusal
from dataverse import odata
from dataverse.errors import DataverseError, Gone, Invalid
from dataverse.types import PartResult, Request
from masterdata.models import Company

TITLE = "Dynamics 365 Connection Setup"

CONNECTION, TABLES, PREPARED, PRIVILEGES, CURRENCY, UNITS = (
    "Dataverse connection", "Sales tables", "Company of a product", "Privileges", "Currency", "Unit groups",
)  # fmt: skip
TABLES_READ = {
    "products": "productid", "uomschedules": "uomscheduleid", "uoms": "uomid", "pricelevels": "pricelevelid",
    "productpricelevels": "productpricelevelid",
}  # fmt: skip
WRITTEN = {"product": ("Create", "Read", "Write", "Append", "AppendTo"), "uomschedule": ("Create", "Read", "Write"),
           "uom": ("Read", "AppendTo")}  # fmt: skip
"""What synchronization does with which table."""

Hook = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class Mappings:
    """What a room above brings: each `hook(company, user)` runs in the transaction of the change, without HTTP."""

    enabled: Hook
    disabled: Hook
    reset: Hook
    schedules: Callable[[Any], tuple[int, int]]
    """How many of the scheduled synchronizations are active, and how many there are."""


_brought: list[Mappings] = []


def ensure_mappings(mappings: Mappings) -> None:
    """Name what is synchronized; called while the room above loads."""
    _brought.append(mappings)


def setup_of(company: Company) -> Dynamics365Connection:
    """The company's setup; one that is not saved yet where there is none."""
    found = Dynamics365Connection.objects.filter(company=company).select_related("company").first()
    return found or Dynamics365Connection(company=company)


def enabled(company: Company) -> bool:
    """Whether sales tables are synchronized."""
    return Dynamics365Connection.objects.filter(company=company, enabled=True).exists()


def schedules(company: Company) -> tuple[int, int]:
    """How many scheduled synchronizations of the sales tables are active, and how many there are."""
    pairs = [one.schedules(company) for one in _brought]
    return sum(active for active, _ in pairs), sum(total for _, total in pairs)


def test(*, company: Company) -> Report:
    """Test whether the environment has what sales need, enabled or not, and keep the report."""
    report = _tested(company)
    setup = setup_of(company)
    setup.checks, setup.checked_at = [check.document() for check in report.checks], timezone.now()
    if setup.pk:
        Dynamics365Connection.objects.filter(pk=setup.pk).update(checks=setup.checks, checked_at=setup.checked_at)
    else:
        setup.save()
    return report


def enable(*, company: Company, user: Any) -> Report:
    """Test, then switch on, with the mappings of the sales tables and their schedules. Repeatable.

    A report that is not ok means that nothing was switched on. Raises Refusal while the connection to Dataverse is off.
    """
    if off := state.unavailable_reason(company):
        raise Refusal(off.reason, f"{off.message} Dynamics 365 comes on top of it.", off.fix)
    report = test(company=company)
    if not report.ok:
        return report
    with audit_as(user), transaction.atomic():
        setup = _locked(company)
        setup.enabled, setup.enabled_at = True, setup.enabled_at or timezone.now()
        setup.save()
        for one in _brought:
            one.enabled(company, user)
    return report


def disable(*, company: Company, user: Any) -> Dynamics365Connection:
    """Switch off: schedules are put on hold; mappings and couplings are kept. Repeatable."""
    with audit_as(user), transaction.atomic():
        setup = _locked(company)
        if setup.enabled:
            setup.enabled, setup.enabled_at = False, None
            setup.save()
            for one in _brought:
                one.disabled(company, user)
    return setup


def reset(*, company: Company, user: Any) -> None:
    """Bring the mappings of the sales tables and their schedules back to their defaults. Raises Refusal."""
    with audit_as(user), transaction.atomic():
        if not _locked(company).enabled:
            raise Refusal(
                "not_enabled",
                "Dynamics 365 Connection Setup is not enabled.",
                "Enable it first.",
            )
        for one in _brought:
            one.reset(company, user)


# -- judgements, pure -------------------------------------------------------------------------------------------------


def tables(results: Sequence[tuple[str, PartResult]]) -> Check:
    """The sales tables are in the environment and can be read."""
    refused = [(name, one.error) for name, one in results if one.error is not None]
    if not refused:
        return Check(TABLES, "ok", f"All {len(results)} sales tables can be read.")
    missing = [name for name, error in refused if isinstance(error, Gone | Invalid)]
    if missing:
        return Check(
            TABLES,
            "error",
            f"The environment has no {', '.join(missing)}: Dynamics 365 Sales is not installed in it.",
            "Install Dynamics 365 Sales in the Power Platform admin center. Then, on Dataverse Connection Setup, turn "
            "Enabled off, choose Redeploy Integration Solution, turn Enabled on, and test again.",
            "configuration",
        )
    error = refused[0][1]
    cause, fix = (error.message, error.fix) if isinstance(error, DataverseError) else (str(error), "")
    names = ", ".join(name for name, _ in refused)
    return Check(TABLES, "error", f"These tables cannot be read: {names}. {cause}", fix, "denied")


def prepared(columns: Sequence[str]) -> Check:
    """A product tells which company it belongs to."""
    if "tandem_companyid" in columns:
        return Check(PREPARED, "ok", "A product tells which company it belongs to.")
    return Check(
        PREPARED,
        "error",
        "A product cannot tell which company it belongs to: the integration solution was brought before Sales was.",
        "On Dataverse Connection Setup turn Enabled off, then choose Redeploy Integration Solution: what is missing is "
        "added. Turn Enabled on afterwards.",
        "configuration",
    )


def privileges(needed: Mapping[str, str], held: Sequence[str]) -> Check:
    """The application's user may do what synchronization does; `needed`: privilege's name by its id."""
    missing = sorted(name for key, name in needed.items() if key not in held)
    if not missing:
        return Check(PRIVILEGES, "ok", "The application's user may read and write products and units.")
    return Check(
        PRIVILEGES,
        "error",
        f"The application's user lacks {', '.join(missing)}.",
        "On Dataverse Connection Setup turn Enabled off, then choose Redeploy Integration Solution; or add them to the "
        "user's security role.",
        "denied",
    )


def currency(local: str, known: bool) -> Check:
    """Amounts of products are in the local currency, which Dataverse has to know."""
    if known:
        return Check(CURRENCY, "ok", f"Dataverse has the local currency {local}.")
    return Check(
        CURRENCY,
        "error",
        f"Dataverse has no currency {local}, which is the local currency and the one of product prices.",
        f"Add {local} in the environment's settings, or synchronize CURRENCY.",
        "configuration",
    )


def units(groups: int) -> Check:
    """What stands in the environment already tells how units are best coupled."""
    if groups <= 1:
        return Check(UNITS, "ok", "There is only the built-in unit group: a full synchronization makes those needed.")
    return Check(
        UNITS,
        "ok",
        f"There are {groups:,} unit groups: select coupling criteria for UNIT OF MEASURE, so that none is made twice.",
    )


# -- questions to the environment -------------------------------------------------------------------------------------


def _tested(company: Company) -> Report:
    try:
        client = clients.client_for(company)
    except NotConnected as off:
        message = f"{off.message} Dynamics 365 comes on top of the connection to Dataverse."
        return Report((Check(CONNECTION, "error", message, off.fix, off.reason),))
    found: list[Check] = []
    try:
        clients.verify_organization(company, client)
        found.append(Check(CONNECTION, "ok", "The connection to Dataverse is enabled."))
        found.append(_tables(client))
        if found[-1].state == "ok":
            found.append(prepared(list(client.table("product").columns)))
            found.append(_privileges(client))
            found.append(_currency(client, company.currency_code))
            rows = client.first_page("uomschedules", select=["uomscheduleid"]).rows
            found.append(units(len(rows)))
    except (DataverseError, NotConnected) as error:
        found.append(Check.for_error(CONNECTION if len(found) < 2 else TABLES, error))
    return Report(tuple(found))


def _tables(client: Dataverse) -> Check:
    requests = [Request("GET", f"{name}?$select={key}&$top=1") for name, key in TABLES_READ.items()]
    return tables(list(zip(TABLES_READ, client.batch(requests), strict=True)))


def _privileges(client: Any) -> Check:
    """The roles of the application's user, its teams' among them, hold what is needed."""
    paths = [f"EntityDefinitions(LogicalName='{name}')?$select=LogicalName,Privileges" for name in WRITTEN]
    needed: dict[str, str] = {}
    for (_, rights), answer in zip(WRITTEN.items(), client.batch([Request("GET", one) for one in paths]), strict=True):
        if answer.error is not None:
            raise answer.error
        needed |= {
            str(one["PrivilegeId"]).lower(): str(one["Name"])
            for one in answer.body["Privileges"]
            if one["PrivilegeType"] in rights
        }
    me = client.who_am_i().user_id
    path = f"{odata.key('systemusers', me)}/systemuserroles_association"
    roles = client.first_page(path, select=["roleid", "name"]).rows
    if any(one["name"] == judges.SYSTEM_ADMINISTRATOR for one in roles):
        return privileges({}, [])
    held: list[str] = []
    for one in roles:
        answer = client.function(f"RetrieveRolePrivilegesRole(RoleId={one['roleid']})")
        held += [str(each["PrivilegeId"]).lower() for each in answer["RolePrivileges"]]
    return privileges(needed, held)


def _currency(client: Dataverse, local: str) -> Check:
    rows = client.first_page(
        "transactioncurrencies", select=["isocurrencycode"], filter=odata.eq("isocurrencycode", local)
    ).rows
    return currency(local, bool(rows))


def _locked(company: Company) -> Dynamics365Connection:
    Dynamics365Connection.objects.get_or_create(company=company)
    return Dynamics365Connection.objects.select_for_update().get(company=company)
