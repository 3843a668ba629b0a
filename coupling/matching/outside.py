"""Rows outside a mapping's filter that a record would have matched, and what holds each of them back. No Django."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coupling import filters
from coupling.matching.decisions import Result
from coupling.matching.match import Decisions
from coupling.rows import Condition
from dataverse.types import ColumnInfo


@dataclass(frozen=True, slots=True)
class OutsideMatch:
    """Rows outside the filter with a record's values.

    group: the priority at which they were found; row_count: how many there are; whys: the conditions they miss, of the
    first ones: "Relationship Type is blank".
    """

    group: int
    row_count: int
    whys: tuple[str, ...]

    def sentence(self, table: str, tables: str, fields: str) -> str:
        """Return it as a sentence. table, tables: what one row and several are called; fields: what was compared."""
        what = f"{self.row_count:,} {tables}" if self.row_count > 1 else f"1 {table}"
        verb = "are" if self.row_count > 1 else "is"
        return f"{what} with this {fields} {verb} outside the filter: {'; '.join(self.whys)}."


@dataclass(frozen=True, slots=True)
class OutsideRows:
    """What the records would have matched among the rows outside the filter, by their positions."""

    decisions: Decisions

    def match_at(self, position: int) -> OutsideMatch | None:
        """Return the rows that the record at a position would have matched; None for none."""
        if not self.decisions.has_rows(position):
            return None
        decision = self.decisions.decision_at(position)
        whys = tuple(dict.fromkeys(candidate.name for candidate in decision.candidates))
        return OutsideMatch(decision.group, decision.row_count, whys)

    def count_held_back(self, decisions: Decisions) -> int:
        """Return how many of the records that find no match inside the filter would have one outside."""
        return sum(
            decisions.result_at(position) is Result.NO_MATCH for position in self.decisions.positions_with_rows()
        )


def whys(
    conditions: Sequence[Condition],
    infos: Mapping[str, ColumnInfo],
    columns: Mapping[str, Sequence[Any]],
    count: int,
    company_name: Callable[[str], str],
) -> list[str]:
    """Return for each of `count` rows which conditions it misses: "Status is Inactive, Relationship Type is blank".

    columns: the rows' values by column; company_name: the name of the company whose row in Dataverse has that id.
    """
    found: list[str] = []
    for at in range(count):
        missed = filters.unmet(conditions, {name: values[at] for name, values in columns.items()}.__getitem__)
        found.append(", ".join(_why(one.column, columns[one.column][at], infos, company_name) for one in missed))
    return found


def _why(column: str, value: Any, infos: Mapping[str, ColumnInfo], company_name: Callable[[str], str]) -> str:
    if column == filters.COMPANY_COLUMN and value:
        return f"it belongs to {company_name(str(value))}"
    info = infos.get(column)
    caption = filters.caption_of(column, info.label if info is not None else "")
    return f"{caption} is {_shown(value, info)}"


def _shown(value: Any, info: ColumnInfo | None) -> str:
    if value is None or value == "":
        return "blank"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and info is not None and value in info.choices:
        return info.choices[value]
    return str(value)
