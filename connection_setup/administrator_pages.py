"""The page Administrator Sign-In: what is asked for, the sign-in, and the steps that prepare the environment."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from connection_setup import preparing, returning
from connection_setup.models import AdministratorSignIn, DataverseConnection
from masterdata.models import Company
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Progress, Status, Table, Tip

TITLE = "Administrator Sign-In"
SIGN_IN_HOST = "https://login.microsoftonline.com"

PERMISSIONS = (
    (
        "Access Dataverse as you",
        "To make, on your behalf, the application's user, which needs no licence and nobody signs in as, to assign its "
        "security role, and to bring the integration solution. It is used once, while the connection is set up.",
    ),
    (
        "Have full access to the business application",
        "To read and write the records that are synchronized. They are this site's own database, so no permission is "
        "asked for at Microsoft.",
    ),
    (
        "Sign in and read your profile",
        "To see that it is you who signs in, and that you are assigned the security role System Administrator.",
    ),
)


class ConsentForm(forms.Form):
    """Before the sign-in; `purpose` is what it is for."""

    purpose = forms.ChoiceField(choices=[(name, name) for name in preparing.PURPOSES], widget=forms.HiddenInput)
    consent = forms.BooleanField(
        label="I accept",
        help_text="I have read what is asked for, and may give these permissions on behalf of my organization.",
        error_messages={"required": "Tick this to go on: without the permissions nothing can be prepared."},
    )


def address(name: str, company: Company) -> str:
    """The address of one of this page's actions."""
    return reverse(f"connection_setup:{name}", kwargs={"company": company.slug})


def page(
    request: HttpRequest,  # noqa: ARG001 - the shape of every page
    connection: DataverseConnection,
    signed_in: AdministratorSignIn | None,
    form: ConsentForm | None = None,
    *,
    purpose: str = "prepare",
    going: bool = False,
) -> Page:
    """The page: the permissions and the sign-in, a sign-in that is waited for, or the steps. going: steps follow."""
    company = connection.company
    done = signed_in is not None and signed_in.signed_in_at is not None
    waiting = signed_in is not None and not done and not signed_in.problem
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link("Dataverse Connection Setup", address("setup", company)),),
        "notices": _notices(connection, signed_in, purpose),
    }
    if done and signed_in is not None:
        return Page(
            **common,
            help="connection#administrator",
            state=Status(f"Signed in as {signed_in.name}", "ok"),
            fast_tabs=(_steps_tab(signed_in),),
            template="connection_setup/preparing.html",
            context=_going_on(signed_in, going=going),
        )
    form = form or ConsentForm(initial={"purpose": purpose})
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
            poll_url=address("administrator", company),
        )
        if waiting
        else None,
        fast_tabs=(
            FastTab(
                "permissions",
                "Permissions",
                table=Table(
                    f"What {settings.PRODUCT_NAME} Integration to Dataverse asks for",
                    ("Permission", "What it is for"),
                    PERMISSIONS,
                    wrap=frozenset({0, 1}),
                ),
            ),
            FastTab("consent", "Consent", (Field(form_field=form["consent"]), Field(form_field=form["purpose"]))),
            _registration_tab(connection),
        ),
        form_url=address("administrator-sign-in", company),
        form_window="tandem-sign-in",
        submit=Action("Sign in with administrator user", icon="person", primary=True),
        cancel=Link("Cancel", address("setup", company)),
    )


def _notices(
    connection: DataverseConnection, signed_in: AdministratorSignIn | None, purpose: str
) -> tuple[Notice, ...]:
    if connection.enabled and purpose in ("prepare", preparing.REDEPLOY):
        return (Notice("Turn it off on Dataverse Connection Setup to prepare another.", title="It is enabled."),)
    if signed_in is not None and signed_in.problem:
        return (Notice(signed_in.problem, "bad", title="The sign-in did not work."),)
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
                returning.of(connection),
                copy=True,
                hint="It must stand under Authentication in the application's registration, or the sign-in refuses it.",
            ),
        ),
        gist=connection.environment_url.removeprefix("https://"),
        open=False,
    )


def _steps_tab(signed_in: AdministratorSignIn) -> FastTab:
    ended = {one.name: one for one in preparing.told(signed_in)}
    rows = []
    for step in preparing.steps(signed_in):
        one = ended.get(step.name)
        if one is None:
            rows.append((step.caption, Status("Waits"), ""))
        elif one.state == preparing.DONE:
            rows.append((step.caption, Status("Done", "ok"), one.message))
        else:
            rows.append((step.caption, Status("Failed", "bad"), f"{one.message} {one.fix}".strip()))
    return FastTab(
        "steps",
        "Preparation of the environment",
        gist=f"{sum(one.state == preparing.DONE for one in ended.values())} of {len(rows)} steps",
        table=Table("Steps", ("Step", "Result", "What happened"), rows, wrap=frozenset({2})),
    )


_PREPARE = "Prepare the environment"
_BUTTONS = {preparing.REDEPLOY: "Redeploy the solution"}


def _going_on(signed_in: AdministratorSignIn, *, going: bool) -> dict[str, Any]:
    steps = preparing.told(signed_in)
    failed = any(one.state == preparing.FAILED for one in steps)
    return {
        "going": going,
        "step_url": address("administrator-step", signed_in.company),
        "button": "Try again" if failed else "Go on" if steps else _BUTTONS.get(signed_in.purpose, _PREPARE),
        "cancel_url": address("administrator-forget", signed_in.company),
    }
