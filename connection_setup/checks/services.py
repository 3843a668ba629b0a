"""Test a connection: of its stored settings or of others, and what its company expects of an environment."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from connection_setup import hooks, types
from connection_setup.checks import connection_test, error_checks
from connection_setup.connection import clients
from connection_setup.connection.settings import apply_settings, missing_settings
from connection_setup.connection.state import connection_of, store_report
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.secrets.credentials import looks_like_a_secret_id
from connection_setup.secrets.sealing import CannotDecrypt
from connection_setup.types import DEFAULT_TABLES, Check, Expectations, Report
from core.refusals import Refusal
from dataverse.errors import DataverseError
from dataverse.types import Certificate, ClientSecret, UserPassword, WhoAmI
from masterdata.models import Company, Currency

_CREDENTIAL_NAMES = {
    AuthenticationType.CLIENT_SECRET: "its client secret",
    AuthenticationType.CERTIFICATE: "its certificate",
    AuthenticationType.OFFICE365: "user name and password",
}


def test_connection(*, connection: DataverseConnection) -> Report:
    """Test the stored settings, enabled or not; store the report and which organization answers."""
    report = _run_test(connection, accept=lambda who: _record(connection, who))
    store_report(connection, report)
    return report


@sensitive_variables("secret")
def test_settings(*, company: Company, values: Mapping[str, Any], secret: str) -> Report:
    """Test settings that are not stored, and store nothing. A setting that is refused is the only, failed check."""
    connection = connection_of(company)
    try:
        apply_settings(connection, values, secret)
    except Refusal as refused:
        name = types.ADDRESS if refused.field == "environment_url" else types.SIGN_IN
        return Report((Check.for_error(name, refused),))
    return _run_test(connection)


def expectations(
    connection: DataverseConnection, credential: ClientSecret | Certificate | UserPassword | None = None
) -> Expectations:
    """Return what the company and the connection's settings expect of the environment."""
    company = connection.company
    others: dict[UUID, list[str]] = {}
    neighbours = DataverseConnection.objects.filter(enabled=True, organization_id__isnull=False).exclude(
        company=company
    )
    for organization, currency in neighbours.values_list("organization_id", "company__currency_code"):
        if organization:
            others.setdefault(organization, []).append(currency)
    rated = Currency.objects.filter(company=company, exchange_rate__gt=0)
    return Expectations(
        company_name=company.name,
        company_id=company.system_id,
        currency=company.currency_code,
        currencies_with_rate=frozenset(rated.values_list("code", flat=True)),
        other_currencies=others,
        tenant_id=connection.tenant_id,
        secret_is_an_id=isinstance(credential, ClientSecret) and looks_like_a_secret_id(credential.secret),
        credential_name=_CREDENTIAL_NAMES[credentials.current_type(connection)],
        expires=credentials.expiry(connection, timezone.localdate()),
        enabled=connection.enabled,
        business_unit=connection.business_unit_name,
        business_unit_id=connection.business_unit_id,
        team_id=connection.owning_team_id,
        organization_id=connection.organization_id,
        organization_name=connection.organization_name,
        couplings=hooks.count_couplings(company),
        tables=hooks.mapped_tables(company) or DEFAULT_TABLES,
    )


# -- inside -----------------------------------------------------------------------------------------------------------


def _record(connection: DataverseConnection, who: WhoAmI) -> None:
    clients.record_organization(connection, who.organization_id)


def _run_test(connection: DataverseConnection, *, accept: Callable[[WhoAmI], None] | None = None) -> Report:
    """Return the report on these settings; settings that are missing are its only check.

    accept: called with who is signed in and where.
    """
    if incomplete := missing_settings(connection):
        return Report((incomplete,))
    try:
        credential = credentials.open_credential(connection)
    except CannotDecrypt as error:
        return Report((Check.for_error(types.SIGN_IN, error),))
    expected = expectations(connection, credential)
    try:
        client = clients.settings_client(connection, credential, None, accept=accept)
        client.drop_token()
    except DataverseError as error:
        return Report((error_checks.check_for_error(error, types.ADDRESS, expected),))
    return connection_test.run_checks(client, expected)
