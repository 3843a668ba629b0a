"""What a filter knows of the fields it compares: their kind of value, choices, ranges and lengths. No Django."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dataverse.types import ColumnInfo


class Kind(Enum):
    """The kind of a field's values."""

    TEXT = "a text"
    WORD = "one of its choices"
    WHOLE = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    CHOICE = "one of its choices by number"
    DATE = "a date such as 2026-01-31"
    MOMENT = "a time such as 2026-01-31T08:00:00Z"
    ROW = "a GUID"
    TABLE = "one of the tables that its lookup leads to"
    OTHER = "nothing that a filter compares with"
    ANY = "any value"


_COLUMN_KINDS = {
    "String": Kind.TEXT, "Memo": Kind.TEXT, "Integer": Kind.WHOLE, "BigInt": Kind.WHOLE, "Decimal": Kind.NUMBER,
    "Double": Kind.NUMBER, "Money": Kind.NUMBER, "Boolean": Kind.BOOLEAN, "Picklist": Kind.CHOICE,
    "State": Kind.CHOICE, "Status": Kind.CHOICE, "Lookup": Kind.ROW, "Customer": Kind.ROW, "Owner": Kind.ROW,
    "Uniqueidentifier": Kind.ROW, "EntityName": Kind.TABLE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FilterField:
    """One field that a filter may compare.

    choices: stored value -> what people call it; sorted_alike: whether its texts sort here as where they are stored;
    targets: the tables whose records a look-up names, here or in Dataverse.
    """

    name: str
    caption: str
    kind: Kind
    max_length: int | None = None
    minimum: float | int | None = None
    maximum: float | int | None = None
    decimals: int | None = None
    choices: Mapping[Any, str] = field(default_factory=dict)
    sorted_alike: bool = True
    targets: tuple[str, ...] = ()


FieldOf = Callable[[str], FilterField]
"""Gives the field of a name, or raises the sentence that there is none."""


def of_column(column: ColumnInfo) -> FilterField:
    """Return what a filter knows of a Dataverse column."""
    kind = _COLUMN_KINDS.get(column.type, Kind.OTHER)
    if column.type == "DateTime":
        kind = Kind.DATE if column.date_only else Kind.MOMENT
    return FilterField(
        column.name,
        column.label or column.name,
        kind,
        column.max_length,
        column.minimum,
        column.maximum,
        None,
        {table: table for table in column.binds} if kind is Kind.TABLE else column.choices,
        sorted_alike=kind is not Kind.TEXT,
        targets=tuple(column.binds) if kind is Kind.ROW else (),
    )


def unknown(name: str) -> FilterField:
    """Return a field of which nothing but the name is known."""
    return FilterField(name, name, Kind.ANY)
