"""The default mappings, from default_mappings.yaml beside this module: a file as coupling.mapping_files reads it.

Keys of a field beyond those of other files: `only_with` (the ownership model it belongs to), `needs` (the mapping of
the related table; where that does not exist the field mapping is off, with the reason). Dependencies on mappings that
do not exist are left out until they do.

Entries and fields with `way` are for one way of mapping units: "measures", each unit being a unit group, or "groups",
each item and resource having a unit group with its units (Unit Group Mapping); or for one way of mapping prices:
"price_groups", the prices of customer price groups, or "price_lists", price lists with their lines (Extended Prices).

An entry with `on_demand` is not scheduled unless a person schedules it.

An entry with `part_of` belongs to a setup of its own (Dynamics 365 Connection Setup): it is made for a company when
that is enabled, and nothing runs for it while it is not.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction

from connection_setup.connection.state import connection_of
from connection_setup.dynamics365 import services as dynamics
from connection_setup.models import OwnershipModel
from core.refusals import NotUsable
from coupling.mapping_files.difference import Change, differences
from coupling.mapping_files.reading import read_file
from coupling.mapping_files.types import FieldEntry, MappingEntry, MappingFile
from coupling.mappings.schedule import schedule
from coupling.mappings.stored_file import field_values, store_file, stored_file
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping

SALESPEOPLE = "SALESPEOPLE"
"""The mapping of salespeople to Dataverse users, by which the ownership model Person assigns owners."""
DYNAMICS_365 = "dynamics_365"


@cache
def default_entries() -> tuple[MappingEntry, ...]:
    """Return the entries of the default mappings, in their order."""
    content = (Path(__file__).parent / "default_mappings.yaml").read_bytes()
    return read_file(content, of_defaults=True).mappings


def default_names() -> list[str]:
    """Return the names of the default mappings, in their order."""
    return [entry.name for entry in default_entries()]


def names_of_part(part: str) -> list[str]:
    """Return the names of the default mappings that belong to a part."""
    return [entry.name for entry in default_entries() if entry.part_of == part]


def on_demand_names() -> list[str]:
    """Return the names of the default mappings that have no schedule of their own."""
    return [entry.name for entry in default_entries() if entry.on_demand]


def disabled_names(company: Any) -> list[str]:
    """Return the names of the mappings that nothing runs for: their part is not enabled, or units or prices
    are mapped another way.
    """
    return disabled_by(dynamics.get_setup(company))


def disabled_by(setup: Any) -> list[str]:
    """Return the same for a company's Dynamics 365 setup, which is not saved yet where it has none."""
    return names_of_part(DYNAMICS_365) if not setup.enabled else _names_of_other_ways(setup)


def other_way_names(company: Any) -> list[str]:
    """Return the names of the mappings that the company does not map units or prices by."""
    return _names_of_other_ways(dynamics.get_setup(company))


def _ways(setup: Any) -> frozenset[str]:
    """Return the ways in which units and prices are mapped."""
    units = "groups" if setup.unit_groups else "measures"
    return frozenset({"", units, "price_lists" if setup.extended_prices else "price_groups"})


def _names_of_other_ways(setup: Any) -> list[str]:
    ways = _ways(setup)
    return [entry.name for entry in default_entries() if entry.way not in ways]


def missing_names(company: Any) -> list[str]:
    """Return the names of the default mappings that a company does not have, of those whose part is enabled."""
    left_out = {*_names_of(company), *disabled_names(company)}
    return [name for name in default_names() if name not in left_out]


def create_missing(company: Any) -> list[IntegrationTableMapping]:
    """Create the default mappings a company does not have yet; those it has stay as they are. Returns the new ones."""
    return _write(company, missing_names(company))


def create_missing_of_part(company: Any, part: str) -> list[IntegrationTableMapping]:
    """Create the default mappings of a part that a company does not have yet. Returns the new ones."""
    existing = {*_names_of(company), *other_way_names(company)}
    return _write(company, [name for name in names_of_part(part) if name not in existing])


def reset_changes(company: Any, wanted: Iterable[str] | None = None) -> list[Change]:
    """Return what `reset_mappings` would change. Raises NotUsable as it does."""
    return differences(stored_file(company), default_file(company, resettable_names(company, wanted)))


def reset_mappings(company: Any, wanted: Iterable[str] | None = None) -> list[IntegrationTableMapping]:
    """Reset mappings to their default: settings, filters, field mappings, criteria. Couplings and schedules stay.

    wanted: names, or None for all that are enabled. Raises NotUsable for a mapping without default.
    """
    return _write(company, resettable_names(company, wanted))


def resettable_names(company: Any, wanted: Iterable[str] | None = None) -> list[str]:
    """Return the names of the mappings that a reset is about: all that are enabled where none is named.

    Raises NotUsable for one without default, or whose part is not enabled.
    """
    off = disabled_names(company)
    if wanted is None:
        return [name for name in default_names() if name not in off]
    chosen = list(wanted)
    for name in chosen:
        if name not in default_names():
            raise NotUsable(f"The mapping {name} has no default.", f"These have one: {', '.join(default_names())}.")
        if name in other_way_names(company):
            raise other_way(name)
        if name in off:
            raise NotUsable(
                f"The mapping {name} comes with {dynamics.TITLE}, which is not enabled.", "Enable it there first."
            )
    return chosen


def other_way(name: str) -> NotUsable:
    """Return why nothing runs for a mapping that the company does not map units or prices by."""
    way = next((entry.way for entry in default_entries() if entry.name == name), "")
    what, setting = ("prices", "Extended Prices") if way.startswith("price") else ("units", "Unit Group Mapping")
    return NotUsable(
        f"The mapping {name} is not in use: {what} are mapped another way.",
        f"{setting} on {dynamics.TITLE} says which way; it can be changed while that is disabled.",
    )


def default_file(company: Any, names: Collection[str]) -> MappingFile:
    """Return default mappings as they are for a company: for its ownership model, and for the mappings that it has."""
    ownership = connection_of(company).ownership_model
    existing = {*_names_of(company), *default_names()} - {*other_way_names(company)}
    ways = _ways(dynamics.get_setup(company))
    return MappingFile(
        tuple(
            _resolved(entry, position, ownership, ways, existing)
            for position, entry in enumerate(default_entries())
            if entry.name in names
        )
    )


def _resolved(
    entry: MappingEntry, position: int, ownership: str, ways: Collection[str], existing: set[str]
) -> MappingEntry:
    team = ownership == OwnershipModel.TEAM
    return replace(
        entry,
        position=position,
        part_of="",
        on_demand=False,
        way="",
        dependencies=tuple(
            name for name in entry.dependencies if name in existing and not (name == SALESPEOPLE and team)
        ),
        fields=tuple(
            _resolved_field(one, existing)
            for one in entry.fields
            if one.only_with in ("", ownership) and one.way in ways
        ),
    )


def _resolved_field(entry: FieldEntry, existing: set[str]) -> FieldEntry:
    if entry.needs and entry.needs not in existing:
        entry = replace(entry, enabled=False, disabled_reason=_waiting_reason(entry.needs))
    return replace(entry, only_with="", needs="", way="")


def _names_of(company: Any) -> set[str]:
    return set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))


def resting_names(company: Any) -> frozenset[str]:
    """Return the mappings that nothing needs now, and that therefore run neither by themselves nor in a full run.

    SALESPEOPLE is needed with the ownership model Person alone; the mapping stays, and may be synchronized by itself.
    """
    team = connection_of(company).ownership_model == OwnershipModel.TEAM
    return frozenset({SALESPEOPLE}) if team else frozenset()


@transaction.atomic
def schedule_mappings(company: Any) -> int:
    """Schedule the company's mappings, the first run after one period. Returns how many.

    SALESPEOPLE is scheduled with the ownership model Person alone: with Team nothing needs it.
    """
    mappings = IntegrationTableMapping.objects.filter(company=company, scheduled=False)
    resting = (*disabled_names(company), *on_demand_names(), *resting_names(company))
    mappings = mappings.exclude(name__in=resting)
    for mapping in mappings:
        schedule_mapping(mapping, on=True)
    return len(mappings)


def schedule_mapping(mapping: IntegrationTableMapping, *, on: bool) -> None:
    """Have a mapping run by itself, the first time after one period, or not any more."""
    schedule(mapping, on=on)
    mapping.save(update_fields=["scheduled", "next_run_at", "on_hold_since"])


@transaction.atomic
def apply_ownership_model(company: Any) -> None:
    """Give existing mappings the field mappings and the dependency of the connection's ownership model alone.

    With Person a record's salesperson decides who owns its row, so salespeople are synchronized first, on a schedule
    where others have one; with Team nothing needs them. Other field mappings stay as they are.
    """
    ownership = connection_of(company).ownership_model
    people = IntegrationTableMapping.objects.filter(company=company, name=SALESPEOPLE).first()
    scheduled = IntegrationTableMapping.objects.filter(company=company, scheduled=True).exclude(name=SALESPEOPLE)
    wanted_schedule = ownership == OwnershipModel.PERSON and scheduled.exists()
    if people is not None and people.scheduled != wanted_schedule:
        schedule_mapping(people, on=wanted_schedule)

    def dependencies(mapping: IntegrationTableMapping, entry: MappingEntry) -> list[str]:
        others = [name for name in mapping.dependencies if name != SALESPEOPLE]
        after = ownership == OwnershipModel.PERSON and SALESPEOPLE in entry.dependencies
        wanted = [SALESPEOPLE, *others] if after else others
        return wanted if sorted(wanted) != sorted(mapping.dependencies) else mapping.dependencies

    _apply_variant(company, lambda one: one.only_with, {ownership}, dependencies)


@transaction.atomic
def apply_ways(company: Any) -> None:
    """Give existing mappings the field mappings and dependencies of the ways in which units and prices are mapped.

    Mappings of what is mapped another way are not scheduled any more. Other field mappings stay as they are.
    """
    ways, other = _ways(dynamics.get_setup(company)), other_way_names(company)
    mappings = IntegrationTableMapping.objects.filter(company=company)
    for resting in mappings.filter(name__in=other, scheduled=True):
        schedule_mapping(resting, on=False)
    existing = _names_of(company)

    def dependencies(mapping: IntegrationTableMapping, entry: MappingEntry) -> list[str]:
        wanted = [name for name in mapping.dependencies if name not in other]
        return wanted + [name for name in entry.dependencies if name in existing and name not in (*other, *wanted)]

    _apply_variant(company, lambda one: one.way, ways, dependencies)


def _apply_variant(
    company: Any,
    variant_of: Callable[[FieldEntry], str],
    wanted: Collection[str],
    dependencies: Callable[[IntegrationTableMapping, MappingEntry], list[str]],
) -> None:
    """Give existing mappings those of their default fields that are for variants in use, and take away the others.

    variant_of: what a field is for, "" for all; wanted: the variants in use; dependencies: those that a mapping with
    such fields is to have.
    """
    existing = _names_of(company)
    for entry in default_entries():
        rows = [(position, row) for position, row in enumerate(entry.fields) if variant_of(row)]
        mapping = IntegrationTableMapping.objects.filter(company=company, name=entry.name).first() if rows else None
        if mapping is None:
            continue
        for position, row in rows:
            found = mapping.fields.filter(field=row.field, integration_field=row.integration_field)
            if variant_of(row) not in wanted:
                found.delete()
            elif not found.exists():
                values = field_values(_resolved_field(row, existing))
                IntegrationFieldMapping(mapping=mapping, position=position, **values).save()
        if (needed := dependencies(mapping, entry)) != mapping.dependencies:
            mapping.dependencies = needed
            mapping.save(update_fields=["dependencies"])


@transaction.atomic
def _write(company: Any, names: Collection[str]) -> list[IntegrationTableMapping]:
    """Store default mappings as they are by default."""
    stored = store_file(company, default_file(company, names))
    enable_what_waited(company, set(stored.new))
    return stored.mappings


def enable_what_waited(company: Any, new: set[str]) -> None:
    """Give the other default mappings the fields and dependencies that waited for these new ones."""
    reasons = {_waiting_reason(name) for name in new}
    waiting = IntegrationFieldMapping.objects.filter(mapping__company=company, disabled_reason__in=reasons)
    for field in waiting:
        field.enabled, field.disabled_reason = True, ""
        field.save(update_fields=["enabled", "disabled_reason"])
    if connection_of(company).ownership_model == OwnershipModel.TEAM:
        new = new - {SALESPEOPLE}
    other = other_way_names(company)
    known = {entry.name: [one for one in entry.dependencies if one not in other] for entry in default_entries()}
    for mapping in IntegrationTableMapping.objects.filter(company=company, name__in=list(known)):
        missing = [name for name in known[mapping.name] if name in new and name not in mapping.dependencies]
        if missing:
            mapping.dependencies = [*mapping.dependencies, *missing]
            mapping.save(update_fields=["dependencies"])


def _waiting_reason(name: str) -> str:
    """Return why a field is off whose related records have no mapping of that name."""
    return f"The related records have no mapping {name} yet."
