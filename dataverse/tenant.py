"""Whether a tenant is there: its sign-in tells about itself to everybody, before any application or secret counts."""

import requests

from dataverse import clouds
from dataverse.error_answers import unavailable
from dataverse.error_rules import UNKNOWN_TENANT
from dataverse.errors import SignInError, Unavailable
from dataverse.transport import Session, Timeouts

_TOLD = "v2.0/.well-known/openid-configuration"


def require_tenant(authority: str, *, ca_file: str | None = None, timeouts: Timeouts | None = None) -> None:
    """Ask the sign-in of an authority (clouds.authority) about itself. Raises SignInError, Unavailable."""
    origin = clouds.origin(authority)
    session = Session([origin], ca_file=ca_file, timeouts=timeouts or Timeouts(connect=3, read=6, total=8))
    try:
        with session:
            answer = session.get(f"{authority}/{_TOLD}")
    except requests.RequestException as error:
        raise unavailable(error, to=origin) from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unavailable(
            "The sign-in service does not answer properly.",
            "Try again in a few minutes.",
            repeat=True,
        )
    if answer.status_code != 200:
        raise SignInError(*UNKNOWN_TENANT, status=answer.status_code)
