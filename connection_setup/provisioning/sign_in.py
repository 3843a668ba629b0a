"""An administrator's sign-in: begun in a browser session, finished once, stored sealed for an hour, then dropped.

The answer of Microsoft's sign-in is accepted only in the session that began it, once, and within RETURN_WITHIN; state,
nonce and code verifier belong to this one sign-in (dataverse.person_sign_in).
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from connection_setup.connection import clients, redirect_url, state
from connection_setup.models import AdministratorSignIn, AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials as credentials_of
from connection_setup.secrets.sealing import seal, unseal
from core.refusals import Refusal
from core.roles import Can, may
from dataverse import clouds, discovery, person_sign_in
from dataverse.discovery import Instance
from dataverse.errors import DataverseError, SignInError
from dataverse.types import Credentials, Environment
from masterdata.models import Company

RETURN_WITHIN = timedelta(minutes=15)
SIGN_IN_LIFETIME = timedelta(hours=1)
CERTIFICATE = "certificate"
"""Purpose of a sign-in that moves the connection to a certificate (preparation.CERTIFICATE_STEPS)."""
DISCOVER = "discover"
"""Purpose of a sign-in that looks for environments; no steps follow it."""
CONSENT = "consent"
"""Purpose of an administrator's consent for the whole tenant, which is no sign-in here."""
LOST = SignInError(
    "The sign-in came back to a browser that is not signed in here, or no longer, so it was not accepted.",
    "Begin it again; if that does not help, open this site at the address of its Redirect URL.",
)
UNKNOWN_SIGN_IN = (
    "This sign-in was not begun in this browser, was used already, or took longer than a quarter of an hour, so it "
    "was not accepted.",
    "Begin it again on Dataverse Connection Setup.",
)
UNFINISHED = SignInError(
    "The sign-in was not finished within a quarter of an hour, or something went wrong here when it was.",
    "Begin it again.",
)


def begin(
    *,
    company: Company,
    user: Any,
    session_key: str,
    return_url: str,
    in_window: bool = False,
    purpose: str = "prepare",
    tenant: str = "",
    origin: str = "",
) -> str:
    """Begin a sign-in for the company's settings; return the address at Microsoft to open.

    purpose: one of preparation.PURPOSES, or DISCOVER, which needs no Environment URL and takes another `tenant` than
    that of the settings. origin: where it is begun (redirect_url.begun_elsewhere). Begun from a window, what does not
    work is stored for the page that opened it. Raises
    Refusal (nothing to sign in to, the secret cannot be opened), DataverseError.
    """
    connection = state.connection_of(company)
    made = AdministratorSignIn(
        company=company,
        user=user,
        session=_digest(session_key),
        environment_url=connection.environment_url,
        tenant=tenant,
        credential_version=connection.credential_version,
        in_window=in_window,
        return_url=return_url,
        origin=origin,
        purpose=purpose,
    )
    try:
        started = _start(connection, purpose, tenant)
    except (DataverseError, Refusal) as error:
        if in_window:
            made.set_problem(error, prefix="The sign-in cannot begin.")
            _store(made, secrets.token_urlsafe(32), session_key)
        raise
    made.sealed = seal(json.dumps(started.flow))
    _store(made, str(started.flow["state"]), session_key)
    return started.address


def _start(connection: DataverseConnection, purpose: str, tenant: str) -> person_sign_in.Started:
    """Return the address to open, and the flow to keep. Raises Refusal, DataverseError."""
    credentials, environment = _credentials_for(connection, purpose, tenant)
    resource = clouds.discovery(environment.cloud, environment.url) if purpose == DISCOVER else ""
    return person_sign_in.begin(
        credentials, environment, redirect_url=redirect_url.effective_url(connection), resource=resource
    )


def _store(made: AdministratorSignIn, sent: str, session_key: str) -> None:
    """Store a sign-in by the state that was sent along, in place of the session's earlier one."""
    made.state = _digest(sent)
    with transaction.atomic():
        drop_expired(timezone.now())
        _sign_ins(made.company, session_key).delete()
        made.save()


def begun_at(sent: str) -> str:
    """Return where the sign-in with this state was begun, if not at the Redirect URL's origin; else ""."""
    if not sent:
        return ""
    now = timezone.now()
    in_time = Q(began_at__gt=now - RETURN_WITHIN) | Q(purpose=CONSENT, began_at__gt=now - SIGN_IN_LIFETIME)
    found = AdministratorSignIn.objects.filter(in_time, state=_digest(sent))
    return found.values_list("origin", flat=True).first() or ""


def note_lost(sent: str) -> None:
    """Tell the page that waits for the sign-in with this state that it came back to a browser not signed in here."""
    waiting = AdministratorSignIn.objects.filter(state=_digest(sent), signed_in_at=None, problem="").exclude(sealed=b"")
    if sent and waiting.exists():
        waiting.update(problem=LOST.message, problem_fix=LOST.fix, sealed=b"")


def begin_consent(*, company: Company, user: Any, session_key: str, return_url: str, origin: str = "") -> str:
    """Begin an administrator's consent for the whole tenant; return the address at Microsoft to open.

    Raises ConfigurationError where the settings name no tenant, Refusal.
    """
    connection = state.connection_of(company)
    sent = secrets.token_urlsafe(32)
    address = consent_address(connection, sent)
    AdministratorSignIn.objects.create(
        company=company,
        user=user,
        state=_digest(sent),
        session=_digest(session_key),
        credential_version=connection.credential_version,
        return_url=return_url,
        origin=origin,
        purpose=CONSENT,
    )
    return address


def consent_address(connection: DataverseConnection, sent: str = "") -> str:
    """Return the address at Microsoft where an administrator consents for the tenant. Raises ConfigurationError.

    sent: the state that comes back; "" for a link that is passed on, whose answer no browser waits for.
    """
    return person_sign_in.consent_address(
        clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url),
        credentials_of.client_id(connection),
        clouds.origin(connection.environment_url),
        redirect_url=redirect_url.effective_url(connection),
        state=sent,
    )


def take_consent(*, session_key: str, user: Any, sent: str) -> AdministratorSignIn | None:
    """Return the consent that this session began with this state, once; None for any other."""
    found = (
        AdministratorSignIn.objects.select_related("company")
        .filter(state=_digest(sent), session=_digest(session_key), purpose=CONSENT)
        .filter(user=user, began_at__gt=timezone.now() - SIGN_IN_LIFETIME)
        .first()
    )
    if found is not None:
        AdministratorSignIn.objects.filter(state=found.state).delete()
    return found


def finish(*, session_key: str, user: Any, returned: Mapping[str, str]) -> AdministratorSignIn:
    """Finish a sign-in with the parameters the browser came back with. What did not work is stored in `problem`.

    Raises SignInError when they belong to no sign-in of this session.
    """
    found = (
        AdministratorSignIn.objects.select_related("company")
        .filter(
            state=_digest(returned.get("state", "")),
            session=_digest(session_key),
            user=user,
            signed_in_at=None,
            problem="",
            began_at__gt=timezone.now() - RETURN_WITHIN,
        )
        .exclude(purpose=CONSENT)
    )
    waiting = found.first()
    # Accepted once: of two that come back with the same state only one changes the row.
    if waiting is None or not found.exclude(sealed=b"").update(sealed=b""):
        raise SignInError(*UNKNOWN_SIGN_IN)
    try:
        person = _complete(waiting, returned)
        tokens = seal(person.to_json())
    except (DataverseError, Refusal) as error:
        waiting.set_problem(error)
        waiting.sealed = b""
    except Exception:
        waiting.set_problem(UNFINISHED)
        store_columns(waiting, "problem", "problem_fix")
        raise
    else:
        waiting.name, waiting.signed_in_at, waiting.sealed = person.name, timezone.now(), tokens
    store_columns(waiting, "name", "signed_in_at", "sealed", "problem", "problem_fix")
    return waiting


def store_columns(signed_in: AdministratorSignIn, *columns: str) -> None:
    """Store these columns; where another window has dropped the sign-in meanwhile, it stays dropped."""
    values = {column: getattr(signed_in, column) for column in columns}
    AdministratorSignIn.objects.filter(pk=signed_in.pk).update(**values)


def current(company: Company, session_key: str | None, *, discovering: bool = False) -> AdministratorSignIn | None:
    """Return the session's sign-in for the company: begun, done, or failed with its problem; None when there is none.

    discovering: the one that looks for environments instead of one that prepares.
    """
    if not session_key:
        return None
    found = (
        _sign_ins(company, session_key)
        .filter(began_at__gt=timezone.now() - SIGN_IN_LIFETIME)
        .exclude(purpose=CONSENT)
        .order_by("-pk")
        .first()
    )
    if found is None or (found.purpose == DISCOVER) is not discovering:
        return None
    # Nothing is accepted after that time, so there is nothing to wait for.
    if found.signed_in_at is None and not found.problem and found.began_at <= timezone.now() - RETURN_WITHIN:
        found.set_problem(UNFINISHED)
    return found if _matches_settings(found, state.connection_of(company)) else None


def signed_in_person(signed_in: AdministratorSignIn) -> person_sign_in.Person:
    """Return the person who signed in, able to act. Raises SignInError when the sign-in is over, DataverseError."""
    if signed_in.signed_in_at is None or not signed_in.sealed:
        raise SignInError("The administrator's sign-in is over.", "Sign in again.")
    connection = state.connection_of(signed_in.company)
    credentials, environment = _credentials_for(connection, signed_in.purpose, signed_in.tenant)
    return person_sign_in.restore(credentials, environment, unseal(signed_in.sealed))


def list_environments(signed_in: AdministratorSignIn) -> list[Instance]:
    """Return the environments the person may work in. Raises DataverseError, Refusal."""
    connection = state.connection_of(signed_in.company)
    _, environment = _credentials_for(connection, signed_in.purpose, signed_in.tenant)
    return discovery.find_instances(signed_in_person(signed_in), environment)


def carry_over(signed_in: AdministratorSignIn, connection: DataverseConnection, *, purpose: str) -> None:
    """Keep a sign-in valid for settings that were just changed by its own result, with another purpose."""
    signed_in.environment_url, signed_in.credential_version = (
        connection.environment_url,
        connection.credential_version,
    )
    signed_in.purpose = purpose
    store_columns(signed_in, "environment_url", "credential_version", "purpose")


def drop(company: Company, session_key: str) -> None:
    """Delete the session's sign-in for the company, with its tokens."""
    _sign_ins(company, session_key).delete()


def newest(company: Company, purpose: str) -> AdministratorSignIn | None:
    """Return the last sign-in for a purpose, in whatever session, that may still be used; None without one.

    A job goes on with it: where it is over, anybody who may administer the company signs in again.
    """
    found = (
        AdministratorSignIn.objects.select_related("company", "user")
        .filter(company=company, purpose=purpose, signed_in_at__isnull=False)
        .filter(began_at__gt=timezone.now() - SIGN_IN_LIFETIME)
        .exclude(sealed=b"")
        .order_by("-pk")
    )
    connection = state.connection_of(company)
    able = (one for one in found if may(one.user, Can.ADMINISTER, company) and _matches_settings(one, connection))
    return next(able, None)


def forget(signed_in: AdministratorSignIn) -> None:
    """Delete one sign-in, with its tokens."""
    AdministratorSignIn.objects.filter(pk=signed_in.pk).delete()


def drop_purpose(company: Company, purpose: str) -> None:
    """Delete the sign-ins for a purpose, in every session."""
    AdministratorSignIn.objects.filter(company=company, purpose=purpose).delete()


def drop_preparations(company: Company) -> None:
    """Delete, in every session, the sign-ins that looked for or prepared the environment that is enabled now."""
    AdministratorSignIn.objects.filter(company=company, purpose__in=("prepare", DISCOVER)).delete()


def drop_expired(now: datetime) -> None:
    """Delete the sign-ins older than SIGN_IN_LIFETIME; called at every tick, so that no tokens outlive it."""
    AdministratorSignIn.objects.filter(began_at__lt=now - SIGN_IN_LIFETIME).delete()


def _credentials_for(connection: DataverseConnection, purpose: str, tenant: str) -> tuple[Credentials, Environment]:
    if purpose == DISCOVER:
        return clients.discovery_credentials(connection, tenant)
    if purpose == CERTIFICATE and connection.authentication_type == AuthenticationType.OFFICE365:
        return clients.next_certificate_credentials(connection)
    return clients.administrator_credentials(connection)


def _complete(waiting: AdministratorSignIn, returned: Mapping[str, str]) -> person_sign_in.Person:
    """Return the person who signed in. Raises DataverseError, Refusal."""
    flow, connection = json.loads(unseal(waiting.sealed)), state.connection_of(waiting.company)
    if not _matches_settings(waiting, connection):
        raise SignInError("The settings were changed while you signed in.", "Begin the sign-in again.")
    credentials, environment = _credentials_for(connection, waiting.purpose, waiting.tenant)
    return person_sign_in.finish(credentials, environment, flow, returned)


def _matches_settings(signed_in: AdministratorSignIn, connection: DataverseConnection) -> bool:
    """Whether the settings are still those the sign-in was begun with."""
    return (signed_in.environment_url, signed_in.credential_version) == (
        connection.environment_url,
        connection.credential_version,
    )


def _sign_ins(company: Company, session_key: str) -> Any:
    return AdministratorSignIn.objects.filter(company=company, session=_digest(session_key))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
