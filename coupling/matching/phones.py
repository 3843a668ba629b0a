"""Phone numbers in canonical form, by the phonenumbers library. No Django."""

import re
from collections.abc import Iterable

import phonenumbers
from phonenumbers import NumberParseException

from coupling.matching.placeholders import visible

MAX_NUMBERS = 3
"""Numbers of one field that are told apart."""

_INTERNATIONAL = re.compile(r"\s*\+[0-9 ().\-/\u00a0]*")
_NO_DIGITS = re.compile(r"\D+")
_UNREADABLE = frozenset({NumberParseException.INVALID_COUNTRY_CODE, NumberParseException.TOO_LONG})
"""Of digits, but no number of any country asked for."""
_SEPARATORS = re.compile(r"(\s+/+\s+|[;,|\n\r]+|\s+(?:or|and|oder|und|ou|et|og|eller|och|o|y|e|of|en|lub|&)\s+)", re.I)
_WHOLE = 7
"""Digits from which on a part of a field is a number of its own, not an area code or an extension."""
_EXTENSION = re.compile(
    r"[\s,;(]*\b(?:lok(?:al)?|durchwahl|dw|app(?:arat)?|nst|klapa|klapka|wew|linka|poste|toestel|tst|anknytning|ankn|"
    r"interno|ramal|mellék|loc)\.?\s*:?\s*(\d{1,6})\)?\s*$",
    re.I,
)
"""Words for an extension that the library does not know."""
_REMARK = re.compile(r"\([^()\d]*[^\W\d_][^()\d]*\)")
"""A remark in brackets, which has no digits: "(mobile)"; letters would be read as keys of a phone."""


def phone(value: str, *regions: str) -> str:
    """Return the first number of a field in canonical form; "" where there is none. See phones."""
    return next(iter(phones(value, *regions)), "")


def holds_several(value: str) -> bool:
    """Return whether a field may hold more than one number."""
    return _SEPARATORS.search(value) is not None


def phones(value: str, *regions: str) -> tuple[str, ...]:
    """Return the numbers of a field with their countries' calling codes in front, digits only; none for a placeholder.

    regions (ISO 3166, "" for none): the countries that a number without a prefix may belong to; the first one counts
    where it is valid there. Without any, such a number equals only those written with the same digits. An extension
    ("ext. 12", "x12") stays part of the number.
    """
    value = visible(value)
    found = (_canonical(part, regions) for part in (_parts(value) if holds_several(value) else (value,)))
    return tuple(dict.fromkeys(filter(None, found)))[:MAX_NUMBERS]


def _parts(value: str) -> Iterable[str]:
    """Return the parts of a field that are numbers of their own; what is too short for one stays with its neighbor."""
    parts: list[str] = []
    pieces = _SEPARATORS.split(value)
    for piece, separator in zip(pieces[::2], ["", *pieces[1::2]], strict=True):
        whole = len(_NO_DIGITS.sub("", piece)) >= _WHOLE
        if parts and not (whole and len(_NO_DIGITS.sub("", parts[-1])) >= _WHOLE):
            parts[-1] += separator + piece
        else:
            parts.append(piece)
    return parts


def _canonical(value: str, regions: tuple[str, ...]) -> str:
    digits = _NO_DIGITS.sub("", value)
    if not digits.strip("0"):
        return ""  # "0", "-", "n/a"
    if _INTERNATIONAL.fullmatch(value) and "(0)" not in value:
        return digits  # needs no parsing, which takes eight times as long
    value = _EXTENSION.sub(r" ext. \1", _REMARK.sub(" ", value))
    asked = list(dict.fromkeys(filter(None, regions))) or [""]
    abroad = value.lstrip().startswith("00")
    first: str | None = None
    for region in asked:
        found, valid = _parsed(value, region, check=abroad or len(asked) > 1)
        if valid:
            return found
        first = found if first is None else first
    # 00 stands before a foreign number in most countries; where it does not, no number begins with it.
    found, valid = _parsed("+" + value.lstrip()[2:], "", check=True) if abroad else ("", False)
    return found if valid else first or ""


def _parsed(value: str, region: str, *, check: bool) -> tuple[str, bool]:
    """Return the canonical number, and whether it is valid in its country (where that is to be checked)."""
    try:
        number = phonenumbers.parse(value, region or None)
    except NumberParseException as error:
        readable = error.error_type in _UNREADABLE
        return phonenumbers.normalize_digits_only(value) if readable else "", not check
    extension = f"x{number.extension}" if number.extension else ""
    found = f"{number.country_code}{phonenumbers.national_significant_number(number)}{extension}"
    return found, not check or phonenumbers.is_valid_number(number)
