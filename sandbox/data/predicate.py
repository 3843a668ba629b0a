"""A $filter, compiled into closures that narrow a list of positions.

A leaf is one list comprehension over a decoded column; `and` chains, `or` joins, `not` takes the rest away. So a
million rows cost some tens of milliseconds per leaf, without decoding a row.
A comparison with null is false, except `eq null` and `ne`; `not` is the plain opposite.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.base.errors import not_covered, query_error, unknown_property
from sandbox.base.values import as_decimal, guid, moment
from sandbox.base.wildcards import text_test
from sandbox.data import periods, relations
from sandbox.data.store import Rows, Store
from sandbox.metadata.model import CHOICES, LOOKUPS, Column, Table
from sandbox.odata.syntax import And, Compare, Expression, Literal, Not, Or, Path, Quantified, Query, Text

Positions = list[int]
Narrow = Callable[[Positions], Positions]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_NUMBERS = frozenset({"Integer", "BigInt", "Decimal", "Double", "Money"}) | CHOICES
_TEXTS = frozenset({"String", "Memo"})
_PEOPLE = frozenset({"EqualUserTeams", "EqualUserOrUserTeams"})
_TREE = frozenset({"Above", "AboveOrEqual", "Under", "UnderOrEqual", "NotUnder"})
_PARENTS = {"account": "parentaccountid", "businessunit": "parentbusinessunitid", "systemuser": "parentsystemuserid"}
"""Tables with a hierarchy, and the lookup it goes by."""
_NAMES = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "GreaterThan",
    "ge": "GreaterThanOrEqual",
    "lt": "LessThan",
    "le": "LessThanOrEqual",
}


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks and when, for functions like EqualUserId and Today."""

    user_id: str
    business_unit_id: str
    now: datetime
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Source:
    """The values of a path: a list by position, or None with a function where the path leaves the row."""

    column: Column
    table: Table
    values: list[Any] | None
    value: Callable[[int], Any]


class Compiler:
    """Compiles filters on one table of a store."""

    def __init__(self, store: Store, table: Table, asker: Asker, variable: str = "") -> None:
        self.store = store
        self.table = table
        self.rows: Rows = store.rows[table.name]
        self.asker = asker
        self.variable = variable

    def compile(self, expression: Expression) -> Narrow:
        """A function from positions to those of them whose rows the expression is true for."""
        match expression:
            case And(conditions):
                return self._all([self.compile(one) for one in conditions])
            case Or(conditions):
                return self._any(self._grouped(conditions))
            case Not(condition):
                inner = self.compile(condition)
                return lambda positions: _without(positions, inner(positions))
            case Compare():
                return self._compare(expression)
            case Text():
                return self._text(expression)
            case Query():
                return self._query(expression)
            case Quantified():
                return self._quantified(expression)

    def seek(self, expression: Expression) -> Positions | None:
        """The few positions that can be meant where the filter names ids; None where all have to be looked at."""
        wanted = self._ids(expression)
        if wanted is None:
            return None
        index = self.rows.index
        return sorted({index[one.encode()] for one in wanted if one.encode() in index})

    def _ids(self, expression: Expression) -> list[str] | None:
        match expression:
            case Compare("eq", Path((name,)), Literal() as literal) if name == self.table.primary_id:
                found = guid(literal.value)
                return [found] if found else None
            case Query("In", Path((name,)), values) if name == self.table.primary_id:
                return [found for found in map(guid, values) if found]
            case Or(conditions):
                parts = [self._ids(one) for one in conditions]
                if any(part is None for part in parts):
                    return None
                return [one for part in parts if part for one in part]
            case And(conditions):
                return next((part for part in map(self._ids, conditions) if part is not None), None)
        return None

    # -- and, or ------------------------------------------------------------------------------------------------------

    @staticmethod
    def _all(parts: list[Narrow]) -> Narrow:
        def narrow(positions: Positions) -> Positions:
            for part in parts:
                if not positions:
                    break
                positions = part(positions)
            return positions

        return narrow

    @staticmethod
    def _any(parts: list[Narrow]) -> Narrow:
        if len(parts) == 1:
            return parts[0]

        def narrow(positions: Positions) -> Positions:
            found: Positions = []
            rest = positions
            for part in parts:
                more = part(rest)
                if more:
                    found += more
                    rest = _without(rest, more)
                    if not rest:
                        break
            found.sort()
            return found

        return narrow

    def _grouped(self, conditions: tuple[Expression, ...]) -> list[Narrow]:
        """Equalities on one property become one look into a set."""
        groups: dict[tuple[str, ...], list[Any]] = {}
        parts: list[Narrow] = []
        for one in conditions:
            match one:
                case Compare("eq", Path(steps) as path, Literal() as literal) if literal.kind != "null":
                    source = self._source(path)
                    groups.setdefault(steps, []).append(self._constant(source, literal, "eq"))
                case _:
                    parts.append(self.compile(one))
        for steps, constants in groups.items():
            source = self._source(Path(steps))
            parts.append(_among(source, constants))
        return parts

    # -- leaves -------------------------------------------------------------------------------------------------------

    def _source(self, path: Path) -> _Source:
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
            hops.append((rows.values(column.name), target))
            rows, table = target, target.table
        column = self.property(table, steps[-1])
        values = rows.values(column.name)
        if not hops:
            return _Source(column, table, values, values.__getitem__)

        def follow(position: int) -> Any:
            place: int | None = position
            for links, target in hops:
                link = links[place]  # type: ignore[index]
                place = None if link is None else target.index.get(link.encode())
                if place is None:
                    return None
            return values[place]  # type: ignore[index]

        return _Source(column, table, None, follow)

    def follow(self, steps: tuple[str, ...]) -> Callable[[int], Any]:
        """The value behind a path, by position. Raises ServiceError."""
        return self._source(Path(steps)).value

    @staticmethod
    def property(table: Table, name: str) -> Column:
        """The column behind a property. Raises ServiceError where the table has none."""
        found = table.properties.get(name)
        if found is None:
            raise unknown_property(name, table.name)
        return found

    def _constant(self, source: _Source, literal: Literal, name: str) -> Any:
        """The literal in the form in which the column's values are compared."""
        kind = source.column.type
        if literal.kind == "null":
            return None
        if kind in _TEXTS | {"MultiSelectPicklist"} and literal.kind == "string":
            return str(literal.value).casefold()
        if kind in _NUMBERS and literal.kind == "number" and isinstance(literal.value, Decimal):
            number = literal.value
            return int(number) if number == number.to_integral_value() and abs(number) < 10**15 else number
        if kind == "Boolean" and literal.kind == "bool":
            return literal.value
        if kind in LOOKUPS or kind == "Uniqueidentifier":
            found = guid(literal.value)
            if found is not None:
                return found
        if kind == "DateTime" and literal.kind == "date":
            return _date_text(source.column, str(literal.value))
        found_type = {
            "string": "Edm.String",
            "number": "Edm.Int32",
            "bool": "Edm.Boolean",
            "guid": "Edm.Guid",
            "date": "Edm.DateTimeOffset",
        }[literal.kind]
        raise query_error(
            f"A binary operator with incompatible types was detected. Found operand types '{source.column.edm}' and "
            f"'{found_type}' for operator kind '{_NAMES.get(name, name)}'."
        )

    def _compare(self, expression: Compare) -> Narrow:
        left = self._source(expression.left)
        name = expression.operator
        if isinstance(expression.right, Path):
            return self._two_columns(left, name, self._source(expression.right))
        constant = self._constant(left, expression.right, name)
        values, value = left.values, left.value
        if name == "eq":
            if values is None:
                return lambda positions: [i for i in positions if value(i) == constant]
            if constant is None or constant is True or constant is False:
                return lambda positions: [i for i in positions if values[i] is constant]
            return lambda positions: [i for i in positions if values[i] == constant]
        if name == "ne":
            if values is None:
                return lambda positions: [i for i in positions if value(i) != constant]
            return lambda positions: [i for i in positions if values[i] != constant]
        if constant is None:
            raise query_error(f"The '{name}' operator can't compare with null.")
        if left.column.type == "Boolean" or left.column.type in LOOKUPS or left.column.type == "Uniqueidentifier":
            raise query_error(
                f"A binary operator with incompatible types was detected. Found operand types '{left.column.edm}' and "
                f"'{left.column.edm}' for operator kind '{_NAMES[name]}'."
            )
        compare = _OPERATORS[name]
        if values is None:
            return lambda positions: [i for i in positions if (v := value(i)) is not None and compare(v, constant)]
        return lambda positions: [i for i in positions if (v := values[i]) is not None and compare(v, constant)]

    @staticmethod
    def _two_columns(left: _Source, name: str, right: _Source) -> Narrow:
        if _family(left.column) != _family(right.column):
            raise query_error(
                "A binary operator with incompatible types was detected. Found operand types "
                f"'{left.column.edm}' and '{right.column.edm}' for operator kind '{_NAMES[name]}'."
            )
        one, two = left.value, right.value
        if name == "eq":
            return lambda positions: [i for i in positions if one(i) == two(i)]
        if name == "ne":
            return lambda positions: [i for i in positions if one(i) != two(i)]
        compare = _OPERATORS[name]
        return lambda positions: [
            i for i in positions if (a := one(i)) is not None and (b := two(i)) is not None and compare(a, b)
        ]

    def _text(self, expression: Text) -> Narrow:
        source = self._source(expression.path)
        if source.column.type not in _TEXTS:
            raise query_error(
                f"No function signature for the function with name '{expression.function}' matches the specified "
                f"arguments: '{source.column.edm}', 'Edm.String'."
            )
        wanted = str(expression.value.value).casefold()
        test = text_test(expression.function, wanted)
        values, value = source.values, source.value
        if values is None:
            return lambda positions: [i for i in positions if (v := value(i)) is not None and test(v)]
        return lambda positions: [i for i in positions if (v := values[i]) is not None and test(v)]

    # -- query functions ----------------------------------------------------------------------------------------------

    def _query(self, expression: Query) -> Narrow:
        source = self._source(expression.path)
        name, texts = expression.function, expression.values
        value = source.value
        if name in {"In", "NotIn"}:
            if not texts:
                raise query_error(f"The function '{name}' needs PropertyValues.")
            among = _among(source, [self._quoted(source, text) for text in texts])
            return among if name == "In" else lambda positions: _without(positions, among(positions))
        if name in {"Between", "NotBetween"}:
            if len(texts) != 2:
                raise query_error(f"The function '{name}' needs two PropertyValues.")
            low, high = (self._quoted(source, text) for text in texts)
            inside = name == "Between"
            return lambda positions: [
                i for i in positions if (v := value(i)) is not None and (low <= v <= high) is inside
            ]
        if name in {"ContainValues", "DoesNotContainValues"}:
            return self._several(source, name, texts)
        if name in {"EqualUserId", "NotEqualUserId", "EqualBusinessId", "NotEqualBusinessId"}:
            own = self.asker.user_id if "User" in name else self.asker.business_unit_id
            equal = name.startswith("Equal")
            return lambda positions: [i for i in positions if (value(i) == own) is equal]
        if name in _PEOPLE:
            return self._people(source, name)
        if name in _TREE:
            return self._tree(source, name, texts)
        if source.column.type != "DateTime":
            if name in periods.NAMES:
                raise query_error(f"The function '{name}' needs a date property.")
            raise not_covered(f"the query function '{name}'")
        if name == "InFiscalPeriod":
            period = periods.fiscal_period(texts)
            return lambda positions: [
                i for i in positions if (v := value(i)) is not None and (int(v[5:7]) + 2) // 3 == period
            ]
        span = periods.span(name, texts, self.asker.now)
        if span is None:
            raise not_covered(f"the query function '{name}'")
        begin, end = (None if edge is None else _edge(source.column, edge) for edge in span)
        return lambda positions: [
            i
            for i in positions
            if (v := value(i)) is not None and (begin is None or v >= begin) and (end is None or v < end)
        ]

    def _people(self, source: _Source, name: str) -> Narrow:
        if source.column.type not in LOOKUPS and source.column.type != "Uniqueidentifier":
            raise query_error(f"The function '{name}' needs a property that leads to users or teams.")
        mine = {self.asker.user_id} if "OrUserTeams" in name else set()
        wanted, value = mine | self.asker.teams, source.value
        return lambda positions: [i for i in positions if value(i) in wanted]

    def _tree(self, source: _Source, name: str, texts: tuple[str, ...]) -> Narrow:
        """Rows above or below a row, by the lookup from the table to itself."""
        target = guid(texts[0]) if len(texts) == 1 else None
        if target is None:
            raise query_error(f"The function '{name}' needs the id of a row.")
        parents = _PARENTS.get(source.table.name)
        if parents is None or source.values is None or not source.column.primary_id:
            raise query_error(f"The function '{name}' needs the key of a table with a hierarchy.")
        rows = self.rows
        links = rows.values(parents)
        found: set[int] = set()
        place = rows.index.get(target.encode())
        if name.startswith("Above"):
            at = place
            while at is not None and at not in found:
                found.add(at)
                above = links[at]
                at = None if above is None else rows.index.get(above.encode())
        elif place is not None:
            fresh = [place]
            while fresh:
                found.update(fresh)
                ids = {rows.ids[i].decode() for i in fresh}
                fresh = [i for i in rows.live() if links[i] in ids and i not in found]
        if not name.endswith("OrEqual") and name != "NotUnder" and place is not None:
            found.discard(place)
        if name == "NotUnder":
            found.discard(place) if place is not None else None
            return lambda positions: [i for i in positions if i not in found]
        return lambda positions: [i for i in positions if i in found]

    @staticmethod
    def _several(source: _Source, name: str, texts: tuple[str, ...]) -> Narrow:
        if source.column.type != "MultiSelectPicklist" or not texts:
            raise query_error(f"The function '{name}' needs a column of several choices and PropertyValues.")
        wanted, value = set(texts), source.value
        if name == "ContainValues":
            return lambda positions: [i for i in positions if (v := value(i)) and wanted & set(v.split(","))]
        return lambda positions: [i for i in positions if (v := value(i)) is None or not wanted & set(v.split(","))]

    def _quoted(self, source: _Source, text: str) -> Any:
        """A quoted value of a query function, by the property's type."""
        kind = source.column.type
        if kind in _TEXTS:
            return text.casefold()
        if kind in _NUMBERS:
            number = as_decimal(text)
            if number is not None:
                return int(number) if number == number.to_integral_value() and abs(number) < 10**15 else number
        if kind == "Boolean" and text.lower() in {"true", "false", "1", "0"}:
            return text.lower() in {"true", "1"}
        if kind in LOOKUPS or kind == "Uniqueidentifier":
            found = guid(text)
            if found is not None:
                return found
        if kind == "DateTime" and moment(text) is not None:
            return _date_text(source.column, text)
        raise query_error(f"The value '{text}' can't be converted to '{source.column.edm}'.")

    # -- lambdas ------------------------------------------------------------------------------------------------------

    def _quantified(self, expression: Quantified) -> Narrow:
        name = expression.collection
        association = self.table.associations.get(name)
        collection = None if association else relations.collections(self.store.tables, self.table).get(name)
        if association is None and collection is None:
            if name in self.table.navigation:
                raise query_error(f"'{name}' is not a collection.")
            raise unknown_property(name, self.table.name)
        other = self.store.rows[association.other if association else collection.other.name]  # type: ignore[union-attr]
        matching: set[int]
        everything = list(other.live())
        if expression.condition is None:
            matching = set(everything)
        else:
            inner = Compiler(self.store, other.table, self.asker, expression.variable)
            matching = set(inner.compile(expression.condition)(everything))
        ids = self.rows.ids
        if collection is not None:
            leading = relations.members(self.store, self.table, collection)

            def found(position: int) -> list[bool]:
                return [place in matching for place in leading.get(ids[position].decode(), ())]

        elif association is not None:
            linked = self.store.linked(self.table.name, association.name, association.other)
            index = other.index

            def found(position: int) -> list[bool]:
                there = (index.get(one.encode()) for one in linked.get(ids[position].decode(), ()))
                return [place in matching for place in there if place is not None]

        quantify = any if expression.function == "any" else all
        return lambda positions: [i for i in positions if quantify(found(i))]


def _among(source: _Source, constants: list[Any]) -> Narrow:
    values, value = source.values, source.value
    wanted = frozenset(constants)
    if values is None:
        return lambda positions: [i for i in positions if value(i) in wanted]
    return lambda positions: [i for i in positions if values[i] in wanted]


def _without(positions: Positions, taken: Positions) -> Positions:
    gone = set(taken)
    return [i for i in positions if i not in gone] if gone else positions


def _family(column: Column) -> str:
    kind = column.type
    if kind in _TEXTS:
        return "text"
    if kind in _NUMBERS:
        return "number"
    if kind in LOOKUPS or kind == "Uniqueidentifier":
        return "guid"
    return kind


def _edge(column: Column, edge: datetime) -> str:
    return edge.strftime("%Y-%m-%d" if column.date_only else "%Y-%m-%dT%H:%M:%S")


def _date_text(column: Column, text: str) -> str:
    """A date in a query as the column's decoded values are written, so that texts compare as times do."""
    try:
        found = moment(text)
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
