"""Saved views of record lists as rows."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from masterdata.models import Company


class SavedView(models.Model):
    """Filters, search and order of a record list by the name that a person saved them under."""

    # The constraint below begins with the company.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="+")
    table = models.CharField(max_length=60, help_text="The local table's name in masterdata.catalog.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField("Name", max_length=60)
    shared = models.BooleanField(
        "Shared with the company", default=False, help_text="Everybody in the company sees it on the list."
    )
    query = models.TextField(help_text="Filters, search and order as an address has them.")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["company", "table", "owner", "name"], name="view_name_per_person")
        ]

    def __str__(self) -> str:
        return self.name
