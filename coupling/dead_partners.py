"""Couplings whose record was deleted here: they keep a Dataverse row from being coupled until somebody releases it.

What blocks a record is what the newest coupling job said of it: the rows it found, all of them taken.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from coupling.models import Coupling
from jobs.models import JobOutcome, Type
from masterdata import catalog
from masterdata.models import Company

RELEASE = "Release from Deleted Records"
"""What the action is called, wherever it stands."""
_PART = 500


def dead_couplings(company: Company, row_ids: Iterable[UUID]) -> list[Coupling]:
    """Return the couplings of these rows whose record was deleted here; not those whose row is being created."""
    found: list[Coupling] = []
    for part in _parts(row_ids):
        taken = Coupling.objects.filter(company=company, integration_id__in=part, pending=False)
        by_table: dict[str, list[Coupling]] = {}
        for coupling in taken.select_related("mapping__company").order_by("pk"):
            by_table.setdefault(coupling.table, []).append(coupling)
        for name, couplings in by_table.items():
            try:
                records = catalog.table(name).records(company).order_by()
            except LookupError:  # the app that brought the table is gone, and nobody can say whether the record is
                continue
            ids = [coupling.local_id for coupling in couplings]
            alive = set(records.filter(system_id__in=ids).values_list("system_id", flat=True))
            found += [coupling for coupling in couplings if coupling.local_id not in alive]
    return found


def candidate_rows(details: Iterable[Any]) -> Iterator[UUID]:
    """Yield the ids of the taken rows that outcomes found, given their `detail`."""
    for detail in details:
        candidates = detail.get("candidates") if isinstance(detail, Mapping) else None
        for candidate in candidates if isinstance(candidates, list) else ():
            if candidate.get("coupled_to"):
                yield UUID(str(candidate["id"]))


def rows_in_the_way(company: Company, local_ids: Iterable[UUID]) -> list[UUID]:
    """Return the taken rows that the newest coupling job of each of these records found."""
    rows: list[UUID] = []
    for part in _parts(local_ids):
        reported = JobOutcome.objects.filter(local_id__in=part, job__company=company, job__type=Type.COUPLING)
        newest: dict[Any, Any] = dict(reported.order_by("job_id", "pk").values_list("local_id", "detail"))
        rows += candidate_rows(newest.values())
    return rows


def _parts(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), _PART):
        yield distinct[start : start + _PART]
