"""Page Administrator Sign-In: the permissions and the sign-in, then the steps that prepare the environment."""

from typing import Any

from connection_setup import captions
from connection_setup.administrator.forms import PurposeForm, purpose_form
from connection_setup.connection import redirect_url
from connection_setup.connection.sign_in_waiting import BELOW, PAGE_SAYS, WAITING
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.provisioning import consent, preparation, steps, steps_table
from connection_setup.provisioning.consent_action import consent_action, consent_link
from connection_setup.provisioning.consent_form import permissions_tab
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Progress, Status, Tip
from ui.links import company_url

TITLE = "Administrator Sign-In"
STEP_TITLES = {
    "prepare": "Preparation of the environment",
    "certificate": "Preparation of the environment",
    "team": "Members of the owning team",
    preparation.REDEPLOY: "Redeployment of the integration solution",
    preparation.WEB_HOOK: "Registration of the web hook",
}
STEP_BUTTONS = {
    "prepare": "Prepare the environment",
    "certificate": "Prepare the environment",
    "team": "Add Coupled Users to Team",
    preparation.REDEPLOY: "Redeploy the solution",
    preparation.WEB_HOOK: "Register the web hook",
}
"""By the purpose of a sign-in: the heading of its steps, and the button that starts them."""


def build_page(
    connection: DataverseConnection,
    signed_in: AdministratorSignIn | None,
    form: PurposeForm | None = None,
    *,
    purpose: str = "prepare",
    in_progress: bool = False,
) -> Page:
    """Return the page: the permissions and the sign-in, the wait for a sign-in, or the steps.

    signed_in: the session's sign-in, if there is one; form: with its errors; purpose: of a sign-in not begun yet;
    in_progress: the page takes the next step by itself.
    """
    company = connection.company
    done = signed_in is not None and signed_in.signed_in_at is not None
    waiting = signed_in is not None and not done and not signed_in.problem
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link(captions.TITLE, company_url("connection_setup:setup", company)),),
        "notices": _notices(connection, signed_in, purpose),
        "actions": (consent_action(connection),),
    }
    if done and signed_in is not None:
        return Page(
            **common,
            help=_help(signed_in.purpose),
            state=Status(f"Signed in as {signed_in.name}", "ok"),
            fast_tabs=(_steps_tab(signed_in),),
            template=steps_table.TEMPLATE,
            context=_steps_context(signed_in, in_progress=in_progress),
        )
    form = form or purpose_form(connection, purpose=purpose)
    return Page(
        **common,
        help=_help(purpose),
        tip=Tip(
            "Only once",
            "An administrator of the environment signs in here once. Afterwards the application works as its own user, "
            "and the administrator's sign-in is forgotten.",
        ),
        progress=Progress(
            WAITING,
            f"{BELOW} {PAGE_SAYS}",
            poll_url=company_url("connection_setup:administrator", company),
        )
        if waiting
        else None,
        fast_tabs=(
            permissions_tab(),
            _consent_tab(connection, form),
            _registration_tab(connection),
        ),
        form_url=company_url("connection_setup:administrator-sign-in", company),
        form_window="tandem-sign-in",
        submit=Action("Sign in with administrator user", icon="person", primary=True),
        cancel=Link("Cancel", company_url("connection_setup:setup", company)),
    )


def _help(purpose: str) -> str:
    return "connection#web-hook" if purpose == preparation.WEB_HOOK else "connection#administrator"


def _notices(
    connection: DataverseConnection, signed_in: AdministratorSignIn | None, purpose: str
) -> tuple[Notice, ...]:
    if connection.enabled and purpose in ("prepare", preparation.REDEPLOY):
        return (
            Notice(
                "To prepare another environment, turn Enabled off on Dataverse Connection Setup first.",
                title="The connection is enabled.",
            ),
        )
    if signed_in is not None and signed_in.problem:
        return (Notice(signed_in.problem_text, "bad", title="The sign-in did not work."),)
    if purpose == "prepare":
        return (
            Notice(
                "After the sign-in, what is missing in the environment is created, and the connection is enabled.",
                title="Prepares, then enables.",
            ),
        )
    return ()


def _registration_tab(connection: DataverseConnection) -> FastTab:
    return FastTab(
        "registration",
        "Application and environment",
        (
            Field("Environment URL", connection.environment_url),
            Field("Client ID", connection.client_id),
            Field(
                "Redirect URL",
                redirect_url.effective_url(connection),
                copy=True,
                hint="It must be listed under Authentication in the application's registration; otherwise Microsoft "
                "refuses the sign-in.",
            ),
            *filter(None, (consent_link(connection),)),
        ),
        gist=connection.environment_url.removeprefix("https://"),
        open=False,
    )


def _consent_tab(connection: DataverseConnection, form: PurposeForm) -> FastTab:
    asked = "consent" in form.fields
    given = Field(form_field=form["consent"]) if asked else Field("Consent", consent.summary(connection))
    return FastTab("consent", "Consent", (given, Field(form_field=form["purpose"])))


def _steps_tab(signed_in: AdministratorSignIn) -> FastTab:
    return steps_table.steps_tab(
        STEP_TITLES[signed_in.purpose], preparation.steps_of(signed_in), preparation.step_reports(signed_in)
    )


def _steps_context(signed_in: AdministratorSignIn, *, in_progress: bool) -> dict[str, Any]:
    reports = preparation.step_reports(signed_in)
    failed = any(report.state == steps.FAILED for report in reports)
    return steps_table.steps_context(
        preparation.steps_of(signed_in),
        reports,
        in_progress=in_progress,
        step_url=company_url("connection_setup:administrator-step", signed_in.company),
        button="Try again" if failed else "Continue" if reports else STEP_BUTTONS[signed_in.purpose],
        cancel_url=company_url("connection_setup:administrator-forget", signed_in.company),
        cancel="Forget the sign-in",
    )
