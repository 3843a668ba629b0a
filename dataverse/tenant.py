"""Whether a tenant exists: its sign-in service answers that to everybody, before any application or secret counts."""

import requests

from dataverse import clouds
from dataverse.error_answers import error_without_answer
from dataverse.error_rules import UNKNOWN_TENANT
from dataverse.errors import SignInError, Unavailable
from dataverse.http_session import Session, Timeouts

_METADATA_PATH = "v2.0/.well-known/openid-configuration"


def require_tenant(authority: str, *, ca_file: str | None = None, timeouts: Timeouts | None = None) -> None:
    """Ask the sign-in service of an authority (clouds.authority) to describe itself.

    Raises SignInError where there is no such tenant, Unavailable.
    """
    origin = clouds.origin(authority)
    session = Session([origin], ca_file=ca_file, timeouts=timeouts or Timeouts(connect=3, read=6, total=8))
    try:
        with session:
            answer = session.get(f"{authority}/{_METADATA_PATH}")
    except requests.RequestException as error:
        raise error_without_answer(error, to=origin) from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unavailable(
            "The sign-in service does not answer properly.",
            "Try again in a few minutes.",
            repeat=True,
        )
    if answer.status_code != 200:
        raise SignInError(*UNKNOWN_TENANT, status=answer.status_code)
