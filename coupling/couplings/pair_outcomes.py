"""Outcomes without rows whose number is the id of a coupling: the pairs and records they are told from.

A coupling that is gone is known by the outcome of the job that ended it (OutcomeRow.number), or by the audit entry of
the person who did (services.delete_coupling).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet

from coupling import local_records
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from jobs import outcomes
from jobs.models import Job, JobOutcome, Outcome
from masterdata.catalog import LocalTable

_PART = 500


@dataclass(frozen=True, slots=True)
class KnownPair:
    """A pair that outcomes are told from; key and name: of the record, where the coupling is gone."""

    local_id: UUID
    integration_id: UUID | None
    criterion: int | None
    key: str = ""
    name: str = ""


def pairs_by_id(numbers: Sequence[int]) -> dict[int, KnownPair]:
    """Return the couplings by id, those that are gone as what ended them knows them."""
    pairs: dict[int, KnownPair] = {}
    for start in range(0, len(numbers), _PART):
        part = numbers[start : start + _PART]
        found = Coupling.objects.filter(pk__in=part).values_list("pk", "local_id", "integration_id", "criterion")
        pairs |= {pk: KnownPair(local_id, row_id, criterion) for pk, local_id, row_id, criterion in found}
        if gone := [number for number in part if number not in pairs]:
            # What was kept of a coupling has values in place of the criterion, which its end still knows.
            ends = list(outcomes.ends_of(gone))
            pairs |= _ended([one for one in ends if one.outcome == Outcome.COUPLED])
            pairs |= _deleted_by_people(_deletions().filter(object_id__in=gone))
            pairs |= _ended([one for one in ends if one.outcome != Outcome.COUPLED])
    return pairs


def _ended(ends: Iterable[JobOutcome]) -> dict[int, KnownPair]:
    return {
        one.number: KnownPair(
            one.local_id, one.integration_id, (one.detail or {}).get("criterion"), one.local_key, one.local_name
        )
        for one in ends
        if one.number is not None and one.local_id is not None
    }


def _deletions() -> "QuerySet[LogEntry]":
    """Return the audit entries of couplings that people deleted past any job."""
    of_couplings = ContentType.objects.get_for_model(Coupling)
    found: QuerySet[LogEntry] = LogEntry.objects.filter(content_type=of_couplings, action=LogEntry.Action.DELETE)
    return found.order_by("pk")


def _deleted_by_people(entries: "QuerySet[LogEntry]") -> dict[int, KnownPair]:
    """Return the pairs of such entries by the ids of their couplings."""
    found = {}
    read = entries.values_list("object_id", "changes", "additional_data")
    for number, changes, kept in read.iterator(chunk_size=2000):
        before = {name: pair[0] for name, pair in (changes or {}).items()}
        if number is not None and before.get("local_id") and before.get("integration_id"):
            ids, kept = (UUID(before["local_id"]), UUID(before["integration_id"])), kept or {}
            found[number] = KnownPair(*ids, kept.get("criterion"), kept.get("key", ""), kept.get("name", ""))
    return found


def names_of_pairs(mapping: IntegrationTableMapping, couplings: Iterable[Coupling]) -> dict[int, tuple[str, str]]:
    """Return key and name of the records of couplings, by these; of deleted records what is known of them still."""
    ids = {coupling.pk: coupling.local_id for coupling in couplings}
    named = local_records.read_names_if_usable(mapping, ids.values())
    found = {pk: named[local_id] for pk, local_id in ids.items() if local_id in named}
    return found | names_of_deleted({pk: local_id for pk, local_id in ids.items() if pk not in found})


def names_of_deleted(local_ids: Mapping[int, UUID]) -> dict[int, tuple[str, str]]:
    """Return key and name by which what stands undone, or an earlier job, knows deleted records; by couplings."""
    found: dict[int, tuple[str, str]] = {}
    for part in _parts(list(local_ids)):
        undone = UndoneRecord.objects.filter(coupling__in=part).exclude(local_key="")
        found |= {pk: (key, name) for pk, key, name in undone.values_list("coupling_id", "local_key", "local_name")}
        newest = outcomes.newest_names(local_ids[pk] for pk in part if pk not in found)
        found |= {pk: newest[local_ids[pk]] for pk in part if pk not in found and local_ids[pk] in newest}
    return found


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _PART] for start in range(0, len(ids), _PART))


def mapping_and_table(job: Job) -> tuple[IntegrationTableMapping | None, LocalTable | None]:
    """Return a job's mapping and the local table it is about, as far as they are there yet; one query, kept."""
    kept: tuple[IntegrationTableMapping | None, LocalTable | None] | None = vars(job).get("_mapping_and_table")
    if kept is None:
        kept = vars(job)["_mapping_and_table"] = _mapping_and_table(job)
    return kept


def _mapping_and_table(job: Job) -> tuple[IntegrationTableMapping | None, LocalTable | None]:
    mapping = IntegrationTableMapping.objects.filter(company=job.company, name=job.mapping_name).first()
    if mapping is None:
        return None, None
    try:
        return mapping, local_records.get_table(mapping)
    except local_records.Unusable:
        return mapping, None


def read_by_id(
    job: Job, table: LocalTable, ids: Iterable[UUID], fields: Sequence[str] = ()
) -> dict[UUID, tuple[Any, ...]]:
    """Return (key, name, values of `fields`) of the records of these ids, by id; those gone are missing."""
    records, wanted = table.rows(job.company), list(dict.fromkeys(ids))
    found: dict[UUID, tuple[Any, ...]] = {}
    for start in range(0, len(wanted), _PART):
        part = records.order_by().filter(system_id__in=wanted[start : start + _PART])
        for row_id, *rest in part.values_list("system_id", table.key, table.title, *fields):
            found[row_id] = tuple(rest)
    return found


def _has_text(pair: KnownPair, text: str) -> bool:
    return pair.key.lower().startswith(text.lower()) or text.lower() in pair.name.lower()


class PairOutcomes:
    """How such outcomes are searched (jobs.registry.DerivedOutcomes). A note begins with the row's name, if any."""

    def find(self, job: Job, text: str) -> Iterable[int]:
        """Yield the couplings whose record's number begins with a text, or whose name has it."""
        meant = Q(local_key__istartswith=text) | Q(local_name__icontains=text)
        by_jobs = outcomes.ended_in(job.company).filter(meant)
        yield from filter(None, by_jobs.values_list("number", flat=True))
        mapping, table = mapping_and_table(job)
        if mapping is None or table is None:
            return
        named = table.rows(job.company).filter(
            Q(**{f"{table.key}__istartswith": text}) | Q(**{f"{table.title}__icontains": text})
        )
        found = Coupling.objects.filter(mapping=mapping, local_id__in=named.values("system_id"))
        yield from found.values_list("pk", flat=True).iterator(chunk_size=2000)
        ended = _deleted_by_people(_deletions())
        yield from (number for number, pair in ended.items() if _has_text(pair, text))
        deleted = [(pair.local_id, number) for number, pair in ended.items()]
        for start in range(0, len(deleted), _PART):
            part = deleted[start : start + _PART]
            there = set(named.filter(system_id__in=[one for one, _ in part]).values_list("system_id", flat=True))
            yield from (number for local_id, number in part if local_id in there)

    def note_matches(self, note: Any, text: str) -> bool:
        """Return whether the row's name has a text in it."""
        return bool(note) and text in note[0].lower()
