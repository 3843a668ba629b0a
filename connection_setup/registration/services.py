"""Check the registration of the application, and collect what is known of each step."""

from connection_setup.checks import services as checks_services
from connection_setup.connection import clients, redirect_url
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.registration import findings
from connection_setup.registration.findings import Finding
from connection_setup.secrets import credentials
from connection_setup.types import Report
from dataverse.errors import DataverseError


def collect_findings(
    connection: DataverseConnection, *, seen_at: str, tenant_answer: Finding | None = None
) -> dict[str, Finding]:
    """Return what is known of every step, by the step's name.

    seen_at: the origin this site was opened at, "" where that is not known; tenant_answer: what the tenant's sign-in
    answered, where it was asked just now.
    """
    report = Report.stored(connection.checks)
    return {
        "redirect": findings.redirect(redirect_url.effective_url(connection), seen_at),
        "permissions": findings.consent(connection, report),
        "credential": findings.credential(connection, report),
        "client": findings.client(credentials.client_id(connection)),
        "tenant": tenant_answer or findings.tenant(connection, report),
        "environment": findings.environment(connection, report),
        "enabled": findings.enabled(connection),
        "user": findings.user(report),
        "provider": findings.provider(connection),
    }


def check_registration(connection: DataverseConnection) -> Finding:
    """Ask the tenant's sign-in, and test the connection if everything for it is filled in.

    Returns what the sign-in answered; the test's report is stored with the connection. Raises nothing.
    """
    answer = _ask_tenant(connection)
    legacy = connection.authentication_type == AuthenticationType.OFFICE365
    needed = (connection.environment_url, connection.tenant_id, credentials.client_id(connection), connection.pk)
    if all(needed) and findings.has_credential(connection) and (connection.user_name or not legacy):
        checks_services.test_connection(connection=connection)
    return answer


def _ask_tenant(connection: DataverseConnection) -> Finding:
    if not connection.tenant_id:
        return findings.NOT_ENTERED
    try:
        clients.require_tenant(connection)
    except DataverseError as error:
        return Finding("error", error.message, error.fix)
    return Finding("ok", f"The sign-in of the tenant {connection.tenant_id} answers.")
