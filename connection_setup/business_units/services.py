"""The Coupled Business Unit: the units of the environment to choose from, and the choice.

While the connection is enabled nothing is chosen; enabling finds or makes what the chosen unit needs (provisioning).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from connection_setup.connection import clients, state
from connection_setup.models import AdministratorSignIn, DataverseConnection, OwnershipModel
from connection_setup.provisioning import sign_in
from connection_setup.provisioning.company_objects import is_own, unit_name
from core.refusals import Refusal
from dataverse import odata
from masterdata.models import Company

TITLE = "Dataverse Business Units"
PERSON = (
    "The ownership model is Person: users own the rows, and each user belongs to one business unit, so only the "
    "default business unit is recommended."
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A business unit to choose. `id` None: the company's own, made when the connection is enabled."""

    id: UUID | None
    name: str
    parent: str = ""
    own: bool = False
    others: tuple[str, ...] = ()
    """Other companies of this site that are coupled with it."""

    @property
    def shown(self) -> str:
        """Its name; <New> before one that is not there yet."""
        return self.name if self.id else f"<New> {self.name}"


def default_name(company: Company) -> str:
    """The name of the company's own business unit."""
    return unit_name(company.name, company.system_id)


def listed(connection: DataverseConnection, signed_in: AdministratorSignIn | None = None) -> list[Unit]:
    """The enabled business units below the root, the company's own first; a new one where it is not there yet.

    Read as the administrator where one is signed in, else as the application. Raises DataverseError, Refusal and
    SealBroken.
    """
    if signed_in is not None and signed_in.signed_in_at is not None:
        client = clients.administrator_client(connection, sign_in.signed_in_person(signed_in))
    else:
        client = clients.stored_client(connection)
    parent_column = odata.lookup("parentbusinessunitid")
    rows = [
        row
        for page in client.pages("businessunits", select=["businessunitid", "name", "isdisabled", parent_column])
        for row in page.rows
    ]
    names = {row["businessunitid"]: str(row["name"]) for row in rows}
    company, coupled = connection.company, _coupled(connection)
    found = [
        Unit(
            UUID(row["businessunitid"]),
            str(row["name"]),
            names.get(row[parent_column], ""),
            is_own(str(row["name"]), company.system_id),
            coupled.get(UUID(row["businessunitid"]), ()),
        )
        for row in rows
        if row.get(parent_column) and not row.get("isdisabled")
    ]
    if not any(one.own for one in found):
        root = next((name for key, name in names.items() if not _parent(rows, key)), "")
        found.append(Unit(None, default_name(company), root, own=True))
    return sorted(found, key=lambda one: (not one.own, one.name.casefold()))


def choose(*, connection: DataverseConnection, unit: Unit, user: Any) -> DataverseConnection:
    """Couple the company with a business unit. Raises Refusal while the connection is enabled."""
    with state.audit_as(user), transaction.atomic():
        stored = state.lock_connection(connection.company)
        if stored.enabled:
            raise Refusal(
                "configuration",
                "The connection is enabled, so its business unit is settled.",
                "Turn Enabled off first.",
            )
        if stored.environment_url != connection.environment_url:
            raise Refusal(
                "configuration",
                "The Environment URL was changed meanwhile.",
                "Look at its business units again.",
            )
        stored.business_unit_id = unit.id
        stored.business_unit_name = unit.name if unit.id else ""
        stored.owning_team_id, stored.changed_at = None, timezone.now()
        stored.save()
    return stored


def is_current(connection: DataverseConnection, unit: Unit) -> bool:
    """Whether it is the one the connection names."""
    return unit.own if connection.business_unit_id is None else unit.id == connection.business_unit_id


def advice(connection: DataverseConnection) -> str:
    """What to know before choosing another than the default; "" where there is nothing."""
    return PERSON if connection.ownership_model == OwnershipModel.PERSON else ""


def _parent(rows: list[dict[str, Any]], key: str) -> Any:
    column = odata.lookup("parentbusinessunitid")
    return next(row.get(column) for row in rows if row["businessunitid"] == key)


def _coupled(connection: DataverseConnection) -> dict[UUID, tuple[str, ...]]:
    """Business unit -> the other companies of this site that are coupled with it."""
    found: dict[UUID, tuple[str, ...]] = {}
    others = DataverseConnection.objects.exclude(company=connection.company).exclude(business_unit_id=None)
    for key, name in others.order_by("company__name").values_list("business_unit_id", "company__name"):
        if key:
            found[key] = (*found.get(key, ()), name)
    return found
