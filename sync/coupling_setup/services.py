"""The verbs of Set Up Coupling: couple a record with a chosen row, and create what has no partner on the other side."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from core.refusals import NotUsable, Refusal
from core.vocabulary import ConflictOption, Direction
from coupling import local_records
from coupling.couplings import by_hand
from coupling.couplings.by_hand_rules import Refused, Standing, decide
from coupling.couplings.services import couple_by_hand
from coupling.gateway import Gateway
from coupling.mappings.services import require_usable
from coupling.models import Coupling, IntegrationTableMapping, pairs_of
from jobs.models import Job, Reason
from sync.start.services import require_direction, start_synchronization

NONE, TO, FROM = "none", "to", "from"
WAYS = {TO: (Direction.TO, ConflictOption.SEND), FROM: (Direction.FROM, ConflictOption.GET)}
"""Synchronize After Coupling: the job's direction, and the side that wins wherever the two differ."""


def require_rows(mapping: IntegrationTableMapping) -> None:
    """Raise Refusal where nothing of the mapping can be coupled with rows: not enabled, or its partners are choices."""
    require_usable(mapping)
    if mapping.uid_kind == "option":
        refused = decide(Standing(mapping.company.name, mapping.name, of_choices=True))
        assert isinstance(refused, Refused)
        raise Refusal(refused.reason, refused.message, refused.fix)


def couple(
    *,
    mapping: IntegrationTableMapping,
    local_id: UUID,
    integration_id: UUID,
    initial: str = NONE,
    user: Any = None,
    gateway: Gateway | None = None,
) -> tuple[Coupling, Job | None]:
    """Couple a record with a row that a person chose, and queue its first synchronization: none, `to` or `from`.

    The coupling and its job are stored together, or neither is. Raises Refusal, DataverseError.
    """
    require_rows(mapping)
    if initial not in (NONE, *WAYS):
        raise NotUsable("No such Synchronize After Coupling.", f"Choose one of {', '.join((NONE, *WAYS))}.")
    if initial in WAYS:
        require_direction(mapping, WAYS[initial][0])
    if local_id not in local_records.read_keys_and_names(mapping, [local_id]):
        raise Refusal(Reason.RECORD_GONE, "The record no longer exists here.", "Choose another one.")
    dataverse = gateway or Gateway(mapping.company)
    organization_id = dataverse.organization_id
    rows = by_hand.RowsSeen(mapping, dataverse, user=user, local_id=local_id)
    seen = by_hand.require_row(rows.read(integration_id))
    with transaction.atomic():
        made = couple_by_hand(
            mapping=mapping, local_id=local_id, integration_id=integration_id, organization_id=organization_id,
            user=user, seen=seen.standing,
        )  # fmt: skip
        return made, _first_synchronization(mapping, local_id, initial, user)


def _first_synchronization(mapping: IntegrationTableMapping, local_id: UUID, initial: str, user: Any) -> Job | None:
    if initial == NONE:
        return None
    direction, conflict = WAYS[initial]
    return start_synchronization(
        mapping=mapping, selection=[local_id], direction=direction, conflict=conflict, user=user, one_record=True,
        text="Synchronize after coupling",
    )  # fmt: skip


def create_in_dataverse(
    *, mapping: IntegrationTableMapping, records: "Iterable[UUID] | QuerySet[Any, UUID]", user: Any = None
) -> Job:
    """Queue the creation of rows for records; those that are coupled are left as they are, and said to be.

    records: their ids, or a query of them, which may be long. Raises Refusal, EmptySelection.
    """
    require_usable(mapping)
    if mapping.uid_kind == "option":  # a run would send the captions of those that have a choice
        coupled = set(pairs_of(mapping).values_list("local_id", flat=True))
        records = [one for one in records if one not in coupled]
    return _create(mapping, records, "local", Direction.TO, "Create in Dataverse", user)


def create_here(*, mapping: IntegrationTableMapping, rows: Iterable[UUID], user: Any = None) -> Job:
    """Queue the creation of records for Dataverse rows; those that are coupled are left as they are, and said to be.

    Raises Refusal, EmptySelection.
    """
    require_rows(mapping)
    return _create(mapping, rows, "integration", Direction.FROM, "Create Here from Dataverse", user)


def _create(
    mapping: IntegrationTableMapping,
    ids: "Iterable[UUID] | QuerySet[Any, UUID]",
    side: str,
    direction: Direction,
    text: str,
    user: Any,
) -> Job:
    chosen = ids if isinstance(ids, QuerySet) else list(dict.fromkeys(ids))
    one = len(chosen[:2]) == 1
    return start_synchronization(
        mapping=mapping, selection=chosen, selection_side=side, direction=direction, create=True, only_new=True,
        user=user, one_record=one, text=text,
    )  # fmt: skip
