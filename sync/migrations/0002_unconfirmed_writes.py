from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0001_initial")]

    operations = [
        migrations.RenameField("synchstate", "doubts", "unconfirmed_writes"),
        migrations.AlterField(
            "synchstate",
            "unconfirmed_writes",
            models.BinaryField(
                blank=True, default=bytes, help_text="Writes sent whose answers were never saved, packed (msgpack)."
            ),
        ),
    ]
