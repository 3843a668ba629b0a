"""Tokens, through msal: of an application (client secret or certificate), or of a person by the legacy password.

A person who signs in through the browser is in `signin`, on the same ground.
msal keys its caches without the port and replays a token error for a minute, so there is one application object per
authority (with port) and credential, and it is dropped whenever something was refused or the credential changes.
"""

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msal
import requests
from msal.exceptions import MsalServiceError

from dataverse import clouds
from dataverse.error_answers import unavailable
from dataverse.error_rules import UNKNOWN_TENANT, error_for
from dataverse.errors import ConfigurationError, DataverseError, SignInError, Unavailable, as_sentence
from dataverse.transport import Session, Timeouts, Token, origin_of
from dataverse.types import Certificate, ClientSecret, Credentials, Environment, UserPassword

_KEPT = 64
_AADSTS = re.compile(r"AADSTS(\d+)")


class SignInService:
    """The sign-in of one tenant, asked through msal; what it refuses becomes a DataverseError with a sentence."""

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

    def application(self, cache: Any = None) -> Any:
        """A new msal application, with a token cache of its own or this one. It asks its authority for its metadata."""
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
            made = msal.PublicClientApplication(self.credentials.client_id, **common)
            if self.loopback:
                # msal would ask for a person's kind of account at the host's usual port, where no sandbox is.
                made.authority._domains_without_user_realm_discovery.add(made.authority.instance)
            return made
        return msal.ConfidentialClientApplication(
            self.credentials.client_id, client_credential=_for_msal(credential), **common
        )

    def asked(self, question: Callable[[], Any]) -> dict[str, Any]:
        """msal's answer that holds a token. Raises SignInError with a sentence, ConfigurationError or Unavailable."""
        answer: dict[str, Any] = self.guarded(question) or {}
        if "access_token" not in answer:
            raise refused(f"{answer.get('error', '')}: {answer.get('error_description', '')}")
        return answer

    def guarded(self, question: Callable[[], Any]) -> Any:
        """What msal says. Raises SignInError with a sentence, ConfigurationError or Unavailable."""
        try:
            return question()
        except DataverseError:
            raise
        except requests.RequestException as error:
            raise _unreachable(unavailable(error, to=clouds.origin(self.credentials.authority))) from None
        except MsalServiceError as error:
            raise Unavailable(
                "The sign-in service does not answer properly.",
                "Try again in a few minutes.",
                said=str(error)[:500],
                repeat=True,
            ) from None
        except ValueError as error:
            # msal drops what the sign-in said about a tenant; it is in the error it was raised from.
            raise refused(f"{error} {error.__context__ or ''}") from None


class ApplicationTokens:
    """Tokens for one environment, by credentials that are kept. Thread-safe: one sign-in at a time, others wait."""

    def __init__(self, credentials: Credentials, environment: Environment, timeouts: Timeouts) -> None:
        self._service = SignInService(credentials, environment.ca_file, timeouts)
        self._origin = origin_of(environment)
        self._lock = threading.Lock()
        self._application: Any = None

    def token(self) -> Token:
        """A token that is valid now. Raises SignInError with a sentence, ConfigurationError or Unavailable."""
        with self._lock:
            try:
                answer = self._service.asked(self._ask)
            except DataverseError:
                self._application = None
                raise
            return Token(answer["access_token"])

    def forget(self) -> None:
        """Drop the application object and with it every token it keeps."""
        with self._lock:
            self._application = None

    def _ask(self) -> Any:
        if self._application is None:
            self._application = self._service.application()
        credential = self._service.credentials.credential
        if isinstance(credential, UserPassword):
            scopes = [f"{self._origin}/user_impersonation"]
            for account in self._application.get_accounts(credential.user_name):
                kept = self._application.acquire_token_silent(scopes, account)
                if kept and "access_token" in kept:
                    return kept
            return self._application.acquire_token_by_username_password(
                credential.user_name, credential.password, scopes
            )
        return self._application.acquire_token_for_client(scopes=[f"{self._origin}/.default"])


_sources: "OrderedDict[tuple[Any, ...], ApplicationTokens]" = OrderedDict()
_sources_lock = threading.Lock()


def token_source(credentials: Credentials, environment: Environment, timeouts: Timeouts) -> ApplicationTokens:
    """The process's token source for these credentials; another secret, version, authority or port has its own.

    Raises ConfigurationError when the Client ID is missing or the environment's address cannot be.
    """
    key = (
        os.getpid(),
        credentials.authority,
        credentials.client_id,
        credentials.version,
        _digest(credentials.credential),
        origin_of(environment),
        environment.ca_file,
    )
    with _sources_lock:
        if key not in _sources:
            _sources[key] = ApplicationTokens(credentials, environment, timeouts)
            while len(_sources) > _KEPT:
                _sources.popitem(last=False)
        _sources.move_to_end(key)
        return _sources[key]


def _for_msal(credential: ClientSecret | Certificate) -> Any:
    if isinstance(credential, ClientSecret):
        return credential.secret
    return {"private_key": credential.private_key_pem, "public_certificate": credential.certificate_pem}


def _digest(credential: ClientSecret | Certificate | UserPassword) -> str:
    """Tells credentials apart without keeping them."""
    match credential:
        case ClientSecret(secret):
            text = secret
        case Certificate(key, certificate):
            text = f"{key}\n{certificate}"
        case UserPassword(name, password):
            text = f"{name}\n{password}"
    return hashlib.sha256(f"{type(credential).__name__}\n{text}".encode()).hexdigest()


def refused(text: str) -> DataverseError:
    """Return the error for what the sign-in service said; its AADSTS number is the code."""
    said = text.partition("Trace ID")[0].strip(" :")
    found = _AADSTS.search(text)
    code = f"AADSTS{found.group(1)}" if found else ""
    if code and isinstance(error := error_for(0, code, said), SignInError):
        return error
    if not code and "authority configuration" in text:  # msal found no metadata at the tenant's address
        return SignInError(*UNKNOWN_TENANT, said=said[:2000])
    return SignInError(
        f"The sign-in service refused the application. It says: {as_sentence(said or 'nothing', longest=300)}",
        "Check Tenant ID, Client ID and the secret or certificate.",
        code=code,
        said=said[:2000],
    )


def _unreachable(error: DataverseError) -> DataverseError:
    """A lost sign-in may be repeated freely: asking for a token twice does no harm."""
    error.outcome_unknown = False
    return error
