"""Rows that could not be created here are undone records, which also say why.

Pairs that were outside a filter were told once and stand nowhere: a run read their rows and kept no version of them. The
next run compares these, and lists what is still outside.
"""

from itertools import islice
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


def compare_again(apps: Any, schema_editor: Any) -> None:
    """Have the next run compare the pairs whose row was read and left as it was.

    Not those of mappings to Dataverse alone: their new rows get no version, and there may be a million of them.
    """
    coupling, due = apps.get_model("coupling", "Coupling"), apps.get_model("sync", "DuePair")
    using = schema_editor.connection.alias
    left = coupling.objects.using(using).filter(
        version="", pending=False, last_job_id__isnull=False, conflict__isnull=True, last_to_reason="",
        last_from_reason="",
    )
    left = left.exclude(mapping__direction="to_integration_table").exclude(pk__in=due.objects.using(using).values("pk"))
    found = left.order_by("pk").values_list("pk", "mapping_id").iterator(chunk_size=PART)
    while part := list(islice(found, PART)):
        due.objects.using(using).bulk_create(due(coupling_id=pk, mapping_id=mapping_id) for pk, mapping_id in part)


class Migration(migrations.Migration):
    dependencies = [("sync", "0002_unconfirmed_writes"), ("coupling", "0008_undone_records")]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop),
        migrations.RunPython(compare_again, migrations.RunPython.noop),
    ]
