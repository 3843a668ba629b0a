"""What a preview keeps comes back as it was, and tells whether values are still the same."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from coupling.brakes import Brakes
from coupling.matching.previewed import (
    KeptRows,
    PreviewedRecord,
    PreviewedRow,
    digest_of,
    pack_records,
    pack_values,
    unpack_records,
    unpack_values,
)

IDS = st.binary(min_size=16, max_size=16)
JSON = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20)
ROWS = st.builds(PreviewedRow, IDS, st.text(max_size=20), st.lists(JSON, max_size=3))
RECORDS = st.builds(
    PreviewedRecord,
    st.integers(0, 2**31),
    IDS,
    st.text(max_size=10),
    st.text(max_size=20),
    st.binary(min_size=8, max_size=8),
    st.lists(JSON, max_size=3),
    st.integers(0, 9),
    st.lists(ROWS, max_size=3),
    st.lists(st.tuples(st.integers(0, 5), st.text(max_size=9)), max_size=2),
    st.dictionaries(st.text(max_size=5), JSON, max_size=2),
    st.none() | st.tuples(st.integers(0, 3), st.lists(JSON, max_size=2)),
)
VALUES = st.lists(JSON | st.decimals(allow_nan=False, places=2) | st.dates(), max_size=4)


@given(st.lists(RECORDS, max_size=8))
def test_records_come_back_as_they_were(records):
    assert unpack_records(pack_records(records)) == records


@given(VALUES)
def test_values_that_were_kept_pack_as_those_that_are_read_anew(values):
    assert pack_values(unpack_values(pack_values(values))) == pack_values(values)


@given(st.lists(VALUES, min_size=1, max_size=9), st.integers(1, 4))
def test_rows_kept_part_by_part_are_found_by_their_positions(rows, size):
    kept = KeptRows()
    for first in range(0, len(rows), size):
        kept.add(rows[first : first + size])
    assert [digest_of(kept[at]) for at in range(len(rows))] == [digest_of(row) for row in rows]


@given(VALUES, VALUES)
def test_a_digest_tells_values_apart(one, other):
    assert (digest_of(one) == digest_of(other)) is (pack_values(one) == pack_values(other))


def test_a_number_and_a_text_are_not_the_same_value():
    assert digest_of([1]) != digest_of(["1"])
    assert digest_of([Decimal("1.00")]) == digest_of([Decimal("1.00")])
    assert digest_of([date(2026, 1, 2)]) != digest_of([date(2026, 1, 3)])


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 50), st.integers(0, 100))
def test_of_two_limits_the_lower_one_stops(count, total, most, percent):
    both = Brakes(most, percent)
    assert both.stops_creating(count, total) is (
        Brakes(most).stops_creating(count, total) or Brakes(created_percent=percent).stops_creating(count, total)
    )
    assert Brakes(most).stops_creating(count, total) is (count > most)
    assert Brakes(created_percent=percent).stops_creating(count, total) is (100 * count > percent * total)
    assert not Brakes().stops_creating(count, total)
    assert Brakes(coupled=most).stops_coupling(count) is (count > most)
