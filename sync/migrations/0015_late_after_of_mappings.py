from typing import Any

from django.db import migrations


def carry_over(apps: Any, _editor: Any) -> None:
    """Give the mappings what their schedules held, where somebody had set it."""
    mappings = apps.get_model("coupling", "IntegrationTableMapping")
    for mapping_id, late_after in apps.get_model("sync", "Schedule").objects.values_list("mapping_id", "late_after"):
        minutes = int(late_after.total_seconds() // 60)
        mappings.objects.filter(pk=mapping_id).exclude(late_after_minutes=minutes).update(late_after_minutes=minutes)


class Migration(migrations.Migration):

    dependencies = [
        ('coupling', '0031_late_after'),
        ('sync', '0014_full_preview'),
    ]

    operations = [
        migrations.RunPython(carry_over, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField(model_name='schedule', name='late_after'),
    ]
