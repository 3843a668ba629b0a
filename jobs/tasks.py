"""The two Celery tasks: run a job, and the tick. Acknowledged early: the sweep sends again what gets lost."""

from celery import shared_task
from celery.signals import worker_shutting_down

from jobs import lease
from jobs.running import runner, sweep


@shared_task(name="jobs.tasks.run_job", ignore_result=True)
def run_job(job_id: int) -> None:
    """Work on a job. Delivered twice, late or never, it does no harm: the row decides."""
    runner.run(job_id)


@shared_task(name="jobs.tasks.tick", ignore_result=True)
def tick() -> None:
    """Resume what was lost and start what is due (elected: two beats do no harm)."""
    sweep.tick()


@worker_shutting_down.connect
def _stop_slices(**_: object) -> None:
    """SIGTERM: slices end at their next checkpoint and give their lease back."""
    lease.stopping.set()
