"""The job that already waits for what somebody asks for: the same mapping, parameters and records."""

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from jobs.models import Job, JobRecord, State

_SIDES = ("local_id", "integration_id")


def waiting_twin(job: Job) -> Job | None:
    """Return the job that waits for the same as a new one, whose selection is stored; None where there is none.

    A job that has begun is no twin: what was changed since it read it would be missed.
    """
    asked = _as_stored(job.parameters)
    alike = Job.objects.filter(
        company=job.company, mapping_name=job.mapping_name, type=job.type, direction=job.direction,
        exclusive_key=job.exclusive_key, one_record=job.one_record, selection_only=job.selection_only,
        state__in=(State.QUEUED, State.POSTPONED), processed=0, cancel_requested=False,
    ).exclude(pk=job.pk)  # fmt: skip
    for one in alike.order_by("pk"):
        if one.parameters == asked and not one.resume and (not job.selection_only or _same_records(one, job)):
            return one
    return None


def _as_stored(parameters: object) -> object:
    """Return parameters as they come back from the database."""
    return json.loads(json.dumps(parameters, cls=DjangoJSONEncoder))


def _same_records(one: Job, other: Job) -> bool:
    return all(_ids(one, side).count() == _ids(other, side).count() for side in _SIDES) and not any(
        _ids(other, side).exclude(**{f"{side}__in": _ids(one, side)}).exists() for side in _SIDES
    )


def _ids(job: Job, side: str) -> "QuerySet[JobRecord, object]":
    return JobRecord.objects.filter(job=job, **{f"{side}__isnull": False}).values_list(side, flat=True)
