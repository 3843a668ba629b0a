"""Compiles a $filter into closures that narrow a list of positions.

A leaf is one list comprehension over a decoded column; `and` chains them, `or` joins them, `not` takes the other rows.
So a million rows cost some tens of milliseconds per leaf, without decoding a row.
A comparison with null is false, except `eq null` and `ne`; `not` is the plain opposite.
"""

import operator
from collections.abc import Callable
from typing import Any

from sandbox.base.errors import not_covered, query_error, unknown_property
from sandbox.base.values import parse_guid, require_plain_guid
from sandbox.base.wildcards import build_text_test
from sandbox.data import relations
from sandbox.data.path_values import (
    TEXT_TYPES,
    PathValues,
    Positions,
    RowFilter,
    convert_literal,
    exclude,
    incompatible_types,
    is_one_of,
    type_family,
)
from sandbox.data.query_functions import QueryUser, compile_query_function
from sandbox.data.store import Rows, Store
from sandbox.metadata.model import LOOKUPS, Column, Table
from sandbox.odata.syntax import (
    And,
    Compare,
    Expression,
    Literal,
    Not,
    Or,
    Path,
    Quantified,
    QueryFunction,
    TextFunction,
)

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class Compiler:
    """Compiles filters on one table of a store. `variable` is that of the lambda expression it works for, if any."""

    def __init__(self, store: Store, table: Table, user: QueryUser, variable: str = "") -> None:
        self.store = store
        self.table = table
        self.rows: Rows = store.rows[table.name]
        self.user = user
        self.variable = variable

    def compile(self, expression: Expression) -> RowFilter:
        """Return a function that keeps the positions of rows for which the expression is true. Raises ServiceError."""
        match expression:
            case And(conditions):
                return self._compile_and([self.compile(one) for one in conditions])
            case Or(conditions):
                return self._compile_or(self._compile_disjuncts(conditions))
            case Not(condition):
                inner = self.compile(condition)
                return lambda positions: exclude(positions, inner(positions))
            case Compare():
                return self._compile_comparison(expression)
            case TextFunction():
                return self._compile_text_function(expression)
            case QueryFunction():
                return compile_query_function(self._resolve(expression.path), expression, self.rows, self.user)
            case Quantified():
                return self._compile_quantified(expression)

    def find_candidates(self, expression: Expression) -> Positions | None:
        """Return the positions that a filter by ids can match, in order; None where all rows have to be read."""
        wanted = self._find_named_ids(expression)
        if wanted is None:
            return None
        index = self.rows.index
        return sorted({index[one.encode()] for one in wanted if one.encode() in index})

    def _find_named_ids(self, expression: Expression) -> list[str] | None:
        match expression:
            case Compare("eq", Path((name,)), Literal() as literal) if name == self.table.primary_id:
                require_plain_guid(literal.value, "$filter")
                found = parse_guid(literal.value)
                return [found] if found else None
            case QueryFunction("In", Path((name,)), values) if name == self.table.primary_id:
                return [found for found in map(parse_guid, values) if found]
            case Or(conditions):
                parts = [self._find_named_ids(one) for one in conditions]
                if any(part is None for part in parts):
                    return None
                return [one for part in parts if part for one in part]
            case And(conditions):
                return next((part for part in map(self._find_named_ids, conditions) if part is not None), None)
        return None

    # -- and, or ------------------------------------------------------------------------------------------------------

    @staticmethod
    def _compile_and(parts: list[RowFilter]) -> RowFilter:
        def narrow(positions: Positions) -> Positions:
            for part in parts:
                if not positions:
                    break
                positions = part(positions)
            return positions

        return narrow

    @staticmethod
    def _compile_or(parts: list[RowFilter]) -> RowFilter:
        if len(parts) == 1:
            return parts[0]

        def narrow(positions: Positions) -> Positions:
            found: Positions = []
            rest = positions
            for part in parts:
                more = part(rest)
                if more:
                    found += more
                    rest = exclude(rest, more)
                    if not rest:
                        break
            found.sort()
            return found

        return narrow

    def _compile_disjuncts(self, conditions: tuple[Expression, ...]) -> list[RowFilter]:
        """Compile the conditions of an `or`; equalities on one property become one look into a set."""
        groups: dict[tuple[str, ...], list[Any]] = {}
        parts: list[RowFilter] = []
        for one in conditions:
            match one:
                case Compare("eq", Path(steps) as path, Literal() as literal) if literal.kind != "null":
                    source = self._resolve(path)
                    groups.setdefault(steps, []).append(convert_literal(source, literal, "eq"))
                case _:
                    parts.append(self.compile(one))
        for steps, constants in groups.items():
            source = self._resolve(Path(steps))
            parts.append(is_one_of(source, constants))
        return parts

    # -- leaves -------------------------------------------------------------------------------------------------------

    def _resolve(self, path: Path) -> PathValues:
        steps = path.steps
        if self.variable:
            if steps[0] != self.variable or len(steps) < 2:
                raise query_error(f"Could not find a property named '{steps[0]}' within the lambda expression.")
            steps = steps[1:]
        rows, table = self.rows, self.table
        hops: list[tuple[list[Any], Rows]] = []
        for step in steps[:-1]:
            found = table.navigation.get(step)
            if found is None:
                if step in table.associations or step in relations.collections(self.store.tables, table):
                    raise query_error(f"'{step}' is a collection; use any or all.")
                raise unknown_property(step, table.name)
            column, targets = found
            if len(targets) != 1:
                raise not_covered(f"a path through '{step}', which leads to several tables")
            target = self.store.rows.get(targets[0])
            if target is None:
                raise not_covered(f"the table '{targets[0]}'")
            hops.append((rows.column_values(column.name), target))
            rows, table = target, target.table
        column = self.find_column(table, steps[-1])
        values = rows.column_values(column.name)
        if not hops:
            return PathValues(column, table, values, values.__getitem__)

        def get(position: int) -> Any:
            for links, target in hops:
                link = links[position]
                following = None if link is None else target.index.get(link.encode())
                if following is None:
                    return None
                position = following
            return values[position]

        return PathValues(column, table, None, get)

    def value_getter(self, steps: tuple[str, ...]) -> Callable[[int], Any]:
        """Return a function from a position to the value at the end of a path. Raises ServiceError."""
        return self._resolve(Path(steps)).get

    @staticmethod
    def find_column(table: Table, name: str) -> Column:
        """Return the column of a property. Raises ServiceError where the table has none."""
        found = table.properties.get(name)
        if found is None:
            raise unknown_property(name, table.name)
        return found

    def _compile_comparison(self, expression: Compare) -> RowFilter:
        left = self._resolve(expression.left)
        name = expression.operator
        if isinstance(expression.right, Path):
            return self._compile_column_comparison(left, name, self._resolve(expression.right))
        constant = convert_literal(left, expression.right, name)
        values, get = left.values, left.get
        if name == "eq":
            if values is None:
                return lambda positions: [i for i in positions if get(i) == constant]
            if constant is None or constant is True or constant is False:
                return lambda positions: [i for i in positions if values[i] is constant]
            return lambda positions: [i for i in positions if values[i] == constant]
        if name == "ne":
            if values is None:
                return lambda positions: [i for i in positions if get(i) != constant]
            return lambda positions: [i for i in positions if values[i] != constant]
        if constant is None:
            raise query_error(f"The '{name}' operator can't compare with null.")
        if left.column.type == "Boolean" or left.column.type in LOOKUPS or left.column.type == "Uniqueidentifier":
            raise incompatible_types(left.column.edm_type, left.column.edm_type, name)
        compare = _OPERATORS[name]
        if values is None:
            return lambda positions: [i for i in positions if (v := get(i)) is not None and compare(v, constant)]
        return lambda positions: [i for i in positions if (v := values[i]) is not None and compare(v, constant)]

    @staticmethod
    def _compile_column_comparison(left: PathValues, name: str, right: PathValues) -> RowFilter:
        if type_family(left.column) != type_family(right.column):
            raise incompatible_types(left.column.edm_type, right.column.edm_type, name)
        one, two = left.get, right.get
        if name == "eq":
            return lambda positions: [i for i in positions if one(i) == two(i)]
        if name == "ne":
            return lambda positions: [i for i in positions if one(i) != two(i)]
        compare = _OPERATORS[name]
        return lambda positions: [
            i for i in positions if (a := one(i)) is not None and (b := two(i)) is not None and compare(a, b)
        ]

    def _compile_text_function(self, expression: TextFunction) -> RowFilter:
        source = self._resolve(expression.path)
        if source.column.type not in TEXT_TYPES:
            raise query_error(
                f"No function signature for the function with name '{expression.function}' matches the specified "
                f"arguments: '{source.column.edm_type}', 'Edm.String'."
            )
        wanted = str(expression.value.value).casefold()
        test = build_text_test(expression.function, wanted)
        values, get = source.values, source.get
        if values is None:
            return lambda positions: [i for i in positions if (v := get(i)) is not None and test(v)]
        return lambda positions: [i for i in positions if (v := values[i]) is not None and test(v)]

    # -- lambdas ------------------------------------------------------------------------------------------------------

    def _compile_quantified(self, expression: Quantified) -> RowFilter:
        name = expression.collection
        association = self.table.associations.get(name)
        collection = relations.collections(self.store.tables, self.table).get(name)
        if association is not None:
            other = self.store.rows[association.other]
            matching = self._find_matching(other, expression)
            linked = self.store.linked_ids(self.table.name, association.name, association.other)
            index = other.index

            def test_members(row_id: str) -> list[bool]:
                positions = (index.get(one.encode()) for one in linked.get(row_id, ()))
                return [position in matching for position in positions if position is not None]

        elif collection is not None:
            matching = self._find_matching(self.store.rows[collection.other.name], expression)
            members = relations.member_positions(self.store, self.table, collection)

            def test_members(row_id: str) -> list[bool]:
                return [position in matching for position in members.get(row_id, ())]

        elif name in self.table.navigation:
            raise query_error(f"'{name}' is not a collection.")
        else:
            raise unknown_property(name, self.table.name)
        ids = self.rows.ids
        quantify = any if expression.function == "any" else all
        return lambda positions: [i for i in positions if quantify(test_members(ids[i].decode()))]

    def _find_matching(self, other: Rows, expression: Quantified) -> set[int]:
        """Return the positions of the other table's rows that meet the condition; all where there is none."""
        everything = list(other.live_positions())
        if expression.condition is None:
            return set(everything)
        inner = Compiler(self.store, other.table, self.user, expression.variable)
        return set(inner.compile(expression.condition)(everything))
