"""Conditions name no other company of the installation: they say so, and which one it is stands beside the text."""

import re

from django.db import migrations, models

NAMED = re.compile(r"^(The Dataverse row belongs to )another company, (.+)(\. Choose Delete Couplings, or change its )", re.S)
HIDDEN = "another company of this installation"


def hide_names(apps, schema_editor):
    """Take the names of companies of this installation out of the conditions that are stored."""
    using = schema_editor.connection.alias
    companies = dict(apps.get_model("masterdata", "Company").objects.using(using).values_list("name", "pk"))
    lines = apps.get_model("coupling", "UndoneRecord").objects.using(using)
    for line in lines.filter(condition__startswith="The Dataverse row belongs to another company, ").iterator():
        found = NAMED.match(line.condition)
        if found is None or found[2] not in companies:
            continue
        line.condition = f"{found[1]}{HIDDEN}{found[3]}{line.condition[found.end() :]}"
        line.other_company_id = companies[found[2]]
        line.save(update_fields=["condition", "other_company_id"])


class Migration(migrations.Migration):
    dependencies = [
        ("coupling", "0011_unsettled_index"),
        ("masterdata", "0003_ids_in_the_order_of_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="undonerecord",
            name="other_company_id",
            field=models.BigIntegerField(
                null=True, help_text="The company that the condition does not name, see jobs.mentions."
            ),
        ),
        migrations.RunPython(hide_names, migrations.RunPython.noop),
    ]
