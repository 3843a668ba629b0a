"""The verbs by which failed records are settled: couple with chosen rows, create rows, try again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.refusals import Refusal
from coupling.brakes import Brakes
from coupling.couplings.by_hand import RowsSeen, require_row
from coupling.couplings.services import couple_by_hand, start_coupling
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters
from coupling.models import Coupling, FailedRecord, IntegrationTableMapping
from jobs.errors import EmptySelection
from jobs.models import Job, Type
from sync.coupling_setup.services import create_in_dataverse, require_rows

MOST_COUPLED = 500
"""Records coupled with candidates at once."""


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


def create_rows(*, failed: "QuerySet[FailedRecord]", user: Any = None) -> list[tuple[Job, list[int]]]:
    """Queue the creation of rows for failed records; return each job with the failed records it is about.

    Raises EmptySelection, Refusal.
    """
    found = _by_mapping(failed)
    if not found:
        raise EmptySelection
    return [
        (create_in_dataverse(mapping=mapping, records=[local_id for _, local_id in lines], user=user),
         [pk for pk, _ in lines])
        for mapping, lines in found.items()
    ]  # fmt: skip


def retry(*, failed: "QuerySet[FailedRecord]", user: Any = None) -> list[tuple[Job, list[int]]]:
    """Queue the attempt that failed once more, by the criteria and the brakes of then.

    Return each job with the failed records it is about.

    Raises EmptySelection, Refusal.
    """
    lines = list(failed.order_by().values_list("pk", "mapping_id", "job_id", "local_id"))
    if not lines:
        raise EmptySelection
    jobs = Job.objects.in_bulk({job_id for _, _, job_id, _ in lines})
    mappings = IntegrationTableMapping.objects.select_related("company").in_bulk({one for _, one, _, _ in lines})
    alike: dict[tuple[int, CouplingParameters | None], list[tuple[int, UUID]]] = defaultdict(list)
    for pk, mapping_id, job_id, local_id in lines:
        job = jobs.get(job_id)
        creates = job is not None and job.type == Type.SYNCHRONIZATION
        asked = (
            None if creates else CouplingParameters.load(job.parameters) if job is not None else CouplingParameters()
        )
        alike[mapping_id, asked].append((pk, local_id))
    started = []
    for (mapping_id, asked), some in alike.items():
        mapping, ids = mappings[mapping_id], [local_id for _, local_id in some]
        if asked is None:
            job = create_in_dataverse(mapping=mapping, records=ids, user=user)
        else:
            # What a preview created was ticked there, record by record: that allows no other.
            job = start_coupling(
                mapping=mapping, selection=ids, criteria=asked.criteria or None,
                create_new=asked.create and asked.preview is None, only_unmatched=asked.only_unmatched,
                synchronize=asked.synchronize, conflicts=asked.conflict, user=user, brakes=Brakes.asked(asked),
            )  # fmt: skip
        started.append((job, [pk for pk, _ in some]))
    return started


def _by_mapping(failed: "QuerySet[FailedRecord]") -> dict[IntegrationTableMapping, list[tuple[int, UUID]]]:
    """Return failed records by mapping: (id, the record's id)."""
    lines: dict[int, list[tuple[int, UUID]]] = defaultdict(list)
    for pk, mapping_id, local_id in failed.order_by().values_list("pk", "mapping_id", "local_id"):
        lines[mapping_id].append((pk, local_id))
    mappings = IntegrationTableMapping.objects.select_related("company").in_bulk(list(lines))
    return {mappings[mapping_id]: some for mapping_id, some in lines.items()}


def records_of(failed: "QuerySet[FailedRecord]") -> Iterable[UUID]:
    """Yield the ids of the records that failed."""
    return failed.order_by("local_key", "pk").values_list("local_id", flat=True).iterator(chunk_size=5000)
