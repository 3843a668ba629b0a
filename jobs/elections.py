"""Of several processes that look at the same moment, one does the work: elected by a conditional UPDATE of a row."""

from datetime import datetime

from django.db import IntegrityError, transaction

from jobs.models import Tick

SWEEP, ALERTS, SIGN_INS = 1, 2, 3
"""The rows of models.Tick: what each has the time of."""


def elect(row: int, now: datetime, *, before: datetime, at_first: bool = True) -> bool:
    """Return whether the caller is the one: it was done last at this moment or earlier, and is noted as done now.

    at_first: whether it is done when nobody ever did it.
    """
    if Tick.objects.filter(pk=row, last_at__lte=before).update(last_at=now):
        return True
    if Tick.objects.filter(pk=row).exists():
        return False
    try:
        with transaction.atomic():
            Tick.objects.create(pk=row, last_at=now)
    except IntegrityError:
        return False
    return at_first
