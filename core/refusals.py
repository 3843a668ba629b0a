"""What was asked cannot be done: one error for every room, with its parts kept apart. No Django.

Nothing cuts one sentence into two: what happened, and why, is `message`; what to do next is `fix`; what support needs
is `detail`; the word for programs is `reason`.
"""

from typing import Protocol


class Explained(Protocol):
    """An error that explains itself: a Refusal, or an error of the Web API's client."""

    @property
    def reason(self) -> str:
        """Return the word for programs."""

    @property
    def message(self) -> str:
        """Return what happened, and why."""

    @property
    def fix(self) -> str:
        """Return what to do next; "" where nothing can be done."""

    @property
    def detail(self) -> str:
        """Return what support needs, never with a secret."""

    @property
    def user_message(self) -> str:
        """Return message and fix, as one text for a person."""


class Refusal(Exception):
    """What was asked cannot be done.

    reason: a word for programs, of the outcomes' closed list where a job may end with it; message: what happened and
    why; fix: what to do next, "" where nothing can be done; field: the input it is about, "" for the whole; detail:
    for support, never with a secret.
    """

    ask_again_s: float | None = None
    """Seconds after which what can wait tries again, where a person settles what stops it; None: it does not wait."""

    def __init__(self, reason: str, message: str, fix: str = "", *, field: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.reason = str(reason)
        self.message = message
        self.fix = fix
        self.field = field
        self.detail = detail

    @classmethod
    def because(cls, error: Explained, *, field: str = "") -> "Refusal":
        """Return the refusal that another error leads to: its parts, about `field` where one is named."""
        return Refusal(error.reason, error.message, error.fix, field=field, detail=error.detail)

    @property
    def user_message(self) -> str:
        """Return message and fix, as one text for a person."""
        return joined(self.message, self.fix)

    def __str__(self) -> str:
        """Return what a person reads."""
        return self.user_message


def joined(message: str, fix: str) -> str:
    """Return what happened and what to do next as one text."""
    return f"{message} {fix}".strip()


class NotUsable(Refusal):
    """What is set up cannot be used as it is: the reason is `configuration`."""

    def __init__(self, message: str, fix: str = "", *, field: str = "", detail: str = "") -> None:
        super().__init__("configuration", message, fix, field=field, detail=detail)
