"""The objects of a company in the environment: business unit, owning team with its role, and the company's row.

Everything is looked for first and made only where it is missing, under ids derived from organization and company:
running it again changes nothing, and it resumes where a failure stopped it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from connection_setup.types import COMPANY_SET, COMPANY_TABLE, ROLE, Dataverse
from dataverse import odata
from dataverse.errors import ConfigurationError, Gone
from dataverse.types import Row, WhoAmI

OWNER_TEAM = 0
MAX_NAME_LENGTH = 160


def unit_name(company_name: str, company_id: UUID) -> str:
    """Return the name of a company's own business unit: `<company> (<company id>)`, within the column's length."""
    tail = f" ({company_id})"
    return company_name[: MAX_NAME_LENGTH - len(tail) - len(team_name(""))] + tail


def team_name(unit: str) -> str:
    """Return the name of the owning team: `Tandem - <business unit>`, within the column's length."""
    return f"Tandem - {unit}"[:MAX_NAME_LENGTH]


def is_own(unit: str, company_id: UUID) -> bool:
    """Whether a business unit, by its name, was made for the company, whatever the company was called then."""
    return unit.endswith(f" ({company_id})")


def read_chosen_unit(client: Dataverse, company_id: UUID, chosen: tuple[UUID, str]) -> tuple[UUID, str] | None:
    """Return the chosen business unit with its present name; None where it was the company's own and no longer exists.

    Raises ConfigurationError where another one no longer exists or is disabled.
    """
    unit_id, name = chosen
    try:
        row = client.get("businessunits", unit_id, select=["name", "isdisabled"])
    except Gone:
        if not name or is_own(name, company_id):
            return None
        raise ConfigurationError(
            f"The business unit {name} no longer exists in Dataverse.",
            "Choose another one in Coupled Business Unit.",
            reason="configuration",
        ) from None
    if row.get("isdisabled"):
        raise ConfigurationError(
            f"The business unit {row['name']} is disabled in Dataverse.",
            "Enable it there, or choose another one in Coupled Business Unit.",
            reason="configuration",
        )
    return unit_id, str(row["name"])


def ensure_business_unit(
    client: Dataverse, who: WhoAmI, company_name: str, company_id: UUID, chosen: tuple[UUID, str] | None = None
) -> tuple[UUID, str]:
    """Return id and name of the company's business unit: the chosen one, else its own, found or made below the root.

    Raises ConfigurationError, DataverseError.
    """
    if chosen is not None and (found := read_chosen_unit(client, company_id, chosen)) is not None:
        return found
    wanted = unit_name(company_name, company_id)
    columns = ["businessunitid", "name"]
    # A company that was renamed keeps its unit: the id at the end identifies it.
    own = _first(client, "businessunits", columns, f"endswith(name,{odata.quote(f' ({company_id})')})")
    if own:
        return UUID(own["businessunitid"]), own["name"]
    root = _first(client, "businessunits", columns, f"{odata.lookup('parentbusinessunitid')} eq null")
    if not root:
        raise ConfigurationError(
            "Dataverse shows no root business unit to the application user, so none can be made below it.",
            f"Assign the user the security role {ROLE}.",
            reason="denied",
        )
    row_id = _own_id(who, "businessunit", company_id)
    body = {
        "businessunitid": str(row_id),
        "name": wanted,
        **odata.bind("parentbusinessunitid", "businessunits", root["businessunitid"]),
    }
    return client.create("businessunits", body, primary_id="businessunitid"), wanted


def ensure_owning_team(client: Dataverse, who: WhoAmI, unit_id: UUID, unit: str, company_id: UUID) -> UUID:
    """Return the id of the business unit's owner team, found or made. Raises DataverseError."""
    name = team_name(unit)
    inside = odata.all_of(odata.eq("name", name), odata.eq(odata.lookup("businessunitid"), unit_id))
    found = _first(client, "teams", ["teamid"], inside)
    if found:
        return UUID(found["teamid"])
    body = {
        "teamid": str(_own_id(who, f"team of {unit_id}", company_id)),
        "name": name,
        "teamtype": OWNER_TEAM,
        **odata.bind("businessunitid", "businessunits", unit_id),
        **odata.bind("administratorid", "systemusers", who.user_id),
    }
    return client.create("teams", body, primary_id="teamid")


def ensure_team_role(client: Dataverse, unit_id: UUID, unit: str, team_id: UUID) -> None:
    """Give the team the integration's role, without which it cannot own rows; a role exists once per business unit.

    Raises ConfigurationError where the business unit has no such role, DataverseError.
    """
    assigned = client.first_page(f"{odata.key('teams', team_id)}/teamroles_association", select=["roleid", "name"])
    if any(row["name"] == ROLE for row in assigned.rows):
        return
    inside = odata.all_of(odata.eq("name", ROLE), odata.eq(odata.lookup("businessunitid"), unit_id))
    role = _first(client, "roles", ["roleid"], inside)
    if not role:
        raise ConfigurationError(
            f"The business unit {unit} has no security role {ROLE}, so its team cannot own rows.",
            "Turn Enabled off and choose Redeploy Integration Solution; it brings the role to every business unit.",
            reason="denied",
        )
    client.associate("teams", team_id, "teamroles_association", "roles", role["roleid"])


def ensure_company_row(client: Dataverse, who: WhoAmI, company_name: str, company_id: UUID, team_id: UUID) -> UUID:
    """Return the id of the company's row, found or made, with its present name and team. Raises DataverseError."""
    team_column = odata.lookup("tandem_defaultowningteam")
    columns = ["tandem_companyid", "tandem_name", team_column]
    found = _first(client, COMPANY_SET, columns, odata.eq("tandem_externalid", str(company_id)))
    owning = _binding(client, "tandem_defaultowningteam", "team", "teams", team_id)
    if not found:
        body = {
            "tandem_companyid": str(_own_id(who, COMPANY_TABLE, company_id)),
            "tandem_name": company_name,
            "tandem_externalid": str(company_id),
            **owning,
            **odata.bind("ownerid", "teams", team_id),
        }
        return client.create(COMPANY_SET, body, primary_id="tandem_companyid")
    row_id = UUID(found["tandem_companyid"])
    changes: dict[str, Any] = {}
    if found["tandem_name"] != company_name:
        changes["tandem_name"] = company_name
    if str(found.get(team_column) or "") != str(team_id):
        changes |= owning
    if changes:
        client.update(COMPANY_SET, row_id, changes)
    return row_id


def _binding(client: Dataverse, column: str, target: str, entity_set: str, row_id: UUID) -> Mapping[str, Any]:
    """Return the value that sets a custom lookup, by its navigation property, whose letter case the metadata knows."""
    described = client.table(COMPANY_TABLE).columns.get(column)
    return odata.bind((described.binds.get(target) if described else None) or column, entity_set, row_id)


def _first(client: Dataverse, entity_set: str, columns: list[str], filter_text: str) -> Row | None:
    return next(iter(client.first_page(entity_set, select=columns, filter=filter_text).rows), None)


def _own_id(who: WhoAmI, table: str, company_id: UUID) -> UUID:
    """Return the same id each time, so that a lost answer cannot make a second row."""
    return uuid5(who.organization_id, f"{table}:{company_id}")
