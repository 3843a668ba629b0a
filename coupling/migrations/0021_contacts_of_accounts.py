"""CONTACT takes contacts of accounts alone: mappings whose filter is the earlier default get that condition, too."""

from typing import Any

from django.db import migrations

EARLIER = [
    {"field": "parentcustomerid", "op": "not_blank"},
    {"field": "statecode", "op": "eq", "value": 0},
]
OF_ACCOUNTS = {"field": "parentcustomeridtype", "op": "eq", "value": "account", "label": "Account"}


def add_condition(apps: Any, schema_editor: Any) -> None:
    """Add the condition to filters that nobody changed; whatever a person built stays as it is."""
    mapping = apps.get_model("coupling", "IntegrationTableMapping")
    rows = mapping.objects.using(schema_editor.connection.alias)
    for one in rows.filter(name="CONTACT", table="contact", integration_table="contact"):
        stored = one.integration_filter
        if isinstance(stored, dict) and stored.keys() == {"all"} and _bare(stored["all"]) == EARLIER:
            one.integration_filter = {"all": [*stored["all"], OF_ACCOUNTS]}
            one.save(update_fields=["integration_filter"])


def _bare(parts: Any) -> Any:
    """Return conditions without the words that their values are shown by."""
    if not isinstance(parts, list) or not all(isinstance(one, dict) for one in parts):
        return parts
    return [{name: value for name, value in one.items() if name != "label"} for one in parts]


class Migration(migrations.Migration):
    dependencies = [("coupling", "0020_lean_couplings")]

    operations = [migrations.RunPython(add_condition, migrations.RunPython.noop)]
