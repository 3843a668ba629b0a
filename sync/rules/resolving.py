"""What a person chose for fields that both sides changed, and whether both sides are still as they saw them: pure.

A choice is made on values that were read some time ago, and carried out when the job has its turn. So it holds what
both sides had then. A side that has neither that nor the result now was changed meanwhile: the choice is not carried
out, and the person reads what changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.vocabulary import ConflictOption, Direction, Word
from sync.rules.canonical import FieldSpec, canonical_local
from sync.rules.changes import local_value
from sync.rules.plan import NO_VALUE, Put
from sync.rules.quotes import quote
from sync.rules.values import LocalColumn, Problem, Side, Value, ValueOrProblem

_NEEDED = {"integer": "a whole number", "number": "a number", "date": "a date (2026-01-31)", "boolean": "Yes or No"}
_AT_ONCE = timedelta(seconds=1)
UNKNOWN = "\x1f"
"""Stands for a value that cannot be transferred, in what a person saw."""


class Take(Word):
    """What a person takes for a field."""

    HERE = "here", "Value here"
    THERE = "there", "Value in Dataverse"
    COMMON = "base", "Last common value"
    VALUE = "value", "Another value"


class Rule(Word):
    """What many fields take at once."""

    NEWEST = "newest", "Newer wins"
    HERE = "here", "Send data update to integration table"
    THERE = "there", "Get data update from integration table"
    COMMON = "base", "Keep the last common value"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose for a field, and the canonical values that both sides had then; text: what they typed."""

    take: Take
    here: Value
    there: Value
    text: str = ""

    def dump(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"take": self.take.value, "here": self.here, "there": self.there, "text": self.text}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Choice":
        """Return the choice that was stored."""
        return cls(Take(stored["take"]), stored["here"], stored["there"], stored.get("text", ""))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a choice is not carried out."""

    sentence: str


def seen(value: ValueOrProblem) -> Value:
    """Return a value as a choice keeps it."""
    return UNKNOWN if isinstance(value, Problem) else value


def typed(field: LocalColumn, text: str) -> Any:
    """Return what a person typed as the local field holds it. Raises ValueError with what is wrong."""
    text = text.strip()
    if field.type == "boolean":
        text = {"yes": "Yes", "true": "Yes", "no": "No", "false": "No"}.get(text.lower(), text)
    if not text and field.required:
        raise ValueError(f"{field.caption} needs a value.")
    if field.max_length is not None and len(text) > field.max_length:
        raise ValueError(f"{field.caption} takes at most {field.max_length} characters; these are {len(text)}.")
    if field.choices and text:
        known = {label.casefold(): value for value, label in field.choices} | {one: one for one, _ in field.choices}
        if (found := known.get(text) or known.get(text.casefold())) is None:
            raise ValueError(f"{field.caption} has no choice {quote(text)}.")
        return found
    try:
        return local_value(field, text.upper() if field.upper_case else text or None)
    except (ValueError, ArithmeticError):
        needed = _NEEDED.get(field.type, "another value")
        raise ValueError(f"{field.caption} needs {needed}, not {quote(text)}.") from None


def pick(
    choice: Choice,
    spec: FieldSpec,
    base: Mapping[str, Value],
    local: ValueOrProblem,
    remote: ValueOrProblem,
    allowed: Direction = Direction.BIDIRECTIONAL,
) -> ConflictOption | Put | Refused:
    """Return what the plan makes of a choice; or why it is not carried out. allowed: which way the job may write."""
    if spec.direction != Direction.BIDIRECTIONAL or allowed != Direction.BIDIRECTIONAL:
        return Refused(
            f"{spec.caption} is not synchronized both ways any more, so the choice was not carried out. Change the "
            "record or the row by hand."
        )
    target = _target(choice, spec, base)
    if isinstance(target, Refused):
        return target
    if target is None and spec.not_null and remote is not None:
        return Refused(
            f"{spec.caption} cannot be made blank in Dataverse, so the choice was not carried out. Choose a value."
        )
    for where, before, now in (("here", choice.here, seen(local)), ("in Dataverse", choice.there, seen(remote))):
        if now not in (before, target):
            return Refused(
                f"{spec.caption} {where} was {_told(before)} when it was chosen and is {_told(now)} now, so the choice "
                "was not carried out. Choose again."
            )
    if choice.take is Take.HERE:
        return ConflictOption.SEND
    return ConflictOption.GET if choice.take is Take.THERE else Put(target)


def _target(choice: Choice, spec: FieldSpec, base: Mapping[str, Value]) -> Value | Refused:
    """Return the value that a choice means for both sides."""
    if choice.take is Take.COMMON:
        if not has_common(base, spec.name):
            return Refused(f"{spec.caption} has no last common value: the two were never alike.")
        return base[spec.name]
    if choice.take is not Take.VALUE:
        return choice.here if choice.take is Take.HERE else choice.there
    try:
        found = canonical_local(spec, typed(spec.field, choice.text)) if spec.field is not None else None
    except ValueError as error:
        return Refused(str(error))
    return Refused(found.user_message) if isinstance(found, Problem) else found


def has_common(base: Mapping[str, Value], name: str) -> bool:
    """Return whether a field has a last common value, which one that could not be transferred is not."""
    return name in base and base[name] != NO_VALUE


def refuse_if_other(choice: Choice, spec: FieldSpec, base: Mapping[str, Value], value: Value) -> Refused | None:
    """Return why a choice is not carried out for a field of which both sides hold this value now; None where it is
    the chosen one.
    """
    target = _target(choice, spec, base)
    if isinstance(target, Refused):
        return target
    if target == value:
        return None
    return Refused(
        f"{spec.caption} became {_told(value)} on both sides after it was chosen, so the choice of {_told(target)} was "
        "not carried out. Change the record if it is to be another value."
    )


def _told(value: Value) -> str:
    return "blank" if value is None else "not valid" if value == UNKNOWN else quote(str(value))


def newer(here_at: datetime | None, there_at: datetime | None) -> Side | None:
    """Return the side that was changed last; None where it is not known, or both were at once: two clocks told it."""
    if here_at is None or there_at is None or abs(here_at - there_at) < _AT_ONCE:
        return None
    return Side.LOCAL if here_at > there_at else Side.INTEGRATION


def changed_there(
    base: Mapping[str, Value], local: Mapping[str, ValueOrProblem], remote: Mapping[str, ValueOrProblem]
) -> set[str]:
    """Return the fields of which the row holds another value than its last common one, or than the record without one.

    Of the row it is known alone when it was changed last: with several of these, not which of them was changed then.
    """
    return {
        name for name, value in remote.items()
        if (NO_VALUE if isinstance(value, Problem) else value) != base.get(name, local.get(name))
    }  # fmt: skip


def take_by_rule(rule: Rule, newest: Side | None, *, has_base: bool) -> Take | None:
    """Return what a field takes by a rule; None where the rule cannot tell."""
    if rule is Rule.COMMON:
        return Take.COMMON if has_base else None
    if rule is Rule.NEWEST:
        return None if newest is None else Take.HERE if newest is Side.LOCAL else Take.THERE
    return Take.HERE if rule is Rule.HERE else Take.THERE
