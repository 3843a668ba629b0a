"""The default mappings, kept as data in default_mappings.json beside this module.

Keys of a field row beyond the model's: `only_with` (the ownership model it belongs to), `needs` (the mapping of the
related table; where that does not exist the row is off and says so). Dependencies on mappings that do not exist are
left out until they do.

An entry with `part_of` belongs to a setup of its own (Dynamics 365 Connection Setup): a company gets it there, and
nothing runs for it while that setup is not enabled.
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
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping

SALESPEOPLE = "SALESPEOPLE"
"""The mapping of salespeople to Dataverse users, which the ownership model Person goes by."""
DYNAMICS_365 = "dynamics_365"
_EXTRA = ("fields", "name", "dependencies", "part_of")


@cache
def _data() -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = msgspec.json.decode((Path(__file__).parent / "default_mappings.json").read_bytes())
    return content


def names() -> list[str]:
    """The names of the default mappings, in their order."""
    return [entry["name"] for entry in _data()]


def names_of(part: str) -> list[str]:
    """The names of the default mappings that belong to a part."""
    return [entry["name"] for entry in _data() if entry.get("part_of", "") == part]


def disabled_names(company: Any) -> list[str]:
    """The names of the mappings whose part is not enabled for the company: nothing runs for them."""
    return [] if dynamics.is_enabled(company) else names_of(DYNAMICS_365)


def create_missing(company: Any, user: Any = None) -> list[IntegrationTableMapping]:
    """Make the default mappings a company does not have yet; those it has stay as they are. Returns what was made."""
    del user
    there = set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))
    there |= set(disabled_names(company))
    return _write(company, [entry for entry in _data() if entry["name"] not in there])


def ensure_part(company: Any, part: str) -> list[IntegrationTableMapping]:
    """Make the default mappings of a part that a company does not have yet. Returns what was made."""
    there = set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))
    entries = [entry for entry in _data() if entry.get("part_of", "") == part]
    return _write(company, [entry for entry in entries if entry["name"] not in there])


def reset(company: Any, wanted: Iterable[str] | None = None) -> list[IntegrationTableMapping]:
    """Bring mappings back to their default: settings, filters, field rows, criteria. Couplings stay.

    Raises LookupError, with a sentence, for a mapping that has no default.
    """
    left_out = [] if wanted is not None else disabled_names(company)
    chosen = list(wanted) if wanted is not None else [name for name in names() if name not in left_out]
    known = {entry["name"]: entry for entry in _data()}
    for name in chosen:
        if name not in known:
            raise LookupError(f"The mapping {name} has no default; these have: {', '.join(known)}.")
        if name in disabled_names(company):
            raise LookupError(f"The mapping {name} comes with Dynamics 365 Connection Setup. Enable that first.")
    return _write(company, [known[name] for name in chosen])


@transaction.atomic
def schedule(company: Any) -> int:
    """Put the company's mappings on their schedules, the first run after one period; how many. Choices have none.

    SALESPEOPLE is scheduled with Person alone: with Team nothing asks for it.
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
def follow_ownership(company: Any) -> None:
    """Give existing mappings the field rows and the dependency of the connection's ownership model, and no other's.

    With Person a record's salesperson decides who owns its row, so that salespeople are synchronized first, on a
    schedule where others have one; with Team nothing asks for them. What people changed on other rows stays.
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
    existing |= set(names())
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
            defaults={**_settings_at_rest(), **values, "position": names().index(entry["name"])},
        )
        mapping.fields.all().delete()
        IntegrationFieldMapping.objects.bulk_create(
            _field(mapping, row, position, existing)
            for position, row in enumerate(entry["fields"])
            if row.get("only_with", ownership) == ownership
        )
        written.append(mapping)
    return written


def _settings_at_rest() -> dict[str, Any]:
    """What a mapping has when its default says nothing: a reset takes back a person's choices."""
    kept = {
        "direction", "table_filter", "integration_filter", "insert_values", "synch_only_coupled", "update_conflict",
        "deletion_conflict", "synch_after_coupling", "create_new", "blank_is_no_match", "every_minutes",
        "inactivity_timeout_minutes",
    }  # fmt: skip
    return {
        column.name: column.get_default()
        for column in IntegrationTableMapping._meta.concrete_fields
        if column.name in kept
    }


def _field(
    mapping: IntegrationTableMapping, row: dict[str, Any], position: int, existing: set[str]
) -> IntegrationFieldMapping:
    values = {key: value for key, value in row.items() if key not in ("column", "only_with", "needs")}
    needs = row.get("needs")
    if needs and needs not in existing:
        values |= {"enabled": False, "disabled_reason": f"The related records have no mapping {needs} yet."}
    return IntegrationFieldMapping(mapping=mapping, integration_field=row["column"], position=position, **values)
