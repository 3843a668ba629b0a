"""Query functions about dates, as spans of time: begin (included) and end (excluded), None for open."""

from datetime import UTC, datetime, time, timedelta

from sandbox.base.errors import query_error
from sandbox.base.values import parse_datetime

Span = tuple[datetime | None, datetime | None]

_FIXED = frozenset(
    {
        "Today",
        "Yesterday",
        "Tomorrow",
        "Last7Days",
        "Next7Days",
        "ThisWeek",
        "LastWeek",
        "NextWeek",
        "ThisMonth",
        "LastMonth",
        "NextMonth",
        "ThisYear",
        "LastYear",
        "NextYear",
        "ThisFiscalYear",
        "LastFiscalYear",
        "NextFiscalYear",
        "ThisFiscalPeriod",
        "LastFiscalPeriod",
        "NextFiscalPeriod",
    }
)
_DATED = frozenset({"On", "OnOrAfter", "OnOrBefore"})
_UNITS = ("Minutes", "Hours", "Days", "Weeks", "Months", "Years")
_COUNTED = frozenset(
    f"{kind}X{unit}"
    for kind in ("Last", "Next", "OlderThan")
    for unit in _UNITS
    if kind == "OlderThan" or unit != "Minutes"
) | {f"{kind}XFiscal{unit}" for kind in ("Last", "Next") for unit in ("Years", "Periods")}
_FISCAL = frozenset(
    {
        "InFiscalYear", "InFiscalPeriod", "InFiscalPeriodAndYear", "InOrBeforeFiscalPeriodAndYear",
        "InOrAfterFiscalPeriodAndYear",
    }
)  # fmt: skip
"""Fiscal years begin on January 1 and have four periods, as in a new environment."""
FUNCTIONS = _FIXED | _DATED | _COUNTED | _FISCAL
"""All functions that are covered."""

_DAY = timedelta(days=1)
_MAX_COUNT = 3_000_000


def time_span(name: str, values: tuple[str, ...], now: datetime) -> Span | None:
    """Return the span that a function means at a time in UTC; None where it is not covered. Raises ServiceError."""
    today = datetime.combine(now.date(), time(), UTC)
    try:
        if name in _FIXED:
            return _fixed_span(name, today)
        if name in _DATED:
            return _dated_span(name, values)
        if name in _COUNTED:
            return _counted_span(name, values, now)
        if name in _FISCAL and name != "InFiscalPeriod":
            return _fiscal_span(name, values)
    except OverflowError:
        raise query_error(f"The value of the function '{name}' leads outside the calendar.") from None
    return None


def _add_months(day: datetime, months: int) -> datetime:
    """Add months; the day becomes the last of the month where that is shorter. Raises OverflowError."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    last = (datetime(year + month // 11, (month + 1) % 12 + 1, 1, tzinfo=UTC) - _DAY).day if year < 9999 else 28
    return day.replace(year=year, month=month + 1, day=min(day.day, last))


def _fixed_span(name: str, today: datetime) -> Span:
    first_of_month, first_of_year = today.replace(day=1), today.replace(month=1, day=1)
    week = today - _DAY * ((today.weekday() + 1) % 7)  # weeks begin on Sunday
    spans: dict[str, Span] = {
        "Today": (today, today + _DAY),
        "Yesterday": (today - _DAY, today),
        "Tomorrow": (today + _DAY, today + 2 * _DAY),
        "Last7Days": (today - 7 * _DAY, today + _DAY),
        "Next7Days": (today, today + 8 * _DAY),
        "ThisWeek": (week, week + 7 * _DAY),
        "LastWeek": (week - 7 * _DAY, week),
        "NextWeek": (week + 7 * _DAY, week + 14 * _DAY),
        "ThisMonth": (first_of_month, _add_months(first_of_month, 1)),
        "LastMonth": (_add_months(first_of_month, -1), first_of_month),
        "NextMonth": (_add_months(first_of_month, 1), _add_months(first_of_month, 2)),
        "ThisYear": (first_of_year, _add_months(first_of_year, 12)),
        "LastYear": (_add_months(first_of_year, -12), first_of_year),
        "NextYear": (_add_months(first_of_year, 12), _add_months(first_of_year, 24)),
    }
    quarter = first_of_year.replace(month=(today.month - 1) // 3 * 3 + 1)
    spans["ThisFiscalPeriod"] = (quarter, _add_months(quarter, 3))
    spans["LastFiscalPeriod"] = (_add_months(quarter, -3), quarter)
    spans["NextFiscalPeriod"] = (_add_months(quarter, 3), _add_months(quarter, 6))
    for which in ("This", "Last", "Next"):
        spans[f"{which}FiscalYear"] = spans[f"{which}Year"]
    return spans[name]


def _dated_span(name: str, values: tuple[str, ...]) -> Span:
    found = parse_datetime(values[0]) if len(values) == 1 else None
    if found is None:
        raise query_error(f"The function '{name}' needs a date.")
    day = datetime.combine(found.date(), time(), UTC)
    if name == "OnOrAfter":
        return day, None
    return (day if name == "On" else None), day + _DAY


def read_fiscal_period(values: tuple[str, ...]) -> int:
    """Return the number of a fiscal period, 1 to 4. Raises ServiceError."""
    if len(values) != 1 or values[0] not in {"1", "2", "3", "4"}:
        raise query_error("The function 'InFiscalPeriod' needs the number of a fiscal period, 1 to 4.")
    return int(values[0])


def _fiscal_span(name: str, values: tuple[str, ...]) -> Span:
    numbers = [int(one) for one in values if one.isascii() and one.isdigit() and len(one) < 5]
    if name == "InFiscalYear":
        if len(numbers) != 1 or not 0 < numbers[0] < 9999:
            raise query_error(f"The function '{name}' needs a year.")
        first = datetime(numbers[0], 1, 1, tzinfo=UTC)
        return first, _add_months(first, 12)
    if len(numbers) != 2 or not 1 <= numbers[0] <= 4 or not 0 < numbers[1] < 9999:
        raise query_error(f"The function '{name}' needs a fiscal period, 1 to 4, and a year.")
    begin = datetime(numbers[1], numbers[0] * 3 - 2, 1, tzinfo=UTC)
    end = _add_months(begin, 3)
    return None if "OrBefore" in name else begin, None if "OrAfter" in name else end


def _counted_span(name: str, values: tuple[str, ...], now: datetime) -> Span:
    if len(values) != 1 or not values[0].isascii() or not values[0].isdigit() or not 0 < int(values[0]) <= _MAX_COUNT:
        raise query_error(f"The function '{name}' needs a whole number above zero.")
    count = int(values[0])
    kind, _, unit = name.partition("X")
    if unit.startswith("Fiscal"):
        today = datetime.combine(now.date(), time(), UTC)
        months = 12 if unit == "FiscalYears" else 3
        begin, end = _fixed_span("ThisFiscalYear" if months == 12 else "ThisFiscalPeriod", today)
        assert begin is not None
        assert end is not None
        return (
            (_add_months(begin, -months * count), begin) if kind == "Last" else (end, _add_months(end, months * count))
        )

    def moved(many: int) -> datetime:
        if unit in {"Months", "Years"}:
            return _add_months(now, many * (12 if unit == "Years" else 1))
        return now + many * timedelta(**{unit.lower(): 1})

    if kind == "OlderThan":
        return None, moved(-count)
    whole_days = unit not in {"Minutes", "Hours"}
    edge = moved(-count if kind == "Last" else count)
    if kind == "Last":
        # Stored times have no fractions: what happened in the present second belongs to the past.
        return (datetime.combine(edge.date(), time(), UTC) if whole_days else edge), now + timedelta(seconds=1)
    return now, (datetime.combine(edge.date(), time(), UTC) + _DAY if whole_days else edge)
