"""The integration's security role: the privileges it gives, and making it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from connection_setup.provisioning.client import Definer, first_row, own_id, root_unit
from connection_setup.provisioning.settling import NotSettled, Settling, is_absent
from connection_setup.types import COMPANY_TABLE, ROLE, SOLUTION
from dataverse import odata
from dataverse.errors import ConfigurationError
from dataverse.types import Request

PRIVILEGE_DEPTH = "Global"
"""Depth of the role's privileges: the whole organization, since each company has a business unit of its own."""

ALL_RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
WRITE_RIGHTS = ("Create", "Read", "Write", "Append", "AppendTo")
Rights = Mapping[str, Sequence[str]]
NEEDED_RIGHTS: Rights = {
    "account": ALL_RIGHTS,
    "contact": ALL_RIGHTS,
    "opportunity": ALL_RIGHTS,
    COMPANY_TABLE: ALL_RIGHTS,
    "product": (*WRITE_RIGHTS, "Delete"),
    "pricelevel": (*WRITE_RIGHTS, "Delete"),
    "productpricelevel": (*WRITE_RIGHTS, "Delete"),
    "uom": WRITE_RIGHTS,
    "uomschedule": WRITE_RIGHTS,
    "transactioncurrency": WRITE_RIGHTS,
    "businessunit": WRITE_RIGHTS,
    "team": WRITE_RIGHTS,
    "systemuser": ("Read", "Append", "AppendTo"),
    "role": ("Read", "AppendTo", "Assign"),
    "organization": ("Read",),
    "solution": ("Read",),
    "publisher": ("Read",),
}
"""Table -> rights that the role gives; a right that a table does not have is left out."""
CHOICE_PRIVILEGES = ("prvWriteAttribute", "prvPublishCustomization")
"""What adding a choice to a column and showing it takes: for mappings of payment terms and the like."""
METADATA_PRIVILEGES = (
    "prvReadEntity", "prvReadAttribute", "prvReadRelationship", "prvReadEntityRelationship", "prvReadOptionSet",
    "prvReadEntityKey", "prvReadSdkMessage", "prvReadSdkMessageFilter", "prvReadUserSettings", "prvReadLanguageLocale",
)  # fmt: skip
"""What reading definitions takes; the everyday roles of real environments hold all of them."""


def make_role(client: Definer, settling: Settling, rights: Rights = NEEDED_RIGHTS) -> bool:
    """Make the integration's security role and add the privileges it lacks. Return whether something was made.

    What the service or people gave the role besides stays. Raises NotSettled, Blocked, DataverseError.
    """
    root = root_unit(client)
    body = {"roleid": str(own_id(client, "role")), "name": ROLE, **odata.bind("businessunitid", "businessunits", root)}
    made = settling.ensure(
        "role", what=f"The security role {ROLE}", there=lambda: find_role(client, root) is not None,
        make=lambda: client.define("roles", body, solution=SOLUTION),
    )  # fmt: skip
    role = find_role(client, root)
    if role is None:  # another server answered, which does not know it yet
        raise NotSettled(f"The security role {ROLE}")
    lacking = bool(missing_privileges(client, role, rights))
    settling.ensure(
        "privileges", what=f"The privileges of {ROLE}", there=lambda: not missing_privileges(client, role, rights),
        make=lambda: _add(client, role, root, missing_privileges(client, role, rights)),
    )  # fmt: skip
    return made or lacking or settling.has_made("privileges")


def find_role(client: Definer, root: UUID | None = None) -> UUID | None:
    """Return the id of the role in the root business unit; None where there is none."""
    unit = root or root_unit(client)
    inside = odata.all_of(odata.eq("name", ROLE), odata.eq(odata.lookup("businessunitid"), unit))
    role = first_row(client, "roles", ["roleid"], inside)
    return UUID(role["roleid"]) if role else None


def missing_privileges(client: Definer, role: UUID, rights: Rights = NEEDED_RIGHTS) -> dict[str, str]:
    """Return name -> id of the privileges that the role lacks, or has not deep enough."""
    answer = client.function(f"RetrieveRolePrivilegesRole(RoleId={role})")
    held = {str(one["PrivilegeId"]) for one in answer["RolePrivileges"] if one["Depth"] == PRIVILEGE_DEPTH}
    return {name: key for name, key in needed_privileges(client, rights).items() if key not in held}


def needed_privileges(client: Definer, rights: Rights = NEEDED_RIGHTS) -> dict[str, str]:
    """Return name -> id of the privileges that are needed; the metadata alone knows the names of a table's."""
    paths = [f"EntityDefinitions(LogicalName='{table}')?$select=LogicalName,Privileges" for table in rights]
    answers = client.batch([Request("GET", path) for path in paths])
    found: dict[str, str] = {}
    for (table, given), answer in zip(rights.items(), answers, strict=True):
        if answer.error is not None and is_absent(answer.error):  # an environment without the sales tables
            continue
        if answer.error is not None:
            raise answer.error
        for one in answer.body["Privileges"]:
            if one["PrivilegeType"] in given:
                found[str(one["Name"])] = str(one["PrivilegeId"])
        if not found:
            raise ConfigurationError(f"Dataverse names no privileges of the table {table}.", "Try again.")
    named = odata.any_of(*(odata.eq("name", name) for name in (*CHOICE_PRIVILEGES, *METADATA_PRIVILEGES)))
    rows = client.first_page("privileges", select=["privilegeid", "name"], filter=named).rows
    return found | {str(row["name"]): str(row["privilegeid"]) for row in rows}


def _add(client: Definer, role: UUID, root: UUID, missing: Mapping[str, str]) -> None:
    client.action(
        f"{odata.key('roles', role)}/Microsoft.Dynamics.CRM.AddPrivilegesRole",
        {
            "Privileges": [
                {"Depth": PRIVILEGE_DEPTH, "PrivilegeId": key, "BusinessUnitId": str(root), "PrivilegeName": name}
                for name, key in missing.items()
            ]
        },
        repeatable=True,
    )
