"""$apply: rows filtered, put into groups, and summed up.

filter(...)/groupby((a,b),aggregate(c with sum as d, $count as n)), in the forms the service documents.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.base.errors import ServiceError, not_covered, query_error
from sandbox.base.values import plain
from sandbox.data.predicate import Asker, Compiler
from sandbox.data.store import Store
from sandbox.metadata.model import LOOKUPS, Column, Table
from sandbox.odata.options import Options, split
from sandbox.odata.parser import parse_filter
from sandbox.odata.syntax import Expression

MOST_ROWS = 50_000
_CALL = re.compile(r"(\w+)\s*\((.*)\)", re.DOTALL)
_NUMBERS = frozenset({"Integer", "BigInt", "Decimal", "Double", "Money"})
_METHODS = frozenset({"sum", "average", "min", "max", "countdistinct"})


@dataclass(frozen=True, slots=True)
class _Sum:
    """One aggregate: a column, how, and what its answer is called; $count has no column."""

    column: str
    method: str
    alias: str


@dataclass(slots=True)
class _Plan:
    filter: Expression | None = None
    groups: tuple[str, ...] = ()
    sums: tuple[_Sum, ...] = ()


def answer(store: Store, table: Table, options: Options, asker: Asker, visible: Sequence[int] | None) -> bytes:
    """The rows of the answer as JSON, without its context. Raises ServiceError."""
    others = options.given - {"$apply"}
    if others:
        raise not_covered(f"'{sorted(others)[0]}' beside $apply")
    plan = _read(options.apply, options)
    compiler = Compiler(store, table, asker)
    rows = store.rows[table.name]
    places = list(rows.live() if visible is None else visible)
    if plan.filter is not None:
        places = compiler.compile(plan.filter)(places)
    if len(places) > MOST_ROWS:
        raise ServiceError(
            400,
            "0x8004e023",
            "The maximum record limit is exceeded. Reduce the number of records.",
        )
    columns = [(name, _shown(store, table, compiler, name)) for name in plan.groups]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place in places:
        groups.setdefault(tuple(show(place) for _, show in columns), []).append(place)
    if not columns and not groups:
        groups[()] = []
    sums = [(one, _summing(table, compiler, one)) for one in plan.sums]
    made = []
    for key, members in groups.items():
        row = {name: value for (name, _), value in zip(columns, key, strict=True)}
        row.update({one.alias: compute(members) for one, compute in sums})
        made.append(row)
    return msgspec.json.Encoder(decimal_format="number").encode(made)


def _read(text: str, options: Options) -> _Plan:
    plan = _Plan()
    for step in split(text, "/"):
        found = _CALL.fullmatch(step)
        if found is None:
            raise query_error(f"Syntax error in $apply '{text}'.")
        name, inner = found.groups()
        if name == "filter" and plan.filter is None and not plan.groups and not plan.sums:
            plan.filter = parse_filter(inner, options.aliases)
        elif name == "aggregate" and not plan.sums and not plan.groups:
            plan.sums = _sums(inner)
        elif name == "groupby" and not plan.groups and not plan.sums:
            parts = split(inner, ",")
            group = parts[0] if parts else ""
            if not (group.startswith("(") and group.endswith(")")) or len(parts) > 2:
                raise query_error(f"Syntax error in $apply '{text}'.")
            plan.groups = tuple(split(group[1:-1], ","))
            if len(parts) == 2:
                aggregate = _CALL.fullmatch(parts[1])
                if aggregate is None or aggregate.group(1) != "aggregate":
                    raise query_error(f"Syntax error in $apply '{text}'.")
                plan.sums = _sums(aggregate.group(2))
        else:
            raise not_covered(f"'{name}' in $apply")
    if not plan.groups and not plan.sums:
        raise query_error(f"$apply '{text}' neither groups nor sums up.")
    return plan


def _sums(text: str) -> tuple[_Sum, ...]:
    made = []
    for part in split(text, ","):
        words = part.split()
        if len(words) == 3 and words[0] == "$count" and words[1] == "as":
            made.append(_Sum("", "count", words[2]))
        elif len(words) == 5 and words[1] == "with" and words[3] == "as" and words[2] in _METHODS:
            made.append(_Sum(words[0], words[2], words[4]))
        else:
            raise query_error(f"Syntax error in aggregate '{part}'.")
    aliases = [one.alias for one in made]
    if not made or len(set(aliases)) != len(aliases) or not all(one.isidentifier() for one in aliases):
        raise query_error(f"Syntax error in aggregate '{text}'.")
    return tuple(made)


def _shown(store: Store, table: Table, compiler: Compiler, name: str) -> Callable[[int], Any]:
    """The value of a row as the answer shows it."""
    if "/" in name:
        return compiler.follow(tuple(name.split("/")))
    column = Compiler.property(table, name)
    if column.type == "Memo":
        raise query_error(f"'{name}' can't be grouped by.")
    rows = store.rows[table.name]
    seen: dict[bytes, Any] = {}

    def show(place: int) -> Any:
        piece = rows.fragment(place, column.name)
        if piece not in seen:
            seen[piece] = plain(piece) if piece else column.default
        return seen[piece]

    return show


def _summing(table: Table, compiler: Compiler, one: _Sum) -> Callable[[list[int]], Any]:
    if one.method == "count":
        return len
    column: Column = Compiler.property(table, one.column)
    values = compiler.follow((one.column,))
    if one.method == "countdistinct":
        return lambda places: len({v for i in places if (v := values(i)) is not None})
    if column.type not in _NUMBERS and not (one.method in {"min", "max"} and column.type == "DateTime"):
        kind = "lookup" if column.type in LOOKUPS else column.type
        raise query_error(f"The aggregation method '{one.method}' can't be used on '{one.column}', a {kind}.")

    def compute(places: list[int]) -> Any:
        found = [v for i in places if (v := values(i)) is not None]
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
