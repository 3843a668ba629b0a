from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("jobs", "0006_import_jobs")]

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
                ],
                max_length=24,
            ),
        ),
    ]
