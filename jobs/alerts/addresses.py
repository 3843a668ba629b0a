"""Which addresses may get a webhook: https to public hosts, and this machine itself where a sandbox is allowed."""

import contextlib
import ipaddress
import re
from urllib.parse import urlsplit

from core.refusals import Refusal
from dataverse.clouds import is_loopback

LONGEST = 500
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
"""Characters that two readers of an address could read differently, or that hide its host."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def check_url(url: str, *, loopback_allowed: bool) -> str:
    """Return a webhook's address without blanks around it. Raises Refusal for one that nothing may be sent to.

    Whether its host leads to a private address is asked at each sending: see check_ip.
    """
    text = url.strip()
    if len(text) > LONGEST:
        raise _refused(f"The address is longer than {LONGEST} characters.", "Enter a shorter one.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if _AMBIGUOUS.search(text) or not text.isascii() or not host or port == 0:
        raise _refused(
            f"{text[:80]!r} is not a web address.", "Enter one like https://alerts.example.com/tandem, without blanks."
        )
    if "@" in parts.netloc or parts.fragment:
        raise _refused(
            "The address must not contain a user name, a password or a #.",
            "The receiver knows Tandem by the signature: enter the address alone.",
        )
    local = is_loopback(host)
    if local and not loopback_allowed:
        raise _refused(
            f"{host} is this machine itself; a webhook goes to another one.", "Enter an address that others reach too."
        )
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise _refused("A webhook is sent over https only.", "Enter an address that begins with https://.")
    with contextlib.suppress(ValueError):  # a name, looked up when something is sent
        check_ip(host.strip("[]"), loopback_allowed=loopback_allowed)
    return text


def check_ip(text: str, *, loopback_allowed: bool) -> None:
    """Raise Refusal for an IP address that nothing may be sent to, ValueError for what is no IP address."""
    ip = ipaddress.ip_address(text.partition("%")[0])
    inner = ip
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip
        if ip in _NAT64 or ip.sixtofour is not None or ip.teredo is not None:
            raise _private(text)
    if inner.is_loopback and loopback_allowed:
        return
    if not inner.is_global or inner.is_multicast or inner.is_reserved:
        raise _private(text)


def shown(url: str) -> str:
    """Return what people read of a webhook's address: its path may be as good as a password."""
    parts = urlsplit(url)
    more = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{more}"[:300]


def _private(ip: str) -> Refusal:
    return _refused(
        f"{ip} is an address of a private network, and a webhook is sent to public ones only.",
        "Enter an address that is reached over the internet.",
    )


def _refused(message: str, fix: str) -> Refusal:
    return Refusal("configuration", message, fix, field="address")
