"""A mapping keeps the brakes of its couplings."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("coupling", "0027_saved_views")]

    operations = [
        migrations.AddField(
            model_name="integrationtablemapping",
            name="brakes",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="Above what a coupling stops, as coupling.brakes dumps it: {} for no limit.",
            ),
        ),
    ]
