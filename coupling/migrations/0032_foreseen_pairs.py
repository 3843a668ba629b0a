"""What a preview foresees of its pairs is kept with it, and two more brakes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('coupling', '0031_late_after'),
    ]

    operations = [
        migrations.AddField(
            model_name='couplingpreview',
            name='foreseen',
            field=models.BinaryField(help_text='What synchronization would do to the first pairs, packed (coupling.couplings.foreseen).', null=True),
        ),
        migrations.AddField(
            model_name='couplingpreview',
            name='stop_blanked_above',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='couplingpreview',
            name='stop_failed_percent',
            field=models.PositiveIntegerField(null=True),
        ),
    ]
