"""The guide's steps that reach Dataverse: an administrator signs in, an environment is chosen, everything is made."""

from typing import Any

from django.conf import settings
from django.http import HttpResponseRedirect

from connection_setup.connection import settings as connection_settings
from connection_setup.connection.endpoints import SIGN_IN_HOST
from connection_setup.environments import services as environments
from connection_setup.environments.services import Found
from connection_setup.guide import flow
from connection_setup.guide.first_steps import LOCKED, saved
from connection_setup.guide.flow import Ended, Shown, Situation, Step
from connection_setup.guide.forms import EnvironmentForm, SignInForm
from connection_setup.guide.views import address
from connection_setup.models import AdministratorSignIn
from connection_setup.provisioning import sign_in
from connection_setup.setup.forms import SECRETS
from core.refusals import Refusal
from dataverse.errors import DataverseError
from ui.kit import Action, FastTab, Field, Notice, Progress, Question

SIGN_IN, ENVIRONMENT = "sign-in", "environment"
WITHOUT = "without-sign-in"
"""Confirmed where somebody goes on without an administrator: the environment is prepared already."""
OTHER = "other"
AT_ENVIRONMENT = "That is asked for at the step Environment: leave the address as it is here, and change it there."
WORDS = {"enabled": "", "disabled": "It is disabled.", "administration_mode": "It is in administration mode."}


def register() -> None:
    """Bring the steps to the guide; called once, while the app loads."""
    flow.add(Step(SIGN_IN, "Sign in", 40, show_sign_in, take_sign_in, done=_signed_in_or_without))
    flow.add(
        Step(
            ENVIRONMENT,
            "Environment",
            50,
            show_environment,
            take_environment,
            done=lambda now: (
                now.connection.enabled or (bool(now.connection.environment_url) and now.confirmed(ENVIRONMENT))
            ),
        )
    )


def _signed_in(situation: Situation) -> bool:
    found = situation.signed_in
    return found is not None and found.signed_in_at is not None


def _signed_in_or_without(situation: Situation) -> bool:
    return situation.connection.enabled or _signed_in(situation) or situation.confirmed(WITHOUT)


# -- sign in ----------------------------------------------------------------------------------------------------------

_ASKS = "Who administers the environment?"


def show_sign_in(situation: Situation, form: SignInForm | None = None, problem: str = "") -> Shown:
    """The button that leads to Microsoft's sign-in; who is signed in, once somebody is."""
    connection, found = situation.connection, situation.signed_in
    if connection.enabled:
        return Shown(_ASKS, ("Nobody needs to sign in.",), notices=(LOCKED,), next=Action("Next"))
    here = address(situation.company, SIGN_IN)
    if found is not None and found.signed_in_at is not None:
        return Shown(
            _ASKS,
            (
                f"{found.name} is signed in. The sign-in is kept sealed, for an hour at most, and forgotten once the "
                "connection is made.",
            ),
            actions=(Action("Sign in with another account", here, "post", "person", values={"again": "1"}),),
            next=Action("Next"),
        )
    waiting = found is not None and not found.problem
    notices = []
    if problem or (found is not None and found.problem):
        said = problem or (found.problem_text if found is not None else "")
        notices.append(Notice(said, "bad", title="The sign-in did not work."))
    form = form or SignInForm(initial={"environment_url": connection.environment_url})
    return Shown(
        _ASKS,
        (
            "An administrator of the environment signs in here once, with a licence for Dataverse and the security "
            f"role System Administrator. {settings.PRODUCT_NAME} then finds the environments this account may work in.",
        ),
        (FastTab("sign-in", "", tuple(Field(form_field=form[name]) for name in form.fields)),),
        notices,
        actions=(
            *((Action("Sign in in this window", here, "post", "person", values=_again(situation)),) if waiting else ()),
            Action(
                "Go on without signing in",
                here,
                "post",
                note="The environment is prepared already",
                values={"without": "1"},
            ),
        ),
        next=Action("Sign in with administrator user", icon="person"),
        form_window="tandem-sign-in",
        progress=Progress(
            "Waiting for the sign-in",
            f"It goes on in another window. If you see none, pop-ups are blocked: allow them from {SIGN_IN_HOST} and "
            "of this site, or choose Sign in in this window.",
            poll_url=here,
        )
        if waiting
        else None,
    )


def _again(situation: Situation) -> dict[str, str]:
    """What the sign-in that is waited for was begun with."""
    found = situation.signed_in
    return {"environment_url": situation.connection.environment_url, "tenant": found.tenant if found else ""}


def take_sign_in(situation: Situation) -> Ended:
    """Off to Microsoft; or on, where somebody is signed in already or goes on without."""
    request, connection = situation.request, situation.connection
    session = str(request.session.session_key or "")
    if connection.enabled:
        return None
    if "without" in request.POST:
        situation.kept.confirmed = [*situation.kept.confirmed, WITHOUT]
        return None
    if "again" in request.POST:
        sign_in.drop(situation.company, session)
        return HttpResponseRedirect(address(situation.company, SIGN_IN))
    if _signed_in(situation):
        return None
    form = SignInForm(request.POST)
    if not form.is_valid():
        return show_sign_in(situation, form)
    typed = form.cleaned_data["environment_url"]
    if typed != connection.environment_url:
        own = EnvironmentForm({**form.data.dict(), "replace": "yes"}, connection=connection)  # type: ignore[attr-defined]
        if not saved(situation, own):
            for name, errors in own.errors.items():
                form.add_error(
                    "environment_url",
                    [f"{error} {AT_ENVIRONMENT if name in SECRETS else ''}".strip() for error in errors],
                )
            return show_sign_in(situation, form)
    try:
        leads_to = environments.begin(
            company=situation.company,
            user=request.user,
            session_key=session,
            return_url=address(situation.company, SIGN_IN),
            tenant=form.cleaned_data["tenant"] or connection.tenant_id,
            in_window=request.POST.get("in_window") == "1",
        )
    except (DataverseError, Refusal) as error:
        return show_sign_in(situation, form, f"It cannot begin. {error.user_message}")
    return HttpResponseRedirect(leads_to)


# -- environment ------------------------------------------------------------------------------------------------------

_WHERE = "Which environment?"


def show_environment(situation: Situation, form: EnvironmentForm | None = None) -> Shown:
    """The environments that were found, and a field for another."""
    connection, signed_in = situation.connection, situation.signed_in
    if connection.enabled:
        fields = (Field("Environment URL", connection.environment_url, copy=True),)
        return Shown(_WHERE, (), (FastTab("environment", "", fields),), (LOCKED,), next=Action("Next"))
    found = environments.discovered(signed_in) if signed_in is not None and _signed_in(situation) else ()
    form = form or EnvironmentForm(connection=connection)
    chosen = str(form.data.get("environment") or "") or _current(situation, found)
    question = None
    if form.suggestion:
        question = Question("replace", (("yes", "Yes"), ("no", "No")), address(situation.company, ENVIRONMENT))
    typed = tuple(
        Field(form_field=form[name], question=question if name == "environment_url" else None) for name in form.fields
    )
    sections = [FastTab("typed", "", typed)]
    if found:
        options = [
            {
                "value": str(one.id),
                "label": one.name,
                "aside": one.url,
                "text": _about(one),
                "chosen": chosen == str(one.id),
            }
            for one in found
        ]
        options.append(
            {
                "value": OTHER,
                "label": "Another environment",
                "aside": "",
                "text": "Enter its Environment URL below.",
                "chosen": chosen == OTHER,
            }
        )
        context = {"legend": "Environment", "name": "environment", "options": options, "error": ""}
        sections.insert(0, FastTab("found", "", template="ui/shell/choices.html", context=context))
    said = environments.sentence(signed_in) if signed_in is not None and _signed_in(situation) else ""
    failed = bool(signed_in is not None and signed_in.problem)
    return Shown(
        _WHERE,
        (said or "Enter the address of the environment.",) if not failed else (),
        sections,
        (Notice(said, "bad"),) if failed else (),
        next=Action("Next"),
    )


def _about(one: Found) -> str:
    role = (
        "You are System Administrator in it."
        if one.administrator
        else "You are not System Administrator in it, so nothing can be prepared there."
    )
    return " ".join(filter(None, (WORDS[one.state], role, f"Version {one.version}." if one.version else "")))


def _current(situation: Situation, found: tuple[Found, ...]) -> str:
    """What is chosen when the step opens: the environment of the settings; else the only one, the reference's way."""
    connection = situation.connection
    same = next((one for one in found if environments.is_current(connection, one)), None)
    if same is not None:
        return str(same.id)
    if connection.environment_url:
        return OTHER
    return str(found[0].id) if len(found) == 1 else ""


def take_environment(situation: Situation) -> Ended:
    """Take the environment that was chosen or typed; what it refuses stands at the step."""
    connection, request, signed_in = situation.connection, situation.request, situation.signed_in
    if connection.enabled:
        return None
    chosen = request.POST.get("environment", "")
    form = EnvironmentForm(request.POST, connection=connection)
    try:
        if chosen and chosen != OTHER:
            form.is_valid()
            values = environments.chosen_values(_finder(situation), chosen)
            stored = connection_settings.save_settings(
                connection=connection, values=values, secret=form.secret or None, user=request.user
            )
        else:
            if form.is_valid() and not form.cleaned_data["environment_url"]:
                form.add_error("environment_url", "Choose an environment, or enter the Environment URL.")
            if not form.is_valid():
                return show_environment(situation, form)
            values = {**form.values, **_tenant(situation)}
            stored = connection_settings.save_settings(
                connection=connection, values=values, secret=form.secret or None, user=request.user
            )
    except Refusal as refusal:
        return show_environment(situation, form.with_error(refusal))
    if signed_in is not None and _signed_in(situation):
        sign_in.carry_over(signed_in, stored, purpose=sign_in.DISCOVER)
    return None


def _finder(situation: Situation) -> AdministratorSignIn:
    """Who found the environments shown. Raises Refusal once that sign-in is over."""
    if situation.signed_in is None or not _signed_in(situation):
        raise Refusal(
            "configuration",
            "The sign-in that found these environments is over, so nothing was chosen.",
            "Go back to Sign in, or enter the Environment URL.",
        )
    return situation.signed_in


def _tenant(situation: Situation) -> dict[str, Any]:
    """Where no tenant was entered, that of who signed in."""
    signed_in = situation.signed_in
    if situation.connection.tenant_id or signed_in is None or not _signed_in(situation):
        return {}
    try:
        return {"tenant_id": sign_in.signed_in_person(signed_in).tenant_id}
    except (DataverseError, Refusal):
        return {}
