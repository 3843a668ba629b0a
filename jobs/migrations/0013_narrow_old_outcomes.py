"""Outcomes that hold their texts keep what is their own alone, and are told as before (jobs.wording).

Nothing of them is lost, so also those of records that coupled stay rows: what is told of newer ones from their couplings
are the values that records have now, and these hold those of then. It is done in parts of PART rows, each of which is
saved by itself; a row is read the same before and after. Killed in the middle, the next `migrate` does the rest.
"""

from typing import Any

from django.db import migrations, transaction

from core import bulk
from jobs.wording import Wording, names_of

PART = 5_000


def narrow(apps: Any, schema_editor: Any) -> None:
    """Narrow the rows that are not yet."""
    alias, behind = schema_editor.connection.alias, 0
    rows = apps.get_model("jobs", "JobOutcome").objects.using(alias)
    wide = rows.filter(arguments=None).exclude(message="", detail__isnull=True).order_by("pk")
    while part := list(wide.filter(pk__gt=behind)[:PART]):
        behind = part[-1].pk
        narrow_part(apps, alias, part)


def narrow_part(apps: Any, alias: str, part: list[Any]) -> None:
    """Narrow some rows and save them, in one transaction."""
    wordings = apps.get_model("jobs", "OutcomeWording").objects.using(alias)
    with transaction.atomic(using=alias):
        stored = {one.job_id: one for one in wordings.filter(job__in={row.job_id for row in part})}
        known = {job_id: Wording(one.entries) for job_id, one in stored.items()}
        narrowed = []
        for row in part:
            wording = known.setdefault(row.job_id, Wording())
            names = names_of(row.local_key, row.local_name, row.integration_name, row.integration_id, row.local_id)
            arguments = wording.narrow(row.message, row.detail, names)
            if arguments is not None:
                narrowed.append((row, arguments))
        for job_id, wording in known.items():
            if wording.grew and job_id in stored:
                wordings.filter(pk=stored[job_id].pk).update(entries=wording.dump())
            elif job_id not in stored:
                stored[job_id] = wordings.create(job_id=job_id, entries=wording.dump())
        values = [(row.pk, "", None, stored[row.job_id].pk, arguments) for row, arguments in narrowed]
        bulk.update(
            apps.get_model("jobs", "JobOutcome"), "id", ("message", "detail", "wording_id", "arguments"), values
        )


class Migration(migrations.Migration):

    atomic = False  # in parts, each of which is

    dependencies = [
        ('jobs', '0012_narrow_outcomes'),
    ]

    operations = [
        migrations.RunPython(narrow),
    ]
