"""Pages for what went wrong: inside the shell for somebody signed in, bare otherwise."""

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.shortcuts import render as render_template
from django.template.loader import render_to_string

from core.database_outage import RETRY_AFTER_S, is_database_outage


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """400."""
    return _answer(request, 400, "This request cannot be understood", "Go back, reload the page and try again.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: the sentence of the guard, and who can help."""
    return _answer(
        request, 403, "You may not do this", str(exception or "This needs a right that your role does not have."),
        "Ask an administrator for a role that may.",
    )  # fmt: skip


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: the view's own sentence where it gave one."""
    said = exception.args[0] if exception and exception.args and isinstance(exception.args[0], str) else ""
    return _answer(
        request, 404, "There is no such page", said or "The address may be mistyped, or what it showed was deleted."
    )


def not_allowed(request: HttpRequest, refused: HttpResponseNotAllowed) -> HttpResponse:
    """405: an address that only takes a form was opened, or the other way round."""
    answer = _answer(
        request, 405, "This address is not opened like this", "It belongs to a button or a form of a page.",
        "Go back to the page, and choose the button there.",
    )  # fmt: skip
    answer["Allow"] = refused["Allow"]
    return answer


def too_large(request: HttpRequest, most: int) -> HttpResponse:
    """413: more than `most` bytes were to come; none of them was read."""
    size = f"{most // 2**20:,} MB" if most >= 2**20 else f"{most // 2**10:,} KB"
    next_step = (
        "Send less, or split the file." if request.user.is_authenticated else "Sign in first, then send it again."
    )
    return _answer(
        request, 413, "This is too large", f"Nothing of it was read: this address takes {size} at most.", next_step
    )


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """403: the form is older than the session."""
    return _answer(
        request, 403, "This form has expired", "Nothing was changed. Perhaps you signed in or out in another tab.",
        "Go back, reload the page and send the form again.",
    )  # fmt: skip


def failed(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """500; 503 while the database is away, 408 where a form did not arrive.

    Without the database or the shell, since either may be what failed.
    """
    error = sys.exc_info()[1]
    if isinstance(error, UnreadablePostError):
        return _bare(
            408, "The form did not arrive", "The connection ended, or was too slow, so nothing was done.",
            "Check your connection, then send the form again.",
        )  # fmt: skip
    if is_database_outage(error):
        answer = _bare(
            503, "The database cannot be reached",
            "It is down or too busy just now. What you were doing was not done, or not completely; what was saved "
            "before is not lost, and jobs go on by themselves when the database is back.",
            "Try again in a minute; if it takes longer, tell an administrator.",
        )  # fmt: skip
        answer["Retry-After"] = str(RETRY_AFTER_S)
        return answer
    return _bare(
        500, "Something went wrong here",
        "The error has been logged. What you were doing was not done, or not completely.",
        "Try again in a moment; if it happens again, tell an administrator when it happened.",
    )  # fmt: skip


def _bare(status: int, title: str, text: str, next_step: str) -> HttpResponse:
    context = {"title": title, "text": text, "next_step": next_step}
    return HttpResponse(render_to_string("ui/shell/error_bare.html", context), status=status)


def _answer(request: HttpRequest, status: int, title: str, text: str, next_step: str = "") -> HttpResponse:
    user: Any = getattr(request, "user", None)
    template = "ui/shell/error.html" if user is not None and user.is_authenticated else "ui/shell/error_bare.html"
    return render_template(request, template, {"title": title, "text": text, "next_step": next_step}, status=status)
