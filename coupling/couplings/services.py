"""The verbs of coupling. Writes are atomic; what takes long is queued as a job."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.db import IntegrityError, transaction

from connection_setup.connection.state import unavailable
from connection_setup.dynamics365 import services as dynamics
from coupling import local_records as local
from coupling.couplings.uncouple_job import being_created
from coupling.gateway import Gateway
from coupling.mappings import defaults
from coupling.matching import criteria as criteria_
from coupling.models import (
    CompareAs,
    Coupling,
    CouplingBase,
    Direction,
    IntegrationFieldMapping,
    IntegrationTableMapping,
    Method,
    UpdateConflict,
)
from coupling.rows import Criterion
from jobs import audit as auditing
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.models import Job, Reason, Trigger, Type


class Refused(Exception):
    """What was asked cannot be done: `reason` for programs, the text (what, why, what next) for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def user_message(self) -> str:
        """What the user reads."""
        return str(self)


def mapping_of(company: Any, name: str) -> IntegrationTableMapping:
    """The mapping of that name. Raises Refused (configuration) with a sentence."""
    mapping = IntegrationTableMapping.objects.select_related("company").filter(company=company, name=name).first()
    if mapping is None:
        known = ", ".join(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))
        raise Refused(
            Reason.CONFIGURATION,
            f"{company} has no integration table mapping {name!r}. "
            + (f"It has {known}." if known else "Its mappings are made when the connection to Dataverse is enabled."),
        )
    return mapping


def key_of(mapping: IntegrationTableMapping) -> str:
    """The key under which jobs of one mapping exclude each other."""
    return f"{mapping.company_id}:{mapping.name}"


def make_sure_enabled(company: Any) -> None:
    """Raise Refused (not_enabled) with the sentence why the Dataverse menus are off."""
    if why := unavailable(company):
        raise Refused(Reason.NOT_ENABLED, why)


def make_sure_usable(mapping: IntegrationTableMapping) -> None:
    """Raise Refused (not_enabled) when the connection, or the setup that the mapping is part of, is off."""
    make_sure_enabled(mapping.company)
    if mapping.name in defaults.unused(mapping.company):
        raise Refused(
            Reason.NOT_ENABLED,
            f"{mapping.name} is part of {dynamics.TITLE}, which is not enabled. An administrator enables it there.",
        )


def start_coupling(
    *,
    mapping: IntegrationTableMapping,
    selection: Iterable[UUID] | None = None,
    criteria: Sequence[Criterion] | None = None,
    create_new: bool | None = None,
    synchronize: bool | None = None,
    conflicts: str | None = None,
    user: Any = None,
    trigger: str = Trigger.USER,
    parent: Job | None = None,
    strict: bool = True,
    full_after: bool = False,
) -> Job:
    """Queue match-based coupling of the mapping's uncoupled records, or of a selection among them.

    What is not given counts as stored on the mapping; later edits do not touch the queued job. `full_after` has a full
    synchronization follow that creates, either way, what found no partner. With `strict` a run
    without criteria is refused here (NoCriteria); without it the job itself ends failed with that reason (full
    synchronization, schedules). Raises Refused, EmptySelection, criteria.BadCriteria.
    """
    make_sure_usable(mapping)
    given = list(criteria if criteria is not None else criteria_.stored(mapping))
    if given or strict:
        given = criteria_.check(mapping, given)
    create = mapping.create_new if create_new is None else create_new
    if create and mapping.direction == Direction.FROM:
        if create_new:
            raise Refused(
                Reason.CONFIGURATION,
                f"{mapping.name} only takes data from Dataverse, so nothing can be created there.",
            )
        create = False
    chosen = (mapping.update_conflict if conflicts is None else conflicts) or UpdateConflict.ASK
    if mapping.direction != Direction.BIDIRECTIONAL:
        chosen = UpdateConflict.ASK
    return jobs.start(
        company=mapping.company,
        type=Type.COUPLING,
        mapping_name=mapping.name,
        exclusive_key=key_of(mapping),
        direction=mapping.direction,
        description=description(mapping),
        parameters={
            "criteria": criteria_.dumped(given),
            "create_new": create,
            "synchronize": mapping.synch_after_coupling if synchronize is None else synchronize,
            "conflicts": str(chosen),
            "blank_is_no_match": mapping.blank_is_no_match,
            "full_after": full_after,
        },
        selection=selection,
        user=user,
        trigger=trigger,
        parent=parent,
    )


def start_uncoupling(
    *,
    mapping: IntegrationTableMapping,
    selection: Iterable[UUID] | None = None,
    all: bool = False,  # noqa: A002 - the command's word
    user: Any = None,
) -> Job:
    """Queue the deletion of couplings: of a selection of local records, or of `all`. Never both, never neither.

    Raises Refused, EmptySelection.
    """
    make_sure_enabled(mapping.company)
    if (selection is None) is not all:
        raise EmptySelection
    return jobs.start(
        company=mapping.company,
        type=Type.UNCOUPLING,
        mapping_name=mapping.name,
        exclusive_key=key_of(mapping),
        direction=mapping.direction,
        description=description(mapping),
        parameters={"all": all},
        selection=selection,
        user=user,
    )


def description(mapping: IntegrationTableMapping) -> str:
    """What a job's card says about it: "Customers <-> account"."""
    arrow = {Direction.TO: "->", Direction.FROM: "<-"}.get(Direction(mapping.direction), "<->")
    try:
        here = local.table_of(mapping).caption_plural
    except local.Unusable:
        here = mapping.table
    return f"{here} {arrow} {mapping.integration_table}"


@transaction.atomic
def couple_by_hand(
    *, mapping: IntegrationTableMapping, local_id: UUID, integration_id: UUID, organization_id: UUID, user: Any = None
) -> Coupling:
    """Couple a record with a row a person chose; nothing is transferred. Raises Refused where either is coupled."""
    try:
        with transaction.atomic():
            made = Coupling.objects.create(
                company=mapping.company,
                mapping=mapping,
                table=mapping.table,
                local_id=local_id,
                integration_id=integration_id,
                organization_id=organization_id,
                method=Method.MANUAL,
            )
            told = {"mapping": mapping.name, "local_id": local_id, "integration_id": integration_id}
            auditing.tell(made, LogEntry.Action.CREATE, {name: (None, one) for name, one in told.items()}, user=user)
            return made
    except IntegrityError:
        pass
    other = (
        Coupling.objects.filter(company=mapping.company, table=mapping.table, integration_id=integration_id).first()
        or Coupling.objects.filter(mapping=mapping, local_id=local_id).first()
    )
    if other is None:
        raise Refused(
            Reason.ALREADY_COUPLED,
            "Somebody coupled and uncoupled the record or the row at the same moment, so nothing was done. Try again.",
        )
    named = local.named(mapping, [other.local_id]).get(other.local_id)
    if being_created(other):
        raise Refused(
            Reason.ALREADY_COUPLED,
            f"The row is being created by job {other.job_id}, which has not ended. Wait for its end, or cancel it.",
        )
    if named is None:  # the partner was deleted here: its coupling is void
        CouplingBase.objects.filter(coupling=other).delete()
        other.delete()
        return couple_by_hand(
            mapping=mapping,
            local_id=local_id,
            integration_id=integration_id,
            organization_id=organization_id,
            user=user,
        )
    if other.local_id == local_id:
        raise Refused(Reason.ALREADY_COUPLED, "The record is coupled already. Delete that coupling first.")
    raise Refused(
        Reason.ALREADY_COUPLED,
        f"The row is coupled already to {' '.join(named).strip()}. Delete that coupling first, or choose another row.",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What the page Select Coupling Criteria keeps on a mapping."""

    criteria: Sequence[Criterion]
    synchronize: bool
    create_new: bool
    conflicts: str


@transaction.atomic
def save_criteria(*, mapping: IntegrationTableMapping, settings: Settings) -> None:
    """Keep the criteria and settings on the mapping. Raises criteria.BadCriteria; no criteria are kept as none."""
    if settings.criteria:
        criteria_.check(mapping, settings.criteria)
    by_pair = {(one.local, one.integration): one for one in settings.criteria}
    for field in criteria_.offered(mapping):
        one = by_pair.get((field.field, field.integration_field))
        if one is not None:
            _keep(field, (True, one.case_sensitive, one.priority, one.compare_as.value))
        else:
            _keep(field, (False, field.case_sensitive, field.match_priority, field.compare_as))
    mapping.synch_after_coupling = settings.synchronize
    mapping.create_new = settings.create_new and mapping.direction != Direction.FROM
    if mapping.direction == Direction.BIDIRECTIONAL:
        mapping.update_conflict = settings.conflicts
    mapping.save(update_fields=["synch_after_coupling", "create_new", "update_conflict"])


@transaction.atomic
def reset_criteria(*, mapping: IntegrationTableMapping) -> None:
    """Take back all criteria of a mapping: chosen fields, case sensitivity, priorities and ways of comparing."""
    for field in mapping.fields.all():
        _keep(field, (False, False, 0, CompareAs.TEXT.value))


_CRITERION = ("use_for_match", "case_sensitive", "match_priority", "compare_as")


def _keep(field: IntegrationFieldMapping, values: tuple[bool, bool, int, str]) -> None:
    """Keep a criterion on its field mapping where it changed; saved one by one, so that the audit log tells of it."""
    if tuple(getattr(field, name) for name in _CRITERION) == values:
        return
    for name, value in zip(_CRITERION, values, strict=True):
        setattr(field, name, value)
    field.save(update_fields=_CRITERION)


def preview(
    *,
    mapping: IntegrationTableMapping,
    selection: Iterable[UUID] | None = None,
    criteria: Sequence[Criterion] | None = None,
    gateway: Gateway | None = None,
    on_part: Callable[[str, int, int | None], None] = lambda _phase, _done, _total: None,
) -> Any:
    """What match-based coupling would do, with nothing written. See coupling.preview.

    `on_part` is called after each part read, and may raise to stop.
    """
    from coupling.couplings.preview import Preview

    make_sure_usable(mapping)
    given = criteria_.check(mapping, list(criteria if criteria is not None else criteria_.stored(mapping)))
    chosen = None if selection is None else list(selection)
    if chosen is not None and not chosen:
        raise EmptySelection
    return Preview.of(mapping, given, gateway or Gateway(mapping.company), chosen, on_part)


@transaction.atomic
def save_mapping(*, mapping: IntegrationTableMapping, values: dict[str, Any]) -> None:
    """Keep a mapping's settings. Raises ValueError, with a sentence, for a direction none of its fields goes."""
    direction = values["direction"]
    if direction != mapping.direction:
        enabled = mapping.fields.filter(enabled=True)
        if enabled.exists() and not enabled.filter(direction=direction).exists():
            raise ValueError(
                f"No enabled field of {mapping.name} goes {Direction(direction).label.lower()}, so nothing would be "
                "synchronized. Change the direction of its fields first."
            )
    names = (
        "direction", "synch_only_coupled", "update_conflict", "deletion_conflict", "blank_is_no_match", "every_minutes",
    )  # fmt: skip
    for name in names:
        setattr(mapping, name, values[name])
    mapping.save(update_fields=names)


@transaction.atomic
def switch(*, mapping: IntegrationTableMapping, fields: Sequence[IntegrationFieldMapping], enabled: bool) -> int:
    """Switch field mappings on or off; how many changed. Raises ValueError, a sentence, for one that cannot be on."""
    for field in fields:
        if enabled and field.disabled_reason:
            raise ValueError(
                f"{criteria_.caption(mapping, field.field) or field.integration_field} cannot be enabled: "
                f"{field.disabled_reason}"
            )
    changed = [field for field in fields if field.enabled is not enabled and field.mapping_id == mapping.pk]
    for field in changed:
        field.enabled = enabled
        field.save(update_fields=["enabled"])
    return len(changed)
