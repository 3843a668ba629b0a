"""The page Administrator Sign-In: what is asked for, the sign-in, and the steps that prepare the environment."""

from typing import Any

from django import forms
from django.http import HttpRequest

from connection_setup.connection import redirect_url
from connection_setup.connection.endpoints import SIGN_IN_HOST
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.provisioning import consent, preparation, steps, steps_table
from connection_setup.provisioning.consent_form import AcceptForm, permissions_tab
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Progress, Status, Tip
from ui.links import company_url

TITLE = "Administrator Sign-In"


TITLES = {
    "prepare": "Preparation of the environment",
    "certificate": "Preparation of the environment",
    "team": "Members of the owning team",
    preparation.REDEPLOY: "Redeployment of the integration solution",
}
BUTTONS = {
    "prepare": "Prepare the environment",
    "certificate": "Prepare the environment",
    "team": "Add Coupled Users to Team",
    preparation.REDEPLOY: "Redeploy the solution",
}
"""By the purpose of a sign-in: what its steps are called, and the button that takes them."""


class PurposeForm(forms.Form):
    """Before the sign-in; `purpose` is what it is for."""

    purpose = forms.ChoiceField(choices=[(name, name) for name in preparation.PURPOSES], widget=forms.HiddenInput)


class ConsentForm(AcceptForm, PurposeForm):
    """Before the sign-in, where nobody has consented yet."""


def consent_form(connection: DataverseConnection, data: Any = None, *, purpose: str = "prepare") -> PurposeForm:
    """The form before the sign-in: what was consented to once is not asked again."""
    purpose = str(data.get("purpose") or "prepare") if data is not None else purpose
    known = purpose in ("prepare", "team") and consent.is_given(connection)
    return (PurposeForm if known else ConsentForm)(data, initial={"purpose": purpose})


def page(
    request: HttpRequest,  # noqa: ARG001 - the shape of every page
    connection: DataverseConnection,
    signed_in: AdministratorSignIn | None,
    form: PurposeForm | None = None,
    *,
    purpose: str = "prepare",
    in_progress: bool = False,
) -> Page:
    """Return the page: permissions and sign-in, a sign-in under way, or the steps. in_progress: more steps follow."""
    company = connection.company
    done = signed_in is not None and signed_in.signed_in_at is not None
    waiting = signed_in is not None and not done and not signed_in.problem
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link("Dataverse Connection Setup", company_url("connection_setup:setup", company)),),
        "notices": _notices(connection, signed_in, purpose),
    }
    if done and signed_in is not None:
        return Page(
            **common,
            help="connection#administrator",
            state=Status(f"Signed in as {signed_in.name}", "ok"),
            fast_tabs=(_steps_tab(signed_in),),
            template=steps_table.TEMPLATE,
            context=_steps_context(signed_in, in_progress=in_progress),
        )
    form = form or consent_form(connection, purpose=purpose)
    return Page(
        **common,
        help="connection#administrator",
        tip=Tip(
            "Once, and only once",
            "An administrator of the environment signs in here one time. Afterwards the application works as its own "
            "user, and the administrator's sign-in is forgotten.",
        ),
        progress=Progress(
            "Waiting for the sign-in",
            f"It goes on in another window. If you see none, allow pop-ups from {SIGN_IN_HOST} and of this site, or "
            "sign in again below: it then happens in this window.",
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


def _notices(
    connection: DataverseConnection, signed_in: AdministratorSignIn | None, purpose: str
) -> tuple[Notice, ...]:
    if connection.enabled and purpose in ("prepare", preparation.REDEPLOY):
        return (Notice("Turn it off on Dataverse Connection Setup to prepare another.", title="It is enabled."),)
    if signed_in is not None and signed_in.problem:
        return (Notice(signed_in.problem_text, "bad", title="The sign-in did not work."),)
    if purpose == "prepare":
        return (Notice("What is missing in the environment is made first.", title="Prepares, then enables."),)
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
                hint="It must stand under Authentication in the application's registration, or the sign-in refuses it.",
            ),
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
        TITLES[signed_in.purpose], preparation.steps_of(signed_in), preparation.step_reports(signed_in)
    )


def _steps_context(signed_in: AdministratorSignIn, *, in_progress: bool) -> dict[str, Any]:
    reports = preparation.step_reports(signed_in)
    failed = any(one.state == steps.FAILED for one in reports)
    return steps_table.steps_context(
        preparation.steps_of(signed_in),
        reports,
        in_progress=in_progress,
        step_url=company_url("connection_setup:administrator-step", signed_in.company),
        button="Try again" if failed else "Go on" if reports else BUTTONS[signed_in.purpose],
        cancel_url=company_url("connection_setup:administrator-forget", signed_in.company),
        cancel="Forget the sign-in",
    )
