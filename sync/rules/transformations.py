"""Transformation rules: what a value becomes before it is transferred. No Django, no HTTP.

A rule is a word, NAME or NAME=VALUE, as commands take it and mappings store it; `RULES` says what each does. The rules
of a field are chained in their order. A blank value stays blank, whatever they say, and text comes to them as it is
compared: composed (NFC), trimmed, lines ending in a line feed.

Numbers and dates become text where a rule asks for text. `date` and `number` go both ways: a date becomes text of the
format; text of the format (or of ISO 8601) becomes a date where the destination, or the rule behind it, takes one, and
else is written in the format.

What a rule cannot do with one value is a RuleFailed, a sentence about that value alone.
"""

import math
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from sync.rules.canonical import canonical_text, decimal_text
from sync.rules.formats import DateFormat, NumberFormat
from sync.rules.quotes import quote
from sync.rules.regular_expressions import ending, replacer
from sync.rules.rule_errors import MAX_RESULT, RuleFailed, Unreadable, check_length, out_of_time

Target = Literal["text", "number", "date"]
"""What the destination takes."""
Tables = Mapping[str, Mapping[str, str]]
"""Look-up tables: name -> what a value becomes."""

MAX_RULES = 20
MAX_WORD = 500
"""Characters of the longest rule."""
OTHERS = "*"
"""The row of a look-up table for all values that have none."""

RULES: Mapping[str, tuple[str, str, str]] = {
    "trim": ("Trim", "", "No blanks in front and behind."),
    "upper": ("Upper case", "", "In capitals."),
    "lower": ("Lower case", "", "In small letters."),
    "title": ("Title case", "", "Each word with a capital in front."),
    "alphanumeric": ("Letters and digits only", "", "Without blanks, punctuation and signs."),
    "prefix": ("Prefix", "TEXT", "With the text in front."),
    "suffix": ("Suffix", "TEXT", "With the text behind."),
    "substring": ("Part by position", "START,LENGTH", "So many characters from a position on; the first is 1."),
    "after": ("Part after a text", "TEXT", "What stands behind the text; all where the text is missing."),
    "before": ("Part before a text", "TEXT", "What stands in front of the text; all where the text is missing."),
    "replace": ("Replace", "OLD,NEW", "Each OLD becomes NEW; write \\, for a comma."),
    "regex": (
        "Regular expression", "PATTERN,REPLACEMENT",
        "Each match (RE2) becomes the replacement; \\1 is what the first group found. Write \\, for a comma.",
    ),
    "date": ("Date format", "FORMAT[,CULTURE]", "A date as text, or text as a date: dd.MM.yyyy,de"),
    "number": ("Number format", "FORMAT[,CULTURE]", "A number as text, or text as a number: #,##0.00,de"),
    "table": ("Look-up table", "NAME", "What the table says for the value."),
}  # fmt: skip
"""The rules: name -> caption, what stands behind the equals sign, what the value becomes."""


class BadRule(ValueError):
    """A rule that cannot be used. `message`: what and why; `fix`: what to write instead."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message, self.fix = message, fix


Step = Callable[[Any], Any]


@dataclass(frozen=True)
class Rule:
    """One rule, read: `make` returns what it does, given what follows (the next rule's name, the destination)."""

    word: str
    name: str
    make: Callable[[str, Target], Step]


def _applied(step: "Step", value: Any) -> Any:
    """Return what a rule makes of a value. Raises RuleFailed, also where a format cannot hold the value."""
    try:
        return step(value)
    except (ValueError, TypeError, ArithmeticError):
        raise RuleFailed(f"cannot be applied to {quote(as_text(value))}") from None


@dataclass(frozen=True)
class Chain:
    """The rules of a field in their order, made for one destination."""

    words: tuple[str, ...]
    _steps: tuple[tuple[str, Step], ...] = field(repr=False, compare=False)

    def __call__(self, value: Any) -> Any:
        """Return what a value becomes: text, a Decimal or a date; None for blank. Raises RuleFailed."""
        found = _plain(value)
        for word, step in self._steps:
            if found is None:
                return None
            try:
                found = _applied(step, found)
            except RuleFailed as error:
                raise RuleFailed(f"the rule {quote(word)} {error.why}", error.fix) from None
            if isinstance(found, str):
                if len(found) > MAX_RESULT:
                    raise RuleFailed(f"the rule {quote(word)} makes {len(found):,} characters of it")
                found = found or None
        return found

    def steps(self, value: Any, until: float = math.inf) -> Iterator[tuple[str, Any]]:
        """Yield what a value is after each rule, as (rule, value). Raises RuleFailed where one fails.

        until: when all of it ends at the latest, within a rule too (of time.monotonic).
        """
        found = _plain(value)
        for word, step in self._steps:
            if time.monotonic() > until:
                raise out_of_time()
            with ending(until):
                found = None if found is None else _applied(step, found)
            yield word, (found := None if found == "" else found)


def chain(words: Sequence[str], target: Target = "text", tables: Tables | None = None) -> Chain:
    """Return the rules of these words as one, for a destination. Raises BadRule."""
    rules = parse(words, tables)
    following = [*(rule.name for rule in rules[1:]), ""][: len(rules)]
    steps = tuple((rule.word, rule.make(after, target)) for rule, after in zip(rules, following, strict=True))
    return Chain(tuple(words), steps)


def parse(words: Sequence[str], tables: Tables | None = None) -> list[Rule]:
    """Return the rules of these words. Raises BadRule with a sentence for the first that cannot be used."""
    if len(words) > MAX_RULES:
        raise BadRule(f"{len(words)} rules are more than a field can have.", f"It takes at most {MAX_RULES}.")
    return [parse_rule(word, tables or {}) for word in words]


def parse_rule(word: str, tables: Tables) -> Rule:
    """Return the rule of a word, NAME or NAME=VALUE. Raises BadRule."""
    name, equals, value = word.partition("=")
    name = name.strip().lower()
    if name not in RULES:
        raise BadRule(f"There is no rule {quote(word)}.", f"The rules are {', '.join(map(_usage, RULES))}.")
    if len(word) > MAX_WORD or "\0" in word:
        raise BadRule(f"The rule {quote(word)} is too long.", f"A rule has at most {MAX_WORD} characters.")
    if bool(RULES[name][1]) != bool(equals and value):
        what = "takes no value" if not RULES[name][1] else "needs a value"
        raise BadRule(f"The rule {quote(word)} cannot be read: {name} {what}.", f"Write {_usage(name)}.")
    try:
        make = _MAKERS[name](value, tables)
    except Unreadable as error:
        raise BadRule(f"The rule {quote(word)} cannot be used: it {error}.", f"Write {_usage(name)}.") from None
    return Rule(word, name, make)


def _usage(name: str) -> str:
    value = RULES[name][1]
    return f"{name}={value}" if value else name


def _plain(value: Any) -> Any:
    """Return a value as the first rule takes it: text, a Decimal, a date or a moment; None for blank."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date | Decimal):
        return value
    if isinstance(value, int | float):
        return Decimal(str(value))
    return canonical_text(value)


def as_text(value: Any) -> str:
    """Return a value between two rules as text."""
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, date) else str(value)


# -- text -----------------------------------------------------------------------------------------------------------

_Maker = Callable[[str, Tables], Callable[[str, Target], Step]]


def _on_text(change: Callable[[str], str]) -> Callable[[str, Target], Step]:
    """Return the maker of a rule that changes text, whatever follows."""

    def step(value: Any) -> str:
        return change(as_text(value))

    return lambda _following, _target: step


def _simple(change: Callable[[str], str]) -> _Maker:
    return lambda _value, _tables: _on_text(change)


_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def _title(text: str) -> str:
    return _WORD.sub(lambda found: found[0][0].title() + found[0][1:].lower(), text)


def _alphanumeric(text: str) -> str:
    return "".join(one for one in text if one.isalnum() or unicodedata.category(one).startswith("M"))


def _substring(value: str, _tables: Tables) -> Callable[[str, Target], Step]:
    found = re.fullmatch(r"\s*([0-9]{1,7})\s*,\s*([0-9]{1,7})\s*", value)
    if found is None:
        raise Unreadable("needs a position and a length, both whole numbers")
    start, length = int(found[1]), int(found[2])
    if not start or not length:
        raise Unreadable("names no character: the first has position 1, and the length is at least 1")
    return _on_text(lambda text: text[start - 1 : start - 1 + length])


def _after(value: str, _tables: Tables) -> Callable[[str, Target], Step]:
    wanted = unicodedata.normalize("NFC", value)

    def change(text: str) -> str:
        _, found, behind = text.partition(wanted)
        return behind if found else text

    return _on_text(change)


def _before(value: str, _tables: Tables) -> Callable[[str, Target], Step]:
    wanted = unicodedata.normalize("NFC", value)
    return _on_text(lambda text: text.partition(wanted)[0])


def _replace(value: str, _tables: Tables) -> Callable[[str, Target], Step]:
    found = re.fullmatch(r"((?:[^\\,]|\\.|\\$)+),(.*)", value, re.DOTALL)
    if found is None:
        raise Unreadable("needs a comma behind the text to replace (replace=-, takes every hyphen out)")
    old, new = (re.sub(r"\\([,\\])", r"\1", unicodedata.normalize("NFC", part)) for part in found.groups())

    def change(text: str) -> str:
        check_length(len(text) + text.count(old) * (len(new) - len(old)))
        return text.replace(old, new)

    return _on_text(change)


# -- dates, numbers, tables -----------------------------------------------------------------------------------------


class _Format(Protocol):
    """A format of dates or numbers: what it writes and reads is of the same kind."""

    def write(self, value: Any) -> str: ...
    def read(self, text: str) -> Any: ...


def _formatted(name: str, kind: type, parse_format: Callable[[str], _Format]) -> _Maker:
    """Return what makes the rule of this name of a format: date or number.

    A value is written by the format; behind another rule of the same name it is read by it instead, and so is a text
    that goes to a field of that kind.
    """

    def maker(value: str, _tables: Tables) -> Callable[[str, Target], Step]:
        pattern = parse_format(value)

        def read(given: Any) -> Any:
            found = given if isinstance(given, kind) else pattern.read(as_text(given))
            if found is None:
                raise RuleFailed(f"cannot read {quote(as_text(given))} as a {name}")
            return found

        def make(following: str, target: Target) -> Step:
            if (not following and target == name) or following == name:
                return lambda given: read(given) if isinstance(given, str) or not following else pattern.write(given)
            return lambda given: pattern.write(read(given))

        return make

    return maker


def _table(value: str, tables: Tables) -> Callable[[str, Target], Step]:
    rows = tables.get(value)
    if rows is None:
        known = ", ".join(sorted(tables)) or "none yet"
        raise Unreadable(f"names the look-up table {quote(value)}, which there is not (there is {known})")
    exact = {canonical_text(one) or "": new for one, new in rows.items()}
    folded = {one.casefold(): new for one, new in exact.items()}

    def change(text: str) -> str:
        for found in (exact.get(text), folded.get(text.casefold()), exact.get(OTHERS)):
            if found is not None:
                return found
        raise RuleFailed(f"has no row for {quote(text)}", f"Add the value to the look-up table {value}, or correct it.")

    return _on_text(change)


_MAKERS: Mapping[str, _Maker] = {
    "trim": _simple(str.strip),
    "upper": _simple(str.upper),
    "lower": _simple(str.lower),
    "title": _simple(_title),
    "alphanumeric": _simple(_alphanumeric),
    "prefix": lambda value, _: _on_text(lambda text: value + text),
    "suffix": lambda value, _: _on_text(lambda text: text + value),
    "substring": _substring,
    "after": _after,
    "before": _before,
    "replace": _replace,
    "regex": lambda value, _: _on_text(replacer(unicodedata.normalize("NFC", value))),
    "date": _formatted("date", date, DateFormat.parse),
    "number": _formatted("number", Decimal, NumberFormat.parse),
    "table": _table,
}
