"""Units of single items and resources, and the groups that these units form in Dynamics 365 Sales."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from masterdata.models.base import SynchronizedRecord
from masterdata.models.terms import one_code_per_company


def source_key(first: Any, second: Any) -> str:
    """Return what stands for two codes together, "1000 PCS"; "" where one is blank."""
    return f"{first} {second}" if first and second else ""


class UnitGroupSource(models.TextChoices):
    """What a unit group has the units of."""

    ITEM = "Item", "Item"
    RESOURCE = "Resource", "Resource"


class UnitGroup(SynchronizedRecord):
    """The units of one item or resource; kept by itself while unit groups are mapped."""

    code = models.CharField("Code", max_length=30)
    source_type = models.CharField("Source Type", max_length=10, choices=UnitGroupSource)
    source_no = models.CharField("Source No.", max_length=20)
    base_unit_of_measure = models.CharField("Base Unit of Measure", max_length=10, blank=True)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "Unit Group"
        verbose_name_plural = "Unit Groups"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_unit_group")]

    def __str__(self) -> str:
        return self.code


class SourceUnit(SynchronizedRecord):
    """A unit that one item or resource is counted in; `key` and `unit_group_code` follow from what it is of."""

    source_field: ClassVar[str]
    source_type: ClassVar[UnitGroupSource]

    key = models.CharField("Key", max_length=31, editable=False)
    code = models.CharField("Code", max_length=10)
    qty_per_unit_of_measure = models.DecimalField(
        "Qty. per Unit of Measure", max_digits=15, decimal_places=5, default=1
    )
    unit_group_code = models.CharField("Unit Group Code", max_length=30, editable=False)

    derives: ClassVar = ("key", "unit_group_code")

    class Meta(SynchronizedRecord.Meta):
        abstract = True

    def __str__(self) -> str:
        return self.key

    def clean(self) -> None:
        """Refuse a unit that the item or resource has already."""
        key = source_key(getattr(self, self.source_field), self.code)
        others = type(self)._default_manager.filter(company=self.company_id, key=key).exclude(pk=self.pk)
        if key and others.exists():
            raise ValidationError(f"{getattr(self, self.source_field)} has the unit {self.code} already.")

    @classmethod
    def derived(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the key of the unit and the group that it belongs to."""
        source = values.get(cls.source_field)
        return {
            "key": source_key(source, values.get("code")),
            "unit_group_code": source_key(cls.source_type.value.upper(), source),
        }


class ItemUnitOfMeasure(SourceUnit):
    """A unit that an item is counted in."""

    source_field: ClassVar = "item_no"
    source_type: ClassVar = UnitGroupSource.ITEM
    derived_from: ClassVar = ("item_no", "code")

    item_no = models.CharField("Item No.", max_length=20)

    class Meta(SourceUnit.Meta):
        abstract = False
        verbose_name = "Item Unit of Measure"
        verbose_name_plural = "Item Units of Measure"
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["company", "key"], name="masterdata_one_item_unit")]


class ResourceUnitOfMeasure(SourceUnit):
    """A unit that a resource's work is counted in."""

    source_field: ClassVar = "resource_no"
    source_type: ClassVar = UnitGroupSource.RESOURCE
    derived_from: ClassVar = ("resource_no", "code")

    resource_no = models.CharField("Resource No.", max_length=20)

    class Meta(SourceUnit.Meta):
        abstract = False
        verbose_name = "Resource Unit of Measure"
        verbose_name_plural = "Resource Units of Measure"
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["company", "key"], name="masterdata_one_resource_unit")
        ]
