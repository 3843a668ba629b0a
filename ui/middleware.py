"""What every answer of the application carries, beside what Django's and the policy's middleware add."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed

from ui import errors


def security_headers(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Wrap everything else: nobody keeps a page, and refusals made on the way in carry headers too.

    Pages show a company's records; after sign-out the Back button must not. Static files keep their own lifetime.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        if not request.path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
            response.headers.setdefault("Cache-Control", "no-store, private")
        # A request refused before Django's own middleware could answer: an unknown host, for one.
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY)
        response.headers.setdefault("Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY)
        response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        )
        return response

    return middleware


def readable_refusals(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Refusals that would have no page: a wrong method, which Django answers without a body, and a NUL in the address.

    No name holds that character, and PostgreSQL fails at being asked for one.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path:
            return errors.not_found(request)
        response = answer(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            return errors.not_allowed(request, response)
        return response

    return middleware
