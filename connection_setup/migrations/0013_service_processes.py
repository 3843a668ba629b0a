"""Each process that sends as a user says so, so that all of them divide what Dataverse recommends to send at once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connection_setup", "0012_service_waits")]

    operations = [
        migrations.CreateModel(
            name="ServiceProcess",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        help_text="Hash of the environment's origin and the user that signs in.", max_length=64
                    ),
                ),
                ("process", models.CharField(max_length=32)),
                ("seen", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=["key", "process"], name="service_process_unique")]
            },
        ),
    ]
