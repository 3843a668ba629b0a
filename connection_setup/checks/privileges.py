"""What the integration user may do, held against what synchronization needs: per table and privilege. Pure.

A privilege's name is only known to the metadata of its table; what a user holds, and how far it reaches, to the user.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connection_setup.provisioning.solution import DEPTH, KEPT, NEEDED
from connection_setup.types import ROLE, Check

_FOR_SETTING_UP: Mapping[str, Sequence[str]] = {"systemuser": ("Append",)}
"""What the role has for setting up, which synchronization itself does without."""

FIX = (
    f"Assign the role {ROLE} to the integration user, or choose Redeploy Integration Solution while the connection is "
    "not enabled: it gives the role every privilege."
)


@dataclass(frozen=True, slots=True)
class Lacking:
    """A privilege that is missing, or does not reach far enough: then `depth` says how far it does."""

    right: str
    name: str
    depth: str = ""

    @property
    def told(self) -> str:
        """As the user reads it: the service's name, and the reach where that is the trouble."""
        return f"{self.name} (reaches {self.depth} only)" if self.depth else self.name


def tables(mapped: Sequence[str]) -> list[str]:
    """The tables whose privileges are asked for: the integration's own and those of mappings."""
    return list(dict.fromkeys([*NEEDED, *mapped]))


def held(answer: Mapping[str, Any]) -> dict[str, str]:
    """Privilege's id -> how far it reaches, from what Dataverse says of a user."""
    return {str(one["PrivilegeId"]): str(one["Depth"]) for one in answer["RolePrivileges"]}


def lacking(definition: Mapping[str, Any], depths: Mapping[str, str]) -> list[Lacking]:
    """What of a table's privileges is missing; a table that synchronization does not know is read and written."""
    table = str(definition["LogicalName"])
    wanted = [right for right in NEEDED.get(table, KEPT) if right not in _FOR_SETTING_UP.get(table, ())]
    found = []
    for one in definition["Privileges"]:
        if one["PrivilegeType"] not in wanted:
            continue
        depth = depths.get(str(one["PrivilegeId"]), "")
        # A table of the organization has no depths but this one.
        if depth != DEPTH and (not depth or one.get("CanBeBasic", True)):
            found.append(Lacking(str(one["PrivilegeType"]), str(one["Name"]), depth))
    return sorted(found, key=lambda one: wanted.index(one.right))


def checks(
    place: str, definitions: Sequence[Mapping[str, Any]], depths: Mapping[str, str], mapped: Sequence[str]
) -> list[Check]:
    """One check per table that lacks a privilege, which are named; none where nothing is missing.

    What a mapping cannot even read stands in the way; what else is missing fails record by record, so it is a warning.
    """
    found = []
    for definition in definitions:
        missing = lacking(definition, depths)
        if not missing:
            continue
        table = str(definition["LogicalName"])
        unreadable = table in mapped and any(one.right == "Read" and not one.depth for one in missing)
        verb = "is" if len(missing) == 1 else "are"
        found.append(
            Check(
                f"{place}: {table}",
                "error" if unreadable else "warning",
                f"{', '.join(one.told for one in missing)} {verb} missing for the table {table}.",
                FIX,
                "denied",
            )
        )
    return found


def tracking(place: str, definitions: Sequence[Mapping[str, Any]], mapped: Sequence[str]) -> Check:
    """Whether the tables of mappings tell what changed."""
    known = {str(one["LogicalName"]): bool(one.get("ChangeTrackingEnabled")) for one in definitions}
    off = [name for name in mapped if known.get(name) is False]
    if not off:
        return Check(place, "ok", "Dataverse tells what changed in every table that is synchronized.")
    return Check(
        place,
        "warning",
        f"Change tracking is off for {', '.join(off)}, so each synchronization reads all rows there.",
        "Turn on Track changes in the properties of the table in Power Apps.",
    )
