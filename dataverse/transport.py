"""Requests to the Web API: sent with a token, repeated where that is safe, and refusals raised as errors."""

import logging
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import requests

from dataverse import batch, clouds, retry
from dataverse.answer_body import read_body
from dataverse.concurrency import slots_for
from dataverse.connection_pool import SendNotAllowed, check_before_send
from dataverse.error_answers import (
    clock_skew_s,
    error_for_answer,
    error_for_success,
    error_without_answer,
    may_be_done,
    to_throttled,
)
from dataverse.errors import DataverseError, InvalidAnswer, SignInError, Throttled, Unavailable
from dataverse.http_session import Timeouts, session_for
from dataverse.part_sizes import PartSize, sizes_for
from dataverse.throttle import StoredWaits, throttle_for
from dataverse.types import Environment, Ping, Usage

logger = logging.getLogger("dataverse")

_TENANT = re.compile(r"authorization_uri=\"?https://[^/\s\"]+/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/")

_ABSOLUTE = re.compile(r"[^?]*://")  # the query of a path may have "://", too: a filter on a web site does
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")
_FOREIGN_LINK = (
    "Dataverse answered with a link that leads to another address, so it was not followed.",
    "Check the Environment URL, and whether something stands between this machine and Dataverse.",
)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; never shown."""

    value: str = field(repr=False)


class TokenSource(Protocol):
    """Gives tokens for one environment: `tokens.ApplicationTokens` or `person_sign_in.PersonTokens`."""

    def token(self) -> Token:
        """Return a token that is valid now. Raises SignInError, Unavailable."""

    def forget(self) -> None:
        """Drop every token: the environment refused one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str


class Service(NamedTuple):
    """Where a service of a cloud is: its origin, and the path its resources are below."""

    origin: str
    root: str


def checked_origin(environment: Environment) -> str:
    """Return the environment's origin, checked again here whoever made the record. Raises ConfigurationError."""
    address = clouds.check_address(
        environment.url, cloud=environment.cloud, loopback_allowed=environment.loopback_allowed
    )
    return clouds.origin(address.url)


@dataclass(frozen=True, slots=True)
class Writes:
    """How many rows a request writes, and the size that is learned from the time it takes."""

    rows: int
    size: PartSize

    @classmethod
    def of(cls, rows: Sized, size: PartSize | None) -> "Writes | None":
        """Return what is learned from writing these rows, where something is."""
        return None if size is None else cls(len(rows), size)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request as it goes over the wire, but for its token."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    writes: Writes | None = None


class Transport:
    """Sends requests to one environment, or to another `service` of its cloud. Thread-safe.

    Requests wait for a slot of their user's (`slots`), and while the service has that user wait (`throttle`); with
    `stored_waits` also while another process was told to.
    """

    def __init__(
        self,
        environment: Environment,
        tokens: TokenSource,
        *,
        usage: Usage,
        timeouts: Timeouts,
        sleep: Callable[[float], None] = time.sleep,
        service: Service | None = None,
        stored_waits: StoredWaits | None = None,
    ) -> None:
        place = service or Service(checked_origin(environment), f"/api/data/v{environment.api_version}/")
        self.origin, self.root = place
        self.slots = slots_for(tokens)
        self.throttle = throttle_for(tokens, stored_waits)
        self.part_sizes = sizes_for(tokens)
        self.sleep = sleep
        self._link_root = "/api/data/" if service is None else self.root
        self._tokens = tokens
        self._usage = usage
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._session = session_for([self.origin], ca_file=environment.ca_file, timeouts=timeouts)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        writes: Writes | None = None,
    ) -> Answer:
        """Send a request below the API's root (or to an absolute address on the origin) and return its answer.

        repeatable: the request has the same effect when carried out twice; without it GET, PUT, PATCH and DELETE are
        taken to. writes: what is to learn from the time that each attempt takes. Raises DataverseError: what the
        service refused, or Throttled with the seconds to wait when a wait is long.
        """
        request = _Prepared(method, self.url(path), body, headers or {}, writes)
        if repeatable is None:
            repeatable = method in {"GET", "PUT", "PATCH", "DELETE"}
        attempt, slept, token_renewed = 1, self._wait_for_throttle(), False
        while True:
            try:
                answer = self._send_once(request)
            except SignInError as error:
                # A 401 was not carried out; the token may have been withdrawn early, so one fresh one is tried.
                if error.status != 401 or token_renewed:
                    raise
                self._tokens.forget()
                token_renewed = True
            except DataverseError as error:
                slept += self._wait_after(error, request, attempt=attempt, slept=slept, repeatable=repeatable)
                slept += self._wait_for_throttle()  # another request may have been told to wait longer meanwhile
            else:
                if answer is not None:
                    return answer
                slept += self._wait_for_throttle()
                continue
            attempt += 1

    def _wait_after(
        self, error: DataverseError, request: _Prepared, *, attempt: int, slept: float, repeatable: bool
    ) -> float:
        """Sleep before the next attempt and return the seconds; raise where there is to be none, or not now."""
        if isinstance(error, Throttled):
            self.count_throttled()
        step = retry.decide(
            error, attempt=attempt, slept=slept, repeatable=repeatable, most=self._timeouts.attempts,
            jitter=random.random(),  # noqa: S311 - spreads waits  # nosec B311
        )  # fmt: skip
        if isinstance(step, retry.GiveUp):
            raise error
        until = self.throttle.begin_wait(error, step.seconds) if isinstance(error, Throttled) else 0.0
        if isinstance(step, retry.Postpone) or not self._usage.may_wait():
            raise to_throttled(error, step.seconds) from error
        logger.info(
            "%s %s waits %.1f s after: %s", request.method, _path_for_log(request.url), step.seconds, error.detail
        )
        self.sleep(step.seconds)
        self.throttle.end_wait(until)
        return step.seconds

    def _wait_for_throttle(self) -> float:
        """Wait while the service has this user wait; return the seconds slept. Raises Throttled for a long wait."""
        slept = 0.0
        while True:
            seconds, error = self.throttle.remaining()
            if seconds <= 0 or error is None:
                return slept
            if seconds > retry.LONGEST_WAIT_S or not self._usage.may_wait():
                raise to_throttled(error, seconds)
            self.sleep(seconds)
            slept += seconds

    def pause_after(self, error: DataverseError) -> None:
        """Sleep before what may have been carried out is read back or sent again. Raises Throttled for a long wait.

        A connection that broke asks for no pause; a service that says it failed is given a moment.
        """
        if not error.status:
            return
        step = retry.decide(error, attempt=1, slept=0.0, repeatable=True)
        if isinstance(step, retry.Postpone):
            raise to_throttled(error, step.seconds) from error
        if isinstance(step, retry.Wait):
            self.sleep(step.seconds)

    def count_throttled(self) -> None:
        """Count a request, or parts of one, that the service refused for a limit."""
        with self._lock:
            self._usage.throttled += 1

    def ping(self) -> Ping:
        """Ask without a token, once, whether a Web API answers here; it answers 401 when it does.

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
                content = read_body(response, started + self._timeouts.total)
        except requests.RequestException as error:
            raise error_without_answer(error, request_id=request_id, to=self.origin) from None
        milliseconds = (time.monotonic() - started) * 1000
        if response.status_code >= 300 and response.status_code not in {401, 403}:
            raise error_for_answer(response.status_code, response.headers, content, request_id)
        tenant = _TENANT.search(response.headers.get("WWW-Authenticate", ""))
        skew_s = clock_skew_s(response.headers.get("Date"))
        return Ping(milliseconds, skew_s, tenant.group(1).lower() if tenant else "")

    def url(self, path: str) -> str:
        """Return the absolute address of a path below the API's root, or of a link from an answer, checked.

        Raises InvalidAnswer for a link to another origin, and for one that two readers could read differently
        (backslashes, control characters, a user name, steps upwards).
        """
        if not _ABSOLUTE.match(path) and not _AMBIGUOUS.search(path):
            return f"{self.origin}{self.root}{path.lstrip('/')}"
        if _AMBIGUOUS.search(path) or clouds.origin(path) != self.origin:
            raise InvalidAnswer(*_FOREIGN_LINK)
        parts = urlsplit(path)
        upwards = {".", ".."} & set(unquote(parts.path).split("/"))
        if "@" in parts.netloc or not parts.path.startswith(self._link_root) or upwards:
            raise InvalidAnswer(*_FOREIGN_LINK)
        return path

    def _send_once(self, request: _Prepared) -> Answer | None:
        """Send once. Return None when the user was asked to wait before this was sent: then nothing was sent."""
        token = self._tokens.token()
        if processes := self.throttle.count_processes():
            self.slots.divide(processes)
        with self.slots.take() as slot, check_before_send(lambda: not self.throttle.must_wait()):
            if self.throttle.remaining()[0] > 0:
                return None
            try:
                return self._exchange(request, token)
            except SendNotAllowed:
                with self._lock:
                    self._usage.requests -= 1
                return None
            except Throttled:
                slot.mark_throttled()
                raise

    def _exchange(self, request: _Prepared, token: Token) -> Answer:
        """Send and read the answer. Raises SendNotAllowed, and DataverseError for a refusal or no answer."""
        started = time.monotonic()
        request_id = str(uuid.uuid4())
        with self._lock:
            self._usage.requests += 1
        try:
            response, content = self._receive(request, token, request_id, started)
        except requests.RequestException as error:
            lost = error_without_answer(error, request_id=request_id, to=self.origin)
            _learn(request, lost, time.monotonic() - started)
            raise lost from None
        request_id = response.headers.get("x-ms-service-request-id") or response.headers.get("REQ_ID") or request_id
        logger.debug(
            "%s %s %d, %d bytes, %.0f ms, request %s",
            request.method, _path_for_log(request.url), response.status_code, len(content),
            (time.monotonic() - started) * 1000, request_id,
        )  # fmt: skip
        self._take_recommendation(response.headers.get("x-ms-dop-hint"))
        if response.status_code < 500:
            with self._lock:
                self._usage.answered += 1
                self._usage.last_ms = max(1, round((time.monotonic() - started) * 1000))
        # An outer refusal of a $batch may still carry its parts; the caller reads them.
        if response.status_code < 300 or response.headers.get("Content-Type", "").startswith("multipart/mixed"):
            if foreign := error_for_success(
                request.method, response.status_code, response.headers, content, request_id
            ):
                _learn(request, foreign, time.monotonic() - started)
                raise foreign
            _learn(request, None, time.monotonic() - started)
            return Answer(response.status_code, response.headers, content, request_id)
        refusal = error_for_answer(response.status_code, response.headers, content, request_id)
        if request.method != "GET" and may_be_done(refusal):
            refusal.outcome_unknown = True
        _learn(request, refusal, time.monotonic() - started)
        raise refusal

    def _receive(
        self, request: _Prepared, token: Token, request_id: str, started: float
    ) -> tuple[requests.Response, bytes]:
        """Send and read the whole body. Raises requests' exceptions."""
        headers = {
            "Accept": "application/json",
            "OData-MaxVersion": "4.0",
            "OData-Version": "4.0",
            "If-None-Match": "null",
            "x-ms-client-request-id": request_id,
            **request.headers,
        }
        if request.body is not None:
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        limits = self._timeouts
        total_s = min(limits.total, self._usage.seconds_left())
        response = self._session.request(
            request.method, request.url, data=request.body, headers=headers, auth=_Bearer(token), stream=True,
            timeout=(min(limits.connect, total_s), min(limits.read, total_s)),
        )  # fmt: skip
        with response:
            # Recorded before slot and connection are free, or the next in line would be sent into the wait.
            if response.status_code == 429:
                self._record_limit(response.headers, request_id)
            content = read_body(response, started + total_s)
            kind = response.headers.get("Content-Type", "")
            for part in batch.throttled_parts(content, kind) if kind.startswith("multipart/mixed") else ():
                self._record_limit({"Retry-After": part.headers.get("retry-after", "")}, request_id)
        return response, content

    def _record_limit(self, headers: Mapping[str, str], request_id: str) -> None:
        """Have the user's other requests wait as well: the service refused one for a limit and may name a wait."""
        error = error_for_answer(429, headers, b"", request_id)
        self.throttle.begin_wait(to_throttled(error, 0.0), error.retry_after or 0.0)

    def _take_recommendation(self, text: str | None) -> None:
        if text and text.isdecimal() and len(text) < 6:
            self.slots.recommend(int(text))


class _Bearer(requests.auth.AuthBase):
    """Adds the token at the last moment, so that it stands in no dictionary a log or traceback could show."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.value}"
        return request


def _learn(request: _Prepared, error: DataverseError | None, seconds: float) -> None:
    """Learn how large parts may be. A refusal says nothing about it, unless nobody knows what was carried out."""
    if request.writes is None:
        return
    if error is None:
        request.writes.size.answered(request.writes.rows, seconds)
    elif isinstance(error, Unavailable) and error.outcome_unknown and error.status not in {200, 500, 503}:
        request.writes.size.cut_off(request.writes.rows, seconds)


def _path_for_log(url: str) -> str:
    """Return an address' path without the query, which may hold people's data."""
    return url.partition("?")[0].partition("/api/data/")[2] or url.partition("?")[0]
