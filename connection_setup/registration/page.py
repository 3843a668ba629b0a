"""Register an Application: the registration in the portal step by step, each with what to copy and what is known."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from connection_setup import captions as connection_setup_captions
from connection_setup.connection import redirect_url
from connection_setup.models import DataverseConnection
from connection_setup.registration import services as registration
from connection_setup.registration.services import Found
from ui.kit import Action, FactBox, FastTab, Field, Link, Page, Status, Table, Tip
from ui.links import company_url

TITLE = "Register an Application"
PORTAL = "https://portal.azure.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"
WORDS = {"ok": "OK", "warning": "Attention", "error": "Not OK", "unknown": "Not checked yet", "todo": "To do"}
STATES: dict[str, Any] = {"ok": "ok", "warning": "warn", "error": "bad", "unknown": "", "todo": ""}
STEPS = ("redirect", "permissions", "credential", "client", "tenant", "environment", "user", "enabled")
"""The steps that have a result, in the order they are taken."""


def page(connection: DataverseConnection, found: Mapping[str, Found]) -> Page:
    """The page: everything to do in the portal, then here."""
    company = connection.company
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(connection_setup_captions.TITLE, company_url("connection_setup:setup", company)),),
        state=_state(found),
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
            Action(connection_setup_captions.TITLE, company_url("connection_setup:setup", company), icon="plug"),
            Action("Prepare the Environment", company_url("connection_setup:administrator", company), icon="person",
                   note="Prepares, then enables"),
        ),
        fast_tabs=(*_steps(connection, found), _provider(found["provider"])),
        fact_boxes=(_facts(connection, found),),
    )  # fmt: skip


def _state(found: Mapping[str, Found]) -> Status:
    states = [found[name].state for name in STEPS]
    done = states.count("ok")
    state = "bad" if "error" in states else "warn" if "warning" in states else "ok" if done == len(states) else ""
    return Status(f"{done} of {len(states)} steps are right", state)  # type: ignore[arg-type]


def _steps(connection: DataverseConnection, found: Mapping[str, Found]) -> Sequence[FastTab]:
    product = settings.PRODUCT_NAME
    setup = Link(connection_setup_captions.TITLE, company_url("connection_setup:setup", connection.company))
    return (
        FastTab(
            "register",
            "1. Register the application",
            (
                Field("In the Azure Portal", Link("App registrations, New registration", PORTAL),
                      hint="Microsoft Entra ID, called Azure Active Directory before. You need the right to register "
                      "applications there."),
                Field("Name", registration.name(), copy=True, hint="Any name will do; this one is told to whoever "
                      "consents."),
                Field("Supported account types", "Accounts in this organizational directory only",
                      hint="Single tenant. Choose several tenants only if the environment is another tenant's."),
            ),
            gist=registration.name(),
        ),
        _step(
            "redirect", "2. Redirect URL", found,
            Field("In the Azure Portal", "Manage, Authentication, Add a platform, Web"),
            Field("Redirect URL", redirect_url.effective_url(connection), copy=True,
                  hint="Add it under Redirect URLs, letter for letter. An administrator's sign-in comes back to it."),
        ),
        _step(
            "permissions", "3. API permissions", found,
            Field("In the Azure Portal", "Manage, API permissions, Add a permission, Microsoft APIs, Delegated"),
            Field("Dynamics CRM", "user_impersonation", copy=True,
                  hint="Access Dataverse as you: used once, to prepare the environment on behalf of the administrator. "
                  "The name of the API may be Dataverse or Common Data Service."),
            Field("Sign in and read your profile", "User.Read", copy=True,
                  hint="Microsoft Graph; new registrations have it. It tells who signs in."),
            Field("The business application's own", "Not requested",
                  hint=f"Where the business application is a service of Microsoft's, such as Financials.ReadWrite.All "
                  f"of Business Central, a permission for it stands here too. {product} reads its own database, so it "
                  "asks for none."),
        ),
        _step(
            "credential", "4. Certificate or client secret", found,
            Field("In the Azure Portal", "Manage, Certificates & secrets"),
            Field("Certificate", "Recommended", hint="Upload the certificate alone; the private key stays with you. "
                  "Choose OAuth 2.0, certificate as Authentication Type. Use Certificate Authentication makes one."),
            Field("Client secret", "New client secret", hint="Copy its Value at once, since it is shown this once. The "
                  "Secret ID beside it is another thing and signs in nowhere. Note when it expires."),
            Field("Enter it here", setup, hint="It is sealed at once and never shown."),
        ),
        _step(
            "client", "5. Client ID", found,
            Field("In the Azure Portal", "Overview, Application (client) ID"),
            Field("Client ID", registration.credentials_client(connection), copy=True),
            Field("Enter it here", setup),
        ),
        _step(
            "tenant", "6. Tenant ID", found,
            Field("In the Azure Portal", "Overview, Directory (tenant) ID"),
            Field("Tenant ID", connection.tenant_id, copy=True),
            Field("Enter it here", setup),
        ),
        _step(
            "environment", "7. Environment URL", found,
            Field("In the Power Platform admin center", "Environments, the environment, Environment URL"),
            Field("Environment URL", connection.environment_url, copy=True),
            Field("Enter it here", setup, hint="Or look it up there with an administrator's sign-in."),
        ),
        _step(
            "user", "8. Sign-in and consent", found,
            Field("Sign in",
                  Link("Prepare the Environment", company_url("connection_setup:administrator", connection.company)),
                  hint="As an administrator with a licence for Dataverse and the security role System Administrator. "
                  "Consent on behalf of your organization. The application's own user is made, and needs no licence."),
            Field("No window opens?", "Pop-ups are blocked",
                  hint="Allow them from https://login.microsoftonline.com and of this site, or go on in this window."),
        ),
        _step(
            "enabled", "9. Enabled", found,
            Field("Turn it on here", setup, hint="Everything is tested, and what a company needs is made."),
        ),
    )  # fmt: skip


def _step(name: str, title: str, found: Mapping[str, Found], *fields: Field) -> FastTab:
    """A step with its result at the end; what is right is closed, and says so."""
    one = found[name]
    result = Field("Result", Status(WORDS[one.state], STATES[one.state]), hint=one.sentence)
    return FastTab(name, title, (*fields, result), gist=WORDS[one.state], open=one.state != "ok")


def _provider(one: Found) -> FastTab:
    rows = (
        ("What it is", "A function of your own that gives each company's client id with its secret or certificate, so "
                       "that they live in a vault and not in this site's database."),
        ("How to name it", "CREDENTIAL_PROVIDER=yours.module.function, for the web site and all workers."),
        ("What it is given", "The company."),
        ("What it returns", "{'client_id': ..., 'client_secret': ...}, or {'client_id': ..., 'private_key': ..., "
                            "'certificate': ...} with PEM text; {} leaves the setup page in charge."),
        ("When it is called", "Whenever something signs in. Let it cache what is slow to get."),
    )  # fmt: skip
    return FastTab(
        "provider",
        "Instead: a Credential Provider",
        (
            Field("CREDENTIAL_PROVIDER", settings.CREDENTIAL_PROVIDER or None),
            Field("Result", Status(WORDS[one.state], STATES[one.state]), hint=one.sentence),
        ),
        gist=settings.CREDENTIAL_PROVIDER or "not set",
        open=bool(settings.CREDENTIAL_PROVIDER),
        table=Table("A credential provider", ("Question", "Answer"), rows, wrap=frozenset({0, 1})),
    )


def _facts(connection: DataverseConnection, found: Mapping[str, Found]) -> FactBox:
    captions = {
        "redirect": "Redirect URL", "permissions": "Consent", "credential": "Sign-in", "client": "Client ID",
        "tenant": "Tenant", "environment": "Environment", "user": "Application user", "enabled": "Enabled",
    }  # fmt: skip
    return FactBox(
        "Checked",
        tuple((captions[name], Status(WORDS[found[name].state], STATES[found[name].state])) for name in STEPS),
        text="" if connection.pk else "Nothing is set up for this company yet.",
    )
