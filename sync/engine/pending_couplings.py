"""Couplings whose rows are about to be sent for creation, under GUIDs chosen here."""

from collections.abc import Sequence
from uuid import UUID

from core import bulk
from coupling.models import Coupling, Method
from sync.engine.chunk import NewRemoteRow
from sync.engine.pairs import PairReader

_COLUMNS = (
    "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id", "pending",
)  # fmt: skip


def insert_pending(
    reader: PairReader, job_id: int, organization_id: UUID, new: Sequence[NewRemoteRow]
) -> dict[UUID, int]:
    """Insert pending couplings for new rows; return their ids by row id, without those of records coupled meanwhile."""
    mapping = reader.mapping
    bulk.insert(
        Coupling, _COLUMNS,
        [
            (mapping.company_id, mapping.pk, mapping.table, one.record.id, one.id, organization_id, Method.CREATED,
             job_id, True)
            for one in new
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    # New ids follow each other in time, so these rows stand together in the index and are found by their range.
    row_ids = [one.id for one in new]
    inserted = reader.couplings.filter(job_id=job_id, integration_id__range=(min(row_ids), max(row_ids)))
    return dict(inserted.values_list("integration_id", "id"))
