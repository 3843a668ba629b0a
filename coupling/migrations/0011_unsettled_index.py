"""An index of the few couplings that a run looks at although nothing told it of a change."""

from django.db import migrations, models
from django.db.models import BooleanField, F, Func, Q


def _filled(column):
    return Func(F(column), template="(%(expressions)s <> '')", output_field=BooleanField())


class Migration(migrations.Migration):
    dependencies = [
        ("coupling", "0010_compared"),
        ("masterdata", "0003_ids_in_the_order_of_time"),
    ]

    operations = [
        migrations.AlterField(
            model_name="coupling",
            name="compared",
            field=models.BooleanField(
                default=False, help_text="A run has dealt with the pair, or it was created alike on both sides."
            ),
        ),
        migrations.AddIndex(
            model_name="coupling",
            index=models.Index(
                fields=["mapping", "id"],
                condition=(
                    Q(compared=False)
                    | (Q(_filled("last_to_reason")) | Q(_filled("last_from_reason")))
                    & Q(skipped=False, conflict__isnull=True)
                ),
                name="coupling_unsettled",
            ),
        ),
    ]
