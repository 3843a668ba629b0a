"""Table filters: what the catalog says of the fields they compare, and the filters as conditions on local records."""

from collections.abc import Callable
from typing import Any, cast

from django.db import connections, models
from django.db.models import F, Q
from django.db.models.lookups import (
    Contains,
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    StartsWith,
)

from core.folding import Folded
from coupling.filters import FilterField, Kind
from coupling.filters.tree import Condition, Node, Operator
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import normal_code

_KINDS = {
    "text": Kind.TEXT, "code": Kind.TEXT, "reference": Kind.TEXT, "choice": Kind.WORD, "number": Kind.NUMBER,
    "integer": Kind.WHOLE, "boolean": Kind.BOOLEAN, "date": Kind.DATE, "datetime": Kind.MOMENT,
}  # fmt: skip
_LOOKUPS: dict[str, str] = {Operator.LT: "lt", Operator.LE: "lte", Operator.GT: "gt", Operator.GE: "gte"}
_TEXT_LOOKUPS: dict[str, Callable[[Any, Any], Any]] = {
    Operator.LT: LessThan, Operator.LE: LessThanOrEqual, Operator.GT: GreaterThan, Operator.GE: GreaterThanOrEqual,
    Operator.BEGINS_WITH: StartsWith, Operator.CONTAINS: Contains,
}  # fmt: skip


def filter_field(table: LocalTable, name: str) -> FilterField:
    """Return what a filter knows of a local field. Raises LookupError with a sentence where the table has none."""
    field = table.field(name)
    column = _column(table, name)
    low, high = _range(column)
    return FilterField(
        name,
        field.caption,
        _KINDS.get(field.type, Kind.OTHER),
        field.max_length,
        low,
        high,
        field.decimals,
        _choices(field),
        targets=(field.references,) if field.references else (),
    )


def records_q(table: LocalTable, node: Node) -> Q:
    """Return a filter as a condition on the table's records; an empty one for every record.

    node: resolved with the table's fields, so that its values are Python's own.
    """
    if isinstance(node, Condition):
        return _leaf(table, node)
    found = Q()
    for part in node.parts:
        found = found & records_q(table, part) if node.every else found | records_q(table, part)
    return found


def _leaf(table: LocalTable, condition: Condition) -> Q:
    name, op = condition.field, condition.op
    if op in (Operator.EQ, Operator.IN):
        return _is_one_of(table, condition)
    if op in (Operator.NE, Operator.NOT_IN):
        blank = Q() if None in condition.values else _blank(table, name)
        return blank | ~_is_one_of(table, condition)
    if op == Operator.BLANK:
        return _blank(table, name)
    if op == Operator.NOT_BLANK:
        return ~_blank(table, name)
    if condition.kind is Kind.TEXT:
        return ~_blank(table, name) & Q(_TEXT_LOOKUPS[op](_folded(name, condition.value), condition.value.lower()))
    return Q(**{f"{name}__{_LOOKUPS[op]}": condition.value})


def _is_one_of(table: LocalTable, condition: Condition) -> Q:
    name = condition.field
    wanted = [value for value in condition.values if value is not None]
    found = Q()
    if wanted and condition.kind is Kind.TEXT and not _is_code(table, name):
        for value in wanted:
            found |= Q(Exact(_folded(name, value), value.lower()))
    elif wanted:
        stored = [normal_code(value) for value in wanted] if _is_code(table, name) else wanted
        found |= Q(**{f"{name}__in": stored})
    return found | _blank(table, name) if None in condition.values else found


def _blank(table: LocalTable, name: str) -> Q:
    column, blank = _column(table, name), Q()
    if not column.empty_strings_allowed or column.null:
        blank |= Q(**{f"{name}__isnull": True})
    if column.empty_strings_allowed:
        blank |= Q(**{name: ""})
    return blank


def _folded(name: str, value: str) -> Folded:
    return Folded(F(name), of_any_alphabet=not value.isascii(), by_code_point=True)


def _is_code(table: LocalTable, name: str) -> bool:
    """Return whether a field is stored in capitals, so that it needs no folding."""
    return name in table.code_fields


def _column(table: LocalTable, name: str) -> "models.Field[Any, Any]":
    return cast("models.Field[Any, Any]", table.model._meta.get_field(name))


def _range(column: "models.Field[Any, Any]") -> tuple[int | None, int | None]:
    """Return the least and the greatest number that a column holds, None where it has none."""
    if isinstance(column, models.DecimalField) and column.max_digits is not None:
        most = 10 ** (column.max_digits - (column.decimal_places or 0)) - 1
        return -most, most
    if isinstance(column, models.IntegerField):
        return connections["default"].ops.integer_field_range(column.get_internal_type())
    return None, None


def _choices(field: LocalField) -> dict[str, str]:
    return {value: label for value, label in field.choices if value}
