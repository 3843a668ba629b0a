"""Newer wins, and of a field: ask a person whatever the mapping says."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('coupling', '0029_minutes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='integrationfieldmapping',
            name='update_conflict',
            field=models.CharField(blank=True, choices=[('send', 'Send data update to integration table'), ('get', 'Get data update from integration table'), ('newest', 'Newer wins'), ('ask', 'Ask a person')], default='', help_text='Which side counts where both changed the field; blank is what the mapping says.', max_length=8, verbose_name='Resolve Update Conflicts'),
        ),
        migrations.AlterField(
            model_name='integrationtablemapping',
            name='update_conflict',
            field=models.CharField(blank=True, choices=[('send', 'Send data update to integration table'), ('get', 'Get data update from integration table'), ('newest', 'Newer wins')], default='', max_length=8, verbose_name='Resolve Update Conflicts'),
        ),
    ]
