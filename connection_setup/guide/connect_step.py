"""The guide's step Connect: the environment is prepared and the connection enabled, each step shown as it happens."""

from typing import Any

from django.http import HttpResponseRedirect

from connection_setup.enabling import page as enabling_pages
from connection_setup.enabling import run as enabling
from connection_setup.enabling.steps import ADMINISTRATOR
from connection_setup.enabling.views import is_in_progress
from connection_setup.environments import services as environments
from connection_setup.guide import flow
from connection_setup.guide.environment_steps import SIGN_IN
from connection_setup.guide.first_steps import accepted
from connection_setup.guide.flow import Ended, Shown, Situation, Step
from connection_setup.guide.views import address, confirm
from connection_setup.models import EnablingRun
from connection_setup.provisioning import consent, steps_table
from connection_setup.provisioning import sign_in as administrator
from connection_setup.provisioning.steps import FAILED
from core.refusals import Refusal
from ui import render
from ui.kit import Action, FastTab, Field, Notice

CONNECT = "connect"
TRY_AGAIN = "Try again"


def register() -> None:
    """Bring the step to the guide; called once, while the app loads."""
    flow.add(Step(CONNECT, "Connect", 70, show, take, done=lambda now: now.connection.enabled))


def show(situation: Situation) -> Shown:
    """What will be made where; once it has begun, the steps."""
    connection, company = situation.connection, situation.company
    run = enabling.current_run(company)
    if connection.enabled:
        sections = (enabling_pages.steps_tab(run),) if run is not None else ()
        return Shown(
            f"{company.name} is connected",
            (f"The connection to {connection.organization_name} is enabled.",),
            sections,
            next=Action("Next"),
        )
    if run is not None and (run.in_progress or enabling.step_reports(run)):
        return _steps(run, in_progress=is_in_progress(situation.request, run))
    fields = (
        Field("Environment URL", connection.environment_url),
        Field("Client ID", connection.client_id),
        Field("Administrator", situation.signed_in.name if situation.signed_in else "Nobody signed in"),
        Field("Ownership Model", connection.get_ownership_model_display()),
    )
    return Shown(
        "Connect now?",
        (
            "The environment is looked at first. Only when nothing stands in the way, what is missing in it is made: "
            "the integration solution, the application's user with its role, and this company's business unit, team "
            "and row. What is there already is left as it is, so this can be repeated.",
        ),
        (FastTab("about", "", fields),),
        next=Action("Connect", icon="plug"),
    )


def take(situation: Situation) -> Ended:
    """Begin or go on: one step where scripts ask for it, all that are left where none run."""
    request, connection, company = situation.request, situation.connection, situation.company
    if connection.enabled:
        return None
    here, signed_in = address(company, CONNECT), situation.signed_in
    if accepted(situation):
        consent.give(company=company, user=request.user)
    if signed_in is not None and signed_in.purpose == administrator.DISCOVER:
        environments.go_on_to_prepare(signed_in)
    htmx = bool(request.htmx)  # type: ignore[attr-defined]
    try:
        run = enabling.begin(company=company, user=request.user, page_url=here, done_url=here, with_defaults=True)
    except Refusal:
        return HttpResponseRedirect(here)  # enabled by somebody else meanwhile
    if request.POST.get("scripts") and not htmx:
        return HttpResponseRedirect(here)  # the page takes the steps by itself
    who: Any = {"user": request.user, "session_key": request.session.session_key}
    report = enabling.take_next_step(run, **who) if htmx else enabling.take_all_steps(run, **who)
    if run.ended_at is not None:
        confirm(situation, CONNECT)
        return render.redirect(request, here)
    if report is not None and report.state == FAILED:
        enabling.pause(run)
    return _steps(run, in_progress=htmx and report is not None and report.ended)


def _steps(run: EnablingRun, *, in_progress: bool) -> Shown:
    company = run.company
    here = address(company, CONNECT)
    waiting, failed = enabling.waiting_step(run), enabling.failed_step(run)
    notices: tuple[Notice, ...] = ()
    if failed is not None and not in_progress:
        notices = (Notice(failed.fix, "bad", title=failed.message),)
    elif waiting is not None and waiting.reason == ADMINISTRATOR and not in_progress:
        sign_in = Action("Sign in with administrator user", address(company, SIGN_IN), icon="person")
        notices = (Notice(waiting.user_message, "warn", title="An administrator is needed.", actions=(sign_in,)),)
    context = enabling_pages.steps_context(run, in_progress=in_progress, step_url=here)
    return Shown(
        "Connecting" if in_progress else "Not connected yet",
        (),
        (enabling_pages.steps_tab(run, in_progress=in_progress),),
        notices,
        next=None if in_progress else Action(TRY_AGAIN if failed is not None else "Connect", icon="plug"),
        template=steps_table.TEMPLATE if in_progress else "",
        context=context,
    )
