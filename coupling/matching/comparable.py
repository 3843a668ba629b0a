"""What can be compared with what: kinds of local fields against kinds of Dataverse columns. No Django."""

from collections.abc import Mapping

from core.vocabulary import CompareAs
from coupling.rows import Criterion
from dataverse.types import ColumnInfo
from masterdata.catalog import LocalField

CHOICES = frozenset({"Picklist", "State", "Status"})
LOOKUPS = frozenset({"Lookup", "Customer", "Owner"})

_COLUMN_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("String", "Memo", "Uniqueidentifier"), "text"),
    **dict.fromkeys(("Integer", "BigInt", "Decimal", "Double", "Money"), "number"),
    **dict.fromkeys(CHOICES, "choice"),
    **dict.fromkeys(LOOKUPS, "lookup"),
    "DateTime": "date",
    "Boolean": "yes or no",
}
_TEXTS = frozenset({"text", "code", "reference"})
_COMPARABLE: Mapping[str, frozenset[str]] = {
    "text": _TEXTS | {"choice", "number", "integer", "date", "datetime"},
    "number": _TEXTS | {"number", "integer"},
    "date": frozenset({"text", "code", "date", "datetime"}),
    "yes or no": frozenset({"boolean"}),
    "choice": _TEXTS | {"choice", "integer"},
    "lookup": frozenset({"reference"}),
}
"""By the kind of a column, the types of local fields that can be compared with it."""


def why_not(field: LocalField, column: ColumnInfo) -> str:
    """Return why a local field cannot be compared with a column, as a sentence; "" where it can."""
    kind = _COLUMN_KINDS.get(column.type)
    caption = column.label or column.name
    if kind is None:
        return f"{caption} holds {column.type} values, which cannot be searched for."
    if field.type in _COMPARABLE[kind]:
        return ""
    if kind == "lookup":
        return f"{caption} points to rows of another table, and {field.caption} holds no code of a record."
    if kind == "choice":
        return f"{caption} is a choice, and {field.caption} is no text, code or number of one."
    return f"{caption} is a {kind}, and {field.caption} is none."


def by_value(criterion: Criterion) -> Criterion:
    """Return the criterion for values that were translated: numbers of choices, ids of rows."""
    return Criterion(criterion.local, criterion.integration, criterion.priority, False, CompareAs.NUMBER)
