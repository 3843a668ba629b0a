"""The guide's steps Sign in and Environment."""

from typing import Any

from django.conf import settings
from django.http import HttpResponseRedirect

from connection_setup.connection import redirect_url
from connection_setup.connection import settings as connection_settings
from connection_setup.connection.sign_in_waiting import BY_BUTTON, PAGE_SAYS, SEVERAL_TENANTS, WAITING
from connection_setup.environments import services as environments
from connection_setup.environments.services import DiscoveredEnvironment
from connection_setup.guide import flow
from connection_setup.guide.first_steps import LOCKED, save_form
from connection_setup.guide.flow import Situation, Step, StepContent, StepOutcome
from connection_setup.guide.forms import EnvironmentForm, SignInForm
from connection_setup.guide.links import step_url
from connection_setup.models import AdministratorSignIn
from connection_setup.provisioning import sign_in
from connection_setup.provisioning.consent_action import consent_action
from core.refusals import Refusal
from dataverse.errors import DataverseError
from dataverse.sign_in_rules import GRANT_CONSENT
from ui.kit import Action, FastTab, Field, Notice, Progress, Question
from ui.links import company_url

SIGN_IN, ENVIRONMENT = "sign-in", "environment"
WITHOUT_SIGN_IN = "without-sign-in"
"""Confirmed where somebody continues without an administrator: the environment is prepared already."""
OTHER_ENVIRONMENT = "other"
STATE_SENTENCES = {"enabled": "", "disabled": "It is disabled.", "administration_mode": "It is in administration mode."}


def register() -> None:
    """Add the steps to the guide; called once, when the app loads."""
    flow.register_step(Step(SIGN_IN, "Sign in", 40, show_sign_in, take_sign_in, _sign_in_done))
    flow.register_step(Step(ENVIRONMENT, "Environment", 50, show_environment, take_environment, _environment_done))


def _is_signed_in(situation: Situation) -> bool:
    found = situation.signed_in
    return found is not None and found.signed_in_at is not None


def _sign_in_done(situation: Situation) -> bool:
    return situation.connection.enabled or _is_signed_in(situation) or situation.has_confirmed(WITHOUT_SIGN_IN)


def _environment_done(situation: Situation) -> bool:
    connection = situation.connection
    return connection.enabled or (bool(connection.environment_url) and situation.has_confirmed(ENVIRONMENT))


# -- sign in ----------------------------------------------------------------------------------------------------------

_SIGN_IN_HEADING = "Who administers the environment?"
TENANT_NEEDED = (
    "Its ID or domain. It may stay empty only where the registration is multi-tenant: one for a single tenant is "
    "refused on Microsoft's page with AADSTS50194."
)


def show_sign_in(situation: Situation, form: SignInForm | None = None, problem: str = "") -> StepContent:
    """Return the button that leads to Microsoft's sign-in; who is signed in, once somebody is.

    problem: why the sign-in cannot begin, "" where it was not tried.
    """
    connection, found = situation.connection, situation.signed_in
    if connection.enabled:
        return StepContent(_SIGN_IN_HEADING, ("Nobody needs to sign in.",), notices=(LOCKED,), next=Action("Next"))
    here = step_url(situation.company, SIGN_IN)
    if found is not None and found.signed_in_at is not None:
        return StepContent(
            _SIGN_IN_HEADING,
            (
                f"{found.name} is signed in. The sign-in is stored encrypted, for an hour at most, and forgotten once "
                "the connection is enabled.",
            ),
            actions=(Action("Sign in with another account", here, "post", "person", values={"again": "1"}),),
            next=Action("Next"),
        )
    waiting = found is not None and not found.problem
    problem = problem or (found.problem_text if found is not None else "")
    consent = (consent_action(connection, back=here),) if GRANT_CONSENT in problem else ()
    notices = (Notice(problem, "bad", title="The sign-in did not work.", actions=consent),) if problem else ()
    form = form or SignInForm(initial={"environment_url": connection.environment_url})
    if not connection.tenant_id:
        form.fields["tenant"].help_text = TENANT_NEEDED
    return StepContent(
        _SIGN_IN_HEADING,
        (
            "An administrator of the environment signs in here once, with the security role System Administrator, its "
            f"own or a team's. {settings.PRODUCT_NAME} then finds the environments this account may work in.",
        ),
        (FastTab("sign-in", "", tuple(Field(form_field=form[name]) for name in form.fields)),),
        notices,
        actions=(
            *(
                (Action("Sign in in this window", here, "post", "person", values=_restart_values(situation)),)
                if waiting
                else ()
            ),
            Action(
                "Continue without signing in",
                here,
                "post",
                note="The environment is prepared already",
                values={"without": "1"},
            ),
        ),
        next=Action("Sign in with administrator user", icon="person"),
        form_window="tandem-sign-in",
        progress=Progress(
            WAITING,
            f"{BY_BUTTON} {PAGE_SAYS} {SEVERAL_TENANTS}",
            poll_url=here,
        )
        if waiting
        else None,
    )


def _restart_values(situation: Situation) -> dict[str, str]:
    """Return the form's values that the pending sign-in was begun with."""
    found = situation.signed_in
    return {"environment_url": situation.connection.environment_url, "tenant": found.tenant if found else ""}


def take_sign_in(situation: Situation) -> StepOutcome:
    """Redirect to Microsoft; or go to the next step, where somebody is signed in already or continues without."""
    request, connection = situation.request, situation.connection
    session = str(request.session.session_key or "")
    if connection.enabled:
        return None
    if "without" in request.POST:
        situation.assisted_setup.confirmed = [*situation.assisted_setup.confirmed, WITHOUT_SIGN_IN]
        return None
    if "again" in request.POST:
        sign_in.drop(situation.company, session)
        return HttpResponseRedirect(step_url(situation.company, SIGN_IN))
    if _is_signed_in(situation):
        return None
    form = SignInForm(request.POST)
    if not form.is_valid():
        return show_sign_in(situation, form)
    typed = form.cleaned_data["environment_url"]
    if typed != connection.environment_url:
        address_form = EnvironmentForm({**request.POST.dict(), "replace": "yes"}, connection=connection)
        if not save_form(situation, address_form):
            form.take_errors(address_form)
            return show_sign_in(situation, form)
    in_window = request.POST.get("in_window") == "1"
    try:
        address = environments.begin_sign_in(
            company=situation.company,
            user=request.user,
            session_key=session,
            return_url=step_url(situation.company, SIGN_IN),
            tenant=form.cleaned_data["tenant"] or connection.tenant_id,
            in_window=in_window,
            origin=redirect_url.begun_elsewhere(request, connection),
        )
    except (DataverseError, Refusal) as error:
        if in_window:  # the page that opened the window tells it
            return HttpResponseRedirect(company_url("connection_setup:administrator-window", situation.company))
        return show_sign_in(situation, form, f"The sign-in cannot begin. {error.user_message}")
    return HttpResponseRedirect(address)


# -- environment ------------------------------------------------------------------------------------------------------

_ENVIRONMENT_HEADING = "Which environment?"


def show_environment(situation: Situation, form: EnvironmentForm | None = None) -> StepContent:
    """Return the environments that were found, and a field for another."""
    connection = situation.connection
    if connection.enabled:
        fields = (Field("Environment URL", connection.environment_url, copy=True),)
        return StepContent(
            _ENVIRONMENT_HEADING, (), (FastTab("environment", "", fields),), (LOCKED,), next=Action("Next")
        )
    signed_in = situation.signed_in if _is_signed_in(situation) else None
    found = environments.discovered_environments(signed_in) if signed_in is not None else ()
    form = form or EnvironmentForm(connection=connection)
    sections = [_typed_section(situation, form)]
    if found:
        chosen = str(form.data.get("environment") or "") or _preselected(situation, found)
        sections.insert(0, _found_section(found, chosen))
    result = environments.describe_result(signed_in) if signed_in is not None else ""
    failed = signed_in is not None and bool(signed_in.problem)
    return StepContent(
        _ENVIRONMENT_HEADING,
        () if failed else (result or "Enter the address of the environment.",),
        sections,
        (Notice(result, "bad"),) if failed else (),
        next=Action("Next"),
    )


def _typed_section(situation: Situation, form: EnvironmentForm) -> FastTab:
    """Return the form's fields; the address with a question where it can be corrected."""
    question = None
    if form.suggestion:
        question = Question("replace", (("yes", "Yes"), ("no", "No")), step_url(situation.company, ENVIRONMENT))
    fields = tuple(
        Field(form_field=form[name], question=question if name == "environment_url" else None) for name in form.fields
    )
    return FastTab("typed", "", fields)


def _found_section(found: tuple[DiscoveredEnvironment, ...], chosen: str) -> FastTab:
    """Return the environments as choices, and Another environment."""
    options = [
        {
            "value": str(one.id),
            "label": one.name,
            "aside": one.url,
            "text": _describe_environment(one),
            "chosen": chosen == str(one.id),
        }
        for one in found
    ]
    options.append(
        {
            "value": OTHER_ENVIRONMENT,
            "label": "Another environment",
            "aside": "",
            "text": "Enter its Environment URL below.",
            "chosen": chosen == OTHER_ENVIRONMENT,
        }
    )
    context = {"legend": "Environment", "name": "environment", "options": options, "error": ""}
    return FastTab("found", "", template="ui/shell/choices.html", context=context)


def _describe_environment(one: DiscoveredEnvironment) -> str:
    role = (
        "You are System Administrator in it."
        if one.administrator
        else "You are not System Administrator in it, so you cannot prepare it."
    )
    return " ".join(filter(None, (STATE_SENTENCES[one.state], role, f"Version {one.version}." if one.version else "")))


def _preselected(situation: Situation, found: tuple[DiscoveredEnvironment, ...]) -> str:
    """Return what is chosen when the step opens: the environment of the settings, else the only one that was found."""
    connection = situation.connection
    same = next((one for one in found if environments.is_current(connection, one)), None)
    if same is not None:
        return str(same.id)
    if connection.environment_url:
        return OTHER_ENVIRONMENT
    return str(found[0].id) if len(found) == 1 else ""


def take_environment(situation: Situation) -> StepOutcome:
    """Save the environment that was chosen or typed; show the step again where it is refused."""
    connection, request, signed_in = situation.connection, situation.request, situation.signed_in
    if connection.enabled:
        return None
    chosen = request.POST.get("environment", "")
    form = EnvironmentForm(request.POST, connection=connection)
    valid = form.is_valid()
    try:
        if chosen and chosen != OTHER_ENVIRONMENT:
            values = environments.settings_for(_discovering_sign_in(situation), chosen)
        else:
            if valid and not form.cleaned_data["environment_url"]:
                form.add_error("environment_url", "Choose an environment, or enter the Environment URL.")
            if form.errors:
                return show_environment(situation, form)
            values = {**form.values, **_tenant_setting(situation)}
        stored = connection_settings.save_settings(
            connection=connection, values=values, secret=form.secret or None, user=request.user
        )
    except Refusal as refusal:
        return show_environment(situation, form.with_error(refusal))
    if signed_in is not None and _is_signed_in(situation):
        sign_in.carry_over(signed_in, stored, purpose=sign_in.DISCOVER)
    return None


def _discovering_sign_in(situation: Situation) -> AdministratorSignIn:
    """Return the sign-in that found the environments shown. Raises Refusal once it is over."""
    if situation.signed_in is None or not _is_signed_in(situation):
        raise Refusal(
            "configuration",
            "The sign-in that found these environments has expired, so nothing was chosen.",
            "Go back to the step Sign in, or enter the Environment URL.",
        )
    return situation.signed_in


def _tenant_setting(situation: Situation) -> dict[str, Any]:
    """Return the tenant of who signed in as a setting, where no tenant was entered."""
    signed_in = situation.signed_in
    if situation.connection.tenant_id or signed_in is None or not _is_signed_in(situation):
        return {}
    try:
        return {"tenant_id": sign_in.signed_in_person(signed_in).tenant_id}
    except (DataverseError, Refusal):
        return {}
