"""What Select Coupling Criteria showed as stored, carried by its form: whether somebody changed it since, and what."""

from typing import Any

import msgspec
from auditlog.models import LogEntry

from core.vocabulary import CompareAs, ConflictOption
from coupling.brakes import LIMITS, Brakes
from coupling.matching.criteria import available_criteria, field_caption
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.page_parts import ASK_A_PERSON
from ui.cells import time_ago

_LONGEST = 100_000


class Criterion(msgspec.Struct, frozen=True, array_like=True):
    """The criterion of a field mapping."""

    use: bool
    case: bool
    priority: int
    compare: str


class State(msgspec.Struct, frozen=True):
    """What is stored: by field mapping, and the settings."""

    fields: dict[int, Criterion]
    synchronize: bool
    create_new: bool
    conflicts: str
    brakes: dict[str, int] = {}


def stored_state(mapping: IntegrationTableMapping) -> str:
    """Return what is stored now, as the form carries it."""
    return msgspec.json.encode(_state(mapping)).decode()


def changes_since(mapping: IntegrationTableMapping, seen: str) -> list[str]:
    """Return what is stored otherwise than a page showed it, as sentences; none where it said nothing of it."""
    then = _read(seen)
    now = _state(mapping)
    if then is None or then == now:
        return []
    captions = {one.pk: field_caption(mapping, one.field) for one in available_criteria(mapping)}
    told = [
        sentence
        for pk in sorted({*then.fields, *now.fields})
        for sentence in _field(captions.get(pk, "A field"), then.fields.get(pk), now.fields.get(pk))
    ]
    for caption, before, after in (
        ("Synchronize After Coupling", then.synchronize, now.synchronize),
        ("Create New if Unable to Find a Match", then.create_new, now.create_new),
    ):
        told += [f"{caption} is {_on(after)} now."] if before != after else []
    if then.conflicts != now.conflicts:
        word = ConflictOption(now.conflicts).label if now.conflicts else ASK_A_PERSON
        told.append(f"Resolve Update Conflicts is {word} now.")
    told += [
        f"Stop if more are {words} than is {now.brakes.get(name, 'blank')} now."
        for name, (words, _) in LIMITS.items()
        if then.brakes.get(name) != now.brakes.get(name)
    ]
    return [*told, *_who(mapping)]


def _state(mapping: IntegrationTableMapping) -> State:
    return State(
        {
            one.pk: Criterion(one.use_for_match, one.case_sensitive, one.match_priority, one.compare_as)
            for one in available_criteria(mapping)
        },
        mapping.synch_after_coupling, mapping.create_new, mapping.update_conflict,
        Brakes.stored(mapping.brakes).on_coupling().dump(),
    )  # fmt: skip


def _read(seen: str) -> State | None:
    try:
        return msgspec.json.decode(seen, type=State) if 0 < len(seen) <= _LONGEST else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _field(caption: str, then: Criterion | None, now: Criterion | None) -> list[str]:
    if then == now:
        return []
    if now is None:
        return [f"{caption} is no longer mapped."]
    if then is None:
        return [f"{caption} is mapped now."]
    told: list[Any] = []
    if then.use != now.use:
        told.append(f"matched on{'' if now.use else ' no longer'}")
    if then.priority != now.priority:
        told.append(f"of priority {now.priority}")
    if then.case != now.case:
        told.append("case-sensitive" if now.case else "not case-sensitive")
    if then.compare != now.compare:
        told.append(f"compared as {CompareAs(now.compare).label.lower()}")
    return [f"{caption} is {', '.join(told)} now."]


def _on(value: bool) -> str:
    return "on" if value else "off"


def _who(mapping: IntegrationTableMapping) -> list[str]:
    """Return who changed a field of the mapping last, where the audit log knows."""
    fields = [str(pk) for pk in mapping.fields.values_list("pk", flat=True)]
    entries = LogEntry.objects.get_for_model(IntegrationFieldMapping).filter(object_pk__in=fields)
    last = entries.select_related("actor").order_by("-timestamp").first()
    if last is None or last.actor is None:
        return []
    return [f"The last change is by {last.actor}, {time_ago(last.timestamp)}."]
