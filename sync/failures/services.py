"""The verbs by which failed records are settled: couple with chosen rows, create rows, try again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from core.refusals import Refusal
from coupling.brakes import Brakes
from coupling.couplings.by_hand import RowsSeen, require_row
from coupling.couplings.services import couple_by_hand, start_coupling
from coupling.failures.services import reason_of
from coupling.failures.settle_job import DESCRIPTIONS
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters, Settle
from coupling.mappings.services import exclusive_key
from coupling.models import Coupling, FailedRecord, IntegrationTableMapping
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.models import Job, Type
from sync.coupling_setup.services import create_in_dataverse, require_rows

MOST_AT_ONCE = 500
"""Records that are coupled with candidates or ignored at once; more are by a job."""


@dataclass(slots=True)
class Settled:
    """What came of coupling: the couplings made, and a sentence for each record that could not be coupled."""

    coupled: list[Coupling] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def couple_with(*, pairs: Sequence[tuple[FailedRecord, UUID]], user: Any = None) -> Settled:
    """Couple failed records with the rows chosen for them; what cannot be is told, and the others are coupled.

    Nothing is transferred: the next synchronization does that. Raises EmptySelection, Refusal, DataverseError.
    """
    if not pairs:
        raise EmptySelection
    settled = Settled()
    by_mapping: dict[int, list[tuple[FailedRecord, UUID]]] = defaultdict(list)
    for failed, row_id in pairs:
        by_mapping[failed.mapping_id].append((failed, row_id))
    mappings = IntegrationTableMapping.objects.select_related("company").in_bulk(list(by_mapping))
    for mapping_id, some in by_mapping.items():
        _couple(mappings[mapping_id], some, user, settled)
    return settled


def _couple(
    mapping: IntegrationTableMapping, pairs: Sequence[tuple[FailedRecord, UUID]], user: Any, settled: Settled
) -> None:
    require_rows(mapping)
    gateway = Gateway(mapping.company)
    organization_id = gateway.organization_id
    rows = RowsSeen(mapping, gateway, user=user).read_all([row_id for _, row_id in pairs])
    for failed, row_id in pairs:
        try:
            seen = require_row(rows.get(row_id))
            made = couple_by_hand(
                mapping=mapping, local_id=failed.local_id, integration_id=row_id, organization_id=organization_id,
                user=user, seen=seen.standing,
            )  # fmt: skip
        except Refusal as error:
            settled.refused.append(f"{failed}: {error.user_message}")
        else:
            settled.coupled.append(made)


class Started(NamedTuple):
    """A job that was started, and the failed records that it takes up."""

    job: Job
    failed: "QuerySet[FailedRecord]"


def couple_by_job(
    *, failed: "QuerySet[FailedRecord]", chosen: Iterable[tuple[UUID, UUID]] = (), user: Any = None
) -> list[Started]:
    """Queue the coupling of failed records, however many, with their candidates: one job for each mapping.

    chosen: the rows that a person chose for some, as (record, row); the others are coupled with the only row that may
    be, or with the one nearly alike that stands out. Nothing is transferred. Raises EmptySelection, Refusal.
    """
    pairs = tuple(chosen)
    return _settle(failed, CouplingParameters(settle=Settle.COUPLE, chosen=pairs), user)


def ignore_by_job(*, failed: "QuerySet[FailedRecord]", because: str, user: Any = None) -> list[Started]:
    """Queue that failed records are ignored, however many, for a reason. Raises EmptySelection, Refusal."""
    said = reason_of(because)
    return _settle(failed, CouplingParameters(settle=Settle.IGNORE, because=said), user)


@transaction.atomic
def _settle(failed: "QuerySet[FailedRecord]", asked: CouplingParameters, user: Any) -> list[Started]:
    started = []
    for mapping, lines in _by_mapping(failed).items():
        if asked.settle is Settle.COUPLE:
            require_rows(mapping)
        job = jobs.start(
            company=mapping.company, type=Type.COUPLING, mapping_name=mapping.name,
            exclusive_key=exclusive_key(mapping), direction=mapping.direction, description=DESCRIPTIONS[asked.settle],
            parameters=asked.dump(), selection=_ids(lines), user=user,
        )  # fmt: skip
        started.append(Started(job, lines))
    if not started:
        raise EmptySelection
    return started


def create_rows(*, failed: "QuerySet[FailedRecord]", user: Any = None) -> list[Started]:
    """Queue the creation of rows for failed records. Raises EmptySelection, Refusal."""
    found = _by_mapping(failed)
    if not found:
        raise EmptySelection
    return [
        Started(create_in_dataverse(mapping=mapping, records=_ids(lines), user=user), lines)
        for mapping, lines in found.items()
    ]


def retry(*, failed: "QuerySet[FailedRecord]", user: Any = None) -> list[Started]:
    """Queue the attempt that failed once more, by the criteria and the brakes of then.

    Raises EmptySelection, Refusal.
    """
    tried = set(failed.order_by().values_list("mapping_id", "job_id").distinct())
    if not tried:
        raise EmptySelection
    by_id = Job.objects.in_bulk({job_id for _, job_id in tried})
    mappings = IntegrationTableMapping.objects.select_related("company").in_bulk({one for one, _ in tried})
    alike: dict[tuple[int, CouplingParameters | None], list[int]] = defaultdict(list)
    for mapping_id, job_id in sorted(tried):
        job = by_id.get(job_id)
        creates = job is not None and job.type == Type.SYNCHRONIZATION
        asked = (
            None if creates else CouplingParameters.load(job.parameters) if job is not None else CouplingParameters()
        )
        alike[mapping_id, asked].append(job_id)
    started = []
    for (mapping_id, asked), job_ids in alike.items():
        mapping, lines = mappings[mapping_id], failed.filter(mapping_id=mapping_id, job_id__in=job_ids)
        if asked is None:
            job = create_in_dataverse(mapping=mapping, records=_ids(lines), user=user)
        else:
            # What a preview created was ticked there, record by record: that allows no other.
            job = start_coupling(
                mapping=mapping, selection=_ids(lines), criteria=asked.criteria or None,
                create_new=asked.create and asked.preview is None, only_unmatched=asked.only_unmatched,
                synchronize=asked.synchronize, conflicts=asked.conflict, user=user, brakes=Brakes.asked(asked),
            )  # fmt: skip
        started.append(Started(job, lines))
    return started


def _ids(failed: "QuerySet[FailedRecord]") -> "QuerySet[Any, UUID]":
    """Return the ids of the records that failed, which a job stores without their being read."""
    return failed.order_by().values_list("local_id", flat=True)


def _by_mapping(failed: "QuerySet[FailedRecord]") -> dict[IntegrationTableMapping, "QuerySet[FailedRecord]"]:
    """Return failed records by mapping."""
    ids = list(failed.order_by().values_list("mapping_id", flat=True).distinct())
    mappings = IntegrationTableMapping.objects.select_related("company").filter(pk__in=ids).order_by("pk")
    return {one: failed.filter(mapping=one) for one in mappings}


def records_of(failed: "QuerySet[FailedRecord]") -> Iterable[UUID]:
    """Yield the ids of the records that failed."""
    return failed.order_by("local_key", "pk").values_list("local_id", flat=True).iterator(chunk_size=5000)
