"""The verbs of Coupled Data Synchronization Errors: settle, synchronize, restore or delete what is left undone."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone

from connection_setup.connection.state import connection_of
from core.refusals import NotUsable, Refusal
from core.vocabulary import ConflictOption, DeletionOption, Direction
from core.words import counted
from coupling.brakes import Brakes
from coupling.couplings.services import couple_by_hand, delete_coupling, start_uncoupling
from coupling.mappings.defaults import disabled_names
from coupling.mappings.services import exclusive_key, require_enabled
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from jobs import audit
from jobs.errors import EmptySelection
from jobs.models import OPEN_STATES, Job, Reason
from sync.start.services import start_synchronization

DELETED = (Reason.LOCAL_DELETED, Reason.INTEGRATION_DELETED)
"""The reasons of pairs one side of which was deleted."""


@transaction.atomic
def settle(*, undone: "QuerySet[UndoneRecord]", user: Any = None) -> int:
    """Note that these stay as they are; they come back when their condition becomes another. Return how many."""
    by_mapping: dict[int, list[int]] = {}
    for mapping_id, pk in undone.values_list("mapping_id", "pk"):
        by_mapping.setdefault(mapping_id, []).append(pk)
    now = timezone.now()
    for mapping in IntegrationTableMapping.objects.filter(pk__in=by_mapping):
        ids = by_mapping[mapping.pk]
        for start in range(0, len(ids), 500):
            UndoneRecord.objects.filter(pk__in=ids[start : start + 500]).update(settled_at=now)
        changes = {"accepted as it is": (None, f"{len(ids):,} records")}
        audit.record_audit_entry(mapping, LogEntry.Action.UPDATE, changes, user=user)
    return sum(map(len, by_mapping.values()))


@transaction.atomic
def uncouple(*, undone: "QuerySet[UndoneRecord]", user: Any = None) -> list[Job]:
    """Queue the deletion of these pairs' couplings, one job per mapping. Raises EmptySelection for none, Refusal."""
    return [start_uncoupling(mapping=mapping, selection=ids, user=user) for mapping, ids in pairs_by_mapping(undone)]


@transaction.atomic
def restore(*, undone: "QuerySet[UndoneRecord]", user: Any = None) -> list[Job]:
    """Queue the creation of the deleted sides of these pairs, one job per mapping.

    Raises EmptySelection where nothing of them was deleted, Refusal.
    """
    return [
        start_synchronization(
            mapping=mapping, selection=ids, deletion=DeletionOption.RESTORE, retry=True, user=user,
            one_record=len(ids) == 1, text="Restore what was deleted",
        )
        for mapping, ids in pairs_by_mapping(undone.filter(reason__in=DELETED))
    ]  # fmt: skip


@transaction.atomic
def delete_survivors(*, undone: "QuerySet[UndoneRecord]", beyond_brake: bool = False, user: Any = None) -> list[Job]:
    """Queue the deletion of the sides of these pairs that still exist, one job per mapping.

    beyond_brake: a person said so for more than a mapping's brake lets through. Raises EmptySelection where nothing of
    them was deleted, Refusal: the brake.
    """
    if not beyond_brake and (why := stopped_by_brake(undone)):
        raise Refusal(Reason.BRAKE, why, "Select fewer, raise the brake on the mapping's card, or go beyond it.")
    return [
        start_synchronization(
            mapping=mapping, selection=ids, delete_survivors=True, retry=True, user=user, one_record=len(ids) == 1,
            text="Delete the other side of what was deleted",
        )
        for mapping, ids in pairs_by_mapping(undone.filter(reason__in=DELETED))
    ]  # fmt: skip


@transaction.atomic
def synchronize(
    *,
    undone: "QuerySet[UndoneRecord]",
    direction: Direction = Direction.BIDIRECTIONAL,
    conflict: ConflictOption = ConflictOption.ASK,
    user: Any = None,
) -> list[Job]:
    """Queue a synchronization of these pairs, one job per mapping; those a side of which was deleted are left out.

    direction, conflict: for the mappings that go both ways; others go theirs. Raises EmptySelection for none, Refusal.
    """
    jobs = []
    for mapping, ids in pairs_by_mapping(undone.exclude(reason__in=DELETED)):
        both_ways = mapping.direction == Direction.BIDIRECTIONAL
        jobs.append(
            start_synchronization(
                mapping=mapping, selection=ids, retry=True, user=user, one_record=len(ids) == 1,
                direction=direction if both_ways else Direction.BIDIRECTIONAL,
                conflict=conflict if both_ways else ConflictOption.ASK, text="Synchronize what was left out",
            )
        )  # fmt: skip
    return jobs


@transaction.atomic
def find_deleted(*, company: Any, mapping: IntegrationTableMapping | None = None, user: Any = None) -> list[Job]:
    """Queue a look for pairs one side of which was deleted, one job per mapping that has pairs.

    mapping: only that one. What is found goes by the mapping's Resolve Deletion Conflicts; without a choice there it
    stands on the list. Raises EmptySelection where nothing is coupled, Refusal.
    """
    require_enabled(company)
    mappings = IntegrationTableMapping.objects.select_related("company").filter(
        Exists(Coupling.objects.filter(mapping=OuterRef("pk"))), company=company, uid_kind="guid"
    ).exclude(name__in=disabled_names(company))  # fmt: skip
    chosen = mappings if mapping is None else mappings.filter(pk=mapping.pk)
    started = [
        start_synchronization(mapping=one, find_deleted=True, user=user, text=f"{one.name}, find what was deleted")
        for one in chosen
    ]
    if not started:
        raise EmptySelection
    return started


def stopped_by_brake(undone: "QuerySet[UndoneRecord]") -> str:
    """Return why a deletion of the other sides of these pairs stops: more than a mapping's brake lets through; "" where
    it does not.
    """
    pairs = undone.filter(reason__in=DELETED).exclude(coupling=None).order_by()
    asked = dict(pairs.values_list("mapping_id").annotate(count=Count("pk")))
    for mapping in IntegrationTableMapping.objects.filter(pk__in=asked).order_by("name"):
        total = Coupling.objects.filter(mapping=mapping).count()
        if asked[mapping.pk] > (most := Brakes.stored(mapping.brakes).most_deleted(total)):
            return (
                f"{counted(asked[mapping.pk], 'record')} of {mapping.name} would be deleted, of {total:,} pairs, and "
                f"the brake stops above {most:,}, so none is."
            )
    return ""


def count_survivors(undone: "QuerySet[UndoneRecord]") -> tuple[int, int]:
    """Return how many records here and how many Dataverse rows `delete_survivors` would delete, as far as is known."""
    pairs = undone.exclude(coupling=None)
    here = pairs.filter(reason=Reason.INTEGRATION_DELETED).count()
    return here, pairs.filter(reason=Reason.LOCAL_DELETED).count()


def pairs_by_mapping(undone: "QuerySet[UndoneRecord]") -> list[tuple[IntegrationTableMapping, list[UUID]]]:
    """Return the mappings of these pairs, each with the ids of their records. Raises EmptySelection for none."""
    by_mapping: dict[int, list[UUID]] = {}
    for mapping_id, local_id in undone.exclude(coupling=None).values_list("mapping_id", "coupling__local_id"):
        by_mapping.setdefault(mapping_id, []).append(local_id)
    if not by_mapping:
        raise EmptySelection
    mappings = IntegrationTableMapping.objects.select_related("company").in_bulk(by_mapping)
    return [(mappings[pk], ids) for pk, ids in by_mapping.items()]


def mappings_of(undone: "QuerySet[UndoneRecord]") -> list[IntegrationTableMapping]:
    """Return the mappings that these are of."""
    ids = undone.order_by().values("mapping")
    return list(IntegrationTableMapping.objects.select_related("company").filter(pk__in=ids).order_by("name"))


def couple_with_successors(
    *, company: Any, undone: "QuerySet[UndoneRecord]", user: Any = None
) -> tuple[list[Job], list[str]]:
    """Couple records whose rows were merged into others with those, and synchronize them.

    Return the jobs, one per mapping, and why records were left as they were. Raises Refusal: not enabled, or no row of
    the selected ones was merged.
    """
    require_enabled(company)
    lines = list(undone.exclude(successor_id=None).exclude(coupling=None).select_related("mapping__company"))
    if not lines:
        raise NotUsable(
            "No row of the selected records was merged into another one, so nothing was done.",
            "Select records whose condition says so.",
        )
    coupled: dict[IntegrationTableMapping, list[UUID]] = {}
    refused: list[str] = []
    for line in lines:
        try:
            coupled.setdefault(line.mapping, []).append(_couple_with_successor(line, user))
        except Refusal as refusal:
            refused.append(f"{line.label}: {refusal.user_message}")
    return [_synchronize(mapping, ids, user) for mapping, ids in coupled.items() if ids], refused


@transaction.atomic
def _couple_with_successor(line: UndoneRecord, user: Any) -> UUID:
    """Let the coupling of a record lead to the row its row was merged into. Return the record's id. Raises Refusal."""
    mapping = line.mapping
    if Job.objects.filter(exclusive_key=exclusive_key(mapping), state__in=OPEN_STATES).exists():
        raise NotUsable(f"A job of {mapping.name} has not ended.", "Wait for its end, or cancel it.")
    pair = Coupling.objects.select_for_update().filter(undone=line).first()
    organization_id = connection_of(mapping.company).organization_id
    if pair is None or line.successor_id is None or organization_id is None:
        raise NotUsable("It is not coupled any more.")
    delete_coupling(pair, user)
    couple_by_hand(
        mapping=mapping, local_id=pair.local_id, integration_id=line.successor_id,
        organization_id=organization_id, user=user,
    )  # fmt: skip
    return pair.local_id


def _synchronize(mapping: IntegrationTableMapping, records: Sequence[UUID], user: Any) -> Job:
    text = "Synchronize after coupling"
    return start_synchronization(
        mapping=mapping, selection=records, user=user, one_record=len(records) == 1, text=text
    )  # fmt: skip
