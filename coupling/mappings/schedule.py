"""When a mapping runs by itself next, after its schedule was changed."""

from collections.abc import Collection
from datetime import timedelta

from django.utils import timezone

from coupling.models import IntegrationTableMapping


def schedule(mapping: IntegrationTableMapping, *, on: bool) -> None:
    """Have the mapping run by itself, the first time after one period, or not any more; not saved."""
    mapping.scheduled = on
    mapping.next_run_at = timezone.now() + timedelta(minutes=max(1, mapping.every_minutes)) if on else None


def follow_schedule(mapping: IntegrationTableMapping, changed: Collection[str]) -> list[str]:
    """Set the next run after settings were changed, not saved: a shorter period brings it forward, a longer one counts
    from the next run on. Return the names of the model's fields that this changes.
    """
    if "scheduled" in changed:
        schedule(mapping, on=bool(mapping.scheduled))
        return ["next_run_at"]
    if "every_minutes" in changed and mapping.next_run_at is not None:
        soon = timezone.now() + timedelta(minutes=mapping.every_minutes)
        if soon < mapping.next_run_at:
            mapping.next_run_at = soon
            return ["next_run_at"]
    return []
