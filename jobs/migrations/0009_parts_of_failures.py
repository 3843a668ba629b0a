"""The message of a failed job is kept in its parts too: what happened and why, what to do next."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0008_no_names_of_other_companies'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='failure_fix',
            field=models.TextField(blank=True, help_text='What to do next, of the message of a failed job.'),
        ),
        migrations.AddField(
            model_name='job',
            name='failure_message',
            field=models.TextField(blank=True, help_text='What happened and why, of the message of a failed job.'),
        ),
    ]
