"""The default mappings, from default_mappings.json beside this module.

Keys of a field row beyond the model's: `only_with` (the ownership model it belongs to), `needs` (the mapping of the
related table; where that does not exist the field mapping is off, with the reason). Dependencies on mappings that do
not exist are left out until they do.

An entry with `part_of` belongs to a setup of its own (Dynamics 365 Connection Setup): it is made for a company when
that is enabled, and nothing runs for it while it is not.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from connection_setup.connection.state import connection_of
from connection_setup.dynamics365 import services as dynamics
from connection_setup.models import OwnershipModel
from core.refusals import NotUsable
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping

SALESPEOPLE = "SALESPEOPLE"
"""The mapping of salespeople to Dataverse users, by which the ownership model Person assigns owners."""
DYNAMICS_365 = "dynamics_365"
_EXTRA = ("fields", "name", "dependencies", "part_of")


@cache
def _data() -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = msgspec.json.decode((Path(__file__).parent / "default_mappings.json").read_bytes())
    return content


def default_names() -> list[str]:
    """Return the names of the default mappings, in their order."""
    return [entry["name"] for entry in _data()]


def names_of_part(part: str) -> list[str]:
    """Return the names of the default mappings that belong to a part."""
    return [entry["name"] for entry in _data() if entry.get("part_of", "") == part]


def disabled_names(company: Any) -> list[str]:
    """Return the names of the mappings whose part is not enabled for the company: nothing runs for them."""
    return [] if dynamics.is_enabled(company) else names_of_part(DYNAMICS_365)


def create_missing(company: Any) -> list[IntegrationTableMapping]:
    """Create the default mappings a company does not have yet; those it has stay as they are. Returns the new ones."""
    existing = set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))
    existing |= set(disabled_names(company))
    return _write(company, [entry for entry in _data() if entry["name"] not in existing])


def create_missing_of_part(company: Any, part: str) -> list[IntegrationTableMapping]:
    """Create the default mappings of a part that a company does not have yet. Returns the new ones."""
    existing = set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))
    entries = [entry for entry in _data() if entry.get("part_of", "") == part]
    return _write(company, [entry for entry in entries if entry["name"] not in existing])


def reset_mappings(company: Any, wanted: Iterable[str] | None = None) -> list[IntegrationTableMapping]:
    """Reset mappings to their default: settings, filters, field mappings, criteria. Couplings stay.

    wanted: names, or None for all that are enabled. Raises NotUsable for a mapping without default.
    """
    left_out = [] if wanted is not None else disabled_names(company)
    chosen = list(wanted) if wanted is not None else [name for name in default_names() if name not in left_out]
    known = {entry["name"]: entry for entry in _data()}
    for name in chosen:
        if name not in known:
            raise NotUsable(f"The mapping {name} has no default.", f"These have one: {', '.join(known)}.")
        if name in disabled_names(company):
            raise NotUsable(
                f"The mapping {name} comes with {dynamics.TITLE}, which is not enabled.", "Enable it there first."
            )
    return _write(company, [known[name] for name in chosen])


@transaction.atomic
def schedule_mappings(company: Any) -> int:
    """Schedule the company's mappings, the first run after one period. Returns how many. Choices have no schedule.

    SALESPEOPLE is scheduled with the ownership model Person alone: with Team nothing needs it.
    """
    mappings = IntegrationTableMapping.objects.filter(company=company, uid_kind="guid", scheduled=False)
    mappings = mappings.exclude(name__in=disabled_names(company))
    if connection_of(company).ownership_model == OwnershipModel.TEAM:
        mappings = mappings.exclude(name=SALESPEOPLE)
    for mapping in mappings:
        _schedule(mapping, on=True)
    return len(mappings)


def _schedule(mapping: IntegrationTableMapping, *, on: bool) -> None:
    mapping.scheduled = on
    mapping.next_run_at = timezone.now() + timedelta(minutes=max(1, mapping.every_minutes)) if on else None
    mapping.save(update_fields=["scheduled", "next_run_at"])


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
        _schedule(people, on=wanted_schedule)
    existing = set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))
    for entry in _data():
        rows = [(position, row) for position, row in enumerate(entry["fields"]) if "only_with" in row]
        mapping = IntegrationTableMapping.objects.filter(company=company, name=entry["name"]).first()
        if mapping is None or not rows:
            continue
        for position, row in rows:
            found = mapping.fields.filter(field=row["field"], integration_field=row["column"])
            if row["only_with"] != ownership:
                found.delete()
            elif not found.exists():
                _field(mapping, row, position, existing).save()
        others = [name for name in mapping.dependencies if name != SALESPEOPLE]
        after = ownership == OwnershipModel.PERSON and SALESPEOPLE in entry.get("dependencies", ())
        wanted = [SALESPEOPLE, *others] if after else others
        if sorted(wanted) != sorted(mapping.dependencies):
            mapping.dependencies = wanted
            mapping.save(update_fields=["dependencies"])


@transaction.atomic
def _write(company: Any, entries: list[dict[str, Any]]) -> list[IntegrationTableMapping]:
    ownership = connection_of(company).ownership_model
    existing = set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))
    existing |= set(default_names())
    written: list[IntegrationTableMapping] = []
    for entry in entries:
        values = {key: value for key, value in entry.items() if key not in _EXTRA}
        values["dependencies"] = [
            name
            for name in entry.get("dependencies", ())
            if name in existing and not (name == SALESPEOPLE and ownership == OwnershipModel.TEAM)
        ]
        mapping, _ = IntegrationTableMapping.objects.update_or_create(
            company=company,
            name=entry["name"],
            defaults={**_default_settings(), **values, "position": default_names().index(entry["name"])},
        )
        mapping.fields.all().delete()
        IntegrationFieldMapping.objects.bulk_create(
            _field(mapping, row, position, existing)
            for position, row in enumerate(entry["fields"])
            if row.get("only_with", ownership) == ownership
        )
        written.append(mapping)
    return written


def _default_settings() -> dict[str, Any]:
    """Return what a mapping has where its default says nothing: a reset takes back a person's choices."""
    settings = {
        "direction", "table_filter", "integration_filter", "insert_values", "synch_only_coupled", "update_conflict",
        "deletion_conflict", "synch_after_coupling", "create_new", "blank_is_no_match", "multi_company",
        "every_minutes", "inactivity_timeout_minutes",
    }  # fmt: skip
    return {
        column.name: column.get_default()
        for column in IntegrationTableMapping._meta.concrete_fields
        if column.name in settings
    }


def _field(
    mapping: IntegrationTableMapping, row: dict[str, Any], position: int, existing: set[str]
) -> IntegrationFieldMapping:
    values = {key: value for key, value in row.items() if key not in ("column", "only_with", "needs")}
    needs = row.get("needs")
    if needs and needs not in existing:
        values |= {"enabled": False, "disabled_reason": f"The related records have no mapping {needs} yet."}
    return IntegrationFieldMapping(mapping=mapping, integration_field=row["column"], position=position, **values)
