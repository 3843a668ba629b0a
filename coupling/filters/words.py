"""A filter as a person reads it. No Django."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from coupling.filters.tree import BLANKS, TEXTS, Condition, Group, Node, Operator, field_names
from dataverse.types import ColumnInfo

COMPANY_COLUMN = "tandem_companyid"
"""The column for the company that is added to standard tables; a mapping names the one it goes by."""
_CAPTIONS = {
    "statecode": "Status",
    "customertypecode": "Relationship Type",
    "parentcustomerid": "Company Name",
    "parentcustomeridtype": "Company Type",
    "producttypecode": "Product Type",
    "isdisabled": "Disabled",
    "islicensed": "Licensed",
    "isintegrationuser": "Integration User",
    COMPANY_COLUMN: "Company",
}
"""What Dataverse calls the columns of the default filters, for where its metadata is not at hand."""


@dataclass(frozen=True, slots=True)
class ColumnWords:
    """What people call a column, and its choices."""

    caption: str
    choices: Mapping[Any, str] = field(default_factory=dict)

    def value(self, value: Any) -> str:
        """Return a value as a sentence shows it."""
        if value is None or value == "":
            return "blank"
        if isinstance(value, bool):
            return self.choices.get(value) or ("Yes" if value else "No")
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M}"
        return self.choices.get(value) or str(value)


WordsOf = Callable[[str], ColumnWords]
"""Gives the words of a field."""


def caption_of(column: str, label: str = "") -> str:
    """Return what people call a column. label: as Dataverse's metadata has it, "" where that is not at hand."""
    return label or _CAPTIONS.get(column, column)


def words_of_columns(infos: Mapping[str, ColumnInfo]) -> WordsOf:
    """Return what gives the words of a Dataverse column, given its table's metadata."""

    def words(column: str) -> ColumnWords:
        info = infos.get(column)
        return ColumnWords(caption_of(column, info.label if info else ""), info.choices if info else {})

    return words


def readable(node: Node, words_of: WordsOf = ColumnWords) -> str:
    """Return a filter as a person reads it: "Status is Active, (City is Berlin or Country is blank)"; "" for all."""
    if isinstance(node, Condition):
        return f"{words_of(node.field).caption} {_phrase(node, words_of(node.field))}"
    parts = [_nested(part, words_of) for part in node.parts]
    return (", " if node.every else " or ").join(parts)


def _nested(node: Node, words_of: WordsOf) -> str:
    if isinstance(node, Condition):
        return readable(node, words_of)
    return f"({(' and ' if node.every else ' or ').join(_nested(part, words_of) for part in node.parts)})"


def _phrase(condition: Condition, words: ColumnWords) -> str:
    """Return a condition without its field: "is Active", "is not Berlin", "begins with A", "is blank"."""
    op = Operator(condition.op)
    if op in BLANKS:
        return op.label
    verb = {Operator.IN: "is", Operator.NOT_IN: "is not"}.get(op, op.label)
    return f"{verb} {_values(condition, words)}"


def _values(condition: Condition, words: ColumnWords) -> str:
    return condition.label or " or ".join(words.value(value) for value in condition.values)


def describe(unmet: Sequence[Node], value_of: Callable[[str], Any], words_of: WordsOf, taker: str = "") -> str:
    """Return what holds a record or row outside the filter: "Blocked is All (CUSTOMER takes blank)".

    taker: whose filter it is; without one what the filter takes is left out: "Blocked is All".
    """
    return ", ".join(_describe(one, value_of, words_of, taker) for one in unmet)


def _describe(node: Node, value_of: Callable[[str], Any], words_of: WordsOf, taker: str) -> str:
    if isinstance(node, Group):
        names = field_names(node)
        what = " and ".join(f"{words_of(name).caption} is {words_of(name).value(value_of(name))}" for name in names)
        return f"{what} ({taker} takes {readable(node, words_of)})" if taker else what
    words = words_of(node.field)
    what = f"{words.caption} is {words.value(value_of(node.field))}"
    return f"{what} ({taker} takes {_taken(node, words)})" if taker else what


def _taken(condition: Condition, words: ColumnWords) -> str:
    """Return what a condition takes: "Customer or blank", "all but All", "what begins with A", "at most 5"."""
    op = Operator(condition.op)
    if op == Operator.BLANK:
        return "blank"
    if op == Operator.NOT_BLANK:
        return "all but blank"
    if op in (Operator.EQ, Operator.IN):
        return _values(condition, words)
    if op in (Operator.NE, Operator.NOT_IN):
        return f"all but {_values(condition, words)}"
    phrase = _phrase(condition, words)
    return f"what {phrase}" if op in TEXTS else phrase.removeprefix("is ")
