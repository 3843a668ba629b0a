"""The guide's steps Before you start, Consent, Application and Ownership."""

from collections.abc import Callable

from django.conf import settings

from connection_setup.connection import redirect_url, state
from connection_setup.connection import settings as connection_settings
from connection_setup.guide import flow
from connection_setup.guide.flow import Situation, Step, StepContent, StepOutcome
from connection_setup.guide.forms import ApplicationForm, OwnershipForm
from connection_setup.guide.links import step_url
from connection_setup.models import OwnershipModel
from connection_setup.provisioning.company_objects import team_name, unit_name
from connection_setup.provisioning.consent import PERMISSIONS
from connection_setup.provisioning.consent_form import AcceptForm
from connection_setup.secrets import credentials
from connection_setup.setup.forms import SettingsForm
from core.refusals import Refusal
from ui.kit import Action, FastTab, Field, Notice
from ui.links import company_url

BEFORE, CONSENT, APPLICATION, OWNERSHIP = "before-you-start", "consent", "application", "ownership"
LOCKED = Notice(
    "Turn Enabled off on Dataverse Connection Setup to change what is here.", title="The connection is enabled."
)


def register() -> None:
    """Add the steps to the guide; called once, when the app loads."""
    before_done, ownership_done = _enabled_or(_has_confirmed(BEFORE)), _enabled_or(_has_confirmed(OWNERSHIP))
    consent_done, application_done = _enabled_or(has_accepted), _enabled_or(_is_registered)
    for step in (
        Step(BEFORE, "Before you start", 10, show_before, take_before, before_done),
        Step(CONSENT, "Consent", 20, show_consent, take_consent, consent_done),
        Step(APPLICATION, "Application", 30, show_application, take_application, application_done),
        Step(OWNERSHIP, "Ownership", 60, show_ownership, take_ownership, ownership_done),
    ):
        flow.register_step(step)


def _enabled_or(done: Callable[[Situation], bool]) -> Callable[[Situation], bool]:
    """Return a condition that holds once the connection is enabled, or `done` holds."""
    return lambda situation: situation.connection.enabled or done(situation)


def _has_confirmed(step: str) -> Callable[[Situation], bool]:
    return lambda situation: situation.has_confirmed(step)


def take_before(_: Situation) -> StepOutcome:
    """Go to the next step: this one asks nothing."""
    return None


# -- before you start -------------------------------------------------------------------------------------------------


def show_before(situation: Situation) -> StepContent:
    """Return what the guide does, and what to have at hand."""
    company = situation.company
    setup = company_url("connection_setup:setup", company)
    return StepContent(
        f"Connect {company.name} to Dataverse",
        (
            f"This guide connects the records of {company.name} to one Dataverse environment. It takes about ten "
            "minutes. You can leave it at any step, and continue there when you open it again. Nothing is changed in "
            "Dataverse before the step Connect.",
        ),
        (
            FastTab(
                "ready",
                "Have these ready",
                template="ui/page/points.html",
                context={
                    "points": [
                        (
                            "An application registered in Microsoft Entra ID",
                            f"{settings.PRODUCT_NAME} signs in with its Client ID and its secret or certificate.",
                        ),
                        (
                            "An administrator of the environment",
                            "This person signs in once. The account needs the security role System Administrator, "
                            "its own or a team's.",
                        ),
                        (
                            f"The local currency {company.currency_code}",
                            "It must be the environment's base currency, which cannot be changed in Dataverse later. "
                            "Otherwise the base currency must be in Currencies, with an exchange rate.",
                        ),
                        (
                            "An environment that is not in administration mode",
                            "In that mode only administrators may sign in, and the application's user is not one.",
                        ),
                    ]
                },
            ),
        ),
        _locked_notices(situation),
        (Action("Enter everything on one page instead", setup),),
        next=Action("Next"),
    )


# -- consent ----------------------------------------------------------------------------------------------------------


def show_consent(situation: Situation, form: AcceptForm | None = None) -> StepContent:
    """Return the permissions, in words, and the consent to them."""
    if form is None:
        form = AcceptForm(initial={"consent": has_accepted(situation)})
    return StepContent(
        "What the administrator permits",
        (
            f"While the connection is set up, the administrator is asked to give these permissions to the registered "
            f"application {settings.PRODUCT_NAME} Integration to Dataverse, on behalf of the organization. The "
            "application then synchronizes data as its own user, which needs no licence and which nobody signs in as.",
        ),
        (
            FastTab(
                "permissions",
                "",
                template="ui/page/points.html",
                context={"points": PERMISSIONS},
            ),
            FastTab("consent", "", (Field(form_field=form["consent"]),)),
        ),
        actions=(Action("Privacy and Cookies", "https://privacy.microsoft.com/privacystatement"),),
        next=Action("Next"),
    )


def take_consent(situation: Situation) -> StepOutcome:
    """Store the consent; without it the step is shown again."""
    form = AcceptForm(situation.request.POST)
    if not form.is_valid():
        return show_consent(situation, form)
    situation.assisted_setup.accepted_by_id = situation.request.user.pk
    return None


def has_accepted(situation: Situation) -> bool:
    """Return whether the person at the page accepted: nobody consents for another."""
    return situation.has_confirmed(CONSENT) and situation.assisted_setup.accepted_by_id == situation.request.user.pk


# -- application ------------------------------------------------------------------------------------------------------


def show_application(situation: Situation, form: ApplicationForm | None = None) -> StepContent:
    """Return the fields of the application's registration, as on the setup page."""
    connection = situation.connection
    if connection.enabled:
        fields = [
            Field("Tenant ID", connection.tenant_id),
            Field("Client ID", credentials.client_id(connection)),
            Field("Authentication Type", connection.get_authentication_type_display()),
        ]
        return StepContent(
            "Which application signs in?", (), (FastTab("application", "", fields),), (LOCKED,), next=_next()
        )
    form = form or ApplicationForm(connection=connection)
    form.fields["authentication_type"].widget.attrs |= {
        "hx-post": step_url(situation.company, APPLICATION),
        "hx-vals": '{"choose": "1"}',
        "hx-trigger": "change",
        "hx-target": "#main",
        "hx-select": "#main",
        "hx-swap": "outerHTML",
    }
    fields = [Field(form_field=form[name]) for name in form.fields]
    if "redirect_url" not in form.fields:
        fields.append(Field("Redirect URL", redirect_url.default_url(), copy=True, hint=REGISTER_REDIRECT_URL))
    return StepContent(
        "Which application signs in?",
        (
            f"Register an application named {settings.PRODUCT_NAME} Integration to Dataverse in Microsoft Entra ID, "
            "then enter what its Overview and its Certificates & secrets show.",
        ),
        (FastTab("application", "", fields),),
        actions=(
            Action(
                "Register an Application", company_url("connection_setup:registration", situation.company), icon="guide"
            ),
        ),
        next=_next(),
        enctype="multipart/form-data",
    )


MADE_AT_CONNECT = "It is created at the step Connect."
REGISTER_REDIRECT_URL = "Add this under Authentication in the registration; otherwise Microsoft refuses the sign-in."


def take_application(situation: Situation) -> StepOutcome:
    """Save the registration; what the setup page would refuse is refused here too."""
    connection, request = situation.connection, situation.request
    if connection.enabled:
        return None
    if "choose" in request.POST:
        return show_application(situation, ApplicationForm(connection=connection, typed=request.POST))
    form = ApplicationForm(request.POST, request.FILES, connection=connection)
    if not save_form(situation, form):
        return show_application(situation, form)
    fresh = state.connection_of(situation.company)
    if not credentials.client_id(fresh):
        form.add_error("client_id", "Enter the Client ID of the registration.")
    if not credentials.has_secret(fresh):
        secret = next(name for name in ("client_secret", "certificate_file", "user_password") if name in form.fields)
        form.add_error(secret, f"The {credentials.LABELS[form.kind]} is not stored yet. Enter it to continue.")
    return show_application(situation, form) if form.errors else None


def _is_registered(situation: Situation) -> bool:
    connection = situation.connection
    return bool(credentials.client_id(connection)) and credentials.has_secret(connection)


def save_form(situation: Situation, form: SettingsForm) -> bool:
    """Save what a form holds, and return whether it was saved; what is refused is added to the form's errors."""
    if not form.is_valid():
        return False
    try:
        connection_settings.save_settings(
            connection=situation.connection, values=form.values, secret=form.secret, user=situation.request.user
        )
    except Refusal as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.user_message)
        return False
    return True


# -- ownership --------------------------------------------------------------------------------------------------------


def show_ownership(situation: Situation, form: OwnershipForm | None = None) -> StepContent:
    """Return the choice of Team or Person, and the business unit."""
    connection, company = situation.connection, situation.company
    unit = connection.business_unit_name or unit_name(company.name, company.system_id)
    if connection.enabled:
        fields = [
            Field("Ownership Model", connection.get_ownership_model_display()),
            Field("Coupled Business Unit", unit),
        ]
        return StepContent("Who should own new rows?", (), (FastTab("ownership", "", fields),), (LOCKED,), next=_next())
    if form is None:
        form = OwnershipForm(
            initial={
                "ownership_model": connection.ownership_model,
                "without_synchronization": situation.assisted_setup.without_synchronization,
            }
        )
    chosen = form["ownership_model"].value()
    return StepContent(
        "Who should own new rows?",
        (
            f"Rows that {settings.PRODUCT_NAME} creates in Dataverse need an owner. You can change this later only "
            "while the connection is disabled.",
        ),
        (
            FastTab(
                "ownership",
                "",
                template="ui/shell/choices.html",
                context={
                    "legend": "Ownership Model",
                    "name": "ownership_model",
                    "error": " ".join(str(error) for error in form["ownership_model"].errors),
                    "options": [
                        {
                            "value": OwnershipModel.TEAM.value,
                            "label": "Team",
                            "aside": "(recommended)",
                            "text": f"The team {team_name(unit)} owns them. Everyone in its business unit can work "
                            "with them.",
                            "chosen": chosen == OwnershipModel.TEAM.value,
                        },
                        {
                            "value": OwnershipModel.PERSON.value,
                            "label": "Person",
                            "aside": "",
                            "text": "Each row belongs to the Dataverse user coupled with the record's salesperson. You "
                            "couple salespeople after the connection is made; records without a salesperson go to the "
                            "team.",
                            "chosen": chosen == OwnershipModel.PERSON.value,
                        },
                    ],
                },
            ),
            FastTab(
                "ends",
                "",
                (
                    Field("Coupled Business Unit", unit, hint="" if connection.business_unit_id else MADE_AT_CONNECT),
                    Field(form_field=form["without_synchronization"]),
                ),
            ),
        ),
        next=_next(),
    )


def take_ownership(situation: Situation) -> StepOutcome:
    """Save the ownership model, and whether the guide ends with the connection."""
    if situation.connection.enabled:
        return None
    form = OwnershipForm(situation.request.POST)
    if not form.is_valid():
        return show_ownership(situation, form)
    try:
        connection_settings.save_settings(
            connection=situation.connection,
            values={"ownership_model": form.cleaned_data["ownership_model"]},
            secret=None,
            user=situation.request.user,
        )
    except Refusal as refusal:
        form.add_error(None, refusal.user_message)
        return show_ownership(situation, form)
    situation.assisted_setup.without_synchronization = form.cleaned_data["without_synchronization"]
    return None


# -- inside -----------------------------------------------------------------------------------------------------------


def _next() -> Action:
    return Action("Next")


def _locked_notices(situation: Situation) -> tuple[Notice, ...]:
    return (LOCKED,) if situation.connection.enabled else ()
