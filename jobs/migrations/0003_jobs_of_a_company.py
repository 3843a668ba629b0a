"""A company's jobs in the order of their ids, from an index alone; it serves as the company's own index did."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_lists_of_jobs"), ("masterdata", "0002_names_with_ids")]

    operations = [
        migrations.AddIndex(
            model_name="job", index=models.Index(fields=["company", "-id"], name="job_of_company")
        ),
        migrations.AlterField(
            model_name="job",
            name="company",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="jobs",
                to="masterdata.company",
            ),
        ),
    ]
