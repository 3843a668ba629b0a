"""A file of mappings read into entries: what does not fit is refused with its line and key."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any
from zoneinfo import available_timezones

from core.vocabulary import BlankPolicy, CompareAs, ConflictOption, DeletionOption, Direction
from coupling import filters, mapping_names
from coupling.brakes import LIMITS
from coupling.mapping_files.tree import Node, read_bytes
from coupling.mapping_files.types import (
    FIELD_OF_DEFAULTS,
    FORMAT,
    OF_DEFAULTS,
    WAYS,
    BadFile,
    FieldEntry,
    MappingEntry,
    MappingFile,
    OptionEntry,
    SetEntry,
)
from coupling.rows import Criterion

Read = Callable[[Node, str], Any]
"""Reads a node's value; the text says where it stands. Raises BadFile."""
_LARGEST = 2_147_483_647


def read_file(content: bytes, *, of_defaults: bool = False) -> MappingFile:
    """Return what a file says. of_defaults: it may have the keys of default mappings too. Raises BadFile."""
    found = _keys(read_bytes(content), "the file", ("format", "look_up_tables", "mappings"), ("format", "mappings"))
    version = found["format"]
    if version.value != FORMAT:
        raise BadFile(f"The file's format is {version.text[:40]!r}; {FORMAT} is read.", line=version.line)
    tables = found.get("look_up_tables")
    rows = _table(found["mappings"], "mappings")
    if not rows:
        raise BadFile("The file has no mapping.", line=found["mappings"].line)
    return MappingFile(
        tuple(_mapping(name, node, of_defaults) for name, node in rows.items()),
        {name: _look_up_table(name, node) for name, node in _table(tables, "look_up_tables").items()} if tables else {},
    )


# -- values -----------------------------------------------------------------------------------------------------------


def _says(node: Node, where: str, wanted: str) -> BadFile:
    """Return the refusal of a value. wanted: what is taken there."""
    shown = "a table" if isinstance(node.value, dict) else "a list" if isinstance(node.value, list) else repr(node.text)
    return BadFile(f"{where} takes {wanted}, not {shown if len(shown) < 80 else shown[:77] + '...'}.", line=node.line)


def _text(length: int, *, needed: bool = False) -> Read:
    def read(node: Node, where: str) -> str:
        if isinstance(node.value, dict | list):
            raise _says(node, where, "a text")
        text = "" if node.value is None else node.text
        if needed and not text.strip():
            raise _says(node, where, "a text that is not blank")
        if len(text) > length:
            raise BadFile(f"{where} takes {length} characters, and this has {len(text):,}.", line=node.line)
        return text

    return read


def _zone(node: Node, where: str) -> str:
    name: str = _text(60)(node, where)
    if name and name not in available_timezones():
        raise BadFile(f"{where}: there is no time zone {name!r}. Write it like Europe/Berlin.", line=node.line)
    return name


def _logical_name(*, needed: bool = False, pattern: str = r"[a-z][a-z0-9_]*") -> Read:
    """Read what Dataverse calls a table or a column."""
    text = _text(128, needed=needed)

    def read(node: Node, where: str) -> str:
        name: str = text(node, where)
        if name and not re.fullmatch(pattern, name):
            raise _says(node, where, "a logical name, which has small letters, digits and _")
        return name

    return read


def _yes_or_no(node: Node, where: str) -> bool:
    if not isinstance(node.value, bool):
        raise _says(node, where, "true or false")
    return node.value


def _number(low: int, high: int) -> Read:
    def read(node: Node, where: str) -> int:
        if type(node.value) is not int or not low <= node.value <= high:
            raise _says(node, where, f"a number from {low:,} to {high:,}")
        return node.value

    return read


def _word(*words: str, blank: str = "") -> Read:
    """Read one of some words. blank: the word that the file has for the blank one."""

    def read(node: Node, where: str) -> str:
        if not isinstance(node.value, dict | list) and node.text in words:
            return node.text
        if blank and node.text in ("", blank) and not isinstance(node.value, dict | list):
            return ""
        raise _says(node, where, f"one of {', '.join((*words, blank) if blank else words)}")

    return read


def _list(of: Read) -> Read:
    def read(node: Node, where: str) -> tuple[Any, ...]:
        if not isinstance(node.value, list):
            raise _says(node, where, "a list")
        return tuple(of(one, where) for one in node.value)

    return read


def _filter(node: Node, where: str) -> dict[str, Any]:
    try:
        return filters.dump(filters.parse(_plain(node)))
    except filters.BadFilter as error:
        raise BadFile(f"{where}: {error.message}", line=node.line) from None


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(one) for key, one in node.value.items()}
    return [_plain(one) for one in node.value] if isinstance(node.value, list) else node.value


def _values(node: Node, where: str) -> dict[str, Any]:
    rows = _table(node, where)
    for name, one in rows.items():
        if isinstance(one.value, dict | list):
            raise _says(one, f"{where}, {name}", "a single value")
        _text(500)(one, f"{where}, {name}")
    return {name: one.value for name, one in rows.items()}


def _brakes(node: Node, where: str) -> dict[str, int]:
    found = _keys(node, where, tuple(LIMITS), ())
    return {name: _number(0, LIMITS[name][1])(found[name], f"{where}, {name}") for name in LIMITS if name in found}


# -- tables -----------------------------------------------------------------------------------------------------------


def _table(node: Node, where: str) -> Mapping[str, Node]:
    if node.value is None:
        return {}
    if not isinstance(node.value, dict):
        raise _says(node, where, "a table")
    return node.value


def _keys(node: Node, where: str, known: tuple[str, ...], needed: tuple[str, ...]) -> Mapping[str, Node]:
    """Return the values by key. Raises BadFile for one that is not known, and for one that is missing."""
    found = _table(node, where)
    for key, one in found.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            fix = f"Is {near[0]} meant?" if near else f"It takes {', '.join(known)}."
            raise BadFile(f"{where[:1].upper()}{where[1:]} has no key {key[:80]!r}.", fix, line=one.line)
    for key in needed:
        if key not in found:
            raise BadFile(f"{where[:1].upper()}{where[1:]} lacks the key {key!r}.", line=node.line)
    return found


_DIRECTION = _word(*Direction.values)
_CONFLICT = _word(*(one.value for one in ConflictOption.of_a_mapping()), blank="ask")
_FIELD_CONFLICT = _word(*filter(None, ConflictOption.values), blank="mapping")
_BLANKS = (BlankPolicy.SEND.value, BlankPolicy.KEEP.value)
_ROWS_DIRECTION = _word(Direction.TO.value, Direction.FROM.value)
_PRIORITY = _number(0, _LARGEST)
_FIELD: Mapping[str, tuple[str, Read]] = {
    "field": ("field", _text(60)),
    "integration_field": ("integration_field", _logical_name()),
    "direction": ("direction", _DIRECTION),
    "enabled": ("enabled", _yes_or_no),
    "disabled_reason": ("disabled_reason", _text(200)),
    "constant": ("constant", _text(100)),
    "rules": ("rules", _list(_text(500, needed=True))),
    "transformation_direction": ("transformation_direction", _ROWS_DIRECTION),
    "update_conflict": ("update_conflict", _FIELD_CONFLICT),
    "blanks": ("blanks", _word(*_BLANKS, blank="mapping")),
    "clear_on_failed": ("clear_on_failed", _yes_or_no),
    "not_null": ("not_null", _yes_or_no),
    "validate_field": ("validate_field", _yes_or_no),
    "validate_integration_field": ("validate_integration_field", _yes_or_no),
    "match": ("use_for_match", _yes_or_no),
    "match_priority": ("match_priority", _PRIORITY),
    "case_sensitive": ("case_sensitive", _yes_or_no),
    "compare_as": ("compare_as", _word(*CompareAs.values)),
    "only_with": ("only_with", _word("person", "team")),
    "needs": ("needs", _text(40, needed=True)),
    "way": ("way", _word(*WAYS)),
}
"""Key of a field in the file -> its name in the entry, and how it is read."""
_MAPPING: Mapping[str, Read] = {
    "part_of": _word("dynamics_365"),
    "on_demand": _yes_or_no,
    "way": _word(*WAYS),
    "table": _text(60, needed=True),
    "integration_table": _logical_name(needed=True),
    "entity_set": _logical_name(needed=True, pattern=r"[A-Za-z][A-Za-z0-9_]*"),
    "uid_column": _logical_name(needed=True),
    "modified_on_column": _logical_name(),
    "uid_kind": _word("guid", "option"),
    "name_column": _logical_name(),
    "direction": _DIRECTION,
    "table_filter": _filter,
    "integration_filter": _filter,
    "company_column": _logical_name(),
    "template": _text(20),
    "insert_values": _values,
    "dependencies": _list(_text(40, needed=True)),
    "synch_only_coupled": _yes_or_no,
    "multi_company": _yes_or_no,
    "update_conflict": _CONFLICT,
    "deletion_conflict": _word(*filter(None, DeletionOption.values), blank="ask"),
    "blanks": _word(*_BLANKS),
    "synch_after_coupling": _yes_or_no,
    "create_new": _yes_or_no,
    "brakes": _brakes,
    "day_zone": _zone,
    "blank_is_no_match": _yes_or_no,
    "scheduled": _yes_or_no,
    "every_minutes": _number(1, 1440),
    "inactivity_timeout_minutes": _number(0, 525_600),
    "late_after_minutes": _number(1, 10_080),
    "position": _PRIORITY,
}
"""Key of a mapping in the file, and how it is read; fields and options stand beside."""
_NEEDED = ("table", "integration_table", "entity_set", "uid_column")


def _mapping(name: str, node: Node, of_defaults: bool) -> MappingEntry:
    _check_name(name, node)
    own = tuple(key for key in _MAPPING if of_defaults or key not in OF_DEFAULTS)
    found = _keys(node, f"the mapping {name}", (*own, "fields", "options", "criteria_sets"), _NEEDED)
    values = {key: _MAPPING[key](one, f"{name}, {key}") for key, one in found.items() if key in _MAPPING}
    fields = _items(found.get("fields"), f"{name}, fields")
    entries = tuple(_field(one, f"{name}, field {at}", of_defaults) for at, one in enumerate(fields, 1))
    return MappingEntry(
        name=name,
        **values,
        fields=entries,
        options=_options(name, found["options"]) if "options" in found else None,
        criteria_sets=_sets(name, found["criteria_sets"], entries) if "criteria_sets" in found else None,
        lines={"": node.line, **{key: one.line for key, one in found.items()}},
    )


def _check_name(name: str, node: Node) -> None:
    problem, fix = mapping_names.problem_of(name)
    if problem:
        raise BadFile(problem, fix, line=node.line)


def _items(node: Node | None, where: str) -> list[Node]:
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, list):
        raise _says(node, where, "a list")
    return node.value


def _field(node: Node, where: str, of_defaults: bool) -> FieldEntry:
    known = tuple(key for key in _FIELD if of_defaults or key not in FIELD_OF_DEFAULTS)
    found = _keys(node, where, known, ())
    values = {_FIELD[key][0]: _FIELD[key][1](one, f"{where}, {key}") for key, one in found.items()}
    if not (values.get("field") or values.get("integration_field")):
        raise BadFile(f"{where} names neither a field nor an integration_field.", line=node.line)
    values.setdefault("transformation_direction", rules_direction(values.get("direction", "")))
    return FieldEntry(**values, line=node.line)


def rules_direction(direction: str) -> str:
    """Return the direction of rules where nothing says it: the field's own, or to the integration table."""
    return (Direction.FROM if direction == Direction.FROM else Direction.TO).value


def _options(name: str, node: Node | None) -> tuple[OptionEntry, ...]:
    options: list[OptionEntry] = []
    lines: dict[str | int, int] = {}
    for at, one in enumerate(_items(node, f"{name}, options"), 1):
        where = f"{name}, option {at}"
        found = _keys(one, where, ("code", "value", "caption"), ("code", "value"))
        code = _text(80, needed=True)(found["code"], f"{where}, code")
        value = _number(-_LARGEST - 1, _LARGEST)(found["value"], f"{where}, value")
        caption = _text(200)(found["caption"], f"{where}, caption") if "caption" in found else ""
        if twice := [lines[known] for known in (code, value) if known in lines]:
            raise BadFile(f"{where} has a code or a value that line {min(twice)} has already.", line=one.line)
        lines |= {code: one.line, value: one.line}
        options.append(OptionEntry(code, value, caption, one.line))
    return tuple(options)


_CRITERION: Mapping[str, Read] = {
    "field": _text(60, needed=True),
    "integration_field": _logical_name(needed=True),
    "match_priority": _PRIORITY,
    "case_sensitive": _yes_or_no,
    "compare_as": _word(*CompareAs.values),
}


def _sets(mapping: str, node: Node, fields: tuple[FieldEntry, ...]) -> tuple[SetEntry, ...]:
    """Return the criteria sets by name. Raises BadFile for a criterion whose pair is no field mapping of the file."""
    pairs = {(one.field, one.integration_field) for one in fields if not one.constant}
    found: dict[str, SetEntry] = {}
    rows = _table(node, f"{mapping}, criteria_sets")
    if len(rows) > mapping_names.MOST_SETS:
        raise BadFile(f"{mapping} has more than {mapping_names.MOST_SETS} criteria sets.", line=node.line)
    for name, one in rows.items():
        where = f"{mapping}, criteria set {name[:80]}"
        problem, fix = mapping_names.problem_of_set(name)
        if problem or name.casefold() in found:
            raise BadFile(problem or f"{where} is there twice.", fix, line=one.line)
        criteria = tuple(_criterion(item, where, pairs) for item in _items(one, where))
        if not criteria or len({(each.local, each.integration) for each in criteria}) < len(criteria):
            raise BadFile(f"{where} takes one criterion or more, each field pair once.", line=one.line)
        found[name.casefold()] = SetEntry(name, criteria, one.line)
    return tuple(sorted(found.values(), key=lambda entry: entry.name))


def _criterion(node: Node, where: str, pairs: set[tuple[str, str]]) -> Criterion:
    found = _keys(node, where, tuple(_CRITERION), ("field", "integration_field"))
    values = {key: _CRITERION[key](one, f"{where}, {key}") for key, one in found.items()}
    pair = values["field"], values["integration_field"]
    if pair not in pairs:
        raise BadFile(f"{where}: {'='.join(pair)} is no field mapping that can be matched on.", line=node.line)
    return Criterion(
        *pair, values.get("match_priority", 0), values.get("case_sensitive", False),
        CompareAs(values.get("compare_as", CompareAs.TEXT)),
    )  # fmt: skip


def _look_up_table(name: str, node: Node) -> dict[str, str]:
    where = f"look_up_tables, {name[:60]}"
    if not 0 < len(name) <= 60 or name != name.strip():
        raise BadFile(f"A look-up table cannot be called {name[:80]!r}.", "1 to 60 characters.", line=node.line)
    rows = _table(node, where)
    if len(rows) > 10_000:
        raise BadFile(f"{where} has {len(rows):,} rows; it takes 10,000.", line=node.line)
    text = _text(500)
    for value, one in rows.items():
        text(Node(value, one.line, value), f"{where}, value")
    return {value: text(one, f"{where}, {value[:40]}") for value, one in rows.items()}
