"""Counts of each mapping's records, couplings and conflicts, in one query for all mappings; the last job of each."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, F, Func, IntegerField, OuterRef, QuerySet, Subquery, TextField, Value
from django.utils import timezone

from coupling import filters, local_records
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, OptionMapping
from coupling.undone import left_undone
from jobs.models import Job
from masterdata.models import Company


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of one mapping.

    records, uncoupled: those inside the table filter; coupled: all couplings, of records outside the filter too;
    pending: records whose row Dataverse has not confirmed, which count as uncoupled until it has; undone: what
    synchronization left undone; counted_at: when all this was so; usable: false where the mapping names a table or a
    field that is not there.
    """

    records: int = 0
    uncoupled: int = 0
    coupled: int = 0
    pending: int = 0
    undone: int = 0
    conflicts: int = 0
    counted_at: datetime | None = None
    usable: bool = True

    @property
    def is_stored(self) -> bool:
        """Whether they were counted for an earlier page, so that what is beside them has to say when."""
        return self.counted_at is not None and timezone.now() - self.counted_at > _JUST_NOW


_JUST_NOW = timedelta(seconds=5)
_AT_ONCE = 100
"""Mappings counted by one query, of which SQLite unites at most 500 parts."""

LARGE = 200_000
STORED_S = 30
"""Seconds for which the numbers of more than LARGE records are stored at least."""
_STORED_FOR = 100
"""How many times as long as counting took they are stored, so that people seldom wait: some minutes at a million
records."""


def count_records(company: Company, mappings: Iterable[IntegrationTableMapping]) -> dict[int, Counts]:
    """Return the numbers by the mapping's id; of large tables as they stood within the last minutes."""
    chosen = list(mappings)
    ids = ".".join(str(mapping.pk) for mapping in chosen)
    key = f"coupling.counts.{company.pk}.{hashlib.sha256(ids.encode()).hexdigest()}"
    stored: dict[int, Counts] | None = cache.get(key)
    if stored is not None:
        return stored
    began = time.monotonic()
    numbers = _counted(company, chosen)
    if sum(one.records for one in numbers.values()) > LARGE:
        cache.set(key, numbers, max(STORED_S, _STORED_FOR * (time.monotonic() - began)))
    return numbers


def _counted(company: Company, chosen: list[IntegrationTableMapping]) -> dict[int, Counts]:
    numbers: dict[int, Counts] = {}
    for start in range(0, len(chosen), _AT_ONCE):
        numbers |= _counted_at_once(company, chosen[start : start + _AT_ONCE])
    return numbers


def _counted_at_once(company: Company, chosen: list[IntegrationTableMapping]) -> dict[int, Counts]:
    counted_at = timezone.now()
    parts: list[QuerySet[Any, Any]] = []
    usable: list[IntegrationTableMapping] = []
    for mapping in chosen:
        with suppress(local_records.Unusable, filters.BadFilter):
            parts += _records_of(mapping)
            usable.append(mapping)
    found: dict[tuple[int, str], int] = defaultdict(int)
    if parts:
        parts += _pairs_and_undone(company, usable)
        found.update({(mapping, what): number for mapping, what, number in parts[0].union(*parts[1:], all=True)})
    numbers = {mapping.pk: Counts(usable=False) for mapping in chosen}
    for pk in [mapping.pk for mapping in usable]:
        numbers[pk] = Counts(
            records=found[pk, "records"], uncoupled=found[pk, "uncoupled"] + found[pk, "unconfirmed"],
            coupled=found[pk, "pairs"] - found[pk, "pending"], pending=found[pk, "pending"],
            undone=found[pk, "undone"], conflicts=found[pk, "conflicts"], counted_at=counted_at,
        )  # fmt: skip
    return numbers


def _records_of(mapping: IntegrationTableMapping) -> "list[QuerySet[Any, Any]]":
    """Return the parts about a mapping's local records. Raises Unusable, filters.BadFilter."""
    inside = local_records.filtered_records(mapping)
    parts = {
        "records": inside,
        "uncoupled": local_records.uncoupled_records(mapping, inside),
        "unconfirmed": local_records.unconfirmed_records(mapping, inside),
    }
    number = Func(F("pk"), function="COUNT", output_field=IntegerField())  # an aggregate would group by the rest
    return [
        rows.order_by().values_list(Value(mapping.pk, IntegerField()), Value(what, TextField()), number)
        for what, rows in parts.items()
    ]


def _pairs_and_undone(company: Company, mappings: list[IntegrationTableMapping]) -> "list[QuerySet[Any, Any]]":
    """Return the parts that count for all mappings at once; a mapping of which there is nothing is missing."""
    couplings = Coupling.objects.filter(mapping__in=mappings)
    of_options = [mapping.pk for mapping in mappings if mapping.uid_kind == "option"]
    of_rows = [mapping.pk for mapping in mappings if mapping.uid_kind != "option"]  # as coupling.models.pairs_of
    parts: list[tuple[str, QuerySet[Any]]] = [
        ("pairs", Coupling.objects.filter(mapping__in=of_rows)),
        ("pairs", OptionMapping.objects.filter(mapping__in=of_options)),
        ("pending", couplings.filter(pending=True)),
        ("undone", left_undone(company).filter(mapping__in=mappings)),
        ("conflicts", CouplingBase.objects.filter(company=company, mapping__in=mappings, conflict__isnull=False)),
    ]
    return [
        rows.order_by().values("mapping_id").annotate(_what=Value(what, TextField()), _n=Count("pk"))
        .values_list("mapping_id", "_what", "_n")
        for what, rows in parts
    ]  # fmt: skip


def latest_jobs(company: Company) -> dict[str, Job]:
    """Return the newest job of each mapping of a company, by the mapping's name, in one query."""
    newest = Job.objects.filter(company=company, mapping_name=OuterRef("name")).order_by("-id").values("pk")[:1]
    ids = IntegrationTableMapping.objects.filter(company=company).values(job=Subquery(newest))
    jobs = Job.objects.filter(pk__in=ids).defer("parameters", "resume", "detail")
    return {job.mapping_name: job for job in jobs}
