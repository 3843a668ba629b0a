"""The exceptions of the client: what Dataverse and its sign-in service refuse, or why nothing was answered.

Every error keeps its parts apart: `message` (what happened, and why), `fix` (what to do next) and `detail` (service
code, request id, the service's own words) for support. `reason` is a word of the closed list that job outcomes use.
Which refusal becomes which error stands in `error_rules`.
"""

from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """The family of an error."""

    CONFIGURATION = "configuration"
    SIGN_IN = "sign_in"
    NOT_A_MEMBER = "not_a_member"
    DENIED = "denied"
    DISABLED = "disabled"
    ADMINISTRATION_MODE = "administration_mode"
    GONE = "gone"
    VERSION = "version"
    DUPLICATE = "duplicate"
    LOCKED = "locked"
    BLOCKED = "blocked"
    INVALID = "invalid"
    CHANGES_EXPIRED = "changes_expired"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    ANSWER = "answer"


class DataverseError(Exception):
    """A request failed.

    message: what happened and why, in whole sentences; fix: what to do next, "" where nothing can be done;
    status: the HTTP status, 0 without an answer; code: the service's ("0x80040217", "AADSTS7000215"); said: the
    service's own words; retry_after: seconds the service asks to wait, None where it names none; reason: a word of the
    closed list of job outcomes; repeat: the same request may succeed unchanged later; outcome_unknown: the request may
    have been carried out although no answer arrived.
    """

    kind: ClassVar[Kind]
    default_reason: ClassVar[str] = "refused"

    def __init__(
        self,
        message: str,
        fix: str = "",
        *,
        status: int = 0,
        code: str = "",
        said: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        reason: str = "",
        repeat: bool = False,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.status = status
        self.code = code
        self.said = said
        self.request_id = request_id
        self.retry_after = retry_after
        self.reason = reason or self.default_reason
        self.repeat = repeat
        self.outcome_unknown = outcome_unknown

    @property
    def user_message(self) -> str:
        """Message and fix as one text."""
        return f"{self.message} {self.fix}".strip()

    def __str__(self) -> str:
        """Return the user message."""
        return self.user_message

    @property
    def detail(self) -> str:
        """One line for support: status, service code, request id and the service's own words."""
        parts = [
            f"HTTP {self.status}" if self.status else "",
            self.code,
            f"request {self.request_id}" if self.request_id else "",
            self.said,
        ]
        return " · ".join(part for part in parts if part)


class ConfigurationError(DataverseError):
    """The address, the cloud or another setting is wrong."""

    kind = Kind.CONFIGURATION
    default_reason = "unreachable"


class SignInError(DataverseError):
    """The sign-in service refused the application or person, or the environment refused the token."""

    kind = Kind.SIGN_IN
    default_reason = "sign_in"


class NotAMember(DataverseError):
    """The token is valid, but the environment has no application user for it."""

    kind = Kind.NOT_A_MEMBER
    default_reason = "sign_in"


class AccessDenied(DataverseError):
    """A privilege, role or licence is missing."""

    kind = Kind.DENIED
    default_reason = "denied"


class EnvironmentDisabled(DataverseError):
    """The environment is disabled."""

    kind = Kind.DISABLED
    default_reason = "unreachable"


class AdministrationMode(DataverseError):
    """The environment lets only administrators in."""

    kind = Kind.ADMINISTRATION_MODE
    default_reason = "unreachable"


class Gone(DataverseError):
    """The row does not exist."""

    kind = Kind.GONE
    default_reason = "record_gone"


class VersionMismatch(DataverseError):
    """The row changed since the version the request named."""

    kind = Kind.VERSION
    default_reason = "update_conflict"


class Duplicate(DataverseError):
    """A row with that id or key exists already."""

    kind = Kind.DUPLICATE
    default_reason = "duplicate"


class CustomizationLocked(DataverseError):
    """Somebody else customizes the environment now; nothing was carried out. It is no limit of the user's requests."""

    kind = Kind.LOCKED


class CustomizationsBlocked(DataverseError):
    """The environment takes managed solutions alone."""

    kind = Kind.BLOCKED


class Invalid(DataverseError):
    """The request or one of its values was refused; `reason` says why."""

    kind = Kind.INVALID


class ChangesExpired(DataverseError):
    """The delta link has expired: all rows must be compared again."""

    kind = Kind.CHANGES_EXPIRED


class Throttled(DataverseError):
    """A service protection limit is reached; nothing was carried out. `retry_after` is the wait, where it is named."""

    kind = Kind.THROTTLED
    default_reason = "throttled"


class Unavailable(DataverseError):
    """There was no answer, or the service says it cannot answer now."""

    kind = Kind.UNAVAILABLE
    default_reason = "unreachable"


class InvalidAnswer(DataverseError):
    """The answer is none of the Web API's; it is never taken for an empty one."""

    kind = Kind.ANSWER
    default_reason = "unreachable"


def as_sentence(said: str, *, longest: int = 500) -> str:
    """Return a service's own words as the end of a message: at most `longest` characters, ending with a full stop."""
    text = said.strip()
    if len(text) > longest:
        text = f"{text[:longest].rstrip()}…"
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
