"""What people start and stop, in the audit log beside what they change."""

from typing import Any

from auditlog.models import LogEntry
from django.db import models


def record_audit_entry(
    instance: models.Model,
    action: int,
    changes: dict[str, tuple[Any, Any]],
    *,
    user: Any = None,
    of: tuple[Any, str] | None = None,
    kept: dict[str, Any] | None = None,
) -> None:
    """Write one entry about an act on a row: before and after by name. Inside a request its person is known anyway.

    of: the company, and what the row is called there, where the Change Log lists rows of the kind: both outlive it;
    kept: what else is to outlive the row, as JSON has it, shown nowhere.
    """
    more = {**({"company_id": of[0].pk, "of": of[1]} if of is not None else {}), **(kept or {})}
    beside = {"additional_data": more} if more else {}
    LogEntry.objects.log_create(
        instance,
        force_log=True,
        action=action,
        changes={name: [None if one is None else str(one) for one in pair] for name, pair in changes.items()},
        actor=user if user is not None and user.pk else None,
        **beside,
    )
