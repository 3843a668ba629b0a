"""Whose request it is: the visitor's address, where proxies stand in front too."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from django.conf import settings


def address_of(meta: Mapping[str, Any]) -> str | None:
    """Return the visitor's address: the connection's own, or what the outermost trusted proxy wrote (TRUSTED_PROXIES).

    meta: the request's headers, named as WSGI does. Each proxy appends whom it was asked by, so of n proxies the n-th
    entry from the end is the last one that can be believed; what stands before it is whatever the visitor sent.
    """
    own: str | None = meta.get("REMOTE_ADDR") or None
    written = [part.strip() for part in meta.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if not settings.TRUSTED_PROXIES or len(written) < settings.TRUSTED_PROXIES:
        return own
    return _ip_address(written[-settings.TRUSTED_PROXIES]) or own


def _ip_address(text: str) -> str | None:
    """Return the IP address in an entry, without a port; None where it holds none."""
    bare = text.partition("]")[0].lstrip("[") if text.startswith("[") else text
    for candidate in (bare, bare.rpartition(":")[0]):
        try:
            return str(ip_address(candidate))
        except ValueError:
            continue
    return None
