"""What was called a draft is a selection of records, stored until a job starts."""

from django.conf import settings
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("coupling", "0005_no_listed_records"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameModel(old_name="Draft", new_name="Selection"),
        migrations.RenameModel(old_name="DraftRecord", new_name="SelectionRecord"),
        migrations.RenameField(model_name="selectionrecord", old_name="draft", new_name="selection"),
    ]
