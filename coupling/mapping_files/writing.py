"""Entries written as a file of mappings: the same entries give the same bytes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import yaml

from core.vocabulary import CompareAs
from coupling.mapping_files.reading import rules_direction
from coupling.mapping_files.tree import scalar
from coupling.mapping_files.types import (
    FIELD_OF_DEFAULTS,
    FIELD_SETTINGS,
    FORMAT,
    OF_DEFAULTS,
    SETTINGS,
    FieldEntry,
    MappingEntry,
    MappingFile,
    SetEntry,
)

WIDTH = 110
_ASK = ("update_conflict", "deletion_conflict")


class _Line(dict[str, Any]):
    """A table that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Writes lists indented below their key, and no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists too."""
        del indentless
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write each value where it stands."""
        del data
        return True


def _write_line(dumper: Any, data: _Line) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)


def _write_text(dumper: Any, data: str) -> Any:
    """Write a text; in quotes where it would be read as something else, such as a number.

    With escapes where a character of it is a break of lines to some readers.
    """
    style = "'" if scalar(data, plain=True) != data else None
    if not data.isprintable():
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(_Line, _write_line)
_Dumper.add_representer(str, _write_text)


def write_file(file: MappingFile) -> str:
    """Return the text of a file, sorted: mappings and look-up tables by name, settings in one order."""
    text: str = yaml.dump(
        file_document(file), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=WIDTH
    )
    return text


def file_document(file: MappingFile) -> dict[str, Any]:
    """Return what a file has, as its YAML says it."""
    content: dict[str, Any] = {"format": FORMAT}
    if file.look_up_tables:
        content["look_up_tables"] = {
            name: dict(sorted(rows.items())) for name, rows in sorted(file.look_up_tables.items())
        }
    by_name = sorted(file.mappings, key=lambda one: one.name)
    content["mappings"] = {one.name: mapping_document(one) for one in by_name}
    return content


_FIELD_DEFAULTS = {one.name: one.default for one in dataclasses.fields(FieldEntry)}


def mapping_document(entry: MappingEntry) -> dict[str, Any]:
    """Return a mapping as the file has it, settings that are as they are by default too."""
    found: dict[str, Any] = {name: getattr(entry, name) for name in OF_DEFAULTS if getattr(entry, name)}
    for name in SETTINGS:
        value = getattr(entry, name)
        if value is not None:
            found[name] = _written(name, value)
    found["fields"] = [field_document(one) for one in entry.fields]
    if entry.options is not None:
        by_value = sorted(entry.options, key=lambda one: one.value)
        found["options"] = [_Line({"code": one.code, "value": one.value, "caption": one.caption}) for one in by_value]
    if entry.criteria_sets is not None:
        found["criteria_sets"] = {one.name: set_document(one) for one in entry.criteria_sets}
    return found


def set_document(entry: SetEntry) -> list[dict[str, Any]]:
    """Return the criteria of a set as the file has them: what is not as it is by default."""
    return [
        _Line(
            {"field": one.local, "integration_field": one.integration}
            | ({"match_priority": one.priority} if one.priority else {})
            | ({"case_sensitive": True} if one.case_sensitive else {})
            | ({"compare_as": one.compare_as.value} if one.compare_as is not CompareAs.TEXT else {})
        )
        for one in entry.criteria
    ]


def field_document(entry: FieldEntry) -> dict[str, Any]:
    """Return a field as the file has it: what is not as it is by default."""
    found = _Line(
        {name: getattr(entry, name) for name in ("field", "integration_field") if getattr(entry, name)}
        | {"direction": entry.direction}
    )
    for name in (*FIELD_SETTINGS, *FIELD_OF_DEFAULTS):
        value = getattr(entry, name)
        default = rules_direction(entry.direction) if name == "transformation_direction" else _FIELD_DEFAULTS[name]
        if name != "direction" and value != default:
            found["match" if name == "use_for_match" else name] = _written(name, value)
    return found


def _written(name: str, value: Any) -> Any:
    if name in _ASK and value == "":
        return "ask"
    if isinstance(value, tuple):
        return list(value)
    return dict(sorted(value.items())) if name in ("insert_values", "brakes") else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        found = {str(key): _plain(one) for key, one in value.items()}
        return _Line(found) if "op" in found else found
    return [_plain(one) for one in value] if isinstance(value, list) else value
