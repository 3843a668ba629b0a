"""Saving what was written, field by field: one narrow row each, in the transaction that saves that it was."""

from collections.abc import Callable, Mapping, Sequence

from django.utils import timezone

from core import bulk
from coupling.models import IntegrationTableMapping
from masterdata import catalog
from sync.engine.chunk import Written
from sync.engine.field_specs import Fields
from sync.models import MOST_OF_NAME, SynchronizedField, SynchronizedValue, WrittenSide
from sync.rules.values import Side
from sync.written_rows import count_written

_COLUMNS = (
    "company_id", "job_id", "field_id", "side", "won", "at", "local_id", "integration_id", "before", "after",
    "changed_by",
)  # fmt: skip


Describe = Callable[[str], tuple[str, str, str]]


class History:
    """The history of one mapping's fields. describe: returns local field, column and caption of a field by its name."""

    def __init__(self, mapping: IntegrationTableMapping, describe: Describe) -> None:
        self.mapping, self._describe = mapping, describe
        self._known: dict[str, int] = {}
        self.labels: Mapping[str, str] = {}
        """What columns are called there: of those that no field is mapped to."""

    def save(self, lines: Sequence[Written]) -> None:
        """Insert a row for each written field. Call it inside the transaction that saves the writes."""
        if not lines:
            return
        if missing := {line.change.name for line in lines} - self._known.keys():
            self._know(missing)
        now, company_id = timezone.now(), self.mapping.company_id
        bulk.insert(
            SynchronizedValue, _COLUMNS,
            [
                (company_id, job_id, self._known[change.name], _SIDES[change.side], change.won.value, now, local_id,
                 integration_id, change.before, change.after, by[:MOST_OF_NAME])
                for local_id, integration_id, job_id, change, by in lines
            ],
        )  # fmt: skip
        written = {(line.change.side, line.local_id, line.integration_id) for line in lines}
        there = sum(1 for side, *_ in written if side is Side.INTEGRATION)
        self._count(there, len(written) - there)

    def count_deleted(self, *, there: int, here: int) -> None:
        """Count rows and records that were deleted since their other side was: they are written, too."""
        if there or here:
            self._count(there, here)

    def _count(self, there: int, here: int) -> None:
        count_written(
            company_id=self.mapping.company_id, mapping_name=self.mapping.name, day=timezone.localdate(),
            to_dataverse=there, from_dataverse=here,
        )  # fmt: skip

    def _know(self, names: set[str]) -> None:
        """Look up the rows that stand for these fields, and add those that are not there."""
        mapping = self.mapping
        own = SynchronizedField.objects.filter(
            company_id=mapping.company_id, mapping_name=mapping.name, table=mapping.table
        )
        known = dict(own.filter(name__in=names).values_list("name", "pk"))
        new = [
            (mapping.company_id, mapping.name, mapping.table, name, *self._described(name))
            for name in sorted(names - known.keys())
        ]
        if new:
            columns = ("company_id", "mapping_name", "table", "name", "local", "column", "caption")
            bulk.insert(SynchronizedField, columns, new, ignore_conflicts=True)
            known = dict(own.filter(name__in=names).values_list("name", "pk"))
        self._known |= known

    def _described(self, name: str) -> tuple[str, str, str]:
        local, _, column = name.partition(":")
        if not local and column:  # a rule of the table sends it along
            return "", column, (self.labels.get(column) or column)[:200]
        return self._describe(name)


def describer(mapping: IntegrationTableMapping, fields: Fields) -> Describe:
    """Return what describes the fields of a mapping; one that is not mapped is told as what it is here."""

    def describe(name: str) -> tuple[str, str, str]:
        spec = fields.specs.get(name)
        if spec is not None:
            return spec.local_name, spec.column.name, spec.caption
        return name, "", catalog.table(mapping.table).field(name).caption

    return describe


_SIDES = {Side.LOCAL: WrittenSide.LOCAL.value, Side.INTEGRATION: WrittenSide.INTEGRATION.value}
