"""The table behind lists of coupled and of uncoupled records: kept by triggers, laid anew where it is missing.

Whether a record is coupled stands in another table than its number. A list of the coupled ones in order of their
numbers would look up every record it skips; a list of the few uncoupled ones, every coupled record before them. So
`Listed` holds both in one index. Triggers keep it in the transaction of every write: jobs, imports, pages, the admin,
code of other apps, SQL by hand. They lie on the registered tables, also those of other apps, whose models stay as
they are. `couplings` is counted up and down, never looked up, so that two jobs at once come out right.

Triggers are laid after every `migrate`; on SQLite they are lifted before migrations that change anything. Where one was
missing or from an older version, the table's rows are counted anew.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections, models, router, transaction

from coupling.models import Coupling, IntegrationTableMapping, Listed, OptionMapping
from masterdata import catalog
from masterdata.catalog import LocalTable
from ui.paging import Through

LONGEST_KEY = 250
_PREFIX = "listed_"


def keep(using: str, **_: Any) -> None:
    """Lay the triggers where they are missing, and count the rows of those tables. A receiver of post_migrate."""
    connection = connections[using]
    if not router.allow_migrate_model(using, Listed) or connection.vendor not in {"sqlite", "postgresql"}:
        return
    present = set(connection.introspection.table_names())
    if Listed._meta.db_table not in present:
        return
    tables = [table for table in catalog.tables() if table.model._meta.db_table in present]
    wanted = {trigger.name: trigger for trigger in _triggers(connection, tables)}
    with connection.cursor() as cursor:
        known = _known(connection, cursor)
    if known == {name: trigger.on for name, trigger in wanted.items()}:
        return
    stale = {trigger.table for name, trigger in wanted.items() if known.get(name) != trigger.on}
    with transaction.atomic(using=using):
        with connection.cursor() as cursor:
            for name, _on in known.items() - {(name, trigger.on) for name, trigger in wanted.items()}:
                cursor.execute(_drop(connection, name))
            for name, trigger in wanted.items():
                if known.get(name) != trigger.on:
                    for statement in trigger.statements:
                        cursor.execute(statement)
        for table in tables:
            if stale & {table.name, ""}:
                rebuild(table, using=using)


def lift(using: str, plan: Any = (), **_: Any) -> None:
    """Take the triggers away before migrations change tables. A receiver of pre_migrate.

    SQLite renames no table while a trigger anywhere names one that is missing just then, as the one that is being
    rebuilt is. `keep` lays them again and counts anew.
    """
    connection = connections[using]
    if connection.vendor != "sqlite" or not plan:
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for name in _known(connection, cursor):
            cursor.execute(_drop(connection, name))


def rebuild(table: LocalTable, *, using: str | None = None) -> int:
    """Count a table's records and couplings anew. Returns the number of records."""
    connection = connections[using or router.db_for_write(Listed)]
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f'DELETE FROM {_quoted(Listed._meta.db_table)} WHERE "table" = {_literal(table.name)}')  # nosec B608
        cursor.execute(_add(table, _quoted(table.model._meta.db_table)))
        return int(cursor.rowcount)


def through(company: Any, table: LocalTable, *, coupled: bool) -> Through | None:
    """The company's coupled, or uncoupled, records in key order; None where the key's order is not that of a text."""
    if not _ordered_by_key(table):
        return None
    rows = Listed.objects.filter(company=company, table=table.name, coupled=coupled)
    return Through(rows, {table.key: "key", "system_id": "local_id"})


def _ordered_by_key(table: LocalTable) -> bool:
    field = table.model._meta.get_field(table.key)
    return (
        isinstance(field, models.CharField)
        and field.max_length is not None
        and field.max_length <= LONGEST_KEY
        and not field.db_collation
        and not field.null
    )


# -- the SQL


@dataclass(frozen=True, slots=True)
class _Trigger:
    """A trigger: the database table it lies on, the local table whose rows it keeps ("" for all), how it is laid."""

    name: str
    on: str
    table: str
    statements: tuple[str, ...]


def _triggers(connection: Any, tables: Iterable[LocalTable]) -> Iterator[_Trigger]:
    make = _postgresql if connection.vendor == "postgresql" else _sqlite
    for table in tables:
        yield from make(table.model, table.name, _Record(table))
    for model, from_mapping in ((Coupling, False), (OptionMapping, True)):
        yield from make(model, "", _Pair(from_mapping=from_mapping))


class _Record:
    """What keeps up with a table's records: with a set of rows (PostgreSQL), with one row (SQLite)."""

    def __init__(self, table: LocalTable) -> None:
        self.table = table
        self.watched = tuple(_column(table, name) for name in ("system_id", "company", table.key))
        self.listed, self.name = _quoted(Listed._meta.db_table), _literal(table.name)

    def added(self, rows: str) -> str:
        return _add(self.table, rows)

    def removed(self, rows: str) -> str:
        gone = f"SELECT {_quoted(self.watched[0])} FROM {rows} r"  # nosec B608
        return f'DELETE FROM {self.listed} WHERE "table" = {self.name} AND local_id IN ({gone})'  # nosec B608

    def one_added(self, row: str) -> str:
        return _add(self.table, "", row)

    def one_removed(self, row: str) -> str:
        which = f"{row}.{_quoted(self.watched[0])}"
        return f'DELETE FROM {self.listed} WHERE "table" = {self.name} AND local_id = {which}'  # nosec B608


class _Pair:
    """What keeps up with couplings, or with option mappings, whose table is the mapping's."""

    def __init__(self, *, from_mapping: bool) -> None:
        self.mappings = _quoted(IntegrationTableMapping._meta.db_table)
        self.listed = _quoted(Listed._meta.db_table)
        self.from_mapping = from_mapping
        self.watched = ("local_id",) if from_mapping else ("local_id", "table")

    def added(self, rows: str) -> str:
        return self._counted(rows, "couplings = l.couplings + n.number, coupled = TRUE")

    def removed(self, rows: str) -> str:
        return self._counted(rows, "couplings = l.couplings - n.number, coupled = l.couplings > n.number")

    def _counted(self, rows: str, change: str) -> str:
        # In the order of ids, so that two jobs that count the same records wait for each other, and never in a ring.
        table = 'm."table"' if self.from_mapping else 'p."table"'
        join = f" JOIN {self.mappings} m ON m.id = p.mapping_id" if self.from_mapping else ""
        numbers = (
            f"SELECT {table} AS name, p.local_id AS id, COUNT(*) AS number FROM {rows} p{join} "  # nosec B608
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return f'UPDATE {self.listed} l SET {change} FROM ({numbers}) n WHERE l."table" = n.name AND l.local_id = n.id'  # nosec B608

    def one_added(self, row: str) -> str:
        return self._one(row, "couplings = couplings + 1, coupled = TRUE")

    def one_removed(self, row: str) -> str:
        return self._one(row, "couplings = couplings - 1, coupled = couplings > 1")

    def _one(self, row: str, change: str) -> str:
        mapped = f'(SELECT "table" FROM {self.mappings} WHERE id = {row}.mapping_id)'  # nosec B608
        table = mapped if self.from_mapping else f'{row}."table"'
        return f'UPDATE {self.listed} SET {change} WHERE "table" = {table} AND local_id = {row}.local_id'  # nosec B608


def _add(table: LocalTable, rows: str, row: str = "r") -> str:
    """List the records in `rows`, or the one `row`, each with the couplings it has already."""
    name = _literal(table.name)
    record, company, key = (f"{row}.{_quoted(_column(table, one))}" for one in ("system_id", "company", table.key))
    mappings = _quoted(IntegrationTableMapping._meta.db_table)
    counted = (
        f"(SELECT COUNT(*) FROM {_quoted(Coupling._meta.db_table)} c "  # nosec B608
        f'WHERE c.company_id = {company} AND c."table" = {name} AND c.local_id = {record}) + '
        f"(SELECT COUNT(*) FROM {mappings} m JOIN {_quoted(OptionMapping._meta.db_table)} o ON o.mapping_id = m.id "
        f'WHERE m.company_id = {company} AND m."table" = {name} AND o.local_id = {record})'
    )
    given = f" FROM {rows} r" if rows else ""
    return (
        f'INSERT INTO {_quoted(Listed._meta.db_table)} (company_id, "table", local_id, "key", couplings, coupled) '  # nosec B608
        f"SELECT n.company_id, {name}, n.local_id, n.listed_key, n.couplings, n.couplings > 0 FROM ("
        f"SELECT {company} AS company_id, {record} AS local_id, {key if _ordered_by_key(table) else _literal('')} "
        f"AS listed_key, {counted} AS couplings{given}) n"
    )


def _column(table: LocalTable, name: str) -> str:
    return str(table.model._meta.get_field(name).column)  # type: ignore[union-attr]


def _sqlite(model: type[models.Model], table: str, what: Any) -> Iterator[_Trigger]:
    """Triggers of rows: SQLite has no others."""
    on = str(model._meta.db_table)
    changed = " OR ".join(f"OLD.{_quoted(one)} IS NOT NEW.{_quoted(one)}" for one in what.watched)
    added, removed = what.one_added("NEW"), what.one_removed("OLD")
    for event, timing, body in (
        ("added", f"AFTER INSERT ON {_quoted(on)} FOR EACH ROW", added),
        ("removed", f"AFTER DELETE ON {_quoted(on)} FOR EACH ROW", removed),
        (
            "changed",
            f"AFTER UPDATE OF {', '.join(map(_quoted, what.watched))} ON {_quoted(on)} FOR EACH ROW WHEN {changed}",
            f"{removed}; {added}",
        ),
    ):
        rest = f"{timing} BEGIN {body}; END"
        name = _named(on, event, rest)
        yield _Trigger(name, on, table, (f"CREATE TRIGGER {_quoted(name)} {rest}",))


def _postgresql(model: type[models.Model], table: str, what: Any) -> Iterator[_Trigger]:
    """Triggers of statements, each one set of rows; of rows where a watched column changed, which is rare.

    The statements are planned each time they run (EXECUTE): a plan made while a table was empty would stay.
    """
    on = str(model._meta.db_table)
    changed = " OR ".join(f"OLD.{_quoted(one)} IS DISTINCT FROM NEW.{_quoted(one)}" for one in what.watched)
    row = f"(SELECT ($1::{_quoted(on)}).*)"
    events: tuple[tuple[str, str, str], ...] = (
        ("added", "AFTER INSERT {on} REFERENCING NEW TABLE AS written FOR EACH STATEMENT",
         _execute(what.added("written"))),
        ("removed", "AFTER DELETE {on} REFERENCING OLD TABLE AS written FOR EACH STATEMENT",
         _execute(what.removed("written"))),
        ("changed", f"AFTER UPDATE OF {', '.join(map(_quoted, what.watched))} {{on}} FOR EACH ROW WHEN ({changed})",
         _execute(what.removed(row), "OLD") + _execute(what.added(row), "NEW")),
    )  # fmt: skip
    for event, timing, body in events:
        name = _named(on, event, timing + body)
        yield _Trigger(name, on, table, (
            f"CREATE OR REPLACE FUNCTION {_quoted(name)}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$function$ BEGIN {body} RETURN NULL; END $function$",
            f"CREATE TRIGGER {_quoted(name)} {timing.format(on=f'ON {_quoted(on)}')} "
            f"EXECUTE FUNCTION {_quoted(name)}()",
        ))  # fmt: skip


def _execute(statement: str, row: str = "") -> str:
    return f"EXECUTE $statement${statement}$statement${f' USING {row}' if row else ''};"


def _named(on: str, event: str, text: str) -> str:
    """A name that says what the trigger does, to the letter: another version of it has another name."""
    return f"{_PREFIX}{event}_{hashlib.sha256(f'{on} {text}'.encode()).hexdigest()[:16]}"


def _known(connection: Any, cursor: Any) -> dict[str, str]:
    """The triggers that lie in the database: name -> table."""
    if connection.vendor == "postgresql":
        cursor.execute(
            "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE t.tgname LIKE %s AND pg_table_is_visible(c.oid)",
            [f"{_PREFIX}%"],
        )
    else:
        cursor.execute(
            "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s", [f"{_PREFIX}%"]
        )
    return dict(cursor.fetchall())


def _drop(connection: Any, name: str) -> str:
    if connection.vendor == "postgresql":
        return f"DROP FUNCTION {_quoted(name)}() CASCADE"
    return f"DROP TRIGGER {_quoted(name)}"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
