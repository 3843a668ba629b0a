"""What transformation rules make of real values: a few records here, and a few rows in Dataverse."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from coupling import local_records
from coupling.gateway import Gateway
from coupling.mappings.transformations import Step, look_up_tables, rules
from coupling.models import IntegrationFieldMapping
from dataverse.types import ColumnInfo

SAMPLES = 8
"""Values shown of each side; blank ones are left out, and each value is shown once."""
_READ = 200
_MOST_S = 5.0
"""Seconds that all values take together at most: no other is tried then, and the rule that is at work ends."""
_TARGETS = {
    **dict.fromkeys(("Integer", "BigInt", "Decimal", "Double", "Money"), "number"),
    "DateTime": "date",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """A record or row, its value, and what it is after each rule."""

    name: str
    before: str
    steps: Sequence[Step]

    @property
    def after(self) -> str:
        """What becomes of the value; "" where it is blank or a rule fails."""
        return self.steps[-1].value if self.steps else self.before

    @property
    def problem(self) -> str:
        """Why a rule fails for the value; "" where none does."""
        return self.steps[-1].problem if self.steps else ""


def local_samples(field: IntegrationFieldMapping, words: Sequence[str], column: ColumnInfo | None) -> list[Sample]:
    """Return what the rules make of records here, on their way to the column. Raises Refusal for unusable rules."""
    table = local_records.get_table(field.mapping)
    local_records.get_field(field.mapping, field.field)
    rows = local_records.filtered_records(field.mapping).values_list(table.key, field.field)[:_READ]
    values = ((str(key), value) for key, value in rows)
    target = _TARGETS.get(column.type, "text") if column is not None else "text"
    return _samples(field, words, target, values)


def remote_samples(
    field: IntegrationFieldMapping, words: Sequence[str], column: ColumnInfo, gateway: Gateway
) -> list[Sample]:
    """Return what the rules make of rows in Dataverse, on their way here. Raises Refusal, DataverseError."""
    target = local_records.get_field(field.mapping, field.field).type if field.field else "text"
    page = next(iter(gateway.scan(field.mapping, [column.name], page_size=_READ)), None)
    rows = page.rows if page is not None else []
    values = ((row.name or str(row.id), _label(column, row.values.get(column.name))) for row in rows)
    return _samples(field, words, target, values)


def _label(column: ColumnInfo, value: Any) -> Any:
    return column.choices.get(value, value) if column.choices and isinstance(value, int) else value


def _samples(
    field: IntegrationFieldMapping, words: Sequence[str], target: str, values: Iterable[tuple[str, Any]]
) -> list[Sample]:
    tables = look_up_tables(field.mapping.company)
    found: dict[str, Sample] = {}
    until = time.monotonic() + _MOST_S
    for name, value in values:
        if value in (None, "") or str(value) in found:
            continue
        if time.monotonic() > until:
            break
        found[str(value)] = Sample(name, str(value), rules().trace(words, target, tables, value, until))
        if len(found) == SAMPLES:
            break
    return list(found.values())
