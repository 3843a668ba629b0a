"""Tables and columns, and the short notation in which this folder describes them.

A line is `SchemaName | type and flags | Label`. The logical name is the schema name in lower case. Types:
s160 text, memo2000 long text, i whole number (i0..5 with bounds), big, d10 decimal with 10 places (d10 0..5),
f floating point, m money (m0..100), mb money in base currency, b yes/no, dt date and time, date, g GUID,
p choice (p 1=One; 2=Two), l lookup (l contact), owner, customer, code text that the service sets.
Flags: ! business required, !! system required, * set by the service, + set at creation only.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

NAMESPACE = uuid5(NAMESPACE_URL, "https://tandem.invalid/sandbox/metadata")


@cache
def metadata_id(name: str) -> UUID:
    """Return the MetadataId of what has this name; each is worked out once, since every answer is full of them."""
    return uuid5(NAMESPACE, name)


INDEX_DELAY_S = 1.0
"""How long after its creation an alternate key becomes active."""

LOOKUPS = frozenset({"Lookup", "Owner", "Customer"})
CHOICES = frozenset({"Picklist", "State", "Status"})
_EDM = {
    "String": "Edm.String",
    "Memo": "Edm.String",
    "Integer": "Edm.Int32",
    "BigInt": "Edm.Int64",
    "Decimal": "Edm.Decimal",
    "Double": "Edm.Double",
    "Money": "Edm.Decimal",
    "Boolean": "Edm.Boolean",
    "Uniqueidentifier": "Edm.Guid",
    "Picklist": "Edm.Int32",
    "State": "Edm.Int32",
    "Status": "Edm.Int32",
    "MultiSelectPicklist": "Edm.String",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One option; a status reason names the state it belongs to."""

    value: int
    label: str
    state: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `binds` pairs each target table of a lookup with the navigation property that sets it.

    date_only: the Web API has a day alone, which is so where the behavior is DateOnly.
    """

    name: str
    schema_name: str
    type: str
    label: str
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    precision: int | None = None
    date_only: bool = False
    behavior: str = ""
    """Of a date and time: UserLocal, DateOnly or TimeZoneIndependent."""
    format: str = ""
    choices: tuple[Choice, ...] = ()
    targets: tuple[str, ...] = ()
    binds: tuple[tuple[str, str], ...] = ()
    required: str = "None"
    enforced: bool = False
    """Whether a row without a value is refused."""
    for_create: bool = True
    for_update: bool = True
    for_read: bool = True
    """Whether its value is told; a secret's is not."""
    default: bool | int | None = None
    custom: bool = False
    primary_id: bool = False
    primary_name: bool = False
    attribute_of: str = ""
    choice_set: str = ""
    """The global choice its options come from."""
    relations: tuple[tuple[str, str], ...] = ()
    """Pairs of target table and schema name of the relationship; derived from the names where missing."""
    on_delete: str = "RemoveLink"
    """What becomes of a row when the one its lookup leads to is deleted: RemoveLink, Restrict or Cascade."""

    @property
    def web_name(self) -> str:
        """Name of the property in the Web API; a lookup is read as `_column_value`."""
        return f"_{self.name}_value" if self.type in LOOKUPS else self.name

    @property
    def edm_type(self) -> str:
        """Type of the property in the Web API."""
        if self.type in LOOKUPS:
            return "Edm.Guid"
        if self.type == "DateTime":
            return "Edm.Date" if self.date_only else "Edm.DateTimeOffset"
        return _EDM[self.type]

    @property
    def absent_json(self) -> bytes:
        """JSON that stands for no value; a yes/no column then reads as its default."""
        return b"false" if self.default is False else b"null"

    @property
    def exposed(self) -> bool:
        """Whether the Web API has a property for the column."""
        return self.type != "EntityName"

    def label_of(self, value: int) -> str | None:
        """Return the label of an option; None where the value is none."""
        return next((choice.label for choice in self.choices if choice.value == value), None)


@dataclass(frozen=True, slots=True)
class Association:
    """A many-to-many relationship seen from one side."""

    name: str
    other: str
    schema_name: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """An alternate key. `made` is its creation in seconds since 1970; `failed`: rows have the same values."""

    schema_name: str
    label: str
    columns: tuple[str, ...]
    made: float = 0.0
    failed: bool = False

    @property
    def name(self) -> str:
        """Logical name."""
        return self.schema_name.lower()

    def status(self, now: float) -> str:
        """Return the state of the index at a time in seconds since 1970: Active, Pending or Failed."""
        if self.failed:
            return "Failed"
        return "Active" if now >= self.made + INDEX_DELAY_S else "Pending"


@dataclass(frozen=True, slots=True)
class OptionSet:
    """A choice that several columns share."""

    name: str
    label: str
    choices: tuple[Choice, ...]

    @property
    def id(self) -> UUID:
        """MetadataId of the choice."""
        return metadata_id(f"options {self.name}")


@dataclass(slots=True)
class Table:
    """A table. `set` is its entity set, the name in an address; `bulk`: it takes CreateMultiple and the like."""

    name: str
    schema_name: str
    set: str
    label: str
    plural: str
    primary_id: str
    primary_name: str
    code: int
    columns: dict[str, Column]
    ownership: str = "OrganizationOwned"
    change_tracking: bool = False
    bulk: bool = True
    custom: bool = False
    associations: dict[str, Association] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    deletions: dict[str, int] = field(default_factory=dict)
    """How often a column of that name was deleted: one made anew has another MetadataId."""
    properties: dict[str, Column] = field(init=False, default_factory=dict)
    enforced: tuple[str, ...] = field(init=False, default=())
    navigation: dict[str, tuple[Column, tuple[str, ...]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.rebuild_index()

    def rebuild_index(self) -> None:
        """Derive `properties` (by name in the Web API), `navigation` (lookup and target tables by name) and `enforced`
        (the columns without whose values a row is refused).
        """
        self.properties = {column.web_name: column for column in self.columns.values() if column.exposed}
        self.enforced = tuple(column.name for column in self.columns.values() if column.enforced)
        self.navigation = {}
        for column in self.columns.values():
            for target, nav in column.binds:
                _, targets = self.navigation.get(nav, (column, ()))
                self.navigation[nav] = (column, (*targets, target))

    def add_columns(self, columns: Iterable[Column]) -> None:
        """Add columns to the table, in place of those of the same name."""
        self.columns.update((column.name, column) for column in columns)
        self.rebuild_index()

    def copy_definition(self) -> "Definition":
        """Return a copy of what can be changed over the Web API."""
        return Definition(
            self, dict(self.columns), dict(self.associations), dict(self.keys), self.label, self.plural,
            self.change_tracking, dict(self.deletions),
        )  # fmt: skip

    @property
    def id(self) -> UUID:
        """MetadataId of the table."""
        return metadata_id(self.name)

    def column_id(self, column: str) -> UUID:
        """Return the MetadataId of a column."""
        again = self.deletions.get(column)
        return metadata_id(f"{self.name}.{column}" + (f" {again}" if again else ""))

    @property
    def owned(self) -> bool:
        """Whether rows belong to a user or a team."""
        return self.ownership == "UserOwned"


@dataclass(frozen=True, slots=True)
class Definition:
    """A copy of what can be changed of a table, to go back to."""

    table: Table
    columns: dict[str, Column]
    associations: dict[str, Association]
    keys: dict[str, Key]
    label: str
    plural: str
    change_tracking: bool
    deletions: dict[str, int]

    def restore(self) -> Table:
        """Set the table back to the copy; return it."""
        table = self.table
        if self.is_in_force():
            return table
        table.columns, table.associations = dict(self.columns), dict(self.associations)
        table.keys, table.label, table.plural = dict(self.keys), self.label, self.plural
        table.change_tracking, table.deletions = self.change_tracking, dict(self.deletions)
        table.rebuild_index()
        return table

    def is_in_force(self) -> bool:
        """Return whether the table is as the copy, its columns in the same order."""
        table = self.table
        return (
            list(table.columns.items()) == list(self.columns.items())
            and (table.associations, table.keys) == (self.associations, self.keys)
            and (table.label, table.plural, table.change_tracking) == (self.label, self.plural, self.change_tracking)
            and table.deletions == self.deletions
        )


_SIZED = re.compile(r"(?P<word>[a-z]+)(?P<size>\d+)?")
_SIZED_BOUNDED = re.compile(r"(?P<word>[a-z]+)(?:(?P<size>\d+)\s+)?(?P<low>-?[\de.+-]+?)\.\.(?P<high>-?[\de.+-]+)")
_BOUNDED = {"i": "Integer", "d": "Decimal", "m": "Money", "f": "Double"}
_RANGES = {"i": (-2147483648, 2147483647), "d": (-1e11, 1e11), "m": (-922337203685477, 922337203685477), "f": (0, 1e9)}


def _parse_choices(text: str) -> tuple[Choice, ...]:
    choices = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        value, label = part.split("=", 1)
        number, _, state = value.partition("@")
        choices.append(Choice(int(number), label.strip(), int(state) if state else None))
    return tuple(choices)


def _parse_flags(kind: str) -> tuple[str, dict[str, Any]]:
    """Split a type from its flags; return it and what they set of the column."""
    flags: dict[str, Any] = {}
    while kind and kind[-1] in "!*+":
        if kind.endswith("!!"):
            flags["required"], kind = "SystemRequired", kind[:-2]
        elif kind.endswith("!"):
            flags["required"], kind = "ApplicationRequired", kind[:-1]
        elif kind.endswith("*"):
            flags["for_create"] = flags["for_update"] = False
            kind = kind[:-1]
        else:
            flags["for_update"], kind = False, kind[:-1]
        kind = kind.rstrip()
    return kind, flags


def parse_column(line: str, *, custom: bool = False) -> list[Column]:
    """Return the column that a line describes; for an owner or customer also the column with its target's table.

    Raises ValueError for an unknown type.
    """
    schema_name, kind, label = (part.strip() for part in line.split("|", 2))
    name = schema_name.lower()
    kind, flags = _parse_flags(kind)
    values: dict[str, Any] = {"custom": custom, **flags}
    word, _, rest = kind.partition(" ")
    extra: list[Column] = []
    if word == "p":
        values.update(type="Picklist", choices=_parse_choices(rest))
    elif word in {"state", "status"}:
        values.update(type=word.capitalize(), choices=_parse_choices(rest))
    elif word == "l":
        target, _, nav = rest.strip().partition(" as ")
        nav = nav or (schema_name if custom else name)
        values.update(type="Lookup", targets=(target,), binds=((target, nav),))
    elif word in {"owner", "customer"}:
        targets = ("systemuser", "team") if word == "owner" else ("account", "contact")
        binds = tuple((target, name if word == "owner" else f"{name}_{target}") for target in targets)
        values.update(type=word.capitalize(), targets=targets, binds=binds)
        extra = [Column(f"{name}type", f"{schema_name}Type", "EntityName", "", attribute_of=name)]
    elif word in {"b", "dt", "date", "g", "big"}:
        types = {"b": "Boolean", "dt": "DateTime", "date": "DateTime", "g": "Uniqueidentifier", "big": "BigInt"}
        values.update(type=types[word], date_only=word == "date")
        if types[word] == "DateTime":
            values.update(
                behavior="DateOnly" if word == "date" else "UserLocal",
                format="DateOnly" if word == "date" else "DateAndTime",
            )
        if word == "b":
            labels = [part.strip() for part in rest.split("/")] if rest else ["No", "Yes"]
            values.update(choices=(Choice(0, labels[0]), Choice(1, labels[1])), default=False)
    else:
        values.update(_parse_type(kind, name))
    return [Column(name, schema_name, label=label, **values), *extra]


def _parse_type(kind: str, name: str) -> dict[str, Any]:
    found = (_SIZED_BOUNDED if ".." in kind else _SIZED).fullmatch(kind)
    if found is None:
        raise ValueError(f"{name}: {kind!r} is no type")
    word, size = found["word"], found["size"]
    if word in {"s", "memo", "email", "url", "phone", "code"}:
        formats = {"email": "Email", "url": "Url", "phone": "Phone", "memo": "TextArea"}
        return {
            "type": "Memo" if word == "memo" else "String",
            "max_length": int(size or 100),
            "format": formats.get(word, "Text"),
        }
    if word == "mb":
        bounds = _RANGES["m"]
        return {
            "type": "Money",
            "precision": 4,
            "minimum": bounds[0],
            "maximum": bounds[1],
            "for_create": False,
            "for_update": False,
        }
    if word not in _BOUNDED:
        raise ValueError(f"{name}: {kind!r} is no type")
    low, high = (float(found["low"]), float(found["high"])) if ".." in kind else _RANGES[word]
    places = {"i": None, "m": int(size or 2), "d": int(size or 2), "f": int(size or 2)}[word]
    return {"type": _BOUNDED[word], "minimum": low, "maximum": high, "precision": places}


def parse_columns(text: str, *, custom: bool = False) -> dict[str, Column]:
    """Return the columns that lines describe, by name and in their order. Raises ValueError."""
    parsed = [
        one
        for line in text.strip().splitlines()
        if line.strip() and not line.strip().startswith("#")
        for one in parse_column(line, custom=custom)
    ]
    return {one.name: one for one in parsed}
