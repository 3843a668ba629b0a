"""How a column writes its numbers and dates."""

import pytest

from masterdata.files.styles import MIXED, Dates, Decimals, parts_as_date, readings


@pytest.mark.parametrize(
    ("texts", "style"),
    [
        (["1.234", "12,50"], ","),
        (["1,234", "12.50"], "."),
        (["1.234,50", "1.234"], ","),
        (["0.125", "1.234"], "."),
        (["1.234.567", "2.000"], ","),
        (["12 500,75"], ","),
        (["1'234.50"], "."),
        (["12,50", "12.50", "1.234"], MIXED),
        (["1.234"], MIXED),
        (["1,234", "5"], MIXED),
        (["5", "1000", ""], ""),
        (["much"], ""),
    ],
)
def test_the_decimal_mark_is_decided_over_the_whole_column(texts, style):
    found = Decimals()
    for text in texts:
        found.add(text)
    assert found.style() == style


def test_a_column_that_says_nothing_goes_by_the_others():
    found = Decimals()
    found.add("1.234")
    assert found.style(",") == ","


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["03/04/2026", "25/04/2026"], "dmy"),
        (["03/04/2026", "04/25/2026"], "mdy"),
        (["03/04/2026"], MIXED),
        (["03.04.2026"], "dmy"),
        (["2026/04/03"], "ymd"),
        (["2026-04-03"], ""),
        (["2026-04-03", "25.04.2026 9:05"], "dmy"),
        (["soon"], ""),
        ([], ""),
    ],
)
def test_the_order_of_dates_is_decided_over_the_whole_column(texts, order):
    found = Dates()
    for text in texts:
        found.add(text)
    assert found.order() == order


@pytest.mark.parametrize("text", ["31/02/2026", "1/2/26", "32.1.2026", "1.2-2026", "2026"])
def test_what_is_no_date_is_none(text):
    assert parts_as_date(text, "dmy") is None


@pytest.mark.parametrize(
    ("texts", "example", "read"),
    [
        (["5", "12,50", "1.234"], "1.234", {".": "1.234", ",": "1234"}),
        (["-1\u00a0234,567"], "-1\u00a0234,567", {}),
        (["1,234"], "1,234", {".": "1234", ",": "1.234"}),
        (["12,50"], "12,50", {}),
        (["5"], "", {}),
    ],
)
def test_a_number_that_may_mean_two_things_is_the_example_and_is_read_both_ways(texts, example, read):
    found = Decimals()
    for text in texts:
        found.add(text)
    assert found.example == example
    assert readings(example) == read


@pytest.mark.parametrize(
    ("texts", "example", "read"),
    [
        (["25/04/2026", "03/04/2026"], "03/04/2026", {"dmy": "2026-04-03", "mdy": "2026-03-04"}),
        (["25.04.2026"], "25.04.2026", {}),
        (["04/04/2026"], "04/04/2026", {}),
        (["2026-04-03"], "", {}),
    ],
)
def test_a_date_that_may_be_two_days_is_the_example_and_is_read_in_each_order(texts, example, read):
    found = Dates()
    for text in texts:
        found.add(text)
    assert found.example == example
    assert readings(example) == read
