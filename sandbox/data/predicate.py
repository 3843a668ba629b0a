"""Compiles a $filter into closures that narrow a list of positions.

A leaf is one list comprehension over a decoded column; `and` chains them, `or` joins them, `not` takes the other rows.
So a million rows cost some tens of milliseconds per leaf, without decoding a row.
A comparison with null is false, except `eq null` and `ne`; `not` is the plain opposite.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.base.errors import ServiceError, not_covered, query_error, unknown_property
from sandbox.base.values import parse_datetime, parse_decimal, parse_guid
from sandbox.base.wildcards import build_text_test
from sandbox.data import periods, relations
from sandbox.data.store import Rows, Store
from sandbox.metadata.model import CHOICES, LOOKUPS, Column, Table
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

Positions = list[int]
RowFilter = Callable[[Positions], Positions]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_NUMBER_TYPES = frozenset({"Integer", "BigInt", "Decimal", "Double", "Money"}) | CHOICES
_TEXT_TYPES = frozenset({"String", "Memo"})
_TEAM_FUNCTIONS = frozenset({"EqualUserTeams", "EqualUserOrUserTeams"})
_HIERARCHY_FUNCTIONS = frozenset({"Above", "AboveOrEqual", "Under", "UnderOrEqual", "NotUnder"})
_PARENT_LOOKUPS = {
    "account": "parentaccountid",
    "businessunit": "parentbusinessunitid",
    "systemuser": "parentsystemuserid",
}
"""Table with a hierarchy -> its lookup to the parent row."""
_OPERATOR_NAMES = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "GreaterThan",
    "ge": "GreaterThanOrEqual",
    "lt": "LessThan",
    "le": "LessThanOrEqual",
}


@dataclass(frozen=True, slots=True)
class QueryUser:
    """The user who queries, and when: what functions like EqualUserId and Today compare with."""

    user_id: str
    business_unit_id: str
    now: datetime
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _PathValues:
    """The values of a path, by the position of the row it begins at.

    `values` is the list of them, None where the path follows lookups; `get` works for both.
    """

    column: Column
    table: Table
    values: list[Any] | None
    get: Callable[[int], Any]


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
                return lambda positions: _exclude(positions, inner(positions))
            case Compare():
                return self._compile_comparison(expression)
            case TextFunction():
                return self._compile_text_function(expression)
            case QueryFunction():
                return self._compile_query_function(expression)
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
                    rest = _exclude(rest, more)
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
                    groups.setdefault(steps, []).append(self._convert_literal(source, literal, "eq"))
                case _:
                    parts.append(self.compile(one))
        for steps, constants in groups.items():
            source = self._resolve(Path(steps))
            parts.append(_in_set(source, constants))
        return parts

    # -- leaves -------------------------------------------------------------------------------------------------------

    def _resolve(self, path: Path) -> _PathValues:
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
            return _PathValues(column, table, values, values.__getitem__)

        def get(position: int) -> Any:
            for links, target in hops:
                link = links[position]
                following = None if link is None else target.index.get(link.encode())
                if following is None:
                    return None
                position = following
            return values[position]

        return _PathValues(column, table, None, get)

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

    def _convert_literal(self, source: _PathValues, literal: Literal, name: str) -> Any:
        """Return a literal in the form in which the column's values are compared. Raises ServiceError."""
        kind = source.column.type
        if literal.kind == "null":
            return None
        if kind in _TEXT_TYPES | {"MultiSelectPicklist"} and literal.kind == "string":
            return str(literal.value).casefold()
        if kind in _NUMBER_TYPES and literal.kind == "number" and isinstance(literal.value, Decimal):
            number = literal.value
            return int(number) if number == number.to_integral_value() and abs(number) < 10**15 else number
        if kind == "Boolean" and literal.kind == "bool":
            return literal.value
        if kind in LOOKUPS or kind == "Uniqueidentifier":
            found = parse_guid(literal.value)
            if found is not None:
                return found
        if kind == "DateTime" and literal.kind == "date":
            return _format_date(source.column, str(literal.value))
        found_type = {
            "string": "Edm.String",
            "number": "Edm.Int32",
            "bool": "Edm.Boolean",
            "guid": "Edm.Guid",
            "date": "Edm.DateTimeOffset",
        }[literal.kind]
        raise _incompatible(source.column.edm_type, found_type, name)

    def _compile_comparison(self, expression: Compare) -> RowFilter:
        left = self._resolve(expression.left)
        name = expression.operator
        if isinstance(expression.right, Path):
            return self._compile_column_comparison(left, name, self._resolve(expression.right))
        constant = self._convert_literal(left, expression.right, name)
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
            raise _incompatible(left.column.edm_type, left.column.edm_type, name)
        compare = _OPERATORS[name]
        if values is None:
            return lambda positions: [i for i in positions if (v := get(i)) is not None and compare(v, constant)]
        return lambda positions: [i for i in positions if (v := values[i]) is not None and compare(v, constant)]

    @staticmethod
    def _compile_column_comparison(left: _PathValues, name: str, right: _PathValues) -> RowFilter:
        if _type_family(left.column) != _type_family(right.column):
            raise _incompatible(left.column.edm_type, right.column.edm_type, name)
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
        if source.column.type not in _TEXT_TYPES:
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

    # -- query functions ----------------------------------------------------------------------------------------------

    def _compile_query_function(self, expression: QueryFunction) -> RowFilter:
        source = self._resolve(expression.path)
        name, texts = expression.function, expression.values
        get = source.get
        if name in {"In", "NotIn"}:
            if not texts:
                raise query_error(f"The function '{name}' needs PropertyValues.")
            among = _in_set(source, [self._convert_text(source, text) for text in texts])
            return among if name == "In" else lambda positions: _exclude(positions, among(positions))
        if name in {"Between", "NotBetween"}:
            if len(texts) != 2:
                raise query_error(f"The function '{name}' needs two PropertyValues.")
            low, high = (self._convert_text(source, text) for text in texts)
            inside = name == "Between"
            return lambda positions: [
                i for i in positions if (v := get(i)) is not None and (low <= v <= high) is inside
            ]
        if name in {"ContainValues", "DoesNotContainValues"}:
            return self._compile_choices_function(source, name, texts)
        if name in {"EqualUserId", "NotEqualUserId", "EqualBusinessId", "NotEqualBusinessId"}:
            own = self.user.user_id if "User" in name else self.user.business_unit_id
            equal = name.startswith("Equal")
            return lambda positions: [i for i in positions if (get(i) == own) is equal]
        if name in _TEAM_FUNCTIONS:
            return self._compile_team_function(source, name)
        if name in _HIERARCHY_FUNCTIONS:
            return self._compile_hierarchy_function(source, name, texts)
        if source.column.type != "DateTime":
            if name in periods.FUNCTIONS:
                raise query_error(f"The function '{name}' needs a date property.")
            raise not_covered(f"the query function '{name}'")
        if name == "InFiscalPeriod":
            period = periods.read_fiscal_period(texts)
            return lambda positions: [
                i for i in positions if (v := get(i)) is not None and (int(v[5:7]) + 2) // 3 == period
            ]
        span = periods.time_span(name, texts, self.user.now)
        if span is None:
            raise not_covered(f"the query function '{name}'")
        begin, end = (None if edge is None else _format_bound(source.column, edge) for edge in span)
        return lambda positions: [
            i
            for i in positions
            if (v := get(i)) is not None and (begin is None or v >= begin) and (end is None or v < end)
        ]

    def _compile_team_function(self, source: _PathValues, name: str) -> RowFilter:
        if source.column.type not in LOOKUPS and source.column.type != "Uniqueidentifier":
            raise query_error(f"The function '{name}' needs a property that leads to users or teams.")
        mine = {self.user.user_id} if "OrUserTeams" in name else set()
        wanted, get = mine | self.user.teams, source.get
        return lambda positions: [i for i in positions if get(i) in wanted]

    def _compile_hierarchy_function(self, source: _PathValues, name: str, texts: tuple[str, ...]) -> RowFilter:
        """Compile a function about rows above or under a row, by the table's lookup to itself."""
        target = parse_guid(texts[0]) if len(texts) == 1 else None
        if target is None:
            raise query_error(f"The function '{name}' needs the id of a row.")
        parents = _PARENT_LOOKUPS.get(source.table.name)
        if parents is None or source.values is None or not source.column.primary_id:
            raise query_error(f"The function '{name}' needs the key of a table with a hierarchy.")
        rows = self.rows
        parent_ids = rows.column_values(parents)
        found: set[int] = set()
        start = rows.index.get(target.encode())
        if name.startswith("Above"):
            position = start
            while position is not None and position not in found:
                found.add(position)
                parent_id = parent_ids[position]
                position = None if parent_id is None else rows.index.get(parent_id.encode())
        elif start is not None:
            level = [start]
            while level:
                found.update(level)
                ids = {rows.ids[i].decode() for i in level}
                level = [i for i in rows.live_positions() if parent_ids[i] in ids and i not in found]
        if start is not None and not name.endswith("OrEqual"):
            found.discard(start)
        if name == "NotUnder":
            return lambda positions: [i for i in positions if i not in found]
        return lambda positions: [i for i in positions if i in found]

    @staticmethod
    def _compile_choices_function(source: _PathValues, name: str, texts: tuple[str, ...]) -> RowFilter:
        if source.column.type != "MultiSelectPicklist" or not texts:
            raise query_error(f"The function '{name}' needs a column of several choices and PropertyValues.")
        wanted, get = set(texts), source.get
        if name == "ContainValues":
            return lambda positions: [i for i in positions if (v := get(i)) and wanted & set(v.split(","))]
        return lambda positions: [i for i in positions if (v := get(i)) is None or not wanted & set(v.split(","))]

    def _convert_text(self, source: _PathValues, text: str) -> Any:
        """Return a query function's value in the form in which the column's are compared. Raises ServiceError."""
        kind = source.column.type
        if kind in _TEXT_TYPES:
            return text.casefold()
        if kind in _NUMBER_TYPES:
            number = parse_decimal(text)
            if number is not None:
                return int(number) if number == number.to_integral_value() and abs(number) < 10**15 else number
        if kind == "Boolean" and text.lower() in {"true", "false", "1", "0"}:
            return text.lower() in {"true", "1"}
        if kind in LOOKUPS or kind == "Uniqueidentifier":
            found = parse_guid(text)
            if found is not None:
                return found
        if kind == "DateTime" and parse_datetime(text) is not None:
            return _format_date(source.column, text)
        raise query_error(f"The value '{text}' can't be converted to '{source.column.edm_type}'.")

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


def _incompatible(left: str, right: str, name: str) -> ServiceError:
    """Return the error for a comparison of two OData types."""
    return query_error(
        f"A binary operator with incompatible types was detected. Found operand types '{left}' and '{right}' for "
        f"operator kind '{_OPERATOR_NAMES[name]}'."
    )


def _in_set(source: _PathValues, constants: list[Any]) -> RowFilter:
    values, get = source.values, source.get
    wanted = frozenset(constants)
    if values is None:
        return lambda positions: [i for i in positions if get(i) in wanted]
    return lambda positions: [i for i in positions if values[i] in wanted]


def _exclude(positions: Positions, taken: Positions) -> Positions:
    gone = set(taken)
    return [i for i in positions if i not in gone] if gone else positions


def _type_family(column: Column) -> str:
    kind = column.type
    if kind in _TEXT_TYPES:
        return "text"
    if kind in _NUMBER_TYPES:
        return "number"
    if kind in LOOKUPS or kind == "Uniqueidentifier":
        return "guid"
    return kind


def _format_bound(column: Column, edge: datetime) -> str:
    return edge.strftime("%Y-%m-%d" if column.date_only else "%Y-%m-%dT%H:%M:%S")


def _format_date(column: Column, text: str) -> str:
    """Return a date in a query as the column's decoded values are written, so that texts compare as times do."""
    try:
        found = parse_datetime(text)
    except OverflowError:
        found = None
    if found is None:
        raise query_error(f"The date '{text}' can't be read.")
    found = found.astimezone(UTC)
    if column.date_only:
        shown = found.strftime("%Y-%m-%d")
        return shown if (found.hour, found.minute, found.second) == (0, 0, 0) else f"{shown}T{found:%H:%M:%S}"
    shown = found.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{shown}.{found.microsecond:06d}".rstrip("0") if found.microsecond else shown
