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
from jobs.models import ENDED_STATES, OPEN_STATES, Job, State, Type
from masterdata.models import Company

_KEY = "preparation:"
REPLACED = "It waited for an administrator's sign-in, and somebody signed in to prepare the environment otherwise."


def start(signed_in: AdministratorSignIn, *, user: Any, run: EnablingRun | None = None) -> Job:
    """Queue the preparation that a sign-in was made for, or have the one that waits go on; return the job.

    One that waits for a person, for another purpose, makes way.
    """
    company = signed_in.company
    found = open_job(company)
    if found is not None and found.needs_person and purpose_of(found) != signed_in.purpose:
        jobs.cancel(job=found, user=user, why=REPLACED)
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


def last_job(company: Company) -> Job | None:
    """Return the company's last preparation, ended or not; None without one."""
    found = Job.objects.filter(company=company, type=Type.PREPARATION)
    return found.select_related("company").order_by("-pk").first()


def wake(company: Company) -> None:
    """Have a preparation go on that waited for the sign-in that was just made."""
    job = open_job(company)
    if job is not None and job.needs_person:
        jobs.hurry(job=job)


def forget_sign_ins(exclusive_key: str) -> None:
    """Drop what an ended preparation signed in with, unless a person may try it again; for registry.on_ended."""
    if not exclusive_key.startswith(_KEY):
        return
    known = Job.objects.filter(exclusive_key=exclusive_key).select_related("company")
    last = known.filter(state__in=ENDED_STATES).order_by("-ended_at", "-pk").first()
    if last is None or last.state not in (State.FINISHED, State.CANCELLED):
        return
    if not any(purpose_of(one) == purpose_of(last) for one in known.filter(state__in=OPEN_STATES)):
        sign_in.drop_purpose(last.company, purpose_of(last))


def purpose_of(job: Job) -> str:
    """Return what a preparation is for: that of the sign-ins it goes on with."""
    return str(job.parameters.get("purpose"))
