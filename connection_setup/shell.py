"""What this room adds to the shell: Tell Me entries and the connection's state in the role center."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from connection_setup import captions, hooks
from connection_setup.captions import TITLE
from connection_setup.connection import state as services
from connection_setup.encryption import services as encryption
from connection_setup.guide import assisted_setup as assisted
from connection_setup.guide import connect_step, environment_steps, first_steps
from connection_setup.guide import views as guide
from connection_setup.models import AssistedSetup, DataverseConnection
from connection_setup.provisioning import sign_in
from connection_setup.secrets import credentials
from core.roles import Can, may
from jobs import registry
from masterdata.models import Company
from ui.kit import Action, Notice, Status
from ui.links import company_url
from ui.registry import Entry, role_center_notice, role_center_status, tell_me


def register() -> None:
    """Fill the registry; called once while the app loads."""
    tell_me(
        Entry(
            TITLE,
            "connection_setup:setup",
            group="Administration",
            also=(
                "Microsoft Dataverse Connection Setup",
                "Client Secret",
                "Environment URL",
            ),
            needs=Can.READ,
            navigation=20,
        )
    )
    tell_me(
        Entry(
            assisted.TITLE,
            "connection_setup:assisted-setup",
            group="Administration",
            also=("Guides", "Set up"),
            needs=Can.ADMINISTER,
        )
    )
    tell_me(
        Entry(
            guide.TITLE,
            "connection_setup:guide",
            group="Administration",
            also=("Set up a connection to Dataverse", "Dataverse Connection Setup guide", "Connect to Dataverse"),
            needs=Can.ADMINISTER,
        )
    )
    assisted.add(
        assisted.Setup(
            guide.TITLE,
            "Connects this company to a Dataverse environment, step by step, and runs the first synchronization.",
            10,
            "connection_setup:guide",
            _guide_status,
        )
    )
    first_steps.register()
    environment_steps.register()
    connect_step.register()
    tell_me(Entry("Test Connection", "connection_setup:setup", group="Actions", needs=Can.ADMINISTER))
    for title, name in (
        ("Use Certificate Authentication", "connection_setup:certificate"),
        ("Replace Client Secret", "connection_setup:secret"),
        ("Administrator Sign-In", "connection_setup:administrator"),
        ("Change Log", "connection_setup:change-log"),
        ("Dataverse User Environments", "connection_setup:environments"),
        ("Dataverse Business Units", "connection_setup:units"),
    ):
        tell_me(Entry(title, name, group="Administration", needs=Can.ADMINISTER))
    for title, name in (
        ("Integration Solutions", "connection_setup:solutions"),
        ("Integration User Roles", "connection_setup:user-roles"),
        ("Owning Team Roles", "connection_setup:team-roles"),
    ):
        tell_me(Entry(title, name, group="Administration", needs=Can.READ))
    tell_me(
        Entry(
            "Data Encryption Management",
            "connection_setup:encryption",
            group="Administration",
            also=("Encryption Management", "Enable Encryption", "Change Encryption Key", "Encryption keys"),
            needs=Can.ADMINISTER,
        )
    )
    tell_me(
        Entry(
            "Dynamics 365 Connection Setup",
            "connection_setup:dynamics",
            group="Administration",
            also=("Microsoft Dynamics 365 Connection Setup", "Dynamics 365 Sales Integration Setup", "Products"),
        )
    )
    tell_me(
        Entry(
            "Register an Application",
            "connection_setup:registration",
            group="Administration",
            also=(
                "App registration",
                "Microsoft Entra ID",
                "Azure Active Directory",
                "Redirect URL",
                "Credential Provider",
                "Client ID",
            ),
            needs=Can.ADMINISTER,
        )
    )
    tell_me(
        Entry(
            "Dataverse Connections of All Companies",
            "connection_setup:companies",
            group="Administration",
            also=("All connections", "Companies", "Connections of all companies"),
        )
    )
    hooks.add_question(ENCRYPTION)
    role_center_status(state)
    role_center_notice(first_step)
    role_center_notice(running_out)
    registry.on_tick(sign_in.drop_expired)


def _guide_status(company: Company) -> Status:
    """How far the guide is: a connection that was enabled without it counts as set up."""
    kept = AssistedSetup.objects.filter(company=company).first()
    completed = services.connection_of(company).enabled if kept is None else kept.completed_at is not None
    return assisted.COMPLETED if completed else assisted.NOT_COMPLETED


ENCRYPTION = hooks.Question(
    "encryption",
    encryption.QUESTION,
    "Client secrets, private keys and passwords are sealed with a key that follows from the site's SECRET_KEY. Yes "
    "gives them a key of their own; the next page asks for it, or makes one. No leaves it as it is: you can enable it "
    "later under Encryption.",
    applies=lambda connection: bool(encryption.question(connection)),
    yes_url=lambda company: company_url("connection_setup:encryption-enable", company),
    no="Data encryption stays as it is. Encryption Management enables it whenever you want.",
    order=10,
)


def state(request: HttpRequest, company: Any) -> Status | None:
    """The connection's state."""
    return captions.state(_connection(request, company))


def first_step(request: HttpRequest, company: Any) -> Notice | None:
    """What to do first while nothing can be coupled: connect."""
    connection = _connection(request, company)
    if connection.enabled:
        return None
    why = "Nothing is coupled or synchronized until an administrator enables the connection."
    setup = Action(TITLE, company_url("connection_setup:setup", company), icon="plug")
    assisted_setup = Action(guide.TITLE, guide.address(company), icon="run")
    ways = (assisted_setup, setup) if may(request.user, Can.ADMINISTER) else (setup,)
    return Notice(f"{connection.disable_reason} {why}".strip(), "warn", "Dataverse is not connected.", ways)


def running_out(request: HttpRequest, company: Any) -> Notice | None:
    """That the credential runs out within 30, 14, 7 or 1 days, or has: where everybody begins the day."""
    connection = _connection(request, company)
    if connection.enabled and (problem := credentials.provider_problem(connection)):
        return Notice(problem.fix, "bad", problem.message)
    found = credentials.expiry(connection, timezone.localdate()) if connection.enabled else None
    if found is None or found.warning_days is None:
        return None
    setup = Action(TITLE, company_url("connection_setup:setup", company), icon="plug")
    return Notice(found.fix, "warn" if found.warning_days > 7 else "bad", found.message, (setup,))


def _connection(request: HttpRequest, company: Any) -> DataverseConnection:
    """The company's connection, asked for once in a request."""
    kept: DataverseConnection | None = getattr(request, "_dataverse_connection", None)
    if kept is None:
        kept = request._dataverse_connection = services.connection_of(company)  # type: ignore[attr-defined]
    return kept
