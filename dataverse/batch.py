"""$batch, pure: many requests in one body, and the answers taken apart again, in order."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

import msgspec

from dataverse.errors import InvalidAnswer
from dataverse.types import Request

MOST_PARTS = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """One answer of a $batch. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def boundary() -> str:
    """A new boundary; random, so that no value can hold it."""
    return f"batch_{uuid.uuid4()}"


def encode(requests: Sequence[Request], *, root: str, boundary: str) -> bytes:
    """The multipart body of up to 1000 requests; `root` is the API's path, which parts name in full.

    Raises ValueError for no or too many requests, and for a path or header that would break out of its line.
    """
    if not 0 < len(requests) <= MOST_PARTS:
        raise ValueError(f"A batch takes 1 to {MOST_PARTS} requests, not {len(requests)}.")
    lines: list[bytes] = []
    for request in requests:
        path = request.path if request.path.startswith("/") else root + request.path
        headers = {"Accept": "application/json", **request.headers}
        content = b""
        if request.body is not None:
            content = msgspec.json.encode(request.body)
            headers |= {"Content-Type": "application/json; type=entry", "Content-Length": str(len(content))}
        head = [f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if any(re.search(r"[\r\n]", line) for line in head) or " " in path:
            raise ValueError("A request's path or header holds a space or a line break.")
        lines += [
            f"--{boundary}".encode(),
            b"Content-Type: application/http",
            b"Content-Transfer-Encoding: binary",
            b"",
            *(line.encode() for line in head),
            b"",
            content,
        ]
    lines += [f"--{boundary}--".encode(), b""]
    return b"\r\n".join(lines)


def decode(body: bytes, content_type: str) -> list[Part]:
    """The answers in a multipart body. Raises InvalidAnswer when it is not one or is cut off."""
    mark = _boundary_of(content_type)
    # A boundary stands at the beginning of a line; CRLF before it belongs to the boundary, not to the part.
    pieces = re.split(rb"(?:^|\r?\n)--" + re.escape(mark.encode()), body)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise InvalidAnswer(
            "Dataverse's answer to a batch is cut off, so what was done is read back before going on.",
            outcome_unknown=True,
        )
    return [_part(piece) for piece in pieces[1:-1]]


def limited(body: bytes, content_type: str) -> list[Part]:
    """The parts of an answer that were refused with 429: a limit is the user's, so all of the user's requests wait.

    Called on every answer before anything else may be sent: it looks for the status line first, which no JSON text can
    hold (a line break in it is escaped). An answer that cannot be taken apart has none here; `decode` says so.
    """
    if b"\nHTTP/1.1 429" not in body and b"\nHTTP/1.0 429" not in body:
        return []
    try:
        return [part for part in decode(body, content_type) if part.status == 429]
    except InvalidAnswer:
        return []


def _boundary_of(content_type: str) -> str:
    message = Message()
    message["Content-Type"] = content_type
    mark = message.get_boundary() if message.get_content_maintype() == "multipart" else None
    if not mark:
        raise InvalidAnswer(
            "Dataverse answered a batch with something else.",
            said=content_type,
            outcome_unknown=True,
        )
    return mark


def _part(piece: bytes) -> Part:
    head, inner = _split(piece.lstrip(b"\r\n"))
    if b"application/http" not in head.lower():
        raise InvalidAnswer("A part of Dataverse's answer to a batch is none.", outcome_unknown=True)
    head, body = _split(inner)
    first, *rest = re.split(rb"\r?\n", head)
    found = re.match(rb"HTTP/1\.[01] (\d{3})", first)
    if not found:
        raise InvalidAnswer("A part of Dataverse's answer to a batch has no status.", outcome_unknown=True)
    headers = {}
    for line in rest:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        headers[name.strip().lower()] = value.strip()
    return Part(int(found.group(1)), headers, body)


def _split(text: bytes) -> tuple[bytes, bytes]:
    """Head and body around the first blank line."""
    parts = re.split(rb"\r?\n\r?\n", text, maxsplit=1)
    return parts[0], parts[1] if len(parts) == 2 else b""
