"""Where a sign-in comes back to: the Redirect URL of a connection, and the page of this site it goes on from.

A Redirect URL leads to this site alone, whoever types it: the code of a sign-in must not be sent elsewhere.
"""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host
from django.utils.http import url_has_allowed_host_and_scheme

from connection_setup.connection import redirect_url as returning
from connection_setup.models import DataverseConnection
from core.refusals import NotUsable
from dataverse import clouds

PATH = "/connection/signed-in"
LONGEST = 250
_MISREAD = re.compile(r"[\x00-\x20\x7f-\uffff\U00010000-\U0010ffff\\@?#%]")


class InvalidRedirectUrl(NotUsable):
    """A Redirect URL that does not lead to this site."""


def default() -> str:
    """The Redirect URL of this site's own address."""
    return f"{settings.SITE_URL}{PATH}"


def of(connection: DataverseConnection) -> str:
    """The connection's Redirect URL: the one that was typed as long as it leads here, else the default."""
    try:
        return check(connection.redirect_url) or default()
    except InvalidRedirectUrl:
        return default()


def check(typed: str) -> str:
    """The Redirect URL to keep; "" for none, which means the default. Raises NotHere."""
    text = typed.strip()
    if text in ("", default()):
        return ""
    if len(text) > LONGEST:
        raise InvalidRedirectUrl(
            f"The Redirect URL is longer than {LONGEST} characters.",
            f"Enter one such as {default()}.",
        )
    host, problem = _host(text)
    if problem:
        raise InvalidRedirectUrl(problem)
    if not _ours(host):
        raise InvalidRedirectUrl(
            f"This site does not answer at {host[:80]}, so a sign-in cannot come back there.",
            f"Enter an address of this site, such as {default()}, or have the host added to ALLOWED_HOSTS.",
        )
    if not urlsplit(text).path.endswith(PATH):
        raise InvalidRedirectUrl(
            f"A sign-in comes back to {PATH}.",
            f"Let the Redirect URL end with it, such as {default()}.",
        )
    return text


def safe_return_path(url: str, otherwise: str) -> str:
    """A page of this site to go on with; `otherwise` for an address that leads elsewhere."""
    return url if url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None) else otherwise


def _host(text: str) -> tuple[str, str]:
    """The host an address leads to, or why it is none."""
    shape = f"This is not a web address a sign-in can come back to. Enter one such as {default()}."
    if _MISREAD.search(text):
        return "", shape
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "", shape
    if not host or parts.scheme not in {"http", "https"}:
        return "", shape
    if parts.scheme == "http" and not clouds.is_loopback(host):
        return "", "The Redirect URL begins with http://, which is allowed on this machine alone. Enter https://."
    return host, ""


def _ours(host: str) -> bool:
    own = urlsplit(settings.SITE_URL).hostname or ""
    named = [one for one in settings.ALLOWED_HOSTS if one != "*"]
    shown = f"[{host}]" if ":" in host else host
    return host == own or validate_host(shown, named)


def redirect_url() -> str:
    """Where a sign-in comes back to unless a connection says otherwise; it stands in the registration."""
    return returning.default()
