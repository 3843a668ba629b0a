"""Content-Security-Policy of pages whose forms lead to the sign-in at Microsoft."""

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse

from connection_setup.connection import endpoints
from connection_setup.models import DataverseConnection


def allow_sign_in_redirect(
    request: HttpRequest, response: HttpResponse, connection: DataverseConnection, *, any_tenant: bool = False
) -> HttpResponse:
    """Allow the page's forms to be answered with a redirect to the sign-in; return the response.

    Browsers hold a redirect that follows a form to `form-action`. any_tenant: see endpoints.sign_in_origin.
    """
    if origin := endpoints.sign_in_origin(connection, any_tenant=any_tenant):
        csp_update({"form-action": [origin]})(lambda _: response)(request)  # which marks the response
    return response
