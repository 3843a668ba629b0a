"""The page Enable the Connection: the consent where it is asked for, and the steps as they are taken."""

from typing import Any

from django.http import HttpRequest

from connection_setup.captions import ENVIRONMENT_CHANGED
from connection_setup.enabling import run as enabling
from connection_setup.enabling.steps import ADMINISTRATOR, CONSENT, STEPS
from connection_setup.models import DataverseConnection, EnablingRun
from connection_setup.provisioning import consent, steps_table
from connection_setup.provisioning.consent_form import AcceptForm, permissions_tab
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Status
from ui.links import company_url, optional_url

TITLE = "Enable the Connection"
TRY_AGAIN = "Try again"


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
    context = steps_context(run, in_progress=in_progress, step_url=step_url)
    if not in_progress and enabling.failed_by_administrator(run, request.session.session_key):
        context |= {
            "cancel_url": company_url("connection_setup:administrator-forget", company),
            "cancel": "Forget the sign-in",
        }
    tabs = (steps_tab(run, in_progress=in_progress),)
    return Page(**common, fast_tabs=tabs, template=steps_table.TEMPLATE, context=context)


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
        ways: tuple[Action, ...] = (Action("Change the settings", company_url("connection_setup:setup", company)),)
        decide = optional_url("sync:environment", company) if failed.reason == "wrong_environment" else ""
        if decide:
            ways = (Action(ENVIRONMENT_CHANGED, decide, icon="plug"), *ways)
        return (Notice(failed.user_message, "bad", title="The connection is not enabled.", actions=ways),)
    if waiting is not None and waiting.reason == CONSENT:
        return (Notice(consent.ON_BEHALF, title="Your consent is asked for, once."),)
    if waiting is not None and waiting.reason == ADMINISTRATOR:
        sign_in = Action(
            "Sign in with administrator user", company_url("connection_setup:administrator", company), icon="person"
        )
        return (Notice(waiting.user_message, "warn", title="An administrator is needed.", actions=(sign_in,)),)
    return ()


def _state(run: EnablingRun, *, in_progress: bool) -> Status:
    if run.ended_at is not None:
        return Status("Enabled", "ok")
    if in_progress:
        return Status("Being enabled", "run")
    return Status("Not enabled", "bad" if enabling.failed_step(run) else "warn")
