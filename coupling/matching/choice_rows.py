"""The choices of a column as matching reads rows: one row per choice, known by its caption.

Whatever local field is matched on is compared with the caption, cut to what the field can hold: a code of ten letters
finds the choice whose caption begins with them, as records that are made of choices get their codes.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from coupling import filters, local_records
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from coupling.rows import ColumnPage, RemoteRow
from dataverse.types import ColumnInfo, TableInfo


def row_id_of(value: int) -> UUID:
    """Return the id that a choice's value goes by where rows have theirs."""
    return UUID(int=value & 0xFFFFFFFF)


def value_of(row_id: UUID) -> int:
    """Return the value of the choice that an id stands for."""
    return row_id.int if row_id.int < 1 << 31 else row_id.int - (1 << 32)


def is_choice(row_id: UUID) -> bool:
    """Return whether an id stands for a choice's value, and for no row."""
    return row_id.int >> 32 == 0


def choice_name(value: int, caption: str) -> str:
    """Return what outcomes call a choice: "Net 30 (1)"."""
    return f"{caption[:180]} ({value})"


class ChoiceRows:
    """The choices of a mapping's column, read once, in the shape of a Gateway's rows; columns are local fields."""

    def __init__(self, gateway: Gateway, mapping: IntegrationTableMapping) -> None:
        self._gateway, self._mapping = gateway, mapping
        self._fields = {field.name: field for field in local_records.get_table(mapping).fields}
        self._choices: dict[int, str] | None = None

    @property
    def choices(self) -> dict[int, str]:
        """The choices as Dataverse has them now, value -> caption."""
        if self._choices is None:
            self._choices = self._gateway.choices(self._mapping).read()
        return self._choices

    def check_columns(self, mapping: IntegrationTableMapping, names: Sequence[str]) -> None:
        """Raise Invalid (unknown_column) when Dataverse has not the column that the choices are of."""
        del names
        self._gateway.check_columns(mapping, [mapping.uid_column])

    def table(self, mapping: IntegrationTableMapping) -> TableInfo:
        """Return what can be matched on: a text for each local field."""
        columns = {name: ColumnInfo(name, "String", field.caption) for name, field in self._fields.items()}
        return TableInfo(mapping.integration_table, mapping.entity_set, mapping.uid_column, "", columns)

    def row_filter(self, mapping: IntegrationTableMapping) -> filters.Node:
        """Return the integration table filter: choices have none."""
        del mapping
        return filters.EVERYTHING

    def size(self, mapping: IntegrationTableMapping) -> int:
        """Return how many choices there are."""
        del mapping
        return len(self.choices)

    def scan_columns(self, mapping: IntegrationTableMapping, columns: Sequence[str]) -> Iterator[ColumnPage]:
        """Yield the choices as one page."""
        del mapping
        captions = list(self.choices.values())
        ids = [row_id_of(value).hex for value in self.choices]
        yield ColumnPage(ids, list(captions), {name: self._cut(name, captions) for name in columns})

    def scan_outside(
        self, mapping: IntegrationTableMapping, columns: Sequence[str], page_count: int
    ) -> Iterator[ColumnPage]:
        """Yield the rows outside the filter: none."""
        del mapping, columns, page_count
        yield from ()

    def probe(
        self,
        mapping: IntegrationTableMapping,
        columns: Sequence[str],
        wanted: Sequence[str],
        *,
        outside: bool = False,
        pages: int | None = None,
        whole: bool = False,
    ) -> list[RemoteRow]:
        """Return the choices among which those that meet the texts are: all, since they are read at once anyway."""
        del wanted, pages, whole
        if outside:
            return []
        (page,) = self.scan_columns(mapping, columns)
        return [
            RemoteRow(UUID(row_id), caption or "", {name: page.columns[name][at] for name in columns})
            for at, (row_id, caption) in enumerate(zip(page.ids, page.names, strict=True))
        ]

    def _cut(self, name: str, captions: list[str]) -> list[str]:
        length = self._fields[name].max_length
        return [caption[:length].strip() for caption in captions]
