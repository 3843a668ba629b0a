"""A mapping's filters: as $filter text for Dataverse, and evaluated here on rows. No Django.

A filter is a list of conditions, all ANDed, stored as JSON: {"column", "operator": eq | ne | in, "value"}. The value
"@company" stands for this company's row in tandem_company; without such a row a condition that names it does not count.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.refusals import NotUsable
from coupling.rows import Condition
from dataverse import odata

COMPANY = "@company"
COMPANY_COLUMN = "tandem_companyid"
"""The column with the company that a row belongs to."""
_CAPTIONS = {
    "statecode": "Status",
    "customertypecode": "Relationship Type",
    "producttypecode": "Product Type",
    "isdisabled": "Disabled",
    "islicensed": "Licensed",
    "isintegrationuser": "Integration User",
    COMPANY_COLUMN: "Company",
}
"""What Dataverse calls the columns of the default filters, for where its metadata is not at hand."""
OPERATORS = ("eq", "ne", "in")
RESET = "Choose Use Default Synchronization Setup for this mapping on Integration Table Mappings."
"""What to do about a filter that cannot be used."""


class BadFilter(NotUsable):
    """A stored filter that cannot be used."""


def parse_conditions(stored: Sequence[Mapping[str, Any]], *, company: UUID | None = None) -> list[Condition]:
    """Return the conditions of a stored filter, "@company" replaced. Raises BadFilter."""
    found: list[Condition] = []
    for entry in stored:
        try:
            column, operator, value = str(entry["column"]), str(entry["operator"]), entry.get("value")
        except (KeyError, TypeError, AttributeError):
            raise BadFilter(
                f"A filter condition cannot be read: {entry!r}.",
                RESET,
            ) from None
        if operator not in OPERATORS or (operator == "in" and not isinstance(value, list)):
            raise BadFilter(
                f"The filter on {column} uses {operator!r}, which is not one of {', '.join(OPERATORS)}.",
                RESET,
            )
        values = value if isinstance(value, list) else [value]
        if COMPANY in values:
            if company is None:
                continue
            values = [str(company) if part == COMPANY else part for part in values]
        found.append(Condition(column, operator, values if isinstance(value, list) else values[0]))
    return found


def caption_of(column: str, label: str = "") -> str:
    """Return what people call a column. label: as Dataverse's metadata has it, "" where that is not at hand."""
    return label or _CAPTIONS.get(column, column)


def names_company(stored: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a stored filter has a condition on the company that a row belongs to."""
    return any(entry.get("column") == COMPANY_COLUMN for entry in stored)


def in_force(stored: Sequence[Mapping[str, Any]], *, multi_company: bool) -> list[Mapping[str, Any]]:
    """Return a stored integration filter as it counts: with Multi-Company Synchronization rows of every company."""
    return [entry for entry in stored if not (multi_company and entry.get("column") == COMPANY_COLUMN)]


def filter_text(wanted: Iterable[Condition], lookups: frozenset[str] = frozenset()) -> str:
    """Return the $filter text of the conditions. lookups: the columns that are read as `_column_value`."""
    return odata.all_of(*[_condition(condition, condition.column in lookups) for condition in wanted])


def outside_text(wanted: Sequence[Condition], lookups: frozenset[str] = frozenset()) -> str:
    """Return the $filter text of the rows that miss one of the conditions; "" without conditions. See filter_text."""
    return odata.any_of(*[_opposite(condition, condition.column in lookups) for condition in wanted])


def matches(wanted: Iterable[Condition], value_of: Callable[[str], Any]) -> bool:
    """Return whether a row is inside the filter, as Dataverse would say. value_of: gives the row's value of a column.

    A blank value meets a comparison with null alone.
    """
    return not unmet(wanted, value_of)


def unmet(wanted: Iterable[Condition], value_of: Callable[[str], Any]) -> list[Condition]:
    """Return the conditions that hold a row outside the filter; none where it is inside."""
    return [condition for condition in wanted if not _holds(condition, value_of(condition.column))]


def readable(stored: Sequence[Mapping[str, Any]], caption: Callable[[str], str] = str) -> str:
    """Return the filter as a person reads it: "statecode is Active, tandem_companyid is this company or blank".

    A condition may carry a `label` for its value; caption: gives the caption of a column's name.
    """
    parts = []
    for entry in stored:
        value = entry.get("value")
        values = [entry["label"]] if entry.get("label") else value if isinstance(value, list) else [value]
        verb = "is not" if entry.get("operator") == "ne" else "is"
        parts.append(f"{caption(str(entry.get('column', '')))} {verb} {' or '.join(map(_plain, values))}")
    return ", ".join(parts)


def _plain(value: Any) -> str:
    if value is None or value == "":
        return "blank"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "this company" if value == COMPANY else str(value)


def _condition(condition: Condition, is_lookup: bool) -> str:
    column = odata.lookup(condition.column) if is_lookup else condition.column

    def literal(value: Any) -> Any:
        return UUID(str(value)) if is_lookup and value is not None else value

    if condition.operator == "in":
        return odata.one_of(column, [literal(value) for value in condition.value])
    return (odata.eq if condition.operator == "eq" else odata.ne)(column, literal(condition.value))


def _opposite(condition: Condition, is_lookup: bool) -> str:
    """Return the filter of the rows that do not meet a condition: Dataverse finds a blank by `eq null` alone."""
    column = odata.lookup(condition.column) if is_lookup else condition.column
    if condition.operator == "ne":
        same = _condition(Condition(condition.column, "eq", condition.value), is_lookup)
        return same if condition.value is None else odata.any_of(same, odata.eq(column, None))
    values = condition.value if condition.operator == "in" else [condition.value]
    others = [_condition(Condition(condition.column, "ne", value), is_lookup) for value in values if value is not None]
    if None in values:
        return odata.all_of(odata.ne(column, None), *others)
    return odata.any_of(odata.all_of(*others), odata.eq(column, None))


def _holds(condition: Condition, value: Any) -> bool:
    if condition.operator == "in":
        return any(_equal(value, wanted) for wanted in condition.value)
    if condition.operator == "eq":
        return _equal(value, condition.value)
    if condition.value is None:
        return value is not None
    return value is not None and not _equal(value, condition.value)


def _equal(value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return value is None and wanted is None
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float | Decimal) and isinstance(wanted, int | float | Decimal):
        return value == wanted
    return str(value).casefold() == str(wanted).casefold()  # Dataverse compares text without regard to case
