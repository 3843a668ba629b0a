"""What htmx says of a request: django-htmx puts it there, and Django's types do not know it."""

from typing import cast

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class _HtmxRequest(HttpRequest):
    htmx: HtmxDetails


def htmx_of(request: HttpRequest) -> HtmxDetails:
    """Return the details of htmx's request; false where a browser asks by itself."""
    return cast(_HtmxRequest, request).htmx
