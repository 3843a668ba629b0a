"""Templates for new records: what a record that comes from Dataverse begins with."""

from typing import ClassVar

from django.db import models

from core.logged import OfCompany
from masterdata.models.base import Company


class RecordTemplate(OfCompany, models.Model):
    """Values that new records of a table begin with, by field, as text; a mapping names it by its code."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="record_templates")
    code = models.CharField("Code", max_length=20)
    description = models.CharField("Description", max_length=100, blank=True)
    table = models.CharField("Table", max_length=60, help_text="The table's name in masterdata.catalog.")
    first_no = models.CharField(
        "First No.", max_length=20, blank=True,
        help_text="What the numbers of new records begin with, such as SHOP-00001; blank for the table's own series.",
    )  # fmt: skip
    values = models.JSONField("Values", default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["company", "code"], name="masterdata_one_template")]

    def __str__(self) -> str:
        return self.code
