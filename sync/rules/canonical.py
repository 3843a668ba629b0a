"""Canonical values: the one form in which both sides are compared and the base is stored. No Django, no HTTP.

A FieldSpec describes one mapped field. A value that has no canonical form is a Problem, explained to the user.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from core.vocabulary import ConflictOption, Direction
from dataverse.types import ColumnInfo
from sync.rules.quotes import list_labels, quote
from sync.rules.rule_errors import RuleFailed
from sync.rules.values import Links, LocalColumn, Problem, Reference, Side, Value, ValueOrProblem

Rewrite = Callable[[Any], Any]
"""Transformation rules (sync.rules.transformations.Chain); raises RuleFailed for a value they do not work for."""

KINDS = {
    "String": "text", "Memo": "text", "EntityName": "text",
    "Integer": "integer", "BigInt": "integer",
    "Decimal": "number", "Double": "number", "Money": "number",
    "DateTime": "datetime", "Boolean": "boolean",
    "Picklist": "choice", "State": "choice", "Status": "choice",
    "Lookup": "reference", "Customer": "reference", "Owner": "reference",
    "Uniqueidentifier": "guid",
}  # fmt: skip
_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0", ""}


@dataclass(frozen=True)
class FieldSpec:
    """One mapped field: the local field, the Dataverse column, and how values are transferred between them.

    `field` is None for a constant that is only sent; `constant_here`: the constant is what the local field gets, and
    there is no column. `links` is set for references and for local keys mapped to a choice. `rewrite`: what the
    field's transformation rules make of a value of the side `rewrites`, before it is transferred. `check`: why the
    local field does not take a value, "" where it does.
    """

    name: str
    column: ColumnInfo
    field: LocalColumn | None = None
    direction: Direction = Direction.BIDIRECTIONAL
    conflict: ConflictOption = ConflictOption.ASK
    constant: str = ""
    clear_on_failed: bool = False
    not_null: bool = False
    identifies: bool = False
    links: Links | None = None
    constant_here: bool = False
    keep_blank: bool = False
    rewrite: Rewrite | None = None
    rewrites: Side = Side.LOCAL
    check: Callable[[Any], str] | None = None

    @cached_property
    def kind(self) -> str:
        """One of text, integer, number, date, datetime, boolean, choice, state, link and guid.

        A state is that of a row against a yes or no here, such as Blocked: yes is every state but the first, active.
        """
        kind = KINDS.get(self.column.type, "text")
        if self.column.type == "State" and self.field is not None and self.field.type == "boolean":
            return "state"
        if kind == "reference" or (kind == "choice" and self.links is not None):
            return "link"
        shows_day = self.column.date_only or self.column.shows_day
        if kind == "datetime" and (shows_day or (self.field is not None and self.field.type == "date")):
            return "date"
        return kind

    @property
    def local_name(self) -> str:
        """The local field's name, blank for a constant."""
        return self.field.name if self.field is not None else ""

    @property
    def caption(self) -> str:
        """What users call the local field."""
        return self.field.caption if self.field is not None else self.column.name

    @property
    def column_caption(self) -> str:
        """What users call the column in Dataverse."""
        return f"{self.column.label} ({self.column.name})" if self.column.label else self.column.name

    @cached_property
    def omitted_when_blank(self) -> bool:
        """Whether a new row is sent without the column where it is blank: text, dates, GUIDs and references."""
        if KINDS.get(self.column.type) == "reference":
            return self.links is None or not self.links.blank_partner
        return self.kind in ("text", "date", "datetime", "guid")

    def surely_fits(self, value: str) -> bool:
        """Return whether the column takes this text; False also where its UTF-16 units must be counted first."""
        return self.column.max_length is None or (len(value) <= self.column.max_length and value.isascii())

    @cached_property
    def decimals(self) -> int | None:
        """How many decimal places both sides can store; None where neither has a limit."""
        local = self.field.decimals if self.field is not None else None
        limits = [limit for limit in (self.column.precision, local) if limit is not None]
        return min(limits) if limits else None


# -- canonical values -----------------------------------------------------------------------------------------------


def canonical_local(spec: FieldSpec, value: Any) -> ValueOrProblem:
    """Return the canonical form of a local value; a Problem where it has none that Dataverse would understand."""
    if spec.field is None or (spec.constant and not spec.constant_here and value in (None, "", 0, False)):
        value = spec.constant
    if spec.kind == "link":
        return _local_reference(spec, value)
    if spec.kind == "choice":
        return _local_choice(spec, value)
    return _plain(spec, value, spec.caption)


def canonical_remote(spec: FieldSpec, value: Any) -> ValueOrProblem:
    """Return the canonical form of a column's value, given as the Web API gives it."""
    if spec.kind == "link":
        return _remote_reference(spec, value)
    if spec.kind == "choice":
        return None if value is None else int(value)
    return _plain(spec, value, spec.column_caption)


def local_reader(spec: FieldSpec) -> Callable[[Any], ValueOrProblem]:
    """Return canonical_local for one field; what does not depend on the value is decided once for all values."""
    if spec.rewrite is not None and spec.rewrites == Side.LOCAL:
        return partial(_rewritten_local, spec, spec.rewrite)
    plain_text = spec.kind == "text" and spec.field is not None and spec.field.type != "number"
    return (
        _text_reader(spec)
        if plain_text and (not spec.constant or spec.constant_here)
        else partial(canonical_local, spec)
    )


def remote_reader(spec: FieldSpec) -> Callable[[Any], ValueOrProblem]:
    """Return canonical_remote for one column, as local_reader does."""
    if spec.constant_here:
        return partial(_constant_remote, spec)
    if spec.rewrite is not None and spec.rewrites == Side.INTEGRATION:
        return partial(_rewritten_remote, spec, spec.rewrite)
    plain_text = spec.kind == "text" and (spec.field is None or spec.field.type != "number")
    return _text_reader(spec) if plain_text else partial(canonical_remote, spec)


def _rewritten_local(spec: FieldSpec, rewrite: Rewrite, value: Any) -> ValueOrProblem:
    try:
        return canonical_local(spec, rewrite(value))
    except RuleFailed as error:
        return _rule_problem(spec.caption, value, error)


def _rewritten_remote(spec: FieldSpec, rewrite: Rewrite, value: Any) -> ValueOrProblem:
    choices = spec.column.choices
    told = choices.get(value, value) if choices and isinstance(value, int) else value
    try:
        found = rewrite(told)
    except RuleFailed as error:
        return _rule_problem(spec.column_caption, told, error)
    return _plain(spec, found, spec.column_caption)


def _rule_problem(caption: str, value: Any, error: RuleFailed) -> Problem:
    return Problem("value_invalid", f"{caption} holds {quote(value)}, and {error.why}.", error.fix)


def _constant_remote(spec: FieldSpec, _value: Any) -> ValueOrProblem:
    """Return the constant that a local field gets: the column stands for it, and has the field's own kind."""
    return spec.constant if spec.kind == "text" else _plain(spec, spec.constant, spec.caption)


def _text_reader(spec: FieldSpec) -> Callable[[Any], str | None]:
    return canonical_code if spec.field is not None and spec.field.upper_case else canonical_text


def canonical_code(value: Any) -> str | None:
    """Return a canonical code: text in capitals, whatever letters Dataverse has it in; None for blank."""
    word = canonical_text(value)
    return None if word is None else word.upper()


def canonical_text(value: Any) -> str | None:
    """Return canonical text: NFC, trimmed, lines ending in a line feed; None for blank."""
    if value is None or value == "":
        return None
    word = value if isinstance(value, str) else str(value)
    plain = (word if word.isascii() else unicodedata.normalize("NFC", word)).strip()
    if "\r" in plain:
        plain = plain.replace("\r\n", "\n").replace("\r", "\n")
    return plain or None


def _plain(spec: FieldSpec, value: Any, caption: str) -> ValueOrProblem:
    try:
        return _CANONICAL[spec.kind](spec, value)
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        wanted = {"integer": "a whole number", "number": "a number", "date": "a date", "datetime": "a date and time",
                  "boolean": "yes or no", "guid": "an id"}[spec.kind]  # fmt: skip
        return Problem("value_invalid", f"{caption} holds {quote(value)}, which is not {wanted}.", "Correct the value.")


def _text(spec: FieldSpec, value: Any) -> Value:
    if spec.field is not None and spec.field.type == "number" and isinstance(value, Decimal):
        return decimal_text(value)
    return _text_reader(spec)(value)


def _number(spec: FieldSpec, value: Any) -> Value:
    if value is None or value == "":
        return "0"  # local numbers have no blank; a blank in Dataverse means the same
    number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueError(value)
    if spec.decimals is not None:
        number = round(number, spec.decimals)
    return decimal_text(number)


def decimal_text(number: Decimal) -> str:
    """Return a number's one spelling, without an exponent and without zeros at its end."""
    if number == 0:
        return "0"
    spelled = f"{number:f}"
    return spelled.rstrip("0").rstrip(".") if "." in spelled else spelled


def canonical_integer(_: FieldSpec, value: Any) -> Value:
    """Return a whole number; blank is 0. Raises ValueError, InvalidOperation."""
    if value is None or value == "":
        return 0
    number = Decimal(str(value).strip())
    if number != number.to_integral_value():
        raise ValueError(value)
    return int(number)


def canonical_boolean(_: FieldSpec, value: Any) -> Value:
    """Return yes or no, also from words; blank is no. Raises ValueError."""
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


def _state(_: FieldSpec, value: Any) -> Value:
    return bool(value)


_CANONICAL: dict[str, Callable[[FieldSpec, Any], Value]] = {
    "text": _text, "number": _number, "integer": canonical_integer, "boolean": canonical_boolean, "date": _date,
    "datetime": _datetime, "guid": _guid, "state": _state,
}  # fmt: skip


def _local_choice(spec: FieldSpec, value: Any) -> ValueOrProblem:
    word = canonical_text(value)
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
    return unknown_choice_problem(spec, value)


def unknown_choice_problem(spec: FieldSpec, value: Any) -> Problem:
    """Return the problem of a value that is none of the column's choices."""
    known = list_labels(spec.column.choices.values())
    return Problem(
        "unknown_choice",
        f"{spec.caption} is {quote(value)}, which {spec.column_caption} does not offer"
        + (f" (it offers {known})." if known else "."),
        "Change the value, or add the choice in Dataverse.",
    )


def _local_reference(spec: FieldSpec, value: Any) -> ValueOrProblem:
    code, links = _text_reader(spec)(value), spec.links
    if links is None:
        return None if code is None else _no_mapping_problem(spec)
    if code is None or (links.blank_code and code.casefold() == links.blank_code.casefold()):
        return _blank_reference(spec, links)
    partner = links.partners.get(code)
    if partner is not None:
        return partner if isinstance(partner, int) else (None if partner == links.blank_partner else partner)
    if spec.clear_on_failed:
        return None
    return Problem(
        "reference_not_coupled",
        f"{spec.caption} is {quote(code)}, and that {links.caption} is not coupled to Dataverse.",
        "Couple or synchronize it; the next run then goes on with this by itself.",
        Reference(links.table, code=code),
    )


def _blank_reference(spec: FieldSpec, links: Links) -> ValueOrProblem:
    """Return what a blank code is; a Problem where it is sent as a row that Dataverse does not have."""
    sent = spec.direction != Direction.FROM and not spec.clear_on_failed
    if not sent or not links.blank_code or links.blank_partner:
        return None
    return Problem(
        "reference_not_coupled",
        f"{spec.caption} stands for the local {links.caption}, {links.blank_code}, which Dataverse does not have.",
        f"Add {links.blank_code} in Dataverse, or enter it here, as a {links.caption} with its exchange rate, and "
        "synchronize it. Then run this again.",
    )


def _remote_reference(spec: FieldSpec, value: Any) -> ValueOrProblem:
    partner = value if isinstance(value, int) else _guid(spec, value)
    if partner is None or (spec.links is not None and partner == spec.links.blank_partner):
        return None
    if spec.links is not None and partner in spec.links.codes:
        return partner
    if spec.clear_on_failed:
        return None
    if spec.links is None:
        return _no_mapping_problem(spec)
    if isinstance(partner, int):
        return Problem(
            "reference_not_coupled",
            f"{spec.column_caption} is {quote(spec.column.choices.get(partner) or partner)}, a choice that no "
            f"{spec.links.caption} here are coupled to.",
            "Couple one with it; the next run then goes on with this by itself.",
            Reference(spec.links.table, row_id=str(partner)),
        )
    return Problem(
        "reference_not_coupled",
        f"{spec.column_caption} points to a row that no {spec.links.caption} here is coupled to.",
        "Couple or synchronize it; the next run then goes on with this by itself.",
        Reference(spec.links.table, row_id=str(partner)),
    )


def _no_mapping_problem(spec: FieldSpec) -> Problem:
    return Problem(
        "reference_not_coupled",
        f"{spec.caption} refers to a table that has no integration table mapping.",
        "Disable this field on Integration Field Mapping List.",
    )
