"""Receivers of alerts on this machine: a mail server that takes what it gets, and a web server that takes webhooks."""

import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jobs.alerts import services
from jobs.models import AlertReceiver

SECRET = "a long random secret of the tests"


class MailServer(socketserver.ThreadingTCPServer):
    """As much of SMTP as a mail takes; `refuses`: how RCPT is answered instead."""

    daemon_threads = allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailSession)
        self.mails: list[EmailMessage] = []
        self.refuses = ""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _MailSession(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline():
            word = line.split(b" ")[0].strip().upper()
            if word == b"QUIT":
                return self.say("221 bye")
            if word == b"RCPT" and self.server.refuses:
                self.say(self.server.refuses)
            elif word == b"DATA":
                self.say("354 go on")
                lines = []
                while (one := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(one.removeprefix(b"."))
                self.server.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
                self.say("250 taken")
            else:
                self.say("250 fine")
        return None

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


class WebhookServer(ThreadingHTTPServer):
    """Takes POSTs and keeps those that are signed; `status` and `location`: how it answers instead of 204."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _WebhookRequest)
        self.status, self.location, self.says = 200, "", b"taken"
        self.taken: list[dict[str, Any]] = []
        self.deliveries: list[str] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.badly_signed = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hooks/tandem-8c1f?for=tests"


class _WebhookRequest(BaseHTTPRequestHandler):
    server: WebhookServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = self.headers["Tandem-Timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        self.server.requests.append((dict(self.headers), body))
        self.server.deliveries.append(self.headers["Tandem-Delivery"])
        if not hmac.compare_digest(expected, self.headers["Tandem-Signature"]):
            self.server.badly_signed += 1
        elif self.server.status < 300:
            self.server.taken.append(json.loads(body))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        self.wfile.write(self.server.says)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """Serve in a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def use(settings: Any, server: MailServer) -> None:
    """Have mail go to a server, as EMAIL_URL would."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.MAIL_IS_SET_UP, settings.DEFAULT_FROM_EMAIL = True, "tandem@example.com"


def canary(company: Any, secret: str) -> AlertReceiver:
    """Return a company's webhook that is signed with a secret; nothing takes it."""
    found = AlertReceiver.objects.filter(company=company, way="webhook").first()
    return found or services.save_receiver(
        company=company, way="webhook", address="https://127.0.0.1:1/hooks", secret=secret
    )
