"""A whole table read through several ranges of `createdon` at once; pure, but for the questions it yields.

A page of rows names the next one, so one query is read page after page. Ranges of the creation date are queries of
their own. Their boundaries are probed, not guessed: a range of 5000 rows or more (the service counts no further) is
cut at the middle of the time between its first and its last row, moved to the next row there really is, until there
are enough ranges. Rows of one second stay together.
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
CAP = 5000
"""The service counts no further."""
_SECOND = timedelta(seconds=1)
_MOST_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Range:
    """Rows created from `low` (included) to `high` (excluded); None is open, and takes rows without a date along."""

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
        return odata.and_(odata.compare(COLUMN, "ge", self.low), odata.compare(COLUMN, "lt", self.high))


@dataclass(frozen=True, slots=True)
class _Span:
    """A range with the moments of its first and last row, and how many rows it has (CAP: that many or more)."""

    range: Range
    first: datetime
    last: datetime
    rows: int

    @property
    def divisible(self) -> bool:
        return self.rows >= CAP and self.last - self.first >= _SECOND


Questions = list[str]
Answers = Sequence[Mapping[str, Any]]


def plan(entity_set: str, filter_text: str, wanted: int) -> Generator[Questions, Answers, list[Range]]:
    """Find up to about `wanted` ranges that hold every row once.

    Yields the paths of queries to be sent together (one $batch), and is sent their bodies, in order.
    """

    def edge(range_: Range, order: str) -> str:
        # The row at one end, and the count of all of them: one question for both.
        text = odata.and_(filter_text, range_.filter)
        path = odata.rows(entity_set, select=[COLUMN], filter_text=text, order_by=f"{COLUMN} {order}", count=True)
        return path + "&$top=1"

    dated = Range(datetime(1753, 1, 1, tzinfo=UTC), None)
    low, high = yield [edge(dated, "asc"), edge(dated, "desc")]
    if not low["value"] or not high["value"]:
        return [Range()]
    spans = [_Span(Range(), _moment(low), _moment(high), _count(low))]
    for _ in range(_MOST_ROUNDS):
        cut = [span for span in spans if span.divisible]
        if not cut or len(spans) >= wanted:
            break
        halves = [_halves(span) for span in cut]
        questions = [edge(half, order) for pair in halves for half, order in zip(pair, ("desc", "asc"), strict=True)]
        answers = yield questions
        made = {id(span): _split(span, answers[2 * number], answers[2 * number + 1]) for number, span in enumerate(cut)}
        spans = [piece for span in spans for piece in made.get(id(span), (span,))]
    return [span.range for span in spans]


def _halves(span: _Span) -> tuple[Range, Range]:
    """Both sides of the middle, each with a row for sure: the first one stays left of it, the last one right."""
    seconds = max(1, int((span.last - span.first).total_seconds()) // 2)
    middle = span.first + timedelta(seconds=seconds)
    return replace(span.range, low=span.first, high=middle), replace(span.range, low=middle)


def _split(span: _Span, left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[_Span, ...]:
    if not left["value"] or not right["value"]:
        return (span,)  # rows went away meanwhile
    last, first = _moment(left), _moment(right)
    return (
        _Span(replace(span.range, high=first), span.first, last, _count(left)),
        _Span(replace(span.range, low=first), first, span.last, _count(right)),
    )


def _moment(body: Mapping[str, Any]) -> datetime:
    return moment(body["value"][0][COLUMN])


def _count(body: Mapping[str, Any]) -> int:
    return int(body.get("@odata.count", CAP))


def moment(text: str) -> datetime:
    """A date of the Web API, in whole seconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).replace(microsecond=0)


class Seams:
    """Whether ranges read at once overlap: every row must be of its range, and rows beside a boundary come once.

    The service shows whole seconds but compares finer ones, so a row's shown moment may miss its range by one second;
    the ids of such rows are remembered (few), and one that comes twice is given once. Not thread-safe.
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._boundaries = {range_.low for range_ in ranges if range_.low is not None}
        self._seen: set[UUID] = set()
        self.repeated = 0

    def sift(self, range_: Range, rows: list[Row], primary_id: str) -> list[Row]:
        """The rows of a page of the range without those that came before. Raises InvalidAnswer for foreign ones."""
        if range_.low is None and range_.high is None:
            return rows
        kept = []
        last, beside = "", False
        for row in rows:
            text = row.get(COLUMN) or ""
            if text != last:
                last, beside = text, self._look(range_, text)
            if beside:
                row_id = UUID(row[primary_id])
                if row_id in self._seen:
                    self.repeated += 1
                    continue
                self._seen.add(row_id)
            kept.append(row)
        return kept

    def _look(self, range_: Range, text: str) -> bool:
        """Whether a moment lies beside a boundary; raises for one outside the range."""
        if not text:
            if range_.low is not None:
                raise self._foreign("(none)")
            return False
        when = moment(text)
        before = range_.low is not None and when < range_.low - _SECOND
        behind = range_.high is not None and when >= range_.high + _SECOND
        if before or behind:
            raise self._foreign(text)
        return any(when + shift in self._boundaries for shift in (-_SECOND, timedelta(0), _SECOND))

    @staticmethod
    def _foreign(text: str) -> InvalidAnswer:
        return InvalidAnswer(
            "Dataverse answered a question for one range of creation dates with a row of another, so "
            "the table was not read to its end.",
            "Try again; if it stays, give the detail to its support.",
            said=f"createdon {text}",
        )
