"""How long the last answer of Dataverse took that a job got."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0023_under_way'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='answer_ms',
            field=models.PositiveIntegerField(help_text='How long its last answer took, in milliseconds.', null=True),
        ),
    ]
