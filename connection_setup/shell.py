"""What this room adds to the shell: Tell Me entries, and the connection's status and notices in the role center."""

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils import timezone

from connection_setup import alert_facts, captions, hooks
from connection_setup.captions import TITLE
from connection_setup.connection import state
from connection_setup.enabling import job_page, preparation_job, preparing
from connection_setup.encryption import services as encryption
from connection_setup.guide import assisted_setup, connect_step, environment_steps, first_steps, links
from connection_setup.models import AssistedSetup, DataverseConnection, Dynamics365Connection, WebHook
from connection_setup.provisioning import sign_in
from connection_setup.secrets import credentials
from connection_setup.setup.notices import environment_changed_notice
from connection_setup.web_hook import services as web_hook
from core.roles import Can, may
from jobs import registry
from jobs.models import Type
from jobs.pages.role_center import last_answer
from masterdata.models import Company
from ui.cells import text_of, time_ago
from ui.kit import Action, Cell, Cue, FactBox, Link, Notice, State, Status
from ui.links import company_url
from ui.registry import (
    Entry,
    RoleCenterPart,
    list_notice,
    role_center_notice,
    role_center_part,
    role_center_status,
    tell_me,
)

ENTRIES = (
    Entry(
        TITLE,
        "connection_setup:setup",
        group="Administration",
        also=("Microsoft Dataverse Connection Setup", "Client Secret", "Environment URL"),
        needs=Can.READ,
        navigation=20,
    ),
    Entry(
        assisted_setup.TITLE,
        "connection_setup:assisted-setup",
        group="Administration",
        also=("Guides", "Set up"),
        needs=Can.ADMINISTER,
    ),
    Entry(
        links.TITLE,
        "connection_setup:guide",
        group="Administration",
        also=("Set up a connection to Dataverse", "Dataverse Connection Setup guide", "Connect to Dataverse"),
        needs=Can.ADMINISTER,
    ),
    Entry("Register Web Hook", "connection_setup:setup", group="Actions", needs=Can.ADMINISTER),
    Entry("Test Connection", "connection_setup:setup", group="Actions", needs=Can.ADMINISTER),
    *(
        Entry(title, f"connection_setup:{name}", group="Administration", needs=Can.ADMINISTER)
        for title, name in (
            ("Use Certificate Authentication", "certificate"),
            ("Replace Client Secret", "secret"),
            ("Administrator Sign-In", "administrator"),
            ("Dataverse User Environments", "environments"),
            ("Dataverse Business Units", "units"),
        )
    ),
    *(
        Entry(title, f"connection_setup:{name}", group="Administration", needs=Can.READ)
        for title, name in (
            ("Change Log", "change-log"),
            ("Integration Solutions", "solutions"),
            ("Integration User Roles", "user-roles"),
            ("Owning Team Roles", "team-roles"),
        )
    ),
    Entry(
        "Data Encryption Management",
        "connection_setup:encryption",
        group="Administration",
        also=("Encryption Management", "Enable Encryption", "Change Encryption Key", "Encryption keys"),
        needs=Can.ADMINISTER_ALL,
    ),
    Entry(
        "Dynamics 365 Connection Setup",
        "connection_setup:dynamics",
        group="Administration",
        also=("Microsoft Dynamics 365 Connection Setup", "Dynamics 365 Sales Integration Setup", "Products"),
    ),
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
    ),
    Entry(
        "Dataverse Connections of All Companies",
        "connection_setup:companies",
        group="Administration",
        also=("All connections", "Companies", "Connections of all companies"),
    ),
)
"""What Tell Me finds of this room."""


def register() -> None:
    """Fill the registries of the shell, the guide and the tick; called once, when the app loads."""
    for entry in ENTRIES:
        tell_me(entry)
    assisted_setup.register_setup(
        assisted_setup.Setup(
            links.TITLE,
            "Connects this company to a Dataverse environment, step by step, and runs the first synchronization.",
            10,
            "connection_setup:guide",
            _guide_status,
        )
    )
    first_steps.register()
    environment_steps.register()
    connect_step.register()
    hooks.add_question(ENCRYPTION_QUESTION)
    hooks.log_changes(
        hooks.Logged(
            "dynamics-365", "Dynamics 365", Dynamics365Connection,
            lambda company: Dynamics365Connection.objects.filter(company=company),
            captions={"enabled": "Enabled", "unit_groups": "Unit Group Mapping"},
        )
    )  # fmt: skip
    hooks.log_changes(
        hooks.Logged(
            "web-hook", "Web Hook", WebHook, lambda company: WebHook.objects.filter(company=company),
            captions={
                "address": "Address", "tables": "Tables", "registered_at": "Registered At",
                "registered_by": "Registered By",
            },
            words={"tables": ", ".join},
        )
    )  # fmt: skip
    alert_facts.register()
    role_center_status(company_status)
    role_center_notice(environment_notice)
    list_notice(environment_notice)
    role_center_notice(not_connected_notice)
    role_center_notice(expiry_notice)
    role_center_part(connection_part, position=30)
    registry.on_tick(sign_in.drop_expired)
    registry.on_tick(web_hook.settle, last=True)
    hooks.on_disabled(web_hook.leave)
    hooks.on_moved(web_hook.forget_moved)
    registry.register(Type.PREPARATION, preparation_job.prepare, label="prepare the environment")
    registry.on_ended(preparing.forget_sign_ins)
    registry.job_tabs(job_page.tabs)
    registry.job_actions(job_page.actions)


def _guide_status(company: Company) -> Status:
    """Return whether the guide is completed; a connection that was enabled without it counts as completed."""
    stored = AssistedSetup.objects.filter(company=company).first()
    completed = state.connection_of(company).enabled if stored is None else stored.completed_at is not None
    return assisted_setup.COMPLETED if completed else assisted_setup.NOT_COMPLETED


def _answered_anywhere(question: str) -> bool:
    """Return whether a question about the site was answered, in whatever company."""
    return DataverseConnection.objects.filter(answers__has_key=question).exists()


ENCRYPTION_QUESTION = hooks.Question(
    "encryption",
    encryption.QUESTION,
    "Client secrets, private keys and passwords are encrypted with a key derived from the site's SECRET_KEY. Yes "
    "gives them a separate key; the next page asks for it, or makes one. No leaves this as it is: you can enable "
    "encryption later under Encryption Management.",
    applies=lambda _connection: bool(encryption.pending_question()) and not _answered_anywhere("encryption"),
    yes_url=lambda company: company_url("connection_setup:encryption-enable", company),
    no="Data encryption stays as it is. You can enable it at any time under Encryption Management.",
    order=10,
    needs=Can.ADMINISTER_ALL,
    after_each_test=False,
)


def company_status(request: HttpRequest, company: Any) -> Status | None:
    """Return the connection's status for the role center."""
    return captions.connection_status(state.connection_for_request(request, company))


def not_connected_notice(request: HttpRequest, company: Any) -> Notice | None:
    """Return the role center's notice while the connection is not enabled, with the ways to enable it."""
    connection = state.connection_for_request(request, company)
    if connection.enabled:
        return None
    why = "Nothing is coupled or synchronized until an administrator enables the connection."
    setup = Action(TITLE, company_url("connection_setup:setup", company), icon="plug")
    guide = Action(links.TITLE, links.step_url(company), icon="run")
    ways = (guide, setup) if may(request.user, Can.ADMINISTER, company) else (setup,)
    return Notice(f"{connection.disable_reason} {why}".strip(), "warn", "Dataverse is not connected.", ways)


def environment_notice(request: HttpRequest, company: Any) -> Notice | None:
    """Return the notice that another organization answers, for the role center and every list."""
    return environment_changed_notice(state.connection_for_request(request, company))


def expiry_notice(request: HttpRequest, company: Any) -> Notice | None:
    """Return the role center's notice that no credential is given; that one expires soon a cue says."""
    connection = state.connection_for_request(request, company)
    if connection.enabled and (problem := credentials.provider_problem(connection)):
        return Notice(problem.fix, "bad", problem.message)
    return None


def connection_part(request: HttpRequest, company: Any) -> RoleCenterPart:
    """Return what the role center says of the connection: where it leads, how it signs in, when that expires."""
    connection = state.connection_for_request(request, company)
    if not connection.environment_url:
        return RoleCenterPart()
    host = urlsplit(connection.environment_url).netloc
    facts: list[tuple[str, Cell]] = [
        ("State", captions.connection_status(connection)),
        ("Environment", Link(host, company_url("connection_setup:setup", company))),
        ("Signs in with", credentials.LABELS[credentials.current_type(connection)]),
    ]
    if found := credentials.expiry(connection, timezone.localdate()):
        look: dict[str, State] = {"warning": "warn", "error": "bad"}
        facts.append(("Expires", Status(text_of(found.on), look[found.state]) if found.state in look else found.on))
    if connection.checked_at:
        facts.append(("Last tested", time_ago(connection.checked_at)))
    if answer := last_answer(request, company):
        facts.append(("Last answer", answer))
    return RoleCenterPart(_expiring(connection, company), boxes=[FactBox("Connection", facts)])


def _expiring(connection: DataverseConnection, company: Any) -> list[Cue]:
    """Return the cue of a credential that expires within 30 days, or has expired."""
    found = credentials.expiry(connection, timezone.localdate()) if connection.enabled else None
    if found is None or found.warning_days is None:
        return []
    return [
        Cue(
            f"{max(found.days, 0)} d", f"{found.label} {'has expired' if found.days < 0 else 'expires'}",
            company_url("connection_setup:setup", company), "warn" if found.warning_days > 7 else "bad",
            "Expired" if found.days < 0 else "Expires", f"{found.message} {found.fix}", TITLE,
        )
    ]  # fmt: skip
