"""Ranges of `createdon` through which a whole table is read at once; pure: it yields the queries it needs answered.

A page of rows names the next one, so one query is read page after page. Ranges of the creation date are queries of
their own. Their boundaries are looked up, not guessed: a range of 5000 rows or more (the service counts no further) is
cut at the middle of the time between its first and its last row, moved to the next row that exists, until there are
enough ranges. Rows of one second stay together.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from dataverse import odata
from dataverse.errors import InvalidAnswer
from dataverse.types import Row

COLUMN = "createdon"
COUNT_LIMIT = 5000
"""The service counts no further."""
_SECOND = timedelta(seconds=1)
_MAX_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Range:
    """Rows created from `low` (included) to `high` (excluded), UTC; None is open, and includes rows without a date."""

    low: datetime | None = None
    high: datetime | None = None

    @property
    def filter(self) -> str:
        """The range as a $filter."""
        if self.low is None and self.high is None:
            return ""
        if self.low is None:
            return f"({odata.compare(COLUMN, 'lt', self.high)} or {odata.eq(COLUMN, None)})"
        if self.high is None:
            return odata.compare(COLUMN, "ge", self.low)
        return odata.all_of(odata.compare(COLUMN, "ge", self.low), odata.compare(COLUMN, "lt", self.high))


@dataclass(frozen=True, slots=True)
class _Span:
    """A range with the dates of its first and last row, and how many rows it has (COUNT_LIMIT: that many or more)."""

    range: Range
    first: datetime
    last: datetime
    rows: int

    @property
    def divisible(self) -> bool:
        return self.rows >= COUNT_LIMIT and self.last - self.first >= _SECOND


Paths = list[str]
Bodies = Sequence[Mapping[str, Any]]


def plan(entity_set: str, filter_text: str, number: int) -> Generator[Paths, Bodies, list[Range]]:
    """Find up to about `number` ranges that contain every row of the query once.

    Yields the paths of queries to be sent together (one $batch), and is sent their bodies, in order.
    """

    def edge(part: Range, order: str) -> str:
        # The row at one end, and the count of all of them: one query for both.
        text = odata.all_of(filter_text, part.filter)
        path = odata.rows_path(entity_set, select=[COLUMN], filter_text=text, order_by=f"{COLUMN} {order}", count=True)
        return path + "&$top=1"

    dated = Range(datetime(1753, 1, 1, tzinfo=UTC), None)
    low, high = yield [edge(dated, "asc"), edge(dated, "desc")]
    if not low["value"] or not high["value"]:
        return [Range()]
    spans = [_Span(Range(), _date_in(low), _date_in(high), _count_in(low))]
    for _ in range(_MAX_ROUNDS):
        divisible = [span for span in spans if span.divisible]
        if not divisible or len(spans) >= number:
            break
        halves = [_halves(span) for span in divisible]
        paths = [edge(half, order) for pair in halves for half, order in zip(pair, ("desc", "asc"), strict=True)]
        bodies = yield paths
        pieces = {id(span): _split(span, bodies[2 * n], bodies[2 * n + 1]) for n, span in enumerate(divisible)}
        spans = [piece for span in spans for piece in pieces.get(id(span), (span,))]
    return [span.range for span in spans]


def _halves(span: _Span) -> tuple[Range, Range]:
    """Return both sides of the middle, each with a row: the first one is left of it, the last one right."""
    seconds = max(1, int((span.last - span.first).total_seconds()) // 2)
    middle = span.first + timedelta(seconds=seconds)
    return replace(span.range, low=span.first, high=middle), replace(span.range, low=middle)


def _split(span: _Span, left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[_Span, ...]:
    if not left["value"] or not right["value"]:
        return (span,)  # rows were deleted meanwhile
    last, first = _date_in(left), _date_in(right)
    return (
        _Span(replace(span.range, high=first), span.first, last, _count_in(left)),
        _Span(replace(span.range, low=first), first, span.last, _count_in(right)),
    )


def _date_in(body: Mapping[str, Any]) -> datetime:
    return parse_date(body["value"][0][COLUMN])


def _count_in(body: Mapping[str, Any]) -> int:
    return int(body.get("@odata.count", COUNT_LIMIT))


def parse_date(text: str) -> datetime:
    """Return a date of the Web API, UTC, in whole seconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).replace(microsecond=0)


class OverlapFilter:
    """Drops rows that two ranges return: every row must be of its range, and those at a boundary are taken once.

    The service shows whole seconds but compares finer ones, so a row's shown date may miss its range by one second;
    the ids of such rows (few) are remembered. Not thread-safe.
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._boundaries = {one.low for one in ranges if one.low is not None}
        self._seen: set[UUID] = set()
        self.repeated = 0

    def new_rows(self, read_range: Range, rows: list[Row], primary_id: str) -> list[Row]:
        """Return a page's rows of the range without those taken before. Raises InvalidAnswer for a row outside it."""
        if read_range.low is None and read_range.high is None:
            return rows
        new = []
        last, at_boundary = "", False
        for row in rows:
            text = row.get(COLUMN) or ""
            if text != last:
                last, at_boundary = text, self._is_at_boundary(read_range, text)
            if at_boundary:
                row_id = UUID(row[primary_id])
                if row_id in self._seen:
                    self.repeated += 1
                    continue
                self._seen.add(row_id)
            new.append(row)
        return new

    def _is_at_boundary(self, read_range: Range, text: str) -> bool:
        """Return whether a date is within a second of a boundary. Raises InvalidAnswer for one outside the range."""
        if not text:
            if read_range.low is not None:
                raise _error_for_row_outside("(none)")
            return False
        date = parse_date(text)
        before = read_range.low is not None and date < read_range.low - _SECOND
        after = read_range.high is not None and date >= read_range.high + _SECOND
        if before or after:
            raise _error_for_row_outside(text)
        return any(date + shift in self._boundaries for shift in (-_SECOND, timedelta(0), _SECOND))


def _error_for_row_outside(text: str) -> InvalidAnswer:
    return InvalidAnswer(
        "Dataverse answered a query for one range of creation dates with a row of another, so the table was not read "
        "to its end.",
        "Try again. If the error persists, give the detail to Microsoft support.",
        said=f"createdon {text}",
    )
