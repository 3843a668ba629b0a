"""Errors for answers that are none of 2xx, and for requests without an answer; pure."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec
import requests

from dataverse import bodies, clouds
from dataverse.error_rules import error_for
from dataverse.errors import ConfigurationError, DataverseError, Throttled, Unavailable
from dataverse.sign_in_rules import claims_error, wants_claims

_MAX_RETRY_AFTER_S = 86_400.0
"""A longer wait is taken for a mistake of whoever names it."""


class _ErrorText(msgspec.Struct):
    code: str = ""
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _ErrorText


_decode_error = msgspec.json.Decoder(_ErrorBody).decode

_PAGE_BEGINS = (b"<!doctype html", b"<html")
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_FOREIGN_ANSWERS = {
    404: (
        "No Dataverse Web API answers at the Environment URL.",
        "Check its spelling; the Power Platform admin center shows the right one.",
    ),
    407: (
        "The proxy between this machine and Dataverse asks for a sign-in.",
        "Set HTTPS_PROXY with its user name and password.",
    ),
}


def error_for_answer(status: int, headers: Mapping[str, str], body: bytes, request_id: str) -> DataverseError:
    """Return the error for an answer that is none of 2xx, alone or as a part of a $batch."""
    retry_after = parse_retry_after(headers.get("Retry-After"))
    try:
        said = _decode_error(bodies.readable(body)).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _error_for_foreign_answer(status, headers, body, request_id, retry_after)
    return error_for(status, said.code, said.message, request_id=request_id, retry_after=retry_after)


def is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether an answer is a page for a browser, so that something else than the Web API gave it."""
    kind = headers.get("Content-Type") or headers.get("content-type") or ""
    return bool(body.strip()) and ("html" in kind.lower() or body.lstrip()[:15].lower().startswith(_PAGE_BEGINS))


def error_for_page(status: int, body: bytes, request_id: str, retry_after: float | None = None) -> DataverseError:
    """Return the error for a page that came in the place of an answer; one that refuses was not carried out.

    A firewall that says no says it again; everything else may pass.
    """
    found = _TITLE.search(body[:20_000])
    title = " ".join(found.group(1).decode("utf-8", "replace").split())[:100] if found else ""
    refused = 400 <= status < 500
    return Unavailable(
        "Something between this machine and Dataverse answered in its place with a web page"
        f"{f' ({title})' if title else ''}.",
        "Ask who runs the network whether a proxy, a firewall or a sign-in page lets this machine reach Dataverse."
        if status < 500
        else "Try again in a few minutes. If it persists, ask who runs the network, or look at the service's health in "
        "the Microsoft 365 admin center.",
        status=status,
        said=title,
        request_id=request_id,
        retry_after=retry_after,
        repeat=not refused,
        outcome_unknown=not refused,
    )


def error_for_success(
    method: str, status: int, headers: Mapping[str, str], body: bytes, request_id: str
) -> DataverseError | None:
    """Return the error for an answer of 2xx that is none of the Web API's: a page, or nothing where rows belong."""
    if is_page(headers, body):
        return error_for_page(status, body, request_id)
    if method == "GET" and status == 200 and not body:
        return Unavailable(
            "Dataverse's answer arrived without its content.",
            "Try again in a few minutes.",
            status=status,
            request_id=request_id,
            repeat=True,
        )
    return None


def may_be_done(refusal: DataverseError) -> bool:
    """Return whether a write that failed inside the service may have been carried out: it is read back first.

    What names a deadlock or a time-out of the database with 500 was undone whole; 503 may come from before or after.
    """
    if not isinstance(refusal, Unavailable):
        return False
    return refusal.status == 503 or (refusal.status == 500 and refusal.code.lower() in {"", "0x80040216"})


def _error_for_foreign_answer(
    status: int, headers: Mapping[str, str], body: bytes, request_id: str, retry_after: float | None
) -> DataverseError:
    """Return the error for an answer whose body is not the Web API's."""
    if status == 401 and wants_claims(headers.get("WWW-Authenticate") or ""):
        return claims_error(request_id)
    if 300 <= status < 400:
        target = clouds.origin(headers.get("Location", "")) or "another page"
        return ConfigurationError(
            f"The environment's address answers with a redirect to {target}.",
            "Enter the address of the environment itself.",
            status=status,
            request_id=request_id,
        )
    if status in _FOREIGN_ANSWERS:
        return ConfigurationError(*_FOREIGN_ANSWERS[status], status=status, request_id=request_id)
    if is_page(headers, body) and status not in {401, 429}:
        return error_for_page(status, body, request_id, retry_after)
    if status == 403:
        return Unavailable(
            "The request was refused without a word, which Dataverse does not do, so something between it and this "
            "machine may have refused it.",
            "Ask who runs the network whether a proxy or firewall lets this machine reach Dataverse.",
            status=status,
            request_id=request_id,
        )
    return error_for(status, "", "", request_id=request_id, retry_after=retry_after)


def error_without_answer(error: requests.RequestException, *, to: str, request_id: str = "") -> DataverseError:
    """Return the error for a request to an origin that got no answer.

    Its outcome is unknown unless the request surely never left this machine.
    """
    said = f"{type(error).__name__}: {_without_query(error)}"
    if isinstance(error, requests.exceptions.SSLError):
        return ConfigurationError(
            f"The certificate of {to} is not trusted, so nothing was sent.",
            "If a proxy inspects traffic, name its authority in REQUESTS_CA_BUNDLE; otherwise check the address.",
            said=said,
            request_id=request_id,
        )
    never_left = True
    if isinstance(error, requests.exceptions.ProxyError):
        message = "The proxy between this machine and Dataverse does not answer."
        fix = "Check HTTPS_PROXY and NO_PROXY."
    elif isinstance(error, requests.exceptions.ConnectTimeout) or _had_no_connection(error):
        message = f"{to} cannot be reached."
        fix = "Check the Environment URL and this machine's network; if it is a sandbox, check that it runs."
    else:
        never_left = False
        fix = "Try again in a few minutes."
        if isinstance(error, requests.exceptions.Timeout):
            message = f"{to} did not answer in time."
        else:
            message = f"The connection to {to} broke before its answer was complete."
    return Unavailable(message, fix, said=said, request_id=request_id, repeat=True, outcome_unknown=not never_left)


def parse_retry_after(text: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds a Retry-After header names, as seconds or as a date: 0 to a day; None where it is unreadable.

    now: what a date is compared with, by default this machine's clock.
    """
    if not text:
        return None
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        until = _parse_http_date(text)
        if until is None:
            return None
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
    return None if math.isnan(seconds) else max(0.0, min(seconds, _MAX_RETRY_AFTER_S))


def clock_skew_s(date: str | None) -> float | None:
    """Return the seconds by which a Date header is ahead of this machine's clock; None where it is unreadable."""
    server_time = _parse_http_date(date) if date else None
    if server_time is None:
        return None
    return (server_time - datetime.now(UTC)).total_seconds() + 0.5  # it counts whole seconds


def to_throttled(error: DataverseError, seconds: float) -> Throttled:
    """Return the same error as one that asks to come back after `seconds`."""
    return Throttled(
        error.message,
        error.fix,
        status=error.status,
        code=error.code,
        said=error.said,
        request_id=error.request_id,
        retry_after=seconds,
        reason=error.reason,
        repeat=True,
    )


def _parse_http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _had_no_connection(error: requests.RequestException) -> bool:
    """Return whether no connection was made: refused, no route, or an unknown host."""
    cause: BaseException | None = error
    depth = 0
    while cause is not None and depth < 8:
        if type(cause).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}:
            return True
        inner = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
        depth += 1
    return False


def _without_query(error: BaseException) -> str:
    """Return an error's words without an address' query, which may hold people's data."""
    return str(error).partition("?")[0][:300]
