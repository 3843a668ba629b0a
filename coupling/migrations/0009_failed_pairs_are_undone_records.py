"""Pairs that failed, or were left out after failing twice, stand undone: with what their couplings tell."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import migrations
from django.utils import timezone

PART = 1000
HOUR = timedelta(hours=1)


def list_failed_pairs(apps: Any, schema_editor: Any) -> None:
    """Make a line for each; the next run tries those again that were not left out, the others come an hour later."""
    coupling, undone = apps.get_model("coupling", "Coupling"), apps.get_model("coupling", "UndoneRecord")
    using, now = schema_editor.connection.alias, timezone.now()

    def lines() -> Iterator[Any]:
        failed = coupling.objects.using(using).exclude(last_to_reason="", last_from_reason="", skipped=False)
        for pair in failed.order_by("pk").iterator(chunk_size=PART):
            yield undone(
                company_id=pair.company_id, mapping_id=pair.mapping_id, coupling_id=pair.pk, local_id=pair.local_id,
                integration_id=pair.integration_id, reason=pair.last_to_reason or pair.last_from_reason,
                condition=pair.last_error, attempts=2 if pair.skipped else 1, job_id=pair.last_job_id,
                look_at=now + HOUR if pair.skipped else now, since=now, last_at=now,
            )  # fmt: skip

    found = lines()
    while part := list(islice(found, PART)):
        undone.objects.using(using).bulk_create(part)


class Migration(migrations.Migration):
    dependencies = [("coupling", "0008_undone_records")]

    operations = [migrations.RunPython(list_failed_pairs, migrations.RunPython.noop)]
