"""What synchronization leaves undone gets a table of its own, and pending couplings an index."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("coupling", "0007_multi_company"),
        ("masterdata", "0003_ids_in_the_order_of_time"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="coupling", name="coupling_skipped"),
        migrations.AlterField(
            model_name="coupling",
            name="skipped",
            field=models.BooleanField(
                default=False, help_text="Failed twice the same way: left out of runs in which nothing about it changed."
            ),
        ),
        migrations.CreateModel(
            name="UndoneRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("local_id", models.UUIDField(null=True)),
                ("integration_id", models.UUIDField(null=True)),
                (
                    "local_key",
                    models.CharField(blank=True, help_text="The local record's number or code.", max_length=80),
                ),
                ("local_name", models.CharField(blank=True, max_length=200)),
                ("integration_name", models.CharField(blank=True, max_length=200)),
                ("reason", models.CharField(max_length=24)),
                ("condition", models.TextField(help_text="What holds it back, and what to do, in words.")),
                (
                    "waits_for",
                    models.CharField(
                        blank=True,
                        help_text="The reference whose coupling ends it (sync.rules.values.Reference).",
                        max_length=160,
                    ),
                ),
                ("successor_id", models.UUIDField(help_text="The row that its row was merged into.", null=True)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "attempts",
                    models.PositiveIntegerField(default=1, help_text="Runs in a row that met this condition."),
                ),
                ("last_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("job_id", models.BigIntegerField(help_text="The last job that met the condition.", null=True)),
                (
                    "look_at",
                    models.DateTimeField(
                        help_text="When a run takes it up by itself; blank: once a side or the mapping changes.",
                        null=True,
                    ),
                ),
                ("settled_at", models.DateTimeField(help_text="When a person said that it stays as it is.", null=True)),
            ],
        ),
        migrations.AddIndex(
            model_name="coupling",
            index=models.Index(
                condition=models.Q(("pending", True)), fields=["mapping", "local_id"], name="coupling_pending"
            ),
        ),
        migrations.AddField(
            model_name="undonerecord",
            name="company",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="masterdata.company"
            ),
        ),
        migrations.AddField(
            model_name="undonerecord",
            name="coupling",
            field=models.OneToOneField(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="undone",
                to="coupling.coupling",
            ),
        ),
        migrations.AddField(
            model_name="undonerecord",
            name="mapping",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="undone_records",
                to="coupling.integrationtablemapping",
            ),
        ),
        migrations.AddIndex(
            model_name="undonerecord",
            index=models.Index(fields=["company", "id"], name="undone_by_company"),
        ),
        migrations.AddIndex(
            model_name="undonerecord",
            index=models.Index(fields=["mapping", "local_id"], name="undone_by_record"),
        ),
        migrations.AddIndex(
            model_name="undonerecord",
            index=models.Index(fields=["mapping", "integration_id"], name="undone_by_row"),
        ),
    ]
