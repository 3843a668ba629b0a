from typing import Any

from django.db import migrations, models


def _rename(apps: Any, state: tuple[str, str], key: tuple[str, str]) -> None:
    """Rename a state in the stored reports of steps, and a key of what steps found."""
    runs = apps.get_model("connection_setup", "EnablingRun").objects
    for run in runs.all():
        steps = [{**one, "state": state[1]} if one.get("state") == state[0] else one for one in run.steps]
        found = {key[1] if name == key[0] else name: value for name, value in run.found.items()}
        if (steps, found) != (run.steps, run.found):
            runs.filter(pk=run.pk).update(steps=steps, found=found)


def forwards(apps: Any, schema_editor: Any) -> None:
    _rename(apps, ("asks", "waiting"), ("lacks", "missing"))


def backwards(apps: Any, schema_editor: Any) -> None:
    _rename(apps, ("waiting", "asks"), ("missing", "lacks"))


class Migration(migrations.Migration):

    dependencies = [("connection_setup", "0009_secret_entered_at")]

    operations = [
        migrations.AddField(
            model_name="administratorsignin",
            name="problem_fix",
            field=models.TextField(blank=True, help_text="What to do about the problem."),
        ),
        migrations.AlterField(
            model_name="administratorsignin",
            name="problem",
            field=models.TextField(blank=True, help_text="What did not work, and why, as the user reads it."),
        ),
        migrations.RenameField(model_name="enablingrun", old_name="going", new_name="in_progress"),
        migrations.AlterField(
            model_name="enablingrun",
            name="version",
            field=models.PositiveIntegerField(default=0, help_text="Grows with every step that is stored."),
        ),
        migrations.AlterField(
            model_name="dataencryption",
            name="rotated",
            field=models.PositiveIntegerField(default=0, verbose_name="secrets encrypted again"),
        ),
        migrations.RunPython(forwards, backwards),
    ]
