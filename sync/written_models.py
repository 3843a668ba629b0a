"""How many rows were written on either side, day by day: by synchronization, by undo and by putting values back."""

from typing import ClassVar

from django.db import models

from masterdata.models import Company


class WrittenRows(models.Model):
    """Rows that one mapping's jobs created, changed or deleted on one day, here and in Dataverse; jobs that undo and
    put back included. It outlives jobs and their history.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="+")
    mapping_name = models.CharField("mapping", max_length=40)
    day = models.DateField(help_text="By the time zone of this site.")
    to_dataverse = models.PositiveBigIntegerField(default=0)
    from_dataverse = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["company", "day", "mapping_name"], name="written_rows_of_day")
        ]

    def __str__(self) -> str:
        return f"{self.mapping_name}, {self.day}"
