"""Pages of rows: filter, order, count, paging that survives changes."""

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
from sandbox.base.preferences import MOST_ROWS, Preferences
from sandbox.data import row_json
from sandbox.data.predicate import Asker, Compiler, Narrow, Positions
from sandbox.data.store import Rows, Store
from sandbox.metadata.model import Table
from sandbox.odata.options import Options

_COOKIE = re.compile(r'pagingcookie="([^"]*)"')
_FIRST_CHUNK = 4096
_LARGEST_CHUNK = 65_536


@dataclass(slots=True)
class Page:
    """A page as bytes, and how many rows are in it."""

    body: bytes
    rows: int


class Reader:
    """Answers reads of one request. `base` is the address of the Web API as the client wrote it."""

    def __init__(self, store: Store, base: str, preferences: Preferences, asker: Asker) -> None:
        self.store = store
        self.base = base
        self.preferences = preferences
        self.asker = asker

    # -- one row ------------------------------------------------------------------------------------------------------

    def row(self, table: Table, position: int, options: Options, *, context: bool = True) -> bytes:
        """One row as a JSON document."""
        for name in ("$filter", "$orderby", "$top", "$count", "$apply"):
            if name in options.given:
                raise query_error(f"The query option '{name}' isn't supported when one row is retrieved.")
        (made,) = row_json.writer(self.store, table, options, self.preferences, self.chosen)([position])
        if not context:
            return made
        return b'{"@odata.context":%b,%b' % (
            msgspec.json.encode(f"{self.base}$metadata#{table.set}{shape(options)}/$entity"),
            made[1:],
        )

    # -- many rows ----------------------------------------------------------------------------------------------------

    def page(self, table: Table, options: Options, path: str, among: Positions | None = None) -> Page:
        """One page of a collection; `path` is repeated in the next link, `among` restricts to related rows."""
        write = row_json.writer(self.store, table, options, self.preferences, self.chosen)
        rows = self.store.rows[table.name]
        compiler = Compiler(self.store, table, self.asker)
        narrow = compiler.compile(options.filter) if options.filter is not None else None
        found = compiler.seek(options.filter) if options.filter is not None else None
        if among is not None:
            found = among if found is None else sorted(set(among) & set(found))
        limit = self.preferences.page_size or MOST_ROWS
        top = options.top if options.top is not None and self.preferences.page_size is None else None
        cookie = _read_cookie(options.skip_token)
        served = int(cookie.get("t", 0))
        if top is not None:
            limit = min(limit, max(0, top - served))
        if options.order_by:
            positions, following = self._ordered(rows, table, options, narrow, found, limit, cookie)
        else:
            positions, following = _scan(rows, narrow, found, cookie.get("p", 0), limit)
        count = cookie.get("c")
        if options.count and count is None:
            count = _count(rows, narrow, found, len(positions) if following is None and not cookie else None)
        link = ""
        served += len(positions)
        if following is not None and (top is None or served < top):
            following.update({} if count is None else {"c": count}, n=cookie.get("n", 1) + 1, t=served)
            link = self._next_link(path, options, following)
        return Page(self._collection(table, options, write(positions), count, link), len(positions))

    def _collection(self, table: Table, options: Options, made: list[bytes], count: int | None, link: str) -> bytes:
        parts = [b'{"@odata.context":' + msgspec.json.encode(f"{self.base}$metadata#{table.set}{shape(options)}")]
        if options.count and count is not None:
            parts.append(b',"@odata.count":%d' % count)
        if self.preferences.wants("Microsoft.Dynamics.CRM.totalrecordcount"):
            total = -1 if count is None else count
            exceeded = b"true" if total >= MOST_ROWS else b"false"
            parts.append(b',"@Microsoft.Dynamics.CRM.totalrecordcount":%d' % total)
            parts.append(b',"@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded":' + exceeded)
        parts.append(b',"value":[')
        parts.append(b",".join(made))
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

    def count(self, table: Table, options: Options, among: Positions | None = None) -> int:
        """How many rows there are, 5000 at most."""
        rows = self.store.rows[table.name]
        compiler = Compiler(self.store, table, self.asker)
        narrow = compiler.compile(options.filter) if options.filter is not None else None
        found = compiler.seek(options.filter) if options.filter is not None else None
        if among is not None:
            found = among if found is None else sorted(set(among) & set(found))
        return _count(rows, narrow, found, None)

    # -- order --------------------------------------------------------------------------------------------------------

    def _ordered(
        self,
        rows: Rows,
        table: Table,
        options: Options,
        narrow: Narrow | None,
        found: Positions | None,
        limit: int,
        cookie: dict[str, Any],
    ) -> tuple[Positions, dict[str, Any] | None]:
        keys = self._keys(rows, table, options)
        positions = _scan(rows, narrow, found, 0, None)[0]
        after = cookie.get("o")
        if after is not None:
            last = [_from_cookie(value) for value in after]
            positions = [i for i in positions if _order(keys, i, last, cookie["p"]) > 0]
        for values, descending in reversed(keys):
            positions.sort(key=functools.partial(_sort_key, values), reverse=descending)
        page = positions[:limit]
        if len(positions) <= limit:
            return page, None
        if not page:
            return page, {"p": 0}
        end = page[-1]
        return page, {"o": [_to_cookie(values[end]) for values, _ in keys], "p": end}

    def _keys(self, rows: Rows, table: Table, options: Options) -> list[tuple[Sequence[Any], bool]]:
        """What to order by: values by position, and whether the largest come first."""
        made: list[tuple[Sequence[Any], bool]] = []
        compiler = Compiler(self.store, table, self.asker)
        for name, descending in options.order_by:
            if "/" not in name:
                made.append((rows.values(Compiler.property(table, name).name), descending))
                continue
            value = compiler.follow(tuple(name.split("/")))
            made.append(([value(i) if head is not None else None for i, head in enumerate(rows.heads)], descending))
        return made

    def chosen(self, table: Table, options: Options) -> Callable[[Sequence[int]], Sequence[int]]:
        """Filters, orders and cuts the rows of an expanded collection."""
        compiler = Compiler(self.store, table, self.asker)
        narrow = compiler.compile(options.filter) if options.filter is not None else None
        keys = self._keys(self.store.rows[table.name], table, options)

        def choose(places: Sequence[int]) -> Sequence[int]:
            found = list(places) if narrow is None else narrow(list(places))
            for values, descending in reversed(keys):
                found.sort(key=functools.partial(_sort_key, values), reverse=descending)
            return found[: options.top]

        return choose


def shape(options: Options) -> str:
    """The part of a context address that lists the selected columns."""
    parts = [*options.select, *(f"{one.name}({','.join(one.options.select)})" for one in options.expand)]
    return f"({','.join(parts)})" if parts else ""


def _sort_key(values: Sequence[Any], position: int) -> tuple[bool, Any]:
    value = values[position]
    return (False, 0) if value is None else (True, value)


def _order(keys: list[tuple[Sequence[Any], bool]], position: int, last: Sequence[Any], last_position: int) -> int:
    """Whether a row comes before (-1) or after (1) the last row of the page before; equal rows by position."""
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
    rows: Rows, narrow: Narrow | None, found: Positions | None, start: int, limit: int | None
) -> tuple[Positions, dict[str, Any] | None]:
    """The first matching positions from `start`, and where the next page begins; without a limit, all of them."""
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


def _count(rows: Rows, narrow: Narrow | None, found: Positions | None, known: int | None) -> int:
    if known is not None:
        return min(known, MOST_ROWS)
    if narrow is None and found is None:
        return min(len(rows), MOST_ROWS)
    return len(_scan(rows, narrow, found, 0, MOST_ROWS)[0])
