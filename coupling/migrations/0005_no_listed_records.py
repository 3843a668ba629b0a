"""The table behind lists of coupled and uncoupled records goes, and first the triggers that kept it.

They lie on the tables of records, also those of other apps. Each of them, and each PostgreSQL function, is named
listed_...
"""

from typing import Any

from django.db import migrations

_PREFIX = "listed_"


def drop_triggers(apps: Any, schema_editor: Any) -> None:  # noqa: ARG001
    """Drop every trigger and function of that name; on PostgreSQL a function takes its triggers with it."""
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        found = "SELECT proname FROM pg_proc WHERE prorettype = 'trigger'::regtype AND pg_function_is_visible(oid)"
        drop = "DROP FUNCTION {}() CASCADE"
    elif connection.vendor == "sqlite":
        found, drop = "SELECT name FROM sqlite_master WHERE type = 'trigger'", "DROP TRIGGER {}"
    else:
        return
    with connection.cursor() as cursor:
        cursor.execute(found)
        for (name,) in cursor.fetchall():
            if name.startswith(_PREFIX):
                cursor.execute(drop.format(connection.ops.quote_name(name)))


class Migration(migrations.Migration):
    dependencies = [("coupling", "0004_one_index_for_each_side")]

    operations = [
        migrations.RunPython(drop_triggers, migrations.RunPython.noop),
        migrations.DeleteModel(name="Listed"),
    ]
