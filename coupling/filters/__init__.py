"""A mapping's filters: one tree of conditions, as $filter for Dataverse, evaluated here, and in words. No Django."""

from coupling.filters.checks import resolve
from coupling.filters.evaluate import matches, tester, unmet
from coupling.filters.fields import FilterField, Kind, of_column
from coupling.filters.odata import filter_text, outside_text
from coupling.filters.tree import (
    EVERYTHING,
    RESET,
    BadFilter,
    Condition,
    Group,
    Node,
    Operator,
    all_of,
    conditions,
    dump,
    field_names,
    parse,
)
from coupling.filters.words import COMPANY_COLUMN, caption_of, readable

__all__ = [
    "COMPANY_COLUMN", "EVERYTHING", "RESET", "BadFilter", "Condition", "FilterField", "Group", "Kind", "Node",
    "Operator", "all_of", "caption_of", "conditions", "dump", "field_names", "filter_text", "matches", "of_column",
    "outside_text", "parse", "readable", "resolve", "tester", "unmet",
]  # fmt: skip
