"""The page Enable the Connection: the consent where it is asked for, and the steps as they are taken."""

from typing import Any

from django.http import HttpRequest

from connection_setup.enabling import run as enabling
from connection_setup.enabling.steps import ADMINISTRATOR, CONSENT, STEPS
from connection_setup.models import DataverseConnection, EnablingRun
from connection_setup.provisioning import consent, steps_table
from connection_setup.provisioning.consent_form import AcceptForm, permissions_tab
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Status
from ui.links import company_url

TITLE = "Enable the Connection"
TRY_AGAIN = "Try again"


def page(
    request: HttpRequest,
    connection: DataverseConnection,
    run: EnablingRun,
    form: AcceptForm | None = None,
    *,
    going: bool,
) -> Page:
    """The page: the steps, and what is needed for the next one. going: it is being taken."""
    company = connection.company
    asks = enabling.asks(run)
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link("Dataverse Connection Setup", company_url("connection_setup:setup", company)),),
        "help": "connection#enabling",
        "state": _state(run, going=going),
        "notices": () if going else notices(run),
    }
    if asks == CONSENT and not going:
        form = form or AcceptForm()
        return Page(
            **common,
            fast_tabs=(permissions_tab(), FastTab("consent", "Consent", (Field(form_field=form["consent"]),))),
            form_url=company_url("connection_setup:enabling", company),
            submit=Action("Accept and enable", icon="plug", primary=True),
            cancel=Link("Cancel", company_url("connection_setup:setup", company)),
        )
    context = going_context(run, going=going, step_url=company_url("connection_setup:enabling", company))
    if not going and enabling.failed_by_administrator(run, request.session.session_key):
        context |= {
            "cancel_url": company_url("connection_setup:administrator-forget", company),
            "cancel": "Forget the sign-in",
        }
    return Page(**common, fast_tabs=(steps_tab(run, going=going),), template=steps_table.TEMPLATE, context=context)


def steps_tab(run: EnablingRun, *, going: bool = False) -> FastTab:
    """The run's steps as a FastTab; going: the next one is being taken."""
    return steps_table.tab("Enabling", STEPS, enabling.told(run), going=going)


def going_context(run: EnablingRun, *, going: bool, step_url: str) -> dict[str, Any]:
    """The context of steps_table.TEMPLATE for a run; step_url takes a POST and answers with the page again."""
    failed, asks = enabling.failed(run), enabling.asks(run)
    idle = asks or run.ended_at is not None
    button = "" if idle and not going else TRY_AGAIN if failed else "Go on"
    return steps_table.context(STEPS, enabling.told(run), going=going, step_url=step_url, button=button)


def notices(run: EnablingRun) -> tuple[Notice, ...]:
    """What a run waits for or failed by: what happened, why, what to do next."""
    company, asks, failed = run.company, enabling.asks(run), enabling.failed(run)
    if failed is not None:
        setup = Action("Change the settings", company_url("connection_setup:setup", company))
        return (Notice(failed.sentence, "bad", title="The connection is not enabled.", actions=(setup,)),)
    if asks == CONSENT:
        return (Notice(consent.ON_BEHALF, title="Your consent is asked for, once."),)
    if asks == ADMINISTRATOR:
        told = next(one for one in enabling.told(run) if one.state == "asks")
        sign_in = Action(
            "Sign in with administrator user", company_url("connection_setup:administrator", company), icon="person"
        )
        return (Notice(told.sentence, "warn", title="An administrator is needed.", actions=(sign_in,)),)
    return ()


def _state(run: EnablingRun, *, going: bool) -> Status:
    if run.ended_at is not None:
        return Status("Enabled", "ok")
    if going:
        return Status("Being enabled", "run")
    return Status("Not enabled", "bad" if enabling.failed(run) else "warn")
