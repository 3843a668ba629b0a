"""Use Certificate Authentication: from a client secret, or the legacy password, to a certificate without a gap.

A key and a certificate are made here, or taken, and wait beside what is in use. Once the certificate is registered,
the connection is tested with it, and only then signs in with it. A certificate of another client (application) needs
that client's user in Dataverse, which an administrator who signs in makes, with all roles of the user before.
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
    """Make a key and a certificate, or take those of a PEM text, to wait beside what is in use. Raises Refusal.

    client_id: where the certificate is registered for another application than the one in use.
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


def withdraw(*, company: Company, user: Any) -> None:
    """Throw away the certificate that waits."""
    _withdraw(company, user)


def _withdraw(company: Company, user: Any, only: str | None = None) -> None:
    """Throw away the certificate that waits; only: this one, where another may have been offered meanwhile."""
    with state.audit_as(user), transaction.atomic():
        stored = state.lock_connection(company)
        if only is None or stored.next_certificate == only:
            _forget(stored)
            stored.save()


@sensitive_variables("bundle")
def switch(*, company: Company, user: Any) -> Report:
    """Sign in with the certificate that waits, if it works; a report that is not ok means that nothing changed.

    Raises Refusal, SealBroken, DataverseError.
    """
    connection = state.connection_of(company)
    if blocked := blocked_reason(connection):
        raise blocked
    if not connection.next_certificate:
        raise Refusal(
            "configuration",
            "There is no certificate to change to.",
            "Make one, or choose a file.",
        )
    bundle = f"{unseal(connection.next_private_key)}\n{connection.next_certificate}"
    values = {
        "authentication_type": AuthenticationType.CERTIFICATE.value,
        "client_id": next_client_id(connection),
    }
    report = enabling_services.enable(company=company, user=user, values=values, secret=bundle)
    if report.ok:
        _withdraw(company, user, only=connection.next_certificate)
    return report


def needs_administrator(connection: DataverseConnection, report: Report) -> bool:
    """Whether the certificate works, and only its application's user is missing in Dataverse.

    The application of a client secret has its user; that of the legacy sign-in need not, since a person's was used.
    """
    moves = connection.next_client_id or connection.authentication_type == AuthenticationType.OFFICE365
    return bool(moves and report.failed and report.failed.name == judges.USER)


def _forget(connection: DataverseConnection) -> None:
    connection.next_certificate, connection.next_private_key, connection.next_client_id = "", b"", ""
