"""Why records cannot be written or deleted here, found by trying."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, QuerySet, RestrictedError

from sync.rules.values import Problem


def problem_of(write: Callable[[], Any]) -> Problem | None:
    """Write one record by itself; return the problem where one of its values is taken."""
    try:
        with transaction.atomic():
            write()
    except IntegrityError:
        return Problem(
            "duplicate",
            "Another record here has a value that must not occur twice.",
            "Change it here or in Dataverse, or have Match-Based Coupling couple the two records.",
        )
    return None


def deletion_problems(records: "QuerySet[Any]", ids: Sequence[UUID]) -> list[str]:
    """Delete records as a person does, where it must be one by one. Return for each why it cannot be, or ""."""
    try:
        with transaction.atomic():
            records.filter(system_id__in=ids).delete()
    except (IntegrityError, ProtectedError, RestrictedError):
        if len(ids) == 1:
            return [
                "The row was deleted in Dataverse, and the record here could not be, because other records refer to "
                "it. Delete those first, or choose Restore Records or Delete Couplings."
            ]
        return [problem for record_id in ids for problem in deletion_problems(records, [record_id])]
    return [""] * len(ids)
