"""What is deployed in the environment of an enabled connection, against what is required: solution and roles."""

from collections.abc import Iterable
from dataclasses import dataclass

from connection_setup.connection import clients
from connection_setup.models import DataverseConnection
from connection_setup.types import ROLE, SOLUTION
from dataverse import odata
from dataverse.errors import ConfigurationError, Gone
from dataverse.types import Row

REDEPLOY = "Turn Enabled off and choose Redeploy Integration Solution."
NO_USER = ("The integration user of this connection does not exist in Dataverse.", REDEPLOY)
NO_TEAM = ("The owning team of this connection does not exist in Dataverse.", "Turn Enabled off and on again.")
"""Message and fix."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution that must be installed; without a version it is not."""

    unique_name: str
    friendly_name: str = ""
    version: str = ""
    installed_on: str = ""
    managed: bool = False

    @property
    def installed(self) -> bool:
        """Whether it is installed."""
        return bool(self.version)


@dataclass(frozen=True, slots=True)
class Role:
    """A security role: whether it is assigned, and whether it must be."""

    name: str
    assigned: bool
    required: bool


def solutions(connection: DataverseConnection) -> list[Solution]:
    """Return the solutions that must be installed. Raises DataverseError, NotConnected."""
    client = clients.client_for(connection.company)
    columns = ["uniquename", "friendlyname", "version", "installedon", "ismanaged"]
    rows = client.first_page("solutions", select=columns, filter=odata.eq("uniquename", SOLUTION)).rows
    return [_solution(SOLUTION, next(iter(rows), None))]


def user_roles(connection: DataverseConnection) -> tuple[str, list[Role]]:
    """Return the integration user's name and roles. Raises DataverseError, NotConnected."""
    client = clients.client_for(connection.company)
    if connection.integration_user_id is None:
        raise ConfigurationError(*NO_USER)
    try:
        row = client.get("systemusers", connection.integration_user_id, select=["fullname"])
    except Gone:
        raise ConfigurationError(*NO_USER) from None
    path = f"{odata.key('systemusers', connection.integration_user_id)}/systemuserroles_association"
    return str(row.get("fullname") or "without a name"), _roles_with_required(
        client.first_page(path, select=["name"]).rows
    )


def team_roles(connection: DataverseConnection) -> tuple[str, list[Role]]:
    """Return the owning team's name and roles. Raises DataverseError, NotConnected."""
    client = clients.client_for(connection.company)
    if connection.owning_team_id is None:
        raise ConfigurationError(*NO_TEAM)
    try:
        row = client.get("teams", connection.owning_team_id, select=["name"])
    except Gone:
        raise ConfigurationError(*NO_TEAM) from None
    path = f"{odata.key('teams', connection.owning_team_id)}/teamroles_association"
    return str(row["name"]), _roles_with_required(client.first_page(path, select=["name"]).rows)


def _solution(name: str, row: Row | None) -> Solution:
    if row is None:
        return Solution(name)
    return Solution(
        name,
        str(row.get("friendlyname") or ""),
        str(row.get("version") or "without a version"),
        str(row.get("installedon") or "")[:10],
        bool(row.get("ismanaged")),
    )


def _roles_with_required(rows: Iterable[Row]) -> list[Role]:
    held = sorted(str(row["name"]) for row in rows)
    required = Role(ROLE, ROLE in held, True)
    return [required, *(Role(name, True, False) for name in held if name != ROLE)]
