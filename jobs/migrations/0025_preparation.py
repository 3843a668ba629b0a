# The kind of job that prepares an environment.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0024_answer_ms"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="type",
            field=models.CharField(
                choices=[
                    ("coupling", "Coupling"),
                    ("uncoupling", "Uncoupling"),
                    ("synchronization", "Synchronization"),
                    ("import", "Import"),
                    ("environment", "Environment change"),
                    ("preview", "Preview"),
                    ("restore", "Put back"),
                    ("suggestion", "Suggestion"),
                    ("undo", "Undo"),
                    ("undo_preview", "Preview of an undo"),
                    ("retention", "Retention"),
                    ("full_preview", "Full preview"),
                    ("preparation", "Preparation"),
                ],
                max_length=24,
            ),
        ),
    ]
