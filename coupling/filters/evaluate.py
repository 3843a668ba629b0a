"""A filter evaluated here, on a record or a row, as Dataverse would. No Django.

A comparison with a blank is false, but `eq null`, `ne VALUE` and `not_in`: a blank counts as different. Text compares
without regard to case, as in Dataverse.
"""

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from coupling.filters.checks import read
from coupling.filters.fields import Kind
from coupling.filters.tree import TEXTS, Condition, Group, Node, Operator

ValueOf = Callable[[str], Any]
"""Gives a record's or row's value of a field."""

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    Operator.LT: operator.lt, Operator.LE: operator.le, Operator.GT: operator.gt, Operator.GE: operator.ge,
    Operator.BEGINS_WITH: str.startswith, Operator.CONTAINS: operator.contains,
}  # fmt: skip


def matches(node: Node, value_of: ValueOf) -> bool:
    """Return whether a record or row is inside the filter."""
    return tester(node)(value_of)


def tester(node: Node) -> Callable[[ValueOf], bool]:
    """Return what says of a record or row whether it is inside the filter; for many rows, made once."""
    if isinstance(node, Condition):
        return _tester_of(node)
    parts = [tester(part) for part in node.parts]
    if node.every:
        return lambda value_of: all(part(value_of) for part in parts)
    return lambda value_of: any(part(value_of) for part in parts)


def unmet(node: Node, value_of: ValueOf) -> list[Node]:
    """Return what holds a record or row outside the filter; nothing where it is inside.

    Of a group of which all must hold, the parts that do not; of one of which any must, the whole group.
    """
    if isinstance(node, Group) and node.every:
        return [missed for part in node.parts for missed in unmet(part, value_of)]
    return [] if matches(node, value_of) else [node]


def _tester_of(condition: Condition) -> Callable[[ValueOf], bool]:
    name, op, kind = condition.field, condition.op, condition.kind
    if op in (Operator.BLANK, Operator.NOT_BLANK):
        wanted = op == Operator.BLANK
        return lambda value_of: _is_blank(value_of(name)) is wanted
    if op in (Operator.EQ, Operator.IN, Operator.NE, Operator.NOT_IN):
        is_one = _is_one_of(condition)
        if op in (Operator.EQ, Operator.IN):
            return lambda value_of: is_one(value_of(name))
        return lambda value_of: not is_one(value_of(name))
    compare, other = _COMPARISONS[op], _comparable(condition.value)

    def compares(value_of: ValueOf) -> bool:
        value = read(value_of(name), kind)
        if value is None:
            return False
        one = _comparable(value)
        return compare(str(one), str(other)) if op in TEXTS else _alike(one, other) and compare(one, other)

    return compares


def _is_one_of(condition: Condition) -> Callable[[Any], bool]:
    """Return what says of a value whether it equals one of those wanted, a blank where one of them is."""
    takes_blank = None in condition.values
    wanted = [value for value in condition.values if value is not None]
    if condition.kind is Kind.ANY:
        return lambda given: takes_blank if _is_blank(given) else any(_equal(given, one) for one in wanted)
    key = _KEYS.get(condition.kind) or (lambda given: read(given, condition.kind))
    keys = frozenset(key(value) for value in wanted)
    return lambda given: takes_blank if given is None or given == "" else key(given) in keys


def _is_blank(given: Any) -> bool:
    return given is None or given == ""


_KEYS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: lambda given: str(given).casefold(),
    Kind.WORD: lambda given: str(given).casefold(),
    Kind.ROW: lambda given: str(given).lower(),
}
"""What values of a kind are equal by, where that is not the value that is read."""


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float | Decimal) and isinstance(wanted, int | float | Decimal):
        return value == wanted
    return str(value).casefold() == str(wanted).casefold()


def _comparable(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    return value.casefold() if isinstance(value, str) else value


def _alike(one: Any, other: Any) -> bool:
    """Return whether two values have an order."""
    numbers = isinstance(one, int | Decimal) and isinstance(other, int | Decimal)
    return numbers or type(one) is type(other)
