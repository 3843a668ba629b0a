"""Which failed records still stand: not coupled since, not deleted, not ignored; and what is noted when one fails."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from core import bulk
from coupling import local_records
from coupling.matching.decisions import UNLOOKED
from coupling.models import FailedRecord, IntegrationTableMapping, pairs_of
from jobs.models import Job, Type

ORDER = ("reason", "-nearly", "local_key", "id")
"""The order of the list, which an index has."""
_JOBS = (Type.COUPLING.value, Type.SYNCHRONIZATION.value)
_FIELDS = (
    "company_id", "mapping_id", "local_id", "local_key", "local_name", "reason", "nearly", "job_id", "failed_at",
    "seen", "ignored_at", "ignored_by_id", "ignored_because",
)  # fmt: skip
_NOT_IGNORED = (None, None, "")
NEAR_MISS = 100
"""Per cent from which on what is alike of a row is the same but for how it is written."""
_PART = 500


def standing(
    company: Any,
    *,
    ignored: bool = False,
    also: Iterable[int] = (),
    mappings: Sequence[IntegrationTableMapping] | None = None,
) -> "QuerySet[FailedRecord]":
    """Return the failed records of a company that still stand; ignored: those that people ignore instead.

    A record that is ignored stands again once it changes here. also: the ids of others to be shown among them;
    mappings: those with failures, where the caller has them already.
    """
    still = Q(pk__in=list(also))
    for mapping in mappings_with_failures(company) if mappings is None else mappings:
        try:
            table = local_records.get_table(mapping)
        except local_records.Unusable:  # its app is gone, and nobody can say whether the record is
            continue
        records = table.rows(company).order_by().filter(system_id=OuterRef("local_id"))
        pairs = pairs_of(mapping).filter(local_id=OuterRef("local_id"))
        changed = Q(Exists(records.filter(modified_at__gt=OuterRef("ignored_at"))))
        known = Q(ignored_at__isnull=False) & ~changed if ignored else Q(ignored_at__isnull=True) | changed
        still |= Q(mapping=mapping) & known & ~Q(Exists(pairs)) & Q(Exists(records))
    return FailedRecord.objects.filter(company=company).filter(still).order_by(*ORDER)


def mappings_with_failures(company: Any) -> list[IntegrationTableMapping]:
    """Return the mappings of a company that have failed records, whether or not these still stand."""
    failed = FailedRecord.objects.filter(mapping=OuterRef("pk"))
    mappings = IntegrationTableMapping.objects.filter(company=company).select_related("company")
    return list(mappings.filter(Exists(failed)).order_by("name"))


def note_failed(job: Job, rows: Sequence[Any]) -> None:
    """Save that a job failed with these records (OutcomeRow): the newest failure of each. See jobs.registry.on_failed.

    A job that had no look at rows that are nearly alike does not replace what an earlier one found by looking. What
    people ignore stays ignored while the job sees on both sides what it saw then; so does what was noted without
    that, from jobs before this list was kept.
    """
    if job.type not in _JOBS or not job.mapping_name or job.parameters.get("settle"):  # which tries nothing anew
        return
    mapping = IntegrationTableMapping.objects.filter(company=job.company_id, name=job.mapping_name).first()
    if mapping is None:
        return
    by_id = {row.local_id: row for row in rows}
    ids = list(by_id)
    ignored: dict[UUID, tuple[str, tuple[Any, Any, str]]] = {}
    for start in range(0, len(ids), _PART):
        part = ids[start : start + _PART]
        if job.type == Type.SYNCHRONIZATION:  # of what is coupled another list tells
            for coupled in pairs_of(mapping).filter(local_id__in=part).values_list("local_id", flat=True):
                by_id.pop(coupled, None)
        earlier = FailedRecord.objects.filter(mapping=mapping, local_id__in=part)
        if unlooked := [local_id for local_id in part if local_id in by_id and not _looked(by_id[local_id].detail)]:
            near = earlier.filter(nearly__gte=NEAR_MISS, local_id__in=unlooked)
            found = list(near.values_list("local_id", flat=True))
            earlier = earlier.exclude(local_id__in=found)
            for local_id in found:
                del by_id[local_id]
        for one in earlier.filter(ignored_at__isnull=False):
            ignored[one.local_id] = one.seen, (one.ignored_at, one.ignored_by_id, one.ignored_because)
        earlier._raw_delete(earlier.db)  # no signals, no collecting
    now = timezone.now()
    bulk.insert(FailedRecord, _FIELDS, [_line(job, mapping, row, now, ignored) for row in by_id.values()])


def drop_settled() -> None:
    """Delete the failed records that are coupled or gone by now, part by part: no list has them, but each would count
    them.
    """
    with_failures = IntegrationTableMapping.objects.filter(Exists(FailedRecord.objects.filter(mapping=OuterRef("pk"))))
    for mapping in with_failures.select_related("company"):
        failed = FailedRecord.objects.filter(mapping=mapping).order_by("pk")
        over = Q(Exists(pairs_of(mapping).filter(local_id=OuterRef("local_id"))))
        try:
            records = local_records.get_table(mapping).rows(mapping.company).order_by()
            over |= ~Q(Exists(records.filter(system_id=OuterRef("local_id"))))
        except local_records.Unusable:  # its app is gone, and nobody can say whether the record is
            pass
        while part := list(failed.filter(over).values_list("pk", flat=True)[:_PART]):
            FailedRecord.objects.filter(pk__in=part)._raw_delete(failed.db)


def _line(
    job: Job,
    mapping: IntegrationTableMapping,
    row: Any,
    now: Any,
    ignored: Mapping[UUID, tuple[str, tuple[Any, Any, str]]],
) -> tuple[Any, ...]:
    """Return a failed record as _FIELDS has it."""
    seen = fingerprint(row.reason, row.detail)
    before, how = ignored.get(row.local_id, ("", _NOT_IGNORED))
    return (
        job.company_id, mapping.pk, row.local_id, row.local_key[:80].replace("\0", ""),
        row.local_name[:200].replace("\0", ""), str(row.reason), nearest(row.detail), job.pk, now, seen,
        *(how if before in ("", seen) else _NOT_IGNORED),
    )  # fmt: skip


def _looked(detail: Any) -> bool:
    """Return whether the job looked for rows that are nearly alike, or had no reason to."""
    return not (isinstance(detail, Mapping) and detail.get(UNLOOKED))


def candidates_of(detail: Any) -> list[Mapping[str, Any]]:
    """Return the Dataverse rows that came into question for a record, given the detail of its outcome."""
    found = detail.get("candidates") if isinstance(detail, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def nearest(detail: Any) -> int:
    """Return how many per cent a record has in common with the row that is most nearly alike; 0 for none."""
    return max((int(one.get("nearly") or 0) for one in candidates_of(detail)), default=0)


def fingerprint(reason: str, detail: Any) -> str:
    """Return a hash of what a job saw of a record on both sides: values, rows, and whether they were taken."""
    given = detail if isinstance(detail, Mapping) else {}
    fields = [(one.get("local"), one.get("integration"), one.get("local_value")) for one in given.get("fields") or ()]
    rows = sorted(
        (str(one.get("id")), str(one.get("name")), bool(one.get("coupled_to"))) for one in candidates_of(detail)
    )
    counts = [step.get("rows") for step in given.get("trail") or ()]
    seen = msgspec.json.encode([str(reason), fields, rows, counts, given.get("code")], enc_hook=str)
    return hashlib.blake2b(seen, digest_size=16).hexdigest()
