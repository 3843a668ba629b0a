"""Waits that Dataverse asked for are stored, so that all processes keep them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connection_setup", "0011_other_organization")]

    operations = [
        migrations.CreateModel(
            name="ServiceWait",
            fields=[
                (
                    "key",
                    models.CharField(
                        help_text="Hash of the environment's origin and the user that signs in.",
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("until", models.DateTimeField()),
            ],
        ),
    ]
