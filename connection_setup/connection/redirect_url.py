"""Redirect URL of a connection: default, validation, and safe addresses to return to on this site.

A Redirect URL leads to this site alone, whoever types it: the code of a sign-in must not be sent elsewhere.
"""

import re
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import validate_host
from django.utils.http import url_has_allowed_host_and_scheme

from connection_setup.models import DataverseConnection
from core.refusals import NotUsable
from dataverse import clouds

PATH = "/connection/signed-in"
MAX_LENGTH = 250
_MISREAD = re.compile(r"[\x00-\x20\x7f-\uffff\U00010000-\U0010ffff\\@?#%]")
"""Characters that browsers and servers may read in different ways, so that the address could lead elsewhere."""


class InvalidRedirectUrl(NotUsable):
    """A Redirect URL does not lead to this site."""


def default_url() -> str:
    """Return the Redirect URL of this site's own address; on this machine that of localhost.

    The portal takes http://localhost and refuses http://127.0.0.1 (Microsoft identity platform, "Redirect URI
    restrictions"); a sign-in that comes back there is handed on to the address that it was begun at.
    """
    parts = urlsplit(settings.SITE_URL)
    host = parts.hostname or ""
    if host != "localhost" and parts.scheme == "http" and clouds.is_loopback(host) and _is_this_site("localhost"):
        port = f":{parts.port}" if parts.port else ""
        return f"http://localhost{port}{PATH}"
    return f"{settings.SITE_URL}{PATH}"


def origin_of(request: HttpRequest) -> str:
    """Return the origin that somebody opened this site at; its host is one of ALLOWED_HOSTS."""
    return clouds.origin(f"{request.scheme}://{request.get_host()}")


def begun_elsewhere(request: HttpRequest, connection: DataverseConnection) -> str:
    """Return the origin a sign-in is begun at, where it is another than the Redirect URL's; "" where it is that one.

    "" also for an origin that the code of a sign-in is not handed on to (is_trusted).
    """
    here = origin_of(request)
    return here if here != clouds.origin(effective_url(connection)) and is_trusted(here) else ""


def is_trusted(origin: str) -> bool:
    """Return whether the code of a sign-in may be handed on to an origin: one of this site, as a Redirect URL is.

    Whoever sends a request chooses its host and port, and ALLOWED_HOSTS may be "*": the host must be named there or in
    SITE_URL, the connection encrypted or of this machine, and the port the site's own. A site of this machine may be
    opened at any port of it.
    """
    parts, own = urlsplit(origin), urlsplit(settings.SITE_URL)
    host, here = parts.hostname or "", clouds.is_loopback(parts.hostname or "")
    if not _is_this_site(host) or not (parts.scheme == "https" or here) or len(origin) > MAX_LENGTH:
        return False
    if here and clouds.is_loopback(own.hostname or ""):
        return True
    return _port(parts) == _port(own)


def effective_url(connection: DataverseConnection) -> str:
    """Return the connection's Redirect URL: the typed one as long as it leads to this site, else the default."""
    try:
        return clean(connection.redirect_url) or default_url()
    except InvalidRedirectUrl:
        return default_url()


def clean(typed: str) -> str:
    """Return the Redirect URL to store; "" for the default. Raises InvalidRedirectUrl."""
    text = typed.strip()
    if text in ("", default_url()):
        return ""
    if len(text) > MAX_LENGTH:
        raise InvalidRedirectUrl(
            f"The Redirect URL is longer than {MAX_LENGTH} characters.",
            f"Enter one such as {default_url()}.",
        )
    host = _host(text)
    if not _is_this_site(host):
        raise InvalidRedirectUrl(
            f"This site does not answer at {host[:80]}, so a sign-in cannot come back there.",
            f"Enter an address of this site, such as {default_url()}, or have the host added to ALLOWED_HOSTS.",
        )
    if not urlsplit(text).path.endswith(PATH):
        raise InvalidRedirectUrl(
            f"A sign-in comes back to {PATH}.",
            f"Let the Redirect URL end with it, such as {default_url()}.",
        )
    return text


def safe_return_path(url: str, otherwise: str) -> str:
    """Return the address when it is a path on this site, else `otherwise`."""
    return url if url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None) else otherwise


def _host(text: str) -> str:
    """Return the host of an address. Raises InvalidRedirectUrl where it is no web address, or not https."""
    no_address = InvalidRedirectUrl(
        "This is not a web address a sign-in can come back to.", f"Enter one such as {default_url()}."
    )
    if _MISREAD.search(text):
        raise no_address
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port  # reading the port raises ValueError where it is none
    except ValueError:
        raise no_address from None
    if not host or parts.scheme not in {"http", "https"}:
        raise no_address
    if parts.scheme == "http" and not clouds.is_loopback(host):
        raise InvalidRedirectUrl(
            "The Redirect URL begins with http://, which is allowed on this machine alone.", "Enter https://."
        )
    return host


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _is_this_site(host: str) -> bool:
    own = urlsplit(settings.SITE_URL).hostname or ""
    named = [one for one in settings.ALLOWED_HOSTS if one != "*"]
    literal = f"[{host}]" if ":" in host else host
    return host == own or validate_host(literal, named)
