"""The index by record begins with the job, so that one by the job alone was written with each row and served nobody."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0014_previews"),
    ]

    operations = [
        migrations.AlterField(
            model_name="jobrecord",
            name="job",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="records", to="jobs.job"
            ),
        ),
    ]
