"""Rows, held compactly: a million accounts in some hundreds of megabytes.

A row is three things at one position: its id, a shared tuple of the columns that many rows have in common (owner,
state, dates), and one `bytes` with the other values, already written as JSON and put in a row between separators.
An empty piece is null. A page is then written by splitting and formatting bytes, without decoding anything.
A filter decodes a column once, into a list that later writes keep up to date.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.base.values import decode
from sandbox.metadata.model import Table

SEPARATOR = b"\x1f"
"""Cannot occur inside JSON text, which writes control characters as escapes."""

_SHARED = (
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
"""Column -> its value as JSON; null columns are left out."""

_INTERNED_MOST = 20_000


@dataclass(slots=True)
class Saved:
    """What is needed to put a table's rows back."""

    ids: list[bytes]
    heads: list[Head | None]
    bodies: list[bytes]
    versions: "array[int]"
    layout: dict[str, int]
    deleted: list[tuple[int, bytes]]


@dataclass(slots=True)
class Rows:
    """The rows of one table. Positions only grow: a deleted row leaves a gap, so that a page's place stays valid."""

    table: Table
    ids: list[bytes] = field(default_factory=list)
    heads: list[Head | None] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    versions: "array[int]" = field(default_factory=lambda: array("q"))
    index: dict[bytes, int] = field(default_factory=dict)
    layout: dict[str, int] = field(default_factory=dict)
    deleted: list[tuple[int, bytes]] = field(default_factory=list)
    shared: dict[str, int] = field(init=False)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    changes: int = 0
    _interned: dict[Head, Head] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [name for name in _SHARED if name in self.table.columns]
        self.shared = {name: slot for slot, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self.index)

    # -- reading ------------------------------------------------------------------------------------------------------

    def position(self, row_id: bytes) -> int | None:
        """Where the row is, or None."""
        return self.index.get(row_id)

    def live(self) -> Iterator[int]:
        """Positions of all rows, in the order they came."""
        heads = self.heads
        return (position for position in range(len(heads)) if heads[position] is not None)

    def slot(self, column: str) -> int | None:
        """Where `pieces` has the column; None while no row holds a value for it."""
        if column in self.shared:
            return self.shared[column]
        place = self.layout.get(column)
        return None if place is None else place + len(self.shared)

    def pieces(self, position: int) -> list[bytes]:
        """All pieces of a row: the shared ones, then its own; later columns may be missing at the end."""
        return [*self.heads[position], *self.bodies[position].split(SEPARATOR)]  # type: ignore[misc]

    def fragments(self, position: int) -> Fragments:
        """A row as column -> JSON, without its id and version."""
        pieces = self.pieces(position)
        many = len(pieces)
        start = len(self.shared)
        found = {name: pieces[slot] for name, slot in self.shared.items() if pieces[slot]}
        for name, place in self.layout.items():
            slot = place + start
            if slot < many and pieces[slot]:
                found[name] = pieces[slot]
        return found

    def fragment(self, position: int, column: str) -> bytes:
        """One value as JSON; empty for null."""
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
        place = self.layout.get(column)
        if place is None:
            return b""
        pieces = self.bodies[position].split(SEPARATOR)
        return pieces[place] if place < len(pieces) else b""

    def values(self, name: str) -> list[Any]:
        """A column by position, in a form to compare: text case-folded, dates as text, money as Decimal or int."""
        found = self.columns.get(name)
        if found is None:
            found = self.columns[name] = self._decode_all(name)
        return found

    def _decode_all(self, name: str) -> list[Any]:
        column = self.table.columns[name]
        if name == self.table.primary_id:
            return [row_id.decode() for row_id in self.ids]
        if name == "versionnumber":
            return list(self.versions)
        slot, place = self.shared.get(name), self.layout.get(name)
        if slot is not None:
            pieces = (b"" if head is None else head[slot] for head in self.heads)
        elif place is not None:
            pieces = (_piece(body, place) for body in self.bodies)
        else:
            return [decode(column, b"")] * len(self.ids)
        known: dict[bytes, Any] = {}
        made: list[Any] = []
        add = made.append
        for piece in pieces:
            # Equal values share one object: columns like a city or a choice then cost a pointer per row.
            value = known.get(piece, known)
            if value is known:
                value = decode(column, piece)
                if len(known) < _INTERNED_MOST:
                    known[piece] = value
            add(value)
        return made

    # -- writing ------------------------------------------------------------------------------------------------------

    def pack(self, row: Fragments) -> tuple[Head, bytes]:
        """A row in the form in which it is kept."""
        head = tuple(row.get(name, b"") for name in self.shared)
        head = self._interned.setdefault(head, head)
        if len(self._interned) > _INTERNED_MOST:
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
        """Append a row; its position."""
        return self.add_packed(row_id, *self.pack(row), version)

    def add_packed(self, row_id: bytes, head: Head, body: bytes, version: int) -> int:
        """Append a row that is already packed; its position."""
        position = len(self.ids)
        self.ids.append(row_id)
        self.heads.append(head)
        self.bodies.append(body)
        self.versions.append(version)
        self.index[row_id] = position
        self.changes += 1
        for name, values in self.columns.items():
            values.append(self._value(name, position))
        return position

    def put(self, position: int, row: Fragments, version: int) -> None:
        """Replace what a row holds."""
        head, body = self.pack(row)
        self.restore(position, head, body, version)

    def restore(self, position: int, head: Head | None, body: bytes, version: int) -> None:
        """Put back a row as it was."""
        self.heads[position] = head
        self.bodies[position] = body
        self.versions[position] = version
        self.changes += 1
        for name, values in self.columns.items():
            values[position] = self._value(name, position)

    def remove(self, position: int, version: int) -> None:
        """Delete a row; change tracking remembers its id."""
        row_id = self.ids[position]
        self.deleted.append((version, row_id))
        self.restore(position, None, b"", version)
        del self.index[row_id]

    def _value(self, name: str, position: int) -> Any:
        return decode(self.table.columns[name], self.fragment(position, name))

    def forget_columns(self) -> None:
        """Drop the decoded columns, before many rows come at once."""
        self.columns.clear()

    # -- as a whole ---------------------------------------------------------------------------------------------------

    def save(self) -> Saved:
        """A copy of the lists; the rows themselves are immutable and shared."""
        return Saved(
            list(self.ids),
            list(self.heads),
            list(self.bodies),
            array("q", self.versions),
            dict(self.layout),
            list(self.deleted),
        )

    def restore_all(self, saved: Saved) -> None:
        """Back to a copy."""
        self.ids, self.heads, self.bodies = list(saved.ids), list(saved.heads), list(saved.bodies)
        self.versions = array("q", saved.versions)
        self.layout, self.deleted = dict(saved.layout), list(saved.deleted)
        self.index = {row_id: place for place, row_id in enumerate(self.ids) if self.heads[place] is not None}
        self.columns.clear()
        self.changes += 1


def _piece(body: bytes, place: int) -> bytes:
    pieces = body.split(SEPARATOR, place + 1)
    return pieces[place] if place < len(pieces) else b""


@dataclass(slots=True)
class Transaction:
    """What to undo when a change set or a bulk action fails half-way."""

    undo: list[Callable[[], None]] = field(default_factory=list)
    written: int = 0

    def roll_back(self) -> None:
        """Undo everything, the last first."""
        for step in reversed(self.undo):
            step()
        self.undo.clear()
        self.written = 0


class Store:
    """All rows of an environment, with the one row version counter that they share."""

    def __init__(self, tables: dict[str, Table]) -> None:
        self.tables = tables
        self.rows: dict[str, Rows] = {name: Rows(table) for name, table in tables.items()}
        self.links: dict[str, set[tuple[str, str]]] = {}
        self.version = 1_000_000

    def next_version(self) -> int:
        """The next row version."""
        self.version += 1
        return self.version

    def insert(self, table: str, row_id: bytes, row: Fragments, transaction: Transaction) -> int:
        """Add a row within a transaction."""
        rows = self.rows[table]
        position = rows.add(row_id, row, self.next_version())

        def undo() -> None:
            # The position stays behind as a gap; nothing may have been seen of it, so no deletion is remembered.
            rows.restore(position, None, b"", 0)
            del rows.index[row_id]

        transaction.undo.append(undo)
        transaction.written += 1
        return position

    def update(self, table: str, position: int, row: Fragments, transaction: Transaction) -> None:
        """Replace a row within a transaction."""
        rows = self.rows[table]
        head, body, version = rows.heads[position], rows.bodies[position], rows.versions[position]
        rows.put(position, row, self.next_version())
        transaction.undo.append(lambda: rows.restore(position, head, body, version))
        transaction.written += 1

    def delete(self, table: str, position: int, transaction: Transaction) -> None:
        """Delete a row within a transaction."""
        rows = self.rows[table]
        head, body, version = rows.heads[position], rows.bodies[position], rows.versions[position]
        row_id = rows.ids[position]
        rows.remove(position, self.next_version())

        def undo() -> None:
            rows.restore(position, head, body, version)
            rows.index[row_id] = position
            rows.deleted.pop()

        transaction.undo.append(undo)
        transaction.written += 1

    def link(self, name: str, pair: tuple[str, str], transaction: Transaction) -> None:
        """Associate two rows many-to-many; repeating it changes nothing."""
        pairs = self.links.setdefault(name, set())
        if pair not in pairs:
            pairs.add(pair)
            transaction.undo.append(lambda: pairs.discard(pair))
            transaction.written += 1

    def unlink(self, name: str, pair: tuple[str, str], transaction: Transaction) -> None:
        """Take an association away."""
        pairs = self.links.setdefault(name, set())
        if pair in pairs:
            pairs.discard(pair)
            transaction.undo.append(lambda: pairs.add(pair))
            transaction.written += 1

    def linked(self, table: str, name: str, other: str) -> dict[str, list[str]]:
        """Ids of the other side by id of this side, of a many-to-many relationship."""
        first = min(table, other) == table
        made: dict[str, list[str]] = {}
        for one, two in sorted(self.links.get(name, ())):
            key, value = (one, two) if first else (two, one)
            made.setdefault(key, []).append(value)
        return made

    def save(self) -> dict[str, Saved]:
        """A copy of every table's rows."""
        return {name: rows.save() for name, rows in self.rows.items()}
