"""Local fields as the pure modules of synchronization see them."""

from masterdata.catalog import LocalTable
from sync.rules.values import LocalColumn


def local_column(table: LocalTable, name: str) -> LocalColumn:
    """Return a field of a local table. Raises LookupError."""
    known = table.field(name)
    return LocalColumn(
        known.name, known.caption, known.type, known.max_length, known.required, known.choices, known.decimals,
        known.name in table.code_fields,
    )  # fmt: skip
