"""Changes of columns, and of the rows' values in them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.base.errors import ServiceError, not_covered
from sandbox.customizing import labels
from sandbox.customizing.base import (
    MAX_LENGTHS,
    component_in_use,
    invalid_definition,
    read_label,
    read_max_length,
    read_required_level,
    read_schema_name,
    read_type,
)
from sandbox.customizing.choices import ChoiceCustomizer
from sandbox.data import privileges
from sandbox.data.store import Transaction
from sandbox.metadata import common
from sandbox.metadata.model import Choice, Column, Table
from sandbox.metadata.notation import parse_columns

TYPES = frozenset(
    {
        "String", "Memo", "Integer", "BigInt", "Decimal", "Double", "Money", "DateTime", "Boolean", "Picklist",
        "MultiSelectPicklist",
    }
)  # fmt: skip
_BEHAVIORS = frozenset({"UserLocal", "DateOnly", "TimeZoneIndependent"})
RANGES = {
    "Integer": (-2147483648.0, 2147483647.0),
    "Decimal": (-1e11, 1e11),
    "Double": (-1e11, 1e11),
    "Money": (-922337203685477.0, 922337203685477.0),
}


class ColumnCustomizer(ChoiceCustomizer):
    """Creates, changes and deletes columns."""

    def create_column(self, table: Table, body: Mapping[str, Any]) -> Column:
        """Add a column to a table and return it. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvCreateAttribute")
        column = self._add_columns(table, body)
        self.environment.customization.note_definition(table.name, column.name)
        return column

    def update_column(self, table: Table, column: Column, body: Mapping[str, Any]) -> None:
        """Replace a column's label, requirement, length and range. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvWriteAttribute")
        if body.get("@odata.type") is not None and read_type(body) != column.type:
            raise invalid_definition(f"The type of the attribute '{column.name}' can't be changed.")
        changed = column
        if label := read_label(body.get("DisplayName")):
            changed = replace(changed, label=label)
        changed = replace(changed, required=read_required_level(body, column.required))
        if column.type in MAX_LENGTHS and body.get("MaxLength") is not None:
            changed = replace(changed, max_length=read_max_length(body, column.type))
        if column.type in RANGES:
            changed = replace(
                changed,
                minimum=_read_number(body, "MinValue", column.minimum),
                maximum=_read_number(body, "MaxValue", column.maximum),
            )
        table.columns[column.name] = changed
        table.rebuild_index()
        self._drop_decoded(table)

    def delete_column(self, table: Table, column: Column) -> None:
        """Delete a custom column and its values. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvDeleteAttribute")
        self._require_custom(column.custom, "Attribute", column.name)
        if column.primary_id or column.primary_name:
            raise component_in_use("Attribute", column.name, 1)
        if any(column.name in key.columns for key in table.keys.values()):
            raise component_in_use("Attribute", column.name, 1)
        self._drop_column(table, column)

    def _drop_column(self, table: Table, column: Column) -> None:
        transaction = Transaction()
        store = self.environment.store
        rows = store.rows[table.name]
        removed = [one for one in (column.name, f"{column.name}type", f"{column.name}_base") if one in table.columns]
        for position in list(rows.live_positions()):
            row = rows.fragments(position)
            if any(name in row for name in removed):
                store.update(table.name, position, {k: v for k, v in row.items() if k not in removed}, transaction)
        for name in removed:
            del table.columns[name]
            table.deletions[name] = table.deletions.get(name, 0) + 1
            rows.decoded.pop(name, None)
        table.rebuild_index()

    def _add_columns(self, table: Table, body: Any, *, new_table: bool = False) -> Column:
        if not isinstance(body, Mapping):
            raise invalid_definition("An attribute is an object.")
        kind = read_type(body)
        schema_name = read_schema_name(body)
        self._check_prefix(schema_name, "Attribute")
        labels.check_column(self.environment, body)
        name = schema_name.lower()
        primary = new_table and bool(body.get("IsPrimaryName"))
        if name in table.columns and not primary:
            raise ServiceError(400, "0x80047013", "An attribute with the specified name already exists")
        if kind == "Lookup":
            raise invalid_definition("A lookup attribute is created together with its relationship.")
        if kind not in TYPES:
            raise not_covered(f"attributes of the type '{kind}'")
        column = self._build_column(kind, name, schema_name, body)
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
            self._drop_decoded(table)
        return column

    def _build_column(self, kind: str, name: str, schema_name: str, body: Mapping[str, Any]) -> Column:
        column = Column(
            name, schema_name, kind, read_label(body.get("DisplayName")) or schema_name, custom=True,
            required=read_required_level(body, "None"),
        )  # fmt: skip
        if kind in MAX_LENGTHS:
            formats = body.get("FormatName") or {}
            named = formats.get("Value") if isinstance(formats, Mapping) else None
            column = replace(
                column, max_length=read_max_length(body, kind), format=str(named or body.get("Format") or "Text")
            )
        elif kind in RANGES:
            low, high = RANGES[kind]
            places = body.get("Precision")
            column = replace(
                column,
                minimum=_read_number(body, "MinValue", low),
                maximum=_read_number(body, "MaxValue", high),
                precision=None if kind == "Integer" else (places if isinstance(places, int) else 2),
            )
        elif kind == "DateTime":
            column = _with_behavior(column, body)
        elif kind == "Boolean":
            options = body.get("OptionSet") or {}
            no, yes = (
                read_label((options.get("FalseOption") or {}).get("Label")),
                read_label((options.get("TrueOption") or {}).get("Label")),
            )
            choices = (Choice(0, no or "No"), Choice(1, yes or "Yes"))
            column = replace(column, choices=choices, default=bool(body.get("DefaultValue", False)))
        elif kind in {"Picklist", "MultiSelectPicklist"}:
            column = self._with_choices(column, body)
        return column

    def _with_choices(self, column: Column, body: Mapping[str, Any]) -> Column:
        bound = body.get("GlobalOptionSet@odata.bind")
        if bound is not None:
            found = self.find_option_set(str(bound).rpartition("(")[2].rstrip(")"))
            return replace(column, choices=found.choices, choice_set=found.name)
        given = body.get("OptionSet")
        if not isinstance(given, Mapping):
            raise invalid_definition(f"The attribute '{column.name}' needs an OptionSet.")
        if given.get("IsGlobal") and given.get("Name") in self.environment.choices:
            found = self.environment.choices[str(given["Name"])]
            return replace(column, choices=found.choices, choice_set=found.name)
        return replace(column, choices=self._read_options(given.get("Options")))

    def _drop_decoded(self, table: Table) -> None:
        """Drop the rows' decoded columns, which may have changed."""
        self.environment.store.rows[table.name].drop_decoded()


def _read_number(body: Mapping[str, Any], name: str, default: float | None) -> float | None:
    value = body.get(name)
    return float(value) if isinstance(value, int | float) else default


def _with_behavior(column: Column, body: Mapping[str, Any]) -> Column:
    """Return a date column with its behavior and format: UserLocal where none is given, whatever the format.

    Raises ServiceError.
    """
    given = body.get("DateTimeBehavior")
    behavior = str((given.get("Value") if isinstance(given, Mapping) else given) or "UserLocal")
    shown = str(body.get("Format") or ("DateOnly" if behavior == "DateOnly" else "DateAndTime"))
    if behavior not in _BEHAVIORS or shown not in {"DateOnly", "DateAndTime"}:
        raise ServiceError(400, "0x80040203", f"The DateTimeBehavior '{behavior}' with Format '{shown}' is not valid.")
    if behavior == "DateOnly" and shown == "DateAndTime":
        raise ServiceError(400, "0x80040203", "Format DateAndTime cannot be used with the DateTimeBehavior DateOnly.")
    return replace(column, date_only=behavior == "DateOnly", behavior=behavior, format=shown)
