"""Change tracking: a delta link at the end of a tracked read, and the changes since it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec

from sandbox.base.errors import ServiceError, query_error
from sandbox.base.preferences import MOST_ROWS
from sandbox.data import row_json
from sandbox.data.reading import Page, Reader, shape
from sandbox.data.store import Rows
from sandbox.metadata.model import Table
from sandbox.odata.options import Options

_FORMAT = "%m/%d/%Y %H:%M:%S"
_PLACE = re.compile(r'pagingcookie="(\d+)!(\d+)" istracking="True"')


def is_tracked_page(options: Options) -> bool:
    """Whether a next link belongs to a tracked read."""
    return _PLACE.search(options.skip_token) is not None


def refuse(table: Table, options: Options) -> None:
    """Raise what the service raises for a tracked read it does not do."""
    for name in ("$filter", "$orderby", "$expand", "$top"):
        if name in options.given:
            raise query_error(f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.')
    if not table.change_tracking:
        raise ServiceError(400, "0x80072491", f"Entity {table.name} isn't enabled for change tracking.")


@dataclass(frozen=True, slots=True)
class _Token:
    """Changes after `since` up to `upto`; within them, a page begins after `last` in the changed or deleted part."""

    since: int
    made: datetime
    upto: int = -1
    deleted: bool = False
    last: int = 0

    def text(self) -> str:
        start = f"{self.since}!{self.made.strftime(_FORMAT)}"
        return start if self.upto < 0 else f"{start}!{self.upto}!{'d' if self.deleted else 'c'}!{self.last}"


def _read(text: str, expire_days: int, now: datetime) -> _Token:
    parts = text.split("!")
    try:
        made = datetime.strptime(parts[1], _FORMAT).replace(tzinfo=UTC)
        if len(parts) == 2:
            found = _Token(int(parts[0]), made)
        else:
            found = _Token(int(parts[0]), made, int(parts[2]), parts[3] == "d", int(parts[4]))
    except (ValueError, IndexError):
        raise query_error(f"The delta token '{text}' is not valid.") from None
    if now - made > timedelta(days=expire_days):
        raise ServiceError(
            400, "0x80044352", "Version stamp associated with the client has expired. Please perform a full sync."
        )
    return found


def first(reader: Reader, table: Table, options: Options, path: str, version: int) -> Page:
    """A page of a tracked read from the beginning; the last one carries the delta link.

    The version is that of the first page, so that what changes while the pages are read comes again in the delta.
    """
    refuse(table, options)
    started, at, number = version, 0, 1
    if options.skip_token:
        found = _PLACE.search(options.skip_token)
        if found is None:
            raise query_error("Malformed XML in the Paging Cookie.")
        started, at = int(found.group(1)), int(found.group(2))
        number = 2
    heads = reader.store.rows[table.name].heads
    limit = reader.preferences.page_size or MOST_ROWS
    positions: list[int] = []
    while at < len(heads):
        if heads[at] is not None:
            if len(positions) == limit:
                break
            positions.append(at)
        at += 1
    made = row_json.writer(reader.store, table, options, reader.preferences)(positions)
    if at < len(heads):
        token = f'<cookie pagenumber="{number + 1}" pagingcookie="{started}!{at}" istracking="True" />'
        rest = f"{options.raw}&" if options.raw else ""
        link = f"{reader.base}{path}?{rest}$skiptoken={quote(token, safe='')}"
        return Page(_document(reader, table, options, made, "", next_link=link), len(made))
    link = _link(reader, options, path, _Token(started, reader.asker.now))
    return Page(_document(reader, table, options, made, "", delta_link=link), len(made))


def changes(reader: Reader, table: Table, options: Options, path: str, version: int, expire_days: int) -> Page:
    """What changed since a delta token: changed rows by version, then deleted ones, in pages.

    What is written while the pages are read has a later version than the first page's and belongs to the next delta.
    """
    refuse(table, options)
    token = _read(options.delta_token, expire_days, reader.asker.now)
    upto = version if token.upto < 0 else token.upto
    rows = reader.store.rows[table.name]
    limit = reader.preferences.page_size or MOST_ROWS
    made: list[bytes] = []
    following: _Token | None = None
    if not token.deleted:
        changed = _changed(rows, max(token.since, token.last), upto)
        page = changed[:limit]
        made = row_json.writer(reader.store, table, options, reader.preferences)(page)
        if len(changed) > limit:
            following = _Token(token.since, reader.asker.now, upto, deleted=False, last=rows.versions[page[-1]])
    if following is None:
        after = token.last if token.deleted else token.since
        gone = _gone(rows, after, upto)
        room = limit - len(made)
        context = msgspec.json.encode(f"{reader.base}$metadata#{table.set}/$deletedEntity")
        made += [b'{"@odata.context":%b,"id":"%b","reason":"deleted"}' % (context, row_id) for _, row_id in gone[:room]]
        if len(gone) > room:
            last = gone[room - 1][0] if room else after
            following = _Token(token.since, reader.asker.now, upto, deleted=True, last=last)
    if following is not None:
        link = _link(reader, options, path, following)
        return Page(_document(reader, table, options, made, "/$delta", next_link=link), len(made))
    link = _link(reader, options, path, _Token(upto, reader.asker.now))
    return Page(_document(reader, table, options, made, "/$delta", delta_link=link), len(made))


def count(reader: Reader, table: Table, options: Options, version: int, expire_days: int) -> int:
    """How many changes there are since a delta token."""
    refuse(table, options)
    token = _read(options.delta_token, expire_days, reader.asker.now)
    rows = reader.store.rows[table.name]
    return len(_changed(rows, token.since, version)) + len(_gone(rows, token.since, version))


def _changed(rows: Rows, since: int, upto: int) -> list[int]:
    heads = rows.heads
    found = [i for i, seen in enumerate(rows.versions) if since < seen <= upto and heads[i] is not None]
    found.sort(key=rows.versions.__getitem__)
    return found


def _gone(rows: Rows, since: int, upto: int) -> list[tuple[int, bytes]]:
    return [one for one in rows.deleted if since < one[0] <= upto and one[1] not in rows.index]


def _link(reader: Reader, options: Options, path: str, token: _Token) -> str:
    kept = [
        piece
        for piece in options.raw.split("&")
        if piece and not piece.lower().startswith(("$deltatoken=", "%24deltatoken="))
    ]
    rest = "&".join(kept) + "&" if kept else ""
    return f"{reader.base}{path}?{rest}$deltatoken={quote(token.text(), safe='')}"


def _document(
    reader: Reader,
    table: Table,
    options: Options,
    made: list[bytes],
    suffix: str,
    *,
    next_link: str = "",
    delta_link: str = "",
) -> bytes:
    context = msgspec.json.encode(f"{reader.base}$metadata#{table.set}{shape(options)}{suffix}")
    body = b'{"@odata.context":%b,"value":[%b]' % (context, b",".join(made))
    if next_link:
        body += b',"@odata.nextLink":' + msgspec.json.encode(next_link)
    if delta_link:
        body += b',"@odata.deltaLink":' + msgspec.json.encode(delta_link)
    return body + b"}"
