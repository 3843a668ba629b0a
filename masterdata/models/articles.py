"""What is bought and sold, who works for a price, and the units both are counted in."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models

from masterdata.models.base import SynchronizedRecord
from masterdata.models.terms import one_code_per_company
from masterdata.models.units import source_key


class UnitOfMeasure(SynchronizedRecord):
    """A unit that items are counted in."""

    code = models.CharField("Code", max_length=10)
    description = models.CharField("Description", max_length=50, blank=True)
    international_standard_code = models.CharField("International Standard Code", max_length=10, blank=True)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "Unit of Measure"
        verbose_name_plural = "Units of Measure"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_unit_of_measure")]

    def __str__(self) -> str:
        return self.code


class ResourceType(models.TextChoices):
    """Whether somebody or something does the work."""

    PERSON = "Person", "Person"
    MACHINE = "Machine", "Machine"


class ItemType(models.TextChoices):
    """Whether stock is kept of it."""

    INVENTORY = "Inventory", "Inventory"
    SERVICE = "Service", "Service"
    NON_INVENTORY = "Non-Inventory", "Non-Inventory"


class Item(SynchronizedRecord):
    """Something bought, kept in stock or sold."""

    no = models.CharField("No.", max_length=20)
    description = models.CharField("Description", max_length=100, blank=True)
    description_2 = models.CharField("Description 2", max_length=50, blank=True)
    type = models.CharField("Type", max_length=20, choices=ItemType, default=ItemType.INVENTORY)
    base_unit_of_measure = models.CharField("Base Unit of Measure", max_length=10, blank=True)
    base_unit_key = models.CharField("Base Unit Key", max_length=31, blank=True, editable=False)
    item_category_code = models.CharField("Item Category Code", max_length=20, blank=True)
    unit_price = models.DecimalField("Unit Price", max_digits=15, decimal_places=5, default=0)
    unit_cost = models.DecimalField("Unit Cost", max_digits=15, decimal_places=5, default=0)
    inventory = models.DecimalField("Inventory", max_digits=15, decimal_places=5, default=0)
    unit_volume = models.DecimalField("Unit Volume", max_digits=15, decimal_places=5, default=0)
    gross_weight = models.DecimalField("Gross Weight", max_digits=15, decimal_places=5, default=0)
    net_weight = models.DecimalField("Net Weight", max_digits=15, decimal_places=5, default=0)
    gtin = models.CharField("GTIN", max_length=14, blank=True)
    vendor_no = models.CharField("Vendor No.", max_length=20, blank=True)
    vendor_item_no = models.CharField("Vendor Item No.", max_length=50, blank=True)
    blocked = models.BooleanField("Blocked", default=False)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "item"
        verbose_name_plural = "items"
        ordering: ClassVar = ["no"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["company", "no"],
                name="masterdata_one_item",
                violation_error_message="The company already has a record with this number.",
            )
        ]
        indexes: ClassVar = [
            *SynchronizedRecord.Meta.indexes,
            models.Index(fields=["company", "description", "id"], name="masterdata_item_description"),
        ]

    def __str__(self) -> str:
        return f"{self.no} {self.description}".strip()

    derives: ClassVar = ("base_unit_key",)
    derived_from: ClassVar = ("no", "base_unit_of_measure")

    @classmethod
    def derived(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the key of the record of its own base unit."""
        return {"base_unit_key": source_key(values.get("no"), values.get("base_unit_of_measure"))}


class Resource(SynchronizedRecord):
    """Somebody or something whose work is sold by the hour or the piece."""

    no = models.CharField("No.", max_length=20)
    name = models.CharField("Name", max_length=100, blank=True)
    type = models.CharField("Type", max_length=10, choices=ResourceType, default=ResourceType.PERSON)
    base_unit_of_measure = models.CharField("Base Unit of Measure", max_length=10, blank=True)
    base_unit_key = models.CharField("Base Unit Key", max_length=31, blank=True, editable=False)
    unit_price = models.DecimalField("Unit Price", max_digits=15, decimal_places=5, default=0)
    unit_cost = models.DecimalField("Unit Cost", max_digits=15, decimal_places=5, default=0)
    capacity = models.DecimalField("Capacity", max_digits=15, decimal_places=5, default=0)
    vendor_no = models.CharField("Vendor No.", max_length=20, blank=True)
    blocked = models.BooleanField("Blocked", default=False)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "resource"
        verbose_name_plural = "resources"
        ordering: ClassVar = ["no"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["company", "no"],
                name="masterdata_one_resource",
                violation_error_message="The company already has a record with this number.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.no} {self.name}".strip()

    derives: ClassVar = ("base_unit_key",)
    derived_from: ClassVar = ("no", "base_unit_of_measure")

    @classmethod
    def derived(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the key of the record of its own base unit."""
        return {"base_unit_key": source_key(values.get("no"), values.get("base_unit_of_measure"))}
