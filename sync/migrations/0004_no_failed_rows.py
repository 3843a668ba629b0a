from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sync", "0003_failed_rows_are_undone_records")]

    operations = [migrations.DeleteModel("FailedRow")]
