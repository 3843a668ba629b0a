"""Choices for single fields; pairs that conflict already are compared again, so that it is kept who changed what."""

import django.db.models.deletion
from django.db import migrations, models


def compare_again(apps, schema_editor):
    """Have the next run compare the pairs that conflict."""
    bases, due = apps.get_model("coupling", "CouplingBase"), apps.get_model("sync", "DuePair")
    found = bases.objects.filter(conflict__isnull=False).values_list("coupling_id", "mapping_id")
    due.objects.bulk_create(
        (due(coupling_id=coupling_id, mapping_id=mapping_id) for coupling_id, mapping_id in found.iterator(5000)),
        batch_size=5000, ignore_conflicts=True,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('coupling', '0030_conflict_policies'),
        ('jobs', '0020_retention'),
        ('sync', '0011_undo_previews'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConflictChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('coupling_id', models.BigIntegerField()),
                ('fields', models.JSONField(help_text='By field, the choice and what both sides had then (sync.rules.resolving).')),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='conflict_choices', to='jobs.job')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('job', 'coupling_id'), name='conflict_choice_of_pair')],
            },
        ),
        migrations.RunPython(compare_again, migrations.RunPython.noop),
    ]
