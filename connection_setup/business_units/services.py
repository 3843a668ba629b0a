"""The Coupled Business Unit: list the environment's business units, and choose one.

Nothing is chosen while the connection is enabled; enabling finds or makes what the chosen unit needs (provisioning).
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
PERSON_ADVICE = (
    "The ownership model is Person: users own the rows, and each user belongs to one business unit, so only the "
    "default business unit is recommended."
)
NEW = "new"
"""What a form sends for the company's default business unit while it does not exist yet."""


@dataclass(frozen=True, slots=True)
class BusinessUnit:
    """A business unit to choose. `id` None: the company's default one, made when the connection is enabled."""

    id: UUID | None
    name: str
    parent: str = ""
    is_default: bool = False
    other_companies: tuple[str, ...] = ()
    """Other companies of this site that are coupled with it."""

    @property
    def caption(self) -> str:
        """Its name, with <New> before it while it does not exist."""
        return self.name if self.id else f"<New> {self.name}"


def default_unit_name(company: Company) -> str:
    """Return the name of the company's default business unit."""
    return unit_name(company.name, company.system_id)


def list_units(connection: DataverseConnection, signed_in: AdministratorSignIn | None = None) -> list[BusinessUnit]:
    """Return the enabled business units below the root, the company's default one first, even if it is new.

    Read as the administrator where one is signed in, else as the application. Raises DataverseError, Refusal and
    CannotDecrypt.
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
    company, coupled = connection.company, _coupled_companies(connection)
    found = [
        BusinessUnit(
            UUID(row["businessunitid"]),
            str(row["name"]),
            names.get(row[parent_column], ""),
            is_own(str(row["name"]), company.system_id),
            coupled.get(UUID(row["businessunitid"]), ()),
        )
        for row in rows
        if row.get(parent_column) and not row.get("isdisabled")
    ]
    if not any(unit.is_default for unit in found):
        root = next((str(row["name"]) for row in rows if not row.get(parent_column)), "")
        found.append(BusinessUnit(None, default_unit_name(company), root, is_default=True))
    return sorted(found, key=lambda unit: (not unit.is_default, unit.name.casefold()))


def find_unit(units: list[BusinessUnit], chosen: str) -> BusinessUnit:
    """Return the unit that a form names by its id, or by NEW. Raises Refusal."""
    try:
        key = None if chosen == NEW else UUID(chosen)
    except ValueError:
        key = UUID(int=0)
    unit = next((one for one in units if one.id == key), None)
    if unit is None:
        raise Refusal(
            "configuration",
            "That business unit is not among those of the environment.",
            "Choose one from the list.",
        )
    return unit


def choose_unit(*, connection: DataverseConnection, unit: BusinessUnit, user: Any) -> DataverseConnection:
    """Couple the company with a business unit. Raises Refusal while the connection is enabled."""
    with state.audit_as(user), transaction.atomic():
        stored = state.lock_connection(connection.company)
        if stored.enabled:
            raise Refusal(
                "configuration",
                "The connection is enabled, so its business unit cannot be changed.",
                "Turn Enabled off first.",
            )
        if stored.environment_url != connection.environment_url:
            raise Refusal(
                "configuration",
                "The Environment URL was changed meanwhile.",
                "Look up its business units again.",
            )
        stored.business_unit_id = unit.id
        stored.business_unit_name = unit.name if unit.id else ""
        stored.owning_team_id, stored.changed_at = None, timezone.now()
        stored.save()
    return stored


def is_current(connection: DataverseConnection, unit: BusinessUnit) -> bool:
    """Return whether the connection names this unit."""
    return unit.is_default if connection.business_unit_id is None else unit.id == connection.business_unit_id


def ownership_advice(connection: DataverseConnection) -> str:
    """Return what to know before choosing another unit than the default one; "" where there is nothing."""
    return PERSON_ADVICE if connection.ownership_model == OwnershipModel.PERSON else ""


def _coupled_companies(connection: DataverseConnection) -> dict[UUID, tuple[str, ...]]:
    """Return, by business unit, the names of the other companies of this site that are coupled with it."""
    found: dict[UUID, tuple[str, ...]] = {}
    others = DataverseConnection.objects.exclude(company=connection.company).exclude(business_unit_id=None)
    for key, name in others.order_by("company__name").values_list("business_unit_id", "company__name"):
        if key:
            found[key] = (*found.get(key, ()), name)
    return found
