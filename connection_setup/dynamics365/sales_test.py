"""Test whether a company's environment has what Dynamics 365 Sales needs."""

from collections.abc import Sequence
from typing import Any

from connection_setup.connection import clients
from connection_setup.connection.state import NotConnected
from connection_setup.dynamics365 import judges
from connection_setup.provisioning.administrators import SYSTEM_ADMINISTRATOR
from connection_setup.provisioning.role import NEEDED_RIGHTS
from connection_setup.types import Check, Dataverse, Report
from dataverse import odata
from dataverse.errors import DataverseError
from dataverse.types import Request
from masterdata.models import Company

TABLES_READ = {
    "products": "productid",
    "uomschedules": "uomscheduleid",
    "uoms": "uomid",
    "pricelevels": "pricelevelid",
    "productpricelevels": "productpricelevelid",
    "opportunities": "opportunityid",
}
"""Entity set -> key of the sales tables."""
RIGHTS = {table: NEEDED_RIGHTS[table] for table in (key.removesuffix("id") for key in TABLES_READ.values())}
"""Table -> the privilege types that synchronization needs on it, as the role has them."""


def run(company: Company) -> Report:
    """Ask the environment, and judge each answer; checks that need a failed one are left out."""
    try:
        client = clients.client_for(company)
    except NotConnected as off:
        message = f"{off.message} Dynamics 365 needs it."
        return Report((Check(judges.CONNECTION, "error", message, off.fix, off.reason),))
    found: list[Check] = []
    try:
        client.who_am_i()
        found.append(Check(judges.CONNECTION, "ok", "The connection to Dataverse is enabled."))
        found.append(_tables(client))
        if found[-1].state == "ok":
            found.append(judges.company_column(list(client.table("product").columns)))
            found.append(_privileges(client))
            found.append(_currency(client, company.currency_code))
            rows = client.first_page("uomschedules", select=["uomscheduleid"]).rows
            found.append(judges.unit_groups(len(rows)))
    except (DataverseError, NotConnected) as error:
        found.append(Check.for_error(judges.CONNECTION if len(found) < 2 else judges.TABLES, error))
    return Report(tuple(found))


def _tables(client: Dataverse) -> Check:
    requests = [Request("GET", f"{name}?$select={key}&$top=1") for name, key in TABLES_READ.items()]
    return judges.tables(list(zip(TABLES_READ, client.batch(requests), strict=True)))


def _privileges(client: Any) -> Check:
    """Judge the privileges of the application user's roles, those of its teams among them. Raises DataverseError."""
    paths = [f"EntityDefinitions(LogicalName='{name}')?$select=LogicalName,Privileges" for name in RIGHTS]
    needed: dict[str, str] = {}
    answers = client.batch([Request("GET", path) for path in paths])
    for rights, answer in zip(RIGHTS.values(), answers, strict=True):
        if answer.error is not None:
            raise answer.error
        needed |= {
            str(privilege["PrivilegeId"]).lower(): str(privilege["Name"])
            for privilege in answer.body["Privileges"]
            if privilege["PrivilegeType"] in rights
        }
    me = client.who_am_i().user_id
    path = f"{odata.key('systemusers', me)}/systemuserroles_association"
    roles = client.first_page(path, select=["roleid", "_roletemplateid_value"]).rows
    if any(str(role.get("_roletemplateid_value") or "").lower() == str(SYSTEM_ADMINISTRATOR) for role in roles):
        return judges.privileges({}, [])
    return judges.privileges(needed, _held_privileges(client, [str(role["roleid"]) for role in roles]))


def _held_privileges(client: Any, role_ids: Sequence[str]) -> list[str]:
    """Return the ids of the privileges of these roles. Raises DataverseError."""
    held: list[str] = []
    for role_id in role_ids:
        answer = client.function(f"RetrieveRolePrivilegesRole(RoleId={role_id})")
        held += [str(privilege["PrivilegeId"]).lower() for privilege in answer["RolePrivileges"]]
    return held


def _currency(client: Dataverse, local_code: str) -> Check:
    rows = client.first_page(
        "transactioncurrencies", select=["isocurrencycode"], filter=odata.eq("isocurrencycode", local_code)
    ).rows
    return judges.currency(local_code, bool(rows))
