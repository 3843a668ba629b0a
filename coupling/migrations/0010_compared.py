"""Whether a run has dealt with a coupling yet has a column of its own, which later runs leave alone."""

from django.db import migrations, models


def mark_new(apps, schema_editor):
    """Couplings that no run has dealt with yet are few; all others are compared, as the column's default here says."""
    couplings = apps.get_model("coupling", "Coupling").objects.using(schema_editor.connection.alias)
    couplings.filter(last_job_id=None, pending=False).update(compared=False)


class Migration(migrations.Migration):
    dependencies = [("coupling", "0009_failed_pairs_are_undone_records")]

    operations = [
        migrations.AddField(
            model_name="coupling",
            name="compared",
            field=models.BooleanField(
                default=True, help_text="A run has dealt with the pair, or it was created alike on both sides."
            ),
        ),
        migrations.RunPython(mark_new, migrations.RunPython.noop),
    ]
