"""Server of HTTP/1.1 over TLS: a thread per connection, connections kept open."""

import contextlib
import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.base.messages import Request, Response
from sandbox.environment import Environment
from sandbox.service import authority
from sandbox.service.application import Application, plain_error

MAX_HEADERS = 200
MAX_HEAD_BYTES = 131_072
MAX_BODY_BYTES = 2_000_000_000
IDLE_S = 120
_LOOPBACK = ("127.", "::1", "::ffff:127.")
_SLOW_PIECES = 10
_SLOW_PAUSE_S = 0.3

_log = logging.getLogger("sandbox")


class _ConnectionLost(Exception):
    """The connection ended in the middle of a request."""


class Server:
    """Serves one environment on a port of this machine. `others` are the servers of environments beside it."""

    def __init__(self, environment: Environment, ca_file: Path, port: int = 0, host: str = "127.0.0.1") -> None:
        self.environment = environment
        self.ca_file = ca_file
        self.application = Application(environment)
        self.stopping = threading.Event()
        self._context = authority.server_context(authority.obtain(ca_file))
        self._listeners = _listeners(host, port)
        self.port: int = self._listeners[0].getsockname()[1]
        self.others: list[Server] = []
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """Address of the environment."""
        return f"https://localhost:{self.port}"

    def start(self) -> None:
        """Start to accept connections, in threads of the server's own."""
        directory = self.environment.directory
        directory.add(self.environment, self.url)
        if directory.serve_another is None:
            directory.serve_another, directory.stop_others = self._serve_another, self._stop_others
        for listener in self._listeners:
            thread = threading.Thread(target=self._accept, args=(listener,), name="sandbox", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve_another(self, environment: Environment) -> dict[str, str]:
        """Serve another environment on a port of its own, as long as this one; return how to connect to it."""
        other = Server(environment, self.ca_file)
        other.start()
        self.others.append(other)
        return connection_details(other)

    def _stop_others(self) -> None:
        while self.others:
            self.others.pop().stop()

    def stop(self) -> None:
        """Stop accepting and close all connections."""
        self.stopping.set()
        self.environment.directory.remove(self.environment)
        self._stop_others()
        for listener in self._listeners:
            # A blocked accept() does not notice a close; a shutdown wakes it.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            open_now = list(self._connections)
        for connection in open_now:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)

    def _accept(self, listener: socket.socket) -> None:
        while not self.stopping.is_set():
            try:
                connection, address = listener.accept()
            except OSError:
                return
            accepted_at = time.monotonic()
            thread = threading.Thread(target=self._serve, args=(connection, str(address[0]), accepted_at), daemon=True)
            thread.start()

    def _serve(self, connection: socket.socket, peer: str, accepted_at: float) -> None:
        connection.settimeout(IDLE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            wrapped = self._context.wrap_socket(connection, server_side=True)
        except (OSError, ssl.SSLError):
            connection.close()
            return
        with self._lock:
            self._connections.add(wrapped)
        try:
            _Connection(self, wrapped, accepted_at, loopback=peer.startswith(_LOOPBACK)).serve()
        except (OSError, _ConnectionLost):
            pass
        finally:
            with self._lock:
                self._connections.discard(wrapped)
            with contextlib.suppress(OSError):
                wrapped.close()


def connection_details(server: Server) -> dict[str, str]:
    """Return the address of a server's environment and the credentials for it."""
    environment = server.environment
    return {
        "environment_url": server.url,
        "authority": f"{server.url}/{environment.tenant.id}",
        "tenant_id": environment.tenant.id,
        "client_id": environment.client_id,
        "client_secret": environment.credentials.client_secret,
        "admin_user": environment.admin_user,
        "admin_password": environment.credentials.admin_password,
        "ca_file": str(server.ca_file),
    }


def _listeners(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets on IPv4 and, where this machine has it, IPv6, both on the same port."""
    four = socket.create_server((host, port), backlog=256)
    listeners = [four]
    if host == "127.0.0.1":
        try:
            listeners.append(socket.create_server(("::1", four.getsockname()[1]), family=socket.AF_INET6, backlog=256))
        except OSError:
            _log.debug("No IPv6 on this machine")
    return listeners


class _Connection:
    """Reads and answers the requests of one connection, until either side closes it."""

    def __init__(self, server: Server, wire: ssl.SSLSocket, accepted_at: float, *, loopback: bool) -> None:
        self.server = server
        self.wire = wire
        # A client opens a connection to send a request: the first one arrived then, however long the handshake took.
        self.accepted_at: float | None = accepted_at
        self.loopback = loopback
        self.buffer = bytearray()

    def serve(self) -> None:
        while not self.server.stopping.is_set():
            try:
                request, keep_open = self._read_request()
            except _InvalidRequest as invalid:
                self._send_whole(plain_error(invalid.status, invalid.message), keep_open=False)
                return
            if request is None:
                return
            answer = self._answer(request)
            try:
                if not self._send(answer, keep_open=keep_open, head=request.method == "HEAD") or not keep_open:
                    return
            finally:
                if answer.after_send is not None:
                    answer.after_send()

    def _answer(self, request: Request) -> Response:
        try:
            return self.server.application.answer(request)
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            return plain_error(500, "The sandbox met an error of its own; its log has the details.")

    # -- reading ------------------------------------------------------------------------------------------------------

    def _receive(self) -> bool:
        """Add what arrives to the buffer; return False where the connection has ended."""
        try:
            more = self.wire.recv(262_144)
        except (TimeoutError, ssl.SSLError):
            return False
        self.buffer += more
        return bool(more)

    def _read_request(self) -> tuple[Request | None, bool]:
        """Return the next request (None at the end), and whether the client keeps the connection open after it."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if len(self.buffer) > MAX_HEAD_BYTES:
                raise _InvalidRequest(431, "The request's headers are too long.")
            if not self._receive():
                return None, False
        arrived, self.accepted_at = time.monotonic() if self.accepted_at is None else self.accepted_at, None
        head = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
        del self.buffer[: end + 4]
        words = head[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _InvalidRequest(400, "The request line cannot be read.")
        headers: dict[str, str] = {}
        if len(head) > MAX_HEADERS:
            raise _InvalidRequest(431, "The request has too many headers.")
        for line in head[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise _InvalidRequest(400, "A header cannot be read.")
            name, value = name.strip().lower(), value.strip()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        if headers.get("expect", "").lower() == "100-continue":
            self.wire.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._read_body(headers)
        target = words[1]
        if target.lower().startswith(("http://", "https://")):
            target = "/" + target.split("//", 1)[1].partition("/")[2]
        path, _, query = target.partition("?")
        keep_open = headers.get("connection", "").lower() != "close" and words[2] == "HTTP/1.1"
        origin = f"https://{headers.get('host') or f'localhost:{self.server.port}'}".lower()
        method = words[0].upper()
        request = Request(
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            origin=origin,
            loopback=self.loopback,
            connection=id(self),
            arrived=arrived,
        )
        return request, keep_open

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks()
        text = headers.get("content-length", "0")
        if not text.isascii() or not text.isdigit():
            raise _InvalidRequest(400, "The request's length cannot be read.")
        return self._take_bytes(int(text))

    def _take_bytes(self, length: int) -> bytes:
        """Return exactly so many bytes. Raises _ConnectionLost where there are fewer."""
        if length > MAX_BODY_BYTES:
            raise _InvalidRequest(413, "The request is too large.")
        while len(self.buffer) < length:
            if not self._receive():
                raise _ConnectionLost
        body = bytes(self.buffer[:length])
        del self.buffer[:length]
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            while (end := self.buffer.find(b"\r\n")) < 0:
                if not self._receive():
                    raise _ConnectionLost
            text = bytes(self.buffer[:end]).split(b";")[0].strip()
            del self.buffer[: end + 2]
            try:
                size = int(text, 16)
            except ValueError:
                raise _InvalidRequest(400, "A chunk's length cannot be read.") from None
            body += self._take_bytes(size)
            self._take_bytes(2)
            if size == 0:
                return bytes(body)

    # -- writing ------------------------------------------------------------------------------------------------------

    def _send(self, answer: Response, *, keep_open: bool, head: bool) -> bool:
        """Send the answer, or misbehave as its fault asks; return whether the connection stays open."""
        if answer.wire_fault == "reset":
            self._reset_connection()
            return False
        if answer.wire_fault == "lost_reply":
            return False
        if answer.wire_fault == "timeout":
            self._stay_silent()
            return False
        if answer.wire_fault in {"slow", "truncate"}:
            self._send_damaged(answer)
            return False
        if answer.stream is not None and not head:
            self._send_stream(answer, answer.stream, keep_open=keep_open)
        else:
            self._send_whole(answer, keep_open=keep_open, head=head)
        return True

    def _send_stream(self, answer: Response, pieces: Iterator[bytes], *, keep_open: bool) -> None:
        self.wire.sendall(self._build_head(answer, -1, keep_open=keep_open))
        for piece in pieces:
            if piece:
                self.wire.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wire.sendall(b"0\r\n\r\n")

    @staticmethod
    def _build_head(answer: Response, length: int, *, keep_open: bool) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Answer')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        if length < 0:
            lines.append("Transfer-Encoding: chunked")
        elif answer.status not in {204, 304}:
            lines.append(f"Content-Length: {length}")
        lines.append("Connection: keep-alive" if keep_open else "Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _send_whole(self, answer: Response, *, keep_open: bool, head: bool = False) -> None:
        body = b"" if head or answer.status in {204, 304} else answer.body
        start = self._build_head(answer, len(answer.body), keep_open=keep_open)
        if len(body) < 65_536:
            self.wire.sendall(start + body)
        else:
            self.wire.sendall(start)
            self.wire.sendall(body)

    def _send_damaged(self, answer: Response) -> None:
        body = answer.body
        self.wire.sendall(self._build_head(answer, len(body), keep_open=False))
        if answer.wire_fault == "truncate":
            self.wire.sendall(body[: len(body) // 2])
            return
        size = max(1, -(-len(body) // _SLOW_PIECES))
        for at in range(0, len(body), size):
            if self.server.stopping.wait(_SLOW_PAUSE_S):
                return
            self.wire.sendall(body[at : at + size])

    def _stay_silent(self) -> None:
        """Send nothing until the client gives up (an hour at most)."""
        self.wire.settimeout(0.5)
        until = time.monotonic() + 3600
        while time.monotonic() < until and not self.server.stopping.is_set():
            try:
                if not self.wire.recv(65_536):
                    return
            except TimeoutError:
                continue
            except (OSError, ssl.SSLError):
                return

    def _reset_connection(self) -> None:
        """Close with a reset instead of an orderly end."""
        self.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _InvalidRequest(Exception):
    """A request that is not valid HTTP, or too large."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    302: "Found",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    412: "Precondition Failed",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
