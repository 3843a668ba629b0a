"""Dates and numbers as text of a format and a culture, both ways (Babel knows the cultures). No Django, no HTTP.

Formats are written as Unicode (LDML) and .NET write them: dd.MM.yyyy, HH:mm, #,##0.00.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property

from babel import Locale, UnknownLocaleError, dates, numbers

from sync.rules.rule_errors import Unreadable

DEFAULT_CULTURE = "en"
_DATE_LETTERS = frozenset("yMLdHhmsaE")
_CULTURE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_MAX_LENGTH = 100
"""Characters of the longest text that is read as a date or a number."""
_PIVOT = 50
"""Years of two digits below it are of this century, the others of the last, as .NET reads them."""


def split_culture(words: str, letters: frozenset[str] = frozenset()) -> tuple[str, Locale]:
    """Return FORMAT and the culture of FORMAT[,CULTURE]; a format may hold commas itself. Raises Unreadable.

    letters: those a format is made of; what consists of them alone is no misspelled culture.
    """
    pattern, comma, word = words.rpartition(",")
    word = word.strip()
    if not comma or not pattern or not _CULTURE.fullmatch(word):
        return words, Locale.parse(DEFAULT_CULTURE)
    try:
        return pattern, Locale.parse(word.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        if set(word) <= letters:
            return words, Locale.parse(DEFAULT_CULTURE)
        raise Unreadable(f"names the culture {word}, which is not known; write one as de, de-DE or en-US") from None


@dataclass(frozen=True)
class DateFormat:
    """A format of dates and times in a culture."""

    pattern: str
    culture: Locale

    @classmethod
    def parse(cls, words: str) -> "DateFormat":
        """Return the format of FORMAT[,CULTURE]. Raises Unreadable."""
        pattern, culture = split_culture(words, _DATE_LETTERS)
        unquoted = re.sub(r"'[^']*'", "", pattern)
        unknown = sorted({letter for letter in unquoted if letter.isalpha()} - _DATE_LETTERS)
        if unknown:
            raise Unreadable(
                f"uses {', '.join(unknown)}; a date is written with y, M, d, H, h, m, s, a and E, "
                "and other letters in single quotation marks"
            )
        if not set(unquoted) & _DATE_LETTERS:
            raise Unreadable("names no part of a date; write one as dd.MM.yyyy")
        found = cls(pattern, culture)
        try:
            dates.parse_pattern(pattern)
            _ = found._reader
        except (ValueError, re.error):
            raise Unreadable(
                "has a part of a length that there is not; write one as dd.MM.yyyy, or EEEE for the day of the week"
            ) from None
        return found

    def write(self, value: date) -> str:
        """Return a date, or a moment in UTC, as text."""
        moment = value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)
        return dates.format_datetime(moment, self.pattern, tzinfo=UTC, locale=self.culture)

    def read(self, text: str) -> date | None:
        """Return the date that a text of this format, or of ISO 8601, stands for; a datetime where it has a time.

        None where the text is neither.
        """
        if len(text) > _MAX_LENGTH:
            return None
        found = self._reader.fullmatch(" ".join(text.split()).casefold())
        try:
            return self._date(found.groupdict()) if found is not None else read_iso(text)
        except ValueError:
            return None

    def _date(self, parts: Mapping[str, str]) -> date:
        """Return the date of a match's parts. Raises ValueError."""
        day = date(self._year(parts["y"]), self._month(parts.get("M")), int(parts.get("d") or 1))
        hour = int(parts.get("H") or 0)
        if (half := parts.get("h")) is not None:
            hour = int(half) % 12 + (12 if parts.get("a") == self._afternoon else 0)
        if not parts.keys() & {"H", "h"}:
            return day
        return datetime.combine(day, time(hour, int(parts.get("m") or 0), int(parts.get("s") or 0)), UTC)

    @staticmethod
    def _year(digits: str) -> int:
        year = int(digits)
        return year if len(digits) > 2 else year + (2000 if year < _PIVOT else 1900)

    def _month(self, word: str | None) -> int:
        if word is None:
            return 1
        return int(word) if word.isdigit() else self._months[word]

    @cached_property
    def _months(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                names = dates.get_month_names(width, context, self.culture)
                found |= {_folded(name): number for number, name in names.items()}
        return found

    @cached_property
    def _afternoon(self) -> str:
        return _folded(dates.get_period_names("abbreviated", "format", self.culture).get("pm", "pm"))

    @cached_property
    def _reader(self) -> "re.Pattern[str]":
        """A pattern for texts of this format; every repetition in it has an end, so that it never runs long."""
        parts: list[str] = []
        named: set[str] = set()
        for kind, token in dates.tokenize_pattern(self.pattern):
            if kind == "chars" or isinstance(token, str):
                parts.append(re.escape(" ".join(f"x{token}x".split())[1:-1].casefold()))
                continue
            letter, width = token
            name = "M" if letter == "L" else str(letter)
            parts.append(self._part(name, int(width), named))
            named.add(name)
        return re.compile("".join(parts) if "y" in named else r"(?!)")

    def _part(self, name: str, width: int, named: set[str]) -> str:
        """Return the pattern of one part of a date."""
        if name == "E":
            return r"[^\W\d_]{1,30}\.?"
        if name in named:
            return f"(?P={name})"
        if name == "a":
            period = dates.get_period_names("abbreviated", "format", self.culture)
            words = sorted({_folded(period.get(one, one)) for one in ("am", "pm")})
            return f"(?P<a>{'|'.join(map(re.escape, words))})"
        if name == "M" and width > 2:
            months = sorted(self._months, key=len, reverse=True)
            return f"(?P<M>{'|'.join(map(re.escape, months))})"
        if name == "y":
            return r"(?P<y>[0-9]{2})" if width == 2 else r"(?P<y>[0-9]{4})"
        return rf"(?P<{name}>[0-9]{{1,2}})"


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def read_iso(text: str) -> date | None:
    """Return the date or the moment (UTC) of ISO 8601 text, None where it is none."""
    word = text.strip()
    try:
        if len(word) == 10:
            return date.fromisoformat(word)
        moment = datetime.fromisoformat(word) if "-" in word and ":" in word else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True)
class NumberFormat:
    """A format of numbers in a culture."""

    pattern: str
    culture: Locale

    @classmethod
    def parse(cls, words: str) -> "NumberFormat":
        """Return the format of FORMAT[,CULTURE]. Raises Unreadable."""
        pattern, culture = split_culture(words)
        try:
            numbers.parse_pattern(pattern)
        except (ValueError, IndexError):
            raise Unreadable("is not a format of numbers; write one as #,##0.00") from None
        if not set(pattern) & set("0#"):
            raise Unreadable("is not a format of numbers; write one as #,##0.00")
        return cls(pattern, culture)

    def write(self, value: Decimal) -> str:
        """Return a number as text."""
        return str(numbers.format_decimal(value, self.pattern, self.culture))

    def read(self, text: str) -> Decimal | None:
        """Return the number that a text of the culture stands for, or one with a decimal point; None for others."""
        word = text.strip()
        if len(word) > _MAX_LENGTH or any(letter.isalpha() for letter in word):  # "NaN", "1e5"
            return None
        try:
            return numbers.parse_decimal(word, self.culture, strict=True)
        except numbers.NumberFormatError:
            return Decimal(word) if _PLAIN_NUMBER.fullmatch(word) else None
