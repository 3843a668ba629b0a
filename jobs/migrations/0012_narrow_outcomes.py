"""Rows of outcomes keep what is their own; what those of a job have in common is kept once. Old rows stay as they are."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0011_one_index_of_the_lists'),
    ]

    operations = [
        migrations.CreateModel(
            name='OutcomeWording',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('entries', models.BinaryField(help_text='Grows while the job runs; what outcomes refer to stays where it is.')),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='wording', to='jobs.job')),
            ],
        ),
        migrations.AddField(
            model_name='joboutcome',
            name='wording',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.outcomewording'),
        ),
        migrations.AddField(
            model_name='joboutcome',
            name='arguments',
            field=models.BinaryField(help_text='What its message and detail are told from; blank: they hold it as it is.', null=True),
        ),
    ]
