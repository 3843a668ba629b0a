"""Canonical forms, as tables of what is equal and what is not."""

from datetime import UTC, date, datetime
from decimal import Decimal

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import CompareAs
from coupling.matching.compare import blank, canonical_column, join_keys
from coupling.matching.countries import region_of
from coupling.matching.phones import phone, phones
from coupling.rows import Criterion


def canonical(value, compare_as, country="US"):
    return canonical_column(Criterion("a", "a", compare_as=compare_as), country)([value])[0]


@pytest.mark.parametrize(
    ("one", "other", "country", "equal"),
    [
        ("+1 (425) 555-0100", "425.555.0100", "US", True),
        ("1-425-555-0100", "4255550100", "US", True),
        ("011 44 20 7946 0000", "+44 20 7946 0000", "US", True),
        ("030 1234567", "+49 30 1234567", "DE", True),
        ("+49 (0)30 1234567", "0049 30 1234567", "DE", True),
        ("030 1234567", "+49 30 1234567", "AT", False),
        ("06 1234 5678", "+39 06 12345678", "IT", True),
        ("8 495 123-45-67", "+7 495 1234567", "RU", True),
        ("425 555 0100 ext. 12", "+1 425 555 0100 x12", "US", True),
        ("425 555 0100", "425 555 0100 x12", "US", False),
        ("555-0100", "5550100", "", True),
        ("+1 555 0100", "555 0100", "", False),
        ("\u0660\u0661\u0662\u0663\u0664\u0665\u0666", "012 3456", "", True),
        ("(0)89 1234567", "+49 89 1234567", "DE", True),
        ("06 1 234 5678", "+36 1 234 5678", "HU", True),
        ("0049 30 1234567", "+49 30 1234567", "US", True),
        ("0049 30 1234567", "+49 30 1234567", "", True),
        ("0011 44 20 7946 0000", "+44 20 7946 0000", "AU", True),
        ("tel:+45-33-12-34-61", "33 12 34 61", "DK", True),
        ("\u202a33123461\u202c", "+45 33123461", "DK", True),
        ("call Anna", "call Anna 5", "US", False),
        ("\u200e33\u200b123461", "+45 33123461", "DK", True),
        ("45 33 12 34 61", "33123461", "DK", True),
        ("33123461 lok. 12", "+45 33 12 34 61 x12", "DK", True),
        ("089 123456 Durchwahl 22", "+49 89 123456 ext. 22", "DE", True),
        ("tel:+4533123461;ext=12", "33123461 #12", "DK", True),
        ("33123461 (mobile)", "33123461", "DK", True),
        ("1-800-FLOWERS", "1-800-356-9377", "US", True),
    ],
)
def test_phone_numbers(one, other, country, equal):
    assert (canonical(one, CompareAs.PHONE, country) == canonical(other, CompareAs.PHONE, country)) is equal


@pytest.mark.parametrize("country", ["", "DE", "US", "HU"])
@pytest.mark.parametrize("placeholder", ["0", "-", "n/a", "none", ".", "000 000"])
def test_a_placeholder_is_no_phone_number(placeholder, country):
    assert phone(placeholder, country) == ""
    assert canonical(placeholder, CompareAs.PHONE, country) == ""


PHONE_NO, E_MAIL, NAME = ("phone_no", "telephone1"), ("e_mail", "emailaddress1"), ("name", "name")


@pytest.mark.parametrize("compare_as", [CompareAs.TEXT, CompareAs.PHONE, CompareAs.EMAIL, CompareAs.COMPANY_NAME])
@pytest.mark.parametrize(
    ("pair", "value", "is_blank"),
    [
        *[
            (PHONE_NO, value, True)
            for value in ("-", "n/a", "none", ".", "0", "000 00", "--", "\u200b", "unknown", "?")
        ],
        *[(E_MAIL, value, True) for value in ("-", "n/a", "None", ".", "@", "no mail", "N.A.")],
        *[(NAME, value, True) for value in ("-", "n/a", "NONE", ".", "(none)", "N.A.", "unknown", "…", "—", "<none>")],
        *[(("description", "name"), value, True) for value in ("-", "tbd")],
        (PHONE_NO, "33 12 34 61", False),
        (PHONE_NO, "1", False),
        (E_MAIL, "jo@example.com", False),
        *[(NAME, value, False) for value in ("0", "3M", "Nonesuch", "No. 1 Bakery", "X", "-Adatum-", "Na Zdraví")],
        *[(("city", "address1_city"), value, False) for value in ("-", "none", "0")],
        *[(("no", "accountnumber"), value, False) for value in ("0", "-")],
    ],
)
def test_a_placeholder_counts_as_blank_however_it_is_compared(pair, value, is_blank, compare_as):
    stated = {CompareAs.PHONE: PHONE_NO, CompareAs.EMAIL: E_MAIL, CompareAs.COMPANY_NAME: NAME}
    if stated.get(compare_as, pair) != pair:
        return  # nobody compares a name as a phone number
    assert blank(Criterion(*pair, compare_as=compare_as), value) is is_blank
    exact = Criterion(*pair, case_sensitive=True, compare_as=compare_as)
    assert canonical_column(exact)([value, value.upper()]).count("") == 2 * is_blank


@pytest.mark.parametrize("compare_as", [*CompareAs])
def test_zero_is_no_phone_number_and_a_dash_no_address_whatever_they_are_compared_as(compare_as):
    assert blank(Criterion(*PHONE_NO, compare_as=compare_as), "0")
    assert blank(Criterion(*E_MAIL, compare_as=compare_as), "-")
    assert blank(Criterion(*E_MAIL, compare_as=compare_as), "0")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("+45 33 12 34 61 / +45 33 12 34 62", ("4533123461", "4533123462")),
        ("33123461, 33123462; 33123463, 33123464", ("4533123461", "4533123462", "4533123463")),
        ("33123461 eller tel:33123462", ("4533123461", "4533123462")),
        ("33 12 34 61 lok. 12 / 33 12 34 62", ("4533123461x12", "4533123462")),
        ("+45 33123461;ext=12", ("4533123461x12",)),
        ("33123461 / +45 33123461", ("4533123461",)),
        ("+49 30 / 1234567", ("49301234567",)),
        ("+49 4101/1234567", ("4941011234567",)),
        ("n/a / -", ()),
    ],
)
def test_a_field_may_hold_several_phone_numbers(value, found):
    assert phones(value, "DK") == found


@pytest.mark.parametrize(
    ("value", "own", "company", "text"),
    [
        ("030 1234567", "DE", "US", "49301234567"),
        ("030 1234567", "Deutschland", "US", "49301234567"),
        ("030 1234567", "Germany", "", "49301234567"),
        ("(425) 555-0100", "FR", "US", "14255550100"),
        ("020 7946 0000", "U.K.", "DE", "442079460000"),
        ("+1 425 555 0100", "DE", "DE", "14255550100"),
        ("(425) 555-0100", "nowhere", "US", "14255550100"),
        ("(425) 555-0100", None, "US", "14255550100"),
    ],
)
def test_a_phone_number_is_read_with_its_record_s_country_then_with_the_company_s(value, own, company, text):
    assert canonical_column(Criterion("a", "a", compare_as=CompareAs.PHONE), company)([value], [own]) == [text]


@pytest.mark.parametrize("code", sorted(phonenumbers.SUPPORTED_REGIONS - {"AC", "TA", "XK"}))
def test_every_country_with_phone_numbers_is_known_by_its_code(code):
    assert region_of(code.lower()) == code


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Jo@Example.com", "jo@example.com ", True),
        ("Jo Ann <jo@example.com>", "jo@example.com", True),
        ("mailto:jo@example.com", "jo@example.com", True),
        ("jo@example.com", "jo@example.org", False),
    ],
)
def test_mail_addresses(one, other, equal):
    assert (canonical(one, CompareAs.EMAIL) == canonical(other, CompareAs.EMAIL)) is equal


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Fabrikam, Inc.", "FABRIKAM", True),
        ("Adatum GmbH & Co. KG", "adatum g.m.b.h.", True),
        ("Smith & Sons", "Smith and Sons Ltd", True),
        ("O'Neil Shipping", "ONEIL SHIPPING LLC", True),
        ("Contoso-Retail", "Contoso Retail", True),
        ("Contoso A/S", "Contoso I/S", True),
        ("Contoso S. A.", "Contoso Sp. z o.o.", True),
        ("Contoso S. de R.L. de C.V.", "Contoso", True),
        ("Plan B", "Plan", False),
        ("Inc.", "Ltd.", False),
        ("Contoso North", "Contoso South", False),
        ("Café Crème SARL", "CAFE\u0301 CRÈME", True),
    ],
)
def test_company_names(one, other, equal):
    assert (canonical(one, CompareAs.COMPANY_NAME) == canonical(other, CompareAs.COMPANY_NAME)) is equal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"), (5.0, "5"), (Decimal("5.00"), "5"), ("5,00", "5"), ("1,234.50", "1234.5"), ("1.234,50", "1234.5"),
        ("1 234,5", "1234.5"), ("-0", "0"), (0, "0"), (1e21, "1000000000000000000000"), ("+7", "7"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert canonical(value, CompareAs.NUMBER) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 23, 30, tzinfo=UTC), "2024-02-29"),
        ("2024-02-29T23:30:00Z", "2024-02-29"),
        ("2024-02-29", "2024-02-29"),
    ],
)
def test_dates(value, text):
    assert canonical(value, CompareAs.DATE) == text


@pytest.mark.parametrize("compare_as", list(CompareAs))
@pytest.mark.parametrize("blank", [None, "", "  ", "\t"])
def test_a_blank_is_blank_however_it_is_compared(compare_as, blank):
    assert canonical(blank, compare_as) == ""


@given(st.lists(st.one_of(st.none(), st.text(max_size=5), st.integers(), st.booleans()), max_size=10))
def test_a_column_is_what_its_values_are_one_by_one(values):
    for case_sensitive in (False, True):
        make = canonical_column(Criterion("a", "a", case_sensitive=case_sensitive))
        assert make(values) == [make([value])[0] for value in values]


part = st.text(alphabet="ab\x00\x01\x02", max_size=3)


@given(st.tuples(part, part), st.tuples(part, part))
def test_different_parts_give_different_keys(one, other):
    make = canonical_column(Criterion("a", "a", case_sensitive=True))
    key = [join_keys([make([first]), make([second])])[0] for first, second in (one, other)]
    assert (key[0] == key[1]) == (one == other)
