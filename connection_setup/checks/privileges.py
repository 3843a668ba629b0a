"""Privileges of the integration user against those that synchronization needs, per table. Pure.

A privilege's name comes from the definition of its table; which ones a user holds, and to what depth, from the Web
API's function RetrieveUserPrivileges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connection_setup.provisioning.role import NEEDED_RIGHTS, PRIVILEGE_DEPTH, WRITE_RIGHTS
from connection_setup.types import ROLE, Check

_SETUP_ONLY: Mapping[str, Sequence[str]] = {"systemuser": ("Append",)}
"""Rights that the role has for setting up, and that synchronization does not need."""

FIX = (
    f"Assign the role {ROLE} to the integration user, or choose Redeploy Integration Solution while the connection is "
    "not enabled: it gives the role every privilege."
)


@dataclass(frozen=True, slots=True)
class MissingPrivilege:
    """A privilege that the user does not hold, or not deep enough: then `depth` names the depth it has."""

    right: str
    name: str
    depth: str = ""

    @property
    def caption(self) -> str:
        """Return the privilege's name, with its depth where that is what is wrong."""
        return f"{self.name} (reaches {self.depth} only)" if self.depth else self.name


def tables_to_check(mapped: Sequence[str]) -> list[str]:
    """Return the tables whose privileges count: the integration's own and those of mappings."""
    return list(dict.fromkeys([*NEEDED_RIGHTS, *mapped]))


def held_depths(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return privilege id -> depth, from the answer of RetrieveUserPrivileges."""
    return {str(one["PrivilegeId"]): str(one["Depth"]) for one in answer["RolePrivileges"]}


def missing_privileges(definition: Mapping[str, Any], depths: Mapping[str, str]) -> list[MissingPrivilege]:
    """Return a table's privileges that are missing; a table not in NEEDED_RIGHTS needs WRITE_RIGHTS."""
    table = str(definition["LogicalName"])
    needed = [right for right in NEEDED_RIGHTS.get(table, WRITE_RIGHTS) if right not in _SETUP_ONLY.get(table, ())]
    found = []
    for one in definition["Privileges"]:
        if one["PrivilegeType"] not in needed:
            continue
        depth = depths.get(str(one["PrivilegeId"]), "")
        # A table that the organization owns has no other depth than this one.
        if depth != PRIVILEGE_DEPTH and (not depth or one.get("CanBeBasic", True)):
            found.append(MissingPrivilege(str(one["PrivilegeType"]), str(one["Name"]), depth))
    return sorted(found, key=lambda one: needed.index(one.right))


def privilege_checks(
    place: str, definitions: Sequence[Mapping[str, Any]], depths: Mapping[str, str], mapped: Sequence[str]
) -> list[Check]:
    """Return one check per table that lacks privileges; none where nothing is missing.

    It is an error when a mapping's table cannot be read at all; what else is missing fails record by record, so it is
    a warning.
    """
    found = []
    for definition in definitions:
        missing = missing_privileges(definition, depths)
        if not missing:
            continue
        table = str(definition["LogicalName"])
        unreadable = table in mapped and any(one.right == "Read" and not one.depth for one in missing)
        verb = "is" if len(missing) == 1 else "are"
        found.append(
            Check(
                f"{place}: {table}",
                "error" if unreadable else "warning",
                f"{', '.join(one.caption for one in missing)} {verb} missing for the table {table}.",
                FIX,
                "denied",
            )
        )
    return found


def tracking_check(name: str, definitions: Sequence[Mapping[str, Any]], mapped: Sequence[str]) -> Check:
    """Return the check whether Dataverse tracks changes in the tables of mappings."""
    known = {str(one["LogicalName"]): bool(one.get("ChangeTrackingEnabled")) for one in definitions}
    off = [table for table in mapped if known.get(table) is False]
    if not off:
        return Check(name, "ok", "Dataverse tracks changes in every table that is synchronized.")
    return Check(
        name,
        "warning",
        f"Change tracking is off for {', '.join(off)}, so each synchronization reads all rows there.",
        "Turn on Track changes in the properties of the table in Power Apps.",
    )
