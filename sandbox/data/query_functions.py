"""Query functions such as Microsoft.Dynamics.CRM.In, compiled into closures that narrow a list of positions."""

from dataclasses import dataclass
from datetime import datetime

from sandbox.base.errors import not_covered, query_error
from sandbox.base.values import parse_guid
from sandbox.data import periods
from sandbox.data.path_values import PathValues, RowFilter, convert_text, exclude, is_one_of
from sandbox.data.store import Rows
from sandbox.metadata.model import LOOKUPS, Column
from sandbox.odata.syntax import QueryFunction

_TEAM_FUNCTIONS = frozenset({"EqualUserTeams", "EqualUserOrUserTeams"})
_HIERARCHY_FUNCTIONS = frozenset({"Above", "AboveOrEqual", "Under", "UnderOrEqual", "NotUnder"})
_PARENT_LOOKUPS = {
    "account": "parentaccountid",
    "businessunit": "parentbusinessunitid",
    "systemuser": "parentsystemuserid",
}
"""Table with a hierarchy -> its lookup to the parent row."""


@dataclass(frozen=True, slots=True)
class QueryUser:
    """The user who queries, and when: what functions like EqualUserId and Today compare with."""

    user_id: str
    business_unit_id: str
    now: datetime
    teams: frozenset[str] = frozenset()


def compile_query_function(source: PathValues, expression: QueryFunction, rows: Rows, user: QueryUser) -> RowFilter:
    """Compile a query function on the values of a path; `rows` are those of the path's start. Raises ServiceError."""
    name, texts = expression.function, expression.values
    get = source.get
    if name in {"In", "NotIn"}:
        if not texts:
            raise query_error(f"The function '{name}' needs PropertyValues.")
        among = is_one_of(source, [convert_text(source, text) for text in texts])
        return among if name == "In" else lambda positions: exclude(positions, among(positions))
    if name in {"Between", "NotBetween"}:
        if len(texts) != 2:
            raise query_error(f"The function '{name}' needs two PropertyValues.")
        low, high = (convert_text(source, text) for text in texts)
        inside = name == "Between"
        return lambda positions: [i for i in positions if (v := get(i)) is not None and (low <= v <= high) is inside]
    if name in {"ContainValues", "DoesNotContainValues"}:
        return _compile_choices_function(source, name, texts)
    if name in {"EqualUserId", "NotEqualUserId", "EqualBusinessId", "NotEqualBusinessId"}:
        own = user.user_id if "User" in name else user.business_unit_id
        equal = name.startswith("Equal")
        return lambda positions: [i for i in positions if (get(i) == own) is equal]
    if name in _TEAM_FUNCTIONS:
        return _compile_team_function(source, name, user)
    if name in _HIERARCHY_FUNCTIONS:
        return _compile_hierarchy_function(source, name, texts, rows)
    if source.column.type != "DateTime":
        if name in periods.FUNCTIONS:
            raise query_error(f"The function '{name}' needs a date property.")
        raise not_covered(f"the query function '{name}'")
    if name == "InFiscalPeriod":
        period = periods.read_fiscal_period(texts)
        return lambda positions: [
            i for i in positions if (v := get(i)) is not None and (int(v[5:7]) + 2) // 3 == period
        ]
    span = periods.time_span(name, texts, user.now)
    if span is None:
        raise not_covered(f"the query function '{name}'")
    begin, end = (None if edge is None else _format_bound(source.column, edge) for edge in span)
    return lambda positions: [
        i for i in positions if (v := get(i)) is not None and (begin is None or v >= begin) and (end is None or v < end)
    ]


def _compile_team_function(source: PathValues, name: str, user: QueryUser) -> RowFilter:
    if source.column.type not in LOOKUPS and source.column.type != "Uniqueidentifier":
        raise query_error(f"The function '{name}' needs a property that leads to users or teams.")
    mine = {user.user_id} if "OrUserTeams" in name else set()
    wanted, get = mine | user.teams, source.get
    return lambda positions: [i for i in positions if get(i) in wanted]


def _compile_hierarchy_function(source: PathValues, name: str, texts: tuple[str, ...], rows: Rows) -> RowFilter:
    """Compile a function about rows above or under a row, by the table's lookup to itself."""
    target = parse_guid(texts[0]) if len(texts) == 1 else None
    if target is None:
        raise query_error(f"The function '{name}' needs the id of a row.")
    parents = _PARENT_LOOKUPS.get(source.table.name)
    if parents is None or source.values is None or not source.column.primary_id:
        raise query_error(f"The function '{name}' needs the key of a table with a hierarchy.")
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


def _compile_choices_function(source: PathValues, name: str, texts: tuple[str, ...]) -> RowFilter:
    if source.column.type != "MultiSelectPicklist" or not texts:
        raise query_error(f"The function '{name}' needs a column of several choices and PropertyValues.")
    wanted, get = set(texts), source.get
    if name == "ContainValues":
        return lambda positions: [i for i in positions if (v := get(i)) and wanted & set(v.split(","))]
    return lambda positions: [i for i in positions if (v := get(i)) is None or not wanted & set(v.split(","))]


def _format_bound(column: Column, edge: datetime) -> str:
    return edge.strftime("%Y-%m-%d" if column.date_only else "%Y-%m-%dT%H:%M:%S")
