"""Few records are looked up by filters: they find every row that comparing all rows would, and hardly another."""

import re
import unicodedata

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata

from core.vocabulary import CompareAs
from coupling.matching import read_plan, spellings
from coupling.matching.compare import canonical_column
from coupling.matching.match import group_by_priority
from coupling.matching.read_plan import Countries
from coupling.rows import Criterion
from tests.coupling.matching.filter_text import finds

COUNTRY = "GB"


def asked(value: str, how: CompareAs = CompareAs.TEXT) -> str | None:
    """Return the filter for a record, None where all rows are to be read."""
    groups = group_by_priority([Criterion("f", "c", compare_as=how)])
    found = read_plan.probe_filters(groups, [{"f": value}], {"c": "String"}, Countries("", COUNTRY))
    assert found is None or len(found) == 1
    return found[0] if found else None


def same(one: str, other: str, how: CompareAs) -> bool:
    """Whether the matcher takes the two for the same."""
    read = canonical_column(Criterion("f", "c", compare_as=how), COUNTRY)
    return read([one]) == read([other]) != [""]


def is_found(mine: str, theirs: str, how: CompareAs = CompareAs.TEXT) -> bool:
    text = asked(mine, how)
    return text is None or finds(text, {"c": theirs})


@pytest.mark.parametrize(
    ("how", "mine", "theirs"),
    [
        ("text", "Adatum", "\u3000ADATUM\t"),
        ("text", "Straße", "STRASSE"),
        ("text", "José", "JOSE\u0301"),
        ("text", "Kelvin", "\u212aelvin"),
        ("text", "50%_[a]", "50%_[A]"),
        ("text", "株式会社", " 株式会社"),
        ("text", "한국인", "\u1112\u1161\u11ab\u1100\u116e\u11a8인"),
        ("text", "AB", "ab "),
        ("email", "ada@contoso.example", "Ada Burns < mailto:ADA@Contoso.example >"),
        ("company_name", "Fabrikam Inc", "FABRIKAM, Inc."),
        ("company_name", "HP", "H.P., Inc."),
        ("company_name", "O'Neil and Sons", "oneil & sons ltd."),
        ("company_name", "Smith + Co", "Smith and Co."),
        ("company_name", "AND Digital", "& Digital Ltd."),
        ("company_name", "AND Digital", "and digital"),
        ("text", "Adebay\u00f2\u0323", "ADEBAY\u1ecd\u0300"),
        ("text", "First", "\ufb01r\ufb06"),
        ("phone", "0121 496 0000", "+44 (0)121 / 4960000"),
        ("phone", "0121 496 0000 ext. 12", "+441214960000x12"),
        ("phone", "0121 496 0000", "0121 496 0001; 0121-496-0000"),
        ("phone", "0121 496 0000", "\u0660\u0661\u0662\u0661 \u0664\u0669\u0666 \u0660\u0660\u0660\u0660"),
        ("phone", "+1 800 356 9377", "+1 800 FLOWERS"),
    ],
)  # fmt: skip
def test_it_is_found_however_it_is_written(how: str, mine: str, theirs: str) -> None:
    assert same(mine, theirs, CompareAs(how)) or "; " in theirs
    assert asked(mine, CompareAs(how)) and asked(theirs, CompareAs(how))
    assert is_found(mine, theirs, CompareAs(how)) and is_found(theirs, mine, CompareAs(how))


@pytest.mark.parametrize(
    ("country", "mine", "theirs"),
    [("AR", "+54 9 11 2345 6789", "011 15-2345-6789"), ("SM", "+378 0549 886377", "886377"), ("DE", "110", "1-1-0")],
)
def test_a_number_is_found_as_it_is_written_at_home(monkeypatch, country: str, mine: str, theirs: str) -> None:
    monkeypatch.setattr(f"{__name__}.COUNTRY", country)
    assert same(mine, theirs, CompareAs.PHONE)
    assert is_found(mine, theirs, CompareAs.PHONE) and is_found(theirs, mine, CompareAs.PHONE)


@pytest.mark.parametrize(
    ("how", "mine", "others"),
    [
        ("text", "Adatum", ["Adventure Works", "The Adatum", "Contoso Adatum"]),
        ("text", "AB", ["ABC", "Volvo AB", "AB Volvo"]),
        ("text", "Staff", ["Adam", "Stall", "A fast one"]),
        ("company_name", "First Ltd", ["R.E.M. Inc.", "Thirst"]),
        ("company_name", "HP", ["Hope Ltd.", "The HP Store", "Ship it, Inc."]),
        ("company_name", "Fabrikam", ["Contoso, Inc.", "A. Datum Corp."]),
        ("phone", "0121 496 0000", ["0121 496 0001", "+44 20 7946 0000"]),
    ],
)
def test_others_are_not(how: str, mine: str, others: list[str]) -> None:
    for other in others:
        assert not is_found(mine, other, CompareAs(how)), other


LETTERS = "abkstfl \u0323\u0300AßÉe\u0301é\ufb01ſ\u212aǰİ&+.'’,-%_[]^9２\t\u00a0\u3000한"
SIGNS = st.text(alphabet=LETTERS, max_size=9)
FORMS = st.sampled_from([
    str, str.upper, str.lower, lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFC", text), lambda text: f"\u2003{text} ",
    lambda text: text.replace("ss", "ß"),
    lambda text: text.replace("st", "\ufb06"), lambda text: ".".join(text), lambda text: text.replace("&", " and "),
    lambda text: f"({text}) Ltd.", lambda text: f"Ada <{text}>", lambda text: f"And {text}", lambda text: f"& {text}",
    lambda text: f"{text} Ltd",
])  # fmt: skip


@settings(max_examples=600)
@given(
    mine=SIGNS, other=SIGNS, forms=st.lists(FORMS, max_size=3), how=st.sampled_from(["text", "email", "company_name"])
)
def test_whatever_a_scan_would_match_a_probe_finds(mine, other, forms, how):
    theirs = mine if forms else other
    for form in forms:
        theirs = form(theirs)
    if how == "email":
        mine, theirs = f"{mine}@b.example", f"{theirs}@b.example"
    if same(mine, theirs, CompareAs(how)):
        assert is_found(mine, theirs, CompareAs(how))
        assert is_found(theirs, mine, CompareAs(how))


DIGITS = st.text(alphabet="0123456789 -/().+x;２٣aF\u200b", min_size=3, max_size=18)


@settings(max_examples=400)
@given(mine=DIGITS, theirs=DIGITS, between=st.sampled_from(["", " ", "-", ". ", "\u00a0"]))
def test_whatever_a_scan_would_match_of_phones_a_probe_finds(mine, theirs, between):
    for one in (theirs, between.join(mine), f"{mine} (mobile)", f"+44{mine.lstrip('0 ')}"):
        if same(mine, one, CompareAs.PHONE):
            assert is_found(mine, one, CompareAs.PHONE), one
            assert is_found(one, mine, CompareAs.PHONE), one


def test_every_character_is_found_in_every_form_that_compares_equal():
    for code in range(0x110000):
        sign = chr(code)
        if unicodedata.category(sign) == "Cs" or (0xAC00 <= code < 0xD7A4 and code % 97):
            continue
        forms = {unicodedata.normalize("NFD", sign), unicodedata.normalize("NFC", sign), sign.upper(), sign.lower(),
                 sign.casefold()} - {sign}  # fmt: skip
        for form in forms | ({sign} if sign.isspace() or code < 0x250 else set()):
            mine, theirs = f"ab{sign}cd", f"{form.join(('ab', 'cd'))}"
            if same(mine, theirs, CompareAs.TEXT):
                assert is_found(mine, theirs) and is_found(theirs, mine), hex(code)


def test_no_letter_behind_the_ones_looked_at_becomes_another():
    beyond = range(spellings._PLANES, 0x110000)
    assert all(spellings.fold(chr(code)) == chr(code) for code in beyond)


def test_digits_that_a_country_puts_in_front_stand_before_all_that_is_written():
    """A number is asked for by its last digits."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        found = PhoneMetadata.metadata_for_region(region, None)
        rule = found.national_prefix_transform_rule if found is not None else None
        assert not rule or re.fullmatch(r"\d*(\\[12])+", rule), (region, rule)
