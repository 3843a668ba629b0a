"""What an environment must hold for all companies: the integration solution with its table, columns and role, and the
application's user with that role.

Made as the administrator who signed in, through documented Web API calls. Each part is looked for first and made only
where it is missing, so running it again changes nothing and goes on where a failure left it. The definitions are data;
`parts` of them say what a progress list shows.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID, uuid5

from connection_setup.types import COMPANY_TABLE, ROLE, SOLUTION
from dataverse import odata
from dataverse.errors import ConfigurationError, Duplicate, Gone, Invalid
from dataverse.types import ColumnInfo, Page, PartResult, Request, Row, TableInfo, WhoAmI

PUBLISHER = "tandem"
PUBLISHER_NAME = "Tandem"
VERSION = "1.0.0.0"
OPTION_PREFIX = 83_120
"""Numbers of the publisher's own choices begin with it; any of 10,000 to 99,999 will do."""
COMPANY_LOOKUP = "tandem_CompanyId"
WITH_COMPANY = ("account", "contact", "product", "opportunity", "pricelevel")
"""The tables whose rows tell which company they belong to."""
ENGLISH = 1033
NON_INTERACTIVE = 4
DEPTH = "Global"
"""How far the role's privileges reach: the whole organization, since business units are the companies'."""

ALL = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
KEPT = ("Create", "Read", "Write", "Append", "AppendTo")
NEEDED: Mapping[str, Sequence[str]] = {
    "account": ALL,
    "contact": ALL,
    "opportunity": ALL,
    COMPANY_TABLE: ALL,
    "product": (*KEPT, "Delete"),
    "pricelevel": (*KEPT, "Delete"),
    "productpricelevel": (*KEPT, "Delete"),
    "uom": KEPT,
    "uomschedule": KEPT,
    "transactioncurrency": KEPT,
    "businessunit": KEPT,
    "team": KEPT,
    "systemuser": ("Read", "Append", "AppendTo"),
    "role": ("Read", "AppendTo", "Assign"),
    "organization": ("Read",),
    "solution": ("Read",),
    "publisher": ("Read",),
}
"""What the role may do, by table: the rights a table does not know are left out."""


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


# -- who signed in ---------------------------------------------------------------------------------


def administrator(client: Definer) -> str:
    """The name of the person, who is licensed and a System Administrator. Raises ConfigurationError with a sentence."""
    me = client.who_am_i()
    row = _first(client, "systemusers", ["fullname", "islicensed", "domainname"], odata.eq("systemuserid", me.user_id))
    name = str((row or {}).get("domainname") or (row or {}).get("fullname") or "You")
    if row is None or not row.get("islicensed"):
        raise ConfigurationError(
            f"{name} has no licence for Dataverse, so nothing can be prepared as this user.",
            "Assign a licence in the Microsoft 365 admin center, or sign in as another administrator.",
            reason="denied",
        )
    roles = client.first_page(f"{odata.key('systemusers', me.user_id)}/systemuserroles_association", select=["name"])
    if not any(one["name"] == "System Administrator" for one in roles.rows):
        raise ConfigurationError(
            f"{name} is not assigned the security role System Administrator, which preparing an environment needs.",
            "Assign it in the Power Platform admin center, or sign in as another administrator.",
            reason="denied",
        )
    return name


# -- the solution ---------------------------------------------------------------------------------


def make_solution(client: Definer) -> bool:
    """Publisher and solution. Returns whether something was made."""
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
        if not older(str(there.get("version") or "")):
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


def older(version: str) -> bool:
    """Whether a solution's version is older than the one that is brought; a text that is no version is."""
    return _numbers(version) < _numbers(VERSION)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def make_tables(client: Definer) -> bool:
    """The company table, and the lookup to it on the tables that are synchronized. Returns whether one was made."""
    client.forget_tables()  # what was known a minute ago may have been changed by somebody else
    made = _make_company_table(client)
    for name in WITH_COMPANY:
        known = _columns(client, name)
        if known is not None and COMPANY_LOOKUP.lower() not in known:  # None: an environment without the sales tables
            made = _define(client, "RelationshipDefinitions", company_lookup(name)) or made
    return made


def _make_company_table(client: Definer) -> bool:
    known = _columns(client, COMPANY_TABLE)
    made = known is None
    if known is None:
        _define(client, "EntityDefinitions", COMPANY)
        known = client.table(COMPANY_TABLE).columns
    path = f"EntityDefinitions(LogicalName='{COMPANY_TABLE}')"
    if "tandem_externalid" not in known:
        made = _define(client, f"{path}/Attributes", text_column("tandem_ExternalId", "External Id", 36, required=True))
    if "tandem_defaultowningteam" not in known:
        made = _define(client, "RelationshipDefinitions", OWNING_TEAM) or made
    return made


def label(text: str) -> dict[str, Any]:
    """A caption as the metadata takes it."""
    return {
        "@odata.type": "Microsoft.Dynamics.CRM.Label",
        "LocalizedLabels": [
            {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": ENGLISH}
        ],
    }


def text_column(
    schema_name: str, caption: str, length: int, *, required: bool = False, primary: bool = False
) -> dict[str, Any]:
    """A column of text as the metadata takes it."""
    column: dict[str, Any] = {
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
        "SchemaName": schema_name,
        "DisplayName": label(caption),
        "MaxLength": length,
        "FormatName": {"Value": "Text"},
        "RequiredLevel": _level("ApplicationRequired" if required else "None"),
    }
    return {**column, "IsPrimaryName": True} if primary else column


def lookup_to(schema_name: str, caption: str, *, table: str, primary_id: str, on: str, name: str) -> dict[str, Any]:
    """A lookup to a table on another, which the metadata calls a one-to-many relationship."""
    return {
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "SchemaName": schema_name,
        "ReferencedEntity": table,
        "ReferencedAttribute": primary_id,
        "ReferencingEntity": on,
        "CascadeConfiguration": {
            "Assign": "NoCascade", "Delete": "RemoveLink", "Merge": "NoCascade", "Reparent": "NoCascade",
            "Share": "NoCascade", "Unshare": "NoCascade",
        },
        "Lookup": {
            "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata",
            "SchemaName": name,
            "DisplayName": label(caption),
            "RequiredLevel": _level("None"),
        },
    }  # fmt: skip


def company_lookup(table: str) -> dict[str, Any]:
    """Which company a row of the table belongs to."""
    return lookup_to(
        f"tandem_company_{table}", "Company Id", table=COMPANY_TABLE, primary_id=f"{COMPANY_TABLE}id", on=table,
        name=COMPANY_LOOKUP,
    )  # fmt: skip


def _level(value: str) -> dict[str, Any]:
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings"}


COMPANY: dict[str, Any] = {
    "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
    "SchemaName": "tandem_Company",
    "DisplayName": label("Company"),
    "DisplayCollectionName": label("Companies"),
    "Description": label("A company of the business system, with the team that owns what it brings."),
    "OwnershipType": "UserOwned",
    "HasActivities": False,
    "HasNotes": False,
    "IsActivity": False,
    "Attributes": [text_column("tandem_Name", "Name", 100, required=True, primary=True)],
}
OWNING_TEAM = lookup_to(
    "tandem_team_company_defaultowningteam", "Default Owning Team", table="team", primary_id="teamid",
    on=COMPANY_TABLE, name="tandem_DefaultOwningTeam",
)  # fmt: skip


# -- the role ---------------------------------------------------------------------------------


def make_role(client: Definer) -> bool:
    """The integration's security role with its privileges. Returns whether something was made or given."""
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
    held = {str(one["PrivilegeId"]) for one in answer["RolePrivileges"] if one["Depth"] == DEPTH}
    ids = _privileges(client)
    lacking = {name: key for name, key in ids.items() if key not in held}
    if lacking:
        client.action(
            f"{odata.key('roles', row_id)}/Microsoft.Dynamics.CRM.AddPrivilegesRole",
            {
                "Privileges": [
                    {"Depth": DEPTH, "PrivilegeId": key, "BusinessUnitId": str(root), "PrivilegeName": name}
                    for name, key in lacking.items()
                ]
            },
            repeatable=True,
        )
    return made or bool(lacking)


def _privileges(client: Definer) -> dict[str, str]:
    """The ids of the privileges needed, by name: only the metadata knows what a table's privileges are called."""
    paths = [f"EntityDefinitions(LogicalName='{table}')?$select=LogicalName,Privileges" for table in NEEDED]
    found: dict[str, str] = {}
    for (table, rights), answer in zip(NEEDED.items(), client.batch([Request("GET", p) for p in paths]), strict=True):
        if isinstance(answer.error, Gone):  # an environment without the sales tables
            continue
        if answer.error is not None:
            raise answer.error
        for one in answer.body["Privileges"]:
            if one["PrivilegeType"] in rights:
                found[str(one["Name"])] = str(one["PrivilegeId"])
        if not found:
            raise ConfigurationError(f"Dataverse names no privileges of the table {table}.", "Try again.")
    return found


# -- the application's user ---------------------------------------------------------------------------------


def make_application_user(client: Definer, application_id: str) -> tuple[UUID, bool]:
    """The application's own user, without licence, with the integration's role; and whether something was made.

    Raises ConfigurationError when there are several.
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
        raise ConfigurationError(f"The security role {ROLE} is not there.", "Run the preparation again.")
    client.associate("systemusers", user_id, "systemuserroles_association", "roles", role["roleid"])
    return user_id, True


def copy_roles(client: Definer, before: UUID, to_application: str) -> list[str]:
    """Assign an application's user every role of the user before; the names of those that were missing.

    Raises ConfigurationError when the application has no user.
    """
    after = _application_user(client, to_application)
    held = {row["roleid"] for row in _roles(client, after)}
    missing = [row for row in _roles(client, before) if row["roleid"] not in held]
    for row in missing:
        client.associate("systemusers", after, "systemuserroles_association", "roles", row["roleid"])
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
    """The table's columns; None where there is no such table."""
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
    """The same id each time, so that a lost answer cannot make a second one."""
    return uuid5(client.who_am_i().organization_id, f"tandem {what}")
