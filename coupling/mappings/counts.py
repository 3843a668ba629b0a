"""Counts of each mapping's records, couplings and conflicts, in one query for all mappings; the last job of each."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from coupling import filters, local_records
from coupling.models import Coupling, IntegrationTableMapping
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
_COUNTED = ("records", "uncoupled", "unconfirmed", "couplings", "pending", "undone", "conflicts")

LARGE = 200_000
STORED_S = 30
"""Seconds for which the numbers of more than LARGE records are stored at least."""
_STORED_FOR = 100
"""How many times as long as counting took they are stored, so that people seldom wait: some minutes at a million
records."""


def count_records(company: Company, mappings: Iterable[IntegrationTableMapping]) -> dict[int, Counts]:
    """Return the numbers by the mapping's id; of large tables as they stood within the last minutes."""
    chosen = list(mappings)
    key = f"coupling.counts.{company.pk}.{'.'.join(str(mapping.pk) for mapping in chosen)}"
    stored: dict[int, Counts] | None = cache.get(key)
    if stored is not None:
        return stored
    began = time.monotonic()
    numbers = _counted(company, chosen)
    if sum(one.records for one in numbers.values()) > LARGE:
        cache.set(key, numbers, max(STORED_S, _STORED_FOR * (time.monotonic() - began)))
    return numbers


def _counted(company: Company, chosen: list[IntegrationTableMapping]) -> dict[int, Counts]:
    counts: dict[str, Any] = {}
    counted_at = timezone.now()
    unusable: set[int] = set()
    for mapping in chosen:
        try:
            inside, uncoupled = local_records.filtered_records(mapping), local_records.uncoupled_records(mapping)
            unconfirmed = local_records.unconfirmed_records(mapping)
        except (local_records.Unusable, filters.BadFilter):
            unusable.add(mapping.pk)
            continue
        couplings = Coupling.objects.filter(mapping=mapping)
        by_company = couplings.filter(company=company)  # as the index of conflicting ones begins
        counts |= {
            f"records_{mapping.pk}": _count(inside),
            f"uncoupled_{mapping.pk}": _count(uncoupled),
            f"unconfirmed_{mapping.pk}": _count(unconfirmed),
            f"couplings_{mapping.pk}": _count(couplings),
            f"pending_{mapping.pk}": _count(couplings.filter(pending=True)),
            f"undone_{mapping.pk}": _count(left_undone(company).filter(mapping=mapping)),
            f"conflicts_{mapping.pk}": _count(by_company.filter(conflict__isnull=False)),
        }
    found: dict[str, Any] = dict(Company.objects.filter(pk=company.pk).values(**counts)[0]) if counts else {}
    numbers: dict[int, Counts] = {}
    for mapping in chosen:
        if mapping.pk in unusable:
            numbers[mapping.pk] = Counts(usable=False)
        else:
            one = {name: int(found[f"{name}_{mapping.pk}"]) for name in _COUNTED}
            numbers[mapping.pk] = Counts(
                records=one["records"], uncoupled=one["uncoupled"] + one["unconfirmed"],
                coupled=one["couplings"] - one["pending"], pending=one["pending"], undone=one["undone"],
                conflicts=one["conflicts"], counted_at=counted_at,
            )  # fmt: skip
    return numbers


def latest_jobs(company: Company) -> dict[str, Job]:
    """Return the newest job of each mapping of a company, by the mapping's name, in one query."""
    newest = Job.objects.filter(company=company, mapping_name=OuterRef("name")).order_by("-id").values("pk")[:1]
    ids = IntegrationTableMapping.objects.filter(company=company).values(job=Subquery(newest))
    jobs = Job.objects.filter(pk__in=ids).defer("parameters", "resume", "detail")
    return {job.mapping_name: job for job in jobs}


def _count(rows: "QuerySet[Any]") -> Any:
    """Return a query's number of rows, as a part of another query."""
    counted = rows.order_by().values("company").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
