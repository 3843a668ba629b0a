"""A request and an answer, before and after the wire."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Request:
    """What came in; header names are in lower case. `origin` is the address the client used.

    arrived: when its head had been read, by the monotonic clock; a connection's first when the connection was opened.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    origin: str
    loopback: bool = True
    connection: int = 0
    arrived: float = field(default_factory=time.monotonic)

    def prefer(self) -> str:
        """The Prefer header, repeated ones joined."""
        return self.headers.get("prefer", "")


@dataclass(slots=True)
class Response:
    """What goes out."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    trick: str = ""
    """How the wire misbehaves: reset, timeout, slow, truncate or lost_reply."""
    rows_read: int = 0
    rows_written: int = 0
    after: Callable[[], None] | None = None
    stream: Iterator[bytes] | None = None
    """A body that is too large to hold: sent in chunks, in place of `body`."""


JSON = "application/json; odata.metadata=minimal"


def as_json(body: bytes, applied: Sequence[str] = ()) -> Response:
    """A body that is JSON, as an answer that names the preferences it honours."""
    headers = {"Content-Type": JSON}
    if applied:
        headers["Preference-Applied"] = ",".join(applied)
    return Response(200, body, headers)
