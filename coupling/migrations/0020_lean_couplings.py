"""Couplings lean: what synchronization knows of a pair moves to its base, and has a row only where there is something.

The pair itself has two indexes: that by a record's id begins with the mapping, and takes the place of one by mapping.
Each of the two tables is written anew by one statement. Killed in the middle, the database is as it was before.
"""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

import core.compact_ids

MOVED = (
    "version", "local_modified_at", "synchronized_at", "last_job_id", "compared", "last_to_reason", "last_from_reason",
    "last_error", "skipped", "conflict",
)  # fmt: skip
KNOWN = "c.compared OR c.skipped OR c.last_job_id IS NOT NULL OR c.conflict IS NOT NULL OR c.last_error <> ''"
OLD = "coupling_oldbase"


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
        base = to_state.apps.get_model(app_label, "CouplingBase")
        coupling = to_state.apps.get_model(app_label, "Coupling")
        self._move_what_is_known(schema_editor, base)
        if schema_editor.connection.vendor == "postgresql":
            self._narrow_on_postgresql(schema_editor)
        else:
            self._narrow_on_sqlite(schema_editor, coupling)
        schema_editor.execute(
            "INSERT INTO coupling_newcouplings (mapping_id, job_id, first, last) "
            "SELECT mapping_id, 0, MIN(id), MAX(id) FROM coupling_coupling c WHERE NOT pending AND NOT EXISTS "
            "(SELECT 1 FROM coupling_couplingbase b WHERE b.coupling_id = c.id) GROUP BY mapping_id"
        )

    def describe(self) -> str:
        return "Move what synchronization knows of couplings"

    def _move_what_is_known(self, schema_editor: Any, base: Any) -> None:
        table, quote = base._meta.db_table, schema_editor.quote_name
        schema_editor.execute(f"ALTER TABLE {table} RENAME TO {OLD}")
        if schema_editor.connection.vendor == "postgresql":  # where an index has a name of its own in the schema
            schema_editor.execute(f"ALTER INDEX {table}_pkey RENAME TO {OLD}_pkey")
        schema_editor.create_model(base)
        if schema_editor.connection.vendor == "postgresql":  # so that a run changes a row where it stands (0003)
            schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = 50)")
        values, names = quote("values"), ", ".join(MOVED)
        schema_editor.execute(
            f"INSERT INTO {table} (coupling_id, company_id, mapping_id, {values}, {names}) "  # nosec B608
            f"SELECT c.id, c.company_id, c.mapping_id, b.{values}, {', '.join(f'c.{name}' for name in MOVED)} "
            f"FROM coupling_coupling c LEFT JOIN {OLD} b ON b.coupling_id = c.id "
            f"WHERE b.coupling_id IS NOT NULL OR {KNOWN} ORDER BY c.id"
        )
        schema_editor.execute(f"DROP TABLE {OLD}")

    @staticmethod
    def _narrow_on_postgresql(schema_editor: Any) -> None:
        """Drop the columns, and have the table written anew: a column's type is changed, to what it is."""
        schema_editor.execute("ALTER TABLE coupling_coupling RESET (fillfactor)")
        schema_editor.execute("ALTER TABLE coupling_coupling DROP CONSTRAINT coupled_once_per_record")
        schema_editor.execute("DROP INDEX IF EXISTS coupling_coupling_mapping_id_aaa5af78")
        dropped = ", ".join(f"DROP COLUMN {name}" for name in MOVED)
        schema_editor.execute(
            f"ALTER TABLE coupling_coupling {dropped}, ALTER COLUMN created_at DROP NOT NULL, "
            "ALTER COLUMN method TYPE varchar(8) USING method || ''"
        )
        schema_editor.execute(
            "ALTER TABLE coupling_coupling ADD CONSTRAINT coupled_once_per_record UNIQUE (mapping_id, local_id)"
        )

    @staticmethod
    def _narrow_on_sqlite(schema_editor: Any, coupling: Any) -> None:
        """Copy the table without the columns, once, as Django does for each column by itself."""
        table, new = coupling._meta.db_table, "new__coupling_coupling"
        sql, _ = schema_editor.table_sql(coupling)
        schema_editor.execute(sql.replace(f'"{table}"', f'"{new}"', 1), params=None)
        names = ", ".join(schema_editor.quote_name(field.column) for field in coupling._meta.local_concrete_fields)
        # Of 32 letters 16 bytes, as core.compact_ids keeps them.
        schema_editor.connection.connection.create_function(
            "bytes_of_id", 1, lambda letters: letters and bytes.fromhex(letters), deterministic=True
        )
        given = names.replace('"organization_id"', 'bytes_of_id("organization_id")')
        schema_editor.execute(f"INSERT INTO {new} ({names}) SELECT {given} FROM {table} ORDER BY id")  # nosec B608
        # Ids of couplings that are gone are never given again: outcomes know them by these.
        schema_editor.execute(f"DELETE FROM sqlite_sequence WHERE name = '{new}'")  # nosec B608
        schema_editor.execute(
            f"INSERT INTO sqlite_sequence (name, seq) SELECT '{new}', seq FROM sqlite_sequence WHERE name = '{table}'"  # nosec B608
        )
        schema_editor.execute(f"DROP TABLE {table}")
        schema_editor.execute(f"ALTER TABLE {new} RENAME TO {table}")
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(coupling))


class Migration(migrations.Migration):

    dependencies = [
        ('coupling', '0019_coupling_criterion'),
        ('masterdata', '0006_sales_tables'),
        ('sync', '0006_deleted_records_by_name'),  # which read the columns that go
    ]

    operations = [
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
        Split([
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
