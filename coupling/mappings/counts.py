"""How many records each mapping has, inside its table filter and among them uncoupled: one query for all mappings."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from coupling import filters, local_records
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job
from masterdata.models import Company


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of one mapping. `coupled` counts all its couplings, of records outside the filter too."""

    records: int = 0
    uncoupled: int = 0
    coupled: int = 0
    skipped: int = 0
    conflicts: int = 0
    usable: bool = True


_ASKED = ("records", "uncoupled", "coupled", "skipped", "conflicts")


LARGE = 200_000
KEPT_S = 30
"""Numbers of more than LARGE records are kept for KEPT_S seconds, and for longer the longer counting took."""
_PATIENCE = 100
"""How many times longer than they took the numbers are kept, so that people seldom wait: at a million records, some
minutes."""


def count_records(company: Company, mappings: Iterable[IntegrationTableMapping]) -> dict[int, Counts]:
    """The numbers by the mapping's id; of large tables as they stood within the last minutes."""
    chosen = list(mappings)
    key = f"coupling.counts.{company.pk}.{'.'.join(str(mapping.pk) for mapping in chosen)}"
    kept: dict[int, Counts] | None = cache.get(key)
    if kept is not None:
        return kept
    began = time.monotonic()
    numbers = _counted(company, chosen)
    if sum(one.records for one in numbers.values()) > LARGE:
        cache.set(key, numbers, max(KEPT_S, _PATIENCE * (time.monotonic() - began)))
    return numbers


def _counted(company: Company, chosen: list[IntegrationTableMapping]) -> dict[int, Counts]:
    asked: dict[str, Any] = {}
    unusable: set[int] = set()
    for mapping in chosen:
        try:
            inside, uncoupled = local_records.filtered_records(mapping), local_records.uncoupled_records(mapping)
        except (local_records.Unusable, filters.BadFilter):
            unusable.add(mapping.pk)
            continue
        couplings = Coupling.objects.filter(mapping=mapping)
        waiting = Coupling.objects.filter(company=company, mapping=mapping)  # by the company, as their indexes are
        asked |= {
            f"records_{mapping.pk}": _count(inside),
            f"uncoupled_{mapping.pk}": _count(uncoupled),
            f"coupled_{mapping.pk}": _count(couplings),
            f"skipped_{mapping.pk}": _count(waiting.filter(skipped=True)),
            f"conflicts_{mapping.pk}": _count(waiting.filter(conflict__isnull=False)),
        }
    found: dict[str, Any] = dict(Company.objects.filter(pk=company.pk).values(**asked)[0]) if asked else {}
    numbers: dict[int, Counts] = {}
    for mapping in chosen:
        if mapping.pk in unusable:
            numbers[mapping.pk] = Counts(usable=False)
        else:
            records, free, coupled, skipped, conflicts = (int(found[f"{what}_{mapping.pk}"]) for what in _ASKED)
            numbers[mapping.pk] = Counts(records, free, coupled, skipped, conflicts)
    return numbers


def latest_jobs(company: Company) -> dict[str, Job]:
    """The newest job of each mapping of a company, by the mapping's name, in one query."""
    newest = Job.objects.filter(company=company, mapping_name=OuterRef("name")).order_by("-id").values("pk")[:1]
    ids = IntegrationTableMapping.objects.filter(company=company).values(job=Subquery(newest))
    jobs = Job.objects.filter(pk__in=ids).defer("parameters", "resume", "detail")
    return {job.mapping_name: job for job in jobs}


def _count(rows: "QuerySet[Any]") -> Any:
    """A query's number of rows, as a part of another query."""
    counted = rows.order_by().values("company").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
