"""Couplings lean: what synchronization knows of a pair moves to its base, and has a row only where there is something.

The pair itself has two indexes: that by a record's id begins with the mapping, and takes the place of one by mapping.
Each of the two tables is written anew beside the old one, in parts of PART pairs, and then takes its place in one step.
What is written tells how far it came: killed in the middle, the next `migrate` goes on from there, and until a table is
replaced the old one stands as it was. On PostgreSQL one statement narrows the table of couplings, wholly or not at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models, transaction
from django.db.migrations.operations.base import Operation

import core.compact_ids

MOVED = (
    "version", "local_modified_at", "synchronized_at", "last_job_id", "compared", "last_to_reason", "last_from_reason",
    "last_error", "skipped", "conflict",
)  # fmt: skip
KNOWN = "c.compared OR c.skipped OR c.last_job_id IS NOT NULL OR c.conflict IS NOT NULL OR c.last_error <> ''"
NEW_BASE, NEW_COUPLING = "coupling_newbase", "new__coupling_coupling"
PART = 20_000
"""Pairs of one transaction."""


class Split(Operation):
    """Move what bases hold from now on; `operations` say how the models change."""

    reversible = False
    reduces_to_sql = False

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: Any) -> None:
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        connection = schema_editor.connection
        made, base, coupling = (
            to_state.apps.get_model(app_label, name) for name in ("NewCouplings", "CouplingBase", "Coupling")
        )
        if not _columns(connection, made._meta.db_table):
            with _step(connection) as editor:
                editor.create_model(made)
        if MOVED[0] not in _columns(connection, base._meta.db_table):
            self._move_what_is_known(connection, base)
        if MOVED[0] in _columns(connection, coupling._meta.db_table):
            if connection.vendor == "postgresql":
                self._narrow_on_postgresql(connection)
            else:
                self._narrow_on_sqlite(connection, coupling)
        with _step(connection) as editor:
            editor.execute(
                "INSERT INTO coupling_newcouplings (mapping_id, job_id, first, last) "
                "SELECT mapping_id, 0, MIN(id), MAX(id) FROM coupling_coupling c WHERE NOT pending AND NOT EXISTS "
                "(SELECT 1 FROM coupling_couplingbase b WHERE b.coupling_id = c.id) GROUP BY mapping_id "
                "ON CONFLICT DO NOTHING"
            )

    def describe(self) -> str:
        return "Move what synchronization knows of couplings"

    def _move_what_is_known(self, connection: Any, base: Any) -> None:
        table, values = base._meta.db_table, connection.ops.quote_name("values")
        if not _columns(connection, NEW_BASE):
            with _step(connection) as editor, _named(base, NEW_BASE):
                editor.create_model(base)
                if connection.vendor == "postgresql":  # so that a run changes a row where it stands (0003)
                    editor.execute(f"ALTER TABLE {NEW_BASE} SET (fillfactor = 50)")
        _copy(
            connection,
            f"INSERT INTO {NEW_BASE} (coupling_id, company_id, mapping_id, {values}, {', '.join(MOVED)}) "  # nosec B608
            f"SELECT c.id, c.company_id, c.mapping_id, b.{values}, {', '.join(f'c.{name}' for name in MOVED)} "
            f"FROM coupling_coupling c LEFT JOIN {table} b ON b.coupling_id = c.id "
            f"WHERE c.id > (SELECT COALESCE(MAX(coupling_id), 0) FROM {NEW_BASE}) "
            f"AND (b.coupling_id IS NOT NULL OR {KNOWN}) ORDER BY c.id LIMIT {PART}",
        )
        with _step(connection) as editor:
            editor.execute(f"DROP TABLE {table}")
            editor.execute(f"ALTER TABLE {NEW_BASE} RENAME TO {table}")
            if connection.vendor == "postgresql":  # where an index has a name of its own in the schema
                editor.execute(f"ALTER INDEX {NEW_BASE}_pkey RENAME TO {table}_pkey")

    @staticmethod
    def _narrow_on_postgresql(connection: Any) -> None:
        """Drop the columns, and have the table written anew: a column's type is changed, to what it is."""
        dropped = ", ".join(f"DROP COLUMN {name}" for name in MOVED)
        with _step(connection) as editor:
            editor.execute("ALTER TABLE coupling_coupling RESET (fillfactor)")
            editor.execute("ALTER TABLE coupling_coupling DROP CONSTRAINT coupled_once_per_record")
            editor.execute("DROP INDEX IF EXISTS coupling_coupling_mapping_id_aaa5af78")
            editor.execute(
                f"ALTER TABLE coupling_coupling {dropped}, ALTER COLUMN created_at DROP NOT NULL, "
                "ALTER COLUMN method TYPE varchar(8) USING method || ''"
            )
            editor.execute(
                "ALTER TABLE coupling_coupling ADD CONSTRAINT coupled_once_per_record UNIQUE (mapping_id, local_id)"
            )

    @staticmethod
    def _narrow_on_sqlite(connection: Any, coupling: Any) -> None:
        """Copy the table without the columns, once, as Django does for each column by itself."""
        table, quote = coupling._meta.db_table, connection.ops.quote_name
        if not _columns(connection, NEW_COUPLING):
            with _step(connection) as editor:
                sql, _ = editor.table_sql(coupling)
                editor.execute(sql.replace(f'"{table}"', f'"{NEW_COUPLING}"', 1), params=None)
        names = ", ".join(quote(field.column) for field in coupling._meta.local_concrete_fields)
        # Of 32 letters 16 bytes, as core.compact_ids keeps them.
        connection.ensure_connection()
        connection.connection.create_function(
            "bytes_of_id", 1, lambda letters: letters and bytes.fromhex(letters), deterministic=True
        )
        given = names.replace('"organization_id"', 'bytes_of_id("organization_id")')
        _copy(
            connection,
            f"INSERT INTO {NEW_COUPLING} ({names}) SELECT {given} FROM {table} "  # nosec B608
            f"WHERE id > (SELECT COALESCE(MAX(id), 0) FROM {NEW_COUPLING}) ORDER BY id LIMIT {PART}",
        )
        with _step(connection) as editor:
            # Ids of couplings that are gone are never given again: outcomes know them by these.
            editor.execute(f"DELETE FROM sqlite_sequence WHERE name = '{NEW_COUPLING}'")  # nosec B608
            editor.execute(
                f"INSERT INTO sqlite_sequence (name, seq) "  # nosec B608
                f"SELECT '{NEW_COUPLING}', seq FROM sqlite_sequence WHERE name = '{table}'"
            )
            editor.execute(f"DROP TABLE {table}")
            editor.execute(f"ALTER TABLE {NEW_COUPLING} RENAME TO {table}")
            editor.deferred_sql.extend(editor._model_indexes_sql(coupling))


@contextmanager
def _step(connection: Any) -> Iterator[Any]:
    """Provide what changes the schema in a transaction of its own: all that is done in it stays, or nothing does."""
    with connection.schema_editor(atomic=True) as editor:
        yield editor


@contextmanager
def _named(model: Any, table: str) -> Iterator[None]:
    """Have a model's table called otherwise meanwhile."""
    own, model._meta.db_table = model._meta.db_table, table
    try:
        yield
    finally:
        model._meta.db_table = own


def _columns(connection: Any, table: str) -> set[str]:
    """Return the columns of a table; none where it is not there."""
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return set()
        return {one.name for one in connection.introspection.get_table_description(cursor, table)}


def _copy(connection: Any, sql: str) -> None:
    """Copy part by part, by a statement that goes on behind what is there, until there is nothing left."""
    while _copy_part(connection, sql):
        pass


def _copy_part(connection: Any, sql: str) -> int:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.rowcount)


class Migration(migrations.Migration):

    atomic = False  # in steps, each of which is

    dependencies = [
        ('coupling', '0019_coupling_criterion'),
        ('masterdata', '0006_sales_tables'),
        ('sync', '0006_deleted_records_by_name'),  # which read the columns that go
    ]

    operations = [
        Split([
        migrations.CreateModel(
            name='NewCouplings',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('job_id', models.BigIntegerField()),
                ('first', models.BigIntegerField(help_text='The id of the first one.')),
                ('last', models.BigIntegerField(help_text='The id of the last one; not all between them are theirs, or are there.')),
            ],
        ),
        migrations.AddField(
            model_name='newcouplings',
            name='mapping',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='coupling.integrationtablemapping'),
        ),
        migrations.AddConstraint(
            model_name='newcouplings',
            constraint=models.UniqueConstraint(fields=('mapping', 'job_id'), name='new_couplings_of_job'),
        ),
        migrations.AlterField(
            model_name='coupling',
            name='organization_id',
            field=core.compact_ids.CompactUUIDField(help_text='The organization it was made in; another one is never written.', null=True),
        ),
        migrations.RemoveConstraint(
            model_name='coupling',
            name='coupled_once_per_record',
        ),
        migrations.AlterField(
            model_name='coupling',
            name='created_at',
            field=models.DateTimeField(default=django.utils.timezone.now, help_text='Blank for what a coupling job made: it was while that ran.', null=True),
        ),
        migrations.AlterField(
            model_name='coupling',
            name='mapping',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='couplings', to='coupling.integrationtablemapping'),
        ),
        migrations.AddConstraint(
            model_name='coupling',
            constraint=models.UniqueConstraint(fields=('mapping', 'local_id'), name='coupled_once_per_record'),
        ),
        migrations.RemoveIndex(
            model_name='coupling',
            name='coupling_conflict',
        ),
        migrations.RemoveIndex(
            model_name='coupling',
            name='coupling_unsettled',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='compared',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='conflict',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='last_error',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='last_from_reason',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='last_job_id',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='last_to_reason',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='local_modified_at',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='skipped',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='synchronized_at',
        ),
        migrations.RemoveField(
            model_name='coupling',
            name='version',
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='company',
            field=models.ForeignKey(db_constraint=False, db_index=False, default=None, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='masterdata.company'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='compared',
            field=models.BooleanField(default=False, help_text='A run has dealt with the pair, or it was created alike on both sides.'),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='conflict',
            field=models.JSONField(blank=True, help_text='Fields changed on both sides, waiting for a person.', null=True),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='last_error',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='last_from_reason',
            field=models.CharField(blank=True, help_text='Why the last write to this side failed.', max_length=24),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='last_job_id',
            field=models.BigIntegerField(help_text='The last synchronization that settled this pair.', null=True),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='last_to_reason',
            field=models.CharField(blank=True, help_text='Why the last write to Dataverse failed.', max_length=24),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='local_modified_at',
            field=models.DateTimeField(help_text="The local record's modified_at at the last synchronization.", null=True),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='mapping',
            field=models.ForeignKey(db_constraint=False, db_index=False, default=None, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='coupling.integrationtablemapping'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='skipped',
            field=models.BooleanField(default=False, help_text='Failed twice the same way: left out of runs in which nothing about it changed.'),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='synchronized_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='couplingbase',
            name='version',
            field=models.CharField(blank=True, help_text="The Dataverse row's etag at the last synchronization.", max_length=40),
        ),
        migrations.AlterField(
            model_name='couplingbase',
            name='values',
            field=models.BinaryField(help_text='What both sides agreed on at the last synchronization: field -> canonical value, packed (msgpack). Blank: the pair has no history.', null=True),
        ),
        migrations.AddIndex(
            model_name='couplingbase',
            index=models.Index(condition=models.Q(('conflict__isnull', False)), fields=['company', 'coupling'], name='base_conflict'),
        ),
        migrations.AddIndex(
            model_name='couplingbase',
            index=models.Index(condition=models.Q(('compared', False), models.Q(models.Q(models.Func(models.F('last_to_reason'), output_field=models.BooleanField(), template="(%(expressions)s <> '')"), models.Func(models.F('last_from_reason'), output_field=models.BooleanField(), template="(%(expressions)s <> '')"), _connector='OR'), ('conflict__isnull', True), ('skipped', False)), _connector='OR'), fields=['mapping', 'coupling'], name='base_unsettled'),
        ),
        ]),
    ]
