"""Columns: made, changed and deleted, with what rows hold in them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.base.errors import ServiceError, not_covered
from sandbox.customizing.base import LARGEST, in_use, invalid, label_of, length_of, required_of, schema_name_of, type_of
from sandbox.customizing.choices import Choices
from sandbox.data import privileges
from sandbox.data.store import Transaction
from sandbox.metadata import common
from sandbox.metadata.model import Choice, Column, Table, parse_columns

_TYPES = frozenset(
    {
        "String", "Memo", "Integer", "BigInt", "Decimal", "Double", "Money", "DateTime", "Boolean", "Picklist",
        "MultiSelectPicklist",
    }
)  # fmt: skip
_RANGES = {
    "Integer": (-2147483648.0, 2147483647.0),
    "Decimal": (-1e11, 1e11),
    "Double": (-1e11, 1e11),
    "Money": (-922337203685477.0, 922337203685477.0),
}


class Columns(Choices):
    """Makes, changes and deletes columns."""

    def create_column(self, table: Table, body: Mapping[str, Any]) -> Column:
        """Add a column to a table; it. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvCreateAttribute")
        return self._add_columns(table, body)

    def update_column(self, table: Table, column: Column, body: Mapping[str, Any]) -> None:
        """Replace a column's definition: label, requirement, length and range."""
        privileges.require_named_privilege(self.caller, "prvWriteAttribute")
        if body.get("@odata.type") is not None and type_of(body) != column.type:
            raise invalid(f"The type of the attribute '{column.name}' can't be changed.")
        made = column
        if label := label_of(body.get("DisplayName")):
            made = replace(made, label=label)
        made = replace(made, required=required_of(body, column.required))
        if column.type in LARGEST and body.get("MaxLength") is not None:
            made = replace(made, max_length=length_of(body, column.type))
        for key, name in (("MinValue", "minimum"), ("MaxValue", "maximum")):
            if column.type in _RANGES and isinstance(body.get(key), int | float):
                made = replace(made, **{name: float(body[key])})  # type: ignore[arg-type]
        table.columns[column.name] = made
        table.rebuild_index()
        self._columns_changed(table)

    def delete_column(self, table: Table, column: Column) -> None:
        """Take a custom column away, with its values."""
        privileges.require_named_privilege(self.caller, "prvDeleteAttribute")
        self._custom(column.custom, "Attribute", column.name)
        if column.primary_id or column.primary_name:
            raise in_use("Attribute", column.name, 1)
        if any(column.name in key.columns for key in table.keys.values()):
            raise in_use("Attribute", column.name, 1)
        self._drop(table, column)

    def _drop(self, table: Table, column: Column) -> None:
        transaction = Transaction()
        store = self.environment.store
        rows = store.rows[table.name]
        gone = [one for one in (column.name, f"{column.name}type", f"{column.name}_base") if one in table.columns]
        for position in list(rows.live_positions()):
            row = rows.fragments(position)
            if any(name in row for name in gone):
                store.update(table.name, position, {k: v for k, v in row.items() if k not in gone}, transaction)
        for name in gone:
            del table.columns[name]
            rows.decoded.pop(name, None)
        table.rebuild_index()

    def _add_columns(self, table: Table, body: Any, *, new_table: bool = False) -> Column:
        if not isinstance(body, Mapping):
            raise invalid("An attribute is an object.")
        kind = type_of(body)
        schema_name = schema_name_of(body)
        self._prefixed(schema_name, "Attribute")
        name = schema_name.lower()
        primary = new_table and bool(body.get("IsPrimaryName"))
        if name in table.columns and not primary:
            raise ServiceError(
                400,
                "0x80044363",
                f"The schema name {schema_name} for type Attributes is not unique. An Attribute with same name "
                "already exists.",
            )
        if kind == "Lookup":
            raise invalid("A lookup attribute is created together with its relationship.")
        if kind not in _TYPES:
            raise not_covered(f"attributes of the type '{kind}'")
        column = self._column(kind, name, schema_name, body)
        if primary:
            column = replace(column, primary_name=True)
            # The table's own lines stand in the order in which they were given.
            table.columns = {k: (column if k == name else v) for k, v in table.columns.items()}
            table.rebuild_index()
            return column
        more = [column]
        if kind == "Money":
            more.append(
                replace(
                    column, name=f"{name}_base", schema_name=f"{schema_name}_Base", label=f"{column.label} (Base)",
                    precision=4, for_create=False, for_update=False,
                )
            )  # fmt: skip
            if "transactioncurrencyid" not in table.columns:
                more += parse_columns(common.CURRENCY).values()
        table.add_columns(more)
        if not new_table:
            self._columns_changed(table)
        return column

    def _column(self, kind: str, name: str, schema_name: str, body: Mapping[str, Any]) -> Column:
        made = Column(
            name, schema_name, kind, label_of(body.get("DisplayName")) or schema_name, custom=True,
            required=required_of(body, "None"),
        )  # fmt: skip
        if kind in LARGEST:
            formats = body.get("FormatName") or {}
            named = formats.get("Value") if isinstance(formats, Mapping) else None
            made = replace(made, max_length=length_of(body, kind), format=str(named or body.get("Format") or "Text"))
        elif kind in _RANGES:
            low, high = _RANGES[kind]
            least, most = body.get("MinValue"), body.get("MaxValue")
            low = float(least) if isinstance(least, int | float) else low
            high = float(most) if isinstance(most, int | float) else high
            places = body.get("Precision")
            precision = None if kind == "Integer" else (places if isinstance(places, int) else 2)
            made = replace(made, minimum=low, maximum=high, precision=precision)
        elif kind == "DateTime":
            behavior = body.get("DateTimeBehavior") or {}
            only = body.get("Format") == "DateOnly" or behavior.get("Value") == "DateOnly"
            made = replace(made, date_only=only)
        elif kind == "Boolean":
            options = body.get("OptionSet") or {}
            no, yes = (
                label_of((options.get("FalseOption") or {}).get("Label")),
                label_of((options.get("TrueOption") or {}).get("Label")),
            )
            choices = (Choice(0, no or "No"), Choice(1, yes or "Yes"))
            made = replace(made, choices=choices, default=bool(body.get("DefaultValue", False)))
        elif kind in {"Picklist", "MultiSelectPicklist"}:
            made = self._with_choices(made, body)
        return made

    def _with_choices(self, column: Column, body: Mapping[str, Any]) -> Column:
        bound = body.get("GlobalOptionSet@odata.bind")
        if bound is not None:
            found = self.option_set(str(bound).rpartition("(")[2].rstrip(")"))
            return replace(column, choices=found.choices, choice_set=found.name)
        given = body.get("OptionSet")
        if not isinstance(given, Mapping):
            raise invalid(f"The attribute '{column.name}' needs an OptionSet.")
        if given.get("IsGlobal") and given.get("Name") in self.environment.choices:
            found = self.environment.choices[str(given["Name"])]
            return replace(column, choices=found.choices, choice_set=found.name)
        return replace(column, choices=self._choices(given.get("Options")))

    def _columns_changed(self, table: Table) -> None:
        """What rows keep in common is fixed when a table begins; later columns go with the others."""
        self.environment.store.rows[table.name].drop_decoded()
