"""How much may be sent to a view, and what is refused before any of it is read."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from core.roles import Access, Can, decide_access, held_roles
from ui import errors

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

_NAME = "most_bytes"
_OF_STRANGERS = "most_bytes_of_strangers"


def takes_files(most_bytes: int) -> Callable[[View], View]:
    """Let people who may open a view send so much to it; whoever else is signed in, settings.MOST_BYTES."""

    def mark(view: View) -> View:
        vars(view)[_NAME] = most_bytes
        return view

    return mark


def takes_from_strangers(most_bytes: int) -> Callable[[View], View]:
    """Let whoever is not signed in send so much to a view, which looks at who it is by itself."""

    def mark(view: View) -> View:
        vars(view)[_OF_STRANGERS] = most_bytes
        return view

    return mark


class BodySizes:
    """Refuses a request whose body is too long, before anything of it is read or written to a file.

    Stands before the middleware that looks for a form's token, which reads the body. A body without a length is not
    read at all.
    """

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        return self._answer(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Return the refusal, or None."""
        length = _length(request)
        if length <= settings.MOST_BYTES_OF_STRANGERS:
            return None
        most = _most_bytes(request, view, kwargs.get("company"))
        return errors.too_large(request, most) if length > most else None


def _most_bytes(request: HttpRequest, view: Callable[..., Any], company: str | None) -> int:
    """Return how much the person may send to a view: large files only where they may open it."""
    if (named := getattr(view, _OF_STRANGERS, None)) is not None:
        return int(named)
    if not request.user.is_authenticated:
        return settings.MOST_BYTES_OF_STRANGERS
    can: Can | None = getattr(view, "requires", None)
    if can is not None and decide_access(held_roles(request.user), can, company) is not Access.OPEN:
        return settings.MOST_BYTES
    return getattr(view, _NAME, settings.MOST_BYTES)


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
