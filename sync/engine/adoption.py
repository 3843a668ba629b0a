"""Rows that are in Dataverse already for records without a row: these are coupled with them, in place of new ones.

A price list has one line for a product and a unit, so there is no other row that a price could belong to.
"""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from core import bulk
from coupling.models import Coupling, CouplingBase, Method
from jobs.errors import SliceEnded, Yielded
from jobs.running.context import JobContext
from sync.engine.decisions import Decider
from sync.engine.pairs import Pair, Record, read_couplings

_COLUMNS = (
    "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id",
)  # fmt: skip


def existing_rows(decider: Decider, records: Sequence[Record]) -> dict[UUID, UUID]:
    """Return the rows that are there already for uncoupled records, by the records' ids; each row once."""
    rules = decider.row_rules
    if not rules.finds_rows or not records:
        return {}
    values = [record.values for record in records]
    decider.fields.prepare(values, [])
    new_rows = decider.values.new_rows(records)
    rules.load(values, [new.columns for new in new_rows])
    found: dict[UUID, UUID] = {}
    for record, new in zip(records, new_rows, strict=True):
        if not new.problems and (row_id := rules.existing_row(record.values, new.columns)) is not None:
            found.setdefault(row_id, record.id)
    coupled = Coupling.objects.filter(
        company=decider.mapping.company_id, table=decider.mapping.table, integration_id__in=list(found)
    )
    for row_id in coupled.values_list("integration_id", flat=True):
        del found[row_id]
    return {local_id: row_id for row_id, local_id in found.items()}


def adopt_existing(context: JobContext, decider: Decider, records: Sequence[Record]) -> tuple[list[Pair], list[Record]]:
    """Couple uncoupled records with the rows that are there already. Returns these pairs, and the other records.

    A slice does not end here; it does at the chunk's own checkpoint.
    """
    found = existing_rows(decider, records)
    if not found:
        return [], list(records)
    mapping, gateway = decider.mapping, decider.gateway
    organization_id = gateway.organization_id
    with suppress(SliceEnded, Yielded), context.checkpoint():
        bulk.insert(
            Coupling, _COLUMNS,
            [
                (mapping.company_id, mapping.pk, mapping.table, local_id, row_id, organization_id, Method.MATCHED,
                 decider.job_id)
                for local_id, row_id in found.items()
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        coupled = decider.reader.couplings.filter(local_id__in=list(found))
        new = [(pk, mapping.company_id, mapping.pk) for pk in coupled.filter(base=None).values_list("pk", flat=True)]
        bulk.insert(CouplingBase, ("coupling_id", "company_id", "mapping_id"), new)
    couplings = read_couplings(decider.reader.couplings.filter(local_id__in=list(found)))
    rows = gateway.read(mapping, decider.columns, [coupling.integration_id for coupling in couplings])
    return decider.reader.read_pairs(couplings, rows), [record for record in records if record.id not in found]
