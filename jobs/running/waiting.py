"""Wait for a job and its follow-ups, running here what no worker has claimed."""

import time
from collections.abc import Callable

from django.utils import timezone

from jobs.lease import NotClaimed
from jobs.models import Job, State
from jobs.running.runner import run


def run_to_end(job: Job, on_progress: Callable[[Job], None] | None = None) -> Job:
    """Wait until the job and all its follow-ups have ended; run here what no worker has claimed. Returns it fresh.

    What needs a person is not waited for.

    `on_progress` gets a fresh row of the job at work, after each checkpoint or twice a second.
    """
    open_jobs = [job.pk]
    ended: list[int] = []
    while open_jobs:
        current = open_jobs[0]
        refused = run(current, on_progress=on_progress)
        row = Job.objects.get(pk=current)
        if row.ended or row.needs_person:
            if on_progress:
                on_progress(row)
            ended.append(open_jobs.pop(0))
            open_jobs += Job.objects.filter(parent_id=current).order_by("pk").values_list("pk", flat=True)
            continue
        if isinstance(refused, NotClaimed):
            if refused.waits_for is not None and refused.waits_for != current:
                ahead = run(refused.waits_for)  # nobody may be there to do it
                if not isinstance(ahead, NotClaimed):
                    continue
            if on_progress:
                on_progress(row)
            time.sleep(_pause_s(row))
    job.refresh_from_db()
    return job


def _pause_s(job: Job) -> float:
    """Return seconds until it is worth looking again."""
    if job.state == State.POSTPONED and job.not_before is not None:
        return min(0.5, max(0.02, (job.not_before - timezone.now()).total_seconds()))
    return 0.2
