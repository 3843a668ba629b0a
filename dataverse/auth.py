"""Tokens, through msal: client secret or certificate.

msal keys its caches without the port and replays a token error for a minute, so there is one application object per
authority (with port) and credential, and it is dropped whenever something was refused or the credential changes.
"""

import hashlib
import os
import re
import threading
from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit

import msal
import requests
from msal.exceptions import MsalServiceError

from dataverse import clouds
from dataverse.answers import unavailable
from dataverse.errors import ConfigurationError, DataverseError, SignInError, Unavailable, error_for
from dataverse.transport import Session, Timeouts, Token, origin_of
from dataverse.types import Certificate, ClientSecret, Credentials, Environment

_KEPT = 64
_AADSTS = re.compile(r"AADSTS(\d+)")


class ApplicationTokens:
    """Tokens of an application for one environment. Thread-safe: one sign-in at a time, the others wait for it."""

    def __init__(self, credentials: Credentials, environment: Environment, timeouts: Timeouts) -> None:
        self._credentials = credentials
        self._scope = f"{origin_of(environment)}/.default"
        self._loopback = clouds.is_loopback(urlsplit(credentials.authority).hostname or "")
        self._ca_file = environment.ca_file if self._loopback else None
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._application: Any = None

    def token(self) -> Token:
        """A token that is valid now. Raises SignInError with a sentence, ConfigurationError or Unavailable."""
        with self._lock:
            try:
                if self._application is None:
                    self._application = self._sign_in_with()
                answer = self._application.acquire_token_for_client(scopes=[self._scope])
            except DataverseError:
                self._application = None
                raise
            except requests.RequestException as error:
                self._application = None
                raise _unreachable(unavailable(error, to=clouds.origin(self._credentials.authority))) from None
            except MsalServiceError as error:
                self._application = None
                raise Unavailable(
                    "The sign-in service does not answer properly. Try again in a few minutes.",
                    message=str(error)[:500],
                    repeat=True,
                ) from None
            except ValueError as error:
                self._application = None
                # msal drops what the sign-in said about a tenant; it is in the error it was raised from.
                raise _refused(f"{error} {error.__context__ or ''}") from None
            if "access_token" not in answer:
                self._application = None
                raise _refused(f"{answer.get('error', '')}: {answer.get('error_description', '')}")
            return Token(answer["access_token"])

    def forget(self) -> None:
        """Drop the application object and with it every token it keeps."""
        with self._lock:
            self._application = None

    def _sign_in_with(self) -> Any:
        """The msal application. It asks its authority for its metadata at once."""
        origins = [clouds.origin(self._credentials.authority)]
        if not self._loopback:
            origins.append("https://login.microsoftonline.com")  # where msal looks clouds up
        return msal.ConfidentialClientApplication(
            self._credentials.client_id,
            client_credential=_for_msal(self._credentials.credential),
            authority=self._credentials.authority,
            instance_discovery=False if self._loopback else None,
            http_client=Session(origins, ca_file=self._ca_file, timeouts=self._timeouts),
        )


_sources: "OrderedDict[tuple[Any, ...], ApplicationTokens]" = OrderedDict()
_sources_lock = threading.Lock()


def token_source(credentials: Credentials, environment: Environment, timeouts: Timeouts) -> ApplicationTokens:
    """The process's token source for these credentials; another secret, version, authority or port has its own.

    Raises ConfigurationError when the Client ID is missing or the environment's address cannot be.
    """
    if not credentials.client_id:
        raise ConfigurationError(
            "The Client ID is missing. Enter the Application (client) ID from the Overview of the application's "
            "registration.",
            reason="sign_in",
        )
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


def _digest(credential: ClientSecret | Certificate) -> str:
    """Tells credentials apart without keeping them."""
    text = credential.secret if isinstance(credential, ClientSecret) else credential.private_key_pem
    return hashlib.sha256(text.encode()).hexdigest()


def _refused(text: str) -> DataverseError:
    """The error for what the sign-in said; its AADSTS number is the code."""
    found = _AADSTS.search(text)
    said = text.partition("Trace ID")[0].strip(" :")
    if found:
        code = f"AADSTS{found.group(1)}"
        error = error_for(0, code, said)
        if isinstance(error, SignInError):
            return error
        return SignInError(
            f"The sign-in refused the application. It says: {said[:300]}", code=code, message=said[:2000]
        )
    if "authority configuration" in text:
        return SignInError(
            "The sign-in does not know the tenant. Copy the Directory (tenant) ID from the Overview of the "
            "application's registration, and check the field Cloud.",
            message=said[:2000],
        )
    return SignInError(
        "The sign-in refused the application. Check Tenant ID, Client ID and Client Secret. "
        f"It says: {said[:300] or 'nothing'}",
        message=said[:2000],
    )


def _unreachable(error: DataverseError) -> DataverseError:
    """A lost sign-in may be repeated freely: asking for a token twice does no harm."""
    error.maybe_done = False
    return error
