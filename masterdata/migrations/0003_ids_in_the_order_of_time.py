"""New companies and records get ids in the order of time; the tables stay as they are, for defaults are not in them."""

from django.db import migrations, models

import core.ids

_MODELS = (
    "company", "contact", "currency", "customer", "item", "paymentterms", "salesperson", "shipmentmethod",
    "shippingagent", "unitofmeasure", "vendor",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("masterdata", "0002_names_with_ids")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name=name,
                    name="system_id",
                    field=models.UUIDField(default=core.ids.new_id, editable=False, unique=True),
                )
                for name in _MODELS
            ]
        )
    ]
