"""Criteria sets as a file names them: which can be written, and storing them."""

from collections.abc import Sequence

from coupling.mapping_files.types import SetEntry
from coupling.matching import criteria
from coupling.models import CriteriaSet, IntegrationTableMapping
from coupling.rows import Criterion


def criteria_of(one: CriteriaSet) -> list[Criterion]:
    """Return the criteria of a set."""
    return criteria.from_json(one.criteria)


def set_words(stored: object) -> str:
    """Return the criteria of a set as the Change Log says them: "name, city (1)", with priorities that are not 0."""
    rows = [one for one in stored if isinstance(one, dict)] if isinstance(stored, list) else []
    words = []
    for one in rows:
        priority = f" ({one['priority']})" if one.get("priority") else ""
        words.append(f"{one.get('local')}{priority}")
    return ", ".join(words) or "blank"


def set_entries(mapping: IntegrationTableMapping) -> tuple[SetEntry, ...]:
    """Return the sets of a mapping as a file has them, by name; not those with a field pair that it has no longer."""
    pairs = {(one.field, one.integration_field) for one in criteria.available_criteria(mapping)}
    found = [SetEntry(one.name, tuple(criteria_of(one))) for one in mapping.criteria_sets.all()]
    usable = [one for one in found if all((each.local, each.integration) in pairs for each in one.criteria)]
    return tuple(sorted(usable, key=lambda one: one.name))


def store_sets(mapping: IntegrationTableMapping, before: Sequence[SetEntry], wanted: Sequence[SetEntry]) -> None:
    """Give a mapping the sets of a file. before: those that `set_entries` gave; others stay, unless the name is theirs.

    One by one, so that the audit log shows each.
    """
    rows = {one.name: one for one in CriteriaSet.objects.filter(mapping=mapping).select_related("mapping")}
    names = {one.name for one in wanted}
    for entry in before:
        if entry.name not in names and entry.name in rows:
            rows.pop(entry.name).delete()
    by_name = {name.casefold(): row for name, row in rows.items()}
    for entry in wanted:
        row = by_name.get(entry.name.casefold()) or CriteriaSet(mapping=mapping)
        written = criteria.to_json(entry.criteria)
        if (row.name, row.criteria) != (entry.name, written):
            row.name, row.criteria = entry.name, written
            row.save()
