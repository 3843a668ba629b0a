"""Canonical values at their edges, and what a decided matching answers by position."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from coupling.matching import compare, phones
from coupling.matching.match import Matcher, group_by_priority
from coupling.rows import Criterion

EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (datetime(2026, 1, 31, 1, 30, tzinfo=EAST), "2026-01-30T23:30:00Z"),
        (datetime(2026, 1, 31, 1, 30), "2026-01-31T01:30:00Z"),
        (datetime(2026, 1, 31, 1, 30, 0, 250_000, tzinfo=UTC), "2026-01-31T01:30:00.250Z"),
    ],
)
def test_a_point_in_time_is_written_in_utc(tokyo, value, canonical):
    assert compare.moment(value) == canonical
    assert compare.text(value) == canonical
    assert compare.day(value) == canonical[:10]


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (5.0, "5"),
        (Decimal("5.50"), "5.5"),
        (date(2026, 1, 31), "2026-01-31"),
        (UUID(int=7), str(UUID(int=7))),
    ],
)
def test_a_value_is_compared_as_the_text_of_its_meaning(value, canonical):
    assert compare.text(value) == canonical


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (True, "1"),
        (False, "0"),
        (0.1, "0.1"),
        ("+7", "7"),
        ("1\u00a0234\u202f567'890", "1234567890"),
        ("12,50", "12.5"),
        ("100", "100"),
        ("1e3", "1000"),
        ("NaN", ""),
        ("many", ""),
        ("", ""),
    ],
)
def test_a_number_has_one_writing(value, canonical):
    assert compare.number(value) == canonical


@pytest.mark.parametrize("case_sensitive", [True, False])
def test_values_with_control_characters_stay_apart_and_in_their_rows(case_sensitive):
    column = compare.canonical_column(Criterion("a", "b", case_sensitive=case_sensitive))
    values = ["a", "a\x00", "a\x01", "a\x02", "a\x01a", "a\x01b", "a\x01c", "\x00a", "\x02a", 7, "b"]
    found = column(values)
    assert len(found) == len(values) == len(set(found))
    assert (found[0], found[-1]) == ("a", "b")
    for value in values:
        assert column([value]) == [found[values.index(value)]]
    assert column(["B"]) == (["B"] if case_sensitive else ["b"])


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("2026-01-31", "2026-01-31"),
        ("20260131", "2026-01-31"),
        ("2026-01-31T01:30:00+02:00", "2026-01-30"),
        ("20260131T01", "2026-01-31"),
        ("soon", ""),
        ("x" * 11, ""),
    ],
)
def test_a_day_is_read_from_text(value, canonical):
    assert compare.day(value) == canonical


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("Ada <Ada@B.example>", "ada@b.example"),
        ("Ada <old> <ada@b.example>", "ada@b.example"),
        ("<ada@b.example", "<ada@b.example"),
        ("ada@b.example>", "ada@b.example>"),
        ("mailto:ada@b.example", "ada@b.example"),
        ("nobody", ""),
    ],
)
def test_a_mail_address_stands_alone(value, canonical):
    assert compare.email(value) == canonical


@pytest.mark.parametrize(
    ("value", "regions", "canonical"),
    [
        ("000", ("DE",), ""),
        ("030 901820", ("DE", "US"), "4930901820"),
        ("(425) 882-8080", ("FR", "US"), "14258828080"),
        ("0049 30 901820", ("US",), "4930901820"),
        ("  0049 30 901820", ("US",), "4930901820"),
        ("12345", ("DE", "US"), "4912345"),
        ("12345", (), "12345"),
        ("00", ("DE",), ""),
    ],
)
def test_a_phone_number_belongs_to_the_first_country_in_which_it_is_valid(value, regions, canonical):
    assert phones.phone(value, *regions) == canonical


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("Smith + Sons", "smith and sons"),
        ("Smith & Co.", "smith"),
        ("O'Neil G.m.b.H.", "oneil"),
        ("Ltd", "ltd"),
        ("And", "and"),
        ("न्यूयॉर्क लि", "न्यूयॉर्क लि"),
        ("A/S Norden", "a s norden"),
    ],
)
def test_a_company_is_known_by_its_name_alone(value, canonical):
    assert compare.company_name(value) == canonical


def test_a_decided_matching_answers_by_position():
    ids = [UUID(int=n) for n in (1, 256, 3)]
    matcher = Matcher(group_by_priority([Criterion("name", "name"), Criterion("phone", "telephone1", priority=2)]))
    matcher.add([one.bytes for one in ids], {"name": ["A", "B", "C"], "phone": ["1", "2", "3"]})
    rows = [UUID(int=100 + n) for n in range(3)]
    matcher.add_remote_page(
        [str(row) for row in rows], ["A", "\udc81", None], {"name": ["A", "x", "y"], "telephone1": [None, "2", "9"]}
    )
    found = matcher.decide()
    assert found.count_coupled_by_priority() == [1, 1]
    assert [found.find_position(one.bytes) for one in ids] == [0, 1, 2]
    assert found.find_position(ids[0].bytes, 1) is None
    assert found.find_position(ids[2].bytes, 2) == 2
    # The bytes of the second id also stand across the first two, where they are no id.
    assert (ids[0].bytes + ids[1].bytes).find(ids[1].bytes) == 1
    assert found.find_position((ids[0].bytes + ids[1].bytes)[2:18]) is None
    with pytest.raises(ValueError, match=r"^An id has 16 bytes\.$"):
        matcher.add([b"short"], {"name": ["A"], "phone": [None]})
