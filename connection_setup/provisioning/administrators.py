"""Whether who signed in may prepare the environment: judged by the role's template, also through teams and groups.

Names of roles are data in the organization's language, and rightful administrators may have no licence (access mode
Administrative, pay-as-you-go). So the role is required, by its template; a missing licence is a warning alone.
"""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

from connection_setup.provisioning.steps import Result
from dataverse import odata
from dataverse.errors import AccessDenied, ConfigurationError, DataverseError, Gone, Invalid
from dataverse.types import Page, Row, WhoAmI

SYSTEM_ADMINISTRATOR = UUID("627090ff-40a3-4053-8790-584edc5be201")
"""Template of the role System Administrator: the same in every environment and language."""
ADMINISTRATIVE, DELEGATED, SUPPORT = 1, 5, 3
PLACEHOLDERS = ("crmoln@microsoft.com", "crmoln2@microsoft.com")
"""User names that stand for whole groups of people from outside."""
NEEDED_PRIVILEGES = (
    "prvCreateEntity", "prvCreateAttribute", "prvCreateRelationship", "prvCreateRole", "prvWriteRole", "prvAssignRole",
    "prvCreateUser", "prvWriteUser", "prvCreateBusinessUnit", "prvCreateTeam", "prvCreateSolution",
    "prvCreatePublisher",
)  # fmt: skip
"""What preparing takes, where no role is made from the template: asked for in doubt alone."""
MAX_TEAMS = 50
"""The teams of a person whose roles are read one by one, where the one question for all roles is not answered."""


class Reader(Protocol):
    """The part of the client that reads who signed in."""

    def who_am_i(self) -> WhoAmI: ...  # noqa: D102
    def first_page(self, entity_set: str, *, select: Sequence[str], filter: str = "") -> Page: ...  # noqa: A002, D102
    def function(self, path: str) -> Any: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed in, as the environment says. `templates` are those of all their roles, through teams too.

    `privileges`: the names they hold, None where nobody asked or the environment does not tell.
    """

    name: str
    found: bool = True
    licensed: bool = True
    disabled: bool = False
    access_mode: int = 0
    templates: Collection[UUID] = ()
    roles: Collection[str] = ()
    privileges: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody may prepare the environment; `problem` is "" where they may; `notes`: what else to know."""

    message: str = ""
    problem: str = ""
    fix: str = ""
    notes: tuple[str, ...] = field(default=())


def judge(signed: Signed) -> Verdict:
    """Return whether this person may prepare the environment, and what is worth a warning."""
    name = signed.name or "Whoever signed in"
    if not signed.found:
        return Verdict(
            problem=f"The environment shows no user for {name}, so nothing can be prepared as this user.",
            fix="Sign in as a System Administrator of the environment. A user whose row is new may need a minute.",
        )
    if signed.access_mode in {DELEGATED, SUPPORT} or name.casefold() in PLACEHOLDERS:
        return Verdict(
            problem=f"{name} stands for everybody who administers from outside, as a partner does, and holds no role "
            "of its own here.",
            fix="Sign in with an account of the environment's own tenant.",
        )
    if signed.disabled:
        return Verdict(
            problem=f"The user {name} is disabled in the environment.",
            fix="Enable it in the Power Platform admin center under Users + permissions, Users, or sign in as another "
            "administrator.",
        )
    if not _may_prepare(signed):
        has = f"It has the roles {', '.join(sorted(signed.roles))}. " if signed.roles else ""
        guest = " Roles of a guest count as well, in this environment's tenant." if _is_guest(name) else ""
        return Verdict(
            problem=f"{name} is not assigned the security role System Administrator, neither directly nor through a "
            "team, which preparing an environment needs.",
            fix=f"{has}Assign the role in the Power Platform admin center, or sign in as another administrator.{guest}",
        )
    return Verdict(message=f"{name} is a System Administrator.", notes=_notes(signed))


def _may_prepare(signed: Signed) -> bool:
    if SYSTEM_ADMINISTRATOR in signed.templates:
        return True
    held = {one.casefold() for one in signed.privileges or ()}
    return bool(held) and all(one.casefold() in held for one in NEEDED_PRIVILEGES)


def _notes(signed: Signed) -> tuple[str, ...]:
    if signed.access_mode == ADMINISTRATIVE:
        return ("The user's access mode is Administrative: it prepares the environment, and sees no customers' data.",)
    if not signed.licensed:
        return (
            "The user has no licence, which preparing does not need. Where the environment refuses it later, assign "
            "one in the Microsoft 365 admin center"
            + (", a licence of this environment's tenant." if _is_guest(signed.name) else "."),
        )
    return ()


def _is_guest(name: str) -> bool:
    return "#ext#" in name.casefold()


# -- asking -----------------------------------------------------------------------------------------------------------


def check_administrator(client: Reader, name: str = "") -> Result:
    """Ask who signed in and judge; `name`: as the sign-in knows it, where the environment does not tell.

    Raises ConfigurationError where they may not prepare, DataverseError.
    """
    signed = read_signed(client)
    verdict = judge(replace(signed, name=signed.name or name))
    if verdict.problem:
        raise ConfigurationError(verdict.problem, verdict.fix, reason="denied")
    return Result(verdict.message, " ".join(verdict.notes), "attention" if verdict.notes else "done")


def read_signed(client: Reader) -> Signed:
    """Return who signed in, with all roles; privileges are asked for where no role tells. Raises DataverseError."""
    me = client.who_am_i()
    columns = ["fullname", "domainname", "islicensed", "isdisabled", "accessmode", "azureactivedirectoryobjectid"]
    try:
        rows = client.first_page("systemusers", select=columns, filter=odata.eq("systemuserid", me.user_id)).rows
    except AccessDenied as error:
        if error.code.lower() != _NO_ROLE:
            raise
        return Signed("")  # without any role, not even oneself may be read
    row: Row | None = next(iter(rows), None)
    if row is None:
        return Signed("", found=False)
    roles = _all_roles(client, me.user_id, str(row.get("azureactivedirectoryobjectid") or ""))
    signed = Signed(
        name=str(row.get("domainname") or row.get("fullname") or ""),
        licensed=bool(row.get("islicensed")),
        disabled=bool(row.get("isdisabled")),
        access_mode=int(row.get("accessmode") or 0),
        templates=tuple(_templates(roles)),
        roles=tuple({str(one.get("name") or "") for one in roles} - {""}),
    )
    if SYSTEM_ADMINISTRATOR in signed.templates or signed.access_mode in {DELEGATED, SUPPORT}:
        return signed
    return _with_privileges(client, me.user_id, signed)


def _templates(roles: Sequence[Mapping[str, Any]]) -> list[UUID]:
    found = []
    for one in roles:
        with contextlib.suppress(ValueError):
            found.append(UUID(str(one.get("_roletemplateid_value") or "")))
    return found


_ROLE_COLUMNS = ["name", "_roletemplateid_value"]
_NO_ROLE = "0x80042f09"


def _all_roles(client: Reader, user: UUID, directory_id: str) -> list[Row]:
    """Return a user's roles, those through teams and groups too."""
    if directory_id:
        path = f"RetrieveAadUserRoles(DirectoryObjectId={directory_id})"
        with contextlib.suppress(Invalid, Gone, AccessDenied):  # an environment without it: by teams then
            return list(client.function(path + odata.query({"$select": ",".join(_ROLE_COLUMNS)}))["value"])
    me = odata.key("systemusers", user)
    found = list(client.first_page(f"{me}/systemuserroles_association", select=_ROLE_COLUMNS).rows)
    teams = client.first_page(f"{me}/teammembership_association", select=["teamid"]).rows
    for team in teams[:MAX_TEAMS]:
        path = f"{odata.key('teams', team['teamid'])}/teamroles_association"
        found += client.first_page(path, select=_ROLE_COLUMNS).rows
    return found


def _with_privileges(client: Reader, user: UUID, signed: Signed) -> Signed:
    """Return the person with the names of their privileges; an environment that does not tell leaves them out."""
    path = f"{odata.key('systemusers', user)}/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    try:
        held = client.function(path)["RolePrivileges"]
    except DataverseError as error:
        if error.reason in ("unreachable", "throttled", "sign_in"):
            raise
        return signed
    names = tuple(str(one["PrivilegeName"]) for one in held if one.get("PrivilegeName"))
    return replace(signed, privileges=names)
