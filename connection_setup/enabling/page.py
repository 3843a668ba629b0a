"""The page Enable the Connection: the consent where it is asked for, and the steps as they are taken."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from connection_setup.captions import ENVIRONMENT_CHANGED
from connection_setup.enabling import preparing
from connection_setup.enabling import run as enabling
from connection_setup.enabling.steps import ADMINISTRATOR, BY_JOB, CONSENT, PREPARED, STEPS
from connection_setup.models import DataverseConnection, EnablingRun
from connection_setup.provisioning import consent, languages, steps_table
from connection_setup.provisioning.consent_form import AcceptForm, permissions_tab
from connection_setup.provisioning.steps import StepReport
from jobs import display
from jobs.models import Job, State
from masterdata.models import Company
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Progress, Status
from ui.links import company_url, optional_url

TITLE = "Enable the Connection"
TRY_AGAIN = "Try again"
SOLUTION_FILE = "Download Solution File"


def page(
    request: HttpRequest,
    connection: DataverseConnection,
    run: EnablingRun,
    form: AcceptForm | None = None,
    *,
    in_progress: bool,
) -> Page:
    """Return the page: the steps, and what the next one needs. in_progress: it is being taken."""
    company = connection.company
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link("Dataverse Connection Setup", company_url("connection_setup:setup", company)),),
        "help": "connection#enabling",
        "state": _state(run, in_progress=in_progress),
        "notices": () if in_progress else notices(run),
    }
    if enabling.waiting_for(run) == CONSENT and not in_progress:
        form = form or AcceptForm()
        return Page(
            **common,
            fast_tabs=(permissions_tab(), FastTab("consent", "Consent", (Field(form_field=form["consent"]),))),
            form_url=company_url("connection_setup:enabling", company),
            submit=Action("Accept and enable", icon="plug", primary=True),
            cancel=Link("Cancel", company_url("connection_setup:setup", company)),
        )
    step_url = company_url("connection_setup:enabling", company)
    if (waits := preparing_progress(company, step_url)) is not None:
        common |= {
            "notices": (preparing_notice(company),), "state": _state(run, in_progress=True), "progress": waits,
            "help": "connection#preparing",
        }  # fmt: skip
        return Page(**common, fast_tabs=(preparing_tab(run),))
    context = steps_context(run, in_progress=in_progress, step_url=step_url)
    if not in_progress and enabling.failed_by_administrator(run, request.session.session_key):
        context |= {
            "cancel_url": company_url("connection_setup:administrator-forget", company),
            "cancel": "Forget the sign-in",
        }
    tabs = (steps_tab(run, in_progress=in_progress),)
    return Page(**common, fast_tabs=tabs, template=steps_table.TEMPLATE, context=context)


def preparing_progress(company: Company, poll_url: str) -> Progress | None:
    """Return how far the job is that prepares the environment; None without one, and while it waits for a person."""
    job = preparing.open_job(company)
    return display.progress(job, poll_url=poll_url) if job is not None and not job.needs_person else None


def preparing_tab(run: EnablingRun) -> FastTab:
    """Return the steps as a FastTab while a job takes them: the next one is in progress unless the job waits."""
    job = preparing.open_job(run.company)
    return steps_tab(run, in_progress=job is not None and job.state != State.POSTPONED)


def preparing_notice(company: Company) -> Notice:
    """Return that a job prepares the environment, which needs no page; it leads to the job."""
    ways = job_actions(preparing.open_job(company))
    return Notice("It goes on without this page, which you may close.", title="A job prepares it.", actions=ways)


def job_actions(job: Job | None) -> tuple[Action, ...]:
    """Return the way to a job's page; none without a job."""
    if job is None:
        return ()
    return (Action("Open the job", company_url("jobs:job", job.company, pk=job.pk), icon="job"),)


def steps_tab(run: EnablingRun, *, in_progress: bool = False) -> FastTab:
    """Return the run's steps as a FastTab. in_progress: the next one is being taken."""
    return steps_table.steps_tab("Enabling", STEPS, enabling.step_reports(run), in_progress=in_progress)


def steps_context(run: EnablingRun, *, in_progress: bool, step_url: str) -> dict[str, Any]:
    """Return the context of steps_table.TEMPLATE for a run. step_url: takes a POST and answers with the page again."""
    idle = enabling.waiting_for(run) or run.ended_at is not None
    button = TRY_AGAIN if enabling.failed_step(run) else "Continue"
    return steps_table.steps_context(
        STEPS,
        enabling.step_reports(run),
        in_progress=in_progress,
        step_url=step_url,
        button="" if idle and not in_progress else button,
    )


def notices(run: EnablingRun) -> tuple[Notice, ...]:
    """Return what a run waits for or failed by: what happened, why, what to do next."""
    company, waiting, failed = run.company, enabling.waiting_step(run), enabling.failed_step(run)
    if failed is not None:
        ways = ways_on(run, failed)
        return (Notice(failed.user_message, "bad", title="The connection is not enabled.", actions=ways),)
    if waiting is not None and waiting.reason == CONSENT:
        return (Notice(consent.ON_BEHALF, title="Your consent is asked for, once."),)
    if waiting is not None and waiting.reason == ADMINISTRATOR:
        sign_in = Action(
            "Sign in with administrator user", company_url("connection_setup:administrator", company), icon="person"
        )
        ways = (sign_in, *job_actions(preparing.open_job(company)))
        return (Notice(waiting.user_message, "warn", title="An administrator is needed.", actions=ways),)
    return ()


def ways_on(run: EnablingRun, failed: StepReport) -> tuple[Action, ...]:
    """Return what leads on from a failed step, beside trying again: the job that took it, else the settings."""
    company = run.company
    ways = job_actions(preparing.last_job(company)) if failed.name in BY_JOB else ()
    ways = ways or (Action("Change the settings", company_url("connection_setup:setup", company)),)
    by_person = failed.name == "administrator" or failed.reason in ("denied", "sign_in")
    if by_person and failed.name in PREPARED and run.found.get("missing"):
        forget = company_url("connection_setup:administrator-forget", company)
        ways = (Action("Sign in with another account", forget, "post", "person"), *ways)
    if url := solution_file_url(company, run.found.get("preparation", {})):
        ways = (Action(SOLUTION_FILE, url, icon="export"), *ways)
    decide = optional_url("sync:environment", company) if failed.reason == "wrong_environment" else ""
    if decide:
        ways = (Action(ENVIRONMENT_CHANGED, decide, icon="plug"), *ways)
    return ways


def solution_file_url(company: Company, memory: Mapping[str, Any]) -> str:
    """Return where the solution's file is, as the environment needs it; "" unless that blocks customizations.

    memory: of the preparation (provisioning.preparation.Preparation).
    """
    if not memory.get("blocked"):
        return ""
    language = next(iter(memory.get("languages", ())), languages.ENGLISH)
    query = urlencode({"language": language, "sales": int(bool(memory.get("sales", True)))})
    return f"{company_url('connection_setup:solution-file', company)}?{query}"


def _state(run: EnablingRun, *, in_progress: bool) -> Status:
    if run.ended_at is not None:
        return Status("Enabled", "ok")
    if in_progress:
        return Status("Being enabled", "run")
    return Status("Not enabled", "bad" if enabling.failed_step(run) else "warn")
