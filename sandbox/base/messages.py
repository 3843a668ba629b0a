"""A request after it was read from the wire, and an answer before it is written to it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Request:
    """One request; header names are in lower case. `origin` is the address that the client used.

    `arrived` is monotonic time: when the head had been read, or for a connection's first when it was opened.
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


@dataclass(slots=True)
class Response:
    """One answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wire_fault: str = ""
    """The fault with which it is sent: reset, timeout, slow, truncate or lost_reply; empty for none."""
    rows_read: int = 0
    rows_written: int = 0
    after_send: Callable[[], None] | None = None
    stream: Iterator[bytes] | None = None
    """A body that is too large to hold in memory: sent in chunks, in place of `body`."""


JSON = "application/json; odata.metadata=minimal"


def json_response(body: bytes, applied: Sequence[str] = ()) -> Response:
    """Return a JSON body as an answer that names the preferences it honours."""
    headers = {"Content-Type": JSON}
    if applied:
        headers["Preference-Applied"] = ",".join(applied)
    return Response(200, body, headers)
