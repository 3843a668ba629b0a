"""The HTTP session of the Web API and of the sign-in, the only place that opens connections.

It talks to the named origins only, follows no redirect, keeps no cookie, obeys the machine's proxies and certificate
bundle, and trusts a sandbox's certificate authority for the sandbox's origin alone.
"""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from dataverse import clouds, pem_files
from dataverse.concurrency import MAX_SLOTS
from dataverse.connection_pool import CheckingAdapter
from dataverse.errors import ConfigurationError
from dataverse.retry import ATTEMPTS

before_send: list[Callable[[str, str], None]] = []
"""Called with method and address before every request, sign-in included: a test asserts here what must not happen."""

_MAX_SESSIONS = 64


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to connect, to wait for the next bytes, and for a request altogether; how often it is sent at most.

    A worker sends nothing once its lease is lost; a heartbeat keeps the lease alive while an answer is waited for.
    """

    connect: float = 5.0
    read: float = 35.0
    total: float = 40.0
    attempts: int = ATTEMPTS


class Session(requests.Session):
    """requests.Session with the rules above; msal uses it too, through get and post."""

    def __init__(self, origins: Sequence[str], *, ca_file: str | None = None, timeouts: Timeouts | None = None) -> None:
        super().__init__()
        if ca_file and not Path(ca_file).is_file():
            raise ConfigurationError(
                f"The sandbox's certificate authority {Path(ca_file).name} cannot be read.",
                "Start the sandbox again, and name the file it prints as ca_file.",
            )
        self._origins = frozenset(origins)
        self._ca_file = _authority(ca_file) if ca_file else None
        self._timeouts = timeouts or Timeouts()
        # Without an auth of its own requests would take one from ~/.netrc and lose our token.
        self.auth = _leave_unchanged
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = CheckingAdapter(pool_connections=4, pool_maxsize=MAX_SLOTS)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Return the machine's proxies and certificate bundle; for a sandbox no proxy and its own authority."""
        loopback = clouds.is_loopback(urlsplit(str(url)).hostname or "")
        if loopback and self._ca_file:  # nothing of the machine's counts, so it is not looked up
            return {"proxies": {}, "stream": stream or self.stream, "verify": self._ca_file, "cert": cert}
        merged: Any = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if loopback:
            merged["proxies"] = {}
        return merged

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send to one of the named origins; a redirect is returned as the answer it is.

        Raises ConfigurationError for another origin, and requests' exceptions.
        """
        url = str(request.url)
        if clouds.origin(url) not in self._origins or not url.startswith("https://"):
            raise ConfigurationError(
                f"A request to {clouds.origin(url) or 'an unknown address'} was not sent, since only the environment "
                "and its sign-in service may be asked.",
                "Check the Environment URL.",
            )
        for hook in before_send:
            hook(str(request.method), url)
        kwargs["allow_redirects"] = False
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (self._timeouts.connect, self._timeouts.read)
        return super().send(request, **kwargs)

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the name is given
        """Return None: no redirect is followed, and none is read, which would take its whole body past every limit."""
        return None


def _authority(ca_file: str) -> str:
    """Return the authority's file in the form that TLS takes. Raises ConfigurationError."""
    try:
        return pem_files.authority_file(ca_file)
    except (OSError, pem_files.Unreadable) as error:
        raise ConfigurationError(
            f"The sandbox's certificate authority {Path(ca_file).name} cannot be read: {error}",
            "Start the sandbox again, and name the file it prints as ca_file.",
        ) from None


class _Key(NamedTuple):
    process: int
    origins: tuple[str, ...]
    ca_file: str | None
    timeouts: Timeouts


_sessions: dict[_Key, Session] = {}
_lock = threading.Lock()


def session_for(origins: Sequence[str], *, ca_file: str | None, timeouts: Timeouts) -> Session:
    """Return the process's session for these origins, so that connections outlive a client."""
    key = _Key(os.getpid(), tuple(origins), ca_file, timeouts)
    with _lock:
        if key not in _sessions:
            if len(_sessions) > _MAX_SESSIONS:
                _sessions.clear()
            _sessions[key] = Session(origins, ca_file=ca_file, timeouts=timeouts)
        return _sessions[key]


def _leave_unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
