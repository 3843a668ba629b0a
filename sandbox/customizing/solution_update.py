"""What an update of a solution does to columns, standard ones too: delete, bring back, shorten, retype, require."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.customizing.base import MAX_LENGTHS
from sandbox.customizing.columns import RANGES, TYPES, ColumnCustomizer
from sandbox.environment import Environment
from sandbox.metadata.model import Column, Table

CHANGES = ("gone", "max_length", "type", "required", "behavior", "format", "secured", "source_type")
_BEHAVIORS = frozenset({"UserLocal", "DateOnly", "TimeZoneIndependent"})
_FORMATS = frozenset({"DateOnly", "DateAndTime"})
_LEVELS = frozenset({"None", "Recommended", "ApplicationRequired", "SystemRequired"})


class NotPossible(ValueError):
    """The change cannot be made; the text says why."""


def update_column(environment: Environment, table_name: str, name: str, change: Mapping[str, Any]) -> Column | None:
    """Change one column as `change` says, without anybody's privileges; return it, None where it is gone now.

    gone: true deletes it, false brings it back as it was at the start, without its values; type: it is deleted and made
    anew as a column of that type; max_length, required, behavior and format (of a date), secured, source_type: as the
    column's definition has them. Raises NotPossible.
    """
    table = environment.tables.get(table_name)
    if table is None:
        raise NotPossible(f"There is no table '{table_name}'.")
    with environment.lock:
        return _SolutionUpdate(environment, table, name).carry_out(change)


class _SolutionUpdate(ColumnCustomizer):
    def __init__(self, environment: Environment, table: Table, name: str) -> None:
        # Privileges are of no concern to what an update of a solution does.
        self.environment, self.table, self.name = environment, table, name

    def carry_out(self, change: Mapping[str, Any]) -> Column | None:
        table, name = self.table, self.name
        if change.get("gone") is False and name not in table.columns:
            self._bring_back()
        column = table.columns.get(name)
        if column is None:
            raise NotPossible(f"The table '{table.name}' has no column '{name}'.")
        if change.get("gone"):
            self._drop_column(table, column)
            return None
        changed = column
        if "type" in change:
            changed = self._retyped(column, str(change["type"]))
        if "max_length" in change:
            changed = _with_length(changed, change["max_length"])
        if "required" in change:
            if change["required"] not in _LEVELS:
                raise NotPossible(f"'{change['required']}' is no RequiredLevel.")
            level = str(change["required"])
            changed = replace(changed, required=level, enforced=level == "SystemRequired")
        changed = _with_dates(changed, change)
        if "secured" in change:
            changed = replace(changed, secured=bool(change["secured"]))
        if "source_type" in change:
            changed = _with_source(changed, change["source_type"])
        table.add_columns([changed])
        self._drop_decoded(table)
        return changed

    def _bring_back(self) -> None:
        known = self.environment.first_columns.get(self.table.name, {})
        found = [one for one in (self.name, f"{self.name}type", f"{self.name}_base") if one in known]
        self.table.add_columns(known[one] for one in found)
        self._drop_decoded(self.table)

    def _retyped(self, column: Column, kind: str) -> Column:
        if kind not in TYPES:
            raise NotPossible(f"A column cannot be made a '{kind}'.")
        self._drop_column(self.table, column)
        low, high = RANGES.get(kind, (None, None))
        return Column(
            column.name, column.schema_name, kind, column.label,
            max_length=min(100, MAX_LENGTHS[kind]) if kind in MAX_LENGTHS else None,
            minimum=low, maximum=high, precision=2 if kind in {"Decimal", "Double", "Money"} else None,
            behavior="UserLocal" if kind == "DateTime" else "", custom=column.custom,
        )  # fmt: skip


def _with_dates(column: Column, change: Mapping[str, Any]) -> Column:
    """Return the column with another behavior or format, in the combinations that there are. Raises NotPossible."""
    if not {"behavior", "format"} & change.keys():
        return column
    behavior = str(change.get("behavior", column.behavior or "UserLocal"))
    shown = str(change.get("format", column.format or "DateAndTime"))
    if column.type != "DateTime" or behavior not in _BEHAVIORS or shown not in _FORMATS:
        raise NotPossible(f"The column '{column.name}' cannot be {behavior} and {shown}.")
    if behavior == "DateOnly" and shown != "DateOnly":
        raise NotPossible("A column whose behavior is DateOnly has the format DateOnly.")
    return replace(column, behavior=behavior, format=shown, date_only=behavior == "DateOnly")


def _with_source(column: Column, given: Any) -> Column:
    """Return the column as calculated, rollup, formula or none of them. Raises NotPossible."""
    if given not in (0, 1, 2, 3) or isinstance(given, bool):
        raise NotPossible("A source type is 0, 1 (calculated), 2 (rollup) or 3 (formula).")
    return replace(column, source_type=given, for_create=given == 0, for_update=given == 0)


def _with_length(column: Column, length: Any) -> Column:
    most = MAX_LENGTHS.get(column.type)
    if most is None or isinstance(length, bool) or not isinstance(length, int) or not 0 < length <= most:
        raise NotPossible(f"The column '{column.name}' cannot have the length {length!r}.")
    return replace(column, max_length=length)
