"""Rows as JSON: a fast writer for plain pages, and one for annotations and expanded properties."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

import msgspec

from sandbox.base import formatting
from sandbox.base.errors import not_covered, query_error, unknown_property
from sandbox.base.preferences import Preferences
from sandbox.base.values import from_json
from sandbox.data import relations
from sandbox.data.store import SEPARATOR, Store
from sandbox.metadata.model import LOOKUPS, Column, Table
from sandbox.odata.options import Expand, Options

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"

WriteRows = Callable[[Sequence[int]], list[bytes]]
MakeChooser = Callable[[Table, Options], Callable[[Sequence[int]], Sequence[int]]]
"""From a table and the options of an expansion to a function that filters, orders and cuts positions."""


def select_columns(table: Table, select: Sequence[str]) -> list[Column]:
    """Return the columns that $select names, all where it names none. Raises ServiceError for an unknown name."""
    if not select or select == ("*",):
        return list(table.properties.values())
    columns = []
    for name in select:
        found = table.properties.get(name)
        if found is None:
            raise unknown_property(name, table.name)
        columns.append(found)
    currency = table.columns.get("transactioncurrencyid")
    if currency is not None and currency not in columns and any(one.type == "Money" for one in columns):
        columns.append(currency)  # money never comes without its currency
    return columns


def row_writer(
    store: Store, table: Table, options: Options, preferences: Preferences, make_chooser: MakeChooser | None = None
) -> WriteRows:
    """Return a function that writes the rows at positions as JSON objects. Raises ServiceError.

    `make_chooser` serves expanded collections; without it they can be neither filtered nor ordered.
    """
    columns = select_columns(table, options.select)
    if options.expand or preferences.annotations:
        return _AnnotatedWriter(store, table, columns, options.expand, preferences, make_chooser or _keep_all).write
    return _plain_writer(store, table, columns, preferences.hidden)


def _keep_all(table: Table, options: Options) -> Callable[[Sequence[int]], Sequence[int]]:
    if options.filter is not None or options.order_by:
        raise not_covered(f"$filter and $orderby within an expanded collection of {table.name} here")
    return lambda positions: positions[: options.top]


@dataclass(frozen=True, slots=True)
class _RowFormat:
    """How a row is written without annotations: a bytes format, filled with some of the row's pieces.

    `slots` are the indexes of these pieces, -1 for the version at the end; `absents` is what stands for empty ones.
    """

    form: bytes
    slots: list[int]
    absents: list[bytes]

    def picker(self) -> Callable[[list[bytes]], tuple[bytes, ...]]:
        """Return a function that picks the pieces of the slots."""
        if not self.slots:
            return lambda _: ()
        if len(self.slots) == 1:
            only = self.slots[0]
            return lambda pieces: (pieces[only],)
        return itemgetter(*self.slots)


def _row_format(store: Store, table: Table, columns: list[Column], hidden: frozenset[tuple[str, str]]) -> _RowFormat:
    rows = store.rows[table.name]
    parts, slots, absents = [b'{"@odata.etag":"W/\\"%d\\""'], [], []
    for column in columns:
        if column.primary_id:
            continue
        name = column.web_name.encode()
        slot = -1 if column.name == "versionnumber" else rows.slot(column.name)
        if slot is None or not column.for_read or (table.name, column.name) in hidden:
            absent = b"null" if (table.name, column.name) in hidden else column.absent_json
            parts.append(b',"%b":%b' % (name, absent))
            continue
        slots.append(slot)
        absents.append(column.absent_json)
        parts.append(b',"%b":%%b' % name)
    parts.append(b',"%b":"%%b"}' % table.primary_id.encode())
    return _RowFormat(b"".join(parts), slots, absents)


def _plain_writer(store: Store, table: Table, columns: list[Column], hidden: frozenset[tuple[str, str]]) -> WriteRows:
    """Return a writer without annotations: each row is split, picked and formatted as bytes."""
    rows = store.rows[table.name]
    row_format = _row_format(store, table, columns, hidden)
    form, absents, pick = row_format.form, row_format.absents, row_format.picker()
    piece_count = max(row_format.slots, default=0) + 1
    with_version = -1 in row_format.slots

    def write(positions: Sequence[int]) -> list[bytes]:
        ids, heads, bodies, versions = rows.ids, rows.heads, rows.bodies, rows.versions
        written = []
        for i in positions:
            head = heads[i]
            assert head is not None
            pieces = [*head, *bodies[i].split(SEPARATOR)]
            if len(pieces) < piece_count:
                pieces += [b""] * (piece_count - len(pieces))
            if with_version:
                pieces.append(b"%d" % versions[i])
            picked = pick(pieces)
            if b"" in picked:
                picked = tuple(one or absent for one, absent in zip(picked, absents, strict=True))
            written.append(form % (versions[i], *picked, ids[i]))
        return written

    return write


class _AnnotatedWriter:
    """Writes rows with annotations and expanded navigation properties."""

    def __init__(
        self, store: Store, table: Table, columns: list[Column], expands: Sequence[Expand], preferences: Preferences,
        make_chooser: MakeChooser,
    ) -> None:  # fmt: skip
        self.store = store
        self.table = table
        self.rows = store.rows[table.name]
        self.columns = [column for column in columns if not column.primary_id]
        self.with_text = preferences.wants_annotation(FORMATTED)
        self.with_table = preferences.wants_annotation(LOGICAL_NAME)
        self.with_navigation = preferences.wants_annotation(NAVIGATION)
        self.hidden = {name for of, name in preferences.hidden if of == table.name}
        self.make_chooser = make_chooser
        self.expands = [self._expand(one, preferences) for one in expands]

    def write(self, positions: Sequence[int]) -> list[bytes]:
        return [self._row(position) for position in positions]

    def _row(self, position: int) -> bytes:
        rows = self.rows
        row = rows.fragments(position)
        parts = [b'"@odata.etag":"W/\\"%d\\""' % rows.versions[position]]
        for column in self.columns:
            if column.name == "versionnumber":
                piece = b"%d" % rows.versions[position]
            elif column.name in self.hidden:
                piece = b"null"
            else:
                piece = (row.get(column.name, b"") if column.for_read else b"") or column.absent_json
            name = column.web_name.encode()
            if piece != b"null":
                parts.extend(self._annotations(column, name, piece, row))
            parts.append(b'"%b":%b' % (name, piece))
        parts.append(b'"%b":"%b"' % (self.table.primary_id.encode(), rows.ids[position]))
        parts.extend(expand(position, row) for expand in self.expands)
        return b"{" + b",".join(parts) + b"}"

    def _annotations(self, column: Column, name: bytes, piece: bytes, row: dict[str, bytes]) -> list[bytes]:
        annotations = []
        if column.type in LOOKUPS:
            target = self._target(column, row)
            if self.with_navigation:
                nav = dict(column.binds).get(target)
                if nav:
                    annotations.append(b'"%b@%b":"%b"' % (name, NAVIGATION.encode(), nav.encode()))
            if self.with_table:
                annotations.append(b'"%b@%b":"%b"' % (name, LOGICAL_NAME.encode(), target.encode()))
            if self.with_text:
                text = self._primary_name(target, piece[1:-1])
                if text is not None:
                    annotations.append(b'"%b@%b":%b' % (name, FORMATTED.encode(), msgspec.json.encode(text)))
        elif self.with_text:
            symbol = "$"
            if column.type == "Money":
                found = self._lookup(
                    "transactioncurrency", row.get("transactioncurrencyid", b"")[1:-1], "currencysymbol"
                )
                symbol = found or symbol
            text = formatting.format_value(column, from_json(piece), symbol)
            if text is not None:
                annotations.append(b'"%b@%b":%b' % (name, FORMATTED.encode(), msgspec.json.encode(text)))
        return annotations

    def _lookup(self, table: str, row_id: bytes, column: str) -> str | None:
        rows = self.store.rows.get(table)
        position = rows.index.get(row_id) if rows is not None and row_id else None
        found: str | None = None if rows is None or position is None else from_json(rows.fragment(position, column))
        return found

    def _primary_name(self, table: str, row_id: bytes) -> str | None:
        """Return the value of a row's primary name column."""
        known = self.store.tables.get(table)
        return None if known is None else self._lookup(table, row_id, known.primary_name)

    @staticmethod
    def _target(column: Column, row: dict[str, bytes]) -> str:
        if len(column.targets) == 1:
            return column.targets[0]
        named: str | None = from_json(row.get(f"{column.name}type", b""))
        return named or column.targets[0]

    # -- expand -------------------------------------------------------------------------------------------------------

    def _expand(self, one: Expand, preferences: Preferences) -> Callable[[int, dict[str, bytes]], bytes]:
        if one.name in self.table.navigation:
            return self._single(one, preferences)
        association = self.table.associations.get(one.name)
        if association is not None:
            linked = self.store.linked_ids(self.table.name, association.name, association.other)
            index = self.store.rows[association.other].index
            positions = {
                row_id: [index[other.encode()] for other in others if other.encode() in index]
                for row_id, others in linked.items()
            }
            return self._collection(one, self.store.tables[association.other], positions, preferences)
        collection = relations.collections(self.store.tables, self.table).get(one.name)
        if collection is not None:
            leading = relations.member_positions(self.store, self.table, collection)
            return self._collection(one, collection.other, leading, preferences)
        raise query_error(
            f"Could not find a property named '{one.name}' on type 'Microsoft.Dynamics.CRM.{self.table.name}'."
        )

    def _single(self, one: Expand, preferences: Preferences) -> Callable[[int, dict[str, bytes]], bytes]:
        if one.options.filter is not None or one.options.order_by or one.options.top is not None:
            raise query_error("Only $select and $expand apply to a single-valued navigation property.")
        column, targets = self.table.navigation[one.name]
        writers: dict[str, WriteRows] = {}
        for target in targets:
            known = self.store.tables.get(target)
            if known is None:
                raise not_covered(f"the table '{target}'")
            writers[target] = (
                row_writer(self.store, known, one.options, preferences, self.make_chooser)
                if self._has_columns(known, one, targets)
                else _write_nothing
            )
        name = one.name.encode()

        def write(_: int, row: dict[str, bytes]) -> bytes:
            piece = row.get(column.name, b"")
            target = self._target(column, row)
            if piece and target in writers:
                position = self.store.rows[target].index.get(piece[1:-1])
                written = writers[target]([position]) if position is not None else []
                if written:
                    return b'"%b":%b' % (name, written[0])
            return b'"%b":null' % name

        return write

    @staticmethod
    def _has_columns(table: Table, one: Expand, targets: tuple[str, ...]) -> bool:
        """Return whether a target table has the selected columns; an owner's may be those of users or of teams only."""
        return len(targets) == 1 or all(name in table.properties for name in one.options.select)

    def _collection(
        self, one: Expand, other: Table, positions: dict[str, list[int]], preferences: Preferences
    ) -> Callable[[int, dict[str, bytes]], bytes]:
        """Return a writer of a collection within a row: filtered, ordered and cut as the options say."""
        options = one.options
        for inner in options.expand:
            if inner.name not in other.navigation:
                raise query_error("A collection can't be expanded within an expanded collection.")
        write_rows = row_writer(self.store, other, options, preferences, self.make_chooser)
        choose = self.make_chooser(other, options)

        def write(position: int, _: dict[str, bytes]) -> bytes:
            written = write_rows(choose(positions.get(self.rows.ids[position].decode(), [])))
            return b'"%b":[%b]' % (one.name.encode(), b",".join(written))

        return write


def _write_nothing(_: Sequence[int]) -> list[bytes]:
    return []
