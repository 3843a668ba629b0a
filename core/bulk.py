"""Bulk writes: COPY on PostgreSQL, executemany on SQLite, behind few functions.

`bulk_create` builds a model instance and a parameter list per row, which costs an order of magnitude more than the
database does; jobs write hundreds of thousands of rows, so they come through here as plain tuples.

A transaction that writes holds SQLite's one write lock: keep each below MAX_ROWS rows.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, connections, models, router, transaction
from django.dispatch import Signal
from django.utils import timezone

from core.compact_ids import CompactUUIDField

MAX_ROWS = 5000

deleting = Signal()
"""Sent before `delete` deletes, since no model hears of that: sender is the model; `key` and `values` say which."""

Row = Sequence[Any]


def insert(
    model: type[models.Model], fields: Sequence[str], rows: Iterable[Row], *, ignore_conflicts: bool = False
) -> int:
    """Insert rows, given as tuples in the order of `fields` (model field names, `company_id` style for relations).

    UUIDs may come as texts of 32 small digits, which need no conversion.
    Columns not named take the field's default, which must be a constant or a callable without arguments. With
    `ignore_conflicts` rows that meet a unique index are left out. Returns the number of rows inserted. Atomic.
    """
    connection, columns, adapters, makers = _plan(model, fields)
    values = _adapted(rows, adapters, makers)
    if not values:
        return 0
    quote = connection.ops.quote_name
    table, names = quote(model._meta.db_table), ", ".join(map(quote, columns))
    with _together(connection), connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            clause = "ON CONFLICT DO NOTHING" if ignore_conflicts else ""
            row = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({row}) {clause}", values)  # nosec B608
            return int(cursor.rowcount)
        _grew(connection, table, len(values))
        try:
            with transaction.atomic(using=connection.alias, savepoint=ignore_conflicts):
                _copy(cursor, table, names, values)
            return len(values)
        except IntegrityError:
            if not ignore_conflicts:
                raise
        # Conflicts are rare: only where there is one do the rows pass through a table of their own.
        _stage(cursor, table, names, values)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {_STAGE} ON CONFLICT DO NOTHING")  # nosec B608
        return _unstage(cursor)


def take_ids(model: type[models.Model], count: int) -> Sequence[int]:
    """Return ids for `count` rows that are about to be inserted in this transaction, ascending; nobody else gets them.

    Who inserts with them need not ask afterwards which ids the rows have got.
    """
    connection = connections[router.db_for_write(model)]
    table, key = model._meta.db_table, str(model._meta.pk.column)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Mostly they follow one another, and then two numbers say which they are.
            cursor.execute(
                "SELECT min(id), CASE WHEN max(id) - min(id) + 1 <> count(*) "
                "THEN array_agg(id) END FROM (SELECT nextval(pg_get_serial_sequence(%s, %s)) AS id "
                "FROM generate_series(1, %s)) AS taken",
                [connection.ops.quote_name(table), key, count],
            )
            first, scattered = cursor.fetchone()
            return scattered or range(first, first + count)
        quote = connection.ops.quote_name
        cursor.execute(
            f"SELECT max(coalesce((SELECT max({quote(key)}) FROM {quote(table)}), 0), "  # nosec B608
            "coalesce((SELECT seq FROM sqlite_sequence WHERE name = %s), 0))",
            [table],
        )
        first = cursor.fetchone()[0] + 1
        return range(first, first + count)


def insert_from(model: type[models.Model], given: Mapping[str, Any], field: str, values: "models.QuerySet[Any]") -> int:
    """Insert a row for each distinct value of a one-column query, inside the database; nothing passes through here.

    `given` holds the same value for every row, `field` takes the query's column; other columns must be nullable or
    have a default in the database. Returns the number of rows inserted. Atomic.
    """
    connection, columns, adapters, _ = _plan(model, (*given, field), defaults=False)
    quote = connection.ops.quote_name
    table, names = quote(model._meta.db_table), ", ".join(map(quote, columns))
    constants = [adapt(value) for adapt, value in zip(adapters, given.values(), strict=False)]
    types = [_field(model, name).rel_db_type(connection) for name in given]
    chosen = ", ".join(f"CAST(%s AS {type_})" for type_ in types)
    query, parameters = values.order_by().query.sql_with_params()
    with _together(connection), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) WITH picked(value) AS ({query}) "  # nosec B608
            f"SELECT DISTINCT {', '.join(filter(None, (chosen, 'value')))} FROM picked WHERE value IS NOT NULL",
            [*parameters, *constants],
        )
        return int(cursor.rowcount)


def update(model: type[models.Model], key: str, fields: Sequence[str], rows: Iterable[Row]) -> int:
    """Update rows found by `key`; each row is a tuple of the key's value, then the values of `fields`.

    Returns the number of rows changed; a key that is not there changes none. Atomic.
    """
    connection, columns, adapters, _ = _plan(model, (key, *fields), defaults=False)
    values = _adapted(rows, adapters, ())
    if not values:
        return 0
    quoted = [connection.ops.quote_name(column) for column in columns]
    table, key_column = connection.ops.quote_name(model._meta.db_table), quoted[0]
    with _together(connection), connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            sets = ", ".join(f"{column} = %s" for column in quoted[1:])
            statement = f"UPDATE {table} SET {sets} WHERE {key_column} = %s"  # nosec B608
            cursor.executemany(statement, [(*value[1:], value[0]) for value in values])
            return int(cursor.rowcount)
        _stage(cursor, table, ", ".join(quoted), values)
        sets = ", ".join(f"{column} = {_STAGE}.{column}" for column in quoted[1:])
        cursor.execute(f"UPDATE {table} SET {sets} FROM {_STAGE} WHERE {table}.{key_column} = {_STAGE}.{key_column}")  # nosec B608
        return _unstage(cursor)


def upsert(model: type[models.Model], key: str, fields: Sequence[str], rows: Iterable[Row]) -> int:
    """Update rows found by `key`, a unique column, and insert those that are not there; tuples as `update` takes them.

    Columns not named keep what they hold, and in new rows take the field's default. Returns the number of rows. Atomic.
    """
    connection, columns, adapters, makers = _plan(model, (key, *fields))
    values = _adapted(rows, adapters, makers)
    if not values:
        return 0
    quoted = [connection.ops.quote_name(column) for column in columns]
    table, names = connection.ops.quote_name(model._meta.db_table), ", ".join(quoted)
    sets = ", ".join(f"{column} = EXCLUDED.{column}" for column in quoted[1 : len(adapters)])
    clause = f"ON CONFLICT ({quoted[0]}) DO UPDATE SET {sets}"  # nosec B608
    with _together(connection), connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            row = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({row}) {clause}", values)  # nosec B608
            return int(cursor.rowcount)
        _grew(connection, table, len(values))
        _stage(cursor, table, names, values)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {_STAGE} {clause}")  # nosec B608
        return _unstage(cursor)


def delete(model: type[models.Model], key: str, values: Iterable[Any]) -> int:
    """Delete the rows whose `key` is among `values`, in parts a statement can hold. Nothing cascades. Atomic.

    Whoever listens to `deleting` for that model hears of it first, in the same transaction.
    """
    values = list(values)
    connection, columns, adapters, _ = _plan(model, (key,), defaults=False)
    adapted = [adapters[0](value) for value in values]
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(columns[0])
    deleted = 0
    with _together(connection), connection.cursor() as cursor:
        if values:
            deleting.send(sender=model, key=key, values=values)
        for start in range(0, len(adapted), 500):
            part = adapted[start : start + 500]
            cursor.execute(f"DELETE FROM {table} WHERE {column} IN ({', '.join(['%s'] * len(part))})", part)  # nosec B608
            deleted += cursor.rowcount
    return deleted


def _together(connection: Any) -> Any:
    """Write all or nothing. Within a transaction that is its own matter: a savepoint would keep a copy of each page."""
    return transaction.atomic(using=connection.alias, savepoint=False)


_grown: dict[str, tuple[int, int]] = {}
"""Table -> rows copied into it since its statistics were renewed here, and how many make it time again."""


def _grew(connection: Any, table: str, rows: int) -> None:
    """Renew PostgreSQL's statistics of a table that grows fast, after the commit.

    Its own housekeeping comes once a minute. Until then a table filled from empty counts as small, and what joins with
    it (which records are not coupled yet?) is planned as a loop within a loop: hours at a million rows.
    """
    grown, limit = _grown.get(table, (0, 2 * MAX_ROWS))
    if grown + rows < limit:
        _grown[table] = grown + rows, limit
        return
    _grown[table] = 0, 4 * limit

    def analyze() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {table}")

    transaction.on_commit(analyze, using=connection.alias, robust=True)


_STAGE = "bulk_rows"


def _copy(cursor: Any, table: str, names: str, values: Sequence[Row]) -> None:
    # Django does not wrap the errors of copy(): without this a conflict would not be django.db.IntegrityError.
    with cursor.db.wrap_database_errors, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for value in values:
            copy.write_row(value)


def _stage(cursor: Any, table: str, names: str, values: Sequence[Row]) -> None:
    """Copy the rows into a temporary table of the same column types."""
    cursor.execute(f"CREATE TEMPORARY TABLE {_STAGE} ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA")  # nosec B608
    _copy(cursor, _STAGE, names, values)


def _unstage(cursor: Any) -> int:
    """Return the row count of the statement before; drop the temporary table for the next call in this transaction."""
    changed: int = cursor.rowcount
    cursor.execute(f"DROP TABLE {_STAGE}")
    return changed


def _plan(
    model: type[models.Model], fields: Sequence[str], *, defaults: bool = True
) -> tuple[Any, list[str], list[Callable[[Any], Any]], tuple[Callable[[int], list[Any]], ...]]:
    """Return connection, columns, an adapter for each given value, and a maker for each column left to its default."""
    connection = connections[router.db_for_write(model)]
    given: list[models.Field[Any, Any]] = [_field(model, name) for name in fields]
    rest = (
        [
            field
            for field in model._meta.concrete_fields
            if field not in given and not isinstance(field, models.AutoField) and not _left_to_database(field)
        ]
        if defaults
        else []
    )
    adapters = [_adapter(field, connection) for field in given]
    makers = tuple(_maker(field, _adapter(field, connection)) for field in rest)
    return connection, [str(field.column) for field in (*given, *rest)], adapters, makers


def _left_to_database(field: "models.Field[Any, Any]") -> bool:
    """Return whether the database computes a column, or has a default of its own for it."""
    return field.generated or (not field.has_default() and field.db_default is not models.NOT_PROVIDED)


def _field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    for field in model._meta.concrete_fields:
        if name in (field.name, field.attname):
            return field
    raise LookupError(f"{model.__name__} has no column {name!r}.")


def _unchanged(value: Any) -> Any:
    return value


def _adapter(field: "models.Field[Any, Any]", connection: Any) -> Callable[[Any], Any]:
    """Return what turns a value into what the driver takes; get_db_prep_save is right for everything, and slow."""
    if isinstance(field, models.ForeignKey):
        return _adapter(field.target_field, connection)
    if isinstance(field, CompactUUIDField):
        return lambda value: field.get_db_prep_save(value, connection)
    if connection.vendor == "postgresql" and isinstance(field, models.UUIDField | models.DateTimeField):
        return _unchanged  # psycopg writes these itself
    if isinstance(field, models.UUIDField):
        return _digits(field, connection)
    if isinstance(field, models.DateTimeField):
        return _moment(field, connection)
    if isinstance(field, models.JSONField):
        return _json(field)
    if isinstance(field, models.CharField | models.TextField | models.BooleanField | models.IntegerField):
        return _unchanged
    return lambda value: field.get_db_prep_save(value, connection)


def _digits(field: "models.UUIDField[Any, Any]", connection: Any) -> Callable[[Any], Any]:
    """Return an id as SQLite holds it: 32 digits."""

    def adapt(value: Any) -> Any:
        if type(value) is str and len(value) == 32:
            return value
        return value.hex if isinstance(value, UUID) else field.get_db_prep_save(value, connection)

    return adapt


def _moment(field: "models.DateTimeField[Any, Any]", connection: Any) -> Callable[[Any], Any]:
    """Return a moment as text. One in the database's own time zone, as those read from it are, needs no conversion."""
    zone = connection.timezone

    def adapt(value: Any) -> Any:
        if type(value) is datetime and value.tzinfo is zone:
            return str(value.replace(tzinfo=None))
        return field.get_db_prep_save(value, connection)

    return adapt


def _json(field: "models.JSONField[Any, Any]") -> Callable[[Any], Any]:
    """JSON as text, by msgspec where it knows the values: ten times as quick as the encoder of the field."""
    slow = (field.encoder or json.JSONEncoder)().encode
    if field.encoder not in (None, DjangoJSONEncoder):
        return lambda value: None if value is None else slow(value)
    quick = msgspec.json.Encoder().encode

    def encode(value: Any) -> str | None:
        if value is None:
            return None
        try:
            return quick(value).decode()
        except (TypeError, ValueError, OverflowError):
            return slow(value)

    return encode


def _maker(field: "models.Field[Any, Any]", adapt: Callable[[Any], Any]) -> Callable[[int], list[Any]]:
    """Return what gives a column left to its default for a number of rows; the time is the same for all of them."""
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False) or field.default is timezone.now:
        return lambda count: [adapt(timezone.now())] * count
    if callable(field.default) and field.has_default():
        default = field.default
        return lambda count: [adapt(default()) for _ in range(count)]
    constant = adapt(field.get_default())
    return lambda count: [constant] * count


def _adapted_column(column: Sequence[Any], adapt: Callable[[Any], Any]) -> list[Any]:
    """Return a column's values adapted; in many columns every row has the very same one (the job, the moment)."""
    first = column[0]
    same = adapt(first)
    return [same if value is first else adapt(value) for value in column]


def _adapted(
    rows: Iterable[Row],
    adapters: Sequence[Callable[[Any], Any]],
    makers: Sequence[Callable[[int], list[Any]]],
) -> list[Row]:
    """Return the rows as the driver takes them, defaults appended. Works by column: most pass as they are."""
    given = list(rows)
    for width in set(map(len, given)) - {len(adapters)}:
        raise ValueError(f"A row of {width} values was given for {len(adapters)} columns.")
    touched = [(position, adapt) for position, adapt in enumerate(adapters) if adapt is not _unchanged]
    if not given or not (touched or makers):
        return given
    columns: list[Sequence[Any]] = list(zip(*given, strict=True))
    for position, adapt in touched:
        columns[position] = _adapted_column(columns[position], adapt)
    columns += [make(len(given)) for make in makers]
    return list(zip(*columns, strict=True))
