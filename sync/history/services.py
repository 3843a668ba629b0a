"""The verbs of the history: put values back, drop what is older than it is kept."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from core.refusals import NotUsable, Refusal
from coupling.mappings.services import exclusive_key, get_mapping, require_enabled, require_usable
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.models import Job, Type
from masterdata.models import Company
from sync.history.parameters import PutBackParameters
from sync.models import SynchronizedValue
from sync.rules.changes import Won

MOST = 5_000
"""Lines that are put back at once."""
_DROPPED_TOGETHER = 2_000
"""Lines deleted by one statement."""


def put_back(
    *,
    company: Company,
    lines: "QuerySet[SynchronizedValue] | Iterable[int]",
    anyway: bool = False,
    user: Any = None,
    parent: Job | None = None,
) -> list[Job]:
    """Queue a job for each mapping that puts back what these lines of the company's history replaced.

    Of several lines about one field of a record, on one side, what the oldest replaced is put back. A value that
    somebody changed since stays, unless `anyway`. parent: the job that this follows. Raises Refusal (not enabled, a
    mapping that is gone, too many lines), EmptySelection.
    """
    require_enabled(company)
    asked = lines if isinstance(lines, QuerySet) else SynchronizedValue.objects.filter(pk__in=list(lines))
    own = asked.filter(company=company)
    if own.exists() and not (asked := asked.exclude(won__in=(Won.NEW, Won.RULE))).exists():
        by_rule = not own.exclude(won=Won.RULE).exists()
        raise NotUsable(
            "These values were sent along by a rule of the table: what they replaced is not known."
            if by_rule
            else "These values came with a record or row that synchronization created: before, there was nothing.",
            "Edit the record instead, or delete it.",
        )
    by_mapping: dict[str, list[int]] = defaultdict(list)
    records: dict[str, set[Any]] = defaultdict(set)
    own = asked.filter(company=company).order_by("pk")
    for pk, local_id, name in own.values_list("pk", "local_id", "field__mapping_name")[: MOST + 1]:
        by_mapping[name].append(pk)
        records[name].add(local_id)
    count = sum(map(len, by_mapping.values()))
    if not count:
        raise EmptySelection
    if count > MOST:
        raise Refusal(
            "too_many", f"More than {MOST:,} values are meant, so nothing was put back.",
            "Narrow them by field, date or record, and put them back in parts.",
        )  # fmt: skip
    with transaction.atomic():
        return [
            _start(
                get_mapping(company, name), numbers, one_record=len(records[name]) == 1, anyway=anyway, user=user,
                parent=parent,
            )
            for name, numbers in by_mapping.items()
        ]  # fmt: skip


def _start(mapping: Any, lines: list[int], *, one_record: bool, anyway: bool, user: Any, parent: Job | None) -> Job:
    require_usable(mapping)
    if mapping.uid_kind == "option":
        raise NotUsable(
            f"What choices are called is not put back by a job, so nothing of {mapping.name} was.",
            "Rename the record here, or the choice in Dataverse, and synchronize the mapping.",
        )
    what = "a value" if len(lines) == 1 else f"{len(lines):,} values"
    return jobs.start(
        company=mapping.company,
        type=Type.RESTORE,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        description=f"{mapping.name}, put back {what}",
        parameters=PutBackParameters(lines=tuple(lines), anyway=anyway).dump(),
        user=user,
        parent=parent,
        one_record=one_record,
    )


def drop_older(*, company: Company, before: datetime, most: int) -> int:
    """Delete the lines of a company that were written before a moment, the oldest first, at most so many.

    What they tell is gone with them: undoing an older job leaves the values that it wrote. Lines stand in the order in
    which they were written, so that one that is young enough ends it. Returns how many were deleted.
    """
    lines = SynchronizedValue.objects.filter(company=company).order_by("id")
    dropped = 0
    while dropped < most:
        part = list(lines.values_list("pk", "at")[: min(_DROPPED_TOGETHER, most - dropped)])
        old = [pk for pk, at in part if at < before]
        if old:
            SynchronizedValue.objects.filter(company=company, pk__lte=old[-1], at__lt=before)._raw_delete(lines.db)
        dropped += len(old)
        if len(old) < len(part) or not part:
            break
    return dropped
