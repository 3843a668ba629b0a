"""The integration solution: its table, columns and security role, and the application's user with that role.

Made as the administrator who signed in, through documented Web API calls. Each part is looked for first and made only
where it is missing, so running it again changes nothing and resumes where a failure stopped it.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID, uuid5

from connection_setup.provisioning import definitions
from connection_setup.types import COMPANY_TABLE, ROLE, SOLUTION
from dataverse import odata
from dataverse.errors import ConfigurationError, Duplicate, Gone, Invalid
from dataverse.types import ColumnInfo, Page, PartResult, Request, Row, TableInfo, WhoAmI

PUBLISHER = "tandem"
PUBLISHER_NAME = "Tandem"
VERSION = "1.0.0.0"
OPTION_PREFIX = 83_120
"""First digits of the publisher's own choice values; any number from 10,000 to 99,999 is allowed."""
NON_INTERACTIVE = 4
PRIVILEGE_DEPTH = "Global"
"""Depth of the role's privileges: the whole organization, since each company has a business unit of its own."""

ALL_RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
WRITE_RIGHTS = ("Create", "Read", "Write", "Append", "AppendTo")
NEEDED_RIGHTS: Mapping[str, Sequence[str]] = {
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


class Definer(Protocol):
    """The part of the client that makes definitions."""

    def who_am_i(self) -> WhoAmI: ...  # noqa: D102
    def forget_tables(self) -> None: ...  # noqa: D102
    def table(self, logical_name: str) -> TableInfo: ...  # noqa: D102
    def first_page(self, entity_set: str, *, select: Sequence[str], filter: str = "") -> Page: ...  # noqa: A002, D102
    def create(self, entity_set: str, row: Mapping[str, Any], *, primary_id: str = "") -> UUID: ...  # noqa: D102
    def update(self, entity_set: str, row_id: UUID | str, changes: Mapping[str, Any]) -> str | None: ...  # noqa: D102
    def define(self, path: str, body: Mapping[str, Any], *, solution: str) -> None: ...  # noqa: D102
    def batch(self, requests: Sequence[Request]) -> list[PartResult]: ...  # noqa: D102
    def function(self, path: str) -> Any: ...  # noqa: D102
    def action(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any: ...  # noqa: D102
    def associate(  # noqa: D102
        self, entity_set: str, row_id: UUID | str, navigation: str, other_set: str, other_id: UUID | str
    ) -> None: ...


# -- the solution ---------------------------------------------------------------------------------


def make_solution(client: Definer) -> bool:
    """Make publisher and solution where they are missing or older. Return whether something was made."""
    publisher = _first(client, "publishers", ["publisherid"], odata.eq("uniquename", PUBLISHER))
    publisher_id = (
        UUID(publisher["publisherid"])
        if publisher
        else client.create(
            "publishers",
            {
                "publisherid": str(_own_id(client, "publisher")), "uniquename": PUBLISHER,
                "friendlyname": PUBLISHER_NAME, "customizationprefix": PUBLISHER,
                "customizationoptionvalueprefix": OPTION_PREFIX,
            },
            primary_id="publisherid",
        )
    )  # fmt: skip
    there = _first(client, "solutions", ["solutionid", "version"], odata.eq("uniquename", SOLUTION))
    if there:
        if not is_older(str(there.get("version") or "")):
            return publisher is None
        client.update("solutions", there["solutionid"], {"version": VERSION})
        return True
    client.create(
        "solutions",
        {
            "solutionid": str(_own_id(client, "solution")), "uniquename": SOLUTION,
            "friendlyname": "Tandem Base Integration", "version": VERSION,
            **odata.bind("publisherid", "publishers", publisher_id),
        },
        primary_id="solutionid",
    )  # fmt: skip
    return True


def is_older(version: str) -> bool:
    """Whether a solution's version is older than VERSION; a text that is no version is."""
    return _numbers(version) < _numbers(VERSION)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def make_tables(client: Definer) -> bool:
    """Make the company table, and the lookup to it on definitions.WITH_COMPANY. Return whether something was made."""
    client.forget_tables()  # what is cached may have been changed by somebody else
    made = _make_company_table(client)
    for name in definitions.WITH_COMPANY:
        known = _columns(client, name)
        if known is None:  # an environment without the sales tables
            continue
        if definitions.COMPANY_LOOKUP.lower() not in known:
            made = _define(client, "RelationshipDefinitions", definitions.company_lookup(name)) or made
    return made


def _make_company_table(client: Definer) -> bool:
    known = _columns(client, COMPANY_TABLE)
    made = known is None
    if known is None:
        _define(client, "EntityDefinitions", definitions.COMPANY)
        known = client.table(COMPANY_TABLE).columns
    path = f"EntityDefinitions(LogicalName='{COMPANY_TABLE}')"
    if "tandem_externalid" not in known:
        made = _define(client, f"{path}/Attributes", definitions.EXTERNAL_ID)
    if "tandem_defaultowningteam" not in known:
        made = _define(client, "RelationshipDefinitions", definitions.OWNING_TEAM) or made
    return made


# -- the role ---------------------------------------------------------------------------------


def make_role(client: Definer) -> bool:
    """Make the integration's security role and add the privileges it lacks. Return whether something was made."""
    root = _root(client)
    inside = odata.all_of(odata.eq("name", ROLE), odata.eq(odata.lookup("businessunitid"), root))
    role = _first(client, "roles", ["roleid"], inside)
    made = role is None
    if role is None:
        row_id = _own_id(client, "role")
        body = {"roleid": str(row_id), "name": ROLE, **odata.bind("businessunitid", "businessunits", root)}
        with contextlib.suppress(Duplicate):  # the answer of a first try was lost
            client.define("roles", body, solution=SOLUTION)
    else:
        row_id = UUID(role["roleid"])
    answer = client.function(f"RetrieveRolePrivilegesRole(RoleId={row_id})")
    held = {str(one["PrivilegeId"]) for one in answer["RolePrivileges"] if one["Depth"] == PRIVILEGE_DEPTH}
    ids = _privileges(client)
    missing = {name: key for name, key in ids.items() if key not in held}
    if missing:
        client.action(
            f"{odata.key('roles', row_id)}/Microsoft.Dynamics.CRM.AddPrivilegesRole",
            {
                "Privileges": [
                    {"Depth": PRIVILEGE_DEPTH, "PrivilegeId": key, "BusinessUnitId": str(root), "PrivilegeName": name}
                    for name, key in missing.items()
                ]
            },
            repeatable=True,
        )
    return made or bool(missing)


def _privileges(client: Definer) -> dict[str, str]:
    """Return name -> id of the privileges that are needed; the metadata alone knows their names."""
    paths = [f"EntityDefinitions(LogicalName='{table}')?$select=LogicalName,Privileges" for table in NEEDED_RIGHTS]
    answers = client.batch([Request("GET", path) for path in paths])
    found: dict[str, str] = {}
    for (table, rights), answer in zip(NEEDED_RIGHTS.items(), answers, strict=True):
        if isinstance(answer.error, Gone):  # an environment without the sales tables
            continue
        if answer.error is not None:
            raise answer.error
        for one in answer.body["Privileges"]:
            if one["PrivilegeType"] in rights:
                found[str(one["Name"])] = str(one["PrivilegeId"])
        if not found:
            raise ConfigurationError(f"Dataverse names no privileges of the table {table}.", "Try again.")
    about_choices = odata.any_of(*(odata.eq("name", name) for name in CHOICE_PRIVILEGES))
    rows = client.first_page("privileges", select=["privilegeid", "name"], filter=about_choices).rows
    return found | {str(row["name"]): str(row["privilegeid"]) for row in rows}


# -- the application's user ---------------------------------------------------------------------------------


def make_application_user(client: Definer, application_id: str) -> tuple[UUID, bool]:
    """Make the application's own user, which needs no licence, and give it the integration's role.

    Return the user's id and whether something was made. Raises ConfigurationError when there are several users.
    """
    rows = client.first_page(
        "systemusers",
        select=["systemuserid", "isdisabled"],
        filter=odata.eq("applicationid", UUID(application_id)),
    ).rows
    if len(rows) > 1:
        raise ConfigurationError(
            f"The environment has {len(rows)} users for the application {application_id}, so it is not "
            "clear which one to use.",
            "Keep one of them under Users + permissions, Application users.",
        )
    made = not rows
    if rows:
        user_id = UUID(rows[0]["systemuserid"])
        if rows[0].get("isdisabled"):
            client.update("systemusers", user_id, {"isdisabled": False})
            made = True
    else:
        user_id = client.create(
            "systemusers",
            {
                "systemuserid": str(_own_id(client, f"application user {application_id}")),
                "applicationid": application_id, "firstname": "Tandem", "lastname": "Integration",
                "accessmode": NON_INTERACTIVE, **odata.bind("businessunitid", "businessunits", _root(client)),
            },
            primary_id="systemuserid",
        )  # fmt: skip
    roles = client.first_page(f"{odata.key('systemusers', user_id)}/systemuserroles_association", select=["name"])
    if any(one["name"] == ROLE for one in roles.rows):
        return user_id, made
    inside = odata.all_of(odata.eq("name", ROLE), odata.eq(odata.lookup("businessunitid"), _root(client)))
    role = _first(client, "roles", ["roleid"], inside)
    if role is None:
        raise ConfigurationError(f"The environment has no security role {ROLE}.", "Try again.")
    client.associate("systemusers", user_id, "systemuserroles_association", "roles", role["roleid"])
    return user_id, True


def copy_roles(client: Definer, from_user: UUID, to_application: str) -> list[str]:
    """Assign an application's user every role of another user; return the names of those that were missing.

    Raises ConfigurationError when the application has no user.
    """
    to_user = _application_user(client, to_application)
    held = {row["roleid"] for row in _roles(client, to_user)}
    missing = [row for row in _roles(client, from_user) if row["roleid"] not in held]
    for row in missing:
        client.associate("systemusers", to_user, "systemuserroles_association", "roles", row["roleid"])
    return sorted(str(row["name"]) for row in missing)


def _application_user(client: Definer, application_id: str) -> UUID:
    found = _first(client, "systemusers", ["systemuserid"], odata.eq("applicationid", UUID(application_id)))
    if found is None:
        raise ConfigurationError(
            f"The environment has no user for the application {application_id}.",
            "Try again.",
        )
    return UUID(found["systemuserid"])


def _roles(client: Definer, user_id: UUID) -> Sequence[Row]:
    path = f"{odata.key('systemusers', user_id)}/systemuserroles_association"
    return client.first_page(path, select=["roleid", "name"]).rows


# -- inside ---------------------------------------------------------------------------------


def _define(client: Definer, path: str, body: Mapping[str, Any]) -> bool:
    try:
        client.define(path, body, solution=SOLUTION)
    except Duplicate:
        return False
    return True


def _columns(client: Definer, table: str) -> Mapping[str, ColumnInfo] | None:
    """Return the table's columns; None where there is no such table."""
    try:
        return client.table(table).columns
    except Invalid as error:
        if error.reason != "configuration":
            raise
        return None


def _root(client: Definer) -> UUID:
    found = _first(client, "businessunits", ["businessunitid"], f"{odata.lookup('parentbusinessunitid')} eq null")
    if found is None:
        raise ConfigurationError(
            "Dataverse shows no root business unit to you.",
            "Sign in as a System Administrator.",
        )
    return UUID(found["businessunitid"])


def _first(client: Definer, entity_set: str, columns: Sequence[str], filter_text: str) -> Row | None:
    return next(iter(client.first_page(entity_set, select=columns, filter=filter_text).rows), None)


def _own_id(client: Definer, what: str) -> UUID:
    """Return the same id each time, so that a lost answer cannot make a second row."""
    return uuid5(client.who_am_i().organization_id, f"tandem {what}")
