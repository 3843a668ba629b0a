"""Settings of this room that cannot work are named when the application starts."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks


def timing(**_: Any) -> Sequence[checks.CheckMessage]:
    """Check that a lease outlasts two heartbeats, or a healthy worker loses its job when one is late."""
    if settings.JOB_HEARTBEAT_S * 2 <= settings.JOB_LEASE_S:
        return []
    return [
        checks.Error(
            f"JOB_HEARTBEAT_S is {settings.JOB_HEARTBEAT_S:g} and JOB_LEASE_S is {settings.JOB_LEASE_S:g}: "
            "a lease must last at least two heartbeats.",
            hint="Leave both unset (10 and 45 seconds), or make JOB_LEASE_S longer.",
            id="jobs.E001",
        )
    ]


def register() -> None:
    """Have `manage.py check` and every start look at them."""
    checks.register(timing)
