"""The two Celery tasks: run a job, and the tick. Acknowledged early: the sweep sends again what gets lost."""

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings

from core.database_outage import reaches_database
from jobs import lease
from jobs.publishing import publish
from jobs.running import runner, sweep


@shared_task(name="jobs.tasks.run_job", ignore_result=True)
def run_job(job_id: int) -> None:
    """Work on a job. Delivered twice, late or never, it does no harm: the row decides."""
    if not reaches_database(f"job {job_id}", lambda: runner.run(job_id)):
        publish(job_id, countdown=settings.JOB_TICK_S)


@shared_task(name="jobs.tasks.tick", ignore_result=True)
def tick() -> None:
    """Resume what was lost and start what is due (elected: two beats do no harm)."""
    reaches_database("tick", sweep.tick)


@worker_shutting_down.connect
def _stop_slices(**_: object) -> None:
    """SIGTERM: slices end at their next checkpoint and give their lease back."""
    lease.stopping.set()
