"""Bodies of requests: short ones are read before Django begins, and whoever sends slowly is cut off.

The web server's threads read what visitors send, each for as long as it takes. So that nobody keeps them all: a body
must arrive in settings.REQUEST_ARRIVAL_S seconds and as many more as its length takes at LEAST_RATE; threads that do
nothing else wait for short ones (config.web_worker), few of them for the same address; and of a body that nobody read
the rest is not waited for. Which bodies are too long is for ui.uploads.BodySizes to say, which knows who sends.
"""

import contextlib
import io
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.conf import settings

SHORT_BYTES = 64 * 1024
"""What is read ahead. Longer bodies hold files, and come from people who are signed in."""
MOST_READING = 3
"""Threads of a process that may wait for short bodies at a time in the application, where the worker did not."""
MOST_WAITING = 32
"""Short bodies of a process that may take longer than PROMPT_S at a time: half of the threads that read."""
MOST_OF_AN_ADDRESS = 8
"""How many of them may come from one address, without a session; with one, as many again."""
PROMPT_S = 1.0
"""How long a body may take to arrive that needs no place among those that wait."""
LEAST_RATE = 32 * 1024
"""Bytes a second that a body may not fall below for long."""
_QUEUE_S = 1.0

_LATE = (
    "408 Request Timeout",
    "The request did not arrive in time, so nothing was done. Check your connection, then send it again.",
)
_BUSY = (
    "503 Service Unavailable",
    "Too many requests are arriving slowly just now, so this one was not read. Send it again in a minute.",
)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class BodyCut(OSError):
    """The body did not arrive, or not in time."""


class Body:
    """A request's body: `read` raises BodyCut where it does not arrive in time, or ends before its length."""

    def __init__(self, stream: Any, connection: socket.socket, length: int) -> None:
        self._stream, self._connection, self._left = stream, connection, length
        self._announced = length > 0
        self._received = 0
        self._waited_s = 0.0
        self._cut = False

    @property
    def complete(self) -> bool:
        """Whether all of it has been read; of a body without a length nothing is."""
        return self._announced and self._left == 0

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes. Raises BodyCut."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        if not wanted:
            return b""
        if self._cut:
            raise BodyCut("The body was cut off.")
        began = time.monotonic()
        left_s = settings.REQUEST_ARRIVAL_S + (self._received + wanted) / LEAST_RATE - self._waited_s
        timer = threading.Timer(max(0.0, left_s), self.cut)
        timer.daemon = True
        timer.start()
        try:
            data: bytes = self._stream.read(wanted)
        finally:
            timer.cancel()
        self._waited_s += time.monotonic() - began
        self._received += len(data)
        self._left -= len(data)
        if len(data) < wanted:
            self.cut()
            raise BodyCut("The body did not arrive in time, or ended early.")
        return data

    def readline(self, size: int = -1) -> bytes:
        """Refuse: nobody reads a body by lines."""
        raise NotImplementedError

    def cut(self) -> None:
        """Read no more: whoever waits for the connection gets its end."""
        self._cut = True
        stop_reading(self._connection)


def stop_reading(connection: socket.socket) -> None:
    """Let whoever waits for more of a connection see its end, now and later."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


class Arrived(io.BytesIO):
    """A short body that has arrived."""


class Missing:
    """A short body that did not arrive in time; busy: since too many others are waited for."""

    failed = True
    """As gunicorn names it: where the next request of the connection begins is not known."""

    def __init__(self, busy: bool) -> None:
        self.busy = busy

    def read(self, _size: int = -1) -> bytes:
        """Raise BodyCut."""
        raise BodyCut("The body did not arrive in time.")


class Places:
    """How many short bodies are waited for: in all, and for each key, such as the address that sends them."""

    def __init__(self, most: int = MOST_WAITING, most_of_a_key: int = MOST_OF_AN_ADDRESS) -> None:
        self._most, self._most_of_a_key = most, most_of_a_key
        self._taken: Counter[object] = Counter()
        self._lock = threading.Lock()

    def take(self, key: object) -> bool:
        """Take a place; return whether there was one."""
        with self._lock:
            free = self._taken.total() < self._most and self._taken[key] < self._most_of_a_key
            if free:
                self._taken[key] += 1
            return free

    def give_back(self, key: object) -> None:
        """Free a place that was taken."""
        with self._lock:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]


def read_ahead(stream: Any, connection: socket.socket, length: int, places: Places, key: object) -> Arrived | Missing:
    """Read a short body, which needs a place once it takes longer than PROMPT_S seconds."""
    body, decided = Body(stream, connection, length), threading.Lock()
    state = {"arrived": False, "waits": False, "busy": False}

    def wait_on() -> None:
        with decided:
            if state["arrived"]:
                return
            state["waits"] = places.take(key)
            state["busy"] = not state["waits"]
        if state["busy"]:
            body.cut()

    timer = threading.Timer(PROMPT_S, wait_on)
    timer.daemon = True
    timer.start()
    try:
        return Arrived(body.read())
    except OSError:
        return Missing(state["busy"])
    finally:
        timer.cancel()
        with decided:
            state["arrived"] = True
        if state["waits"]:
            places.give_back(key)


class LimitedBodies:
    """Wraps a WSGI application."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._reading = threading.BoundedSemaphore(MOST_READING)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, of which a short body is read before."""
        connection = environ.get("gunicorn.socket")
        length = _length(environ)
        given = environ.get("wsgi.input")
        here = isinstance(given, Arrived)
        if connection is None or here or not (length or environ.get("HTTP_TRANSFER_ENCODING")):
            return self._application(environ, start_response)
        body = Body(environ["wsgi.input"], connection, length)
        if isinstance(given, Missing):
            return _refused(body, start_response, *(_BUSY if given.busy else _LATE))
        environ["wsgi.input"] = body
        if 0 < length <= SHORT_BYTES:
            if not self._reading.acquire(timeout=_QUEUE_S):
                return _refused(body, start_response, *_BUSY)
            try:
                environ["wsgi.input"] = io.BytesIO(body.read())
            except OSError:
                return _refused(body, start_response, *_LATE)
            finally:
                self._reading.release()
        return _Answer(self._application(environ, start_response), body)


class _Answer:
    """What the application answers; afterwards nobody waits for the rest of a body that it did not read."""

    def __init__(self, parts: Iterable[bytes], body: Body) -> None:
        self._parts, self._body = parts, body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        """End the application's answer, then the connection where the body is still coming."""
        if hasattr(self._parts, "close"):
            self._parts.close()
        if not self._body.complete:
            self._body.cut()


def _length(environ: dict[str, Any]) -> int:
    try:
        return max(0, int(environ.get("CONTENT_LENGTH") or 0))
    except ValueError:
        return 0


def _refused(body: Body, start_response: Callable[..., Any], status: str, text: str) -> Iterable[bytes]:
    body.cut()
    content = f"{text}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content))),
        ("Cache-Control", "no-store, private"), ("X-Content-Type-Options", "nosniff"),
    ]  # fmt: skip
    start_response(status, headers)
    return [content]
