"""What stands in the environment for an enabled connection, against what must: solutions, roles of user and team.

Rooms above that need a solution or a role of their own name it while they load (`needs_solution`, `needs_role`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from connection_setup.connection import clients
from connection_setup.models import DataverseConnection
from connection_setup.types import ROLE, SOLUTION
from dataverse import odata
from dataverse.errors import ConfigurationError, Gone

REDEPLOY = "Turn Enabled off and choose Redeploy Integration Solution."

_solutions: list[str] = [SOLUTION]
_roles: list[str] = [ROLE]


def needs_solution(unique_name: str) -> None:
    """Name a solution that must be installed beside the integration's own."""
    if unique_name not in _solutions:
        _solutions.append(unique_name)


def needs_role(name: str) -> None:
    """Name a security role that the integration user and the owning team must have beside the integration's own."""
    if name not in _roles:
        _roles.append(name)


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution that must be there; without a version it is not."""

    unique_name: str
    friendly_name: str = ""
    version: str = ""
    installed_on: str = ""
    managed: bool = False

    @property
    def there(self) -> bool:
        """Whether it is installed."""
        return bool(self.version)


@dataclass(frozen=True, slots=True)
class Role:
    """A security role: assigned, and whether it must be."""

    name: str
    assigned: bool
    required: bool


def solutions(connection: DataverseConnection) -> list[Solution]:
    """The solutions that must be installed, the integration's own first. Raises DataverseError, NotConnected."""
    client = clients.client_for(connection.company)
    columns = ["uniquename", "friendlyname", "version", "installedon", "ismanaged"]
    rows = client.first_page("solutions", select=columns, filter=odata.one_of("uniquename", _solutions)).rows
    found = {str(row["uniquename"]).casefold(): row for row in rows}
    return [_solution(name, found.get(name.casefold())) for name in _solutions]


def user_roles(connection: DataverseConnection) -> tuple[str, list[Role]]:
    """The integration user's name and roles. Raises DataverseError, NotConnected."""
    client = clients.client_for(connection.company)
    missing = "The integration user of this connection does not exist in Dataverse. " + REDEPLOY
    if connection.integration_user_id is None:
        raise ConfigurationError(missing)
    try:
        row = client.get("systemusers", connection.integration_user_id, select=["fullname"])
    except Gone:
        raise ConfigurationError(missing) from None
    path = f"{odata.key('systemusers', connection.integration_user_id)}/systemuserroles_association"
    return str(row.get("fullname") or "without a name"), _told(client.first_page(path, select=["name"]).rows)


def team_roles(connection: DataverseConnection) -> tuple[str, list[Role]]:
    """The owning team's name and roles. Raises DataverseError, NotConnected."""
    client = clients.client_for(connection.company)
    missing = "The owning team of this connection does not exist in Dataverse. Turn Enabled off and on again."
    if connection.owning_team_id is None:
        raise ConfigurationError(missing)
    try:
        row = client.get("teams", connection.owning_team_id, select=["name"])
    except Gone:
        raise ConfigurationError(missing) from None
    path = f"{odata.key('teams', connection.owning_team_id)}/teamroles_association"
    return str(row["name"]), _told(client.first_page(path, select=["name"]).rows)


def _solution(name: str, row: Any) -> Solution:
    if row is None:
        return Solution(name)
    return Solution(
        name,
        str(row.get("friendlyname") or ""),
        str(row.get("version") or "without a version"),
        str(row.get("installedon") or "")[:10],
        bool(row.get("ismanaged")),
    )


def _told(rows: Iterable[Any]) -> list[Role]:
    held = sorted(str(row["name"]) for row in rows)
    required: Sequence[str] = _roles
    first = [Role(name, name in held, True) for name in required]
    return first + [Role(name, True, False) for name in held if name not in required]
