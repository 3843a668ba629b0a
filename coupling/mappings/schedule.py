"""When a mapping runs by itself next, after its schedule was changed, and what wakes one that is on hold.

On Hold with Inactivity Timeout: a mapping rests until a record here changes, or its inactivity timeout ends.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from core.vocabulary import Direction
from coupling import local_records
from coupling.models import IntegrationTableMapping
from ui.kit import Action, Field

CardFields = Callable[[IntegrationTableMapping], Sequence[Field]]
CardActions = Callable[[HttpRequest, IntegrationTableMapping], Sequence[Action]]
ReadAlong = Callable[["QuerySet[IntegrationTableMapping]"], "QuerySet[Any]"]
on_card: list[tuple[CardFields, CardActions]] = []
"""What a room above tells of a mapping's runs on its card, and what can be done about them."""
read_along: list[ReadAlong] = []
"""What it has read together with the mapping, so that the card asks for nothing twice."""
ON_HOLD = "On Hold with Inactivity Timeout"


def show_on_card(fields: CardFields, actions: CardActions, along: ReadAlong) -> None:
    """Have a mapping's card tell how its schedule stands; called while the app of the room above loads."""
    if (fields, actions) not in on_card:
        on_card.append((fields, actions))
        read_along.append(along)


def schedule(mapping: IntegrationTableMapping, *, on: bool) -> None:
    """Have the mapping run by itself, the first time after one period, or not any more; not saved."""
    mapping.scheduled, mapping.on_hold_since = on, None
    mapping.next_run_at = timezone.now() + timedelta(minutes=max(1, mapping.every_minutes)) if on else None


def hold(mapping: IntegrationTableMapping) -> None:
    """Put a scheduled mapping on hold until a record here changes or its timeout ends; not saved.

    With a timeout of 0 only a record that changes wakes it.
    """
    mapping.on_hold_since = timezone.now()
    mapping.next_run_at = _end_of_hold(mapping, mapping.on_hold_since)


def _end_of_hold(mapping: IntegrationTableMapping, since: datetime) -> datetime | None:
    minutes = mapping.inactivity_timeout_minutes
    return since + timedelta(minutes=minutes) if minutes else None


def _keeps_its_stamps(mapping: IntegrationTableMapping) -> bool:
    """Return whether a record's change is seen by its own stamp: another app's records are looked at by runs alone."""
    try:
        return local_records.get_table(mapping).columns is None
    except local_records.Unusable:
        return False


def is_woken(mapping: IntegrationTableMapping) -> bool:
    """Return whether a record here was made or changed since the mapping is on hold."""
    if mapping.on_hold_since is None:
        return False
    try:
        records = local_records.get_table(mapping).rows(mapping.company)
    except local_records.Unusable:
        return False
    return bool(records.filter(modified_at__gt=mapping.on_hold_since).exists())


def follow_schedule(mapping: IntegrationTableMapping, changed: Collection[str]) -> list[str]:
    """Set the next run after settings were changed, not saved: a new period counts from now on, and makes what is on
    hold due to inactivity ready. Choices that go to Dataverse from now on are put on hold: what is there is the same
    until a record here changes. Return the names of the model's fields that this changes.
    """
    found: set[str] = set()
    if "scheduled" in changed:
        schedule(mapping, on=bool(mapping.scheduled))
        found |= {"next_run_at", "on_hold_since"}
    elif "every_minutes" in changed and mapping.scheduled:
        schedule(mapping, on=True)
        found |= {"next_run_at", "on_hold_since"}
    if "inactivity_timeout_minutes" in changed and mapping.on_hold_since is not None:
        mapping.next_run_at = _end_of_hold(mapping, mapping.on_hold_since)
        found.add("next_run_at")
    if "direction" in changed and mapping.uid_kind == "option" and mapping.scheduled:
        if mapping.direction == Direction.TO and _keeps_its_stamps(mapping):
            hold(mapping)
        else:
            schedule(mapping, on=True)
        found |= {"next_run_at", "on_hold_since"}
    return sorted(found)
