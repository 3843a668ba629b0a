"""Statistics of local fields: in how many records a field is filled, and how many of its values are distinct."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, TextField
from django.db.models.functions import Cast, Lower, Trim

from coupling import local_records
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping

SAMPLE_SIZE = 20_000
"""Records measured at most, the first in key order: a page must not count a million values in twenty columns."""


@dataclass(frozen=True, slots=True)
class FieldStatistics:
    """The number of records measured, and per local field the percentages filled and, of these, distinct.

    is_sample: whether there are more records than were measured.
    """

    records: int
    is_sample: bool
    fields: dict[str, tuple[int, int]]


def field_statistics(mapping: IntegrationTableMapping, rows: list[IntegrationFieldMapping]) -> FieldStatistics:
    """Measure the fields of some field mappings on the records inside the table filter; one query or two."""
    table = local_records.get_table(mapping)
    records = local_records.filtered_records(mapping)
    total = records.order_by().count()
    sample: Any = records.order_by()
    if total > SAMPLE_SIZE:
        sample = table.model._default_manager.filter(pk__in=records.values("pk")[:SAMPLE_SIZE])
    aggregates: dict[str, Any] = {}
    for name in {row.field for row in rows}:
        field = local_records.get_field(mapping, name)
        if field.type in ("text", "code", "reference", "choice"):
            filled = ~Q(**{name: ""}) & Q(**{f"{name}__isnull": False})
            value: Any = Lower(Trim(Cast(name, TextField())))
        else:
            filled, value = Q(**{f"{name}__isnull": False}), name
        aggregates[f"filled__{name}"] = Count("pk", filter=filled)
        aggregates[f"distinct__{name}"] = Count(value, filter=filled, distinct=True)
    found = sample.aggregate(**aggregates) if aggregates and total else {}
    count = min(total, SAMPLE_SIZE)
    fields: dict[str, tuple[int, int]] = {}
    for name in {row.field for row in rows}:
        filled_count, distinct = found.get(f"filled__{name}", 0), found.get(f"distinct__{name}", 0)
        fields[name] = (
            round(100 * filled_count / count) if count else 0,
            round(100 * distinct / filled_count) if filled_count else 0,
        )
    return FieldStatistics(count, total > SAMPLE_SIZE, fields)
