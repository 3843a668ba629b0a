"""gunicorn's worker of threads, except that requests must arrive in time, and answers must be taken in time."""

import errno
import threading
from socket import socket
from typing import Any, BinaryIO

from django.conf import settings
from gunicorn.workers.gthread import ThreadWorker

from config.request_bodies import LEAST_RATE, stop_reading

_PART = 64 * 1024


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


class PunctualThreadWorker(ThreadWorker):
    """Ends connections whose request does not begin in settings.REQUEST_ARRIVAL_S seconds; see config.request_bodies.

    gunicorn gives a thread to a connection on which something arrives, and has it wait for the rest of the head for
    as long as that takes.
    """

    def handle(self, conn: Any) -> Any:
        """Read a request and answer it, in a thread."""
        conn.head_is_late = threading.Timer(settings.REQUEST_ARRIVAL_S, stop_reading, [conn.sock])
        conn.head_is_late.daemon = True
        conn.head_is_late.start()
        try:
            return super().handle(conn)
        finally:
            conn.head_is_late.cancel()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head has arrived."""
        conn.head_is_late.cancel()
        connection = conn.sock
        conn.sock = Outgoing(connection)
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock = connection
