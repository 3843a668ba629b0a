"""How long somebody stays signed in: until they have done nothing for some hours, and for some days at most.

settings.SESSION_COOKIE_AGE is the first limit: a session's row and cookie expire that long after it was saved last.
settings.SESSION_MAX_S is the second.
"""

import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponseBase

_BEGAN, _SEEN = "began", "seen"
_NOTED_EVERY_S = 60.0
"""How exactly it is known when somebody was here last: noting each request would be a write for each."""


class Verdict(Enum):
    """What becomes of a session."""

    GOES_ON = "goes on"
    EXTENDED = "extended"
    ENDED = "ended"


def judge(*, now: float, began: float | None, seen: float, by_itself: bool, idle_s: float, most_s: float) -> Verdict:
    """Return what becomes of a session at a request. All are seconds; began, seen: None, 0 where nobody noted it.

    by_itself: the page asks, not the person, which keeps nobody signed in.
    """
    if began is not None and not began <= now < began + most_s:
        return Verdict.ENDED
    if began is None or (not by_itself and now - seen >= min(_NOTED_EVERY_S, idle_s / 10)):
        return Verdict.EXTENDED
    return Verdict.GOES_ON


def limited_sessions(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """End sessions that have lasted too long, and note when somebody was here last."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        session = request.session
        if session.session_key and SESSION_KEY in session:
            now = time.time()
            verdict = judge(
                now=now, began=session.get(_BEGAN), seen=session.get(_SEEN, 0.0), by_itself=_asks_by_itself(request),
                idle_s=settings.SESSION_COOKIE_AGE, most_s=settings.SESSION_MAX_S,
            )  # fmt: skip
            if verdict is Verdict.ENDED:
                logout(request)
                messages.info(request, f"You were signed out: nobody stays signed in for more than {_days()}.")
            elif verdict is Verdict.EXTENDED:
                session.setdefault(_BEGAN, now)
                session[_SEEN] = now
        return answer(request)

    return middleware


def note_sign_in(request: HttpRequest, **_: Any) -> None:
    """Begin a session: what an earlier one of the same browser noted does not count. Receives user_logged_in."""
    if request is not None and hasattr(request, "session"):
        request.session[_BEGAN] = request.session[_SEEN] = time.time()


def _asks_by_itself(request: HttpRequest) -> bool:
    """Return whether the part of a page asks that replaces itself while a job runs (see ui/page/live.html)."""
    return request.headers.get("HX-Target") == "live"


def _days() -> str:
    days = settings.SESSION_MAX_S / 86_400
    return f"{days:g} {'day' if days == 1 else 'days'}"
