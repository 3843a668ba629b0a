"""Rows that could not be created here are undone records, which also say why."""

from typing import Any

from django.db import migrations
from django.utils import timezone

PART = 1000
CONDITION = "It could not be created here. The next run tries again, and says what holds it back."


def move(apps: Any, schema_editor: Any) -> None:
    """Make an undone record of each failed row; the next run tries it again, also those tried twice before."""
    failed, undone = apps.get_model("sync", "FailedRow"), apps.get_model("coupling", "UndoneRecord")
    using, now = schema_editor.connection.alias, timezone.now()
    lines = [
        undone(
            company_id=row.mapping.company_id, mapping_id=row.mapping_id, integration_id=row.integration_id,
            reason="refused", condition=CONDITION, look_at=now, since=now, last_at=now,
        )
        for row in failed.objects.using(using).select_related("mapping")
    ]  # fmt: skip
    undone.objects.using(using).bulk_create(lines, batch_size=PART)


class Migration(migrations.Migration):
    dependencies = [("sync", "0002_unconfirmed_writes"), ("coupling", "0008_undone_records")]

    operations = [migrations.RunPython(move, migrations.RunPython.noop)]
