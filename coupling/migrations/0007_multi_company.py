from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("coupling", "0006_selections")]

    operations = [
        migrations.AddField(
            "integrationtablemapping",
            "multi_company",
            models.BooleanField(
                default=False,
                help_text="Rows of every company take part, and none belongs to one company alone.",
                verbose_name="Multi-Company Synchronization Enabled",
            ),
        ),
    ]
