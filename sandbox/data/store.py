"""Rows in memory, stored compactly: a million accounts take some hundreds of megabytes.

A row is three things at one position: its id, its head, and its body. The head is a tuple of the columns that many
rows have in common (owner, state, dates), and rows with equal ones share it. The body is one `bytes` of the other
values as JSON, joined by separators. Heads and bodies consist of pieces; an empty piece is null.
A page is then written by splitting and formatting bytes, without decoding anything. A filter decodes a column once,
into a list that later writes keep up to date.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.base.values import decode
from sandbox.metadata.model import Table

SEPARATOR = b"\x1f"
"""Cannot occur inside JSON text, which writes control characters as escapes."""

_HEAD_COLUMNS = (
    "ownerid",
    "owneridtype",
    "owningbusinessunit",
    "owninguser",
    "owningteam",
    "createdby",
    "modifiedby",
    "createdon",
    "modifiedon",
    "statecode",
    "statuscode",
    "transactioncurrencyid",
    "exchangerate",
)

Head = tuple[bytes, ...]
Fragments = dict[str, bytes]
"""Column -> value as JSON; null columns are left out."""

_MAX_INTERNED = 20_000


@dataclass(slots=True)
class SavedRows:
    """A copy of a table's rows, to go back to."""

    ids: list[bytes]
    heads: list[Head | None]
    bodies: list[bytes]
    versions: "array[int]"
    layout: dict[str, int]
    deleted: list[tuple[int, bytes]]


@dataclass(slots=True)
class Rows:
    """The rows of one table, by position and by id.

    Positions only grow: a deleted row leaves a gap (its head is None), so that the links of pages stay valid.
    `shared` and `layout` are the columns of heads and of bodies, each with the index of its piece; `decoded` are the
    columns that filters have used; `change_count` increases with every write; `deleted` are (version, id) pairs.
    """

    table: Table
    ids: list[bytes] = field(default_factory=list)
    heads: list[Head | None] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    versions: "array[int]" = field(default_factory=lambda: array("q"))
    index: dict[bytes, int] = field(default_factory=dict)
    layout: dict[str, int] = field(default_factory=dict)
    deleted: list[tuple[int, bytes]] = field(default_factory=list)
    shared: dict[str, int] = field(init=False)
    decoded: dict[str, list[Any]] = field(default_factory=dict)
    change_count: int = 0
    _interned: dict[Head, Head] = field(default_factory=dict)
    _copied: tuple[SavedRows, int] | None = None
    """The copy that the rows were like last, and `change_count` then."""

    def __post_init__(self) -> None:
        names = [name for name in _HEAD_COLUMNS if name in self.table.columns]
        self.shared = {name: slot for slot, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self.index)

    # -- reading ------------------------------------------------------------------------------------------------------

    def live_positions(self) -> Iterator[int]:
        """Iterate over the positions of all rows, in the order of their creation."""
        heads = self.heads
        return (position for position in range(len(heads)) if heads[position] is not None)

    def slot(self, column: str) -> int | None:
        """Return the index of a column in `pieces`; None while no row has had a value for it."""
        if column in self.shared:
            return self.shared[column]
        index = self.layout.get(column)
        return None if index is None else index + len(self.shared)

    def pieces(self, position: int) -> list[bytes]:
        """Return all pieces of a row: those of its head, then those of its body, where the last ones may be missing."""
        head = self.heads[position]
        assert head is not None
        return [*head, *self.bodies[position].split(SEPARATOR)]

    def fragments(self, position: int) -> Fragments:
        """Return a row as column -> JSON, without its id and version."""
        pieces = self.pieces(position)
        many = len(pieces)
        start = len(self.shared)
        found = {name: pieces[slot] for name, slot in self.shared.items() if pieces[slot]}
        for name, index in self.layout.items():
            slot = index + start
            if slot < many and pieces[slot]:
                found[name] = pieces[slot]
        return found

    def fragment(self, position: int, column: str) -> bytes:
        """Return one value of a row as JSON; empty for null, and for all of a deleted row."""
        if column == self.table.primary_id:
            return b'"%b"' % self.ids[position]
        if column == "versionnumber":
            return b"%d" % self.versions[position]
        head = self.heads[position]
        if head is None:
            return b""
        slot = self.shared.get(column)
        if slot is not None:
            return head[slot]
        index = self.layout.get(column)
        if index is None:
            return b""
        pieces = self.bodies[position].split(SEPARATOR)
        return pieces[index] if index < len(pieces) else b""

    def column_values(self, name: str) -> list[Any]:
        """Return a column by position, in a form to compare: text case-folded, dates as text, numbers exact."""
        found = self.decoded.get(name)
        if found is None:
            found = self.decoded[name] = self._decode_all(name)
        return found

    def _decode_all(self, name: str) -> list[Any]:
        column = self.table.columns[name]
        if name == self.table.primary_id:
            return [row_id.decode() for row_id in self.ids]
        if name == "versionnumber":
            return list(self.versions)
        slot, index = self.shared.get(name), self.layout.get(name)
        if slot is not None:
            pieces = (b"" if head is None else head[slot] for head in self.heads)
        elif index is not None:
            pieces = (_piece(body, index) for body in self.bodies)
        else:
            return [decode(column, b"")] * len(self.ids)
        known: dict[bytes, Any] = {}
        values: list[Any] = []
        add = values.append
        for piece in pieces:
            # Equal values share one object: a column like a city or a choice then costs a pointer per row.
            value = known.get(piece, known)
            if value is known:
                value = decode(column, piece)
                if len(known) < _MAX_INTERNED:
                    known[piece] = value
            add(value)
        return values

    # -- writing ------------------------------------------------------------------------------------------------------

    def pack(self, row: Fragments) -> tuple[Head, bytes]:
        """Return a row in the form in which it is stored."""
        head = tuple(row.get(name, b"") for name in self.shared)
        head = self._interned.setdefault(head, head)
        if len(self._interned) > _MAX_INTERNED:
            self._interned.clear()
        layout, shared = self.layout, self.shared
        for name in row:
            if name not in shared and name not in layout:
                layout[name] = len(layout)
        own = [row.get(name, b"") for name in layout]
        while own and not own[-1]:
            own.pop()
        return head, SEPARATOR.join(own)

    def add(self, row_id: bytes, row: Fragments, version: int) -> int:
        """Append a row; return its position."""
        return self.add_packed(row_id, *self.pack(row), version)

    def add_packed(self, row_id: bytes, head: Head, body: bytes, version: int) -> int:
        """Append a row that is already packed; return its position."""
        position = len(self.ids)
        self.ids.append(row_id)
        self.heads.append(head)
        self.bodies.append(body)
        self.versions.append(version)
        self.index[row_id] = position
        self.change_count += 1
        for name, values in self.decoded.items():
            values.append(self._value(name, position))
        return position

    def replace(self, position: int, row: Fragments, version: int) -> None:
        """Replace the values of a row."""
        head, body = self.pack(row)
        self.restore_row(position, head, body, version)

    def restore_row(self, position: int, head: Head | None, body: bytes, version: int) -> None:
        """Set a row to a head, body and version; a head of None deletes it."""
        self.heads[position] = head
        self.bodies[position] = body
        self.versions[position] = version
        self.change_count += 1
        for name, values in self.decoded.items():
            values[position] = self._value(name, position)

    def remove(self, position: int, version: int) -> None:
        """Delete a row; change tracking remembers its id."""
        row_id = self.ids[position]
        self.deleted.append((version, row_id))
        self.restore_row(position, None, b"", version)
        del self.index[row_id]

    def _value(self, name: str, position: int) -> Any:
        return decode(self.table.columns[name], self.fragment(position, name))

    def drop_decoded(self) -> None:
        """Drop the decoded columns, before many rows come at once."""
        self.decoded.clear()

    # -- as a whole ---------------------------------------------------------------------------------------------------

    def save(self) -> SavedRows:
        """Return a copy of the lists; the rows themselves are immutable and shared."""
        saved = SavedRows(
            list(self.ids),
            list(self.heads),
            list(self.bodies),
            array("q", self.versions),
            dict(self.layout),
            list(self.deleted),
        )
        self._copied = saved, self.change_count
        return saved

    def restore_saved(self, saved: SavedRows) -> None:
        """Back to a copy."""
        if self._copied is not None and self._copied[0] is saved and self._copied[1] == self.change_count:
            self.decoded.clear()  # their columns may have been others meanwhile
            return
        self.ids, self.heads, self.bodies = list(saved.ids), list(saved.heads), list(saved.bodies)
        self.versions = array("q", saved.versions)
        self.layout, self.deleted = dict(saved.layout), list(saved.deleted)
        self.index = {row_id: position for position, row_id in enumerate(self.ids) if self.heads[position] is not None}
        self.decoded.clear()
        self.change_count += 1
        self._copied = saved, self.change_count


def _piece(body: bytes, index: int) -> bytes:
    pieces = body.split(SEPARATOR, index + 1)
    return pieces[index] if index < len(pieces) else b""


class Change(NamedTuple):
    """A write of a transaction: Create, Update or Delete of a row."""

    message: str
    table: str
    row_id: str


@dataclass(slots=True)
class Transaction:
    """What undoes the writes of a request; `written` counts them, `changes` names those of rows."""

    undo: list[Callable[[], None]] = field(default_factory=list)
    written: int = 0
    changes: list[Change] = field(default_factory=list)

    def roll_back(self) -> None:
        """Undo everything, last write first."""
        for step in reversed(self.undo):
            step()
        self.undo.clear()
        self.changes.clear()
        self.written = 0


class Store:
    """All rows and many-to-many links of an environment, with the version counter that all rows share.

    `links` are pairs of ids by intersect table; the id of the alphabetically first table comes first.
    """

    def __init__(self, tables: dict[str, Table]) -> None:
        self.tables = tables
        self.rows: dict[str, Rows] = {name: Rows(table) for name, table in tables.items()}
        self.links: dict[str, set[tuple[str, str]]] = {}
        self.version = 1_000_000

    def next_version(self) -> int:
        """Return the next row version."""
        self.version += 1
        return self.version

    def insert(self, table: str, row_id: bytes, row: Fragments, transaction: Transaction) -> int:
        """Add a row within a transaction; return its position."""
        rows = self.rows[table]
        position = rows.add(row_id, row, self.next_version())

        def undo() -> None:
            # The position stays behind as a gap; nothing may have been seen of it, so no deletion is remembered.
            rows.restore_row(position, None, b"", 0)
            del rows.index[row_id]

        transaction.undo.append(undo)
        transaction.changes.append(Change("Create", table, row_id.decode()))
        transaction.written += 1
        return position

    def update(self, table: str, position: int, row: Fragments, transaction: Transaction) -> None:
        """Replace a row within a transaction."""
        rows = self.rows[table]
        head, body, version = rows.heads[position], rows.bodies[position], rows.versions[position]
        rows.replace(position, row, self.next_version())
        transaction.undo.append(lambda: rows.restore_row(position, head, body, version))
        transaction.changes.append(Change("Update", table, rows.ids[position].decode()))
        transaction.written += 1

    def delete(self, table: str, position: int, transaction: Transaction) -> None:
        """Delete a row within a transaction."""
        rows = self.rows[table]
        head, body, version = rows.heads[position], rows.bodies[position], rows.versions[position]
        row_id = rows.ids[position]
        rows.remove(position, self.next_version())

        def undo() -> None:
            rows.restore_row(position, head, body, version)
            rows.index[row_id] = position
            rows.deleted.pop()

        transaction.undo.append(undo)
        transaction.changes.append(Change("Delete", table, row_id.decode()))
        transaction.written += 1

    def link(self, name: str, pair: tuple[str, str], transaction: Transaction) -> None:
        """Associate two rows many-to-many; repeating it changes nothing."""
        pairs = self.links.setdefault(name, set())
        if pair not in pairs:
            pairs.add(pair)
            transaction.undo.append(lambda: pairs.discard(pair))
            transaction.written += 1

    def unlink(self, name: str, pair: tuple[str, str], transaction: Transaction) -> None:
        """Disassociate two rows."""
        pairs = self.links.setdefault(name, set())
        if pair in pairs:
            pairs.discard(pair)
            transaction.undo.append(lambda: pairs.add(pair))
            transaction.written += 1

    def linked_ids(self, table: str, name: str, other: str) -> dict[str, list[str]]:
        """Return the ids on the other side of a many-to-many relationship, by the id on this side."""
        first = min(table, other) == table
        linked: dict[str, list[str]] = {}
        for one, two in sorted(self.links.get(name, ())):
            key, value = (one, two) if first else (two, one)
            linked.setdefault(key, []).append(value)
        return linked

    def save(self) -> dict[str, SavedRows]:
        """Return a copy of every table's rows."""
        return {name: rows.save() for name, rows in self.rows.items()}
