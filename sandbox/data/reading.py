"""Reads rows in pages: filter, order, count, and paging that survives changes."""

import base64
import binascii
import contextlib
import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from sandbox.base.errors import query_error
from sandbox.base.preferences import MAX_PAGE_ROWS, Preferences
from sandbox.data import row_json
from sandbox.data.path_values import Positions, RowFilter
from sandbox.data.predicate import Compiler
from sandbox.data.query_functions import QueryUser
from sandbox.data.store import Rows, Store
from sandbox.metadata.model import Table
from sandbox.odata.options import Options

_COOKIE = re.compile(r'pagingcookie="([^"]*)"')
_FIRST_CHUNK = 4096
_LARGEST_CHUNK = 65_536


@dataclass(slots=True)
class Page:
    """A page as a JSON document, and the number of its rows."""

    body: bytes
    rows: int


class Reader:
    """Answers the reads of one request. `base` is the root address of the Web API as the client wrote it."""

    def __init__(self, store: Store, base: str, preferences: Preferences, user: QueryUser) -> None:
        self.store = store
        self.base = base
        self.preferences = preferences
        self.user = user

    # -- one row ------------------------------------------------------------------------------------------------------

    def read_row(self, table: Table, position: int, options: Options, *, context: bool = True) -> bytes:
        """Return one row as a JSON document. Raises ServiceError."""
        for name in ("$filter", "$orderby", "$top", "$count", "$apply"):
            if name in options.given:
                raise query_error(f"The query option '{name}' isn't supported when one row is retrieved.")
        (written,) = row_json.row_writer(self.store, table, options, self.preferences, self.make_chooser)([position])
        if not context:
            return written
        return b'{"@odata.context":%b,%b' % (
            msgspec.json.encode(f"{self.base}$metadata#{table.set}{context_columns(options)}/$entity"),
            written[1:],
        )

    # -- many rows ----------------------------------------------------------------------------------------------------

    def read_page(self, table: Table, options: Options, path: str, related: Positions | None = None) -> Page:
        """Return one page of a table's rows, or of those at `related` positions. Raises ServiceError.

        `path` is the request's, for the next link.
        """
        write = row_json.row_writer(self.store, table, options, self.preferences, self.make_chooser)
        rows = self.store.rows[table.name]
        compiler = Compiler(self.store, table, self.user)
        narrow = compiler.compile(options.filter) if options.filter is not None else None
        found = compiler.find_candidates(options.filter) if options.filter is not None else None
        if related is not None:
            found = related if found is None else sorted(set(related) & set(found))
        limit = self.preferences.page_size or MAX_PAGE_ROWS
        top = options.top if options.top is not None and self.preferences.page_size is None else None
        cookie = _read_cookie(options.skip_token)
        served = int(cookie.get("t", 0))
        if top is not None:
            limit = min(limit, max(0, top - served))
        if options.order_by:
            positions, following = self._read_ordered(rows, table, options, narrow, found, limit, cookie)
        else:
            positions, following = _scan(rows, narrow, found, cookie.get("p", 0), limit)
        count = cookie.get("c")
        if options.count and count is None:
            count = _count_matching(rows, narrow, found, len(positions) if following is None and not cookie else None)
        link = ""
        served += len(positions)
        if following is not None and (top is None or served < top):
            following.update({} if count is None else {"c": count}, n=cookie.get("n", 1) + 1, t=served)
            link = self._next_link(path, options, following)
        return Page(self._collection(table, options, write(positions), count, link), len(positions))

    def _collection(self, table: Table, options: Options, written: list[bytes], count: int | None, link: str) -> bytes:
        parts = [
            b'{"@odata.context":' + msgspec.json.encode(f"{self.base}$metadata#{table.set}{context_columns(options)}")
        ]
        if options.count and count is not None:
            parts.append(b',"@odata.count":%d' % count)
        if self.preferences.wants_annotation("Microsoft.Dynamics.CRM.totalrecordcount"):
            total = -1 if count is None else count
            exceeded = b"true" if total >= MAX_PAGE_ROWS else b"false"
            parts.append(b',"@Microsoft.Dynamics.CRM.totalrecordcount":%d' % total)
            parts.append(b',"@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded":' + exceeded)
        parts.append(b',"value":[')
        parts.append(b",".join(written))
        parts.append(b"]")
        if link:
            parts.append(b',"@odata.nextLink":' + msgspec.json.encode(link))
        parts.append(b"}")
        return b"".join(parts)

    def _next_link(self, path: str, options: Options, cookie: dict[str, Any]) -> str:
        text = base64.urlsafe_b64encode(msgspec.json.encode(cookie)).decode()
        token = f'<cookie pagenumber="{cookie["n"]}" pagingcookie="{text}" istracking="False" />'
        rest = f"{options.raw}&" if options.raw else ""
        return f"{self.base}{path}?{rest}$skiptoken={quote(token, safe='')}"

    def count_rows(self, table: Table, options: Options, related: Positions | None = None) -> int:
        """Return the number of rows, 5000 at most. Raises ServiceError."""
        rows = self.store.rows[table.name]
        compiler = Compiler(self.store, table, self.user)
        narrow = compiler.compile(options.filter) if options.filter is not None else None
        found = compiler.find_candidates(options.filter) if options.filter is not None else None
        if related is not None:
            found = related if found is None else sorted(set(related) & set(found))
        return _count_matching(rows, narrow, found, None)

    # -- order --------------------------------------------------------------------------------------------------------

    def _read_ordered(
        self,
        rows: Rows,
        table: Table,
        options: Options,
        narrow: RowFilter | None,
        found: Positions | None,
        limit: int,
        cookie: dict[str, Any],
    ) -> tuple[Positions, dict[str, Any] | None]:
        keys = self._sort_keys(rows, table, options)
        positions = _scan(rows, narrow, found, 0, None)[0]
        after = cookie.get("o")
        if after is not None:
            last = [_from_cookie(value) for value in after]
            positions = [i for i in positions if _compare_with_last(keys, i, last, cookie["p"]) > 0]
        for values, descending in reversed(keys):
            positions.sort(key=functools.partial(_sort_key, values), reverse=descending)
        page = positions[:limit]
        if len(positions) <= limit:
            return page, None
        if not page:
            return page, {"p": 0}
        end = page[-1]
        return page, {"o": [_to_cookie(values[end]) for values, _ in keys], "p": end}

    def _sort_keys(self, rows: Rows, table: Table, options: Options) -> list[tuple[Sequence[Any], bool]]:
        """Return what to order by: values by position, and whether they descend. Raises ServiceError."""
        keys: list[tuple[Sequence[Any], bool]] = []
        compiler = Compiler(self.store, table, self.user)
        for name, descending in options.order_by:
            if "/" not in name:
                keys.append((rows.column_values(Compiler.find_column(table, name).name), descending))
                continue
            value = compiler.value_getter(tuple(name.split("/")))
            keys.append(([value(i) if head is not None else None for i, head in enumerate(rows.heads)], descending))
        return keys

    def make_chooser(self, table: Table, options: Options) -> Callable[[Sequence[int]], Sequence[int]]:
        """Return a function that filters, orders and cuts the rows of an expanded collection. Raises ServiceError."""
        compiler = Compiler(self.store, table, self.user)
        narrow = compiler.compile(options.filter) if options.filter is not None else None
        keys = self._sort_keys(self.store.rows[table.name], table, options)

        def choose(positions: Sequence[int]) -> Sequence[int]:
            found = list(positions) if narrow is None else narrow(list(positions))
            for values, descending in reversed(keys):
                found.sort(key=functools.partial(_sort_key, values), reverse=descending)
            return found[: options.top]

        return choose


def context_columns(options: Options) -> str:
    """Return the part of a context address that lists the selected columns."""
    parts = [*options.select, *(f"{one.name}({','.join(one.options.select)})" for one in options.expand)]
    return f"({','.join(parts)})" if parts else ""


def _sort_key(values: Sequence[Any], position: int) -> tuple[bool, Any]:
    value = values[position]
    return (False, 0) if value is None else (True, value)


def _compare_with_last(
    keys: list[tuple[Sequence[Any], bool]], position: int, last: Sequence[Any], last_position: int
) -> int:
    """Return whether a row comes before (-1) or after (1) the previous page's last row; equal rows go by position."""
    for (values, descending), other in zip(keys, last, strict=True):
        one = _sort_key(values, position)
        two = (False, 0) if other is None else (True, other)
        if one != two:
            return (1 if one > two else -1) * (-1 if descending else 1)
    return (position > last_position) - (position < last_position)


def _to_cookie(value: Any) -> Any:
    return {"d": str(value)} if isinstance(value, Decimal) else value


def _from_cookie(value: Any) -> Any:
    return Decimal(value["d"]) if isinstance(value, dict) else value


def _read_cookie(token: str) -> dict[str, Any]:
    if not token:
        return {}
    found = _COOKIE.search(token) or _COOKIE.search(unquote(token))
    cookie: Any = None
    if found is not None:
        with contextlib.suppress(ValueError, binascii.Error, msgspec.DecodeError):
            cookie = msgspec.json.decode(base64.urlsafe_b64decode(found.group(1)))
    if not (isinstance(cookie, dict) and isinstance(cookie.get("p"), int) and isinstance(cookie.get("n"), int)):
        raise query_error("Malformed XML in the Paging Cookie.")
    return cookie


def _scan(
    rows: Rows, narrow: RowFilter | None, found: Positions | None, start: int, limit: int | None
) -> tuple[Positions, dict[str, Any] | None]:
    """Return the first matching positions from `start`, and the cookie of the next page; all where `limit` is None."""
    heads = rows.heads
    wanted = len(heads) + 1 if limit is None else limit + 1
    matched: Positions = []
    if found is not None:
        candidates = [i for i in found if i >= start and heads[i] is not None]
        matched = narrow(candidates) if narrow else candidates
    else:
        gaps = len(rows.index) != len(heads)
        end, at, size = len(heads), start, _FIRST_CHUNK
        while at < end and len(matched) < wanted:
            upto = min(at + size, end)
            chunk = [i for i in range(at, upto) if heads[i] is not None] if gaps else list(range(at, upto))
            matched += narrow(chunk) if narrow else chunk
            at, size = upto, min(size * 2, _LARGEST_CHUNK)
    if limit is None or len(matched) <= limit:
        return matched, None
    return matched[:limit], {"p": matched[limit]}


def _count_matching(rows: Rows, narrow: RowFilter | None, found: Positions | None, known: int | None) -> int:
    if known is not None:
        return min(known, MAX_PAGE_ROWS)
    if narrow is None and found is None:
        return min(len(rows), MAX_PAGE_ROWS)
    return len(_scan(rows, narrow, found, 0, MAX_PAGE_ROWS)[0])
