"""A small HTTPS server on loopback that answers what a test scripts and records the requests it receives.

It stands for the wire alone (lost answers, redirects, odd bodies); what Dataverse itself does is the sandbox's part.
"""

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TENANT = "6a1f0a52-9a5e-4a55-8a9e-0f1c5d3f7b10"


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False
    wait_s: float = 0.0
    drip_s: float = 0.0
    """Seconds between two bytes of the body."""


Answering = Callable[[Received], Reply]


class Server:
    """`answer` answers Web API requests; `sign_in` those of the sign-in, by default with a token."""

    def __init__(self, folder: Path) -> None:
        self.received: list[Received] = []
        self.answer: Answering = lambda received: Reply(404)
        self.sign_in: Answering = self.token
        self.tokens = 0
        self.ca_file = str(folder / "ca.pem")
        key_file = folder / "key.pem"
        write_certificate(Path(self.ca_file), key_file)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                received = Received(self.command, self.path, dict(self.headers.items()), body)
                outer.received.append(received)
                self.reply(outer.reply_to(received))

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = serve  # noqa: N815

            def reply(self, reply: Reply) -> None:
                if reply.wait_s:
                    threading.Event().wait(reply.wait_s)
                if reply.drop:
                    self.close_connection = True
                    self.connection.close()
                    return
                content = reply.body if isinstance(reply.body, bytes) else b""
                if reply.body is not None and not isinstance(reply.body, bytes):
                    content = json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if reply.drip_s:
                    for byte in content:
                        self.wfile.write(bytes([byte]))
                        threading.Event().wait(reply.drip_s)
                    return
                self.wfile.write(content[: len(content) // 2] if reply.cut else content)
                self.close_connection = self.close_connection or reply.cut

            def log_message(self, *args: Any) -> None: ...

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None: ...

        self.http = Quiet(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, str(key_file))
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def reply_to(self, received: Received) -> Reply:
        if received.path.startswith("/api/data/"):
            return self.answer(received)
        return self.sign_in(received)

    def token(self, received: Received) -> Reply:
        if received.path.endswith("/.well-known/openid-configuration"):
            base = f"{self.url}/{TENANT}"
            return Reply(
                body={
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                }
            )
        self.tokens += 1
        return Reply(body={"token_type": "Bearer", "expires_in": 3600, "access_token": f"token-{self.tokens}"})

    @property
    def api(self) -> list[Received]:
        return [received for received in self.received if received.path.startswith("/api/data/")]


def refused(status: int, code: str = "", message: str = "no", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"code": code, "message": message}}, named)


def write_certificate(certificate_file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
