"""The field pairs of a new mapping as rows of a form: proposed, chosen, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from core.refusals import NotUsable, Refusal
from core.vocabulary import Direction
from coupling.mappings.field_checks import Pair, check_pair, column_words, find_column
from coupling.mappings.proposals import (
    Proposal,
    Sides,
    clashes,
    fitting_direction,
    notes_of,
    propose,
    required_and_missing,
)
from coupling.mappings.value_samples import Share, ValueSamples
from coupling.matching.comparable import LOOKUPS
from dataverse.types import ColumnInfo, TableInfo
from masterdata.catalog import LocalField
from ui.kit import Status

_MANY, _UNLIKE = 5, 50
"""Where so many values are compared and fewer percent of them are equal, a pair needs a look."""
SURE, CHECK, OPEN = "sure", "check", "open"
SEGMENTS = {"": "All", SURE: "Sure", CHECK: "To check", OPEN: "Without a column"}
"""The parts of the list that can be shown by themselves: "" for all of it."""
AS_FITS = ""
"""The direction of a pair for which none is chosen: the widest that both sides allow."""


@dataclass(frozen=True, slots=True)
class Way:
    """A direction to choose: its value, caption and icon."""

    value: str
    label: str
    icon: str


WAYS = (
    Way(Direction.TO, str(Direction.TO.label), "direction-to"),
    Way(Direction.BIDIRECTIONAL, str(Direction.BIDIRECTIONAL.label), "direction-both"),
    Way(Direction.FROM, str(Direction.FROM.label), "direction-from"),
)

_TYPES = {
    "text": "Text", "code": "Code", "number": "Number", "integer": "Whole number", "date": "Date",
    "datetime": "Date and time", "boolean": "Yes or no", "choice": "Choice", "reference": "Code",
}  # fmt: skip


@dataclass(slots=True)
class FieldRow:
    """One local field, and the column that is chosen for it; "" for none."""

    field: LocalField
    type: str
    sample: str
    options: Sequence[tuple[str, str]]
    column: str = ""
    left_out: bool = False
    """Whether the pair is not to be mapped, though a column is shown."""
    direction: str = AS_FITS
    ways: Sequence[Way] = ()
    """The directions to choose from: those in which the column fits, all while there is none."""
    column_type: str = ""
    fit: Status | None = None
    sample_there: str = ""
    confidence: int | None = None
    """How much speaks for the pair, of 100; None where nothing is known."""
    why: str = ""
    evidence: Sequence[str] = ()
    notes: Sequence[str] = ()
    error: str = ""

    @property
    def mapped(self) -> bool:
        """Whether the field is to be mapped."""
        return bool(self.column) and not self.left_out

    @property
    def segment(self) -> str:
        """Return which of the list's parts it belongs to, of SEGMENTS."""
        if self.fit is None:
            return OPEN
        return SURE if self.fit.state == "ok" else CHECK

    @property
    def about(self) -> str:
        """What to know about the pair."""
        return " ".join(self.notes)

    @property
    def reasons(self) -> str:
        """Why the column is proposed, and what the values say."""
        return ", ".join(filter(None, [self.why, *self.evidence]))


@dataclass(slots=True)
class ConstantRow:
    """A column that needs a value and gets none from a field, with the constant for it."""

    column: ColumnInfo
    caption: str
    takes_constant: bool
    constant: str = ""
    error: str = ""


@dataclass(slots=True)
class FieldRows:
    """All of a step's rows. unfit: what looks alike and does not fit; left: fields without a column."""

    sides: Sides
    rows: list[FieldRow]
    constants: list[ConstantRow]
    unfit: Sequence[str]
    chooses_ways: bool
    """Whether directions are chosen: all go the mapping's where that is one-way."""
    errors: list[str] = field(default_factory=list)

    @property
    def left(self) -> list[str]:
        """The captions of the fields that have no column."""
        return [row.field.caption for row in self.rows if not row.mapped]

    @property
    def mapped(self) -> int:
        """How many fields are to be mapped."""
        return sum(1 for row in self.rows if row.mapped)

    @property
    def segments(self) -> list[tuple[str, str, int]]:
        """Return the parts of the list that there are: value, caption, and how many rows."""
        counts = {name: sum(1 for row in self.rows if name in ("", row.segment)) for name in SEGMENTS}
        return [(name, caption, counts[name]) for name, caption in SEGMENTS.items() if counts[name] or not name]

    def settle_ways(self) -> None:
        """Choose for each pair the widest direction that fits where what is chosen does not, or nothing is."""
        for row in self.rows:
            column = self.sides.columns.get(row.column)  # none for one that is gone
            if column is not None and row.ways and row.direction not in [way.value for way in row.ways]:
                fits, _ = fitting_direction(self.sides, row.field, column)
                row.direction = str(fits or AS_FITS)

    @property
    def all_mapped(self) -> bool:
        """Whether every field with a column is to be mapped."""
        return all(row.mapped for row in self.rows if row.column)

    def map_all(self, shown: str, *, mapped: bool) -> None:
        """Have all pairs of a part of the list mapped, or none of them. shown: of SEGMENTS."""
        for row in self.rows:
            if row.column and shown in ("", row.segment):
                row.left_out = not mapped

    def check(self, info: TableInfo) -> bool:
        """Check every row, and keep its error with it. Returns whether all can be mapped so."""
        chosen: list[tuple[Any, Pair]] = []
        for row in self.rows:
            if row.mapped:
                self._check(row, info, chosen)
        for one in self.constants:
            if one.constant:
                pair = self.sides.pair(None, one.column, Direction.TO, one.constant)
                try:
                    check_pair(pair, self.sides.direction)
                except NotUsable as error:
                    one.error = error.user_message
                else:
                    chosen.append((one, pair))
        for at, sentence in clashes([pair for _, pair in chosen]).items():
            chosen[at][0].error = f"{sentence} Choose another, or a direction in which only one of them writes."
        if not chosen and not self._wrong:
            self.errors.append("Nothing would be synchronized, since no field is mapped. Choose a column for one.")
        return not self.errors and not self._wrong

    @property
    def _wrong(self) -> bool:
        return any(one.error for one in self.rows) or any(one.error for one in self.constants)

    def _check(self, row: FieldRow, info: TableInfo, chosen: list[tuple[Any, Pair]]) -> None:
        try:
            column = find_column(info, row.column)
        except Refusal as error:
            row.error = error.user_message
            return
        direction, problem = fitting_direction(self.sides, row.field, column)
        if row.direction != AS_FITS:
            direction = Direction(row.direction)
            try:
                check_pair(self.sides.pair(row.field, column, direction), self.sides.direction)
            except NotUsable as error:
                row.error = error.user_message
        elif direction is None:
            row.error = f"{problem} Choose another column, or none."
        if direction is not None and not row.error:
            row.direction = direction
            chosen.append((row, self.sides.pair(row.field, column, direction)))

    def answers(self) -> list[dict[str, str]]:
        """Return the pairs as the draft keeps them. Call it once they are checked."""
        pairs = [
            {"field": row.field.name, "column": row.column, "direction": str(row.direction)}
            for row in self.rows
            if row.mapped
        ]
        constants = [
            {"field": "", "column": one.column.name, "direction": str(Direction.TO), "constant": one.constant}
            for one in self.constants
            if one.constant
        ]
        return [*pairs, *constants]


def proposed(sides: Sides, samples: ValueSamples, known: Sequence[Mapping[str, str]] | None) -> FieldRows:
    """Return the rows as they are proposed, or as they were chosen before (`known`)."""
    found = propose(sides, samples)
    by_field = {one.field.name: one for one in found.pairs}
    rows = _rows(sides, samples, by_field)
    if known is None:
        for row in rows:
            if (one := by_field.get(row.field.name)) is not None:
                row.column, row.direction = one.column.name, str(one.direction)
    else:
        chosen = {one["field"]: one for one in known if one["field"]}
        for row in rows:
            if row.field.name in chosen:
                row.column, row.direction = chosen[row.field.name]["column"], chosen[row.field.name]["direction"]
    constants = {one["column"]: one.get("constant", "") for one in known or () if not one["field"]}
    return _finished(sides, samples, rows, by_field, found.unfit, constants)


def typed(sides: Sides, samples: ValueSamples, sent: QueryDict) -> FieldRows:
    """Return the rows as a form was sent."""
    found = propose(sides, samples)
    by_field = {one.field.name: one for one in found.pairs}
    rows = _rows(sides, samples, by_field)
    for row in rows:
        row.column = sent.get(f"column-{row.field.name}", "")
        # A row without a column had no box to tick: choosing one maps it.
        row.left_out = f"box-{row.field.name}" in sent and f"map-{row.field.name}" not in sent
        direction = sent.get(f"direction-{row.field.name}", AS_FITS)
        row.direction = direction if direction in Direction.values else AS_FITS
    prefix = "constant-"
    given = {name.removeprefix(prefix): sent.get(name, "") for name in sent if name.startswith(prefix)}
    constants = {name: str(value) for name, value in given.items() if value}
    return _finished(sides, samples, rows, by_field, found.unfit, constants)


def _rows(sides: Sides, samples: ValueSamples, by_field: Mapping[str, Proposal]) -> list[FieldRow]:
    """Return a row for each local field: those with a proposal first, in the table's order."""
    ordered = sorted(sides.fields, key=lambda one: one.name not in by_field)
    return [FieldRow(one, _sized(one), samples.example_here(one.name), _options(sides, one)) for one in ordered]


def _sized(one: LocalField) -> str:
    """Return a field's type for people, with its length."""
    if one.references:
        return f"Code of {one.references.replace('_', ' ')}"
    sized = one.max_length is not None and not one.choices and one.type in ("text", "code")
    return f"{_TYPES[one.type]} {one.max_length}" if sized else _TYPES[one.type]


def _options(sides: Sides, one: LocalField) -> list[tuple[str, str]]:
    """Return the columns that a field fits, by what they are called."""
    fitting = [column for column in sides.columns.values() if fitting_direction(sides, one, column)[0] is not None]
    fitting.sort(key=lambda column: ((column.label or column.name).casefold(), column.name))
    return [(column.name, f"{column.label or column.name} ({column.name})") for column in fitting]


def _finished(
    sides: Sides,
    samples: ValueSamples,
    rows: list[FieldRow],
    by_field: Mapping[str, Proposal],
    unfit: Sequence[str],
    constants: Mapping[str, str],
) -> FieldRows:
    for row in rows:
        _describe(sides, samples, row, by_field.get(row.field.name))
    filled = {row.column for row in rows if row.mapped and row.direction != Direction.FROM}
    missing = {one.name: one for one in required_and_missing(sides, filled)}
    missing |= {name: sides.columns[name] for name in constants if name in sides.columns and name not in filled}
    return FieldRows(
        sides,
        rows,
        [
            ConstantRow(
                one, f"{one.label} ({one.name})" if one.label else one.name, one.type not in LOOKUPS,
                constants.get(one.name, ""),
            )
            for one in missing.values()
        ],
        unfit,
        sides.direction == Direction.BIDIRECTIONAL,
    )  # fmt: skip


def _describe(sides: Sides, samples: ValueSamples, row: FieldRow, one: Proposal | None) -> None:
    """Say how well the chosen column fits, and why it was proposed."""
    if row.column and row.column not in dict(row.options):
        row.options = [*row.options, (row.column, row.column)]
    column = sides.columns.get(row.column)
    row.ways = WAYS if column is None else [way for way in WAYS if _goes(sides, row.field, column, way)]
    if column is None:
        return
    row.column_type = column_words(column)
    fits, problem = fitting_direction(sides, row.field, column)
    if fits is None:
        row.fit, row.notes = Status("Does not fit", "bad"), [problem]
        return
    direction = Direction(row.direction) if row.direction else fits
    row.notes = notes_of(sides, row.field, column, direction)
    by_proposal = one is not None and one.column.name == row.column
    share = samples.same(row.field, column)
    unlike = share is not None and share.of_pairs and share.total >= _MANY and share.percent < _UNLIKE
    sure = not row.notes and not unlike and (not by_proposal or (one is not None and one.is_sure))
    row.fit = Status("Fits", "ok") if sure else Status("To check", "warn")
    row.why = one.why.label.capitalize() if by_proposal and one is not None else "Chosen by hand"
    row.sample_there = samples.example_there(column)
    row.evidence = [*([share.text] if share is not None else []), samples.filled(row.field.name, column.name)]
    row.confidence = _confidence(one.why.score if by_proposal and one is not None else None, share)


def _goes(sides: Sides, local: LocalField, column: ColumnInfo, way: Way) -> bool:
    """Return whether a field and a column can be mapped in a direction."""
    try:
        check_pair(sides.pair(local, column, Direction(way.value)), sides.direction)
    except NotUsable:
        return False
    return True


def _confidence(score: int | None, share: Share | None) -> int | None:
    """Return how much speaks for a pair: names by themselves, and where pairs were compared, values as much."""
    if share is None or not (share.of_pairs or score is None):
        return score
    return share.percent if score is None else round((score + share.percent) / 2)
