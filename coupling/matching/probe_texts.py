"""Filters that find every row whose text compares equal to a record's, however it is written. No Django.

They find few others. What they find is compared exactly afterwards (coupling.matching.compare has the rules).
"""

from functools import cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata

from coupling.matching import compare
from coupling.matching.countries import region_of
from coupling.matching.legal_forms import JOINED
from coupling.matching.phones import phones
from coupling.matching.spellings import digits_pattern, fold, joined_patterns, pattern_of
from dataverse import odata

_FEW = 4
"""Letters from which on the beginning of a text is as good as the whole."""
_FEW_OF_NAME = _FEW_OTHERS = 3
_AND = "and"
_DIGITS, _DIGITS_OF_LOCAL, _FEWEST_DIGITS = 8, 6, 5
"""The last digits of a number that it is asked for by; of one that may be written without its region's; of any."""
_INSIDE_WORD = f"[{JOINED}][^- ,;)]"
"""A sign that does not part words, with more of the word behind it."""


def text(column: str, value: str) -> str | None:
    """Return the filter for a text that is compared as such; None where nothing can be said of it, or too little."""
    pattern = pattern_of(fold(value).strip())
    if pattern is None or (pattern.letters < _FEW_OTHERS and not value.isascii()):
        return None  # most texts in another script begin with what is no plain letter
    return pattern.beginning(column, few=_FEW)


def email(column: str, value: str) -> str | None:
    """Return the filter for a mail address, which may stand behind a name or "mailto:"."""
    address = compare.email(value)
    pattern = pattern_of(address) if address else None
    return pattern.inside(column) if pattern is not None else text(column, value)


def company_name(column: str, value: str) -> str | None:
    """Return the filter for a company's name, whatever its legal form; "and" is also written as a sign."""
    canonical = compare.company_name(value).split()
    words = [word for word in canonical if word != _AND]
    whole, letters = joined_patterns(words), joined_patterns(words, apart=True)
    if whole is None or letters is None:
        return None if canonical else text(column, value)
    if whole.letters < _FEW_OTHERS and not "".join(words).isascii():
        return None
    return odata.any_of(
        whole.beginning(column, few=_FEW_OF_NAME, more_behind=True),
        whole.beginning(column, few=0, before=f"{_AND}%") if canonical[0] == _AND else "",
        odata.all_of(odata.contains(column, _INSIDE_WORD), letters.inside(column)),
    )


def phone(column: str, value: str, country: Any, own_country: str) -> str | None:
    """Return the filter for the phone numbers of a field: by their last digits, whatever is written between them.

    None for a number so short that most rows would be found.
    """
    numbers = phones(value, region_of(country) if country else "", own_country.upper())
    if not numbers:
        return text(column, value)
    tails = dict.fromkeys(_tail(number) for number in numbers)
    if min(map(len, tails)) < _FEWEST_DIGITS:
        return None
    return odata.any_of(*(odata.contains(column, digits_pattern(tail)) for tail in tails))


def _tail(number: str) -> str:
    """Return the last digits of a number, which are written in every spelling: no calling code is among them."""
    digits = number.partition("x")[0]
    for length in (1, 2, 3):
        if (code := int(digits[:length])) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            national = digits[length:]
            return national[-(_DIGITS_OF_LOCAL if national.startswith(put_in_front(code)) else _DIGITS) :]
    return digits[-_DIGITS:]


@cache
def put_in_front(code: int) -> tuple[str, ...]:
    """Return the digits that the countries of a calling code put in front of numbers written as in their own region."""
    known = [
        PhoneMetadata.metadata_for_region(region, None) for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
    ]
    rules = [one.national_prefix_transform_rule or "" for one in known if one is not None]
    return tuple(digits for rule in rules if (digits := rule.partition("\\")[0]))
