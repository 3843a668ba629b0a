"""What an answer that is none of 2xx means, and what no answer means; pure."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec
import requests

from dataverse import clouds
from dataverse.error_rules import error_for
from dataverse.errors import ConfigurationError, DataverseError, Throttled, Unavailable

_LONGEST_NAMED_S = 86_400.0
"""A longer wait is a mistake of whoever names it."""


class _ErrorText(msgspec.Struct):
    code: str = ""
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _ErrorText


_decode_error = msgspec.json.Decoder(_ErrorBody).decode


def refusal(status: int, headers: Mapping[str, str], body: bytes, request_id: str) -> DataverseError:
    """The error for an answer that is none of 2xx, alone or as a part of a $batch."""
    after = retry_after(headers.get("Retry-After"))
    try:
        said = _decode_error(body).error
    except msgspec.MsgspecError:
        return _foreign(status, headers, request_id, after)
    return error_for(status, said.code, said.message, request_id=request_id, retry_after=after)


def _foreign(status: int, headers: Mapping[str, str], request_id: str, after: float | None) -> DataverseError:
    """The error for an answer that does not speak the Web API's language."""
    if 300 <= status < 400:
        target = clouds.origin(headers.get("Location", "")) or "another page"
        return ConfigurationError(
f"The environment's address answers with a redirect to {target}.",
"Enter the address of the environment itself.",
status=status,
request_id=request_id,
)  # fmt: skip
    if status == 404:
        return ConfigurationError(
"No Dataverse Web API answers at the Environment URL.",
"Check its spelling; the Power Platform admin center shows the right one.",
status=status,
request_id=request_id,
)  # fmt: skip
    if status == 407:
        return ConfigurationError(
"The proxy between this machine and Dataverse asks for a sign-in.",
"Set HTTPS_PROXY with its user name and password.",
status=status,
request_id=request_id,
)  # fmt: skip
    return error_for(status, "", "", request_id=request_id, retry_after=after)


def unavailable(error: requests.RequestException, *, to: str, request_id: str = "") -> DataverseError:
    """The error for a request without an answer. `outcome_unknown` unless it surely never left."""
    text = f"{type(error).__name__}: {_bare(error)}"
    if isinstance(error, requests.exceptions.SSLError):
        return ConfigurationError(
f"The certificate of {to} is not trusted, so nothing was sent.",
"If a proxy inspects traffic, name its authority in REQUESTS_CA_BUNDLE; otherwise check "
"the address.",
said=text,
request_id=request_id,
)  # fmt: skip
    if isinstance(error, requests.exceptions.ProxyError):
        return Unavailable(
"The proxy between this machine and Dataverse does not answer.",
"Check HTTPS_PROXY and NO_PROXY.",
said=text,
request_id=request_id,
repeat=True,
)  # fmt: skip
    if isinstance(error, requests.exceptions.ConnectTimeout) or _never_left(error):
        return Unavailable(
f"{to} cannot be reached.",
"Check the Environment URL and this machine's network; if it is a sandbox, check that it "
"runs.",
said=text,
request_id=request_id,
repeat=True,
)  # fmt: skip
    if isinstance(error, requests.exceptions.Timeout):
        return Unavailable(
f"{to} did not answer in time.",
"Try again in a few minutes.",
said=text,
request_id=request_id,
repeat=True,
outcome_unknown=True,
)  # fmt: skip
    return Unavailable(
f"The connection to {to} broke before its answer was complete.",
"Try again in a few minutes.",
said=text,
request_id=request_id,
repeat=True,
outcome_unknown=True,
)  # fmt: skip


def retry_after(text: str | None, *, now: datetime | None = None) -> float | None:
    """The seconds a Retry-After header asks for, as seconds or as a date, 0 to a day; None where it cannot be read."""
    if not text:
        return None
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
    return None if math.isnan(seconds) else max(0.0, min(seconds, _LONGEST_NAMED_S))


def clock_skew_s(date: str | None) -> float | None:
    """How far a Date header is ahead of this machine's clock; it counts whole seconds."""
    if not date:
        return None
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return None
    if told.tzinfo is None:
        told = told.replace(tzinfo=UTC)
    return (told - datetime.now(UTC)).total_seconds() + 0.5


def throttled(error: DataverseError, seconds: float) -> Throttled:
    """The same error as one that asks to come back after `seconds`."""
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


def _never_left(error: requests.RequestException) -> bool:
    """Whether no connection was made: refused, no route, or an unknown host."""
    cause: BaseException | None = error
    seen = 0
    while cause is not None and seen < 8:
        if type(cause).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}:
            return True
        inner = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
        seen += 1
    return False


def _bare(error: BaseException) -> str:
    """An error's words without an address's query, which may hold people's data."""
    return str(error).partition("?")[0][:300]
