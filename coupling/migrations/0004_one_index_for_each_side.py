"""Two indexes fewer with each coupling: those of the constraints find records of any mapping, and rows of any table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("coupling", "0003_room_for_updates"), ("masterdata", "0002_names_with_ids")]

    operations = [
        migrations.RemoveConstraint(model_name="coupling", name="coupled_once_per_record"),
        migrations.RemoveConstraint(model_name="coupling", name="coupled_once_per_row"),
        migrations.AddConstraint(
            model_name="coupling",
            constraint=models.UniqueConstraint(fields=("local_id", "mapping"), name="coupled_once_per_record"),
        ),
        migrations.AddConstraint(
            model_name="coupling",
            constraint=models.UniqueConstraint(
                fields=("company", "integration_id", "table"), name="coupled_once_per_row"
            ),
        ),
        migrations.RemoveIndex(model_name="coupling", name="coupling_by_row"),
        migrations.RemoveIndex(model_name="coupling", name="coupling_by_record"),
    ]
