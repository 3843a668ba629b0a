"""$batch: many operations in one request, run and answered in order."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote
from uuid import uuid4

from sandbox.base.errors import ServiceError, query_error
from sandbox.base.faults import PART_FAULTS, WIRE_FAULTS_AFTER, Fault
from sandbox.base.limits import retry_after_s
from sandbox.base.messages import JSON, Response
from sandbox.data.store import Transaction
from sandbox.environment import Environment
from sandbox.odata.paths import path_shape, strip_root
from sandbox.webapi.context import Operation
from sandbox.webapi.dispatch import Dispatcher

MAX_OPERATIONS = 1000
MAX_ADDRESS_CHARS = 65_536
WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_REQUEST_LINE = re.compile(r"([A-Za-z]+) +(\S.*?) +HTTP/1\.[01]")
"""Microsoft's own SDK leaves spaces in an address as they are, so the service takes them."""
_REFERENCE = re.compile(r"\$([\w.-]+)")
_BODY_REFERENCE = re.compile(rb'("[^"]*@odata\.(?:bind|id)"\s*:\s*")/?\$([\w.-]+)"')

_REASONS = {200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified"}


class ConnectionFault(Exception):
    """A fault of the connection that hits a part: the rest of the batch is not run."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.fault)
        self.fault = fault


@dataclass(slots=True)
class Part:
    """One operation of a batch, with its Content-ID where it has one."""

    operation: Operation
    content_id: str = ""


@dataclass(slots=True)
class _PartAnswer:
    """The answer to a part; that to a change set has the answers to its `changes`."""

    response: Response
    content_id: str = ""
    changes: "list[_PartAnswer] | None" = None


@dataclass(slots=True)
class Batch:
    """Runs one batch.

    `is_partial`: every second part fails. `late_fault`: the fault of the whole answer, met at a part. `addresses` are
    those of rows that a change set created, by Content-ID.
    """

    environment: Environment
    dispatcher: Dispatcher
    continue_on_error: bool
    is_partial: bool = False
    late_fault: Fault | None = None
    rows_read: int = 0
    rows_written: int = 0
    parts_seen: int = 0
    wait_s: float = 0.0
    """Longest Retry-After of a refused part: it counts as a refusal of the user, though the whole answer says 200."""
    addresses: dict[str, str] = field(default_factory=dict)
    _done_fault: Fault | None = None
    """What is answered to a part in place of its success."""

    def run(self, content_type: str, body: bytes) -> Response:
        """Run the parts and return the multipart answer. Raises ServiceError where the batch itself cannot be read."""
        parts = _read_parts(content_type, body)
        answers: list[_PartAnswer] = []
        status = 200
        for part in parts:
            if isinstance(part, list):
                with self.environment.lock:  # nobody sees half of a change set
                    answer = self._run_change_set(part)
            else:
                answer = self._run_single(part)
            answers.append(answer)
            if answer.response.status >= 400 and not self.continue_on_error:
                status = answer.response.status
                break
        boundary = f"batchresponse_{uuid4()}"
        response = Response(
            status, _encode_answers(boundary, answers), {"Content-Type": f"multipart/mixed; boundary={boundary}"}
        )
        response.rows_read, response.rows_written = self.rows_read, self.rows_written
        if self.continue_on_error:
            response.headers["Preference-Applied"] = "odata.continue-on-error"
        if self.late_fault is not None:
            response.wire_fault = self.late_fault.fault
        return response

    # -- one part -----------------------------------------------------------------------------------------------------

    def _run_single(self, part: Part) -> _PartAnswer:
        return _PartAnswer(self._run_part(part, None), part.content_id)

    def _run_change_set(self, parts: list[Part]) -> _PartAnswer:
        transaction = Transaction()
        self.addresses = {}
        answers: list[_PartAnswer] = []
        for part in parts:
            response = self._run_part(part, transaction, change_set=True)
            if response.status >= 400:
                transaction.roll_back()
                return _PartAnswer(response, part.content_id)
            if part.content_id and "OData-EntityId" in response.headers:
                self.addresses[part.content_id] = response.headers["OData-EntityId"]
            answers.append(_PartAnswer(response, part.content_id))
        self.rows_written += transaction.written
        self.environment.request_counts.count_rows_written(transaction.written)
        self.environment.web_hooks.note(transaction.changes, self.dispatcher.context.caller)
        return _PartAnswer(Response(200), changes=answers)

    def _run_part(self, part: Part, transaction: Transaction | None, *, change_set: bool = False) -> Response:
        environment = self.environment
        operation = part.operation
        self.parts_seen += 1
        try:
            self._resolve_references(operation)
            found = strip_root(operation.path)
            if found is None:
                raise query_error(f"Invalid URI: '{operation.path}' is no address of this Web API.")
            operation.path = unquote(found)
            if len(found) + len(operation.query) > MAX_ADDRESS_CHARS:
                raise query_error(f"The address of a part is longer than {MAX_ADDRESS_CHARS} characters.")
            shape = path_shape(operation.path)
            environment.request_counts.count_part(operation.method, shape)
            if operation.method in WRITES:
                environment.request_counts.increment("writes")
            if shape == "$batch":
                raise query_error("A batch can't contain another batch.")
            if change_set and operation.method == "GET":
                raise query_error("A change set can't contain a GET request.")
            refused = self._inject_fault(operation, shape)
            if refused is not None:
                return self._note_refusal(refused)
            with environment.lock:
                response = self.dispatcher.run(operation, transaction)
            if self._done_fault is not None:
                self.rows_written += response.rows_written
                raise self._done_fault.error()
        except ServiceError as error:
            return self._note_refusal(Response(error.status, error.body(), {"Content-Type": JSON, **error.headers}))
        self.rows_read += response.rows_read
        self.rows_written += response.rows_written
        if operation.method in {"POST", "PATCH"} and "OData-EntityId" in response.headers:
            response.headers["Location"] = response.headers["OData-EntityId"]
        return response

    def _note_refusal(self, refused: Response) -> Response:
        """Return the answer to a part that is refused, with its wait noted for the whole batch."""
        if refused.status == 429:
            self.environment.request_counts.increment("throttled")
            self.wait_s = max(self.wait_s, retry_after_s(refused.headers))
        return refused

    def _inject_fault(self, operation: Operation, shape: str) -> Response | None:
        """Return the answer of the refusal that hits a part, None where none does. Raises what other faults raise."""
        asked = self.dispatcher.context.asked(operation, shape, in_batch=True)
        fault = self.environment.faults.inject(asked, already_partial=self.is_partial)
        if fault is not None and fault.answer is not None:
            return fault.answer(asked)
        if fault is not None and fault.fault == "partial_batch":
            self.is_partial, fault = True, None
        if self.is_partial and self.parts_seen % 2 == 0:
            raise ServiceError(500, "0x80040216", "An unexpected error occurred.")
        self._done_fault = fault if fault is not None and fault.done else None
        if fault is None or fault.done:
            return None
        if fault.fault in PART_FAULTS:
            raise fault.error()
        if fault.fault in WIRE_FAULTS_AFTER:
            self.late_fault = fault
            return None
        raise ConnectionFault(fault)

    def _resolve_references(self, operation: Operation) -> None:
        """Replace references like `$1` by the addresses of earlier parts. Raises ServiceError."""
        path = operation.path.lstrip("/")
        found = _REFERENCE.match(path)
        if found and not path.startswith("$batch"):
            operation.path = self._find_address(found.group(1)) + path[found.end() :]
        if b"$" in operation.body:
            operation.body = _BODY_REFERENCE.sub(self._replace_in_body, operation.body)

    def _replace_in_body(self, found: "re.Match[bytes]") -> bytes:
        return found.group(1) + self._find_address(found.group(2).decode()).encode() + b'"'

    def _find_address(self, content_id: str) -> str:
        if content_id not in self.addresses:
            raise query_error(f"Content-ID Reference: '${content_id}' does not exist in the batch context.")
        return self.addresses[content_id]


# -- reading ----------------------------------------------------------------------------------------------------------


def _read_parts(content_type: str, body: bytes) -> list[Part | list[Part]]:
    boundary = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/mixed") or boundary is None:
        raise query_error("The content type of a batch must be multipart/mixed with a boundary.")
    parts: list[Part | list[Part]] = []
    operation_count = 0
    for piece in _split_at_boundary(body, boundary.group(1)):
        headers, content = _read_headers(piece)
        kind = headers.get("content-type", "")
        if kind.lower().startswith("multipart/mixed"):
            inner = _BOUNDARY.search(kind)
            if inner is None:
                raise query_error("A change set's content type needs a boundary.")
            changes = [_read_part(one, in_change_set=True) for one in _split_at_boundary(content, inner.group(1))]
            operation_count += len(changes)
            parts.append(changes)
        else:
            operation_count += 1
            parts.append(_read_part(piece))
        if operation_count > MAX_OPERATIONS:
            raise query_error(f"The batch holds more than the {MAX_OPERATIONS} operations allowed.")
    if not parts:
        raise query_error("The batch holds no operations.")
    return parts


def _split_at_boundary(body: bytes, boundary: str) -> list[bytes]:
    mark = b"--" + boundary.encode()
    if not (body.startswith(mark) or b"\n" + mark in body):
        raise query_error("The batch's body does not use the boundary of its content type.")
    candidates = re.split(rb"(?:^|\r?\n)" + re.escape(mark), body)
    pieces: list[bytes] = []
    for piece in candidates[1:]:
        if piece.startswith(b"--"):
            return pieces
        pieces.append(piece.lstrip(b" \t").removeprefix(b"\r\n").removeprefix(b"\n"))
    raise query_error("The batch's closing boundary is missing.")


def _read_headers(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, found, rest = _split_head(piece)
    if not found and head:
        raise query_error("A part of the batch has no empty line after its headers.")
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, rest


def _split_head(piece: bytes) -> tuple[bytes, bool, bytes]:
    """Split at the first empty line: head, whether there is one, rest."""
    found = re.search(rb"\r?\n\r?\n", piece)
    if found is None:
        return piece, False, b""
    return piece[: found.start()], True, piece[found.end() :]


def _read_part(piece: bytes, *, in_change_set: bool = False) -> Part:
    headers, content = _read_headers(piece)
    if not headers.get("content-type", "").lower().startswith("application/http"):
        raise query_error("The content type of a part must be application/http.")
    content_id = headers.get("content-id", "")
    if in_change_set and not content_id:
        raise query_error("Content-ID header not present in the change set's part.")
    head, _, body = _split_head(content.lstrip(b"\r\n"))
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


def _encode_answers(boundary: str, answers: list[_PartAnswer]) -> bytes:
    pieces: list[bytes] = []
    for answer in answers:
        pieces.append(b"--" + boundary.encode() + b"\r\n")
        if answer.changes is None:
            pieces.append(_encode_part(answer))
        else:
            inner = f"changesetresponse_{uuid4()}"
            pieces.append(f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode())
            pieces.extend(b"--" + inner.encode() + b"\r\n" + _encode_part(change) for change in answer.changes)
            pieces.append(f"--{inner}--\r\n".encode())
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces)


def _encode_part(answer: _PartAnswer) -> bytes:
    response = answer.response
    outer = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    if answer.content_id:
        outer += f"Content-ID: {answer.content_id}\r\n"
    headers = {**response.headers, "OData-Version": "4.0"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    reason = _REASONS.get(response.status, "Error")
    head = f"{outer}\r\nHTTP/1.1 {response.status} {reason}\r\n{lines}\r\n"
    return head.encode("latin-1", "replace") + response.body + b"\r\n"
