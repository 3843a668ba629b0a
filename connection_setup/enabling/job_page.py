"""What the card of a preparation shows beside the job itself: its steps, and what a person may do about it."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest

from connection_setup.enabling.page import SOLUTION_FILE, solution_file_url
from connection_setup.enabling.steps import STEPS
from connection_setup.provisioning import preparation, steps, steps_table
from core.roles import Can, may
from jobs.models import Job, State, Type
from ui.kit import Action, FastTab
from ui.links import company_url


def tabs(job: Job) -> Iterator[FastTab]:
    """Yield the steps of a preparation, as they stood at its last checkpoint."""
    if job.type != Type.PREPARATION:
        return
    taken: Any = preparation.STEPS if job.parameters.get("purpose") == preparation.REDEPLOY else STEPS
    reports = steps.from_json(job.resume.get("steps", []))
    yield steps_table.steps_tab("Steps", taken, reports, in_progress=job.state == State.IN_PROCESS)


def actions(request: HttpRequest, job: Job) -> Iterator[Action]:
    """Yield the ways on: the sign-in that is waited for, another try, the file to import by hand."""
    if job.type != Type.PREPARATION or not may(request.user, Can.ADMINISTER, job.company):
        return
    company, purpose = job.company, str(job.parameters.get("purpose"))
    if job.needs_person:
        url = f"{company_url('connection_setup:administrator', company)}?purpose={purpose}"
        yield Action("Sign in with administrator user", url, icon="person", primary=True)
    elif job.state in (State.FAILED, State.CANCELLED):
        again = company_url("connection_setup:administrator", company)
        yield Action("Prepare again", job.parameters.get("page_url") or f"{again}?purpose={purpose}", icon="run")
    elif job.state == State.FINISHED:
        yield Action("Dataverse Connection Setup", company_url("connection_setup:setup", company), icon="plug")
    if url := solution_file_url(company, job.resume.get("memory", {})):
        yield Action(SOLUTION_FILE, url, icon="export")
