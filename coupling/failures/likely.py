"""Likely duplicates: failed records for which Dataverse has a row already, by all that a coupling job found out.

Nobody asked for a second one, so no run over a whole mapping creates it, nor anything here for the rows that came into
question; whether a person ignores the failure makes no difference. They wait until a person couples the record or has
its row created, or until a later coupling job finds nothing like it.
"""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from core.refusals import Refusal
from coupling import local_records
from coupling.failures.further_rows import find_further_rows
from coupling.failures.standing import NEAR_MISS, candidates_of, mappings_with_failures
from coupling.gateway import Gateway
from coupling.models import FailedRecord, IntegrationTableMapping, pairs_of
from jobs import outcomes
from jobs.display import ERRORS_TITLE
from jobs.models import Job, Reason

COUPLE, CREATE = "Couple to Candidate", "Create in Dataverse"
"""The actions by which a person settles one, on Integration Synchronization Errors."""
_HAS_ROW = Q(reason__in=(Reason.MULTIPLE_MATCHES, Reason.ALREADY_COUPLED))
LIKELY = _HAS_ROW | Q(nearly__gte=NEAR_MISS)
"""The condition on failed records that they are likely duplicates, as previews count them: several rows match, the one
that does is taken, or one is the same but for how it is written.
"""
NEARLY = _HAS_ROW | Q(nearly__gt=0)
"""The condition that a person is told before a row is created: there is such a row, or one that has much in common."""
TOLD_APART = frozenset({"productpricelevel", "transactioncurrency", "uom", "uomschedule"})
"""Tables in Dataverse of which a run finds by itself the one row that a record can have, by its code, product or list:
however many others are alike, a record without that row is new.
"""
_PART, _FURTHER = 500, 20
"""Failed records whose outcomes are read at once, and whose further rows are asked for at once."""
_MOST_OF_COLUMN = 2**31
_FOUND: dict[str, str] = {
    Reason.MULTIPLE_MATCHES: "Several rows in Dataverse match the record",
    Reason.ALREADY_COUPLED: "The one row in Dataverse that matches the record is coupled to another record",
}


def likely_duplicates(mapping: IntegrationTableMapping) -> "QuerySet[FailedRecord]":
    """Return the mapping's likely duplicates, also those that were coupled or deleted since."""
    failed = FailedRecord.objects.filter(mapping=mapping).filter(LIKELY)
    return failed.none() if mapping.integration_table in TOLD_APART else failed


def waiting(mapping: IntegrationTableMapping) -> "QuerySet[FailedRecord]":
    """Return the likely duplicates that wait for a person: inside the table filter, and not coupled.

    Raises local_records.Unusable where the mapping's table is gone.
    """
    return likely_duplicates(mapping).filter(_still_waits(mapping))


def _still_waits(mapping: IntegrationTableMapping) -> Q:
    records = local_records.filtered_records(mapping).order_by().filter(system_id=OuterRef("local_id"))
    pairs = pairs_of(mapping).filter(local_id=OuterRef("local_id"))
    return Q(Exists(records), ~Exists(pairs))


def count_waiting(company: Any, mappings: Iterable[IntegrationTableMapping] | None = None) -> dict[str, int]:
    """Return how many likely duplicates wait for a person, by the name of the mapping; without those that have none.

    mappings: those with failures, where the caller has them already.
    """
    still = Q()
    for mapping in mappings_with_failures(company) if mappings is None else mappings:
        if mapping.integration_table in TOLD_APART:
            continue
        with suppress(local_records.Unusable):  # its app is gone, and no run creates anything of it
            still |= Q(mapping=mapping) & _still_waits(mapping)
    if not still:
        return {}
    found = FailedRecord.objects.filter(LIKELY, company=company).filter(still).order_by("mapping__name")
    return dict(found.values_list("mapping__name").annotate(Count("pk")))


def count_text(count: int) -> str:
    """Return how many likely duplicates wait and where, as a sentence; "" for none."""
    if not count:
        return ""
    if count == 1:
        return f"1 likely duplicate waits for a person and was not created: settle it on {ERRORS_TITLE}."
    return f"{count:,} likely duplicates wait for a person and were not created: settle them on {ERRORS_TITLE}."


def why_not_created(failed: FailedRecord) -> str:
    """Return why no row is created for a record, and what to do, as one text."""
    found = _FOUND.get(failed.reason, "A row in Dataverse is nearly the same as the record")
    return (
        f"{found}, so no other row was created: it would be a likely duplicate. Settle it on {ERRORS_TITLE}: "
        f"{COUPLE}, or {CREATE} where it is really new."
    )


def why_not_created_here(failed: FailedRecord) -> str:
    """Return why no record is created for a row that came into question, and what to do, as one text."""
    return f"{failed} here may be this row. Settle it on {ERRORS_TITLE}; the next run then goes on by itself."


def mark_of(mapping: IntegrationTableMapping, uncoupled: int) -> int:
    """Return a number that changes when a likely duplicate comes, goes or is found again; without any, `uncoupled`.

    uncoupled: how often couplings of the mapping were deleted.
    """
    found = likely_duplicates(mapping).aggregate(count=Count("pk"), ids=Sum("pk"))
    if not found["count"]:
        return uncoupled
    return zlib.crc32(f"{uncoupled} {found['count']} {found['ids']}".encode()) % _MOST_OF_COLUMN


def candidate_rows(mapping: IntegrationTableMapping, gateway: Gateway) -> dict[UUID, FailedRecord]:
    """Return the Dataverse rows that came into question for likely duplicates that wait, each with the first of these.

    A job keeps the first rows that matched; where there were more, they are asked for again. Raises DataverseError.
    """
    found: dict[UUID, FailedRecord] = {}
    for part in _parts(waiting(mapping)):
        told = outcomes.failures_of({one.job_id for one in part}, [one.local_id for one in part])
        more: list[FailedRecord] = []
        for one in part:
            outcome = told.get((one.job_id, one.local_id))
            candidates = candidates_of(outcome.detail if outcome is not None else None)
            for candidate in candidates:
                if (row_id := _row_id(candidate.get("id"))) is not None:
                    found.setdefault(row_id, one)
            if outcome is not None and _matched(outcome.detail) > sum(not each.get("nearly") for each in candidates):
                more.append(one)
        for row_id, one in _further(mapping, gateway, more):
            found.setdefault(row_id, one)
    return found


def _parts(failed: "QuerySet[FailedRecord]") -> Iterator[list[FailedRecord]]:
    after = 0
    while part := list(failed.filter(pk__gt=after).order_by("pk")[:_PART]):
        yield part
        after = part[-1].pk


def _matched(detail: Any) -> int:
    """Return how many rows matched a record at the priority that had most, by the detail of its outcome."""
    trail = detail.get("trail") if isinstance(detail, dict) else None
    return max((int(step.get("rows") or 0) for step in trail or ()), default=0)


def _row_id(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:  # a choice
        return None


def _further(
    mapping: IntegrationTableMapping, gateway: Gateway, failed: list[FailedRecord]
) -> Iterator[tuple[UUID, FailedRecord]]:
    jobs = Job.objects.in_bulk({one.job_id for one in failed})
    for start in range(0, len(failed), _FURTHER):
        part = failed[start : start + _FURTHER]
        try:
            rows = find_further_rows(mapping, gateway, part, jobs)
        except Refusal:  # they cannot be asked for by these criteria any more: those that are known count
            return
        for one in part:
            yield from ((row.id, one) for row in rows.get(one.local_id, ()))
