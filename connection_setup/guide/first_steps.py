"""The guide's steps up to the enabled connection: consent, application, sign-in, environment, ownership, connect."""

from django.conf import settings

from connection_setup.connection import redirect_url, state
from connection_setup.connection import settings as connection_settings
from connection_setup.guide import flow
from connection_setup.guide.flow import Ended, Shown, Situation, Step
from connection_setup.guide.forms import ApplicationForm, OwnershipForm
from connection_setup.guide.views import address
from connection_setup.models import OwnershipModel
from connection_setup.provisioning.company_objects import team_name, unit_name
from connection_setup.provisioning.consent import PERMISSIONS
from connection_setup.provisioning.consent_form import AcceptForm
from connection_setup.secrets import credentials
from connection_setup.setup.forms import SettingsForm
from core.refusals import Refusal
from ui.kit import Action, FastTab, Field, Link, Notice
from ui.links import company_url

BEFORE, CONSENT, APPLICATION, OWNERSHIP = "before-you-start", "consent", "application", "ownership"
LOCKED = Notice(
    "Turn Enabled off on Dataverse Connection Setup to change what is here.", title="The connection is enabled."
)


def register() -> None:
    """Bring the steps to the guide; called once, while the app loads."""

    def add(name: str, caption: str, position: int, show, act, done) -> None:  # type: ignore[no-untyped-def]
        flow.add(Step(name, caption, position, show, act, lambda now: now.connection.enabled or done(now)))

    add(BEFORE, "Before you start", 10, show_before, go_on, lambda now: now.confirmed(BEFORE))
    add(CONSENT, "Consent", 20, show_consent, take_consent, accepted)
    add(APPLICATION, "Application", 30, show_application, take_application, _registered)
    add(OWNERSHIP, "Ownership", 60, show_ownership, take_ownership, lambda now: now.confirmed(OWNERSHIP))


def go_on(_: Situation) -> Ended:
    """A step that asks nothing."""
    return None


# -- before you start -------------------------------------------------------------------------------------------------


def show_before(situation: Situation) -> Shown:
    """What the guide does, and what to have at hand."""
    company = situation.company
    setup = Link("Dataverse Connection Setup", company_url("connection_setup:setup", company))
    return Shown(
        f"Connect {company.name} to Dataverse",
        (
            f"This guide connects the records of {company.name} to one Dataverse environment. It takes about ten "
            "minutes, can be left at any step, and goes on there when it is opened again. Nothing is changed in "
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
                            f"Its Client ID and its secret or certificate are what {settings.PRODUCT_NAME} signs in "
                            "with afterwards.",
                        ),
                        (
                            "An administrator of the environment",
                            "Signs in once. The account needs a licence for Dataverse and the security role System "
                            "Administrator.",
                        ),
                        (
                            f"The local currency {company.currency_code}",
                            "It is the environment's base currency, or the base currency is in Currencies with an "
                            "exchange rate. It cannot be changed in Dataverse later.",
                        ),
                        (
                            "An environment that is not in administration mode",
                            "In that mode only administrators get in, and the application's user is none.",
                        ),
                    ]
                },
            ),
        ),
        _locks(situation),
        (Action("Enter everything on one page instead", setup.url),),
        next=Action("Next"),
    )


# -- consent ----------------------------------------------------------------------------------------------------------


def show_consent(situation: Situation, form: AcceptForm | None = None) -> Shown:
    """The three permissions, in words."""
    if form is None:
        form = AcceptForm(initial={"consent": accepted(situation)})
    return Shown(
        "What the administrator permits",
        (
            f"While the connection is set up, the administrator is asked to give these permissions to the registered "
            f"application {settings.PRODUCT_NAME} Integration to Dataverse, on behalf of the organization. The "
            "application then synchronizes data as its own user, which needs no licence and nobody signs in as.",
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


def take_consent(situation: Situation) -> Ended:
    """Nothing goes on before it is given."""
    form = AcceptForm(situation.request.POST)
    if not form.is_valid():
        return show_consent(situation, form)
    situation.kept.accepted_by = situation.request.user  # type: ignore[assignment]
    return None


def accepted(situation: Situation) -> bool:
    """Whether the person at the page accepted: nobody consents for another."""
    return situation.confirmed(CONSENT) and situation.kept.accepted_by_id == situation.request.user.pk


# -- application ------------------------------------------------------------------------------------------------------


def show_application(situation: Situation, form: ApplicationForm | None = None) -> Shown:
    """The application's registration, as on the setup page."""
    connection = situation.connection
    if connection.enabled:
        fields = [
            Field("Tenant ID", connection.tenant_id),
            Field("Client ID", credentials.client_id(connection)),
            Field("Authentication Type", connection.get_authentication_type_display()),
        ]
        return Shown("Which application signs in?", (), (FastTab("application", "", fields),), (LOCKED,), next=_next())
    form = form or ApplicationForm(connection=connection)
    form.fields["authentication_type"].widget.attrs |= {
        "hx-post": address(situation.company, APPLICATION),
        "hx-vals": '{"choose": "1"}',
        "hx-trigger": "change",
        "hx-target": "#main",
        "hx-select": "#main",
        "hx-swap": "outerHTML",
    }
    fields = [Field(form_field=form[name]) for name in form.fields]
    if "redirect_url" not in form.fields:
        fields.append(Field("Redirect URL", redirect_url.default_url(), copy=True, hint=REGISTER))
    return Shown(
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


MADE = "It is made at the step Connect."
REGISTER = "Add this under Authentication in the registration, or Microsoft refuses the sign-in."


def take_application(situation: Situation) -> Ended:
    """Save it, with what the setup page would refuse refused."""
    connection, request = situation.connection, situation.request
    if connection.enabled:
        return None
    if "choose" in request.POST:
        return show_application(situation, ApplicationForm(connection=connection, typed=request.POST))
    form = ApplicationForm(request.POST, request.FILES, connection=connection)
    if not saved(situation, form):
        return show_application(situation, form)
    fresh = state.connection_of(situation.company)
    if not credentials.client_id(fresh):
        form.add_error("client_id", "Enter the Client ID of the registration.")
    if not credentials.has_secret(fresh):
        secret = next(name for name in ("client_secret", "certificate_file", "user_password") if name in form.fields)
        form.add_error(secret, f"The {credentials.LABELS[form.kind]} is not stored yet. Enter it to go on.")
    return show_application(situation, form) if form.errors else None


def _registered(situation: Situation) -> bool:
    connection = situation.connection
    return bool(credentials.client_id(connection)) and credentials.has_secret(connection)


def saved(situation: Situation, form: SettingsForm) -> bool:
    """Save what a form holds; what is refused stands in the form."""
    if not form.is_valid():
        return False
    try:
        connection_settings.save_settings(
            connection=situation.connection, values=form.values, secret=form.secret, user=situation.request.user
        )
    except Refusal as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return False
    return True


# -- ownership --------------------------------------------------------------------------------------------------------


def show_ownership(situation: Situation, form: OwnershipForm | None = None) -> Shown:
    """Team or person, and the unit."""
    connection, company = situation.connection, situation.company
    unit = connection.business_unit_name or unit_name(company.name, company.system_id)
    if connection.enabled:
        fields = [
            Field("Ownership Model", connection.get_ownership_model_display()),
            Field("Coupled Business Unit", unit),
        ]
        return Shown("Who should own new rows?", (), (FastTab("ownership", "", fields),), (LOCKED,), next=_next())
    if form is None:
        form = OwnershipForm(
            initial={
                "ownership_model": connection.ownership_model,
                "without_synchronization": situation.kept.without_synchronization,
            }
        )
    chosen = form["ownership_model"].value()
    return Shown(
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
                    Field("Coupled Business Unit", unit, hint="" if connection.business_unit_id else MADE),
                    Field(form_field=form["without_synchronization"]),
                ),
            ),
        ),
        next=_next(),
    )


def take_ownership(situation: Situation) -> Ended:
    """Save the model, and whether the guide ends with the connection."""
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
        form.add_error(None, str(refusal))
        return show_ownership(situation, form)
    situation.kept.without_synchronization = form.cleaned_data["without_synchronization"]
    return None


# -- inside -----------------------------------------------------------------------------------------------------------


def _next() -> Action:
    return Action("Next")


def _locks(situation: Situation) -> tuple[Notice, ...]:
    return (LOCKED,) if situation.connection.enabled else ()
