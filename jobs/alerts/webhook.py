"""Sending a webhook: one POST of JSON to an address that was checked, signed, without following anything."""

import contextlib
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import certifi
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from core.refusals import Refusal
from jobs.alerts import addresses

TIMEOUT_S = 5.0
"""Seconds for each step: connecting, sending, each part of the answer."""
WHOLE_S = 10.0
"""Seconds after which the connection is cut, whatever the receiver does."""
ANSWER_BYTES = 2_000
SHOWN = 200
"""Characters of an answer that pages show."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Whether a message arrived, and what the receiver answered, in words."""

    ok: bool
    answer: str


@sensitive_variables("secret")
def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what the header Tandem-Signature holds: HMAC-SHA256 over timestamp, full stop and body, as hex."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


@sensitive_variables("secret")
def send(url: str, secret: str, body: bytes, delivery: str) -> Sent:
    """Post a body to an address; delivery: the message's id. Whatever goes wrong is in the answer."""
    try:
        url = addresses.check_url(url, loopback_allowed=settings.SANDBOX_ALLOWED)
        parts = urlsplit(url)
        ip = _resolve(parts)
    except Refusal as refusal:
        return Sent(False, refusal.user_message)
    except OSError:
        return Sent(False, "The host's name could not be looked up.")
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json", "User-Agent": "Tandem-Alerts", "Tandem-Delivery": delivery,
        "Tandem-Timestamp": timestamp, "Tandem-Signature": signature(secret, timestamp, body), "Connection": "close",
    }  # fmt: skip
    return _post(parts, ip, headers, body)


def _resolve(parts: SplitResult) -> str:
    """Return the IP address to connect to. Raises Refusal where the name leads to a private one, OSError for none.

    It is looked up once, and connected to as it was checked: a name server cannot give another one in between.
    """
    host = parts.hostname or ""
    found = socket.getaddrinfo(host, parts.port or (443 if parts.scheme == "https" else 80), type=socket.SOCK_STREAM)
    ips = [str(one[4][0]) for one in found]
    for ip in ips:
        addresses.check_ip(ip, loopback_allowed=settings.SANDBOX_ALLOWED)
    if not ips:
        raise OSError("no address")
    return ips[0]


def _post(parts: SplitResult, ip: str, headers: Mapping[str, str], body: bytes) -> Sent:
    host, secure = parts.hostname or "", parts.scheme == "https"
    connection = http.client.HTTPConnection(host, parts.port or (443 if secure else 80), timeout=TIMEOUT_S)
    connection.default_port = 443 if secure else 80
    cut = False

    def end() -> None:
        nonlocal cut
        cut = True
        with contextlib.suppress(OSError, AttributeError):  # not connected yet, or not any more
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(WHOLE_S, end)
    timer.daemon = True
    timer.start()
    try:
        connection.sock = socket.create_connection((ip, connection.port), timeout=TIMEOUT_S)
        if secure:
            connection.sock = _tls().wrap_socket(connection.sock, server_hostname=host)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return _judge(answer.status, answer.read(ANSWER_BYTES))
    except ssl.SSLCertVerificationError:
        return Sent(False, "The receiver's certificate is not trusted here.")
    except TimeoutError:
        return Sent(False, f"The receiver did not answer within {TIMEOUT_S:.0f} seconds.")
    except ConnectionRefusedError:
        return Sent(False, "The receiver refused the connection.")
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        if cut:
            return Sent(False, f"The receiver did not answer within {WHOLE_S:.0f} seconds.")
        return Sent(False, f"The connection to the receiver failed ({type(error).__name__}).")
    finally:
        timer.cancel()
        connection.close()


def _tls() -> ssl.SSLContext:
    """Trust what the machine trusts, and what certifi lists: some machines have no certificates of their own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _judge(status: int, content: bytes) -> Sent:
    text = " ".join("".join(one if one.isprintable() else " " for one in content.decode("utf-8", "replace")).split())
    said = f": {text[:SHOWN]}" if text else ""
    if 300 <= status < 400:
        return Sent(False, f"The receiver answered {status}, which leads elsewhere; that is not followed.")
    return Sent(200 <= status < 300, f"The receiver answered {status}{said}")
