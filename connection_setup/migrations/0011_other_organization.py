from typing import Any

from django.db import migrations, models

SETTINGS = (
    "environment_url", "cloud", "tenant_id", "client_id", "authentication_type", "user_name", "sandbox_ca_file",
)  # fmt: skip


def store_settings(apps: Any, schema_editor: Any) -> None:
    """Store what leads to the organization where it is known: with connections that still have their row in it."""
    connections = apps.get_model("connection_setup", "DataverseConnection").objects
    for one in connections.filter(organization_id__isnull=False, company_row_id__isnull=False):
        one.enabled_settings = {name: getattr(one, name) for name in SETTINGS}
        one.save(update_fields=["enabled_settings"])


class Migration(migrations.Migration):

    dependencies = [("connection_setup", "0010_problem_fix_and_in_progress")]

    operations = [
        migrations.AddField(
            model_name="dataverseconnection",
            name="enabled_settings",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="The settings that led to that organization when enabled, no secret.",
            ),
        ),
        migrations.AddField(
            model_name="dataverseconnection",
            name="other_organization_id",
            field=models.UUIDField(
                blank=True,
                null=True,
                help_text="Another organization that answered when the environment was asked last.",
            ),
        ),
        migrations.AddField(
            model_name="dataverseconnection",
            name="other_organization_name",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="dataverseconnection",
            name="other_organization_url",
            field=models.CharField(blank=True, max_length=250),
        ),
        migrations.AddField(
            model_name="dataverseconnection",
            name="other_organization_at",
            field=models.DateTimeField(blank=True, null=True, help_text="When it was seen first."),
        ),
        migrations.RunPython(store_settings, migrations.RunPython.noop),
    ]
