"""What was measured to suggest criteria, as it is stored and shown. No Django."""

from typing import Any

import msgspec

from coupling.matching.measured import Coupled
from coupling.rows import Criterion


class Way(msgspec.Struct, frozen=True):
    """A field pair in one way to compare it, matched on alone. The counts are of records here and rows there.

    examples: values that many share: (the value here, how many records have it, how many rows).
    """

    criterion: Criterion
    filled_here: int
    filled_there: int
    distinct_here: int
    distinct_there: int
    unique: int
    unique_here: int
    unique_there: int
    wrongly_joined: int
    examples: list[tuple[str, int, int]] = []


class FieldPair(msgspec.Struct, frozen=True):
    """A field pair: in the way that couples most, first, and in the others."""

    field: str
    column: str
    ways: list[Way]


class Suggested(msgspec.Struct, frozen=True):
    """Criteria, and what a coupling by them would do; by_priority: how many records each priority couples."""

    criteria: list[Criterion]
    unique: int
    by_priority: list[int]
    wrongly_joined: int
    filled_here: int
    filled_there: int


class Measurement(msgspec.Struct, frozen=True):
    """All of it.

    records, rows: how many were measured; more_records, more_rows: whether there are more; others: how many records
    take no part, since they are coupled; left_out: fields that cannot be compared, each with why.
    """

    records: int = 0
    rows: int = 0
    more_records: bool = False
    more_rows: bool = False
    others: int = 0
    pairs: list[FieldPair] = []
    suggestions: list[Suggested] = []
    left_out: list[tuple[str, str]] = []

    def way(self, criterion: Criterion) -> Way | None:
        """Return what was measured of a criterion, whatever its priority; None where it was not."""
        for pair in self.pairs:
            for way in pair.ways:
                one = way.criterion
                if (one.local, one.integration, one.case_sensitive, one.compare_as) == (
                    criterion.local, criterion.integration, criterion.case_sensitive, criterion.compare_as
                ):  # fmt: skip
                    return way
        return None

    def dump(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def load(cls, stored: Any) -> "Measurement":
        """Return what `dump` wrote."""
        return msgspec.convert(stored, cls)


def suggested_of(criteria: list[Criterion], coupled: Coupled) -> Suggested:
    """Return a suggestion as it is stored."""
    return Suggested(
        criteria, coupled.unique, list(coupled.by_priority), coupled.wrongly_joined, coupled.filled_here,
        coupled.filled_there,
    )  # fmt: skip


def percent(part: int, whole: int) -> int:
    """Return a part of 100, which is 100 only where it is all and 0 only where it is nothing."""
    if not part or not whole:
        return 0
    return min(max(round(100 * part / whole), 1), 99) if part < whole else 100
