"""Services of coupling: start, preview, couple by hand. Writes are atomic; what takes long is queued as a job."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
from auditlog.models import LogEntry
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.refusals import Refusal
from core.vocabulary import ConflictOption, Direction
from coupling import claims, local_records
from coupling.brakes import Brakes
from coupling.couplings.by_hand_rules import Pair, Refused, Standing, decide
from coupling.couplings.coupled_records import keep_outcomes
from coupling.couplings.pair_outcomes import names_of_pairs
from coupling.couplings.pending import is_being_created
from coupling.couplings.preview_job import KEPT
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters, UncouplingParameters
from coupling.mappings.services import exclusive_key, require_enabled, require_usable
from coupling.matching.criteria import BadCriteria, check_criteria, stored_criteria
from coupling.matching.previewed import Found
from coupling.matching.translation import translation_of
from coupling.models import Coupling, CouplingPreview, IntegrationTableMapping, Method
from coupling.rows import Criterion
from dataverse.errors import DataverseError
from jobs import audit
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.mentions import PersonReading
from jobs.models import Job, Reason, Trigger, Type


def start_coupling(
    *,
    mapping: IntegrationTableMapping,
    selection: Iterable[UUID] | None = None,
    criteria: Sequence[Criterion] | None = None,
    create_new: bool | None = None,
    only_unmatched: bool = False,
    synchronize: bool | None = None,
    conflicts: str | None = None,
    user: Any = None,
    trigger: str = Trigger.USER,
    parent: Job | None = None,
    strict: bool = True,
    full_after: bool = False,
    brakes: Brakes | None = None,
) -> Job:
    """Queue match-based coupling of the mapping's uncoupled records, or of a selection among them.

    What is not given counts as stored on the mapping; later edits do not change the queued job. only_unmatched: what is
    created leaves out likely duplicates (see CouplingParameters). full_after: a full synchronization follows that
    creates, either way, what found no partner. strict: a run without criteria is refused
    here (NoCriteria); otherwise the job itself ends failed with that reason (full synchronization, schedules). brakes:
    above what the job stops before it couples or creates anything. Raises Refusal, EmptySelection, BadCriteria.
    """
    require_usable(mapping)
    given = list(criteria if criteria is not None else stored_criteria(mapping))
    if given or strict:
        given = check_criteria(mapping, given)
    return jobs.start(
        company=mapping.company,
        type=Type.COUPLING,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=mapping.direction,
        description=description(mapping),
        parameters=msgspec.structs.replace(
            _asked(mapping, given, create_new, synchronize, conflicts, brakes, only_unmatched=only_unmatched),
            full_after=full_after,
        ).dump(),
        selection=selection,
        user=user,
        trigger=trigger,
        parent=parent,
    )


def start_preview(
    *,
    mapping: IntegrationTableMapping,
    selection: Iterable[UUID] | None = None,
    criteria: Sequence[Criterion] | None = None,
    create_new: bool | None = None,
    only_unmatched: bool = False,
    synchronize: bool | None = None,
    conflicts: str | None = None,
    brakes: Brakes | None = None,
    user: Any = None,
) -> Job:
    """Queue a preview of what start_coupling would do, with the same arguments; it changes nothing on either side.

    It waits for no job of the mapping, and none waits for it; of one mapping one preview is made at a time. Raises
    Refusal, EmptySelection, BadCriteria.
    """
    require_usable(mapping)
    given = check_criteria(mapping, list(criteria if criteria is not None else stored_criteria(mapping)))
    asked = _asked(mapping, given, create_new, synchronize, conflicts, brakes, only_unmatched=only_unmatched)
    return start_preview_of(mapping=mapping, asked=asked, selection=selection, user=user)


@transaction.atomic
def start_preview_of(
    *, mapping: IntegrationTableMapping, asked: CouplingParameters, selection: Iterable[UUID] | None, user: Any = None
) -> Job:
    """Queue a preview of a coupling with these parameters. Raises Refusal, EmptySelection."""
    require_usable(mapping)
    job = jobs.start(
        company=mapping.company,
        type=Type.PREVIEW,
        mapping_name=mapping.name,
        exclusive_key=f"preview:{exclusive_key(mapping)}",
        direction=mapping.direction,
        description=description(mapping),
        parameters=asked.dump(),
        selection=selection,
        user=user,
    )
    ticked = {Found.COUPLE.value: True, Found.NEW.value: asked.create}
    CouplingPreview.objects.get_or_create(
        job=job,
        defaults={
            "mapping": mapping, "kept_until": timezone.now() + KEPT, "ticked": ticked, "stop_above": asked.stop_above,
            "stop_above_percent": asked.stop_above_percent, "stop_coupled_above": asked.stop_coupled_above,
        },
    )  # fmt: skip
    return job


def _asked(
    mapping: IntegrationTableMapping,
    given: Sequence[Criterion],
    create_new: bool | None,
    synchronize: bool | None,
    conflicts: str | None,
    brakes: Brakes | None,
    *,
    only_unmatched: bool,
) -> CouplingParameters:
    """Return the parameters of a coupling; what is not given counts as stored on the mapping. Raises Refusal."""
    brakes = Brakes.stored(mapping.brakes) if brakes is None else brakes
    chosen = (mapping.update_conflict if conflicts is None else conflicts) or ConflictOption.ASK
    if mapping.direction != Direction.BIDIRECTIONAL:
        chosen = ConflictOption.ASK
    return CouplingParameters(
        criteria=tuple(given),
        create=_creates(mapping, create_new),
        only_unmatched=only_unmatched,
        synchronize=mapping.synch_after_coupling if synchronize is None else synchronize,
        conflict=ConflictOption(chosen),
        blank_is_no_match=mapping.blank_is_no_match,
        stop_above=brakes.created,
        stop_above_percent=brakes.created_percent,
        stop_coupled_above=brakes.coupled,
    )


def _creates(mapping: IntegrationTableMapping, create_new: bool | None) -> bool:
    """Return whether a coupling creates what finds no match; None: what the mapping says. Raises Refusal."""
    create = mapping.create_new if create_new is None else create_new
    if create_new and mapping.direction == Direction.FROM:
        raise Refusal(
            Reason.CONFIGURATION,
            f"{mapping.name} only takes data from Dataverse, so nothing can be created there.",
            "Leave Create New if Unable to Find a Match off, or change the mapping's direction.",
        )
    return create and mapping.direction != Direction.FROM


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
    *,
    mapping: IntegrationTableMapping,
    local_id: UUID,
    integration_id: UUID,
    organization_id: UUID,
    user: Any = None,
    seen: Standing | None = None,
) -> Coupling:
    """Couple a record with a row a person chose; nothing is transferred.

    user: who asks; None for a command that acts with all rights. seen: what Dataverse said about the row just before.
    Raises Refusal where either is coupled, or where the row belongs to another company, which it names to those who
    have a role there.
    """
    holders = claims.claim(mapping, organization_id, [integration_id])
    for _ in range(_ATTEMPTS):
        of_row, of_record = _pairs(mapping, local_id, integration_id)
        pairs = pair_of(mapping, of_row), pair_of(mapping, of_record)
        standing = standing_of(mapping, *pairs, holders.get(integration_id), user)
        verdict = decide(replace(standing, **_seen_of(seen)))
        if isinstance(verdict, Refused):
            raise Refusal(verdict.reason, verdict.message, verdict.fix)
        if of_row is not None:  # its record was deleted here: it is void
            delete_coupling(of_row, user)
        try:
            with transaction.atomic():
                return _insert(mapping, local_id, integration_id, organization_id, user)
        except IntegrityError:
            continue
    raise Refusal(
        Reason.ALREADY_COUPLED,
        "Somebody coupled and uncoupled the record or the row at the same moment, so nothing was done.",
        "Try again.",
    )


_ATTEMPTS = 3
"""How often the standing of a record and a row is looked at anew when somebody else changed it meanwhile."""


def _seen_of(seen: Standing | None) -> dict[str, Any]:
    """Return what Dataverse said about a row, which the tables here do not know."""
    if seen is None:
        return {}
    held = {"held": seen.held, "ways_out": seen.ways_out} if seen.held else {}
    return {"row_found": seen.row_found, "outside": seen.outside, **held}


def _pairs(mapping: IntegrationTableMapping, local_id: UUID, row_id: UUID) -> tuple[Coupling | None, Coupling | None]:
    """Return the coupling that the row has with a record of the mapping's table, and the one that the record has."""
    of_row = Coupling.objects.filter(company=mapping.company, table=mapping.table, integration_id=row_id).first()
    return of_row, Coupling.objects.filter(mapping=mapping, local_id=local_id).first()


def standing_of(
    mapping: IntegrationTableMapping,
    of_row: Pair | None,
    of_record: Pair | None,
    holder: claims.Holder | None,
    user: Any,
) -> Standing:
    """Return how a record and a row stand by the tables here, as the person reads it."""
    return Standing(
        mapping.company.name,
        mapping.name,
        of_choices=mapping.uid_kind == "option",
        held=PersonReading(user).read(*claims.belongs("The row", holder)) if holder is not None else "",
        ways_out=claims.ways_out(mapping),
        of_record=of_record,
        of_row=of_row,
    )


def pair_of(
    mapping: IntegrationTableMapping,
    coupling: Coupling | None,
    named: Mapping[UUID, Sequence[str]] | None = None,
) -> Pair | None:
    """Return a coupling of the mapping's table as a decision sees it; named: key and name of its record by id, where
    they were read for many.
    """
    if coupling is None:
        return None
    if named is None:
        named = local_records.read_keys_and_names(mapping, [coupling.local_id])
    key_and_name = named.get(coupling.local_id, ("", ""))
    creating = coupling.job_id if is_being_created(coupling) else None
    return Pair(" ".join(key_and_name).strip(), f"the row {coupling.integration_id}", creating)


@transaction.atomic
def delete_coupling(coupling: Coupling, user: Any) -> None:
    """Delete one coupling past any job, and its base. By the audit entry jobs of before still know its record and row,
    and on what they were matched (pair_outcomes).
    """
    changes = {"local_id": (coupling.local_id, None), "integration_id": (coupling.integration_id, None)}
    key, name = names_of_pairs(coupling.mapping, [coupling]).get(coupling.pk, ("", ""))
    kept = {"criterion": coupling.criterion, "key": key, "name": name}
    audit.record_audit_entry(coupling, LogEntry.Action.DELETE, changes, user=user, kept=kept)
    keep_outcomes([coupling.pk])  # locks the job first, as jobs that end couplings do
    Coupling.objects.select_for_update().filter(pk=coupling.pk).first()  # so that nobody saves a new base meanwhile
    coupling.delete()  # with its base


def _insert(
    mapping: IntegrationTableMapping, local_id: UUID, row_id: UUID, organization_id: UUID, user: Any
) -> Coupling:
    """Insert a coupling that a person made, and its audit entry. Raises IntegrityError where either is coupled."""
    made = Coupling.objects.create(
        company=mapping.company,
        mapping=mapping,
        table=mapping.table,
        local_id=local_id,
        integration_id=row_id,
        organization_id=organization_id,
        method=Method.MANUAL,
    )
    values = {"mapping": mapping.name, "local_id": local_id, "integration_id": row_id}
    changes = {name: (None, value) for name, value in values.items()}
    audit.record_audit_entry(made, LogEntry.Action.CREATE, changes, user=user)
    return made


def incomparable(mapping: IntegrationTableMapping, given: Iterable[Criterion]) -> dict[tuple[str, str], BadCriteria]:
    """Return those of the criteria whose two sides cannot be compared, by field and column, with the refusal.

    Asks for the table's columns; while Dataverse cannot be asked nothing is known, and the job looks again. What is
    matched with captions of choices is text, and can be compared.
    """
    if mapping.uid_kind == "option":
        return {}
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
