"""Use Certificate Authentication: change from a client secret, or the legacy password, to a certificate.

A key and a certificate are made or uploaded, and stay pending beside what is in use. Once the certificate is
registered, the connection is tested with it, and signs in with it only if the test succeeds. A certificate of another
client (application) needs that client's user in Dataverse, which an administrator who signs in makes, with all roles
of the previous user.
"""

from typing import Any

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from connection_setup.checks import judges
from connection_setup.connection import state
from connection_setup.enabling import services as enabling_services
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import certificates, credentials
from connection_setup.secrets.certificates import BadCertificate, CertificateInfo, application_name
from connection_setup.secrets.credentials import next_client_id
from connection_setup.secrets.sealing import CannotDecrypt, seal, unseal
from connection_setup.types import Report
from core.refusals import NotUsable, Refusal
from masterdata.models import Company


def blocked_reason(connection: DataverseConnection) -> Refusal | None:
    """Return why there is nothing to upgrade; None when there is."""
    if not connection.enabled:
        return NotUsable(
            "The connection is not enabled, so there is nothing to upgrade.",
            "Enable it first, or choose OAuth 2.0, certificate as its Authentication Type.",
        )
    if credentials.provided(connection):
        return NotUsable(
            "What the connection signs in with comes from the provider that CREDENTIAL_PROVIDER names.",
            "Give it the certificate there.",
        )
    return None


@sensitive_variables("bundle", "pair")
def prepare_certificate(*, company: Company, user: Any, bundle: str = "", client_id: str = "") -> CertificateInfo:
    """Make a key and a certificate, or read them from a PEM text, and store them as pending. Raises Refusal.

    bundle: the PEM text, "" to make them; client_id: of another application than the one in use, else "".
    """
    try:
        pair = certificates.read_pair(bundle) if bundle else certificates.make_pair(application_name())
    except BadCertificate as bad:
        raise Refusal.because(bad, field="certificate_file") from None
    with state.audit_as(user), transaction.atomic():
        stored = state.lock_connection(company)
        if blocked := blocked_reason(stored):
            raise blocked
        try:
            stored.next_certificate, stored.next_private_key = pair.certificate_pem, seal(pair.private_key_pem)
        except CannotDecrypt as broken:
            raise Refusal.because(broken) from None
        stored.next_client_id = "" if client_id == credentials.client_id(stored) else client_id
        stored.save()
    return certificates.describe(pair.certificate_pem)


def discard_certificate(*, company: Company, user: Any) -> None:
    """Discard the pending certificate and its key."""
    _discard(company, user)


def _discard(company: Company, user: Any, only: str | None = None) -> None:
    """Discard the pending certificate; `only` this PEM text, where another may have been prepared meanwhile."""
    with state.audit_as(user), transaction.atomic():
        stored = state.lock_connection(company)
        if only is None or stored.next_certificate == only:
            _clear_pending(stored)
            stored.save()


@sensitive_variables("bundle")
def switch_to_certificate(*, company: Company, user: Any) -> Report:
    """Sign in with the pending certificate from now on, if it works. Where the report is not ok, nothing changed.

    Raises Refusal, CannotDecrypt, DataverseError.
    """
    connection = state.connection_of(company)
    if blocked := blocked_reason(connection):
        raise blocked
    if not connection.next_certificate:
        raise Refusal(
            "configuration",
            "There is no certificate to change to.",
            "Make one, or choose a file, first.",
        )
    bundle = f"{unseal(connection.next_private_key)}\n{connection.next_certificate}"
    values = {
        "authentication_type": AuthenticationType.CERTIFICATE.value,
        "client_id": next_client_id(connection),
    }
    report = enabling_services.enable(company=company, user=user, values=values, secret=bundle)
    if report.ok:
        _discard(company, user, only=connection.next_certificate)
    return report


def needs_administrator(connection: DataverseConnection, report: Report) -> bool:
    """Return whether the certificate works, and only its application's user is missing in Dataverse.

    The application of a client secret has its user; with the legacy sign-in a person's user was used instead.
    """
    other_user = connection.next_client_id or connection.authentication_type == AuthenticationType.OFFICE365
    return bool(other_user and report.failed and report.failed.name == judges.USER)


def _clear_pending(connection: DataverseConnection) -> None:
    connection.next_certificate, connection.next_private_key, connection.next_client_id = "", b"", ""
