"""Statistics of local fields: in how many records a field is filled, and how many of its values are distinct.

Blank is what matching takes as blank: nothing but whitespace, and in phone, mail and name fields a placeholder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, TextField
from django.db.models.functions import Cast, Length, Lower, Trim

from coupling import local_records
from coupling.matching.criteria import to_criterion
from coupling.matching.placeholders import kind_of, without_placeholders
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.rows import Criterion

SAMPLE_SIZE = 20_000
"""Records measured at most, the first in key order: a page must not count a million values in twenty columns."""
_TEXTS = ("text", "code", "reference", "choice")


@dataclass(frozen=True, slots=True)
class FieldStatistics:
    """The number of records measured, and per local field the percentages filled and, of these, distinct.

    is_sample: whether there are more records than were measured.
    """

    records: int
    is_sample: bool
    fields: dict[str, tuple[int, int]]


def field_statistics(mapping: IntegrationTableMapping, rows: list[IntegrationFieldMapping]) -> FieldStatistics:
    """Measure the fields of some field mappings on the records inside the table filter; two queries at most."""
    table = local_records.get_table(mapping)
    records = local_records.filtered_records(mapping)
    types = {row.field: local_records.get_field(mapping, row.field).type for row in rows}
    with_placeholders: dict[str, Criterion] = {}
    for row in rows:
        if types[row.field] in _TEXTS and kind_of(criterion := to_criterion(row)):
            with_placeholders.setdefault(row.field, criterion)
    count, values = _first_rows(records, list(with_placeholders))
    is_sample = count > SAMPLE_SIZE
    count = min(count, SAMPLE_SIZE)
    found = _judged(values, with_placeholders)
    if count:
        sample: Any = records.order_by()
        if is_sample:
            sample = table.model._default_manager.filter(pk__in=records.values("pk")[:SAMPLE_SIZE])
        found |= _counted(sample, {name: type_ for name, type_ in types.items() if name not in found})
    fields: dict[str, tuple[int, int]] = {}
    for name in types:
        filled, distinct = found.get(name, (0, 0))
        fields[name] = (
            round(100 * filled / count) if count else 0,
            round(100 * distinct / filled) if filled else 0,
        )
    return FieldStatistics(count, is_sample, fields)


def _counted(sample: Any, types: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Return (filled, distinct) of the fields, counted by the database."""
    texts = {f"text__{name}": Trim(Cast(name, TextField())) for name, type_ in types.items() if type_ in _TEXTS}
    aggregates: dict[str, Any] = {}
    for name in types:
        text = f"text__{name}"
        if text in texts:
            filled = Q(**{f"length__{name}__gt": 0})
            value: Any = Lower(text)
        else:
            filled, value = Q(**{f"{name}__isnull": False}), name
        aggregates[f"filled__{name}"] = Count("pk", filter=filled)
        aggregates[f"distinct__{name}"] = Count(value, filter=filled, distinct=True)
    if not aggregates:
        return {}
    lengths = {f"length__{text.removeprefix('text__')}": Length(text) for text in texts}
    found = sample.annotate(**texts).annotate(**lengths).aggregate(**aggregates)
    return {name: (found[f"filled__{name}"], found[f"distinct__{name}"]) for name in types}


def _first_rows(records: Any, fields: Sequence[str]) -> tuple[int, list[tuple[Any, ...]]]:
    """Return how many records there are, as far as they are measured and one more, and these fields of the measured."""
    if not fields:
        return records[: SAMPLE_SIZE + 1].count(), []
    rows = list(records.values_list(*fields)[: SAMPLE_SIZE + 1])
    return len(rows), rows[:SAMPLE_SIZE]


def _judged(rows: Sequence[tuple[Any, ...]], criteria: Mapping[str, Criterion]) -> dict[str, tuple[int, int]]:
    """Return (filled, distinct) of the fields that have placeholders, whose values are looked at one by one."""
    found = {}
    for (name, criterion), values in zip(criteria.items(), zip(*rows, strict=True), strict=False):
        keys = ["" if value is None else str(value).strip().casefold() for value in values]
        keys = [key for key in without_placeholders(criterion, keys, values) if key]
        found[name] = len(keys), len(set(keys))
    return found
