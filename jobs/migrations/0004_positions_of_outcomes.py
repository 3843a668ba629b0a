"""Outcomes have a position among their job's outcomes of the same outcome and reason; those there are get theirs."""

from typing import Any

from django.db import migrations, models


def number(apps: Any, schema_editor: Any) -> None:
    """Number the outcomes in the order they were written."""
    schema_editor.execute(
        "UPDATE jobs_joboutcome SET position = n.nth FROM ("
        "SELECT id, ROW_NUMBER() OVER (PARTITION BY job_id, outcome, reason ORDER BY id) AS nth FROM jobs_joboutcome"
        ") AS n WHERE n.id = jobs_joboutcome.id"
    )


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_jobs_of_a_company")]

    operations = [
        migrations.RemoveIndex(model_name="joboutcome", name="outcome_by_reason"),
        migrations.AddField(
            model_name="joboutcome",
            name="position",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Its number, from 1, among the job's outcomes of the same outcome and reason; 0: none.",
            ),
        ),
        migrations.RunPython(number, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="joboutcome",
            index=models.Index(fields=["job", "outcome", "reason", "position", "id"], name="outcome_by_position"),
        ),
    ]
