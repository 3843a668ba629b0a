"""The verbs about failed records: ignore them, and take that back."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from core.refusals import Refusal
from coupling.models import FailedRecord
from jobs.errors import EmptySelection
from jobs.models import Reason

MOST_OF_REASON = 200


@transaction.atomic
def ignore(*, failed: "QuerySet[FailedRecord]", because: str, user: Any = None) -> int:
    """Ignore failed records, with a reason, until they change here or a job sees that Dataverse did. Return how many.

    Raises Refusal without a reason, EmptySelection.
    """
    said = reason_of(because)
    return _update(failed, {"ignored_at": timezone.now(), "ignored_by": user, "ignored_because": said})


def reason_of(because: str) -> str:
    """Return the reason as it is kept. Raises Refusal where none is given."""
    said = " ".join(because.replace("\0", "").split())
    if not said:
        raise Refusal(
            Reason.VALUE_INVALID,
            "Failed records are ignored for a reason, and none was given.",
            "Say why, in a few words.",
        )
    return said[:MOST_OF_REASON]


@transaction.atomic
def stop_ignoring(*, failed: "QuerySet[FailedRecord]") -> int:
    """List ignored records again. Return how many. Raises EmptySelection."""
    return _update(failed, {"ignored_at": None, "ignored_by": None, "ignored_because": ""})


def _update(failed: "QuerySet[FailedRecord]", changes: dict[str, Any]) -> int:
    count = FailedRecord.objects.filter(pk__in=failed.order_by().values("pk")).update(**changes)
    if not count:
        raise EmptySelection
    return count
