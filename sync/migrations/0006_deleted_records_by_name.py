"""What people knew a record by that was deleted here is kept with the pair that is due because of it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0005_deleted_records"),
    ]

    operations = [
        migrations.AddField(
            model_name="duepair",
            name="local_key",
            field=models.CharField(
                blank=True, default="", help_text="The number or code of a record that was deleted.", max_length=80
            ),
        ),
        migrations.AddField(
            model_name="duepair",
            name="local_name",
            field=models.CharField(blank=True, default="", help_text="The name of such a record.", max_length=200),
        ),
    ]
