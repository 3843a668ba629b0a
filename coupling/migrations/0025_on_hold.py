"""A mapping may rest until a record here changes: since when it does."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("coupling", "0024_criteria_sets")]

    operations = [
        migrations.AddField(
            model_name="integrationtablemapping",
            name="on_hold_since",
            field=models.DateTimeField(
                blank=True,
                help_text="Since when it waits for a record here to change, or for its timeout to end.",
                null=True,
            ),
        ),
    ]
