"""Page Register an Application: the registration in the portal step by step, with what to copy and what is known."""

from collections.abc import Mapping, Sequence

from django.conf import settings

from connection_setup import captions
from connection_setup.connection import redirect_url
from connection_setup.connection.endpoints import SIGN_IN_HOST
from connection_setup.models import DataverseConnection
from connection_setup.registration.findings import Finding, State
from connection_setup.secrets import credentials
from connection_setup.secrets.certificates import application_name
from ui import kit
from ui.kit import Action, FactBox, FastTab, Field, Link, Page, Status, Table, Tip
from ui.links import company_url

TITLE = "Register an Application"
PORTAL = "https://portal.azure.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"
STATE_CAPTIONS: Mapping[State, str] = {
    "ok": "OK",
    "warning": "Attention",
    "error": "Not OK",
    "unknown": "Not checked yet",
    "todo": "To do",
}
STATUS_STYLES: Mapping[State, kit.State] = {"ok": "ok", "warning": "warn", "error": "bad", "unknown": "", "todo": ""}
STEP_CAPTIONS = {
    "redirect": "Redirect URL",
    "permissions": "Consent",
    "credential": "Sign-in",
    "client": "Client ID",
    "tenant": "Tenant",
    "environment": "Environment",
    "user": "Application user",
    "enabled": "Enabled",
}
"""The steps that have a result, in the order they are taken, with their captions in the fact box."""


def build_page(connection: DataverseConnection, findings: Mapping[str, Finding]) -> Page:
    """Return the page: everything to do in the portal, then here; findings: by the step's name."""
    company = connection.company
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(captions.TITLE, company_url("connection_setup:setup", company)),),
        state=_status(findings),
        help="registration",
        tip=Tip(
            "Why an application",
            "Programs sign in to Dataverse as an application of your tenant. It is registered once, in the Azure "
            "Portal; several companies may share it.",
        ),
        actions=(
            Action(
                "Check Registration", company_url("connection_setup:registration-check", company), "post", icon="check"
            ),
            Action(captions.TITLE, company_url("connection_setup:setup", company), icon="plug"),
            Action(
                "Prepare the Environment",
                company_url("connection_setup:administrator", company),
                icon="person",
                note="Prepares, then enables",
            ),
        ),
        fast_tabs=(
            *_portal_tabs(connection, findings),
            *_connection_tabs(connection, findings),
            _provider_tab(findings["provider"]),
        ),
        fact_boxes=(_fact_box(connection, findings),),
    )


def _status(findings: Mapping[str, Finding]) -> Status:
    states = [findings[step].state for step in STEP_CAPTIONS]
    done = states.count("ok")
    text = f"{done} of {len(states)} steps are done"
    if "error" in states:
        return Status(text, "bad")
    if "warning" in states:
        return Status(text, "warn")
    return Status(text, "ok" if done == len(states) else "")


def _portal_tabs(connection: DataverseConnection, findings: Mapping[str, Finding]) -> Sequence[FastTab]:
    """Return the steps of making the registration: its name, redirect URL, permissions and credential."""
    return (
        FastTab(
            "register",
            "1. Register the application",
            (
                Field(
                    "In the Azure Portal",
                    Link("App registrations, New registration", PORTAL),
                    hint="Microsoft Entra ID, formerly Azure Active Directory. You need the right to register "
                    "applications there.",
                ),
                Field(
                    "Name",
                    application_name(),
                    copy=True,
                    hint="Any name will do. Whoever consents sees it.",
                ),
                Field(
                    "Supported account types",
                    "Accounts in this organizational directory only",
                    hint="Single tenant. Choose several tenants only if the environment belongs to another tenant.",
                ),
            ),
            gist=application_name(),
        ),
        _step_tab(
            "redirect",
            "2. Redirect URL",
            findings,
            Field("In the Azure Portal", "Manage, Authentication, Add a platform, Web"),
            Field(
                "Redirect URL",
                redirect_url.effective_url(connection),
                copy=True,
                hint="Add it under Redirect URLs, letter for letter. An administrator's sign-in returns to it.",
            ),
        ),
        _step_tab("permissions", "3. API permissions", findings, *_permission_fields()),
        _step_tab(
            "credential",
            "4. Certificate or client secret",
            findings,
            Field("In the Azure Portal", "Manage, Certificates & secrets"),
            Field(
                "Certificate",
                "Recommended",
                hint="Upload the certificate alone; the private key stays with you. Choose OAuth 2.0, certificate as "
                "Authentication Type. Use Certificate Authentication makes one.",
            ),
            Field(
                "Client secret",
                "New client secret",
                hint="Copy its Value at once, since it is shown only now. The Secret ID beside it is something else: "
                "nothing can sign in with it. Note when the secret expires.",
            ),
            Field("Enter it here", _setup_link(connection), hint="It is stored encrypted and never shown."),
        ),
    )


def _permission_fields() -> Sequence[Field]:
    product = settings.PRODUCT_NAME
    return (
        Field("In the Azure Portal", "Manage, API permissions, Add a permission, Microsoft APIs, Delegated"),
        Field(
            "Dynamics CRM",
            "user_impersonation",
            copy=True,
            hint="Access Dataverse as you: used once, to prepare the environment on behalf of the administrator. The "
            "name of the API may be Dataverse or Common Data Service.",
        ),
        Field(
            "Sign in and read your profile",
            "User.Read",
            copy=True,
            hint="Microsoft Graph; new registrations have it. It shows who signs in.",
        ),
        Field(
            "The business application's own",
            "Not requested",
            hint="Where the business application is a Microsoft service, such as Business Central with "
            f"Financials.ReadWrite.All, a permission for it is listed here too. {product} reads its own database, so "
            "it asks for none.",
        ),
    )


def _connection_tabs(connection: DataverseConnection, findings: Mapping[str, Finding]) -> Sequence[FastTab]:
    """Return the steps of entering the registration here, preparing the environment and enabling."""
    setup = _setup_link(connection)
    return (
        _step_tab(
            "client",
            "5. Client ID",
            findings,
            Field("In the Azure Portal", "Overview, Application (client) ID"),
            Field("Client ID", credentials.client_id(connection), copy=True),
            Field("Enter it here", setup),
        ),
        _step_tab(
            "tenant",
            "6. Tenant ID",
            findings,
            Field("In the Azure Portal", "Overview, Directory (tenant) ID"),
            Field("Tenant ID", connection.tenant_id, copy=True),
            Field("Enter it here", setup),
        ),
        _step_tab(
            "environment",
            "7. Environment URL",
            findings,
            Field("In the Power Platform admin center", "Environments, the environment, Environment URL"),
            Field("Environment URL", connection.environment_url, copy=True),
            Field("Enter it here", setup, hint="Or look it up there with an administrator's sign-in."),
        ),
        _step_tab(
            "user",
            "8. Sign-in and consent",
            findings,
            Field(
                "Sign in",
                Link("Prepare the Environment", company_url("connection_setup:administrator", connection.company)),
                hint="As an administrator with the security role System Administrator, its own or a team's. "
                "Consent on behalf of your organization. This creates the application's own user, which needs no "
                "licence.",
            ),
            Field(
                "No window opens?",
                "Pop-ups are blocked",
                hint=f"Allow them from {SIGN_IN_HOST} and from this site, or sign in in this window.",
            ),
        ),
        _step_tab(
            "enabled",
            "9. Enabled",
            findings,
            Field("Turn it on here", setup, hint="Everything is tested, and what the company needs is created."),
        ),
    )


def _setup_link(connection: DataverseConnection) -> Link:
    return Link(captions.TITLE, company_url("connection_setup:setup", connection.company))


def _step_tab(step: str, title: str, findings: Mapping[str, Finding], *fields: Field) -> FastTab:
    """Return a step with its result at the end; it is closed where the result is OK."""
    finding = findings[step]
    caption = STATE_CAPTIONS[finding.state]
    return FastTab(step, title, (*fields, _result_field(finding)), gist=caption, open=finding.state != "ok")


def _result_field(finding: Finding) -> Field:
    status = Status(STATE_CAPTIONS[finding.state], STATUS_STYLES[finding.state])
    return Field("Result", status, hint=finding.user_message)


def _provider_tab(finding: Finding) -> FastTab:
    rows = (
        (
            "What it is",
            "A function of your own that returns each company's client ID with its secret or certificate, so that they "
            "are stored in a vault and not in this site's database.",
        ),
        ("How to name it", "CREDENTIAL_PROVIDER=yours.module.function, for the web site and all workers."),
        ("What it takes", "The company."),
        (
            "What it returns",
            "{'client_id': ..., 'client_secret': ...}, or {'client_id': ..., 'private_key': ..., 'certificate': ...} "
            "with PEM text. With {} the setup page is used.",
        ),
        ("When it is called", "Whenever something signs in. It should cache what is slow to get."),
    )
    return FastTab(
        "provider",
        "Instead: a Credential Provider",
        (Field("CREDENTIAL_PROVIDER", settings.CREDENTIAL_PROVIDER or None), _result_field(finding)),
        gist=settings.CREDENTIAL_PROVIDER or "not set",
        open=bool(settings.CREDENTIAL_PROVIDER),
        table=Table("A credential provider", ("Question", "Answer"), rows, wrap=frozenset({0, 1})),
    )


def _fact_box(connection: DataverseConnection, findings: Mapping[str, Finding]) -> FactBox:
    def status(step: str) -> Status:
        state = findings[step].state
        return Status(STATE_CAPTIONS[state], STATUS_STYLES[state])

    return FactBox(
        "Checked",
        tuple((caption, status(step)) for step, caption in STEP_CAPTIONS.items()),
        text="" if connection.pk else "Nothing is set up for this company yet.",
    )
