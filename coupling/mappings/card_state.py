"""What a mapping's card, or the page of a field, showed as stored: whether somebody changed it since, and what."""

from collections.abc import Mapping
from typing import Any

import msgspec
from auditlog.models import LogEntry

from coupling.mapping_files.difference import setting_words
from coupling.mapping_files.types import FIELD_SETTINGS, SETTINGS
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from ui.cells import time_ago

SEEN = (
    "direction", "synch_only_coupled", "multi_company", "update_conflict", "deletion_conflict", "blanks",
    "blank_is_no_match", "day_zone", "scheduled", "every_minutes", "template", "insert_values", "brakes",
    "table_filter", "integration_filter",
)  # fmt: skip
"""The settings that the card changes."""
SEEN_OF_FIELD = (
    "direction", "enabled", "constant", "rules", "transformation_direction", "update_conflict", "blanks",
    "clear_on_failed", "not_null", "validate_field", "validate_integration_field",
)  # fmt: skip
"""Those that the page of a field changes."""
AGAIN = "Nothing was saved. What you chose is below; save again to replace it."
_FILTERS = ("table_filter", "integration_filter")
_LONGEST = 100_000


def stored_state(mapping: IntegrationTableMapping) -> str:
    """Return what is stored now, as the form carries it."""
    return msgspec.json.encode(_state(mapping)).decode()


def changes_since(mapping: IntegrationTableMapping, seen: str, *, filters: bool) -> list[str]:
    """Return what is stored otherwise than a card showed it, as sentences; none where it said nothing of it.

    filters: whether it changes the filters too.
    """
    then, now = _read(seen), _state(mapping)
    if then is None:
        return []
    told = [
        f"{SETTINGS[name]} is {setting_words(name, now[name])} now."
        for name in SEEN
        if name in then and then[name] != now[name] and (filters or name not in _FILTERS)
    ]
    return [*told, *_who(mapping)] if told else []


def field_state(field: IntegrationFieldMapping) -> str:
    """Return what is stored of a field mapping now, as its form carries it."""
    return msgspec.json.encode({name: getattr(field, name) for name in SEEN_OF_FIELD}).decode()


def field_changes_since(field: IntegrationFieldMapping, seen: str) -> list[str]:
    """Return what is stored otherwise than the page of a field mapping showed it, as sentences."""
    then = _read(seen) or {}
    told = []
    for name in SEEN_OF_FIELD:
        value = getattr(field, name)
        if name in then and then[name] != value:
            as_mapping = value == "" and name in ("update_conflict", "blanks")
            told.append(
                f"{FIELD_SETTINGS[name]} is {'as the mapping says' if as_mapping else setting_words(name, value)} now."
            )
    return [*told, *_who(field)] if told else []


def _state(mapping: IntegrationTableMapping) -> dict[str, Any]:
    return {name: getattr(mapping, name) for name in SEEN}


def _read(seen: str) -> Mapping[str, Any] | None:
    try:
        return msgspec.json.decode(seen, type=dict[str, Any]) if 0 < len(seen) <= _LONGEST else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _who(changed: IntegrationTableMapping | IntegrationFieldMapping) -> list[str]:
    """Return who changed it last, where the audit log knows."""
    last = LogEntry.objects.get_for_object(changed).select_related("actor").order_by("-timestamp").first()
    if last is None or last.actor is None:
        return []
    return [f"The last change is by {last.actor}, {time_ago(last.timestamp)}."]
