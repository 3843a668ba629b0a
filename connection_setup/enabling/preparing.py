"""Preparing an environment as a job: what begins it and has it go on. The work is in preparation_job.

It goes on without the page that began it, and after a worker was lost. Where the administrator's sign-in is over, it
waits for another one. The tokens stay sealed with that sign-in, which ends with the job: its parameters and checkpoints
hold none.
"""

from typing import Any

from connection_setup.connection import state
from connection_setup.models import AdministratorSignIn, EnablingRun
from connection_setup.provisioning import sign_in
from jobs import services as jobs
from jobs.models import OPEN_STATES, Job, State, Type
from masterdata.models import Company

_KEY = "preparation:"


def start(signed_in: AdministratorSignIn, *, user: Any, run: EnablingRun | None = None) -> Job:
    """Queue the preparation that a sign-in was made for, or have the one that waits go on; return the job."""
    company = signed_in.company
    found = open_job(company)
    if found is not None:
        jobs.hurry(job=found)
        return found
    about = {"page_url": run.page_url, "done_url": run.done_url, "with_defaults": run.with_defaults} if run else {}
    connection = state.connection_of(company)
    parameters = {"purpose": signed_in.purpose, "settings_of": connection.changed_at.isoformat(), **about}
    return jobs.start(
        company=company, type=Type.PREPARATION, exclusive_key=f"{_KEY}{company.pk}", parameters=parameters, user=user,
        description=connection.environment_url.removeprefix("https://"),
    )  # fmt: skip


def open_job(company: Company) -> Job | None:
    """Return the company's preparation that has not ended; None without one."""
    return (
        Job.objects.filter(company=company, type=Type.PREPARATION, state__in=OPEN_STATES)
        .select_related("company")
        .order_by("pk")
        .first()
    )


def wake(company: Company) -> None:
    """Have a preparation go on that waited for the sign-in that was just made."""
    job = open_job(company)
    if job is not None and job.needs_person:
        jobs.hurry(job=job)


def forget_sign_ins(exclusive_key: str) -> None:
    """Drop what an ended preparation signed in with, unless a person may try it again; for registry.on_ended."""
    if not exclusive_key.startswith(_KEY):
        return
    last = Job.objects.filter(exclusive_key=exclusive_key).order_by("-pk").first()
    if last is not None and last.state in (State.FINISHED, State.CANCELLED):
        sign_in.drop_purpose(last.company, str(last.parameters.get("purpose")), last.requested_by)
