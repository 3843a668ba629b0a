"""A person's sign-in through the browser: authorization code with Proof Key for Code Exchange, then refresh tokens.

`begin` gives the address to open and a flow, which is JSON and belongs in the session of the one who began it (it
holds the code verifier). `finish` takes what the browser came back with and gives the person's tokens. They live in
memory and are dropped with the object; `kept` gives them as a text, which is a secret, for whoever goes on in another
process. The identity token is validated here; msal no longer does.
"""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msal

from dataverse import clouds
from dataverse.errors import SignInError, as_sentence
from dataverse.tokens import SignInService
from dataverse.transport import Timeouts, Token, origin_of
from dataverse.types import Credentials, Environment

_LEEWAY_S = 300
_CLAIMS = ("preferred_username", "upn", "tid", "oid")
_NOT_THIS = (
    "The sign-in came back with an answer that does not belong to it, so nothing was taken from it.",
    "Start the sign-in again.",
)


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that waits for its person: the address to open, and the flow to keep in their session."""

    address: str
    flow: dict[str, Any]


def begin(
    credentials: Credentials, environment: Environment, *, redirect_url: str, login_hint: str = "", resource: str = ""
) -> Started:
    """Begin a sign-in that asks for access to the environment, or to another `resource` (an origin) of its cloud.

    Raises SignInError, ConfigurationError, Unavailable.
    """
    service = SignInService(credentials, environment.ca_file, Timeouts())

    def ask() -> dict[str, Any]:
        flow: dict[str, Any] = service.application().initiate_auth_code_flow(
            [_scope(resource or origin_of(environment))],
            redirect_uri=redirect_url,
            # A form posted from another site would arrive without this site's session.
            response_mode="query",
            **({"login_hint": login_hint} if login_hint else {}),
        )
        return flow

    flow = service.guarded(ask)
    return Started(str(flow["auth_uri"]), flow)


def finish(
    credentials: Credentials, environment: Environment, flow: Mapping[str, Any], returned: Mapping[str, str]
) -> "Person":
    """The person who signed in, from the flow that was begun and the query the browser came back with.

    Raises SignInError with a sentence: declined, not this sign-in, another application or tenant.
    """
    if returned.get("error"):
        raise _declined(returned)
    service = SignInService(credentials, environment.ca_file, Timeouts())
    if not hmac.compare_digest(str(flow.get("state", "")).encode(), str(returned.get("state", "")).encode()):
        raise SignInError(*_NOT_THIS)
    application: Any = None
    cache = msal.SerializableTokenCache()

    def ask() -> Any:
        nonlocal application
        application = service.application(cache)
        try:
            return application.acquire_token_by_auth_code_flow(dict(flow), dict(returned))
        except RuntimeError:  # what msal says of a foreign nonce
            raise SignInError(*_NOT_THIS, said="nonce") from None

    answer = service.asked(ask)
    claims = answer.get("id_token_claims") or {}
    _check(claims, credentials, str(flow.get("nonce", "")))
    accounts = application.get_accounts()
    if not accounts:
        raise SignInError("The sign-in did not say who signed in.", "Start the sign-in again.")
    return Person(service, application, cache, accounts[0], claims)


def restored(credentials: Credentials, environment: Environment, kept: str) -> "Person":
    """The person whose tokens `kept` gave. Raises SignInError, ConfigurationError, Unavailable."""
    service, cache = SignInService(credentials, environment.ca_file, Timeouts()), msal.SerializableTokenCache()
    said = json.loads(kept)
    cache.deserialize(said["tokens"])
    application = service.guarded(lambda: service.application(cache))
    accounts = application.get_accounts()
    if not accounts:
        raise SignInError("The administrator's sign-in has expired.", "Sign in again.")
    return Person(service, application, cache, accounts[0], said["claims"])


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

    def kept(self) -> str:
        """The person's tokens as a text, for `restored`. It is a secret: seal it, and drop it soon."""
        return json.dumps({"tokens": self._cache.serialize(), "claims": self._claims})

    def tokens(self, environment: Environment) -> "PersonTokens":
        """The person's tokens for an environment."""
        return PersonTokens(self, origin_of(environment))

    def tokens_at(self, origin: str) -> "PersonTokens":
        """The person's tokens for another service of the environment's cloud, the global discovery."""
        return PersonTokens(self, origin)

    def token(self, origin: str, *, anew: bool = False) -> Token:
        """A token for a resource, refreshed when it has run out. Raises SignInError when the sign-in is over."""

        def ask() -> Any:
            return self._application.acquire_token_silent_with_error(
                [_scope(origin)], self._account, force_refresh=anew
            ) or {"error": "login_required", "error_description": "The sign-in has expired."}

        with self._lock:
            return Token(self._service.asked(ask)["access_token"])


class PersonTokens:
    """A person's tokens for one resource. Thread-safe."""

    def __init__(self, person: Person, origin: str) -> None:
        self._person = person
        self._origin = origin
        self._anew = False

    def token(self) -> Token:
        """A token that is valid now. Raises SignInError, ConfigurationError or Unavailable."""
        anew, self._anew = self._anew, False
        return self._person.token(self._origin, anew=anew)

    def forget(self) -> None:
        """Ask for a fresh token next time: the one given was refused."""
        self._anew = True


def _scope(origin: str) -> str:
    return f"{origin}/user_impersonation"


def _declined(returned: Mapping[str, str]) -> SignInError:
    said = returned.get("error_description", "")
    if returned["error"] == "access_denied":
        return SignInError(
            "The sign-in was cancelled, or the permissions were not granted.",
            "Start the sign-in again and accept the permissions.",
            code="AADSTS65004",
            said=said[:2000],
        )
    return SignInError(
        f"The sign-in did not work. The sign-in service says: {as_sentence(said or returned['error'], longest=300)}",
        "Start the sign-in again.",
        said=said[:2000],
    )


def _check(claims: Mapping[str, Any], credentials: Credentials, nonce: str) -> None:
    """Raise SignInError unless the identity token was made for this application, tenant and sign-in, and is in time."""
    expected = hashlib.sha256(nonce.encode()).hexdigest()  # msal sends the digest, and keeps the nonce
    if not nonce or not hmac.compare_digest(str(claims.get("nonce", "")).encode(), expected.encode()):
        raise SignInError(*_NOT_THIS, said="nonce")
    if claims.get("aud") != credentials.client_id:
        raise SignInError(*_NOT_THIS, said="audience")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires + _LEEWAY_S < time.time():
        raise SignInError(
            "The sign-in came back with an identity that has expired.",
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
        raise SignInError(*_NOT_THIS, said="issuer")
