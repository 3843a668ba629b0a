"""The verbs of synchronization: start, retry. What takes long is queued as a job."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from core.refusals import NotUsable
from core.vocabulary import ConflictOption, DeletionOption, Direction
from coupling.couplings.services import description
from coupling.job_parameters import SyncParameters
from coupling.mappings import defaults
from coupling.mappings.services import exclusive_key, require_enabled, require_usable
from coupling.models import IntegrationTableMapping, UndoneRecord
from coupling.undone import FOR_A_RECORD, left_undone
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.models import Job, Trigger, Type
from sync.rules.plan import intersect_direction
from sync.rules.waves import sort_into_waves


def start_synchronization(
    *,
    mapping: IntegrationTableMapping,
    selection: Iterable[UUID] | None = None,
    selection_side: str = "local",
    full: bool = False,
    direction: Direction = Direction.BIDIRECTIONAL,
    create: bool | None = None,
    conflict: ConflictOption = ConflictOption.ASK,
    user: Any = None,
    trigger: str = Trigger.USER,
    parent: Job | None = None,
    one_record: bool = False,
    text: str = "",
    retry: bool = False,
    deletion: DeletionOption = DeletionOption.ASK,
    delete_survivors: bool = False,
    find_deleted: bool = False,
    only_new: bool = False,
    choices: str = "",
    rule: str = "",
    rule_field: str = "",
    merged: bool = False,
) -> Job:
    """Queue a synchronization of a mapping, or of selected records of it.

    full, direction, create, conflict, retry, deletion, delete_survivors, find_deleted, only_new, choices, rule,
    rule_field, merged: see SyncParameters.
    text: what the job is called, blank for the mapping's description. Raises Refusal, EmptySelection.
    """
    require_usable(mapping)
    allowed = require_direction(mapping, direction)
    return jobs.start(
        company=mapping.company,
        type=Type.SYNCHRONIZATION,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=str(allowed),
        description=text or description(mapping),
        parameters=SyncParameters(
            full=full,
            direction=direction,
            conflict=conflict,
            create=create,
            retry=retry,
            deletion=deletion,
            delete_survivors=delete_survivors,
            find_deleted=find_deleted,
            only_new=only_new,
            choices=choices,
            rule=rule,
            rule_field=rule_field,
            merged=merged,
        ).dump(),
        selection=selection,
        selection_side=selection_side,
        user=user,
        trigger=trigger,
        parent=parent,
        one_record=one_record,
    )


_WINNERS = {Direction.TO: ConflictOption.SEND, Direction.FROM: ConflictOption.GET}


def unconditional_way(mapping: IntegrationTableMapping, direction: Direction) -> tuple[Direction, ConflictOption]:
    """Return the one way that an unconditional full synchronization goes, and the side that wins wherever they differ.

    Raises NotUsable where the direction is not one way, or not the mapping's.
    """
    allowed = require_direction(mapping, direction)
    if allowed == Direction.BIDIRECTIONAL:
        raise NotUsable(
            f"An unconditional full synchronization of {mapping.name} goes one way: it overwrites the other side.",
            "Choose to Dataverse, or from Dataverse.",
        )
    return allowed, _WINNERS[allowed]


def start_unconditional(*, mapping: IntegrationTableMapping, direction: Direction, user: Any = None) -> Job:
    """Queue a run that compares every coupled pair, and overwrites one side wherever the two differ.

    It creates nothing. Raises Refusal.
    """
    way, winner = unconditional_way(mapping, direction)
    return start_synchronization(
        mapping=mapping, full=True, create=False, direction=way, conflict=winner, user=user,
        text=f"Unconditional full synchronization of {mapping.name}",
    )  # fmt: skip


def require_direction(mapping: IntegrationTableMapping, direction: Direction) -> Direction:
    """Return which way a run may write that is asked for a direction. Raises NotUsable where it may not at all."""
    allowed = intersect_direction(direction, Direction(mapping.direction))
    if allowed is None:
        way = "to the integration table" if mapping.direction == Direction.TO else "from the integration table"
        raise NotUsable(
            f"{mapping.name} is synchronized {way} only.", "Choose that direction, or change the mapping's."
        )
    return allowed


def synchronize_in_order(*, company: Any, user: Any = None) -> list[Job]:
    """Queue a synchronization of every mapping, those that others depend on first. Raises Refusal."""
    require_enabled(company)
    mappings = {
        mapping.name: mapping
        for mapping in IntegrationTableMapping.objects.select_related("company")
        .filter(company=company)
        .exclude(name__in=defaults.disabled_names(company))
    }
    waves = sort_into_waves({name: mapping.dependencies for name, mapping in mappings.items()})
    return [start_synchronization(mapping=mappings[name], user=user) for wave in waves for name in wave]


# -- what was left undone ----------------------------------------------------------------------------------------------


def retried(company: Any) -> "QuerySet[UndoneRecord]":
    """Return what is tried again where all is: without rows that a likely duplicate here may be."""
    return left_undone(company).exclude(waits_for__startswith=FOR_A_RECORD)


def retry(*, company: Any, undone: "QuerySet[UndoneRecord] | None" = None, user: Any = None) -> tuple[int, list[Job]]:
    """Try again what was left undone: the given lines, or all of the company's. Return how many, and the jobs.

    Of all, rows are left out that a likely duplicate here may be: who did not choose these did not ask for them. What a
    person had settled is taken up again. Pairs are synchronized, records and rows created on the other side.
    The jobs themselves end the skipping: a run under way, which holds the mapping's key, would undo it otherwise.
    Raises EmptySelection, Refusal.
    """
    require_enabled(company)
    chosen = retried(company) if undone is None else undone
    lines = list(chosen.values_list("pk", "mapping_id", "local_id", "integration_id"))
    if not lines:
        raise EmptySelection
    local: dict[int, list[UUID]] = {}
    rows: dict[int, list[UUID]] = {}
    for _, mapping_id, local_id, row_id in lines:
        if local_id is not None:
            local.setdefault(mapping_id, []).append(local_id)
        elif row_id is not None:
            rows.setdefault(mapping_id, []).append(row_id)
    mappings = IntegrationTableMapping.objects.select_related("company").in_bulk({*local, *rows})
    asked = [(mappings[pk], ids, "local") for pk, ids in local.items()]
    asked += [(mappings[pk], ids, "integration") for pk, ids in rows.items()]
    with transaction.atomic():
        for start in range(0, len(lines), 500):
            part = [pk for pk, *_ in lines[start : start + 500]]
            UndoneRecord.objects.filter(pk__in=part).update(settled_at=None)
        jobs_started = [
            start_synchronization(
                mapping=mapping, selection=ids, selection_side=side, create=True, user=user, one_record=len(ids) == 1,
                text="Retry what was left out", retry=True,
            )
            for mapping, ids, side in asked
        ]  # fmt: skip
    return len(lines), jobs_started
