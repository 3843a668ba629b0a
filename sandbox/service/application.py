"""Answers requests: sign-in, control calls, global discovery, and the Web API with its checks in order."""

import time
from urllib.parse import unquote
from uuid import uuid4

import msgspec

from sandbox.base import preferences
from sandbox.base.asked import SIGN_IN, Asked
from sandbox.base.errors import ServiceError, method_not_allowed
from sandbox.base.faults import WIRE_FAULTS_AFTER, WIRE_FAULTS_BEFORE, Fault
from sandbox.base.limits import retry_after_s
from sandbox.base.messages import JSON, Request, Response
from sandbox.data.writing import Caller
from sandbox.environment import Environment
from sandbox.identity.records import Grant, SignInError
from sandbox.identity.tenant import local_origins
from sandbox.odata.paths import path_shape, strip_root
from sandbox.service import browser_pages, discovery, wire
from sandbox.service.control import Control
from sandbox.webapi.batch import WRITES, Batch, ConnectionFault
from sandbox.webapi.context import Context, Operation
from sandbox.webapi.dispatch import Dispatcher

MAX_ADDRESS_CHARS = 32_768
PARALLELISM_HINT = "4"


class Application:
    """Answers the requests of one environment."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.control = Control(environment)

    def answer(self, request: Request) -> Response:
        """Answer any request."""
        path = request.path
        if path.startswith("/api/data/") or path == "/api/data":
            return self._answer_web_api(request)
        if path.startswith(discovery.ROOT):
            return self._answer_discovery(request)
        if path.startswith("/_sandbox"):
            return self.control.answer(request)
        return self._answer_sign_in(request)

    # -- sign-in ------------------------------------------------------------------------------------------------------

    def _answer_sign_in(self, request: Request) -> Response:
        directory = self.environment.directory
        name, _, rest = request.path.lstrip("/").partition("/")
        refused = self._refuse_sign_in(request, rest)
        if refused is not None:
            return refused
        known = {
            "v2.0/.well-known/openid-configuration",
            "oauth2/v2.0/token",
            "oauth2/v2.0/authorize",
            "oauth2/token",
            "oauth2/authorize",
            "discovery/v2.0/keys",
            "v2.0/adminconsent",
        }
        if rest not in known:
            return Response(
                404, b"<html><body><h1>404</h1></body></html>", {"Content-Type": "text/html; charset=utf-8"}
            )
        try:
            tenant = directory.find_tenant(unquote(name), self.environment.tenant.id)
            if tenant is None:
                raise SignInError(  # noqa: TRY301
                    400,
                    "invalid_tenant" if rest.startswith("v2.0") else "invalid_request",
                    90002,
                    f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing "
                    "into "
                    "the correct cloud. Check with your subscription administrator, this may happen if there are no "
                    "active subscriptions for the tenant.",
                )
            older = rest in {"oauth2/token", "oauth2/authorize"}
            if rest in {"oauth2/v2.0/token", "oauth2/token"}:
                if request.method != "POST":
                    raise SignInError(400, "invalid_request", 900561, "The endpoint only accepts POST requests.")  # noqa: TRY301
                form = wire.read_token_form(request, older=older)
                return _complete_headers(Response(200, tenant.issue_token(form, request.origin)))
            if rest == "discovery/v2.0/keys":
                return _complete_headers(Response(200, tenant.public_keys()))
            if rest in {"oauth2/v2.0/authorize", "oauth2/authorize", "v2.0/adminconsent"}:
                return browser_pages.answer(request, directory.sign_ins[tenant.id], name, rest)
            return _complete_headers(Response(200, tenant.openid_configuration(request.origin)))
        except SignInError as error:
            return _complete_headers(Response(error.status, error.body()))

    def _refuse_sign_in(self, request: Request, rest: str) -> Response | None:
        """Return the answer of the numbered refusal that a test wants here; None where it wants none."""
        asked = Asked(
            method=request.method,
            shape=rest,
            place=SIGN_IN,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=request.body,
            origin=request.origin,
        )
        fault = self.environment.faults.inject(asked)
        return None if fault is None or fault.answer is None else _complete_headers(fault.answer(asked))

    # -- global discovery ---------------------------------------------------------------------------------------------

    def _answer_discovery(self, request: Request) -> Response:
        grant = self._find_grant(request, anywhere=True)
        if grant is None:
            return self._answer_unauthorized(request)
        try:
            answer = discovery.answer(self.environment.directory.served(), grant, request)
        except ServiceError as error:
            answer = Response(error.status, error.body(), {"Content-Type": JSON, **error.headers})
        answer.headers.setdefault("OData-Version", "4.0")
        return answer

    # -- Web API ------------------------------------------------------------------------------------------------------

    def _answer_web_api(self, request: Request) -> Response:
        environment = self.environment
        path = strip_root(unquote(request.path))
        shape = path_shape(path) if path is not None else request.path
        environment.request_counts.begin_request(request.method, shape)
        try:
            answer = self._check_and_execute(request, path, shape)
        except ServiceError as error:
            if error.status == 429:
                environment.request_counts.increment("throttled")
            answer = Response(error.status, error.body(), {"Content-Type": JSON, **error.headers})
        except ConnectionFault as error:
            answer = self._answer_fault(request, error.fault)
        except BaseException:
            environment.request_counts.end_request()
            raise
        answer.headers.setdefault("OData-Version", "4.0")
        answer.headers.setdefault("x-ms-service-request-id", str(uuid4()))
        answer.headers.setdefault("REQ_ID", str(uuid4()))
        answer.headers.setdefault("Cache-Control", "no-cache")
        answer.headers.setdefault("Set-Cookie", wire.AFFINITY)
        if environment.behavior.gzip and "gzip" in request.headers.get("accept-encoding", ""):
            wire.compress(answer)

        def after_send() -> None:
            environment.request_counts.end_request()
            if answer.status == 429 or answer.headers.get("Content-Type", "").startswith("multipart/"):
                environment.protection.note_refusal_sent(request.connection)

        answer.after_send = after_send
        return answer

    def _check_and_execute(self, request: Request, path: str | None, shape: str) -> Response:
        """Check a request in the service's order, then execute it; with the fault that hits it. Raises ServiceError."""
        environment = self.environment
        if shape != "$batch" and request.method in WRITES:
            environment.request_counts.increment("writes")
        grant = self._find_grant(request)
        with environment.lock:
            if grant is not None and grant.person:
                environment.admit(grant.person)
            caller = (
                None if grant is None else environment.find_caller(application=grant.application, person=grant.person)
            )
        user_id = caller.user_id if caller else ""
        if user_id and environment.protection.is_too_early(user_id, request.connection, request.arrived):
            environment.request_counts.increment("before_retry_after")
        entity_set = shape.partition("/")[0].partition("(")[0] if request.method in WRITES else ""
        writers = environment.request_counts.begin_write(entity_set)
        try:
            return self._answer_or_fail(request, path, shape, caller, grant, writers)
        finally:
            environment.request_counts.end_write(entity_set)

    def _answer_or_fail(
        self, request: Request, path: str | None, shape: str, caller: Caller | None, grant: Grant | None, writers: int
    ) -> Response:
        """Answer a request as the fault does that hits it, else by executing it. Raises ServiceError."""
        environment = self.environment
        user_id = caller.user_id if caller else ""
        asked = self._describe(request, path, shape, user_id, grant, writers)
        fault = environment.faults.inject(asked)
        if fault is not None and fault.answer is not None:
            return self._note_refusal(fault.answer(asked), user_id, request.connection)
        is_after = fault is None or fault.done or fault.fault in WIRE_FAULTS_AFTER or fault.fault == "partial_batch"
        if fault is not None and not is_after:
            return self._answer_fault(request, fault, user_id)
        if grant is None:
            return self._answer_unauthorized(request)
        caller = self._require_access(caller)
        try:
            remaining_requests, remaining_s = environment.protection.begin_request(user_id)
        except ServiceError as error:
            environment.protection.note_refusal(user_id, float(error.headers["Retry-After"]), request.connection)
            raise
        begun_s = time.monotonic()
        try:
            answer = self._execute(
                request, path, shape, Context(environment, caller, wire.root_address(request), grant), fault
            )
            self._delay(answer)
        finally:
            environment.protection.end_request(user_id, time.monotonic() - begun_s)
        answer.headers.update(
            {
                "x-ms-dop-hint": PARALLELISM_HINT,
                "x-ms-ratelimit-burst-remaining-xrm-requests": str(remaining_requests),
                "x-ms-ratelimit-time-remaining-xrm-requests": f"{remaining_s:,.2f}",
            }
        )
        if fault is not None and fault.done:
            return self._answer_fault(request, fault, user_id)
        if fault is not None and fault.fault in WIRE_FAULTS_AFTER:
            answer.wire_fault = fault.fault
        return answer

    def _delay(self, answer: Response) -> None:
        """Sleep for as long as the environment's latency says."""
        latency = self.environment.latency
        delay_s = (
            latency.request_ms + latency.row_read_ms * answer.rows_read + latency.row_write_ms * answer.rows_written
        ) / 1000
        if delay_s > 0:
            time.sleep(delay_s)

    def _describe(
        self, request: Request, path: str | None, shape: str, user_id: str, grant: Grant | None, writers: int
    ) -> Asked:
        """Return what a fault may look at of a request to the Web API."""
        return Asked(
            method=request.method,
            shape=shape,
            path=path or request.path,
            query=request.query,
            headers=request.headers,
            body=request.body,
            origin=request.origin,
            table=self.environment.table_name(shape),
            user_id=user_id,
            application=grant.application if grant else "",
            person=grant.person if grant else "",
            writers=writers,
        )

    def _note_refusal(self, refused: Response, user_id: str, connection: int) -> Response:
        """Return a refusal, with its wait noted for the user and its 429 counted."""
        if refused.status == 429:
            self.environment.request_counts.increment("throttled")
        if user_id and "Retry-After" in refused.headers:
            self.environment.protection.note_refusal(user_id, retry_after_s(refused.headers), connection)
        return refused

    def _execute(
        self, request: Request, path: str | None, shape: str, context: Context, fault: Fault | None
    ) -> Response:
        if path is None:
            raise ServiceError(404, "0x8006088a", f"Resource not found for the segment '{request.path}'.")
        if len(request.path) + len(request.query) > MAX_ADDRESS_CHARS:
            raise ServiceError(414, "0x80060888", f"The address is longer than {MAX_ADDRESS_CHARS} characters.")
        dispatcher = Dispatcher(context)
        if shape == "$batch":
            if request.method != "POST":
                raise method_not_allowed(request.method, "$batch")
            prefer = preferences.parse(request.headers.get("prefer", ""))
            batch = Batch(self.environment, dispatcher, prefer.continue_on_error)
            batch.is_partial = fault is not None and fault.fault == "partial_batch"
            response = batch.run(request.headers.get("content-type", ""), request.body)
            if batch.wait_s:
                self.environment.protection.note_refusal(context.caller.user_id, batch.wait_s, request.connection)
            return response
        operation = Operation(request.method, path, request.query, request.headers, request.body)
        with self.environment.lock:
            return dispatcher.run(operation)

    def _find_grant(self, request: Request, *, anywhere: bool = False) -> Grant | None:
        """Return what the bearer token stands for; `anywhere`: its tenant may be another than the environment's."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        home = self.environment.tenant
        tenants = self.environment.directory.tenants.values() if anywhere else (home,)
        grant = next((found for one in tenants if (found := one.find_grant(token.strip())) is not None), None)
        if grant is None or grant.audience not in local_origins(request.origin):
            return None
        return grant

    def _answer_unauthorized(self, request: Request) -> Response:
        challenge = (
            f"Bearer authorization_uri={request.origin}/{self.environment.tenant.id}/oauth2/authorize, "
            f"resource_id={request.origin}/"
        )
        return Response(401, b"", {"WWW-Authenticate": challenge, "Content-Type": "text/html"})

    def _require_access(self, caller: Caller | None) -> Caller:
        """Return the caller. Raises 403 where there is none, or the environment is not open to them."""
        environment = self.environment
        if environment.disabled:
            raise ServiceError(
                403,
                "0x8004a104",
                "The Dynamics 365 organization you are attempting to access is currently disabled.  Please "
                "contact your "
                "system administrator",
            )
        if caller is None or not environment.customization.is_known_user(caller.user_id):
            raise ServiceError(403, "0x80072560", "The user is not a member of the organization.")
        if caller.disabled:
            raise ServiceError(
                403,
                "0x80040225",
                f"The specified user(Id = {caller.user_id}) is disabled. Consider enabling this user.",
            )
        if not caller.licensed:
            raise ServiceError(403, "0x8004d24b", "The user has not been assigned any License")
        if environment.admin_mode and not caller.administrator:
            raise ServiceError(
                403,
                "0x8004a113",
                "User does not have required privileges (or role membership) to access the org when it is in "
                "Admin Only "
                "mode.",
            )
        return caller

    def _answer_fault(self, request: Request, fault: Fault, user_id: str = "") -> Response:
        """Answer a request that a fault hits before its execution. Raises ServiceError."""
        if fault.fault == "401":
            return self._answer_unauthorized(request)
        if fault.fault in WIRE_FAULTS_BEFORE:
            return Response(500, wire_fault=fault.fault)
        error = fault.error()
        if user_id and "Retry-After" in error.headers:
            self.environment.protection.note_refusal(user_id, float(error.headers["Retry-After"]), request.connection)
        raise error


def _complete_headers(answer: Response) -> Response:
    answer.headers.setdefault("Content-Type", "application/json; charset=utf-8")
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers.setdefault("x-ms-request-id", str(uuid4()))
    return answer


def plain_error(status: int, message: str) -> Response:
    """Return an error that is not the Web API's, as JSON."""
    return Response(
        status,
        msgspec.json.encode({"error": {"code": str(status), "message": message}}),
        {"Content-Type": "application/json"},
    )
