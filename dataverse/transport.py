"""The only place that does HTTP.

One Session class serves the Web API and the sign-in: it talks to the named origins only, follows no redirect, keeps no
cookie, obeys the machine's proxies and certificate bundle, and trusts a sandbox's authority for the sandbox's origin
alone. Transport sends requests with a token, repeats what is safe to repeat, and turns refusals into errors.
"""

import http.client
import logging
import os
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import requests
import urllib3

from dataverse import batch, clouds, retry
from dataverse.concurrency import lanes_of
from dataverse.connection_pool import AskingAdapter, SendNotAllowed, check_before_send
from dataverse.error_answers import clock_skew_s, refusal, throttled, unavailable
from dataverse.errors import (
    ConfigurationError,
    DataverseError,
    InvalidAnswer,
    SignInError,
    Throttled,
)
from dataverse.throttle import patience_of
from dataverse.types import Environment, Ping, Usage

logger = logging.getLogger("dataverse")

before_send: list[Callable[[str, str], None]] = []
"""Called with method and address before every request, sign-in included: a test asserts here what must not happen."""

_TENANT = re.compile(r"authorization_uri=\"?https://[^/\s\"]+/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/")

_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")
_ELSEWHERE = (
    "Dataverse answered with a link that leads to another address, so it was not followed.",
    "Check the Environment URL, and whether something stands between this machine and Dataverse.",
)

POOL_SIZE = 32
CHUNK_BYTES = 1 << 20
LARGEST_ANSWER = 512 * CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to connect, to wait for the next bytes, and for a request altogether; below the lease of a job."""

    connect: float = 5.0
    read: float = 35.0
    total: float = 40.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; never shown."""

    value: str = field(repr=False)


class TokenSource(Protocol):
    """Gives tokens for one environment (dataverse.auth)."""

    def token(self) -> Token:
        """A token that is valid now. Raises SignInError, Unavailable."""

    def forget(self) -> None:
        """Drop every token: the environment refused one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str


class Session(requests.Session):
    """requests with this house's rules; msal uses it too, through get and post."""

    def __init__(self, origins: Sequence[str], *, ca_file: str | None = None, timeouts: Timeouts | None = None) -> None:
        super().__init__()
        if ca_file and not Path(ca_file).is_file():
            raise ConfigurationError(
                f"The sandbox's certificate authority {Path(ca_file).name} cannot be read.",
                "Start the sandbox again, and name the file it prints as ca_file.",
            )
        self._origins = frozenset(origins)
        self._ca_file = ca_file
        self._timeouts = timeouts or Timeouts()
        # Without an auth of its own requests would take one from ~/.netrc and lose our token.
        self.auth = _as_it_is
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = AskingAdapter(pool_connections=4, pool_maxsize=POOL_SIZE)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """The machine's proxies and certificate bundle; for a sandbox on loopback no proxy, its own authority."""
        merged: Any = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if clouds.is_loopback(urlsplit(str(url)).hostname or ""):
            merged["proxies"] = {}
            if self._ca_file:
                merged["verify"] = self._ca_file
        return merged

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send to one of the named origins; a redirect comes back as the answer it is."""
        url = str(request.url)
        if clouds.origin(url) not in self._origins or not url.startswith("https://"):
            raise ConfigurationError(
                f"A request to {clouds.origin(url) or 'an unknown address'} was not sent, since only "
                "the environment and its sign-in may be asked.",
                "Check the Environment URL.",
            )
        for hook in before_send:
            hook(str(request.method), url)
        kwargs["allow_redirects"] = False
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (self._timeouts.connect, self._timeouts.read)
        return super().send(request, **kwargs)

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the name is given
        """None: no redirect is followed, and none is read, which would take its whole body past every limit."""
        return None


_sessions: dict[tuple[Any, ...], Session] = {}
_sessions_lock = threading.Lock()


def session_for(origins: Sequence[str], *, ca_file: str | None, timeouts: Timeouts) -> Session:
    """The process's session for these origins, so that connections outlive a client."""
    key = (os.getpid(), tuple(origins), ca_file, timeouts)
    with _sessions_lock:
        if key not in _sessions:
            if len(_sessions) > 64:
                _sessions.clear()
            _sessions[key] = Session(origins, ca_file=ca_file, timeouts=timeouts)
        return _sessions[key]


def origin_of(environment: Environment) -> str:
    """The environment's origin, checked again here whoever made the record. Raises ConfigurationError."""
    address = clouds.check_address(
        environment.url, cloud=environment.cloud, loopback_allowed=environment.loopback_allowed
    )
    return clouds.origin(address.url)


class Transport:
    """Sends requests to one environment, or to another `service` (origin, root) of its cloud. Thread-safe.

    Requests wait for a lane of their user's (`lanes`), and while the service has that user wait.
    """

    def __init__(
        self,
        environment: Environment,
        tokens: TokenSource,
        *,
        usage: Usage,
        timeouts: Timeouts,
        sleep: Callable[[float], None] = time.sleep,
        service: tuple[str, str] | None = None,
    ) -> None:
        self.origin, self.root = service or (origin_of(environment), f"/api/data/v{environment.api_version}/")
        self.lanes = lanes_of(tokens)
        self._links = "/api/data/" if service is None else self.root
        self._tokens = tokens
        self._usage = usage
        self._timeouts = timeouts
        self._sleep = sleep
        self._lock = threading.Lock()
        self._patience = patience_of(tokens)
        self._session = session_for([self.origin], ca_file=environment.ca_file, timeouts=timeouts)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """Send a request below the API's root (or to an absolute address on the origin) and return its answer.

        repeatable: whether carrying it out twice does no harm; GET, PUT, PATCH and DELETE do none unless told.
        Raises DataverseError: what the service refused, or Throttled with the seconds to wait when a wait is long.
        """
        url = self.url(path)
        if repeatable is None:
            repeatable = method in {"GET", "PUT", "PATCH", "DELETE"}
        attempt, slept, renewed = 1, self._wait_with_others(), False
        while True:
            try:
                answer = self._once(method, url, body, headers or {})
            except SignInError as error:
                # A 401 was not carried out; the token may have been withdrawn early, so one fresh one is tried.
                if error.status != 401 or renewed:
                    raise
                self._tokens.forget()
                renewed = True
            except DataverseError as error:
                if isinstance(error, Throttled):
                    with self._lock:
                        self._usage.throttled += 1
                step = retry.decide(error, attempt=attempt, slept=slept, repeatable=repeatable, jitter=random.random())  # noqa: S311 - spreads waits  # nosec B311
                if isinstance(step, retry.GiveUp):
                    raise
                until = self._patience.told(error, step.seconds) if isinstance(error, Throttled) else 0.0
                if isinstance(step, retry.Postpone):
                    raise throttled(error, step.seconds) from error
                logger.info("%s %s waits %.1f s after: %s", method, _shown(url), step.seconds, error.detail)
                slept += step.seconds
                self._sleep(step.seconds)
                self._patience.over(until)
                slept += self._wait_with_others()  # another may have been told of a longer wait meanwhile
            else:
                if answer is not None:
                    return answer
                slept += self._wait_with_others()
                continue
            attempt += 1

    def _wait_with_others(self) -> float:
        """Wait while the service has this user wait; the seconds slept. Raises Throttled for a long wait."""
        slept = 0.0
        while True:
            seconds, error = self._patience.left()
            if seconds <= 0 or error is None:
                return slept
            if seconds > retry.LONGEST_WAIT_S:
                raise throttled(error, seconds)
            self._sleep(seconds)
            slept += seconds

    def ping(self) -> Ping:
        """Ask without a token, once, whether a Web API answers here; it says 401 when it does.

        From that answer only the tenant's id is taken. Raises ConfigurationError or Unavailable.
        """
        request_id = str(uuid.uuid4())
        started = time.monotonic()
        with self._lock:
            self._usage.requests += 1
        try:
            response = self._session.request(
                "GET", self.url("WhoAmI"), headers={"x-ms-client-request-id": request_id}, stream=True
            )
            with response:
                content = _read(response, started + self._timeouts.total)
        except requests.RequestException as error:
            raise unavailable(error, request_id=request_id, to=self.origin) from None
        took = (time.monotonic() - started) * 1000
        if response.status_code >= 300 and response.status_code not in {401, 403}:
            raise refusal(response.status_code, response.headers, content, request_id)
        tenant = _TENANT.search(response.headers.get("WWW-Authenticate", ""))
        return Ping(took, clock_skew_s(response.headers.get("Date")), tenant.group(1).lower() if tenant else "")

    def url(self, path: str) -> str:
        """The absolute address of a path below the API's root, or a link an answer held, checked.

        Raises InvalidAnswer for a link to another origin, and for one that two readers could read differently
        (backslashes, control characters, a user name, steps upwards).
        """
        if "://" not in path and not _AMBIGUOUS.search(path):
            return f"{self.origin}{self.root}{path.lstrip('/')}"
        if _AMBIGUOUS.search(path) or clouds.origin(path) != self.origin:
            raise InvalidAnswer(*_ELSEWHERE)
        parts = urlsplit(path)
        upwards = {".", ".."} & set(unquote(parts.path).split("/"))
        if "@" in parts.netloc or not parts.path.startswith(self._links) or upwards:
            raise InvalidAnswer(*_ELSEWHERE)
        return path

    def _once(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer | None:
        """Send once. None when the user was asked to wait while this stood in line: then nothing was sent."""
        token = self._tokens.token()
        with self.lanes.lane() as lane, check_before_send(lambda: self._patience.left()[0] <= 0):
            if self._patience.left()[0] > 0:
                return None
            try:
                return self._exchange(token, method, url, body, headers)
            except SendNotAllowed:
                with self._lock:
                    self._usage.requests -= 1
                return None
            except Throttled:
                lane.throttled()
                raise

    def _exchange(self, token: Token, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        started = time.monotonic()
        request_id = str(uuid.uuid4())
        sent = {
            "Accept": "application/json",
            "OData-MaxVersion": "4.0",
            "OData-Version": "4.0",
            "If-None-Match": "null",
            "x-ms-client-request-id": request_id,
            **headers,
        }
        if body is not None:
            sent.setdefault("Content-Type", "application/json; charset=utf-8")
        with self._lock:
            self._usage.requests += 1
        limits = self._timeouts
        total = min(limits.total, self._usage.seconds_left())
        try:
            response = self._session.request(
                method, url, data=body, headers=sent, auth=_Bearer(token), stream=True,
                timeout=(min(limits.connect, total), min(limits.read, total)),
            )  # fmt: skip
            with response:
                # Told before the lane and the connection are free, or who stands in line is sent into the wait.
                if response.status_code == 429:
                    self._limited(response.headers, request_id)
                content = _read(response, started + total)
                kind = response.headers.get("Content-Type", "")
                for part in batch.limited(content, kind) if kind.startswith("multipart/mixed") else ():
                    self._limited({"Retry-After": part.headers.get("retry-after", "")}, request_id)
        except requests.RequestException as error:
            raise unavailable(error, request_id=request_id, to=self.origin) from None
        request_id = response.headers.get("x-ms-service-request-id") or response.headers.get("REQ_ID") or request_id
        logger.debug(
            "%s %s %d, %d bytes, %.0f ms, request %s",
            method, _shown(url), response.status_code, len(content), (time.monotonic() - started) * 1000, request_id,
        )  # fmt: skip
        self._take_hint(response.headers.get("x-ms-dop-hint"))
        if response.status_code < 500:
            with self._lock:
                self._usage.answered += 1
        # An outer refusal of a $batch may still carry its parts; the caller reads them.
        if response.status_code < 300 or response.headers.get("Content-Type", "").startswith("multipart/mixed"):
            return Answer(response.status_code, response.headers, content, request_id)
        raise refusal(response.status_code, response.headers, content, request_id)

    def _limited(self, headers: Mapping[str, str], request_id: str) -> None:
        """The service refused a request for a limit and may name a wait: the user's other requests wait too."""
        refused = refusal(429, headers, b"", request_id)
        self._patience.told(throttled(refused, 0.0), refused.retry_after or 0.0)

    def _take_hint(self, text: str | None) -> None:
        if text and text.isdecimal() and len(text) < 6:
            self.lanes.hinted(int(text))


def _read(response: requests.Response, deadline: float) -> bytes:
    """The whole body, within the deadline: the wait for the next bytes shrinks with the time that is left.

    Raises requests' exceptions for a body that is cut off or late.
    """
    chunks: list[bytes] = []
    size = 0
    connection = getattr(response.raw, "connection", None)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise requests.exceptions.ReadTimeout("the answer took too long")
        socket = getattr(connection, "sock", None)
        if socket is not None:
            socket.settimeout(left)
        try:
            # read1 waits for the network once at most, where read would wait until all is there.
            chunk = response.raw.read1(CHUNK_BYTES, decode_content=True)
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            raise requests.exceptions.ReadTimeout(error) from None
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise requests.exceptions.ConnectionError(error) from None
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise InvalidAnswer("An answer of Dataverse is larger than can be.", "Check the Environment URL.")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Bearer(requests.auth.AuthBase):
    """Adds the token at the last moment, so that it stands in no dictionary a log or traceback could show."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.value}"
        return request


def _shown(url: str) -> str:
    """An address for the log: its path without the query."""
    return url.partition("?")[0].partition("/api/data/")[2] or url.partition("?")[0]
