"""What htmx says about a request."""

from typing import cast

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class _HtmxRequest(HttpRequest):
    htmx: HtmxDetails


def htmx_details(request: HttpRequest) -> HtmxDetails:
    """Return what htmx says about the request, as django_htmx's middleware set it; false where scripts did not ask."""
    return cast(_HtmxRequest, request).htmx
