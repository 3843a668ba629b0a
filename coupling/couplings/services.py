"""Services of coupling: start, preview, couple by hand. Writes are atomic; what takes long is queued as a job."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.db import IntegrityError, transaction

from core.refusals import Refusal
from core.vocabulary import ConflictOption, Direction
from coupling import claims, local_records
from coupling.couplings.pending import is_being_created
from coupling.couplings.preview import Preview
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters, UncouplingParameters
from coupling.mappings.services import exclusive_key, require_enabled, require_usable
from coupling.matching.criteria import BadCriteria, check_criteria, stored_criteria
from coupling.matching.translation import translation_of
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, Method
from coupling.rows import Criterion
from dataverse.errors import DataverseError
from jobs import audit
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.models import Job, Reason, Trigger, Type


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

    What is not given counts as stored on the mapping; later edits do not change the queued job. full_after: a full
    synchronization follows that creates, either way, what found no partner. strict: a run without criteria is refused
    here (NoCriteria); otherwise the job itself ends failed with that reason (full synchronization, schedules). Raises
    Refusal, EmptySelection, BadCriteria.
    """
    require_usable(mapping)
    given = list(criteria if criteria is not None else stored_criteria(mapping))
    if given or strict:
        given = check_criteria(mapping, given)
    create = mapping.create_new if create_new is None else create_new
    if create and mapping.direction == Direction.FROM:
        if create_new:
            raise Refusal(
                Reason.CONFIGURATION,
                f"{mapping.name} only takes data from Dataverse, so nothing can be created there.",
                "Leave Create New If Unable to Find a Match off, or change the mapping's direction.",
            )
        create = False
    chosen = (mapping.update_conflict if conflicts is None else conflicts) or ConflictOption.ASK
    if mapping.direction != Direction.BIDIRECTIONAL:
        chosen = ConflictOption.ASK
    return jobs.start(
        company=mapping.company,
        type=Type.COUPLING,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=mapping.direction,
        description=description(mapping),
        parameters=CouplingParameters(
            criteria=tuple(given),
            create=create,
            synchronize=mapping.synch_after_coupling if synchronize is None else synchronize,
            conflict=ConflictOption(chosen),
            blank_is_no_match=mapping.blank_is_no_match,
            full_after=full_after,
        ).dump(),
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

    Raises Refusal, EmptySelection.
    """
    require_enabled(mapping.company)
    if (selection is None) is not all:
        raise EmptySelection
    return jobs.start(
        company=mapping.company,
        type=Type.UNCOUPLING,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=mapping.direction,
        description=description(mapping),
        parameters=UncouplingParameters(all=all).dump(),
        selection=selection,
        user=user,
    )


def description(mapping: IntegrationTableMapping) -> str:
    """Return what a job's card says about it: "Customers <-> account"."""
    arrow = {Direction.TO: "->", Direction.FROM: "<-"}.get(Direction(mapping.direction), "<->")
    try:
        table = local_records.get_table(mapping).caption_plural
    except local_records.Unusable:
        table = mapping.table
    return f"{table} {arrow} {mapping.integration_table}"


@transaction.atomic
def couple_by_hand(
    *, mapping: IntegrationTableMapping, local_id: UUID, integration_id: UUID, organization_id: UUID, user: Any = None
) -> Coupling:
    """Couple a record with a row a person chose; nothing is transferred.

    Raises Refusal where either is coupled, or where the row belongs to another company.
    """
    if holders := claims.claim(mapping, organization_id, [integration_id]):
        holder = holders[integration_id]
        fix = claims.ways_out(mapping)
        raise Refusal(Reason.ALREADY_COUPLED, f"The row {holder.description}.", f"Choose another row, {fix}")
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
            values = {"mapping": mapping.name, "local_id": local_id, "integration_id": integration_id}
            audit.record_audit_entry(
                made, LogEntry.Action.CREATE, {name: (None, value) for name, value in values.items()}, user=user
            )
            return made
    except IntegrityError:
        pass
    other = (
        Coupling.objects.filter(company=mapping.company, table=mapping.table, integration_id=integration_id).first()
        or Coupling.objects.filter(mapping=mapping, local_id=local_id).first()
    )
    if other is None:
        raise Refusal(
            Reason.ALREADY_COUPLED,
            "Somebody coupled and uncoupled the record or the row at the same moment, so nothing was done.",
            "Try again.",
        )
    partner = local_records.read_keys_and_names(mapping, [other.local_id]).get(other.local_id)
    if is_being_created(other):
        raise Refusal(
            Reason.ALREADY_COUPLED,
            f"The row is being created by job {other.job_id}, which has not ended.",
            "Wait for its end, or cancel it.",
        )
    if partner is None:  # the partner was deleted here: its coupling is void
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
        raise Refusal(
            Reason.ALREADY_COUPLED,
            "The record is coupled already.",
            "Delete that coupling first.",
        )
    raise Refusal(
        Reason.ALREADY_COUPLED,
        f"The row is coupled already to {' '.join(partner).strip()}.",
        "Delete that coupling first, or choose another row.",
    )


def incomparable(mapping: IntegrationTableMapping, given: Iterable[Criterion]) -> dict[tuple[str, str], BadCriteria]:
    """Return those of the criteria whose two sides cannot be compared, by field and column, with the refusal.

    Asks for the table's columns; while Dataverse cannot be asked nothing is known, and the job looks again.
    """
    try:
        columns = Gateway(mapping.company).table(mapping).columns
    except (Refusal, DataverseError):
        return {}
    found: dict[tuple[str, str], BadCriteria] = {}
    for one in given:
        if one.integration not in columns:
            continue
        try:
            translation_of(mapping, one, columns[one.integration])
        except BadCriteria as error:
            found[one.local, one.integration] = error
    return found


def preview(
    *,
    mapping: IntegrationTableMapping,
    selection: Iterable[UUID] | None = None,
    criteria: Sequence[Criterion] | None = None,
    gateway: Gateway | None = None,
    on_part: Callable[[str, int, int | None], None] = lambda _phase, _done, _total: None,
) -> Preview:
    """Return what match-based coupling would do; nothing is written.

    on_part: called after each part read, with the phase, how many records of it are done and how many there are (None
    where unknown); it may raise to stop. Raises Refusal, EmptySelection, BadCriteria, DataverseError.
    """
    require_usable(mapping)
    given = check_criteria(mapping, list(criteria if criteria is not None else stored_criteria(mapping)))
    chosen = None if selection is None else list(selection)
    if chosen is not None and not chosen:
        raise EmptySelection
    return Preview.make(mapping, given, gateway or Gateway(mapping.company), chosen, on_part)
