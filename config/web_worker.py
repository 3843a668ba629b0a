"""gunicorn's worker of threads, except that requests must arrive in time, and answers must be taken in time.

Threads that do nothing else read the requests; the threads that gunicorn is told of (--threads) answer them. So those
who send slowly keep nobody from being answered.
"""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from socket import socket
from typing import Any, BinaryIO

from django.conf import settings
from gunicorn.workers.gthread import ThreadWorker

from config.request_bodies import LEAST_RATE, SHORT_BYTES, Places, read_ahead, stop_reading
from core.visitors import address_of

_PART = 64 * 1024
READERS = 64
"""Threads of a process that read requests; they are made when needed."""


class Outgoing:
    """A connection while a request is answered: whoever does not take what is sent, in time, is cut off.

    What is sent at a time must be taken in settings.REQUEST_ARRIVAL_S seconds and as many more as its length takes at
    the rate that bodies keep to.
    """

    def __init__(self, connection: socket) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        """Return what the connection has, for all else."""
        return getattr(self._connection, name)

    def sendall(self, data: bytes) -> None:
        """Send bytes. Raises ConnectionResetError where they are not taken in time."""
        self._connection.settimeout(settings.REQUEST_ARRIVAL_S + len(data) / LEAST_RATE)
        try:
            self._connection.sendall(data)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "The answer was not taken in time.") from None
        finally:
            self._connection.settimeout(None)

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int = 0) -> None:
        """Send a part of a file: the socket's own would go on for as long as a byte is taken now and then."""
        file.seek(offset)
        while count > 0 and (part := file.read(min(count, _PART))):
            self.sendall(part)
            count -= len(part)


_ASKED = {"CONTENT-LENGTH", "X-FORWARDED-FOR", "COOKIE"}


class PunctualThreadWorker(ThreadWorker):
    """Ends connections whose request does not begin in settings.REQUEST_ARRIVAL_S seconds; see config.request_bodies.

    gunicorn gives a thread to a connection on which something arrives, and has it wait for the rest of the head for
    as long as that takes.
    """

    def init_process(self) -> None:
        """Make the threads, then serve."""
        self._places = Places()
        self._answering = ThreadPoolExecutor(self.cfg.threads, "answering")
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return the threads that read."""
        return ThreadPoolExecutor(READERS, "reading")

    def handle(self, conn: Any) -> Any:
        """Read a request and have it answered, in a thread that reads."""
        conn.head_is_late = threading.Timer(settings.REQUEST_ARRIVAL_S, stop_reading, [conn.sock])
        conn.head_is_late.daemon = True
        conn.head_is_late.start()
        try:
            return super().handle(conn)
        finally:
            conn.head_is_late.cancel()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Read a short body, then have the request answered by a thread that answers, and wait for that."""
        conn.head_is_late.cancel()
        self._read_ahead(req, conn)
        return self._answering.submit(self._answer, req, conn).result()

    def _read_ahead(self, req: Any, conn: Any) -> None:
        headers = {name: value for name, value in req.headers if name in _ASKED}
        length = headers.get("CONTENT-LENGTH", "")
        if not length.isdecimal() or not 0 < int(length) <= SHORT_BYTES:
            return
        if req._expected_100_continue:
            req._expected_100_continue = False
            conn.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        sender = {"HTTP_X_FORWARDED_FOR": headers.get("X-FORWARDED-FOR", ""), "REMOTE_ADDR": conn.client[0]}
        key = address_of(sender), f"{settings.SESSION_COOKIE_NAME}=" in headers.get("COOKIE", "")
        req.body = read_ahead(req.body, conn.sock, int(length), self._places, key)

    def _answer(self, req: Any, conn: Any) -> Any:
        connection = conn.sock
        conn.sock = Outgoing(connection)
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock = connection
