"""How a slice ends early, and how an error becomes a reason, a sentence for the user and a text for support."""

import re
import traceback
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from core.error_reports import own_keys
from core.refusals import Refusal, joined
from jobs.models import Reason


class EmptySelection(Refusal):
    """A job was asked for a selection without records: that does nothing, it never means everything."""

    def __init__(self) -> None:
        super().__init__(
            "empty_selection",
            "No records are selected, so there is nothing to do.",
            "Select one or more records and try again.",
        )


class SliceSignal(BaseException):
    """Ends a handler's slice. Not an Exception: a handler that catches per-record errors must let it pass."""


class LeaseLost(SliceSignal):
    """Another worker may have the job by now: stop, write nothing, send nothing."""


class SliceEnded(SliceSignal):
    """The slice's time is up, or the worker is stopping; the state is saved."""


class Yielded(SliceSignal):
    """A one-record job on the same key goes first; the state is saved."""


class Cancelled(SliceSignal):
    """Somebody cancelled the job; the state is saved."""


class Ended(SliceSignal):
    """The job's end is already written."""


class Postponed(SliceSignal):
    """Go on later, in `seconds`, because of `why`."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds, self.why = seconds, why


class JobFailed(SliceSignal):
    """The job as a whole cannot be done."""

    def __init__(self, failure: "Failure") -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: the closed reason, what the user reads, what support needs.

    what, fix: what the user reads, in its parts, where they are known: what happened and why, what to do next.
    """

    reason: Reason
    message: str
    detail: str = ""
    what: str = ""
    fix: str = ""

    @classmethod
    def of_parts(cls, reason: Reason, what: str, fix: str, detail: str = "") -> "Failure":
        """Return the failure that reads what happened and what to do next as one text."""
        return cls(reason, joined(what, fix), detail, what, fix)

    def going_on(self, text: str) -> "Failure":
        """Return it with another sentence about what happened."""
        if not self.what:
            return replace(self, message=f"{self.message} {text}")
        return Failure.of_parts(self.reason, f"{self.what} {text}", self.fix, self.detail)


INTERNAL_MESSAGE = (
    "Something in {product} itself went wrong, so the job stopped. Everything up to its last checkpoint is saved and "
    "nothing after it was."
)
INTERNAL_FIX = "Start the job again; if it stops again, send the text under Details to your support."
LOST_WHAT = (
    "The worker that ran this job was lost {times} times in a row at the same place, so the job was stopped. "
    "Everything up to its last checkpoint is saved."
)
LOST_FIX = "Check that the worker has enough memory, then start the job again."
LOST_MESSAGE = joined(LOST_WHAT, LOST_FIX)


def failure_of(error: BaseException) -> Failure:
    """Return what an escaping error means for the job.

    An error that knows better carries `reason` (a Reason value), `user_message` and `detail`; anything else is
    internal, and its traceback goes to `detail` without paths and secrets.
    """
    reason = _reason(getattr(error, "reason", ""))
    message = str(getattr(error, "user_message", "") or (error if reason else "") or "")
    if not reason or not message:
        what = INTERNAL_MESSAGE.format(product=settings.PRODUCT_NAME)
        return Failure.of_parts(Reason.INTERNAL, what, INTERNAL_FIX, _trace(error))
    parts = [str(getattr(error, "detail", "") or "")]
    for name, label in (("code", "Code"), ("status", "Status"), ("request_id", "Request id")):
        value = getattr(error, name, None)
        if value not in (None, "") and str(value) not in parts[0]:
            parts.append(f"{label}: {value}")
    detail = redact("\n".join(filter(None, parts)))
    what, fix = (str(getattr(error, name, "") or "") for name in ("message", "fix"))
    if joined(what, fix) == message:
        return Failure.of_parts(reason, redact(what), redact(fix), detail)
    return Failure(reason, redact(message), detail)


def retry_after(error: BaseException) -> float | None:
    """Return the seconds after which an error asks to try again (a long Retry-After), or None."""
    seconds = getattr(error, "retry_after", None)
    return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None


def person_wait(error: BaseException) -> float | None:
    """Return the seconds after which to look whether a person has settled what stops a job; None: it does not wait."""
    seconds = getattr(error, "ask_again_s", None)
    return float(seconds) if isinstance(seconds, int | float) else None


def is_outage(error: BaseException) -> bool:
    """Return whether the service does not answer now, so that the same request may succeed later."""
    return getattr(error, "repeat", False) is True and _reason(getattr(error, "reason", "")) == Reason.UNREACHABLE


def _reason(value: Any) -> Reason | None:
    try:
        return Reason(str(value)) if value else None
    except ValueError:
        return None


def _trace(error: BaseException) -> str:
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-30)
    return redact("".join(lines))[-16_000:]


_SECRETS = (
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+)*"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 [secret]"),
    (re.compile(r"://[^\s/@:]+:[^\s/@]+@"), "://[secret]@"),
    (
        re.compile(
            r"(?i)((?:client_?secret|client_assertion|password|passwd|secret|access_?token|refresh_?token|id_?token|"
            r"api_?key|private_?key)[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&)}\]]+)"
        ),
        r"\1[secret]",
    ),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
        "[private key]",
    ),
)
_SITE_PACKAGES = re.compile(r"(?:/[^\s\"':]+)?/(?:site|dist)-packages/")
_STANDARD_LIBRARY = re.compile(r"(?:/[^\s\"':]+)?/lib/python3[.\d]*/")
_HOME_PATH = re.compile(r"/(?:home|root|Users|tmp|var|srv|opt|mnt|usr|etc)/[^\s\"':,)]*")


def redact(text: str) -> str:
    """Return the text without what looks like a secret, and without this machine's paths."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    for secret in own_keys():
        text = text.replace(secret, "[secret]")
    for folder, name in ((settings.STATE_DIR, "[state]"), (settings.BASE_DIR, "")):
        text = text.replace(f"{folder}/", f"{name}/" if name else "").replace(str(folder), name or "[app]")
    text = _SITE_PACKAGES.sub("", text)
    text = _STANDARD_LIBRARY.sub("", text)
    return _HOME_PATH.sub(lambda found: "[path]/" + found.group().rsplit("/", 1)[-1], text)
