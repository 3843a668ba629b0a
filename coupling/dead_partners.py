"""Couplings whose record was deleted here: they keep a Dataverse row from being coupled until somebody releases it.

What blocks a record is what the newest coupling job said of it: the rows it found, all of them taken.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from coupling.models import Coupling, IntegrationTableMapping
from jobs import outcomes
from jobs.models import Type
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


def rows_of_dead_couplings(company: Company, mapping: IntegrationTableMapping | None = None) -> list[UUID]:
    """Return the rows of all couplings whose record was deleted here; mapping: of that one alone."""
    mappings = IntegrationTableMapping.objects.filter(company=company)
    rows: list[UUID] = []
    for one in mappings if mapping is None else [mapping]:
        try:
            records = catalog.table(one.table).rows(company)
        except LookupError:  # see above
            continue
        couplings = Coupling.objects.filter(mapping=one, pending=False)
        dead = couplings.filter(~Exists(records.filter(system_id=OuterRef("local_id"))))
        rows += dead.values_list("integration_id", flat=True)
    return rows


def candidate_rows(details: Iterable[Any]) -> Iterator[UUID]:
    """Yield the ids of the taken rows that outcomes found, given their `detail`."""
    for detail in details:
        candidates = detail.get("candidates") if isinstance(detail, Mapping) else None
        for candidate in candidates if isinstance(candidates, list) else ():
            if candidate.get("coupled_to") and not candidate.get("nearly"):
                yield UUID(str(candidate["id"]))


def rows_in_the_way(company: Company, local_ids: Iterable[UUID]) -> list[UUID]:
    """Return the taken rows that the newest coupling job of each of these records found."""
    rows: list[UUID] = []
    own = IntegrationTableMapping.objects.filter(company=company).values_list("pk", flat=True)
    mappings = list(own)  # the index by a record's id begins with them
    for part in _parts(local_ids):
        pairs = Coupling.objects.filter(mapping__in=mappings, local_id__in=part)
        coupled = pairs.values_list("local_id", flat=True)
        uncoupled = set(part).difference(coupled)  # what coupled since has no outcome row that would be newer
        rows += candidate_rows(outcomes.newest_details(company, Type.COUPLING, uncoupled).values())
    return rows


def _parts(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), _PART):
        yield distinct[start : start + _PART]
