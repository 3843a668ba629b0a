"""Whether a local field and a Dataverse column can be mapped, and how: the reference's validations, as sentences.

Everything here is decided from the catalog's field and the column's live metadata; nothing is read.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches

from core.refusals import NotUsable, Refusal
from core.vocabulary import Direction
from coupling.matching.comparable import CHOICES, LOOKUPS
from dataverse.types import ColumnInfo, TableInfo
from masterdata.catalog import LocalField, LocalTable

MAX_CONSTANT = 100

_TEXTS = frozenset({"text", "code"})
_COLUMN_KINDS = {
    **dict.fromkeys(("String", "Memo"), "text"),
    **dict.fromkeys(("Integer", "BigInt"), "whole number"),
    **dict.fromkeys(("Decimal", "Double", "Money"), "number"),
    **dict.fromkeys(CHOICES, "choice"),
    **dict.fromkeys(LOOKUPS, "lookup"),
    "DateTime": "date", "Boolean": "yes or no", "Uniqueidentifier": "id",
}  # fmt: skip
_TO: dict[str, Collection[str]] = {
    "text": {*_TEXTS, "number", "integer", "date", "datetime", "boolean", "choice", "reference"},
    "number": {"number", "integer"},
    "whole number": {"number", "integer"},
    "date": {"date", "datetime"},
    "yes or no": {"boolean"},
    "choice": {*_TEXTS, "choice", "integer", "reference"},
    "lookup": {"reference"},
    "id": set(),
}
"""By the kind of a column, the types of local fields whose values it takes as they are."""
_FILLED_BY_DATAVERSE = frozenset({"Boolean", "State", "Status", "Owner", "Uniqueidentifier", "EntityName"})
"""Types of columns in which a new row has a value whatever is sent."""
_ANY_TEXT = {"text", "number", "whole number", "date", "yes or no", "choice", "id"}
_FROM: dict[str, Collection[str]] = {
    "text": _ANY_TEXT,
    "code": _ANY_TEXT,
    "number": {"number", "whole number"},
    "integer": {"number", "whole number", "choice"},
    "date": {"date"},
    "datetime": {"date"},
    "boolean": {"yes or no"},
    "choice": {"choice", "text"},
    "reference": {"lookup", "text", "choice"},
}
"""By the type of a local field, the kinds of columns whose values it takes as they are."""


def needs_value(column: ColumnInfo) -> bool:
    """Return whether a new row must be given a value in a column: no row is created without."""
    required = column.required in ("ApplicationRequired", "SystemRequired")
    return required and column.for_create and column.type not in _FILLED_BY_DATAVERSE


@dataclass(frozen=True)
class Pair:
    """What is to be mapped: a field, a column, or a constant in place of one; `lookup_ready`: the tables that the
    column can point to and whose records are mapped.
    """

    field: LocalField | None
    column: ColumnInfo | None
    direction: Direction
    constant: str = ""
    rules: tuple[str, ...] = ()
    rules_direction: Direction = Direction.TO
    clear_on_failed: bool = False
    not_null: bool = False
    lookup_ready: bool = True

    @property
    def local_caption(self) -> str:
        """The local field in a sentence."""
        return self.field.caption if self.field is not None else f"the constant {self.constant}"

    @property
    def column_caption(self) -> str:
        """The column in a sentence."""
        if self.column is None:
            return f"the constant {self.constant}"
        return f"{self.column.label} ({self.column.name})" if self.column.label else self.column.name


def find_field(table: LocalTable, name: str) -> LocalField:
    """Return a field of a local table. Raises NotUsable with those that are spelled like it."""
    known = {field.name: field for field in table.fields}
    if name not in known:
        raise NotUsable(f"{table.caption} has no field {name!r}.", _suggest(name, known), field="field")
    return known[name]


def find_column(table: TableInfo, name: str) -> ColumnInfo:
    """Return a column that can be mapped. Raises Refusal (unknown_column, configuration)."""
    column = table.columns.get(name)
    if column is None:
        raise Refusal(
            "unknown_column",
            f"The table {table.name} has no column {name!r} in Dataverse.",
            _suggest(name, table.columns),
            field="column",
        )
    if not can_be_mapped(column):
        raise NotUsable(
            f"{name} holds {column.type} values, which cannot be synchronized.", "Choose another column.",
            field="column",
        )  # fmt: skip
    return column


def can_be_mapped(column: ColumnInfo) -> bool:
    """Return whether a column holds values that can be synchronized."""
    return column.type in _COLUMN_KINDS


def column_words(column: ColumnInfo) -> str:
    """Return a column's type for people, with its length, or the tables that it leads to."""
    kind = _COLUMN_KINDS.get(column.type, column.type)
    secured = ", secured: a blank there is taken for not known" if column.secured else ""
    if column.date_only or column.type != "DateTime":
        more = ", ".join(column.binds) if column.binds else str(column.max_length or "")
        return f"{kind.capitalize()}{', ' if column.binds else ' '}{more}".strip() + secured
    return f"Date and time{secured}"


def _suggest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=5, cutoff=0.5)
    if close:
        return f"Spelled like it: {', '.join(close)}."
    return f"There is {', '.join(sorted(known)[:40])}{' and more' if len(known) > 40 else ''}."


def widest_direction(pair: Pair, mapping_direction: Direction) -> Direction:
    """Return the direction that a new field gets where nobody names one: the mapping's, as far as both sides allow."""
    if pair.field is None:
        return Direction.TO
    if pair.column is None or _read_only(pair.column):
        return Direction.FROM
    if not pair.field.editable:
        return Direction.TO
    return mapping_direction


def _read_only(column: ColumnInfo) -> bool:
    return not column.for_create and not column.for_update


@dataclass(frozen=True, slots=True)
class SecondSource:
    """A field mapping that writes where one before it does. at, before: their places; side: "column" or "field"."""

    at: int
    before: int
    side: str
    name: str


def check_pair(pair: Pair, mapping_direction: Direction) -> None:
    """Raise NotUsable with a sentence where the pair cannot be mapped this way."""
    _check_direction(pair, mapping_direction)
    if pair.field is None or pair.column is None or pair.constant:
        _check_constant(pair)
    if pair.field is not None and pair.column is not None:
        _check_rules(pair)
        _check_types(pair, pair.field, pair.column)
    _check_blank_options(pair)


def _check_direction(pair: Pair, mapping_direction: Direction) -> None:
    wanted = pair.direction
    if wanted != mapping_direction and Direction.BIDIRECTIONAL not in (wanted, mapping_direction):
        raise NotUsable(
            f"The mapping goes {mapping_direction.label.lower()}, so a field of it cannot go {wanted.label.lower()}.",
            "Choose the mapping's direction for the field, or change the mapping's first.", field="direction",
        )  # fmt: skip
    sends, gets = wanted != Direction.FROM, wanted != Direction.TO
    if pair.column is None and sends:
        raise NotUsable(
            "A constant for a local field goes from integration table alone.", "Choose that direction.",
            field="direction",
        )  # fmt: skip
    if pair.field is None and gets:
        raise NotUsable(
            "A constant for a column goes to integration table alone.", "Choose that direction.", field="direction"
        )
    if sends and pair.column is not None and _read_only(pair.column):
        raise NotUsable(
            f"{pair.column_caption} is read-only: Dataverse writes it itself.",
            "Choose the direction from integration table, or another column.", field="direction",
        )  # fmt: skip
    if gets and pair.field is not None and not pair.field.editable:
        raise NotUsable(
            f"{pair.local_caption} is kept by this program and cannot be written.",
            "Choose the direction to integration table, or another field.", field="direction",
        )  # fmt: skip


def _check_constant(pair: Pair) -> None:
    if pair.field is None and pair.column is None:
        raise NotUsable("Neither a field nor a column is named.", "Name both as LOCAL=COLUMN.", field="field")
    if not pair.constant:
        side = "column" if pair.field is None else "local field"
        raise NotUsable(
            f"Only the {side} is named, and no constant that it is to get.",
            "Name the other side, or give a constant value.", field="constant",
        )  # fmt: skip
    if len(pair.constant) > MAX_CONSTANT:
        raise NotUsable(
            f"The constant has {len(pair.constant)} characters.", f"It takes at most {MAX_CONSTANT}.", field="constant"
        )
    if pair.field is not None and pair.column is not None and pair.direction == Direction.FROM:
        raise NotUsable(
            "A constant beside a field and a column stands for a blank local value, and this field gets its value from "
            "Dataverse.",
            "Leave the column out, so that the local field gets the constant.", field="constant",
        )  # fmt: skip
    if pair.rules and (pair.field is None or pair.column is None):
        raise NotUsable(
            "A constant needs no transformation rules.", "Write the constant as it is to be.", field="rules"
        )
    if problem := _constant_problem(pair):
        raise NotUsable(problem, "Write a value that it can hold.", field="constant")


def _constant_problem(pair: Pair) -> str:
    """Return why the destination cannot hold the constant, "" where it can."""
    if pair.column is not None:
        kind, choices, limit = _COLUMN_KINDS[pair.column.type], pair.column.choices, pair.column.max_length
        words = {word.casefold() for number, label in choices.items() for word in (str(number), label)}
        caption = pair.column_caption
    else:
        assert pair.field is not None
        kind, limit, caption = pair.field.type, pair.field.max_length, pair.local_caption
        words = {word.casefold() for choice in pair.field.choices for word in choice}
    if kind in ("lookup", "id"):
        return f"{caption} points to a row, and a constant is none."
    if words and pair.constant.casefold() not in words:
        return f"{caption} has no choice {pair.constant!r}."
    if limit is not None and len(pair.constant) > limit:
        return f"{caption} takes at most {limit} characters, and the constant has {len(pair.constant)}."
    return "" if _holds(kind, pair.constant) else f"{caption} cannot hold the constant {pair.constant!r}."


def _holds(kind: str, text: str) -> bool:
    """Return whether a value of a kind can be read from text."""
    try:
        match kind:
            case "number":
                return Decimal(text).is_finite()
            case "whole number" | "integer":
                return Decimal(text) == Decimal(text).to_integral_value()
            case "date":
                date.fromisoformat(text[:10])
            case "datetime":
                datetime.fromisoformat(text)
            case "yes or no" | "boolean":
                return text.casefold() in ("true", "yes", "1", "false", "no", "0")
    except (ValueError, InvalidOperation):
        return False
    return True


def _check_rules(pair: Pair) -> None:
    if not pair.rules:
        return
    if pair.direction not in (Direction.BIDIRECTIONAL, pair.rules_direction):
        raise NotUsable(
            f"The field goes {pair.direction.label.lower()}, so its rules cannot rewrite what goes "
            f"{pair.rules_direction.label.lower()}.",
            "Choose the same direction for both.", field="transformation_direction",
        )  # fmt: skip
    assert pair.column is not None
    kind = _COLUMN_KINDS[pair.column.type]
    if kind == "lookup":
        raise NotUsable(
            f"{pair.column_caption} points to a row of another table: the coupling says to which, and rules change "
            "nothing about it.",
            "Take the rules away, or choose a column that holds text.", field="rules",
        )  # fmt: skip
    if kind == "choice" and pair.direction == Direction.BIDIRECTIONAL and pair.rules_direction == Direction.FROM:
        raise NotUsable(
            f"{pair.column_caption} is a choice: rules that rewrite what comes from it need a field that only comes "
            "from Dataverse.",
            "Choose the direction from integration table for the field.", field="direction",
        )  # fmt: skip


def _check_types(pair: Pair, field: LocalField, column: ColumnInfo) -> None:
    kind = _COLUMN_KINDS[column.type]
    if column.type == "State" and field.type == "boolean":
        return  # whether the record is active: no where the row is in its first state
    if kind == "lookup" and field.type == "reference" and not pair.lookup_ready:
        raise NotUsable(
            f"{pair.column_caption} points to rows whose table no mapping couples with what {field.caption} names.",
            "Map that table first, or choose another column.", field="column",
        )  # fmt: skip
    if pair.direction != Direction.FROM and not (
        field.type in _TO[kind] or (_rewritten(pair, Direction.TO) and kind not in ("lookup", "id"))
    ):
        raise _types_differ(f"{pair.column_caption} holds {_a(kind)}", f"{field.caption} ({field.type})", "TO")
    if pair.direction != Direction.TO and not (
        kind in _FROM[field.type] or (_rewritten(pair, Direction.FROM) and field.type != "reference")
    ):
        raise _types_differ(f"{field.caption} holds {_a(field.type)}", f"{pair.column_caption} ({kind})", "FROM")


def _rewritten(pair: Pair, direction: Direction) -> bool:
    return bool(pair.rules) and pair.rules_direction == direction


def _a(kind: str) -> str:
    return "yes or no" if kind in ("yes or no", "boolean") else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _types_differ(destination: str, source: str, direction: str) -> NotUsable:
    way = Direction[direction].label.lower()
    return NotUsable(
        f"{destination}, and cannot take what {source} holds {way}.",
        "Choose two of the same type, another direction, or a transformation rule that makes one of the other.",
        field="column",
    )


def _check_blank_options(pair: Pair) -> None:
    if not pair.not_null:
        return
    if pair.clear_on_failed:
        raise NotUsable(
            "Not Null and Clear Value on Failed Sync exclude each other: one keeps what the other clears.",
            "Choose one of them.", field="not_null",
        )  # fmt: skip
    if pair.column is None or _COLUMN_KINDS[pair.column.type] not in ("lookup", "id"):
        raise NotUsable(
            f"Not Null is for columns that hold an id (GUID), and {pair.column_caption} holds none.",
            "Switch Not Null off; to keep values from being blanked, choose keep for blank values.", field="not_null",
        )  # fmt: skip


def second_sources(fields: Iterable[tuple[str, str, str]]) -> list[SecondSource]:
    """Return what several field mappings write to alike. fields: field, column and direction of those enabled.

    Only one field mapping may write to a column, and only one to a field here.
    """
    first: dict[tuple[str, str], int] = {}
    found: list[SecondSource] = []
    for at, (local, column, direction) in enumerate(fields):
        written = [("column", column if direction != Direction.FROM else "")]
        written.append(("field", local if direction != Direction.TO else ""))
        for side, name in written:
            other = first.setdefault((side, name), at) if name else at
            if other != at:
                found.append(SecondSource(at, other, side, name))
    return found


def length_note(pair: Pair) -> str:
    """Return a sentence where values of one side may be too long for the other, "" where all fit."""
    if pair.field is None or pair.column is None:
        return ""
    here, there = pair.field.max_length, pair.column.max_length
    if _COLUMN_KINDS[pair.column.type] != "text" or here is None or there is None or here == there:
        return ""
    if here > there and pair.direction != Direction.FROM:
        return f"{pair.local_caption} takes {here} characters and {pair.column_caption} {there}: {_TOO_LONG}"
    if there > here and pair.direction != Direction.TO:
        return f"{pair.column_caption} takes {there} characters and {pair.local_caption} {here}: {_TOO_LONG}"
    return ""


_TOO_LONG = "records with longer values fail with the reason Value too long. The rule substring shortens them."
