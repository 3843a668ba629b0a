"""Filters are trees of conditions; the condition on the company is no part of them, but follows from a column."""

from typing import Any

from django.db import migrations, models

COMPANY = "@company"
PART = 500


def to_trees(apps: Any, schema_editor: Any) -> None:
    """Turn the lists of conditions, all ANDed, into trees; one that names this company becomes the company column."""
    mapping = apps.get_model("coupling", "IntegrationTableMapping")
    rows = mapping.objects.using(schema_editor.connection.alias)
    for one in rows.all().iterator(chunk_size=PART):
        one.table_filter, _ = _tree(one.table_filter)
        one.integration_filter, company_column = _tree(one.integration_filter)
        one.company_column = company_column or one.company_column
        one.save(update_fields=["table_filter", "integration_filter", "company_column"])


def _tree(stored: Any) -> tuple[Any, str]:
    """Return the tree of a list of conditions, and the column with the company, "" for none.

    What could not be read before is kept as it is, to be refused with the same sentence as before.
    """
    if not isinstance(stored, list):
        return stored or {}, ""
    parts, company_column = [], ""
    for entry in stored:
        value = entry.get("value") if isinstance(entry, dict) else None
        if isinstance(value, list) and COMPANY in value:
            company_column = entry.get("column", "")
        else:
            parts.append(_condition(entry))
    return ({} if not parts else parts[0] if len(parts) == 1 else {"all": parts}), company_column


def _condition(entry: Any) -> Any:
    if not isinstance(entry, dict) or "column" not in entry or "operator" not in entry:
        return entry
    condition = {"field": entry["column"], "op": entry["operator"]}
    value = entry.get("value")
    if condition["op"] == "eq" and (value is None or value == ""):
        condition["op"] = "blank"
    else:
        condition["value"] = value
    return condition | ({"label": entry["label"]} if entry.get("label") else {})


class Migration(migrations.Migration):
    dependencies = [("coupling", "0012_other_company")]

    operations = [
        migrations.AddField(
            model_name="integrationtablemapping",
            name="company_column",
            field=models.CharField(
                blank=True,
                default="",
                help_text="The lookup that says which company a row belongs to; blank: the table has none, companies "
                "share it.",
                max_length=128,
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="integrationtablemapping",
            name="table_filter",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="The condition on local records, a tree as coupling.filters reads it.",
            ),
        ),
        migrations.AlterField(
            model_name="integrationtablemapping",
            name="integration_filter",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="The condition on Dataverse rows, a tree too.",
                verbose_name="integration table filter",
            ),
        ),
        migrations.RunPython(to_trees, migrations.RunPython.noop),
    ]
