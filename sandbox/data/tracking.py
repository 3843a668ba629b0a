"""Change tracking: a delta link at the end of a tracked read, and the changes since a delta token."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec

from sandbox.base.errors import ServiceError, query_error
from sandbox.base.preferences import MAX_PAGE_ROWS
from sandbox.data import row_json
from sandbox.data.reading import Page, Reader, context_columns
from sandbox.data.store import Rows
from sandbox.metadata.model import Table
from sandbox.odata.options import Options

_FORMAT = "%m/%d/%Y %H:%M:%S"
_TRACKED_PAGE = re.compile(r'pagingcookie="(\d+)!(\d+)" istracking="True"')


def is_tracked_page(options: Options) -> bool:
    """Return whether a next link belongs to a tracked read."""
    return _TRACKED_PAGE.search(options.skip_token) is not None


def check_trackable(table: Table, options: Options) -> None:
    """Raise ServiceError where the service has no tracked read: by options, or for the table."""
    for name in ("$filter", "$orderby", "$expand", "$top"):
        if name in options.given:
            raise query_error(f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.')
    if not table.is_tracked:
        raise ServiceError(400, "0x80072491", f"Entity {table.name} isn't enabled for change tracking.")


@dataclass(frozen=True, slots=True)
class _DeltaToken:
    """Changes after version `since`; on later pages those up to version `until`.

    A later page begins after version `last`, among the deleted rows where `deleted` is set. `issued` is in UTC.
    """

    since: int
    issued: datetime
    until: int = -1
    deleted: bool = False
    last: int = 0

    def to_text(self) -> str:
        start = f"{self.since}!{self.issued.strftime(_FORMAT)}"
        return start if self.until < 0 else f"{start}!{self.until}!{'d' if self.deleted else 'c'}!{self.last}"


def _read_token(text: str, expire_days: int, now: datetime) -> _DeltaToken:
    parts = text.split("!")
    try:
        issued = datetime.strptime(parts[1], _FORMAT).replace(tzinfo=UTC)
        if len(parts) == 2:
            found = _DeltaToken(int(parts[0]), issued)
        else:
            found = _DeltaToken(int(parts[0]), issued, int(parts[2]), parts[3] == "d", int(parts[4]))
    except (ValueError, IndexError):
        raise query_error(f"The delta token '{text}' is not valid.") from None
    if now - issued > timedelta(days=expire_days):
        raise ServiceError(
            400, "0x80044352", "Version stamp associated with the client has expired. Please perform a full sync."
        )
    return found


def read_tracked(
    reader: Reader, table: Table, options: Options, path: str, version: int, *, from_last: bool = False
) -> Page:
    """Return a page of a tracked read; the last one has the delta link. Raises ServiceError.

    The link's version is that of the first page, so that what changes while the pages are read comes in the delta; with
    `from_last` it is that of the last page, so that it does not.
    """
    check_trackable(table, options)
    started, at, number = version, 0, 1
    if options.skip_token:
        found = _TRACKED_PAGE.search(options.skip_token)
        if found is None:
            raise query_error("Malformed XML in the Paging Cookie.")
        started, at = int(found.group(1)), int(found.group(2))
        number = 2
    heads = reader.store.rows[table.name].heads
    limit = reader.preferences.page_size or MAX_PAGE_ROWS
    positions: list[int] = []
    while at < len(heads):
        if heads[at] is not None:
            if len(positions) == limit:
                break
            positions.append(at)
        at += 1
    written = row_json.row_writer(reader.store, table, options, reader.preferences)(positions)
    if at < len(heads):
        token = f'<cookie pagenumber="{number + 1}" pagingcookie="{started}!{at}" istracking="True" />'
        rest = f"{options.raw}&" if options.raw else ""
        link = f"{reader.base}{path}?{rest}$skiptoken={quote(token, safe='')}"
        return Page(_document(reader, table, options, written, "", next_link=link), len(written))
    link = _make_link(reader, options, path, _DeltaToken(version if from_last else started, reader.user.now))
    return Page(_document(reader, table, options, written, "", delta_link=link), len(written))


def read_changes(reader: Reader, table: Table, options: Options, path: str, version: int, expire_days: int) -> Page:
    """Return a page of what changed since a delta token: changed rows by version, then deleted ones.

    What is written while the pages are read has a later version than the first page and belongs to the next delta.
    Raises ServiceError.
    """
    check_trackable(table, options)
    token = _read_token(options.delta_token, expire_days, reader.user.now)
    until = version if token.until < 0 else token.until
    rows = reader.store.rows[table.name]
    limit = reader.preferences.page_size or MAX_PAGE_ROWS
    written: list[bytes] = []
    following: _DeltaToken | None = None
    if not token.deleted:
        changed = _find_changed(rows, max(token.since, token.last), until)
        page = changed[:limit]
        written = row_json.row_writer(reader.store, table, options, reader.preferences)(page)
        if len(changed) > limit:
            following = _DeltaToken(token.since, reader.user.now, until, deleted=False, last=rows.versions[page[-1]])
    if following is None:
        after = token.last if token.deleted else token.since
        deleted = _find_deleted(rows, after, until)
        room = limit - len(written)
        context = msgspec.json.encode(f"{reader.base}$metadata#{table.set}/$deletedEntity")
        written += [
            b'{"@odata.context":%b,"id":"%b","reason":"deleted"}' % (context, row_id) for _, row_id in deleted[:room]
        ]
        if len(deleted) > room:
            last = deleted[room - 1][0] if room else after
            following = _DeltaToken(token.since, reader.user.now, until, deleted=True, last=last)
    if following is not None:
        link = _make_link(reader, options, path, following)
        return Page(_document(reader, table, options, written, "/$delta", next_link=link), len(written))
    link = _make_link(reader, options, path, _DeltaToken(until, reader.user.now))
    return Page(_document(reader, table, options, written, "/$delta", delta_link=link), len(written))


def count_changes(reader: Reader, table: Table, options: Options, version: int, expire_days: int) -> int:
    """Return the number of changes since a delta token. Raises ServiceError."""
    check_trackable(table, options)
    token = _read_token(options.delta_token, expire_days, reader.user.now)
    rows = reader.store.rows[table.name]
    return len(_find_changed(rows, token.since, version)) + len(_find_deleted(rows, token.since, version))


def _find_changed(rows: Rows, since: int, until: int) -> list[int]:
    heads = rows.heads
    found = [i for i, seen in enumerate(rows.versions) if since < seen <= until and heads[i] is not None]
    found.sort(key=rows.versions.__getitem__)
    return found


def _find_deleted(rows: Rows, since: int, until: int) -> list[tuple[int, bytes]]:
    return [one for one in rows.deleted if since < one[0] <= until and one[1] not in rows.index]


def _make_link(reader: Reader, options: Options, path: str, token: _DeltaToken) -> str:
    kept = [
        piece
        for piece in options.raw.split("&")
        if piece and not piece.lower().startswith(("$deltatoken=", "%24deltatoken="))
    ]
    rest = "&".join(kept) + "&" if kept else ""
    return f"{reader.base}{path}?{rest}$deltatoken={quote(token.to_text(), safe='')}"


def _document(
    reader: Reader,
    table: Table,
    options: Options,
    written: list[bytes],
    suffix: str,
    *,
    next_link: str = "",
    delta_link: str = "",
) -> bytes:
    context = msgspec.json.encode(f"{reader.base}$metadata#{table.set}{context_columns(options)}{suffix}")
    body = b'{"@odata.context":%b,"value":[%b]' % (context, b",".join(written))
    if next_link:
        body += b',"@odata.nextLink":' + msgspec.json.encode(next_link)
    if delta_link:
        body += b',"@odata.deltaLink":' + msgspec.json.encode(delta_link)
    return body + b"}"
