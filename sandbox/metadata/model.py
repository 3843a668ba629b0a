"""Tables and columns."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from uuid import NAMESPACE_URL, UUID, uuid5

NAMESPACE = uuid5(NAMESPACE_URL, "https://tandem.invalid/sandbox/metadata")


@cache
def metadata_id(name: str) -> UUID:
    """Return the MetadataId of what has this name; each is worked out once, since every answer is full of them."""
    return uuid5(NAMESPACE, name)


TABLE_TYPES = ("Standard", "Virtual", "Elastic")

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
    secured: bool = False
    """Whether column security keeps it from everybody but administrators."""
    source_type: int = 0
    """0 simple, 1 calculated, 2 rollup, 3 formula."""
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
    table_type: str = "Standard"
    """Standard, Virtual (its rows come from elsewhere) or Elastic."""
    associations: dict[str, Association] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    deletions: dict[str, int] = field(default_factory=dict)
    """How often a column of that name was deleted: one made anew has another MetadataId."""
    properties: dict[str, Column] = field(init=False, default_factory=dict)
    enforced: tuple[str, ...] = field(init=False, default=())
    secured: tuple[str, ...] = field(init=False, default=())
    navigation: dict[str, tuple[Column, tuple[str, ...]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.rebuild_index()

    def rebuild_index(self) -> None:
        """Derive `properties` (by name in the Web API), `navigation` (lookup and target tables by name), `enforced`
        (the columns without whose values a row is refused) and `secured`.
        """
        self.properties = {column.web_name: column for column in self.columns.values() if column.exposed}
        self.enforced = tuple(column.name for column in self.columns.values() if column.enforced)
        self.secured = tuple(column.name for column in self.columns.values() if column.secured)
        self.navigation = {}
        for column in self.columns.values():
            for target, nav in column.binds:
                _, targets = self.navigation.get(nav, (column, ()))
                self.navigation[nav] = (column, (*targets, target))

    def add_columns(self, columns: Iterable[Column]) -> None:
        """Add columns to the table, in place of those of the same name."""
        self.columns.update((column.name, column) for column in columns)
        self.rebuild_index()

    @property
    def takes_bulk(self) -> bool:
        """Whether the table takes CreateMultiple and the like."""
        return self.bulk and self.table_type != "Virtual"

    @property
    def is_tracked(self) -> bool:
        """Whether changes of its rows can be asked for."""
        return self.change_tracking and self.table_type == "Standard"

    def copy_definition(self) -> "Definition":
        """Return a copy of what can be changed over the Web API."""
        return Definition(
            self, dict(self.columns), dict(self.associations), dict(self.keys), self.label, self.plural,
            self.change_tracking, dict(self.deletions), self.table_type,
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
    table_type: str = "Standard"

    def restore(self) -> Table:
        """Set the table back to the copy; return it."""
        table = self.table
        if self.is_in_force():
            return table
        table.columns, table.associations = dict(self.columns), dict(self.associations)
        table.keys, table.label, table.plural = dict(self.keys), self.label, self.plural
        table.change_tracking, table.deletions = self.change_tracking, dict(self.deletions)
        table.table_type = self.table_type
        table.rebuild_index()
        return table

    def is_in_force(self) -> bool:
        """Return whether the table is as the copy, its columns in the same order."""
        table = self.table
        return (
            list(table.columns.items()) == list(self.columns.items())
            and (table.associations, table.keys) == (self.associations, self.keys)
            and (table.label, table.plural, table.change_tracking) == (self.label, self.plural, self.change_tracking)
            and (table.deletions, table.table_type) == (self.deletions, self.table_type)
        )
