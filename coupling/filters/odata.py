"""A filter as $filter text for Dataverse, and its opposite. No Django.

Dataverse finds a blank by `eq null` for certain; whether `ne` finds it too is not relied on.
"""

from typing import Any
from uuid import UUID

from coupling.filters.fields import Kind
from coupling.filters.tree import BLANKS, ORDERS, Condition, Group, Node, Operator
from dataverse import odata

_OPPOSITES = {
    Operator.EQ: Operator.NE, Operator.NE: Operator.EQ, Operator.IN: Operator.NOT_IN, Operator.NOT_IN: Operator.IN,
    Operator.BLANK: Operator.NOT_BLANK, Operator.NOT_BLANK: Operator.BLANK, Operator.LT: Operator.GE,
    Operator.GE: Operator.LT, Operator.GT: Operator.LE, Operator.LE: Operator.GT,
}  # fmt: skip


def filter_text(node: Node, lookups: frozenset[str] = frozenset()) -> str:
    """Return the $filter text of a filter; "" for every row. lookups: the columns that are read as `_column_value`."""
    if isinstance(node, Group):
        return (odata.all_of if node.every else odata.any_of)(*[filter_text(part, lookups) for part in node.parts])
    return _Leaf(node, lookups).inside()


def outside_text(node: Node, lookups: frozenset[str] = frozenset()) -> str:
    """Return the $filter text of the rows outside a filter; "" where there are none. See filter_text."""
    if isinstance(node, Group):
        return (odata.any_of if node.every else odata.all_of)(*[outside_text(part, lookups) for part in node.parts])
    return _Leaf(node, lookups).outside()


class _Leaf:
    """One condition on a column as the Web API names it."""

    def __init__(self, condition: Condition, lookups: frozenset[str]) -> None:
        self.is_lookup = condition.field in lookups
        self.column = odata.lookup(condition.field) if self.is_lookup else condition.field
        self.op, self.value, self.is_table = condition.op, condition.value, condition.kind is Kind.TABLE
        self.values = [self.literal(value) for value in condition.values]

    def literal(self, value: Any) -> Any:
        return UUID(str(value)) if self.is_lookup and value is not None else value

    def inside(self) -> str:
        return self.text(self.op)

    def outside(self) -> str:
        """Return the rows that do not meet the condition: of an ordered or a text's one, blanks among them."""
        if self.op in ORDERS:
            return odata.any_of(self.text(_OPPOSITES[Operator(self.op)]), odata.eq(self.column, None))
        if self.op in _OPPOSITES:
            return self.text(_OPPOSITES[Operator(self.op)])
        return odata.any_of(f"not {self.text(self.op)}", odata.eq(self.column, None))

    def text(self, op: str) -> str:
        if self.is_table:
            return self.table_text(op)
        if op in BLANKS:
            return (odata.eq if op == Operator.BLANK else odata.ne)(self.column, None)
        if op in (Operator.EQ, Operator.IN):
            return odata.one_of(self.column, self.values)
        if op in (Operator.NE, Operator.NOT_IN):
            return self.none_of()
        if op in ORDERS:
            return odata.compare(self.column, str(op), self.values[0])
        test = odata.startswith if op == Operator.BEGINS_WITH else odata.contains
        return test(self.column, odata.literal_pattern(str(self.values[0])))

    def table_text(self, op: str) -> str:
        """Return the condition on which table a lookup leads to: Dataverse has no column for that, but a way there."""
        own = odata.lookup(self.column.removesuffix("type"))
        if op in BLANKS:
            return (odata.eq if op == Operator.BLANK else odata.ne)(own, None)
        paths = [odata.leads_to(self.column, str(value)) if value is not None else "" for value in self.values]
        if op in (Operator.EQ, Operator.IN):
            return odata.any_of(*[odata.ne(path, None) if path else odata.eq(own, None) for path in paths])
        return odata.all_of(*[odata.eq(path, None) if path else odata.ne(own, None) for path in paths])

    def none_of(self) -> str:
        others = odata.all_of(*[odata.ne(self.column, value) for value in self.values if value is not None])
        if None in self.values:
            return odata.all_of(odata.ne(self.column, None), others)
        return odata.any_of(others, odata.eq(self.column, None))
