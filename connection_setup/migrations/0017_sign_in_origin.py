from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("connection_setup", "0016_web_hook"),
    ]

    operations = [
        migrations.AddField(
            model_name="administratorsignin",
            name="origin",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Where it was begun, if not at the host of the Redirect URL.",
                max_length=250,
            ),
        ),
    ]
