"""Which organization a connection belongs to, and which other one answers at its address: compare, store, describe.

An environment that was copied, restored or reset answers at the old address as another organization; so does one whose
address was mistyped. What it answers is neither read nor stored: its rows are not those that are coupled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from connection_setup import captions, hooks
from connection_setup.connection.settings import CREDENTIALS
from connection_setup.connection.state import NotConnected, connection_of
from connection_setup.models import DataverseConnection
from masterdata.models import Company

HOLD_CHANGED = "The environment changed"
"""Why nothing starts by schedule while another organization answers."""
LEADING = (*CREDENTIALS, "sandbox_ca_file")
"""The settings that lead to an organization, and that a secret belongs to; none is one."""


@dataclass(frozen=True, slots=True)
class KnownOrganization:
    """An organization as it was seen: its id, its name and the Environment URL that led to it ("": not known)."""

    id: UUID
    name: str = ""
    url: str = ""

    def __str__(self) -> str:
        """Return name and id: a copy has the name of its original."""
        return f"{self.name} ({self.id})" if self.name else str(self.id)


def own_organization(connection: DataverseConnection) -> KnownOrganization | None:
    """Return the organization that the connection was enabled with; None where it never was."""
    if connection.organization_id is None:
        return None
    url = str(connection.enabled_settings.get("environment_url", ""))
    return KnownOrganization(connection.organization_id, connection.organization_name, url)


def other_organization(connection: DataverseConnection) -> KnownOrganization | None:
    """Return the other organization that answered when the environment was asked last; None where its own did."""
    if connection.other_organization_id is None:
        return None
    return KnownOrganization(
        connection.other_organization_id, connection.other_organization_name, connection.other_organization_url
    )


def changed_organization(connection: DataverseConnection) -> KnownOrganization | None:
    """Return the other organization where a person must decide: the connection is enabled, or has couplings."""
    other = other_organization(connection)
    if other is None or connection.organization_id is None:
        return None
    return other if connection.enabled or hooks.count_couplings(connection.company) else None


def hold_reason(company: Company) -> str:
    """Return in a few words why nothing starts by schedule in a company now; "" where it does."""
    return hold_reason_of(connection_of(company))


def hold_reason_of(connection: DataverseConnection) -> str:
    """Return what hold_reason does, for a company's connection that was read already."""
    if not connection.enabled:
        return "The connection is not enabled"
    return HOLD_CHANGED if other_organization(connection) else ""


def record_answer(connection: DataverseConnection, found: UUID, read_name: Callable[[], str]) -> bool:
    """Store which organization answered, where that is news, and return whether it is the connection's own.

    read_name: asks the environment for the organization's name; called for another one that was not known before.
    """
    if found == connection.organization_id or connection.organization_id is None:
        if connection.other_organization_id is not None:
            _store(connection, None)
        return found == connection.organization_id
    url = connection.environment_url
    if (connection.other_organization_id, connection.other_organization_url) != (found, url):
        _store(connection, KnownOrganization(found, read_name(), url))
    return False


def belong_to(connection: DataverseConnection, found: KnownOrganization) -> None:
    """Put on the record, unsaved, that the connection belongs to this organization, led to by the settings it has."""
    connection.organization_id, connection.organization_name = found.id, found.name
    connection.enabled_settings = {name: getattr(connection, name) for name in LEADING}
    _set_other(connection, None)


def _set_other(connection: DataverseConnection, other: KnownOrganization | None) -> None:
    connection.other_organization_id = other.id if other else None
    connection.other_organization_name = other.name[:200] if other else ""
    connection.other_organization_url = other.url if other else ""
    connection.other_organization_at = timezone.now() if other else None


def _store(connection: DataverseConnection, other: KnownOrganization | None) -> None:
    _set_other(connection, other)
    names = [f"other_organization_{name}" for name in ("id", "name", "url", "at")]
    stored = DataverseConnection.objects.filter(pk=connection.pk)
    if other is not None:
        stored = stored.exclude(organization_id=other.id)  # it may have become the connection's own meanwhile
    stored.update(**{name: getattr(connection, name) for name in names})


def wrong_environment(connection: DataverseConnection, other: KnownOrganization) -> NotConnected:
    """Return the refusal of whatever would read or write in another organization."""
    own = own_organization(connection) or "no organization"
    return NotConnected(
        "wrong_environment",
        f"The environment's address now leads to another organization, {other}. Nothing was read from it, and nothing "
        f"was written to it. This connection was enabled with {own}.",
        f"An administrator opens {captions.ENVIRONMENT_CHANGED} and decides: point back to the right Environment URL, "
        "keep the couplings whose rows exist there, or start anew.",
        detail=f"{connection.environment_url} answers as organization {other.id}",
    )
