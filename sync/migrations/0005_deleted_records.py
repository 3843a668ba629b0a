"""Due pairs are found by what they wait for, and a pair whose record was deleted here is one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("coupling", "0011_unsettled_index"),
        ("sync", "0004_no_failed_rows"),
    ]

    operations = [
        migrations.AlterField(
            model_name="duepair",
            name="mapping",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="coupling.integrationtablemapping",
            ),
        ),
        migrations.AlterField(
            model_name="duepair",
            name="waits",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", ""),
                    ("record", "Until the record is inside the table filter"),
                    ("row", "Until the row is inside the integration table filter"),
                    ("direction", "Until a run goes both ways"),
                    ("deleted", "Nothing: the record here was deleted"),
                ],
                default="",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="synchstate",
            name="creating",
            field=models.BooleanField(
                default=True,
                help_text="Rows may have been sent for creation of which nobody knows whether they exist.",
            ),
        ),
        migrations.AddField(
            model_name="synchstate",
            name="uncoupled",
            field=models.PositiveIntegerField(
                default=0, help_text="How often couplings of the mapping were deleted."
            ),
        ),
        migrations.AddField(
            model_name="synchstate",
            name="none_left_at",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                help_text="What `uncoupled` was when a run last found no record here to create a row for. While it is "
                "that still, only records changed since need a look.",
            ),
        ),
        migrations.AddIndex(
            model_name="duepair",
            index=models.Index(fields=["mapping", "waits"], name="due_pair_of_mapping"),
        ),
    ]
