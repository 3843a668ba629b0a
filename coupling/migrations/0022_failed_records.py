"""Records that coupling failed with, each once: the list of failures does not go through the outcomes of all jobs."""

from itertools import islice
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

PART = 2000


def fill(apps: Any, schema_editor: Any) -> None:
    """Note the newest failure of each record, as far as coupling jobs have kept it."""
    database = schema_editor.connection.alias
    failed_record = apps.get_model("coupling", "FailedRecord")
    mappings = apps.get_model("coupling", "IntegrationTableMapping").objects.using(database)
    by_name = {(one.company_id, one.name): one.pk for one in mappings.only("pk", "company_id", "name")}
    outcomes = apps.get_model("jobs", "JobOutcome").objects.using(database)
    failed = outcomes.filter(outcome="failed", job__type="coupling", local_id__isnull=False).order_by("-pk")
    rows = failed.values_list(
        "job_id", "job__company_id", "job__mapping_name", "job__ended_at", "job__created_at", "reason", "local_id",
        "local_key", "local_name",
    ).iterator(chunk_size=PART)  # fmt: skip
    while part := list(islice(rows, PART)):
        failed_record.objects.using(database).bulk_create(
            [
                failed_record(
                    company_id=company, mapping_id=by_name[company, name], local_id=local_id, local_key=key,
                    local_name=title, reason=reason, job_id=job, failed_at=ended or created,
                )
                for job, company, name, ended, created, reason, local_id, key, title in part
                if (company, name) in by_name
            ],
            ignore_conflicts=True,  # older failures of the same record
        )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("coupling", "0021_contacts_of_accounts"),
        ("jobs", "0011_one_index_of_the_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FailedRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("local_id", models.UUIDField()),
                (
                    "local_key",
                    models.CharField(blank=True, help_text="The record's number or code.", max_length=80),
                ),
                ("local_name", models.CharField(blank=True, max_length=200)),
                ("reason", models.CharField(max_length=24)),
                (
                    "nearly",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="Per cent that it has in common with the row that is nearly alike; 0: there is none.",
                    ),
                ),
                ("job_id", models.BigIntegerField(help_text="The job that failed with it.")),
                ("failed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "seen",
                    models.CharField(
                        blank=True,
                        help_text="A hash of what the job saw on both sides: another one ends ignoring it.",
                        max_length=32,
                    ),
                ),
                ("ignored_at", models.DateTimeField(null=True)),
                ("ignored_because", models.CharField(blank=True, max_length=200)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                        to="masterdata.company",
                    ),
                ),
                (
                    "ignored_by",
                    models.ForeignKey(
                        db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "mapping",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                        to="coupling.integrationtablemapping",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["company", "reason", "-nearly", "local_key", "id"], name="failed_in_order"),
                    models.Index(fields=["job_id", "reason"], name="failed_of_job"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("mapping", "local_id"), name="failed_once_per_record")
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]  # fmt: skip
