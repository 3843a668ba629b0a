"""$apply: filters, groups and aggregates rows.

filter(...)/groupby((a,b),aggregate(c with sum as d, $count as n)), in the forms the service documents.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.base.errors import ServiceError, not_covered, query_error
from sandbox.base.values import from_json
from sandbox.data.predicate import Compiler
from sandbox.data.query_functions import QueryUser
from sandbox.data.store import Store
from sandbox.metadata.model import LOOKUPS, Column, Table
from sandbox.odata.options import Options, split_top_level
from sandbox.odata.parser import parse_filter
from sandbox.odata.syntax import Expression

MAX_INPUT_ROWS = 50_000
_CALL = re.compile(r"(\w+)\s*\((.*)\)", re.DOTALL)
_NUMBER_TYPES = frozenset({"Integer", "BigInt", "Decimal", "Double", "Money"})
_METHODS = frozenset({"sum", "average", "min", "max", "countdistinct"})


@dataclass(frozen=True, slots=True)
class _Aggregate:
    """One aggregate: column, method, and the name of the result; $count has no column."""

    column: str
    method: str
    alias: str


@dataclass(slots=True)
class _Plan:
    """What a $apply asks for."""

    filter: Expression | None = None
    groups: tuple[str, ...] = ()
    aggregates: tuple[_Aggregate, ...] = ()


def aggregate(store: Store, table: Table, options: Options, user: QueryUser, visible: Sequence[int] | None) -> bytes:
    """Return the rows of the answer as a JSON list. `visible` are the positions the caller may read, None for all.

    Raises ServiceError.
    """
    others = options.given - {"$apply"}
    if others:
        raise not_covered(f"'{sorted(others)[0]}' beside $apply")
    plan = _read_plan(options.apply, options)
    compiler = Compiler(store, table, user)
    rows = store.rows[table.name]
    positions = list(rows.live_positions() if visible is None else visible)
    if plan.filter is not None:
        positions = compiler.compile(plan.filter)(positions)
    if len(positions) > MAX_INPUT_ROWS:
        raise ServiceError(
            400,
            "0x8004e023",
            "The maximum record limit is exceeded. Reduce the number of records.",
        )
    columns = [(name, _group_value(store, table, compiler, name)) for name in plan.groups]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for position in positions:
        groups.setdefault(tuple(show(position) for _, show in columns), []).append(position)
    if not columns and not groups:
        groups[()] = []
    computations = [(one, _aggregate_function(table, compiler, one)) for one in plan.aggregates]
    result_rows = []
    for key, members in groups.items():
        row = {name: value for (name, _), value in zip(columns, key, strict=True)}
        row.update({one.alias: compute(members) for one, compute in computations})
        result_rows.append(row)
    return msgspec.json.Encoder(decimal_format="number").encode(result_rows)


def _read_plan(text: str, options: Options) -> _Plan:
    plan = _Plan()
    for step in split_top_level(text, "/"):
        found = _CALL.fullmatch(step)
        if found is None:
            raise query_error(f"Syntax error in $apply '{text}'.")
        name, inner = found.groups()
        if name == "filter" and plan.filter is None and not plan.groups and not plan.aggregates:
            plan.filter = parse_filter(inner, options.aliases)
        elif name == "aggregate" and not plan.aggregates and not plan.groups:
            plan.aggregates = _read_aggregates(inner)
        elif name == "groupby" and not plan.groups and not plan.aggregates:
            parts = split_top_level(inner, ",")
            group = parts[0] if parts else ""
            if not (group.startswith("(") and group.endswith(")")) or len(parts) > 2:
                raise query_error(f"Syntax error in $apply '{text}'.")
            plan.groups = tuple(split_top_level(group[1:-1], ","))
            if len(parts) == 2:
                aggregate = _CALL.fullmatch(parts[1])
                if aggregate is None or aggregate.group(1) != "aggregate":
                    raise query_error(f"Syntax error in $apply '{text}'.")
                plan.aggregates = _read_aggregates(aggregate.group(2))
        else:
            raise not_covered(f"'{name}' in $apply")
    if not plan.groups and not plan.aggregates:
        raise query_error(f"$apply '{text}' neither groups nor sums up.")
    return plan


def _read_aggregates(text: str) -> tuple[_Aggregate, ...]:
    aggregates = []
    for part in split_top_level(text, ","):
        words = part.split()
        if len(words) == 3 and words[0] == "$count" and words[1] == "as":
            aggregates.append(_Aggregate("", "count", words[2]))
        elif len(words) == 5 and words[1] == "with" and words[3] == "as" and words[2] in _METHODS:
            aggregates.append(_Aggregate(words[0], words[2], words[4]))
        else:
            raise query_error(f"Syntax error in aggregate '{part}'.")
    aliases = [one.alias for one in aggregates]
    if not aggregates or len(set(aliases)) != len(aliases) or not all(one.isidentifier() for one in aliases):
        raise query_error(f"Syntax error in aggregate '{text}'.")
    return tuple(aggregates)


def _group_value(store: Store, table: Table, compiler: Compiler, name: str) -> Callable[[int], Any]:
    """Return a function from a position to the value to group by. Raises ServiceError."""
    if "/" in name:
        return compiler.value_getter(tuple(name.split("/")))
    column = Compiler.find_column(table, name)
    if column.type == "Memo":
        raise query_error(f"'{name}' can't be grouped by.")
    rows = store.rows[table.name]
    seen: dict[bytes, Any] = {}

    def show(position: int) -> Any:
        piece = rows.fragment(position, column.name)
        if piece not in seen:
            seen[piece] = from_json(piece) if piece else column.default
        return seen[piece]

    return show


def _aggregate_function(table: Table, compiler: Compiler, one: _Aggregate) -> Callable[[list[int]], Any]:
    """Return a function from the positions of a group to its result. Raises ServiceError."""
    if one.method == "count":
        return len
    column: Column = Compiler.find_column(table, one.column)
    values = compiler.value_getter((one.column,))
    if one.method == "countdistinct":
        return lambda positions: len({v for i in positions if (v := values(i)) is not None})
    if column.type not in _NUMBER_TYPES and not (one.method in {"min", "max"} and column.type == "DateTime"):
        kind = "lookup" if column.type in LOOKUPS else column.type
        raise query_error(f"The aggregation method '{one.method}' can't be used on '{one.column}', a {kind}.")

    def compute(positions: list[int]) -> Any:
        found = [v for i in positions if (v := values(i)) is not None]
        if not found:
            return None
        if one.method in {"min", "max"}:
            best = min(found) if one.method == "min" else max(found)
            return f"{best}Z" if column.type == "DateTime" and not column.date_only else best
        total = sum((Decimal(v) for v in found), Decimal(0))
        if one.method == "average":
            return round(total / len(found), 10).normalize() + 0
        return total if column.type != "Integer" else int(total)

    return compute
