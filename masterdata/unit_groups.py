"""Unit groups kept by themselves: one for each item and resource with a base unit, which is a unit of it."""

from django.db.models import CharField, Exists, F, OuterRef, Value
from django.db.models.functions import Concat
from django.utils import timezone

from core import bulk
from core.ids import new_id
from masterdata.models import (
    ChangedBy,
    Company,
    Item,
    ItemUnitOfMeasure,
    Resource,
    ResourceUnitOfMeasure,
    UnitGroup,
)
from masterdata.models.units import UnitGroupSource, source_key

_SOURCES = (
    (Item, ItemUnitOfMeasure, UnitGroupSource.ITEM),
    (Resource, ResourceUnitOfMeasure, UnitGroupSource.RESOURCE),
)


def add_missing(company: Company) -> None:
    """Add the groups and base units that items and resources lack, and have these name their base unit's record.

    A unit counts 1 where its group counts in it. Where an item has another base unit by now than its group, how many
    of the group's own units that one is is not known: it is added by whoever knows, and until then the item fails.
    """
    for model, units, kind in _SOURCES:
        counted = model._default_manager.filter(company=company).exclude(base_unit_of_measure="")
        wanted = Concat(F("no"), Value(" "), F("base_unit_of_measure"), output_field=CharField())
        counted.exclude(base_unit_key=wanted).update(base_unit_key=wanted)
        groups = UnitGroup.objects.filter(company=company, source_type=kind, source_no=OuterRef("no"))
        own = units._default_manager.filter(company=company, key=OuterRef("base_unit_key"))
        lacking = list(counted.filter(~Exists(groups)).values_list("no", "base_unit_of_measure"))
        counts_in_it = ~Exists(groups) | Exists(groups.filter(base_unit_of_measure=OuterRef("base_unit_of_measure")))
        unitless = list(counted.filter(~Exists(own), counts_in_it).values_list("no", "base_unit_of_measure"))
        now, by = timezone.now(), ChangedBy.SYNCHRONIZATION.value
        bulk.insert(
            UnitGroup,
            ("company_id", "system_id", "created_at", "modified_at", "changed_by", "code", "source_type", "source_no",
             "base_unit_of_measure"),
            [(company.pk, new_id(), now, now, by, source_key(kind.value.upper(), no), kind.value, no, unit)
             for no, unit in lacking],
            ignore_conflicts=True,
        )  # fmt: skip
        bulk.insert(
            units,
            ("company_id", "system_id", "created_at", "modified_at", "changed_by", units.source_field, "code", "key",
             "unit_group_code", "qty_per_unit_of_measure"),
            [(company.pk, new_id(), now, now, by, no, unit, source_key(no, unit), source_key(kind.value.upper(), no), 1)
             for no, unit in unitless],
            ignore_conflicts=True,
        )  # fmt: skip
