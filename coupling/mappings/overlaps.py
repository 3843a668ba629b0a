"""Mappings that share a local or a Dataverse table, and whether their filters can take the same record or row."""

from dataclasses import dataclass
from itertools import chain, product
from math import prod
from typing import Any

from coupling.filters import BadFilter, Condition, Node, Operator, conditions, matches, parse
from coupling.models import IntegrationTableMapping
from masterdata import catalog

LOCAL, INTEGRATION = "local", "integration"
MAX_WAYS = 2_000
"""Values in ways to be inside both filters that are tried; where there are more, a record may be inside both."""
_NAMING = (Operator.EQ, Operator.IN, Operator.BLANK)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Another mapping of the company that shares a table. side: local or integration; in_common: None where a filter
    cannot be read.
    """

    mapping: str
    side: str
    in_common: bool | None

    def sentence(self, what: str) -> str:
        """Return it for a person. what: of what the table holds, in the singular: record or row."""
        if self.in_common is None:
            return f"{self.mapping}: its filter, or this one, cannot be read."
        if self.in_common:
            return f"{self.mapping}: a {what} may be inside both filters."
        return f"{self.mapping}: no {what} is inside both filters."


def overlaps(mapping: IntegrationTableMapping) -> list[Overlap]:
    """Return the other mappings of the company that share the mapping's local or Dataverse table; one query."""
    others = IntegrationTableMapping.objects.filter(company=mapping.company_id).exclude(pk=mapping.pk)
    found: list[Overlap] = []
    for other in others.order_by("position", "name"):
        if other.table == mapping.table:
            found.append(Overlap(other.name, LOCAL, _in_common(mapping.table_filter, other.table_filter)))
        of_rows = mapping.uid_kind == other.uid_kind == "guid"  # choices of a column are no rows of its table
        if of_rows and other.integration_table == mapping.integration_table:
            found.append(
                Overlap(other.name, INTEGRATION, _in_common(mapping.integration_filter, other.integration_filter))
            )
    return found


def texts(mapping: IntegrationTableMapping) -> dict[str, list[str]]:
    """Return the sentences about a mapping's overlaps, by the caption of the table that is shared."""
    table = next((one.caption_plural for one in catalog.tables() if one.name == mapping.table), mapping.table)
    captions = {LOCAL: (table, "record"), INTEGRATION: (mapping.integration_table, "row")}
    said: dict[str, list[str]] = {}
    for one in overlaps(mapping):
        caption, what = captions[one.side]
        said.setdefault(f"Other Mappings of {caption}", []).append(one.sentence(what))
    return said


def can_share(first: Node, second: Node) -> bool:
    """Return whether a record can be inside two filters. Pure.

    It can where no field stands against it: a field does whose value is named by one filter and refused by the other.
    What the tables hold is not looked at, nor whether a number can be above one bound and below another.
    """
    ways = [_ways(first), _ways(second)]
    tries = len(ways[0]) * len(ways[1]) * max(_longest_list(first), _longest_list(second))
    if tries > MAX_WAYS:
        return True
    return any(_can_hold([*one, *other]) for one, other in product(*ways))


def _longest_list(node: Node) -> int:
    """Return how many values the longest list of a filter has: as many are tried in each way."""
    return max((len(one.values) for one in conditions(node)), default=1) or 1


def _ways(node: Node) -> list[list[Condition]]:
    """Return the ways to be inside a filter: lists of conditions, of one of which all must hold."""
    if isinstance(node, Condition):
        return [[node]]
    parts = [_ways(part) for part in node.parts]
    if not node.every and parts:
        return [way for ways in parts for way in ways]
    if prod(map(len, parts)) > MAX_WAYS:
        return [[]]
    return [list(chain.from_iterable(chosen)) for chosen in product(*parts)]


def _can_hold(wanted: list[Condition]) -> bool:
    by_field: dict[str, list[Condition]] = {}
    for condition in wanted:
        by_field.setdefault(condition.field, []).append(condition)
    return all(map(_some_value, by_field.values()))


def _some_value(wanted: list[Condition]) -> bool:
    """Return whether a value can meet all these conditions on one field."""
    naming = next((one for one in wanted if one.op in _NAMING), None)
    if naming is None:
        both = {one.op for one in wanted} >= {Operator.NOT_BLANK, Operator.BLANK}
        return not both
    values = [None] if naming.op == Operator.BLANK else naming.values
    return any(all(matches(one, {naming.field: value}.get) for one in wanted) for value in values)


def _in_common(first: Any, second: Any) -> bool | None:
    try:
        return can_share(parse(first), parse(second))
    except BadFilter:
        return None
