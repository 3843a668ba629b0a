"""The records that a look-up may name: found by a part of their names, and what those that are chosen are called.

Of fields here, records of another table here by their keys; of columns in Dataverse, rows of other tables by their ids.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import UUID

from core.refusals import Refusal
from coupling import filters, local_filters
from coupling.filters import Kind
from coupling.filters.tree import Condition, Group, Operator
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from dataverse.errors import DataverseError, Throttled, Unavailable
from masterdata import catalog
from masterdata.catalog import LocalTable

MOST_FOUND = 20
"""Records that a search offers."""
Pairs = list[tuple[str, str]]
"""Values as a filter has them, and names."""


class Directory(Protocol):
    """Where the records of a filter's look-ups are searched for. tables: those that the field or column names.

    problem: why a table could not be asked, "" where all could; the others are searched all the same.
    """

    problem: str

    def find(self, tables: Sequence[str], text: str) -> Pairs:
        """Return the first records whose name has the text, one more than MOST_FOUND where there are more."""

    def names(self, tables: Sequence[str], values: Iterable[str]) -> dict[str, str]:
        """Return what the records with these values are called; without those that are not there."""


class RecordsHere:
    """Records of a company, by their keys."""

    def __init__(self, company: Any) -> None:
        self._company, self.problem = company, ""

    def find(self, tables: Sequence[str], text: str) -> Pairs:
        """See Directory."""
        found: Pairs = []
        for table in _known(tables):
            rows = table.records(self._company).filter(local_filters.records_q(table, _called(table, text.strip())))
            found += [_pair(*one) for one in rows.values_list(table.key, table.title)[: MOST_FOUND + 1]]
        return found[: MOST_FOUND + 1]

    def names(self, tables: Sequence[str], values: Iterable[str]) -> dict[str, str]:
        """See Directory."""
        wanted = list(values)
        found: dict[str, str] = {}
        for table in _known(tables):
            keys = {table.normal_key(one): one for one in wanted}
            rows = table.records(self._company).filter(**{f"{table.key}__in": list(keys)})
            for key, title in rows.values_list(table.key, table.title):
                found[keys[str(key)]] = _pair(key, title)[1]
        return found


def _known(tables: Sequence[str]) -> list[LocalTable]:
    known = {one.name: one for one in catalog.tables()}
    return [known[name] for name in tables if name in known]


def _called(table: LocalTable, text: str) -> filters.Node:
    """Return the condition that a record's key or title has the text; an empty one for no text."""
    if not text:
        return filters.EVERYTHING
    names = dict.fromkeys((table.key, table.title))
    return Group(False, tuple(Condition(name, Operator.CONTAINS, text, kind=Kind.TEXT) for name in names))


def _pair(key: Any, title: Any) -> tuple[str, str]:
    return str(key), str(key) if not title or title == key else f"{key} {title}"


class RowsThere:
    """Rows of Dataverse, by their ids."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self.problem = gateway, ""
        self._not_asked: set[str] = set()
        self._is_off = False

    def find(self, tables: Sequence[str], text: str) -> Pairs:
        """See Directory; the text may be an id."""
        text = text.strip()
        if _is_id(text):
            return list(self.names(tables, [text]).items())
        found: Pairs = []
        for table in tables:
            with self._asking(table) as may_ask:
                if may_ask:
                    rows = self._gateway.search(table, text, MOST_FOUND + 1)
                    found += [(str(row_id), _in_table(name, table, tables)) for row_id, name in rows]
        return found[: MOST_FOUND + 1]

    def names(self, tables: Sequence[str], values: Iterable[str]) -> dict[str, str]:
        """See Directory."""
        ids = {UUID(one): one for one in values if _is_id(one)}
        found: dict[str, str] = {}
        for table in tables:
            left = [row_id for row_id, value in ids.items() if value not in found]
            with self._asking(table) as may_ask:
                if not left or not may_ask:
                    continue
                column = self._gateway.table(_rows_of(self._gateway.company, table)).primary_name
                for row in self._gateway.rows_by_id(table, [column] if column else [], left):
                    found[ids[row.id]] = _in_table(str(row.values.get(column) or row.id), table, tables)
        return found

    @contextmanager
    def _asking(self, table: str) -> Iterator[bool]:
        """Keep an error of one table from the others; give whether it may be asked: not again after an error, and none
        any more where Dataverse does not answer.
        """
        try:
            yield not self._is_off and table not in self._not_asked
        except (Refusal, DataverseError) as error:
            self.problem = self.problem or error.user_message
            self._not_asked.add(table)
            self._is_off = isinstance(error, Throttled | Unavailable)


def _rows_of(company: Any, table: str) -> IntegrationTableMapping:
    return IntegrationTableMapping(company=company, integration_table=table)


def _in_table(name: str, table: str, tables: Sequence[str]) -> str:
    """Return a row's name, with its table where others may be meant."""
    return f"{name} ({table})" if len(tables) > 1 else name


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
