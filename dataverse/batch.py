"""$batch, pure: many requests written into one body, and the answers read from one, in the same order.

Source: Web API, "Execute batch operations using the Web API" (multipart/mixed, OData 4.0 section 11.7).
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

import msgspec

from dataverse.errors import InvalidAnswer
from dataverse.types import Request

MAX_PARTS = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """One answer of a $batch. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def new_boundary() -> str:
    """Return a random boundary, so that no value can contain it."""
    return f"batch_{uuid.uuid4()}"


def encode(requests: Sequence[Request], *, root: str, boundary: str) -> bytes:
    """Return the multipart body of up to 1000 requests; `root` is the API's path, which parts name in full.

    Raises ValueError for no or too many requests, and for a path or header that would break out of its line.
    """
    if not 0 < len(requests) <= MAX_PARTS:
        raise ValueError(f"A batch takes 1 to {MAX_PARTS} requests, not {len(requests)}.")
    lines: list[bytes] = []
    for request in requests:
        lines += [
            f"--{boundary}".encode(),
            b"Content-Type: application/http",
            b"Content-Transfer-Encoding: binary",
            b"",
            *_encode_request(request, root),
        ]
    lines += [f"--{boundary}--".encode(), b""]
    return b"\r\n".join(lines)


def _encode_request(request: Request, root: str) -> list[bytes]:
    """Return the lines of one request."""
    path = request.path if request.path.startswith("/") else root + request.path
    headers = {"Accept": "application/json", **request.headers}
    content = b""
    if request.body is not None:
        content = msgspec.json.encode(request.body)
        headers |= {"Content-Type": "application/json; type=entry", "Content-Length": str(len(content))}
    head = [f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any(re.search(r"[\r\n]", line) for line in head) or " " in path:
        raise ValueError("A request's path or header contains a space or a line break.")
    return [*(line.encode() for line in head), b"", content]


def decode(body: bytes, content_type: str) -> list[Part]:
    """Return the answers in a multipart body. Raises InvalidAnswer when it is not one or is cut off."""
    boundary = _boundary_of(content_type)
    # A boundary stands at the beginning of a line; CRLF before it belongs to the boundary, not to the part. (A pattern
    # would have to be compiled for each answer, since each has another boundary.)
    pieces = [piece.removesuffix(b"\r") for piece in (b"\n" + body).split(f"\n--{boundary}".encode())]
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise InvalidAnswer(
            "Dataverse's answer to a batch is cut off, so what was done is read back before the work continues.",
            outcome_unknown=True,
        )
    return [_decode_part(piece) for piece in pieces[1:-1]]


def throttled_parts(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of an answer that were refused with 429.

    Called on every answer before anything else is sent: it looks for the status line first, which no JSON text can
    contain (a line break in it is escaped). An answer that cannot be decoded has none here; `decode` raises for it.
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
    boundary = message.get_boundary() if message.get_content_maintype() == "multipart" else None
    if not boundary:
        raise InvalidAnswer(
            "Dataverse answered a batch with something that is no batch of answers.",
            "Look whether a proxy or a sign-in page of the network stands between this site and Dataverse.",
            said=content_type,
            outcome_unknown=True,
        )
    return boundary


def _decode_part(piece: bytes) -> Part:
    head, inner = _split_at_blank_line(piece.lstrip(b"\r\n"))
    if b"application/http" not in head.lower():
        raise InvalidAnswer("A part of Dataverse's answer to a batch is no answer.", outcome_unknown=True)
    head, body = _split_at_blank_line(inner)
    first, *rest = re.split(rb"\r?\n", head)
    found = re.match(rb"HTTP/1\.[01] (\d{3})", first)
    if not found:
        raise InvalidAnswer("A part of Dataverse's answer to a batch has no status.", outcome_unknown=True)
    headers = {}
    for line in rest:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        headers[name.strip().lower()] = value.strip()
    return Part(int(found.group(1)), headers, body)


def _split_at_blank_line(text: bytes) -> tuple[bytes, bytes]:
    """Return head and body."""
    parts = re.split(rb"\r?\n\r?\n", text, maxsplit=1)
    return parts[0], parts[1] if len(parts) == 2 else b""
