"""The condition builder: a filter as rows of a form, what its buttons do, and the filter that the form says."""

import csv
import dataclasses
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from core.refusals import NotUsable
from coupling import filters
from coupling.filters import FilterField, Kind, Operator
from coupling.filters.tree import BLANKS, LISTS, ORDERS, TEXTS, Condition, Group, Node

JOINTS = [("all", "all of these"), ("any", "any of these")]
MAX_ROWS = 60
"""Conditions that the form takes; what has more of them is changed by command."""
_LONGEST_LIST = 20_000
"""Characters of a typed list that are taken apart."""
_LONGEST_SEARCH = 200
"""Characters of what is searched for by name that count."""
_PATH = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
_UNORDERED = frozenset({Kind.BOOLEAN, Kind.CHOICE, Kind.WORD, Kind.ROW, Kind.TABLE})
_OF_RECORDS = LISTS | {Operator.EQ, Operator.NE}
"""Comparisons whose value is a record, where the field is a look-up."""
_TRUTH = [("true", "Yes"), ("false", "No")]


@dataclass(slots=True)
class Row:
    """One condition as typed. hits: how many fulfil it alone, None where that was not counted."""

    field: FilterField
    op: str = Operator.EQ.value
    values: list[str] = dataclasses.field(default_factory=list)
    name: str = ""
    path: str = ""
    hits: int | None = None
    find: str = ""
    """What is searched for among the records that a look-up names."""
    is_new_search: bool = False
    """Whether the row became a look-up just now, so that its value is of another field or comparison."""
    was_found: str = ""
    """What was searched for when the records to choose from were found."""
    found: Sequence[tuple[str, str]] = ()
    """Values and names of those records."""
    more: bool = False
    """Whether there are more of them than can be chosen from."""
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What the chosen values of a look-up are called, as far as that is known."""
    was_called: str = ""
    """What the values are called in the stored filter, where it has the same condition."""
    unknown: bool = False
    """Whether the field is none of those to choose from."""

    @property
    def hits_text(self) -> str:
        """How many fulfil it alone, as it is shown."""
        return "" if self.hits is None else f"{self.hits:,}"

    @property
    def label(self) -> str:
        """What the row's controls are about."""
        return self.field.caption

    @property
    def operators(self) -> list[tuple[str, str]]:
        """The comparisons that the field takes."""
        taken = set(Operator)
        if self.field.kind is not Kind.TEXT:
            taken -= TEXTS
        if self.field.kind in _UNORDERED or not self.field.sorted_alike:
            taken -= ORDERS
        return [(one.value, one.label) for one in Operator if one in taken]

    @property
    def looks_up(self) -> bool:
        """Whether the value is a record, which is searched for by its name."""
        return bool(self.field.targets) and self.op in _OF_RECORDS

    @property
    def searches(self) -> bool:
        """Whether something is searched for that was not looked for yet."""
        return self.looks_up and self.takes_value and bool(self.find.strip()) and self.find != self.was_found

    @property
    def options(self) -> list[tuple[str, str, bool]]:
        """The values to choose from, each with whether it is chosen; none where a value is typed."""
        if self.looks_up:
            chosen = [one for one in self.values if one or self.takes_list]
            only = self.was_called if len(chosen) == 1 else ""
            known = [(one, self.names.get(one) or only or one or "blank") for one in chosen]
            known += [one for one in self.found if one[0] not in self.values]
            return [(value, label, value in self.values) for value, label in known]
        if self.field.kind is Kind.BOOLEAN:
            known = list(_TRUTH)
        else:
            known = [(str(value), label) for value, label in self.field.choices.items()]
        if known:  # blank among others, or a choice that is gone, stands in a stored filter and stays there
            others = [value for value in self.values if value not in dict(known) and (value or self.takes_list)]
            known = [*known, *((value, value or "blank") for value in others)]
        return [(value, label, value in self.values) for value, label in known]

    @property
    def takes_value(self) -> bool:
        """Whether there is something to compare with."""
        return self.op not in BLANKS

    @property
    def takes_list(self) -> bool:
        """Whether several values may be given."""
        return self.op in LISTS

    @property
    def text(self) -> str:
        """The values as one text: with commas between, in quotes where they have one themselves."""
        if not self.takes_list:
            return self.values[0] if self.values else ""
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(self.values)
        return line.getvalue().replace(",", ", ") if not any("," in one for one in self.values) else line.getvalue()

    @property
    def input_type(self) -> str:
        """The type of the input that takes a typed value."""
        return "date" if self.field.kind is Kind.DATE and not self.takes_list else "text"

    @property
    def hint(self) -> str:
        """How a value is typed."""
        if self.takes_list:
            return "values, with commas"
        return {Kind.MOMENT: "2026-01-31T08:00:00Z", Kind.ROW: "GUID of the row"}.get(self.field.kind, "")

    def stored(self) -> dict[str, Any]:
        """Return the condition as it is stored. Raises NotUsable where no value was given."""
        condition: dict[str, Any] = {"field": self.field.name, "op": self.op}
        if not self.takes_value:
            return condition
        if not any(one.strip() for one in self.values):
            raise NotUsable(
                f"{self.field.caption} has nothing to compare with.",
                "Give a value, or choose is blank or is not blank.",
            )
        values = [self._value(text) for text in self.values]
        condition["value"] = values if self.takes_list else values[0]
        if self.field.kind is Kind.CHOICE:
            condition["label"] = " or ".join(self.field.choices.get(value, str(value)) for value in values)
        elif self.looks_up and all(value in self.names for value in values if value):
            condition["label"] = " or ".join(self.names[value] if value else "blank" for value in values)
        elif self.looks_up and self.was_called:
            condition["label"] = self.was_called
        return condition

    def _value(self, text: str) -> Any:
        """Return a typed value as JSON has it; what is no such value stays text, to be refused by name."""
        text = text.strip()
        if not text:
            return None
        if self.field.kind is Kind.BOOLEAN:
            return {"true": True, "false": False}.get(text, text)
        if self.field.kind in (Kind.WHOLE, Kind.NUMBER, Kind.CHOICE):
            return _number(text)
        return text


@dataclass(slots=True)
class Rows:
    """A group of the form: all or any of its rows."""

    joined: str = "all"
    rows: "list[Row | Rows]" = dataclasses.field(default_factory=list)
    name: str = ""
    path: str = ""


FieldsOf = Mapping[str, FilterField]


@dataclass(slots=True)
class FilterForm:
    """The builder of one filter. side: "table" or "integration", by which its inputs go; error: a refusal."""

    side: str
    fields: FieldsOf
    top: Rows
    error: str = ""

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The fields to choose from: value and caption."""
        return [(one.name, one.caption) for one in self.fields.values()]

    def rows(self) -> Iterator[Row]:
        """Yield all rows of all groups."""
        for one in self.top.rows:
            yield from [one] if isinstance(one, Row) else [row for row in one.rows if isinstance(row, Row)]

    def stored(self) -> dict[str, Any]:
        """Return the filter as it is stored, checked no further. Raises NotUsable for a row without a value."""
        return _joined(self.top)

    def name_inputs(self) -> "FilterForm":
        """Give every row and group the name that its inputs go by, after their order now."""
        for at, one in enumerate(self.top.rows):
            one.path = str(at)
            one.name = f"{self.side}-{one.path}"
            if isinstance(one, Rows):
                for inner, row in enumerate(one.rows):
                    row.path = f"{at}-{inner}"
                    row.name = f"{self.side}-{row.path}"
        for row in self.rows():
            row.unknown = row.field.name not in self.fields
        return self

    def edit(self, action: str) -> None:
        """Do what a button says: add, add-group, add-1, remove-1, remove-1-0. Anything else looks again alone."""
        for row in self.rows():
            if row.looks_up and row.is_new_search:
                row.values = []
        word, _, path = action.partition("-")
        if word == "add" and sum(1 for _ in self.rows()) < MAX_ROWS:
            if path == "group":
                self.top.rows.append(Rows("any" if self.top.joined == "all" else "all", [self._new_row()]))
            else:
                group = self._group(path) if path else self.top
                group.rows.append(self._new_row())
        elif word == "remove" and (found := _PATH.fullmatch(path)):
            self._remove(int(found[1]), None if found[2] is None else int(found[2]))

    def _group(self, path: str) -> Rows:
        at = int(path) if path.isdigit() and len(path) < 4 else -1
        one = self.top.rows[at] if 0 <= at < len(self.top.rows) else None
        return one if isinstance(one, Rows) else self.top

    def _remove(self, at: int, inner: int | None) -> None:
        if at >= len(self.top.rows):
            return
        one = self.top.rows[at]
        if inner is None or not isinstance(one, Rows):
            del self.top.rows[at]
        elif inner < len(one.rows):
            del one.rows[inner]
            if not one.rows:
                del self.top.rows[at]

    def _new_row(self) -> Row:
        return Row(next(iter(self.fields.values())))


def from_filter(side: str, fields: FieldsOf, node: Node) -> FilterForm:
    """Return the builder that shows a filter."""

    def row(one: Condition) -> Row:
        known = fields.get(one.field) or filters.FilterField(one.field, one.field, Kind.ANY)
        op = one.op
        if one.value is None:
            op = {Operator.EQ: Operator.BLANK, Operator.NE: Operator.NOT_BLANK}.get(Operator(op), op)
        return Row(known, str(op), [_text(value) for value in (one.values if op not in BLANKS else [])])

    def group(many: Group) -> Rows:
        parts: list[Row | Rows] = [row(one) if isinstance(one, Condition) else group(one) for one in many.parts]
        return Rows("all" if many.every else "any", parts)

    top = Rows("all", [row(node)]) if isinstance(node, Condition) else group(node)
    return FilterForm(side, fields, top).name_inputs()


def keep_labels(form: FilterForm, node: Node) -> FilterForm:
    """Remember what values are called in the stored filter: their records may be gone, or cannot be asked for now."""
    labels = {
        (one.field, str(one.op), *map(_text, one.values)): one.label for one in filters.conditions(node) if one.label
    }
    for row in form.rows():
        row.was_called = labels.get((row.field.name, row.op, *row.values), "")
    return form


def from_post(side: str, fields: FieldsOf, data: QueryDict) -> FilterForm:
    """Return the builder as a form was sent; rows of fields that are not there are kept, to be refused by name."""
    form = FilterForm(side, fields, Rows(_joint(data.get(f"{side}-joined"))))
    named = re.compile(rf"{side}-(\d{{1,3}})(?:-(\d{{1,3}}))?-field")
    paths = sorted(
        (int(one[1]), -1 if one[2] is None else int(one[2])) for name in data if (one := named.fullmatch(name))
    )
    if len(paths) > MAX_ROWS:
        raise NotUsable(
            f"A filter of {len(paths):,} conditions was sent; at most {MAX_ROWS} can be changed here.",
            "Nothing was changed. Change it with: manage.py mapping set",
        )
    groups: dict[int, Rows] = {}
    for at, inner in paths:
        name = f"{side}-{at}" if inner < 0 else f"{side}-{at}-{inner}"
        row = _typed_row(fields, name, data)
        if inner < 0:
            form.top.rows.append(row)
        else:
            if at not in groups:
                groups[at] = Rows(_joint(data.get(f"{side}-{at}-joined")))
                form.top.rows.append(groups[at])
            groups[at].rows.append(row)
    return form.name_inputs()


def _typed_row(fields: FieldsOf, name: str, data: QueryDict) -> Row:
    wanted = data.get(f"{name}-field", "")
    row = Row(fields.get(wanted) or filters.FilterField(wanted, wanted, Kind.ANY), data.get(f"{name}-op", ""))
    if row.op not in dict(row.operators):
        row.op = Operator.EQ.value
    values = data.getlist(f"{name}-value")
    if row.takes_list and not row.looks_up and not row.options and values and len(values[0]) <= _LONGEST_LIST:
        values = next(csv.reader([values[0].replace("\n", " ").replace("\r", " ")], skipinitialspace=True), [])
        values = [one.strip() for one in values]
    row.values = values
    row.is_new_search = f"{name}-find" not in data
    row.find, row.was_found = (data.get(f"{name}-{what}", "")[:_LONGEST_SEARCH] for what in ("find", "found"))
    return row


def _joint(word: str | None) -> str:
    return "any" if word == "any" else "all"


def _joined(group: Rows) -> dict[str, Any]:
    parts = [one.stored() if isinstance(one, Row) else _joined(one) for one in group.rows]
    if not parts:
        return {}
    return parts[0] if len(parts) == 1 else {group.joined: parts}


def _number(text: str) -> Any:
    for read in _NUMBERS:
        try:
            return read(text)
        except ValueError:
            continue
    return text


_NUMBERS: tuple[Callable[[str], Any], ...] = (int, float)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, float) and "e" in repr(value) else str(value)
