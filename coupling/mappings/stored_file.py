"""A company's mappings as entries of a file, and entries stored as its mappings.

Each mapping, field and look-up table that changes is saved or deleted by itself, so that the change log shows before
and after; a mapping's new fields come together.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.audit import create_logged
from core.refusals import NotUsable
from coupling import filters, local_records
from coupling.mapping_files.difference import (
    Change,
    changed_field_settings,
    changed_settings,
    differences,
    reordered,
)
from coupling.mapping_files.types import (
    FIELD_SETTINGS,
    IDENTITY,
    SETTINGS,
    FieldEntry,
    MappingEntry,
    MappingFile,
    OptionEntry,
    numbered,
)
from coupling.mappings.option_entries import store_options
from coupling.mappings.schedule import follow_schedule, schedule
from coupling.mappings.set_entries import set_entries, store_sets
from coupling.mappings.transformations import look_up_tables
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping, KnownColumns, LookUpTable, pairs_of
from jobs.models import OPEN_STATES, Job
from masterdata.models import Company

NOT_IN_A_FILE = frozenset({"id", "company", "name", "next_run_at", "on_hold_since", "user_defined"})
"""Columns of a mapping that no file has: who it belongs to, who made it, and what a run writes."""
FIELD_NOT_IN_A_FILE = frozenset({"id", "mapping", "position", "user_defined"})
"""Columns of a field mapping that no file has: who made it, and its place, since the fields stand in their order."""


def stored_file(company: Any, names: Sequence[str] | None = None) -> MappingFile:
    """Return the company's mappings as they are stored: those named, or all of them.

    Of look-up tables, all are in the file of all mappings, else those that a rule of the mappings names.
    """
    rows = (
        IntegrationTableMapping.objects.filter(company=company)
        .select_related("company")
        .prefetch_related("fields", "criteria_sets")
    )
    mappings = rows if names is None else rows.filter(name__in=names)
    entries = tuple(_entry(one) for one in mappings)
    tables = look_up_tables(company)
    if names is not None:
        named = {name for one in entries for name in tables_of(one)}
        tables = {name: rows for name, rows in tables.items() if name in named}
    return MappingFile(entries, tables)


def tables_of(entry: MappingEntry) -> frozenset[str]:
    """Return the names that the rules of a mapping may mean a look-up table by."""
    return frozenset(rule.partition("=")[2] for field in entry.fields for rule in field.rules)


def changed_identity(before: MappingEntry, entry: MappingEntry) -> list[str]:
    """Return the settings that are to change of those that say what a mapping couples."""
    return [name for name in changed_settings(before, entry) if name in IDENTITY]


def require_unused(mapping: IntegrationTableMapping) -> None:
    """Raise NotUsable where what a mapping couples cannot be changed: it has couplings, or a job works with it."""
    if pairs_of(mapping).exists():
        raise NotUsable(
            "The mapping has couplings, so what it couples cannot be changed.",
            "Delete the couplings first, or couple the other table by a mapping of another name.",
        )
    if Job.objects.filter(company=mapping.company, mapping_name=mapping.name, state__in=OPEN_STATES).exists():
        raise NotUsable(
            "A job of the mapping has not ended, so what it couples cannot be changed.",
            "Wait for the job's end, or cancel it.",
        )


def _entry(mapping: IntegrationTableMapping) -> MappingEntry:
    values = {name: getattr(mapping, name) for name in SETTINGS}
    for name in ("table_filter", "integration_filter"):
        values[name] = _normal_filter(values[name])
    return MappingEntry(
        name=mapping.name,
        **{**values, "dependencies": tuple(values["dependencies"])},
        fields=tuple(_field_entry(one) for one in mapping.fields.all()),
        options=_options(mapping),
        criteria_sets=set_entries(mapping),
    )


def _normal_filter(stored: Any) -> Any:
    try:
        return filters.dump(filters.parse(stored))
    except filters.BadFilter:
        return stored


def _field_entry(field: IntegrationFieldMapping) -> FieldEntry:
    values = {name: getattr(field, name) for name in ("field", "integration_field", *FIELD_SETTINGS)}
    return FieldEntry(**{**values, "rules": tuple(values["rules"])})


def _options(mapping: IntegrationTableMapping) -> tuple[OptionEntry, ...] | None:
    """Return the pairs of a mapping of choices, but those of records that are not there any more.

    None for a mapping of rows, and where its records cannot be read. Without a pair the file says that there is none:
    carried to another company it takes those there away, and what comes out of that is the same file.
    """
    if mapping.uid_kind != "option":
        return None
    pairs = list(pairs_of(mapping).order_by("value"))
    try:
        keys = local_records.read_keys_and_names(mapping, [pair.local_id for pair in pairs])
    except local_records.Unusable:
        return None
    found = [OptionEntry(keys[pair.local_id][0], pair.value, pair.caption) for pair in pairs if pair.local_id in keys]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing changed; new: the names of mappings that were not there."""

    changes: list[Change]
    mappings: list[IntegrationTableMapping]
    new: frozenset[str]


@transaction.atomic
def store_file(company: Any, wanted: MappingFile, *, of_people: Collection[str] = (), user: Any = None) -> Stored:
    """Store what a file says, all of it or nothing. Raises Refusal for a pair of choices that cannot be, NotUsable
    where a mapping is to couple other tables while it is in use.

    Look-up tables come first, since rules name them. What the file does not name stays. of_people: the names of the
    mappings that people made, not those made by default; user: who does it.
    """
    known = {one.name: one for one in locked_mappings(company)}
    now = stored_file(company)
    changes = differences(now, wanted)
    for name, rows in wanted.look_up_tables.items():
        _store_look_up_table(company, name, rows)
    mappings = []
    for entry in wanted.mappings:
        before = now.mapping(entry.name)
        mapping = known.get(entry.name)
        if mapping is None or before is None:
            mapping = _add_mapping(company, entry, by_people=entry.name in of_people)
            before = MappingEntry(entry.name, "", "", "", "")
        else:
            _change_mapping(mapping, before, entry)
        _store_fields(mapping, before, entry, by_people=entry.name in of_people)
        if entry.options is not None:
            store_options(mapping, entry.options, others_stay=False, user=user)
        if entry.criteria_sets is not None:
            store_sets(mapping, before.criteria_sets or (), entry.criteria_sets)
        mappings.append(mapping)
    return Stored(changes, mappings, frozenset(entry.name for entry in wanted.mappings if entry.name not in known))


def locked_mappings(company: Any) -> list[IntegrationTableMapping]:
    """Return the company's mappings, which nobody else changes until the transaction ends.

    The company is locked first, as by whoever adds a mapping: rows that are not there yet cannot be locked. What only
    refers to it, such as a job that is queued, does not wait.
    """
    Company.objects.select_for_update(no_key=True).get(pk=company.pk)
    return list(IntegrationTableMapping.objects.select_for_update().filter(company=company).order_by("pk"))


def _store_look_up_table(company: Any, name: str, rows: Any) -> None:
    table = LookUpTable.objects.filter(company=company, name=name).first() or LookUpTable(company=company, name=name)
    if table.pk is None or table.rows != dict(rows):
        table.rows = dict(rows)
        table.save()


def _add_mapping(company: Any, entry: MappingEntry, *, by_people: bool) -> IntegrationTableMapping:
    mapping = IntegrationTableMapping(company=company, name=entry.name, scheduled=False, user_defined=by_people)
    _set(mapping, entry, [name for name in SETTINGS if getattr(entry, name) is not None])
    if entry.position is None:
        rows = IntegrationTableMapping.objects.filter(company=company)
        last = rows.aggregate(last=Max("position"))["last"]
        mapping.position = 0 if last is None else last + 1
    if mapping.scheduled:
        schedule(mapping, on=True)
    mapping.save()
    return mapping


def _change_mapping(mapping: IntegrationTableMapping, before: MappingEntry, entry: MappingEntry) -> None:
    changed = changed_settings(before, entry)
    if changed_identity(before, entry):
        try:
            require_unused(mapping)
        except NotUsable as error:
            raise NotUsable(f"{mapping.name}: {error.message}", error.fix) from None
        KnownColumns.objects.filter(mapping=mapping).delete()  # they are of the other table
    _set(mapping, entry, changed)
    changed += follow_schedule(mapping, changed)
    if changed:
        mapping.save(update_fields=changed)


def _set(mapping: IntegrationTableMapping, entry: MappingEntry, names: Iterable[str]) -> None:
    for name in names:
        value = getattr(entry, name)
        setattr(mapping, name, list(value) if isinstance(value, tuple) else value)


def _store_fields(
    mapping: IntegrationTableMapping, before: MappingEntry, entry: MappingEntry, *, by_people: bool
) -> None:
    """Give a mapping the fields of the file, in their order. A field that stays keeps its row."""
    rows = list(mapping.fields.all()) if mapping.pk else []
    known = dict(zip(numbered(before.fields), rows, strict=True))
    old, new = numbered(before.fields), numbered(entry.fields)
    for key, row in known.items():
        if key not in new:
            row.delete()
    moves = reordered(before, entry) or any(key not in known for key in list(new)[: len(known.keys() & new.keys())])
    last = max((row.position for row in rows), default=-1)
    added = []
    for position, (key, one) in enumerate(new.items()):
        field = known.get(key)
        if field is None:
            last += 1
            place = position if moves or not rows else last
            values = {**field_values(one), "user_defined": by_people}
            added.append(IntegrationFieldMapping(mapping=mapping, position=place, **values))
            continue
        changed = changed_field_settings(old[key], one)
        for name in changed:
            setattr(field, name, field_values(one)[name])
        if moves and field.position != position:
            field.position = position
            changed.append("position")
        if changed:
            field.save(update_fields=changed)
    create_logged(added)


def field_values(entry: FieldEntry) -> dict[str, Any]:
    """Return an entry of a field as the values of its row."""
    names = ("field", "integration_field", *FIELD_SETTINGS)
    return {**{name: getattr(entry, name) for name in names}, "rules": list(entry.rules)}
