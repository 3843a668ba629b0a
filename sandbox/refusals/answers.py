"""What a numbered refusal is made of, and the usual ways to answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec

from sandbox.base.asked import WEB_API, Asked
from sandbox.base.messages import JSON, Response

SOMEBODY = "5f0c1a52-8d0e-4b8e-9a57-3c1d0f6b7e21"
"""The id that a message names where the entry gives none: of nobody here."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an entry says beside its number; "" and None: as the service answers.

    `retry_after` is a number of seconds as text, "date <seconds>" for the form with a date, or "none". `variant` names
    one of the refusal's variants. `rows` and `parallel` are how many it takes.
    """

    status: int | None = None
    code: str = ""
    message: str = ""
    ids: tuple[str, ...] = ()
    retry_after: str = ""
    variant: str = ""
    rows: int = 0
    parallel: int = 2

    def retry_header(self, usual: str = "none") -> dict[str, str]:
        """Return the Retry-After header; `usual` is how the service gives it where the entry says nothing."""
        given = self.retry_after or usual
        if given == "none":
            return {}
        if given.startswith("date"):
            moment = datetime.now(UTC) + timedelta(seconds=float(given.removeprefix("date") or 1))
            return {"Retry-After": format_datetime(moment, usegmt=True)}
        return {"Retry-After": given}


Answer = Callable[[Asked, Settings], Response]
Test = Callable[[Asked, Settings], bool]


def _always(_: Asked, __: Settings) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Refusal:
    """One numbered answer.

    `when` says when the service gives it. `answer` makes it; `strikes` says whether a request that has the entry's
    method and path is one that gets it. `variants` are the names that an entry's `variant` may have, the first being
    the usual one. `place` is where it is asked: the Web API or sign-in.
    """

    number: int
    when: str
    answer: Answer
    strikes: Test = _always
    variants: tuple[str, ...] = ()
    place: str = WEB_API


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """Answers `{"error": {"code", "message"}}`.

    In `message`, {id} and {ids} stand for the entry's ids, {user}, {application} and {table} for who asks and what
    about. `annotations` are further members of the error.
    """

    status: int
    code: str
    message: str
    retry_after: str = "none"
    annotations: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, asked: Asked, settings: Settings) -> Response:
        """Return the answer to a request."""
        names = names_of(asked, settings)
        error: dict[str, Any] = {
            "code": settings.code or self.code,
            "message": settings.message or self.message.format_map(names),
        }
        error.update({name: text.format_map(names) for name, text in self.annotations.items()})
        return json_error(settings.status or self.status, error, settings.retry_header(self.retry_after))


def names_of(asked: Asked, settings: Settings) -> dict[str, str]:
    """Return what the names in a message stand for."""
    ids = settings.ids or (SOMEBODY,)
    return {
        "id": ids[0],
        "ids": ", ".join(ids),
        "user": asked.user_id or SOMEBODY,
        "application": asked.application or SOMEBODY,
        "table": asked.table or "account",
    }


def json_error(status: int, error: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Return an error of the Web API, whose members are given."""
    return Response(status, msgspec.json.encode({"error": error}), {"Content-Type": JSON, **(headers or {})})
