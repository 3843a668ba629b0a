"""The history says who changed the row in Dataverse that a value comes from."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0015_late_after_of_mappings'),
    ]

    operations = [
        migrations.AddField(
            model_name='synchronizedvalue',
            name='changed_by',
            field=models.CharField(db_default='', default='', help_text='Who changed the row that it comes from.', max_length=100),
        ),
    ]
