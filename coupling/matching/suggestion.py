"""Suggested criteria: fields that are well filled and distinct, each by itself, then the name with the place."""

from core.vocabulary import CompareAs
from coupling import local_records
from coupling.matching.criteria import available_criteria
from coupling.matching.field_statistics import FieldStatistics
from coupling.models import IntegrationTableMapping
from coupling.rows import Criterion

MIN_FILLED, MIN_DISTINCT = 20, 90
"""Percentages from which on a field gets a priority of its own."""

_COMPARE = {"e_mail": CompareAs.EMAIL, "phone_no": CompareAs.PHONE, "mobile_phone_no": CompareAs.PHONE}
_ALONE = ("vat_registration_no", "e_mail", "phone_no", "mobile_phone_no", "gtin")
_PLACES = ("city", "post_code")


def suggest_criteria(mapping: IntegrationTableMapping, statistics: FieldStatistics) -> list[Criterion]:
    """Return the criteria, priorities 0, 1, ...; none where no field suits."""
    table = local_records.get_table(mapping)
    offered = {row.field: row for row in available_criteria(mapping) if not row.disabled_reason}

    def suits(name: str, min_distinct: int = MIN_DISTINCT) -> bool:
        filled, distinct = statistics.fields.get(name, (0, 0))
        return name in offered and filled >= MIN_FILLED and distinct >= min_distinct

    def made(name: str, priority: int) -> Criterion:
        return Criterion(name, offered[name].integration_field, priority, False, _COMPARE.get(name, CompareAs.TEXT))

    if not statistics.records:
        return []
    if table.key == "code" and suits(table.key):  # a code means the same everywhere; a number is one's own
        return [made(table.key, 0)]
    alone = [name for name in _ALONE if suits(name)]
    criteria = [made(name, priority) for priority, name in enumerate(alone)]
    if suits(table.title):
        place = next((name for name in _PLACES if suits(name, 0)), None)
        together = [table.title, *([place] if place else [])]
        criteria += [made(name, len(alone)) for name in together]
    return criteria
