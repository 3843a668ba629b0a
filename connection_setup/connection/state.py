"""The verbs of this room: save settings, test, enable, disable, and a client for those who may use one.

Nothing is sent while a database transaction is open, and nothing is kept of an enabling that fails.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from auditlog.context import set_actor
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.audit import somebody_is_named
from connection_setup import hooks
from connection_setup.checks import connection_test as testing
from connection_setup.checks import judges as checks
from connection_setup.connection import endpoints as reaching
from connection_setup.connection import redirect_url as returning
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.secrets.sealing import SealBroken, unseal
from connection_setup.types import DEFAULT_TABLES, Check, Findings, Report, Wanted
from dataverse import clouds, tenant
from dataverse.client import DataverseClient
from dataverse.errors import ConfigurationError, DataverseError
from dataverse.person_sign_in import Person
from dataverse.transport import Timeouts
from dataverse.types import Certificate, ClientSecret, Credentials, Environment, Usage, UserPassword
from jobs import services as jobs
from masterdata.models import Company, Currency

if TYPE_CHECKING:
    from connection_setup.provisioning.steps import Told

# What may be saved; whatever changes one of CREDENTIALS changes the credential's version.
CREDENTIALS = ("environment_url", "cloud", "tenant_id", "client_id", "authentication_type", "user_name")
SETTINGS = (*CREDENTIALS, "redirect_url", "ownership_model", "sandbox_ca_file", "client_secret_expires_on")


class NotConnected(Exception):
    """There is no usable connection; str() and user_message are the sentence, reason a word of the closed list."""

    def __init__(self, reason: str, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.reason = reason
        self.user_message = sentence
        self.detail = detail


class Refused(Exception):
    """The settings cannot be saved or the step cannot be taken; `field` names the setting, "" the whole."""

    def __init__(self, sentence: str, *, field: str = "", reason: str = "configuration") -> None:
        super().__init__(sentence)
        self.field = field
        self.reason = reason


def connection_of(company: Company) -> DataverseConnection:
    """The company's connection; one with default settings, not saved yet, where there is none."""
    found = DataverseConnection.objects.filter(company=company).select_related("company").first()
    return found or DataverseConnection(company=company)


def unavailable(company: Company) -> str:
    """Why Dataverse cannot be used now, as a sentence; "" when the connection is enabled."""
    fields = ("company_id", "enabled", "disable_reason")
    return why_off(DataverseConnection.objects.filter(company=company).only(*fields).first())


def why_off(connection: DataverseConnection | None) -> str:
    """Why this connection cannot be used, as a sentence; "" when it is enabled."""
    if connection and connection.enabled:
        return ""
    why = f" {connection.disable_reason}" if connection and connection.disable_reason else ""
    return (
        f"The connection to Dataverse is not enabled.{why} An administrator enables it in Dataverse Connection Setup."
    )


def client_for(company: Company, usage: Usage | None = None) -> DataverseClient:
    """A client for the company's enabled connection. Raises NotConnected."""
    connection = connection_of(company)
    if not connection.enabled:
        raise NotConnected("not_enabled", unavailable(company))
    try:
        return settings_client(connection, credentials.opened(connection), usage)
    except (DataverseError, SealBroken) as error:
        raise NotConnected(error.reason, error.user_message) from error


def stored_client(connection: DataverseConnection) -> DataverseClient:
    """A client for the stored settings, whether enabled or not. Raises Refused, SealBroken, ConfigurationError."""
    if lacking := missing(connection):
        raise Refused(lacking.sentence, reason="configuration")
    return settings_client(connection, credentials.opened(connection), None)


def units_choice(connection: DataverseConnection) -> tuple[UUID, str] | None:
    """The business unit the connection names, by id and name; None while it is to be the company's own."""
    if connection.business_unit_id is None:
        return None
    return connection.business_unit_id, connection.business_unit_name


def verify_organization(company: Company, client: DataverseClient) -> UUID:
    """The organization behind the environment, once it is the connection's own.

    Raises NotConnected with reason wrong_environment when another one answers.
    """
    connection = connection_of(company)
    found = client.who_am_i().organization_id
    if connection.organization_id != found:
        known = connection.organization_name or connection.organization_id or "no organization"
        raise NotConnected(
            "wrong_environment",
            f"The environment's address now leads to another organization, so nothing was written. This connection was "
            f"enabled with {known}. Check the Environment URL in Dataverse Connection Setup; turning Enabled off "
            "and on again connects to the new one.",
            f"{connection.environment_url} answers as organization {found}",
        )
    return found


def person_signs_in_with(connection: DataverseConnection) -> tuple[Credentials, Environment]:
    """What an administrator's sign-in goes through: the application of the settings, and the environment.

    Raises Refused where a setting is missing, SealBroken, ConfigurationError.
    """
    if lacking := missing(connection):
        raise Refused(lacking.sentence, reason="configuration")
    return reaching.signs_in(connection, credentials.opened(connection)), reaching.environment(connection)


def next_certificate_signs_in_with(connection: DataverseConnection) -> tuple[Credentials, Environment]:
    """What an administrator's sign-in goes through where the legacy sign-in is left: nobody signs in with a password's.

    It is the application that the certificate which waits is registered for. Raises Refused, SealBroken,
    ConfigurationError.
    """
    if not connection.next_certificate:
        raise Refused("There is no certificate to change to. Make one, or choose a file.")
    authority = clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url)
    given = Certificate(unseal(connection.next_private_key), connection.next_certificate)
    application = connection.next_client_id or connection.client_id
    return (
        Credentials(authority, application, given, version=connection.credential_version),
        reaching.environment(connection),
    )


def discovery_signs_in_with(connection: DataverseConnection, tenant: str) -> tuple[Credentials, Environment]:
    """What a sign-in goes through that looks for environments, in a tenant or ("") in that of whoever signs in.

    The environment stands for the cloud; for a sandbox it names where that is. Raises Refused where the application is
    not filled in, SealBroken, ConfigurationError.
    """
    kind = AuthenticationType(connection.authentication_type)
    given = {
        "Client ID": bool(credentials.client_id(connection) or credentials.problem(connection)),
        credentials.LABELS[kind]: credentials.has_secret(connection),
    }
    if names := [name for name, there in given.items() if not there]:
        raise Refused(
            f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} not filled in, and the sign-in goes "
            "through the registered application. Fill in and save, then look for environments again."
        )
    place, ca_file = reaching.sandbox_of(connection)
    authority = clouds.authority(connection.cloud, tenant, place, any_tenant=True)
    return (
        Credentials(
            authority,
            credentials.client_id(connection),
            credentials.opened(connection),
            version=connection.credential_version,
        ),
        Environment(place, ca_file=ca_file, loopback_allowed=settings.SANDBOX_ALLOWED, cloud=connection.cloud),
    )


def application_answers(connection: DataverseConnection, url: str, tenant: str) -> Callable[[], None]:
    """A question, for another thread, whether the application is let into an environment of a tenant.

    Asking it raises DataverseError, where it is not.
    """
    environment = Environment(
        url,
        ca_file=reaching.sandbox_of(connection)[1],
        loopback_allowed=settings.SANDBOX_ALLOWED,
        cloud=connection.cloud,
    )
    opened = Credentials(
        clouds.authority(connection.cloud, tenant, url),
        credentials.client_id(connection),
        credentials.opened(connection),
        version=connection.credential_version,
    )

    def ask() -> None:
        client = DataverseClient(environment, opened, timeouts=Timeouts(connect=3, read=6, total=8), sleep=_no_patience)
        client.who_am_i()

    return ask


def _no_patience(_: float) -> None:
    """Not waited: who looks at a list of environments would wait as well."""


def administrators_client(connection: DataverseConnection, person: Person) -> DataverseClient:
    """A client that acts as the administrator who signed in. Raises ConfigurationError."""
    environment = reaching.environment(connection)
    return DataverseClient(environment, person.tokens(environment))


def redirect_url() -> str:
    """Where a sign-in comes back to unless a connection says otherwise; it stands in the registration."""
    return returning.default()


@sensitive_variables("secret")
def save_settings(
    *, connection: DataverseConnection, values: Mapping[str, Any], secret: str | None, user: Any
) -> DataverseConnection:
    """Save settings; `secret` None or "" keeps the stored one. Raises Refused with the field and a sentence.

    The secret is that of the authentication type: the client secret's value, a PEM text of private key and certificate,
    or the password.
    """
    with audited(user), transaction.atomic():
        stored = locked(connection.company)
        if stored.enabled:
            raise Refused("The connection is enabled, so its settings are locked. Turn Enabled off first.")
        apply_settings(stored, values, secret)
        stored.save()
    return stored


def test_connection(*, connection: DataverseConnection) -> Report:
    """Test the stored settings, whether enabled or not, and keep the report with the connection."""
    report, _ = _tested(connection)
    keep_report(connection, report)
    return report


@sensitive_variables("secret")
def test_settings(*, company: Company, values: Mapping[str, Any], secret: str) -> Report:
    """Test settings that are not stored, and store nothing. A setting that cannot be is the one failing check."""
    connection = connection_of(company)
    try:
        apply_settings(connection, values, secret)
    except Refused as refused:
        cause, fix = checks.sentences(str(refused))
        name = checks.ADDRESS if refused.field == "environment_url" else checks.SIGN_IN
        return Report((Check(name, "error", cause, fix, refused.reason),))
    return _tested(connection)[0]


@sensitive_variables("secret")
def enable(
    *,
    company: Company,
    user: Any,
    values: Mapping[str, Any] | None = None,
    secret: str | None = None,
    on_step: "Callable[[Told], None] | None" = None,
) -> Report:
    """Take all steps of enabling at once, with the default synchronization setup. Repeatable. See enabling.enable.

    With `values` (and `secret`) these settings are taken, even while the connection is enabled with others: they
    replace the old ones only once they work. A report that is not ok means that nothing was switched on or changed
    here; what was already made in the environment is found by the next try. `on_step` is told each step as it ends.
    Raises Refused, DataverseError.
    """
    from connection_setup.enabling import run as enabling

    return enabling.enable(company=company, user=user, values=values, secret=secret, on_step=on_step)


def disable(*, company: Company, user: Any, reason: str = "") -> DataverseConnection:
    """Switch the connection off; settings, mappings and couplings are kept. Repeatable.

    Jobs in process stop at their next checkpoint, those that wait do not start, and schedules are on hold until the
    connection is enabled again.
    """
    with audited(user), transaction.atomic():
        stored = locked(company)
        if not stored.enabled:
            return stored
        stored.enabled, stored.enabled_at, stored.disable_reason = False, None, reason
        stored.changed_at = timezone.now()
        stored.save()
        hooks.run_disabled(company, user)
        who = f" by {user.get_username()}" if user is not None and getattr(user, "pk", None) else ""
        jobs.stop_all(
            company=company, user=user, why=f"{_DISABLED.format(who=who)} {reason}".strip(), reason="not_enabled"
        )
    return stored


_DISABLED = (
    "The connection to Dataverse was disabled{who}, so the job stopped. What it did until then is saved. Start it "
    "again once the connection is enabled."
)


def ask_tenant(connection: DataverseConnection) -> None:
    """Ask the sign-in of the settings' tenant whether there is such a tenant. Raises DataverseError where not."""
    place = clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url)
    tenant.known(place, ca_file=reaching.authority_file(connection))


def secret_is_an_id(connection: DataverseConnection) -> bool:
    """Whether the stored client secret is the secret's ID; no where there is none, or it cannot be opened."""
    if connection.authentication_type != AuthenticationType.CLIENT_SECRET or not connection.client_secret:
        return False
    try:
        return looks_like_a_secret_id(unseal(connection.client_secret))
    except SealBroken:
        return False


def looks_like_a_secret_id(secret: str) -> bool:
    """Whether this is the secret's ID instead of its value: the ID is a GUID, a value never is."""
    try:
        uuid.UUID(secret.strip())
    except ValueError:
        return False
    return True


# -- inside -----------------------------------------------------------------------------------------------------------


@contextmanager
def audited(user: Any) -> Iterator[None]:
    """Name the user in the audit rows; the secret is left out of them, its change shows as the credential's version."""
    if user is None or not getattr(user, "pk", None) or somebody_is_named():
        yield
        return
    with set_actor(user):
        yield


def locked(company: Company) -> DataverseConnection:
    """The row, held until the transaction ends, so that two administrators do not overwrite each other."""
    DataverseConnection.objects.get_or_create(company=company)
    return DataverseConnection.objects.select_for_update().get(company=company)


@sensitive_variables("secret")
def apply_settings(connection: DataverseConnection, values: Mapping[str, Any], secret: str | None) -> None:
    """Put checked settings on the record. Raises Refused."""
    before = [getattr(connection, name) for name in CREDENTIALS]
    receivers, expired = _receivers(connection), connection.client_secret_expires_on
    for name in SETTINGS:
        if name in values:
            value = values[name]
            setattr(connection, name, value.strip() if isinstance(value, str) else value)
    try:
        connection.redirect_url = returning.check(connection.redirect_url)
    except returning.NotHere as error:
        raise Refused(str(error), field="redirect_url") from None
    if connection.environment_url:
        try:
            connection.environment_url = clouds.check_address(
                connection.environment_url, cloud=connection.cloud, loopback_allowed=settings.SANDBOX_ALLOWED
            ).url
        except ConfigurationError as error:
            raise Refused(error.user_message, field="environment_url", reason=error.reason) from None
    moved = [label for label, told in _receivers(connection).items() if receivers[label] not in ("", told)]
    kind = AuthenticationType(connection.authentication_type)
    label, column = credentials.LABELS[kind], credentials.SECRET_COLUMNS[kind]
    # A private key is never sent anywhere, so a certificate may be used for another place.
    if moved and kind is not AuthenticationType.CERTIFICATE and getattr(connection, column) and not secret:
        raise Refused(
            f"{' and '.join(moved)} changed, and the stored {label} is not sent to another place than the one "
            f"it was entered for. Enter the {label} again.",
            field=column,
        )
    if moved:
        _forget_others(connection, kind)
    if _receivers(connection)["Environment URL"] != receivers["Environment URL"] and "sandbox_ca_file" not in values:
        connection.sandbox_ca_file = ""  # it vouched for the other address
    if secret:
        try:
            credentials.store(connection, secret)
        except credentials.BadCertificate as bad:
            raise Refused(str(bad), field="certificate_file") from None
        except SealBroken as broken:
            raise Refused(str(broken)) from None
        # A form sends the old secret's date back beside the new secret: the same date says nothing about that.
        connection.secret_entered_at = timezone.now()
        typed = values.get("client_secret_expires_on")
        if kind is AuthenticationType.CLIENT_SECRET:
            connection.client_secret_expires_on = typed if typed != expired else None
    if secret or [getattr(connection, name) for name in CREDENTIALS] != before:
        connection.credential_version += 1
        connection.checks, connection.checked_at = [], None  # they were about other settings
    if connection.environment_url != before[0]:
        # What belongs to the other environment; its organization stays, so that couplings are not mixed up.
        connection.business_unit_id = connection.owning_team_id = connection.company_row_id = None
        connection.integration_user_id, connection.business_unit_name = None, ""
    connection.changed_at = timezone.now()


def _forget_others(connection: DataverseConnection, kind: AuthenticationType) -> None:
    """The secrets of the types not in use belong to the place before; they are not sent to another one later."""
    for other in (AuthenticationType.CLIENT_SECRET, AuthenticationType.OFFICE365):
        if other is not kind:
            setattr(connection, credentials.SECRET_COLUMNS[other], b"")


def _receivers(connection: DataverseConnection) -> dict[str, str]:
    """Who is sent the secret, or the token it gets: a change of one sends it elsewhere."""
    return {
        "Environment URL": clouds.origin(connection.environment_url),
        "Cloud": connection.cloud,
        "Tenant ID": connection.tenant_id.lower(),
    }


def settings_client(
    connection: DataverseConnection, credential: ClientSecret | Certificate | UserPassword, usage: Usage | None
) -> DataverseClient:
    """A client for these settings. Raises ConfigurationError for what cannot be."""
    return DataverseClient(reaching.environment(connection), reaching.signs_in(connection, credential), usage=usage)


def _tested(connection: DataverseConnection) -> tuple[Report, Findings]:
    """All checks on these settings; what is missing among them is the first."""
    lacking = missing(connection)
    if lacking:
        return Report((lacking,)), Findings()
    try:
        credential = credentials.opened(connection)
    except SealBroken as error:
        cause, fix = checks.sentences(error.user_message)
        return Report((Check(checks.SIGN_IN, "error", cause, fix, error.reason),)), Findings()
    side = wanted(connection, credential)
    try:
        client = settings_client(connection, credential, None)
        client.sign_in_anew()
    except DataverseError as error:
        return Report((checks.explained(error, checks.ADDRESS, side),)), Findings()
    return testing.run(client, side)


def missing(connection: DataverseConnection) -> Check | None:
    """The settings that are not filled in, as the check that fails; None when all are."""
    kind = AuthenticationType(connection.authentication_type)
    given = {
        "Environment URL": bool(connection.environment_url),
        "Tenant ID": bool(connection.tenant_id),
        "Client ID": bool(credentials.client_id(connection) or credentials.problem(connection)),
        "User Name": bool(connection.user_name) or kind is not AuthenticationType.OFFICE365,
        credentials.LABELS[kind]: credentials.has_secret(connection),
    }
    names = [name for name, there in given.items() if not there]
    if not names:
        return None
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    name = checks.ADDRESS if names[0] == "Environment URL" else checks.SIGN_IN
    verb = "are" if len(names) > 1 else "is"
    return Check(
        name, "error", f"{listed} {verb} not filled in.", "Fill in and save, then test again.", "configuration"
    )


def wanted(
    connection: DataverseConnection, credential: ClientSecret | Certificate | UserPassword | None = None
) -> Wanted:
    """The company's side of the checks."""
    company = connection.company
    others: dict[UUID, list[tuple[str, str]]] = {}
    neighbours = DataverseConnection.objects.filter(enabled=True, organization_id__isnull=False).exclude(
        company=company
    )
    for organization, name, currency in neighbours.values_list(
        "organization_id", "company__name", "company__currency_code"
    ):
        if organization:
            others.setdefault(organization, []).append((name, currency))
    rated = Currency.objects.filter(company=company, exchange_rate__gt=0)
    return Wanted(
        company_name=company.name,
        company_id=company.system_id,
        currency=company.currency_code,
        currencies_with_rate=frozenset(rated.values_list("code", flat=True)),
        other_currencies=others,
        tenant_id=connection.tenant_id,
        secret_is_an_id=isinstance(credential, ClientSecret) and looks_like_a_secret_id(credential.secret),
        signs_in_with=_WITH[credentials.in_use(connection)],
        expires=credentials.expiry(connection, timezone.localdate()),
        enabled=connection.enabled,
        business_unit=connection.business_unit_name,
        business_unit_id=connection.business_unit_id,
        team_id=connection.owning_team_id,
        organization_id=connection.organization_id,
        organization_name=connection.organization_name,
        couplings=hooks.couplings(company),
        tables=hooks.mapped_tables(company) or DEFAULT_TABLES,
    )


_WITH = {
    AuthenticationType.CLIENT_SECRET: "its client secret",
    AuthenticationType.CERTIFICATE: "its certificate",
    AuthenticationType.OFFICE365: "user name and password",
}


def keep_report(connection: DataverseConnection, report: Report) -> None:
    """Store the report of a test; nothing else changes."""
    connection.checks = [check.document() for check in report.checks]
    connection.checked_at = timezone.now()
    if connection.pk:
        DataverseConnection.objects.filter(pk=connection.pk).update(
            checks=connection.checks, checked_at=connection.checked_at
        )
