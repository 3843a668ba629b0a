"""A mapping runs by itself at least once a day: longer periods become a day."""

from typing import Any

from django.db import migrations


def shorten(apps: Any, _: Any) -> None:
    apps.get_model("coupling", "IntegrationTableMapping").objects.filter(every_minutes__gt=1440).update(
        every_minutes=1440
    )


class Migration(migrations.Migration):
    dependencies = [("coupling", "0028_brakes")]

    operations = [migrations.RunPython(shorten, migrations.RunPython.noop)]
