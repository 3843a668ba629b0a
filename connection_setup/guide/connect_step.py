"""The guide's step Connect: prepare the environment and enable the connection, each step shown as it happens."""

from typing import Any

from django.http import HttpResponseRedirect

from connection_setup.enabling import page as enabling_page
from connection_setup.enabling import run as enabling
from connection_setup.enabling.steps import ADMINISTRATOR
from connection_setup.enabling.views import is_in_progress
from connection_setup.environments import services as environments
from connection_setup.guide import flow
from connection_setup.guide.environment_steps import SIGN_IN
from connection_setup.guide.first_steps import has_accepted
from connection_setup.guide.flow import Situation, Step, StepContent, StepOutcome
from connection_setup.guide.links import step_url
from connection_setup.guide.services import confirm_step
from connection_setup.models import EnablingRun
from connection_setup.provisioning import consent, sign_in, steps_table
from connection_setup.provisioning.steps import FAILED
from core.refusals import Refusal
from ui import render
from ui.htmx import htmx_of
from ui.kit import Action, FastTab, Field, Notice

CONNECT = "connect"
TRY_AGAIN = "Try again"


def register() -> None:
    """Add the step to the guide; called once, when the app loads."""
    flow.register_step(
        Step(CONNECT, "Connect", 70, show_connect, take_connect, done=lambda now: now.connection.enabled)
    )


def show_connect(situation: Situation) -> StepContent:
    """Return what will be made where; once it has begun, the steps."""
    connection, company = situation.connection, situation.company
    run = enabling.current_run(company)
    if connection.enabled:
        sections = (enabling_page.steps_tab(run),) if run is not None else ()
        return StepContent(
            f"{company.name} is connected",
            (f"The connection to {connection.organization_name} is enabled.",),
            sections,
            next=Action("Next"),
        )
    if run is not None and (waits := enabling_page.preparing_progress(company, step_url(company, CONNECT))) is not None:
        return StepContent(
            "Preparing the environment",
            (),
            (enabling_page.preparing_tab(run),),
            (enabling_page.preparing_notice(company),),
            progress=waits,
        )
    if run is not None and (run.in_progress or enabling.step_reports(run)):
        return _steps(run, in_progress=is_in_progress(situation.request, run))
    fields = (
        Field("Environment URL", connection.environment_url),
        Field("Client ID", connection.client_id),
        Field("Administrator", situation.signed_in.name if situation.signed_in else "Nobody signed in"),
        Field("Ownership Model", connection.get_ownership_model_display()),
    )
    return StepContent(
        "Connect now?",
        (
            "The environment is checked first. Only if every check succeeds, what is missing in it is created: the "
            "integration solution, the application's user with its role, and this company's business unit, team and "
            "row. What exists already is left as it is, so you can repeat this.",
        ),
        (FastTab("about", "", fields),),
        next=Action("Connect", icon="plug"),
    )


def take_connect(situation: Situation) -> StepOutcome:
    """Begin to enable, or continue: one step where scripts ask for it, all that are left without scripts."""
    request, connection, company = situation.request, situation.connection, situation.company
    if connection.enabled:
        return None
    here, signed_in = step_url(company, CONNECT), situation.signed_in
    if has_accepted(situation):
        consent.give(company=company, user=request.user)
    if signed_in is not None and signed_in.purpose == sign_in.DISCOVER:
        environments.continue_to_prepare(signed_in)
    htmx = bool(htmx_of(request))
    try:
        run = enabling.begin(company=company, user=request.user, page_url=here, done_url=here, with_defaults=True)
    except Refusal:
        return HttpResponseRedirect(here)  # enabled by somebody else meanwhile
    if request.POST.get("scripts") and not htmx:
        return HttpResponseRedirect(here)  # the page takes the steps by itself
    who: Any = {"user": request.user, "session_key": request.session.session_key}
    report = enabling.take_next_step(run, **who) if htmx else enabling.take_all_steps(run, **who)
    if run.ended_at is not None:
        confirm_step(assisted_setup=situation.assisted_setup, step=CONNECT)
        return render.redirect(request, here)
    if report is not None and report.reason == enabling.JOB:
        return render.redirect(request, here)
    if report is not None and report.state == FAILED:
        enabling.pause(run)
    return _steps(run, in_progress=htmx and report is not None and report.ended)


def _steps(run: EnablingRun, *, in_progress: bool) -> StepContent:
    company = run.company
    here = step_url(company, CONNECT)
    waiting, failed = enabling.waiting_step(run), enabling.failed_step(run)
    notices: tuple[Notice, ...] = ()
    if failed is not None and not in_progress:
        notices = (Notice(failed.fix, "bad", title=failed.message, actions=enabling_page.ways_on(run, failed)),)
    elif waiting is not None and waiting.reason == ADMINISTRATOR and not in_progress:
        way = Action("Sign in with administrator user", step_url(company, SIGN_IN), icon="person")
        notices = (Notice(waiting.user_message, "warn", title="An administrator is needed.", actions=(way,)),)
    context = enabling_page.steps_context(run, in_progress=in_progress, step_url=here)
    return StepContent(
        "Connecting" if in_progress else "Not connected yet",
        (),
        (enabling_page.steps_tab(run, in_progress=in_progress),),
        notices,
        next=None if in_progress else Action(TRY_AGAIN if failed is not None else "Connect", icon="plug"),
        template=steps_table.TEMPLATE if in_progress else "",
        context=context,
    )
