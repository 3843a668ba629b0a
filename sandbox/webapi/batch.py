"""$batch: many operations in one request, read, run in order and answered in order."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote
from uuid import uuid4

from sandbox.base.errors import ServiceError, query_error
from sandbox.base.faults import PART_FAULTS, Fault
from sandbox.base.messages import Response
from sandbox.data.store import Transaction
from sandbox.environment import Environment
from sandbox.odata.paths import path_shape, strip_root
from sandbox.webapi.context import Operation
from sandbox.webapi.dispatch import Dispatcher

MOST_OPERATIONS = 1000
MOST_ADDRESS = 65_536
WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_REQUEST_LINE = re.compile(r"([A-Za-z]+) +(\S.*?) +HTTP/1\.[01]")
"""Microsoft's own SDK leaves spaces in an address as they are, so the service takes them."""
_REFERENCE = re.compile(r"\$([\w.-]+)")
_IN_BODY = re.compile(rb'("[^"]*@odata\.(?:bind|id)"\s*:\s*")/?\$([\w.-]+)"')

_REASONS = {200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified"}


class Cut(Exception):
    """A fault that strikes the connection, met at a part: the rest of the batch is not run."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.fault)
        self.fault = fault


@dataclass(slots=True)
class Part:
    """One operation of a batch; its Content-ID where it has one."""

    operation: Operation
    content_id: str = ""


@dataclass(slots=True)
class _Answer:
    response: Response
    content_id: str = ""
    changes: "list[_Answer] | None" = None


@dataclass(slots=True)
class Batch:
    """Runs a batch."""

    environment: Environment
    dispatcher: Dispatcher
    origin: str
    continue_on_error: bool
    partial: bool = False
    late: Fault | None = None
    rows_read: int = 0
    rows_written: int = 0
    seen: int = 0
    wait_s: float = 0.0
    """The longest wait a part was refused with: the user is told so, though the answer around it says 200."""
    addresses: dict[str, str] = field(default_factory=dict)

    def run(self, content_type: str, body: bytes) -> Response:
        """The multipart answer. Raises ServiceError where the batch itself cannot be read."""
        parts = _read(content_type, body)
        answers: list[_Answer] = []
        status = 200
        for part in parts:
            if isinstance(part, list):
                with self.environment.lock:  # nobody sees half of a change set
                    answer = self._change_set(part)
            else:
                answer = self._single(part)
            answers.append(answer)
            if answer.response.status >= 400 and not self.continue_on_error:
                status = answer.response.status
                break
        boundary = f"batchresponse_{uuid4()}"
        made = Response(status, _write(boundary, answers), {"Content-Type": f"multipart/mixed; boundary={boundary}"})
        made.rows_read, made.rows_written = self.rows_read, self.rows_written
        if self.continue_on_error:
            made.headers["Preference-Applied"] = "odata.continue-on-error"
        if self.late is not None:
            made.wire_fault = self.late.fault
        return made

    # -- one part -----------------------------------------------------------------------------------------------------

    def _single(self, part: Part) -> _Answer:
        return _Answer(self._guarded(part, None), part.content_id)

    def _change_set(self, parts: list[Part]) -> _Answer:
        transaction = Transaction()
        self.addresses = {}
        made: list[_Answer] = []
        for part in parts:
            response = self._guarded(part, transaction, change_set=True)
            if response.status >= 400:
                transaction.roll_back()
                return _Answer(response, part.content_id)
            if part.content_id and "OData-EntityId" in response.headers:
                self.addresses[part.content_id] = response.headers["OData-EntityId"]
            made.append(_Answer(response, part.content_id))
        self.rows_written += transaction.written
        self.environment.request_counts.count_rows_written(transaction.written)
        return _Answer(Response(200), changes=made)

    def _guarded(self, part: Part, transaction: Transaction | None, *, change_set: bool = False) -> Response:
        environment = self.environment
        operation = part.operation
        self.seen += 1
        try:
            self._resolve(operation)
            found = strip_root(operation.path)
            if found is None:
                raise query_error(f"Invalid URI: '{operation.path}' is no address of this Web API.")
            operation.path = unquote(found)
            if len(found) + len(operation.query) > MOST_ADDRESS:
                raise query_error(f"The address of a part is longer than {MOST_ADDRESS} characters.")
            form = path_shape(operation.path)
            environment.request_counts.count_part(operation.method, form)
            if operation.method in WRITES:
                environment.request_counts.increment("writes")
            if form == "$batch":
                raise query_error("A batch can't contain another batch.")
            if change_set and operation.method == "GET":
                raise query_error("A change set can't contain a GET request.")
            self._strike(operation.method, form)
            with environment.lock:
                response = self.dispatcher.run(operation, transaction)
        except ServiceError as error:
            if error.status == 429:
                environment.request_counts.increment("throttled")
                self.wait_s = max(self.wait_s, float(error.headers.get("Retry-After", 0)))
            headers = {"Content-Type": "application/json; odata.metadata=minimal", **error.headers}
            return Response(error.status, error.body(), headers)
        self.rows_read += response.rows_read
        self.rows_written += response.rows_written
        if operation.method in {"POST", "PATCH"} and "OData-EntityId" in response.headers:
            response.headers["Location"] = response.headers["OData-EntityId"]
        return response

    def _strike(self, method: str, form: str) -> None:
        fault = self.environment.faults.inject(method, form, in_batch=True, already_partial=self.partial)
        if fault is not None and fault.fault == "partial_batch":
            self.partial, fault = True, None
        if self.partial and self.seen % 2 == 0:
            raise ServiceError(500, "0x80040216", "An unexpected error occurred.")
        if fault is None:
            return
        if fault.fault in PART_FAULTS:
            raise fault.error()
        if fault.fault in {"slow", "truncate", "lost_reply"}:
            self.late = fault
            return
        raise Cut(fault)

    def _resolve(self, operation: Operation) -> None:
        """Put the addresses of earlier parts in place of `$1`."""
        path = operation.path.lstrip("/")
        found = _REFERENCE.match(path)
        if found and not path.startswith("$batch"):
            operation.path = self._address(found.group(1)) + path[found.end() :]
        if b"$" in operation.body:
            operation.body = _IN_BODY.sub(self._in_body, operation.body)

    def _in_body(self, found: "re.Match[bytes]") -> bytes:
        return found.group(1) + self._address(found.group(2).decode()).encode() + b'"'

    def _address(self, content_id: str) -> str:
        if content_id not in self.addresses:
            raise query_error(f"Content-ID Reference: '${content_id}' does not exist in the batch context.")
        return self.addresses[content_id]


# -- reading ----------------------------------------------------------------------------------------------------------


def _read(content_type: str, body: bytes) -> list[Part | list[Part]]:
    boundary = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/mixed") or boundary is None:
        raise query_error("The content type of a batch must be multipart/mixed with a boundary.")
    made: list[Part | list[Part]] = []
    many = 0
    for piece in _pieces(body, boundary.group(1)):
        headers, content = _headers(piece)
        kind = headers.get("content-type", "")
        if kind.lower().startswith("multipart/mixed"):
            inner = _BOUNDARY.search(kind)
            if inner is None:
                raise query_error("A change set's content type needs a boundary.")
            changes = [_part(one, in_change_set=True) for one in _pieces(content, inner.group(1))]
            many += len(changes)
            made.append(changes)
        else:
            many += 1
            made.append(_part(piece))
        if many > MOST_OPERATIONS:
            raise query_error(f"The batch holds more than the {MOST_OPERATIONS} operations allowed.")
    if not made:
        raise query_error("The batch holds no operations.")
    return made


def _pieces(body: bytes, boundary: str) -> list[bytes]:
    mark = b"--" + boundary.encode()
    if not (body.startswith(mark) or b"\n" + mark in body):
        raise query_error("The batch's body does not use the boundary of its content type.")
    cut = re.split(rb"(?:^|\r?\n)" + re.escape(mark), body)
    made: list[bytes] = []
    for piece in cut[1:]:
        if piece.startswith(b"--"):
            return made
        made.append(piece.lstrip(b" \t").removeprefix(b"\r\n").removeprefix(b"\n"))
    raise query_error("The batch's closing boundary is missing.")


def _headers(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, found, rest = _cut(piece)
    if not found and head:
        raise query_error("A part of the batch has no empty line after its headers.")
    made = {}
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        made[name.strip().lower()] = value.strip()
    return made, rest


def _cut(piece: bytes) -> tuple[bytes, bool, bytes]:
    found = re.search(rb"\r?\n\r?\n", piece)
    if found is None:
        return piece, False, b""
    return piece[: found.start()], True, piece[found.end() :]


def _part(piece: bytes, *, in_change_set: bool = False) -> Part:
    headers, content = _headers(piece)
    if not headers.get("content-type", "").lower().startswith("application/http"):
        raise query_error("The content type of a part must be application/http.")
    content_id = headers.get("content-id", "")
    if in_change_set and not content_id:
        raise query_error("Content-ID header not present in the change set's part.")
    head, _, body = _cut(content.lstrip(b"\r\n"))
    first, _, rest = head.partition(b"\n")
    line = _REQUEST_LINE.fullmatch(first.decode("latin-1").strip())
    if line is None:
        raise query_error(f"'{first.decode('latin-1').strip()[:200]}' is no request line.")
    inner = {}
    for one in rest.decode("latin-1").splitlines():
        name, _, value = one.partition(":")
        inner[name.strip().lower()] = value.strip()
    path, _, query = line.group(2).partition("?")
    return Part(Operation(line.group(1).upper(), path, query, inner, body), content_id)


# -- writing ----------------------------------------------------------------------------------------------------------


def _write(boundary: str, answers: list[_Answer]) -> bytes:
    made: list[bytes] = []
    for answer in answers:
        made.append(b"--" + boundary.encode() + b"\r\n")
        if answer.changes is None:
            made.append(_http(answer))
        else:
            inner = f"changesetresponse_{uuid4()}"
            made.append(f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode())
            made.extend(b"--" + inner.encode() + b"\r\n" + _http(change) for change in answer.changes)
            made.append(f"--{inner}--\r\n".encode())
    made.append(f"--{boundary}--\r\n".encode())
    return b"".join(made)


def _http(answer: _Answer) -> bytes:
    response = answer.response
    outer = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    if answer.content_id:
        outer += f"Content-ID: {answer.content_id}\r\n"
    headers = {**response.headers, "OData-Version": "4.0"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    reason = _REASONS.get(response.status, "Error")
    head = f"{outer}\r\nHTTP/1.1 {response.status} {reason}\r\n{lines}\r\n"
    return head.encode("latin-1", "replace") + response.body + b"\r\n"
