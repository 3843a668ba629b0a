"""What synchronization left undone, as pages and counts see it: what still stands, and what a person settled."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from coupling.models import Coupling, UndoneRecord
from jobs.mentions import Mention, Reader

FOR_A_RECORD = "record:"
"""Begins what a row waits for that is not created while a record here, a likely duplicate, may be it."""


def read_condition(line: UndoneRecord, reader: Reader) -> str:
    """Return what holds it back, as the reader sees it."""
    mentions = [Mention(line.other_company_id)] if line.other_company_id is not None else []
    return reader.read(line.condition, mentions)


def left_undone(company: Any, *, settled: bool = False) -> "QuerySet[UndoneRecord]":
    """Return what stands undone in a company; or what a person settled as it is.

    Without the lines of couplings that were deleted since, and of records and rows that were coupled since: whoever
    did that need not know of this table.
    """
    pairs = Coupling.objects.filter(pk=OuterRef("coupling_id"))
    record = Coupling.objects.filter(mapping=OuterRef("mapping_id"), local_id=OuterRef("local_id"), pending=False)
    row = Coupling.objects.filter(
        company=OuterRef("company_id"), table=OuterRef("mapping__table"), integration_id=OuterRef("integration_id")
    )
    still = Q(Exists(pairs)) | (Q(coupling=None) & ~Q(Exists(record)) & ~Q(Exists(row)))
    return UndoneRecord.objects.filter(company=company, settled_at__isnull=not settled).filter(still)
