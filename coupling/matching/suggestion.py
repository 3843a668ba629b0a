"""Criteria that suit a mapping's records: what is well filled and tells them apart, each by itself; then the name
together with the place."""

from core.vocabulary import CompareAs
from coupling import local_records
from coupling.matching import criteria as criteria_
from coupling.matching.field_statistics import FieldStatistics
from coupling.models import IntegrationTableMapping
from coupling.rows import Criterion

FILLED, DISTINCT = 20, 90
"""Percentages a field needs to be worth a priority of its own."""

_COMPARE = {"e_mail": CompareAs.EMAIL, "phone_no": CompareAs.PHONE, "mobile_phone_no": CompareAs.PHONE}
_ALONE = ("vat_registration_no", "e_mail", "phone_no", "mobile_phone_no", "gtin")
_PLACES = ("city", "post_code")


def suggest_criteria(mapping: IntegrationTableMapping, measured: FieldStatistics) -> list[Criterion]:
    """The criteria, priorities 0, 1, ...; empty where no field suits."""
    table = local_records.get_table(mapping)
    offered = {row.field: row for row in criteria_.available_criteria(mapping) if not row.disabled_reason}

    def suits(name: str, distinct: int = DISTINCT) -> bool:
        filled, different = measured.fields.get(name, (0, 0))
        return name in offered and filled >= FILLED and different >= distinct

    def made(name: str, priority: int) -> Criterion:
        return Criterion(name, offered[name].integration_field, priority, False, _COMPARE.get(name, CompareAs.TEXT))

    if not measured.records:
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
