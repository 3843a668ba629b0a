"""Tokens through msal: of an application (client secret or certificate), or of a person by the legacy password.

A person who signs in through the browser is in `person_sign_in`, on the same ground.
msal keys its caches without the port and repeats a token error for a minute, so there is one application object per
authority (with port) and credential, and it is dropped whenever something was refused or the credential changes.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msal
import requests
from msal.exceptions import MsalServiceError

from dataverse import clouds
from dataverse.error_answers import error_without_answer
from dataverse.error_rules import UNKNOWN_TENANT
from dataverse.errors import ConfigurationError, DataverseError, SignInError, Unavailable
from dataverse.http_session import Session, Timeouts
from dataverse.sign_in_rules import number_of, sign_in_error
from dataverse.transport import Token, checked_origin
from dataverse.types import Certificate, ClientSecret, Credentials, Environment, UserPassword

_MAX_SOURCES = 64


class SignInService:
    """The sign-in service of one tenant, called through msal; what it refuses is raised as a DataverseError."""

    def __init__(self, credentials: Credentials, ca_file: str | None, timeouts: Timeouts) -> None:
        if not credentials.client_id:
            raise ConfigurationError(
                "The Client ID is missing.",
                "Enter the Application (client) ID from the Overview of the application's registration.",
                reason="sign_in",
            )
        self.credentials = credentials
        self.loopback = clouds.is_loopback(urlsplit(credentials.authority).hostname or "")
        self._ca_file = ca_file if self.loopback else None
        self._timeouts = timeouts

    def new_application(self, cache: Any = None) -> Any:
        """Return a new msal application, with this token cache or its own. It asks its authority for its metadata."""
        credential = self.credentials.credential
        origins = [clouds.origin(self.credentials.authority)]
        if not self.loopback:
            origins.append("https://login.microsoftonline.com")  # where msal looks clouds up
        common: dict[str, Any] = {
            "authority": self.credentials.authority,
            "instance_discovery": False if self.loopback else None,
            "http_client": Session(origins, ca_file=self._ca_file, timeouts=self._timeouts),
            "token_cache": cache,
        }
        if isinstance(credential, UserPassword):
            application = msal.PublicClientApplication(self.credentials.client_id, **common)
            if self.loopback:
                # msal would ask for a person's kind of account at the host's usual port, where no sandbox is.
                application.authority._domains_without_user_realm_discovery.add(application.authority.instance)
            return application
        return msal.ConfidentialClientApplication(
            self.credentials.client_id, client_credential=_to_msal_credential(credential), **common
        )

    def request_token(self, ask: Callable[[], Any]) -> dict[str, Any]:
        """Return msal's answer to `ask` that holds a token. Raises SignInError, ConfigurationError or Unavailable."""
        answer: dict[str, Any] = self.call(ask) or {}
        if "access_token" not in answer:
            raise error_for_sign_in(
                str(answer.get("error_description") or ""),
                str(answer.get("error") or ""),
                password=isinstance(self.credentials.credential, UserPassword),
            )
        return answer

    def call(self, ask: Callable[[], Any]) -> Any:
        """Return what `ask`, which calls msal, returns. Raises SignInError, ConfigurationError or Unavailable."""
        try:
            return ask()
        except DataverseError:
            raise
        except requests.RequestException as error:
            lost = error_without_answer(error, to=clouds.origin(self.credentials.authority))
            lost.outcome_unknown = False  # asking for a token twice does no harm
            raise lost from None
        except MsalServiceError as error:
            raise Unavailable(
                "The sign-in service does not answer properly.",
                "Try again in a few minutes.",
                said=str(error)[:500],
                repeat=True,
            ) from None
        except ValueError as error:
            # msal drops what the sign-in service said about a tenant; it is in the error this one was raised from.
            raise error_for_sign_in(f"{error} {error.__context__ or ''}") from None


class ApplicationTokens:
    """Tokens for one environment, by stored credentials. Thread-safe: one sign-in at a time, others wait."""

    def __init__(self, credentials: Credentials, environment: Environment, timeouts: Timeouts) -> None:
        self._service = SignInService(credentials, environment.ca_file, timeouts)
        self._origin = checked_origin(environment)
        self._lock = threading.Lock()
        self._application: Any = None

    def token(self) -> Token:
        """Return a token that is valid now. Raises SignInError, ConfigurationError or Unavailable."""
        with self._lock:
            try:
                answer = self._service.request_token(self._ask)
            except DataverseError:
                self._application = None
                raise
            return Token(answer["access_token"])

    def forget(self) -> None:
        """Drop the application object and with it every token in its cache."""
        with self._lock:
            self._application = None

    def _ask(self) -> Any:
        if self._application is None:
            self._application = self._service.new_application()
        credential = self._service.credentials.credential
        if not isinstance(credential, UserPassword):
            return self._application.acquire_token_for_client(scopes=[f"{self._origin}/.default"])
        scopes = [f"{self._origin}/user_impersonation"]
        for account in self._application.get_accounts(credential.user_name):
            cached = self._application.acquire_token_silent(scopes, account)
            if cached and "access_token" in cached:
                return cached
        return self._application.acquire_token_by_username_password(credential.user_name, credential.password, scopes)


class _Key(NamedTuple):
    """What tells token sources of the process apart."""

    process: int
    authority: str
    client_id: str
    version: int
    credential_digest: str
    origin: str
    ca_file: str | None


_sources: OrderedDict[_Key, ApplicationTokens] = OrderedDict()
_sources_lock = threading.Lock()


def token_source_for(credentials: Credentials, environment: Environment, timeouts: Timeouts) -> ApplicationTokens:
    """Return the process's token source for these credentials; another secret, version, authority or port has its own.

    Raises ConfigurationError when the Client ID is missing or the environment's address cannot be one.
    """
    key = _Key(
        os.getpid(),
        credentials.authority,
        credentials.client_id,
        credentials.version,
        _digest(credentials.credential),
        checked_origin(environment),
        environment.ca_file,
    )
    with _sources_lock:
        if key not in _sources:
            _sources[key] = ApplicationTokens(credentials, environment, timeouts)
            while len(_sources) > _MAX_SOURCES:
                _sources.popitem(last=False)
        _sources.move_to_end(key)
        return _sources[key]


def _to_msal_credential(credential: ClientSecret | Certificate) -> Any:
    if isinstance(credential, ClientSecret):
        return credential.secret
    return {"private_key": credential.private_key_pem, "public_certificate": credential.certificate_pem}


def _digest(credential: ClientSecret | Certificate | UserPassword) -> str:
    """Return a digest that tells credentials apart without storing them."""
    match credential:
        case ClientSecret(secret):
            text = secret
        case Certificate(key, certificate):
            text = f"{key}\n{certificate}"
        case UserPassword(name, password):
            text = f"{name}\n{password}"
    return hashlib.sha256(f"{type(credential).__name__}\n{text}".encode()).hexdigest()


def error_for_sign_in(text: str, error: str = "", *, password: bool = False) -> DataverseError:
    """Return the error for what the sign-in service said; see sign_in_rules. `error`: its kind of error."""
    if not number_of(text) and "authority configuration" in text:  # msal found no metadata at the tenant's address
        return SignInError(*UNKNOWN_TENANT, said=text[:2000])
    return sign_in_error(error, text, password=password)
