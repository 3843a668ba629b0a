"""The verbs of Coupled Data Synchronization Errors: settle, synchronize, restore or delete what is left undone."""

from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone

from core.refusals import NotUsable, Refusal
from core.vocabulary import ConflictOption, DeletionOption, Direction
from core.words import counted
from coupling.brakes import Brakes
from coupling.couplings.services import start_uncoupling
from coupling.mappings.defaults import disabled_names
from coupling.mappings.services import require_enabled
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from jobs import audit
from jobs.errors import EmptySelection
from jobs.models import Job, Reason
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


@transaction.atomic
def couple_with_successors(*, company: Any, undone: "QuerySet[UndoneRecord]", user: Any = None) -> list[Job]:
    """Queue that records whose rows were merged into others are coupled with those, and synchronized: one job per
    mapping, however many; each has its outcome.

    Raises Refusal: not enabled, or no row of the selected ones was merged.
    """
    require_enabled(company)
    try:
        found = pairs_by_mapping(undone.exclude(successor_id=None))
    except EmptySelection:
        raise NotUsable(
            "No row of the selected records was merged into another one, so nothing was done.",
            "Select records whose condition says so.",
        ) from None
    return [
        start_synchronization(
            mapping=mapping,
            selection=ids,
            merged=True,
            user=user,
            one_record=len(ids) == 1,
            text="Couple with Merged Row",
        )
        for mapping, ids in found
    ]
