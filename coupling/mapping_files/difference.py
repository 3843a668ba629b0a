"""What a file would change: from the entries that are stored to those of the file, as sentences and for programs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.vocabulary import BlankPolicy, CompareAs, ConflictOption, DeletionOption, Direction
from core.words import counted
from coupling import filters
from coupling.brakes import LIMITS
from coupling.filters.words import ColumnWords
from coupling.mapping_files.types import (
    CRITERIA,
    FIELD_SETTINGS,
    SETTINGS,
    FieldEntry,
    MappingEntry,
    MappingFile,
    OptionEntry,
    SetEntry,
    numbered,
)
from coupling.mapping_files.writing import field_document, set_document

MAPPING, SETTING, FIELD, ORDER, OPTION, CRITERIA_SET, LOOK_UP_TABLE = (
    "mapping", "setting", "field", "order", "option", "criteria_set", "look_up_table",
)  # fmt: skip
ADDED, REMOVED, CHANGED = "added", "removed", "changed"
_WORDS: Mapping[str, type[Direction | ConflictOption | DeletionOption | CompareAs]] = {
    "direction": Direction, "transformation_direction": Direction, "update_conflict": ConflictOption,
    "deletion_conflict": DeletionOption, "compare_as": CompareAs,
}  # fmt: skip
_SCHEDULE = ("scheduled", "every_minutes", "inactivity_timeout_minutes", "late_after_minutes")
_POLICIES = ("update_conflict", "deletion_conflict", "blanks")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. what: see above; item: the field's pair, the code or the table; setting: of mapping or field."""

    what: str
    action: str
    mapping: str = ""
    item: str = ""
    setting: str = ""
    before: Any = None
    after: Any = None

    def document(self) -> dict[str, Any]:
        """Return it as commands print it."""
        return {
            "mapping": self.mapping, "what": self.what, "action": self.action, "item": self.item,
            "setting": self.setting, "before": self.before, "after": self.after, "text": self.sentence,
        }  # fmt: skip

    @property
    def sentence(self) -> str:
        """Return it as a person reads it."""
        place = f"{self.mapping}: " if self.mapping else ""
        return f"{place}{_SAYS[self.what](self)}"


def differences(stored: MappingFile, wanted: MappingFile) -> list[Change]:
    """Return what has to change so that what is stored becomes what the file says.

    Mappings and look-up tables that the file does not name stay as they are, and pairs of choices where it says nothing
    of a mapping's. The fields of a mapping become those of the file, and so do its pairs.
    """
    return [*_look_up_tables(stored, wanted), *_mappings(stored, wanted)]


def _look_up_tables(stored: MappingFile, wanted: MappingFile) -> Iterator[Change]:
    for name, rows in sorted(wanted.look_up_tables.items()):
        before = stored.look_up_tables.get(name)
        if before is None:
            yield Change(LOOK_UP_TABLE, ADDED, item=name, after=dict(rows))
        elif dict(before) != dict(rows):
            yield Change(LOOK_UP_TABLE, CHANGED, item=name, before=dict(before), after=dict(rows))


def _mappings(stored: MappingFile, wanted: MappingFile) -> Iterator[Change]:
    for entry in wanted.mappings:
        before = stored.mapping(entry.name)
        if before is None:
            yield Change(MAPPING, ADDED, entry.name, after=_gist(entry))
            yield from _options(entry.name, (), entry.options)
            yield from _criteria_sets(entry.name, (), entry.criteria_sets)
        else:
            yield from _settings(before, entry)
            yield from _fields(before, entry)
            yield from _options(entry.name, before.options or (), entry.options)
            yield from _criteria_sets(entry.name, before.criteria_sets or (), entry.criteria_sets)


def _gist(entry: MappingEntry) -> dict[str, Any]:
    return {
        "table": entry.table, "integration_table": entry.integration_table, "direction": entry.direction,
        "fields": len(entry.fields), "every_minutes": entry.every_minutes if entry.scheduled else None,
    }  # fmt: skip


def changed_settings(before: MappingEntry, entry: MappingEntry) -> list[str]:
    """Return the settings of a mapping that are to change; None in the file leaves one as it is."""
    return [
        name
        for name in SETTINGS
        if getattr(entry, name) is not None and _alike(getattr(before, name)) != _alike(getattr(entry, name))
    ]


def _settings(before: MappingEntry, entry: MappingEntry) -> Iterator[Change]:
    for name in changed_settings(before, entry):
        old, new = _alike(getattr(before, name)), _alike(getattr(entry, name))
        yield Change(SETTING, CHANGED, entry.name, name, name, old, new)


def _alike(value: Any) -> Any:
    """Return a value so that equal ones compare equal: True is not 1, and a tuple is a list."""
    return json.loads(json.dumps(value, default=dict)) if not isinstance(value, str | int | bool) else value


def changed_field_settings(before: FieldEntry, entry: FieldEntry) -> list[str]:
    """Return the settings of a field mapping that are to change."""
    return [name for name in FIELD_SETTINGS if getattr(before, name) != getattr(entry, name)]


def _fields(before: MappingEntry, entry: MappingEntry) -> Iterator[Change]:
    old, new = numbered(before.fields), numbered(entry.fields)
    for key, one in old.items():
        if key not in new:
            yield Change(FIELD, REMOVED, entry.name, one.pair, before=field_document(one))
    for key, one in new.items():
        if key not in old:
            yield Change(FIELD, ADDED, entry.name, one.pair, after=field_document(one))
            continue
        for name in changed_field_settings(old[key], one):
            yield Change(
                FIELD, CHANGED, entry.name, one.pair, name,
                _alike(getattr(old[key], name)), _alike(getattr(one, name)),
            )  # fmt: skip
    if reordered(before, entry):
        yield Change(ORDER, CHANGED, entry.name, after=[one.pair for one in entry.fields])


def reordered(before: MappingEntry, entry: MappingEntry) -> bool:
    """Return whether the fields that stay are in another order."""
    old, new = numbered(before.fields), numbered(entry.fields)
    return [key for key in old if key in new] != [key for key in new if key in old]


def _options(name: str, before: Iterable[OptionEntry], options: Iterable[OptionEntry] | None) -> Iterator[Change]:
    if options is None:
        return
    options = list(options)
    known, stays = {one.code: one for one in before}, {one.code for one in options}
    for code, one in known.items():
        if code not in stays:
            yield Change(OPTION, REMOVED, name, code, before={"value": one.value, "caption": one.caption})
    for one in options:
        old = known.get(one.code)
        after = {"value": one.value, "caption": one.caption}
        if old is None:
            yield Change(OPTION, ADDED, name, one.code, after=after)
        elif (old.value, old.caption) != (one.value, one.caption):
            yield Change(
                OPTION, CHANGED, name, one.code, before={"value": old.value, "caption": old.caption}, after=after
            )


def _criteria_sets(name: str, before: Iterable[SetEntry], sets: Iterable[SetEntry] | None) -> Iterator[Change]:
    if sets is None:
        return
    known, new = {one.name: one for one in before}, {one.name: one for one in sets}
    for key, one in known.items():
        if key not in new:
            yield Change(CRITERIA_SET, REMOVED, name, key, before=set_document(one))
    for key, one in new.items():
        old = known.get(key)
        if old is None:
            yield Change(CRITERIA_SET, ADDED, name, key, after=set_document(one))
        elif old != one:
            yield Change(CRITERIA_SET, CHANGED, name, key, before=set_document(old), after=set_document(one))


# -- in words ---------------------------------------------------------------------------------------------------------


def _says_mapping(one: Change) -> str:
    fields, every = one.after["fields"], one.after["every_minutes"]
    runs = f"; it runs by itself every {every:,} minutes" if every else ""
    return (
        f"the mapping is added, of {one.after['table']} and {one.after['integration_table']}, "
        f"{Direction(one.after['direction']).label.lower()}, with {counted(fields, 'field')}{runs}."
    )


def _says_setting(one: Change) -> str:
    words = (setting_words(one.setting, value) for value in (one.before, one.after))
    return "{} was {} and becomes {}.".format(SETTINGS[one.setting], *words)


def _says_field(one: Change) -> str:
    if one.action != CHANGED:
        return f"the field {one.item} is {one.action}."
    words = (setting_words(one.setting, value) for value in (one.before, one.after))
    return "{} of the field {} was {} and becomes {}.".format(FIELD_SETTINGS[one.setting], one.item, *words)


def _says_order(_: Change) -> str:
    return "the fields stand in another order."


def _says_option(one: Change) -> str:
    if one.action == REMOVED:
        return f"{one.item} is not coupled with the choice {one.before['value']} {one.before['caption']} any more."
    now = f"{one.after['value']} {one.after['caption']}".strip()
    if one.action == ADDED:
        return f"{one.item} is coupled with the choice {now}."
    return f"{one.item} was coupled with the choice {one.before['value']} {one.before['caption']} and becomes {now}."


def _says_criteria_set(one: Change) -> str:
    if one.action == REMOVED:
        return f"the criteria set {one.item} is removed."
    fields = ", ".join(row["field"] for row in one.after)
    return f"the criteria set {one.item} is {'added' if one.action == ADDED else 'changed'}, with {fields}."


def _says_look_up_table(one: Change) -> str:
    rows = counted(len(one.after), "row")
    if one.action == ADDED:
        return f"The look-up table {one.item} is added, with {rows}."
    changed = sum(1 for key in {*one.before, *one.after} if one.before.get(key) != one.after.get(key))
    return f"The look-up table {one.item} has {counted(changed, 'row')} other than now, {len(one.after):,} in all."


_SAYS = {
    MAPPING: _says_mapping, SETTING: _says_setting, FIELD: _says_field, ORDER: _says_order, OPTION: _says_option,
    CRITERIA_SET: _says_criteria_set, LOOK_UP_TABLE: _says_look_up_table,
}  # fmt: skip


def setting_words(setting: str, value: Any) -> str:
    """Return the value of a setting as a sentence has it."""
    if setting in ("table_filter", "integration_filter"):
        return filter_words(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if setting in _WORDS and value:
        return f"{_WORDS[setting](value).label}"
    if setting == "blanks" and value:
        return f"{BlankPolicy(value).label!r}"
    if value in (None, "", [], {}):
        return "Ask a person" if setting in _POLICIES else "blank"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if setting == "brakes":
        return ", ".join(f"{LIMITS[name][0]} at most {one:,}" for name, one in value.items())
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def filter_words(stored: Any) -> str:
    """Return a stored filter as a sentence has it."""
    try:
        text = filters.readable(filters.parse(stored), lambda name: ColumnWords(filters.caption_of(name)))
    except filters.BadFilter:
        text = json.dumps(stored, ensure_ascii=False)
    return f"[{text}]" if text else "everything"


# -- in numbers -------------------------------------------------------------------------------------------------------


def summary(changes: Iterable[Change]) -> list[str]:
    """Return what changes by mapping and kind, with counts and names: a sentence for each mapping."""
    by_mapping: dict[str, dict[str, list[str]]] = {}
    for one in changes:
        kind, name = _kind(one)
        names = by_mapping.setdefault(one.mapping, {}).setdefault(kind, [])
        if name not in names:
            names.append(name)
    return [
        f"{mapping or 'Look-up tables'}: "
        + "; ".join(_kind_words(kind, names) for kind, names in sorted(kinds.items(), key=_kind_order))
        + "."
        for mapping, kinds in by_mapping.items()
    ]


_KINDS = (
    "mapping added", "filter", "own field", "missing field", "matching criterion", "field changed", "order",
    "policy", "schedule", "setting", "pair of choices", "criteria set",
    "look-up table",
)  # fmt: skip
_PLURALS = {
    "matching criterion": "matching criteria", "policy": "policies", "schedule": "settings of the schedule",
    "pair of choices": "pairs of choices", "field changed": "changed fields", "own field": "own fields",
    "missing field": "missing fields",
}  # fmt: skip
_SINGULARS = {"schedule": "setting of the schedule", "field changed": "changed field"}


def _kind_order(item: tuple[str, list[str]]) -> int:
    return _KINDS.index(item[0])


def _kind(one: Change) -> tuple[str, str]:
    """Return of what kind a change is to a person, and the name of what changes."""
    if one.what == MAPPING:
        return "mapping added", one.mapping
    if one.what == SETTING:
        caption = SETTINGS[one.setting]
        if one.setting in ("table_filter", "integration_filter"):
            return "filter", caption
        schedules, decides = one.setting in _SCHEDULE, one.setting in _POLICIES
        return ("schedule" if schedules else "policy" if decides else "setting"), caption
    if one.what == FIELD:
        changed = "matching criterion" if one.setting in CRITERIA else "field changed"
        return {REMOVED: "own field", ADDED: "missing field", CHANGED: changed}[one.action], one.item
    if one.what == ORDER:
        return "order", ""
    kinds = {OPTION: "pair of choices", CRITERIA_SET: "criteria set", LOOK_UP_TABLE: "look-up table"}
    return kinds[one.what], one.item


def _kind_words(kind: str, names: list[str]) -> str:
    if kind == "mapping added":
        return "the mapping is added"
    if kind == "order":
        return "the order of the fields"
    words = _SINGULARS.get(kind, kind) if len(names) == 1 else _PLURALS.get(kind, f"{kind}s")
    return f"{len(names)} {words} ({', '.join(names)})"
