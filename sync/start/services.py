"""The verbs of synchronization: start, retry, resolve, schedule. What takes long is queued as a job."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from core.refusals import Refusal
from core.vocabulary import ConflictOption, Direction
from coupling.couplings.services import description
from coupling.job_parameters import SyncParameters
from coupling.mappings import defaults
from coupling.mappings.services import exclusive_key, require_enabled, require_usable
from coupling.models import Coupling, IntegrationTableMapping
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.models import OPEN_STATES, Job, Reason, Trigger, Type
from sync.rules.plan import intersect_direction

__all__ = [
    "EmptySelection", "Refusal", "resolve", "retry", "run_due", "start_synchronization", "synchronize_in_order",
]  # fmt: skip


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
) -> Job:
    """Queue a synchronization of a mapping, or of selected records of it.

    What is asked for is SyncParameters' to say. Raises Refusal, EmptySelection.
    """
    require_usable(mapping)
    make_sure_possible(mapping, direction)
    allowed = intersect_direction(direction, Direction(mapping.direction))
    return jobs.start(
        company=mapping.company,
        type=Type.SYNCHRONIZATION,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=str(allowed or mapping.direction),
        description=text or description(mapping),
        parameters=SyncParameters(full=full, direction=direction, conflict=conflict, create=create, retry=retry).dump(),
        selection=selection,
        selection_side=selection_side,
        user=user,
        trigger=trigger,
        parent=parent,
        one_record=one_record,
    )


def make_sure_possible(mapping: IntegrationTableMapping, direction: Direction) -> None:
    """Raise Refusal (configuration) when the mapping cannot be synchronized that way."""
    if mapping.uid_kind == "option":
        raise Refusal(
            Reason.CONFIGURATION,
            f"{mapping.name} couples records with the choices of a column, which have no rows to synchronize.",
            "Open Dataverse Option Mapping to see and change them.",
        )
    if intersect_direction(direction, Direction(mapping.direction)) is None:
        way = "to the integration table" if mapping.direction == Direction.TO else "from the integration table"
        raise Refusal(
            Reason.CONFIGURATION,
            f"{mapping.name} is synchronized {way} only.",
            "Choose that direction, or change the mapping's.",
        )


def synchronize_in_order(*, company: Any, user: Any = None) -> list[Job]:
    """Queue a synchronization of every mapping that has rows, those that others depend on first."""
    from sync.rules.waves import waves

    require_enabled(company)
    mappings = {
        one.name: one
        for one in IntegrationTableMapping.objects.select_related("company")
        .filter(company=company, uid_kind="guid")
        .exclude(name__in=defaults.disabled_names(company))
    }
    order = waves({name: one.dependencies for name, one in mappings.items()})
    return [start_synchronization(mapping=mappings[name], user=user) for wave in order for name in wave]


# -- conflicts and records left out ----------------------------------------------------------------------------------


def resolve(*, company: Any, couplings: Iterable[int], choice: str, user: Any = None) -> list[Job]:
    """Queue a synchronization of conflicting pairs in which one side wins: "send" ours or "get" Dataverse's.

    One job per mapping. Raises EmptySelection, Refusal.
    """
    if ConflictOption(choice) is ConflictOption.ASK:
        raise Refusal(Reason.CONFIGURATION, "Choose which side counts.")
    chosen = Coupling.objects.filter(company=company, pk__in=list(couplings), conflict__isnull=False)
    words = "Send our values to Dataverse" if choice == "send" else "Get the values of Dataverse"
    return _per_mapping(chosen, user=user, conflict=ConflictOption(choice), text=f"{words} where both sides changed")


def retry(*, company: Any, couplings: Iterable[int] | None = None, user: Any = None) -> tuple[int, list[Job]]:
    """Take pairs that were left out back in, and synchronize them: the given ones, or all of the company's.

    The jobs take them back in. Returns how many, and the jobs. Raises EmptySelection, Refusal.
    """
    require_enabled(company)
    chosen = Coupling.objects.filter(company=company, skipped=True)
    if couplings is not None:
        chosen = chosen.filter(pk__in=list(couplings))
    with transaction.atomic():
        ids = list(chosen.values_list("pk", flat=True))
        if not ids:
            raise EmptySelection
        # The job itself takes them back in: a run under way, which holds the mapping's key, would undo it.
        queued = _per_mapping(
            Coupling.objects.filter(company=company), ids=ids, user=user, text="Retry what was left out", again=True
        )
    return len(ids), queued


def _per_mapping(
    chosen: Any,
    *,
    ids: list[int] | None = None,
    user: Any,
    text: str,
    conflict: ConflictOption = ConflictOption.ASK,
    again: bool = False,
) -> list[Job]:
    wanted = ids if ids is not None else list(chosen.values_list("pk", flat=True))
    by_mapping: dict[int, list[UUID]] = {}
    for start in range(0, len(wanted), 500):
        part = Coupling.objects.filter(pk__in=wanted[start : start + 500]).values_list("mapping_id", "local_id")
        for mapping_id, local_id in part:
            by_mapping.setdefault(mapping_id, []).append(local_id)
    if not by_mapping:
        raise EmptySelection
    with transaction.atomic():
        return [
            start_synchronization(
                mapping=IntegrationTableMapping.objects.select_related("company").get(pk=mapping_id),
                selection=records, conflict=conflict, user=user, one_record=len(records) == 1, text=text, retry=again,
            )
            for mapping_id, records in by_mapping.items()
        ]  # fmt: skip


# -- schedules --------------------------------------------------------------------------------------------------------


def run_due(now: datetime) -> list[Job]:
    """Start what is scheduled and due: one open job per mapping at most. Called by the tick."""
    started = []
    due = IntegrationTableMapping.objects.select_related("company").filter(
        Q(next_run_at__lte=now) | Q(next_run_at=None), scheduled=True, uid_kind="guid",
        company__connection__enabled=True,
    )  # fmt: skip
    for mapping in due.order_by("company_id", "position")[:100]:
        if mapping.name in defaults.disabled_names(mapping.company):
            continue
        with transaction.atomic():
            following = now + timedelta(minutes=max(1, mapping.every_minutes))
            mine = IntegrationTableMapping.objects.filter(
                pk=mapping.pk, next_run_at=mapping.next_run_at, scheduled=True
            )
            if not mine.update(next_run_at=following):
                continue  # another tick took it
            if not _open(mapping):
                started.append(start_synchronization(mapping=mapping, trigger=Trigger.SCHEDULE))
    return started


def _open(mapping: IntegrationTableMapping) -> bool:
    """Whether a synchronization of the whole mapping waits or runs already."""
    return Job.objects.filter(
        company_id=mapping.company_id, mapping_name=mapping.name, type=Type.SYNCHRONIZATION, state__in=OPEN_STATES,
        selection_only=False,
    ).exists()  # fmt: skip
