"""An administrator's sign-in: begun in a browser session, come back once, kept sealed for an hour, then dropped.

What comes back is taken only in the session that began it, once, and within a quarter of an hour; state, nonce and code
verifier are of this one sign-in (dataverse.person_sign_in).
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from connection_setup.connection import clients, redirect_url, state
from connection_setup.models import AdministratorSignIn, AuthenticationType, DataverseConnection
from connection_setup.secrets.sealing import seal, unseal
from core.refusals import Refusal
from dataverse import clouds, discovery, person_sign_in
from dataverse.discovery import Instance
from dataverse.errors import DataverseError, SignInError
from dataverse.types import Credentials, Environment
from masterdata.models import Company

WAITS = timedelta(minutes=15)
SIGN_IN_LIFETIME = timedelta(hours=1)
CERTIFICATE = "certificate"
"""The purpose of a sign-in that moves the connection to a certificate: preparing.MOVE follows it."""
DISCOVER = "discover"
"""The purpose of a sign-in that looks for environments; no steps follow it."""
UNKNOWN_SIGN_IN = (
    "This sign-in was not begun in this browser, was used already, or took longer than a quarter of an hour, so "
    "nothing was taken from it.",
    "Begin it again on Dataverse Connection Setup.",
)
UNFINISHED = (
    "The sign-in did not come back within a quarter of an hour, or something went wrong here when it did. Begin it "
    "again."
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
) -> str:
    """Begin a sign-in for the company's settings; the address at Microsoft to open. `purpose`: preparing.PURPOSES.

    To DISCOVER no Environment URL is needed, and `tenant` may be another than that of the settings. Raises Refusal
    (nothing to sign in to), SealBroken, DataverseError.
    """
    connection = state.connection_of(company)
    credentials, environment = _through(connection, purpose, tenant)
    resource = clouds.discovery(environment.cloud, environment.url) if purpose == DISCOVER else ""
    started = person_sign_in.begin(
        credentials, environment, redirect_url=redirect_url.of(connection), resource=resource
    )
    with transaction.atomic():
        drop_old(timezone.now())
        _of(company, session_key).delete()
        AdministratorSignIn.objects.create(
            company=company,
            user=user,
            state=_digest(str(started.flow["state"])),
            session=_digest(session_key),
            environment_url=connection.environment_url,
            tenant=tenant,
            credential_version=connection.credential_version,
            in_window=in_window,
            return_url=return_url,
            purpose=purpose,
            sealed=seal(json.dumps(started.flow)),
        )
    return started.address


def finish(*, session_key: str, user: Any, returned: Mapping[str, str]) -> AdministratorSignIn:
    """Take what the browser came back with. What did not work stands in `problem`.

    Raises SignInError when it belongs to no sign-in of this session.
    """
    found = AdministratorSignIn.objects.select_related("company").filter(
        state=_digest(returned.get("state", "")),
        session=_digest(session_key),
        user=user,
        signed_in_at=None,
        problem="",
        began_at__gt=timezone.now() - WAITS,
    )
    waiting = found.first()
    # Taken once: of two that come back with the same state only one changes the row.
    if waiting is None or not found.exclude(sealed=b"").update(sealed=b""):
        raise SignInError(*UNKNOWN_SIGN_IN)
    try:
        person = _came_back(waiting, returned)
        kept = seal(person.to_json())
    except (DataverseError, Refusal) as error:
        waiting.problem = error.user_message
        waiting.sealed = b""
    except Exception:
        waiting.problem = UNFINISHED
        keep(waiting, "problem")
        raise
    else:
        waiting.name, waiting.signed_in_at, waiting.sealed = person.name, timezone.now(), kept
    keep(waiting, "name", "signed_in_at", "sealed", "problem")
    return waiting


def keep(signed_in: AdministratorSignIn, *columns: str) -> None:
    """Keep these columns; where another window has dropped the sign-in meanwhile, it stays dropped."""
    values = {column: getattr(signed_in, column) for column in columns}
    AdministratorSignIn.objects.filter(pk=signed_in.pk).update(**values)


def current(company: Company, session_key: str | None, *, discovering: bool = False) -> AdministratorSignIn | None:
    """The session's sign-in for the company: waiting, done, or failed with its problem; None when there is none.

    discovering: the one that looks for environments, which is no preparation's.
    """
    if not session_key:
        return None
    found = _of(company, session_key).filter(began_at__gt=timezone.now() - SIGN_IN_LIFETIME).order_by("-pk").first()
    if found is None or (found.purpose == DISCOVER) is not discovering:
        return None
    # Nothing is taken any more after that time, so nothing will come of waiting.
    if found.signed_in_at is None and not found.problem and found.began_at <= timezone.now() - WAITS:
        found.problem = UNFINISHED
    return found if _fits(found, state.connection_of(company)) else None


def person(signed_in: AdministratorSignIn) -> person_sign_in.Person:
    """Who signed in, able to act. Raises SignInError when the sign-in is over, and other DataverseErrors."""
    if signed_in.signed_in_at is None or not signed_in.sealed:
        raise SignInError("The administrator's sign-in is over.", "Sign in again.")
    credentials, environment = _through(state.connection_of(signed_in.company), signed_in.purpose, signed_in.tenant)
    return person_sign_in.restore(credentials, environment, unseal(signed_in.sealed))


def environments(signed_in: AdministratorSignIn) -> list[Instance]:
    """The environments the person may work in. Raises DataverseError, Refusal, SealBroken."""
    connection = state.connection_of(signed_in.company)
    _, environment = _through(connection, signed_in.purpose, signed_in.tenant)
    return discovery.find_instances(person(signed_in), environment)


def keep_with(signed_in: AdministratorSignIn, connection: DataverseConnection, *, purpose: str) -> None:
    """Let a sign-in go on for settings that were just changed by its own doing."""
    signed_in.environment_url, signed_in.credential_version = (
        connection.environment_url,
        connection.credential_version,
    )
    signed_in.purpose = purpose
    keep(signed_in, "environment_url", "credential_version", "purpose")


def drop(company: Company, session_key: str) -> None:
    """Forget the session's sign-in for the company, tokens and all."""
    _of(company, session_key).delete()


def drop_preparations(company: Company) -> None:
    """Forget, in every session, who signed in to look for or to prepare the environment that is enabled now."""
    AdministratorSignIn.objects.filter(company=company, purpose__in=("prepare", DISCOVER)).delete()


def drop_old(now: datetime) -> None:
    """Forget the sign-ins that have had their hour; at every tick, so that no tokens outlive it."""
    AdministratorSignIn.objects.filter(began_at__lt=now - SIGN_IN_LIFETIME).delete()


def _through(connection: DataverseConnection, purpose: str, tenant: str) -> tuple[Credentials, Environment]:
    if purpose == DISCOVER:
        return clients.discovery_credentials(connection, tenant)
    if purpose == CERTIFICATE and connection.authentication_type == AuthenticationType.OFFICE365:
        return clients.next_certificate_signs_in_with(connection)
    return clients.administrator_credentials(connection)


def _came_back(waiting: AdministratorSignIn, returned: Mapping[str, str]) -> person_sign_in.Person:
    """Who signed in. Raises SignInError and other DataverseErrors, Refusal, SealBroken."""
    flow, connection = json.loads(unseal(waiting.sealed)), state.connection_of(waiting.company)
    if not _fits(waiting, connection):
        raise SignInError("The settings were changed while you signed in.", "Begin the sign-in again.")
    credentials, environment = _through(connection, waiting.purpose, waiting.tenant)
    return person_sign_in.finish(credentials, environment, flow, returned)


def _fits(signed_in: AdministratorSignIn, connection: DataverseConnection) -> bool:
    """Whether the settings are still those it was begun with."""
    return (signed_in.environment_url, signed_in.credential_version) == (
        connection.environment_url,
        connection.credential_version,
    )


def _of(company: Company, session_key: str) -> Any:
    return AdministratorSignIn.objects.filter(company=company, session=_digest(session_key))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
