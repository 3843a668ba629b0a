"""Half of each page of couplings is left free, so that PostgreSQL changes a row where it stands.

A coupling is inserted pending and confirmed in the next transaction; on a full page each confirmation would put the row
on another page and write it into all its indexes once more.
"""

from typing import Any

from django.db import migrations


def _leave(apps: Any, schema_editor: Any, options: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        table = apps.get_model("coupling", "Coupling")._meta.db_table
        schema_editor.execute(f'ALTER TABLE "{table}" {options}')


def leave_room(apps: Any, schema_editor: Any) -> None:
    _leave(apps, schema_editor, "SET (fillfactor = 50)")


def fill_up(apps: Any, schema_editor: Any) -> None:
    _leave(apps, schema_editor, "RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [("coupling", "0002_listed_records")]

    operations = [migrations.RunPython(leave_room, fill_up, elidable=False)]
