"""A person's sign-in through the browser: authorization code with Proof Key for Code Exchange, then refresh tokens.

`begin` returns the address to open and a flow, which is JSON and belongs in the session of whoever began it (it
contains the code verifier). `finish` takes the query the browser came back with and returns the person. Tokens live in
memory and are dropped with the object; `Person.to_json` returns them as a text, which is a secret, and `restore` reads
it in another process. The identity token is validated here; msal no longer does.
Source: Microsoft identity platform, "OAuth 2.0 authorization code flow" and "ID tokens".
"""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msal

from dataverse import clouds
from dataverse.errors import SignInError
from dataverse.http_session import Timeouts
from dataverse.sign_in_rules import sign_in_error
from dataverse.tokens import SignInService
from dataverse.transport import Token, checked_origin
from dataverse.types import Credentials, Environment

_LEEWAY_S = 300
"""How much the clocks may differ when an identity token expires."""
_CLAIMS = ("preferred_username", "upn", "tid", "oid")
_FOREIGN_ANSWER = (
    "The sign-in came back with an answer that does not belong to it, so nothing was taken from it.",
    "Start the sign-in again.",
)


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that waits for its person: the address to open, and the flow to store in their session."""

    address: str
    flow: dict[str, Any]


def begin(
    credentials: Credentials, environment: Environment, *, redirect_url: str, login_hint: str = "", resource: str = ""
) -> Started:
    """Begin a sign-in that asks for access to the environment, or to another `resource` (an origin) of its cloud.

    login_hint: the user name to fill in. The person chooses the account: without a prompt Microsoft would silently take
    the one that the browser is signed in with. Raises SignInError, ConfigurationError, Unavailable.
    """
    service = SignInService(credentials, environment.ca_file, Timeouts())

    def ask() -> dict[str, Any]:
        flow: dict[str, Any] = service.new_application().initiate_auth_code_flow(
            [_scope(resource or checked_origin(environment))],
            redirect_uri=redirect_url,
            # A form posted from another site would arrive without this site's session.
            response_mode="query",
            prompt="select_account",
            **({"login_hint": login_hint} if login_hint else {}),
        )
        return flow

    flow = service.call(ask)
    return Started(str(flow["auth_uri"]), flow)


def consent_address(authority: str, client_id: str, resource: str, *, redirect_url: str, state: str) -> str:
    """Return the address where an administrator of the tenant consents to the application for everyone.

    authority: of one tenant. Source: Microsoft identity platform, "Admin consent" (v2-admin-consent).
    """
    asked = {"client_id": client_id, "scope": f"{resource}/.default", "redirect_uri": redirect_url}
    return f"{authority}/v2.0/adminconsent?{urlencode({**asked, **({'state': state} if state else {})})}"


def finish(
    credentials: Credentials, environment: Environment, flow: Mapping[str, Any], returned: Mapping[str, str]
) -> "Person":
    """Return the person who signed in, from the flow that was begun and the query the browser came back with.

    Raises SignInError (declined, not this sign-in, another application or tenant), ConfigurationError, Unavailable.
    """
    if returned.get("error"):
        raise sign_in_error(returned["error"], returned.get("error_description", ""), person=True)
    service = SignInService(credentials, environment.ca_file, Timeouts())
    if not hmac.compare_digest(str(flow.get("state", "")).encode(), str(returned.get("state", "")).encode()):
        raise SignInError(*_FOREIGN_ANSWER)
    application: Any = None
    cache = msal.SerializableTokenCache()

    def ask() -> Any:
        nonlocal application
        application = service.new_application(cache)
        try:
            return application.acquire_token_by_auth_code_flow(dict(flow), dict(returned))
        except RuntimeError:  # what msal says of a foreign nonce
            raise SignInError(*_FOREIGN_ANSWER, said="nonce") from None

    answer = service.request_token(ask)
    claims = answer.get("id_token_claims") or {}
    _check_identity(claims, credentials, str(flow.get("nonce", "")))
    accounts = application.get_accounts()
    if not accounts:
        raise SignInError("The sign-in service did not say who signed in.", "Start the sign-in again.")
    return Person(service, application, cache, accounts[0], claims)


def restore(credentials: Credentials, environment: Environment, stored: str) -> "Person":
    """Return the person whom `Person.to_json` wrote. Raises SignInError, ConfigurationError, Unavailable."""
    service, cache = SignInService(credentials, environment.ca_file, Timeouts()), msal.SerializableTokenCache()
    document = json.loads(stored)
    cache.deserialize(document["tokens"])
    application = service.call(lambda: service.new_application(cache))
    accounts = application.get_accounts()
    if not accounts:
        raise SignInError("The administrator's sign-in has expired.", "Sign in again.")
    return Person(service, application, cache, accounts[0], document["claims"])


class Person:
    """A person who signed in: who they are, and tokens for what they may reach. Kept in memory only."""

    def __init__(
        self, service: SignInService, application: Any, cache: Any, account: Any, claims: Mapping[str, Any]
    ) -> None:
        self._service = service
        self._application = application
        self._cache = cache
        self._account = account
        self._claims = {name: claims[name] for name in _CLAIMS if name in claims}
        self._lock = threading.Lock()
        self.name = str(claims.get("preferred_username") or claims.get("upn") or "")
        self.tenant_id = str(claims.get("tid", ""))
        self.object_id = str(claims.get("oid", ""))

    def to_json(self) -> str:
        """Return the person and their tokens as a text for `restore`. It is a secret: encrypt it, and drop it soon."""
        return json.dumps({"tokens": self._cache.serialize(), "claims": self._claims})

    def tokens_for(self, environment: Environment) -> "PersonTokens":
        """Return the person's tokens for an environment. Raises ConfigurationError."""
        return PersonTokens(self, checked_origin(environment))

    def tokens_for_origin(self, origin: str) -> "PersonTokens":
        """Return the person's tokens for another service of the environment's cloud, the global discovery."""
        return PersonTokens(self, origin)

    def token(self, origin: str, *, force_refresh: bool = False) -> Token:
        """Return a token for a resource, refreshed when it has expired or `force_refresh` is set.

        Raises SignInError when the sign-in itself has expired.
        """

        def ask() -> Any:
            return self._application.acquire_token_silent_with_error(
                [_scope(origin)], self._account, force_refresh=force_refresh
            ) or {"error": "login_required", "error_description": "The sign-in has expired."}

        with self._lock:
            return Token(self._service.request_token(ask)["access_token"])


class PersonTokens:
    """A person's tokens for one resource. Thread-safe."""

    def __init__(self, person: Person, origin: str) -> None:
        self._person = person
        self._origin = origin
        self._force_refresh = False

    def token(self) -> Token:
        """Return a token that is valid now. Raises SignInError, ConfigurationError or Unavailable."""
        force_refresh, self._force_refresh = self._force_refresh, False
        return self._person.token(self._origin, force_refresh=force_refresh)

    def forget(self) -> None:
        """Request a fresh token next time: the last one was refused."""
        self._force_refresh = True


def _scope(origin: str) -> str:
    return f"{origin}/user_impersonation"


def _check_identity(claims: Mapping[str, Any], credentials: Credentials, nonce: str) -> None:
    """Raise SignInError unless the identity token is for this application, tenant and sign-in, and has not expired."""
    expected = hashlib.sha256(nonce.encode()).hexdigest()  # msal sends the digest, and keeps the nonce
    if not nonce or not hmac.compare_digest(str(claims.get("nonce", "")).encode(), expected.encode()):
        raise SignInError(*_FOREIGN_ANSWER, said="nonce")
    if claims.get("aud") != credentials.client_id:
        raise SignInError(*_FOREIGN_ANSWER, said="audience")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires + _LEEWAY_S < time.time():
        raise SignInError(
            "The sign-in came back with an identity token that has expired.",
            "Check this machine's clock.",
            said="exp",
        )
    tenant = credentials.authority.rstrip("/").rpartition("/")[2].lower()
    said = str(claims.get("tid", "")).lower()
    if not said or (clouds.is_tenant_id(tenant) and said != tenant):
        raise SignInError(
            "The person who signed in belongs to another tenant than that of the Tenant ID.",
            "Sign in with an administrator's account of that tenant.",
            said=f"tenant {said}",
        )
    if clouds.origin(str(claims.get("iss", ""))) == "" or said not in str(claims.get("iss", "")):
        raise SignInError(*_FOREIGN_ANSWER, said="issuer")
