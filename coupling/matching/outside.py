"""Rows outside a mapping's filter that a record would have matched, and what holds each of them back. No Django."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coupling import filters
from coupling.filters.words import WordsOf, describe, words_of_columns
from coupling.matching.decisions import Result
from coupling.matching.match import Decisions
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
    row_filter: filters.Node,
    infos: Mapping[str, ColumnInfo],
    columns: Mapping[str, Sequence[Any]],
    count: int,
    company_column: str,
    company_name: Callable[[str], str],
) -> list[str]:
    """Return for each of `count` rows which conditions it misses: "Status is Inactive, Relationship Type is blank".

    columns: the rows' values by column; company_column: the one that says whose a row is; company_name: the name of the
    company whose row in Dataverse has that id.
    """
    words = words_of_columns(infos)
    found: list[str] = []
    for at in range(count):

        def value_of(name: str, at: int = at) -> Any:
            return columns[name][at]

        missed = filters.unmet(row_filter, value_of)
        found.append(", ".join(_why(one, value_of, words, company_column, company_name) for one in missed))
    return found


def _why(
    missed: filters.Node,
    value_of: Callable[[str], Any],
    words: WordsOf,
    company_column: str,
    company_name: Callable[[str], str],
) -> str:
    if company_column in filters.field_names(missed) and (company := value_of(company_column)):
        return f"Company is {company_name(str(company))}"
    return describe([missed], value_of, words)
