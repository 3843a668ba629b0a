"""Canonical values: the one form in which both sides are compared and the base is kept. No Django, no HTTP.

A FieldSpec says everything about one mapped field. What cannot cross is a Problem with a sentence for the user.
"""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from core.vocabulary import ConflictOption, Direction
from dataverse.types import ColumnInfo
from sync.rules.plan import FieldRule
from sync.rules.values import Carried, Links, LocalColumn, Problem, Value

KINDS = {
    "String": "text", "Memo": "text", "EntityName": "text",
    "Integer": "integer", "BigInt": "integer",
    "Decimal": "number", "Double": "number", "Money": "number",
    "DateTime": "datetime", "Boolean": "boolean",
    "Picklist": "choice", "State": "choice", "Status": "choice",
    "Lookup": "reference", "Customer": "reference", "Owner": "reference",
    "Uniqueidentifier": "guid",
}  # fmt: skip
_NAMED = 8
"""So many choices a sentence names."""
_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0", ""}


@dataclass(frozen=True)
class FieldSpec:
    """One mapped field: the local field, the Dataverse column, and what stands between them.

    `field` is None for a constant that is only sent. `links` is set for references and for local keys mapped to a
    choice.
    """

    name: str
    column: ColumnInfo
    field: LocalColumn | None = None
    direction: Direction = Direction.BIDIRECTIONAL
    conflict: ConflictOption = ConflictOption.ASK
    constant: str = ""
    clear_on_failed: bool = False
    not_null: bool = False
    links: Links | None = None

    @property
    def rule(self) -> FieldRule:
        """What the plan needs to know of it."""
        return FieldRule(self.name, self.direction, self.conflict, self.not_null)

    @cached_property
    def kind(self) -> str:
        """text, integer, number, date, datetime, boolean, choice, link or guid."""
        kind = KINDS.get(self.column.type, "text")
        if kind == "reference" or (kind == "choice" and self.links is not None):
            return "link"
        if kind == "datetime" and (self.column.date_only or (self.field is not None and self.field.type == "date")):
            return "date"
        return kind

    @property
    def local_name(self) -> str:
        """The local field's name, blank for a constant."""
        return self.field.name if self.field is not None else ""

    @property
    def caption(self) -> str:
        """What the user calls it on this side."""
        return self.field.caption if self.field is not None else self.column.name

    @property
    def column_caption(self) -> str:
        """What the user calls it in Dataverse."""
        return f"{self.column.label} ({self.column.name})" if self.column.label else self.column.name

    @cached_property
    def left_blank(self) -> bool:
        """Whether a new row leaves the column out where there is no value: blank text and blank references."""
        if KINDS.get(self.column.type) == "reference":
            return self.links is None or not self.links.blank_partner
        return self.kind in ("text", "date", "datetime", "guid")

    def surely_fits(self, word: str) -> bool:
        """Whether the column takes this text; false also where its characters have to be counted first."""
        return self.column.max_length is None or (len(word) <= self.column.max_length and word.isascii())

    @cached_property
    def decimals(self) -> int | None:
        """To how many places both sides can keep a number; None when neither has a limit."""
        ours = self.field.decimals if self.field is not None else None
        limits = [limit for limit in (self.column.precision, ours) if limit is not None]
        return min(limits) if limits else None


# -- canonical values -----------------------------------------------------------------------------------------------


def canonical_local(spec: FieldSpec, value: Any) -> Carried:
    """The canonical form of this side's value; a Problem when Dataverse could not take it for what it is."""
    if spec.field is None or (spec.constant and value in (None, "", 0, False)):
        value = spec.constant
    if spec.kind == "link":
        return _linked_local(spec, value)
    if spec.kind == "choice":
        return _choice_of_local(spec, value)
    return _plain(spec, value, spec.caption)


def canonical_remote(spec: FieldSpec, value: Any) -> Carried:
    """The canonical form of a Dataverse column's value, given as the Web API gives it."""
    if spec.kind == "link":
        return _linked_remote(spec, value)
    if spec.kind == "choice":
        return None if value is None else int(value)
    return _plain(spec, value, spec.column_caption)


def local_reader(spec: FieldSpec) -> Callable[[Any], Carried]:
    """canonical_local for many values of one field: what does not depend on the value is settled once."""
    plain_text = spec.kind == "text" and spec.field is not None and spec.field.type != "number"
    return text if plain_text and not spec.constant else partial(canonical_local, spec)


def remote_reader(spec: FieldSpec) -> Callable[[Any], Carried]:
    """canonical_remote for many values of one column."""
    plain_text = spec.kind == "text" and (spec.field is None or spec.field.type != "number")
    return text if plain_text else partial(canonical_remote, spec)


def text(value: Any) -> str | None:
    """Canonical text: NFC, trimmed, one kind of line end; None for blank."""
    if value is None or value == "":
        return None
    word = value if isinstance(value, str) else str(value)
    plain = (word if word.isascii() else unicodedata.normalize("NFC", word)).strip()
    if "\r" in plain:
        plain = plain.replace("\r\n", "\n").replace("\r", "\n")
    return plain or None


def _plain(spec: FieldSpec, value: Any, where: str) -> Carried:
    try:
        return _CANONICAL[spec.kind](spec, value)
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        wanted = {"integer": "a whole number", "number": "a number", "date": "a date", "datetime": "a date and time",
                  "boolean": "yes or no", "guid": "an id"}[spec.kind]  # fmt: skip
        return Problem("value_invalid", f"{where} holds {quoted(value)}, which is not {wanted}. Correct the value.")


def _text(spec: FieldSpec, value: Any) -> Value:
    if spec.field is not None and spec.field.type == "number" and isinstance(value, Decimal):
        return _spelled(value)
    return text(value)


def _number(spec: FieldSpec, value: Any) -> Value:
    if value is None or value == "":
        return "0"  # local numbers have no blank; a blank in Dataverse means the same
    number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueError(value)
    if spec.decimals is not None:
        number = round(number, spec.decimals)
    return _spelled(number)


def _spelled(number: Decimal) -> str:
    if number == 0:
        return "0"
    spelled = f"{number:f}"
    return spelled.rstrip("0").rstrip(".") if "." in spelled else spelled


def integer(_: FieldSpec, value: Any) -> Value:
    """A whole number; blank is 0. Raises ValueError, InvalidOperation."""
    if value is None or value == "":
        return 0
    number = Decimal(str(value).strip())
    if number != number.to_integral_value():
        raise ValueError(value)
    return int(number)


def boolean(_: FieldSpec, value: Any) -> Value:
    """Yes or no, also from words; blank is no. Raises ValueError."""
    if isinstance(value, bool):
        return value
    word = "" if value is None else str(value).strip().casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(value)


def _date(_: FieldSpec, value: Any) -> Value:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return date.fromisoformat(str(value).strip()[:10]).isoformat()


def _datetime(_: FieldSpec, value: Any) -> Value:
    if value is None or value == "":
        return None
    moment: datetime
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time(), UTC)
    else:
        moment = datetime.fromisoformat(str(value).strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def _guid(_: FieldSpec, value: Any) -> Value:
    if value is None or value == "":
        return None
    found = value if isinstance(value, UUID) else UUID(str(value).strip())
    return str(found) if found.int else None


_CANONICAL: dict[str, Callable[[FieldSpec, Any], Value]] = {
    "text": _text, "number": _number, "integer": integer, "boolean": boolean, "date": _date, "datetime": _datetime,
    "guid": _guid,
}  # fmt: skip


def _choice_of_local(spec: FieldSpec, value: Any) -> Carried:
    word = text(value)
    if word is None:
        return None
    labels = {label.casefold(): number for number, label in spec.column.choices.items()}
    candidates = [word]
    if spec.field is not None:
        candidates += [label for key, label in spec.field.choices if key == word]
    for candidate in candidates:
        if (number := labels.get(candidate.casefold())) is not None:
            return number
    if word.lstrip("-").isdigit() and (not spec.column.choices or int(word) in spec.column.choices):
        return int(word)
    return unknown_choice(spec, value)


def unknown_choice(spec: FieldSpec, value: Any) -> Problem:
    """The sentence for a value that is none of the column's choices."""
    known = some(spec.column.choices.values())
    return Problem(
        "unknown_choice",
        f"{spec.caption} is {quoted(value)}, which {spec.column_caption} does not offer"
        + (f" (it offers {known})." if known else ".")
        + " Change the value, or add the choice in Dataverse.",
    )


def _linked_local(spec: FieldSpec, value: Any) -> Carried:
    code = text(value)
    if code is None:
        return None
    links = spec.links
    if links is None:
        return _not_mapped(spec)
    if links.blank_code and code.casefold() == links.blank_code.casefold():
        return None
    partner = links.partners.get(code)
    if partner is not None:
        return partner if isinstance(partner, int) else (None if partner == links.blank_partner else partner)
    if spec.clear_on_failed:
        return None
    return Problem(
        "reference_not_coupled",
        f"{spec.caption} is {quoted(code)}, and that {links.caption} is not coupled to Dataverse. "
        f"Couple or synchronize it first, then run this again.",
    )


def _linked_remote(spec: FieldSpec, value: Any) -> Carried:
    partner = value if isinstance(value, int) else _guid(spec, value)
    if partner is None or (spec.links is not None and partner == spec.links.blank_partner):
        return None
    if spec.links is not None and partner in spec.links.codes:
        return partner
    if spec.clear_on_failed:
        return None
    if spec.links is None:
        return _not_mapped(spec)
    return Problem(
        "reference_not_coupled",
        f"{spec.column_caption} points to a row that no {spec.links.caption} here is coupled to. "
        f"Couple or synchronize it first, then run this again.",
    )


def _not_mapped(spec: FieldSpec) -> Problem:
    return Problem(
        "reference_not_coupled",
        f"{spec.caption} refers to a table that has no integration table mapping. "
        "Add that mapping, or disable this field.",
    )


def some(labels: Iterable[str]) -> str:
    """The first few of them in a sentence, and how many more there are."""
    known = [label for label in labels if label.strip()]
    more = len(known) - _NAMED
    return ", ".join(known[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def quoted(value: Any) -> str:
    """A value in a sentence, shortened."""
    word = str(value)
    return f"“{word[:57]}...”" if len(word) > 60 else f"“{word}”"
