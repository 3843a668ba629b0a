"""Every request's way: sign-in, control calls, and the Web API with its checks in the service's order."""

import time
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

import msgspec

from sandbox.base import preferences
from sandbox.base.errors import ServiceError, method_not_allowed, query_error
from sandbox.base.faults import Fault
from sandbox.base.messages import JSON, Request, Response
from sandbox.data.writing import Caller
from sandbox.environment import Environment
from sandbox.identity.sign_in import SignIn
from sandbox.identity.tenant import Grant, SignInError, local_origins
from sandbox.odata.paths import path_shape, strip_root
from sandbox.service import discovery
from sandbox.service.control import Control
from sandbox.webapi.batch import WRITES, Batch, Cut
from sandbox.webapi.context import Context, Operation
from sandbox.webapi.dispatch import Dispatcher

MOST_ADDRESS = 32_768
PARALLELISM = "4"
_TRICKS_BEFORE = frozenset({"reset", "timeout"})
_TRICKS_AFTER = frozenset({"slow", "truncate", "lost_reply"})


class Application:
    """Answers requests for one environment."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.control = Control(environment)

    def answer(self, request: Request) -> Response:
        """The answer to any request."""
        path = request.path
        if path.startswith("/api/data/") or path == "/api/data":
            return self._web_api(request)
        if path.startswith(discovery.ROOT):
            return self._discovery(request)
        if path.startswith("/_sandbox"):
            return self.control.answer(request)
        return self._sign_in(request)

    # -- sign-in ------------------------------------------------------------------------------------------------------

    def _sign_in(self, request: Request) -> Response:
        directory = self.environment.directory
        name, _, rest = request.path.lstrip("/").partition("/")
        known = {
            "v2.0/.well-known/openid-configuration",
            "oauth2/v2.0/token",
            "oauth2/v2.0/authorize",
            "discovery/v2.0/keys",
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
            if rest == "oauth2/v2.0/token":
                if request.method != "POST":
                    raise SignInError(400, "invalid_request", 900561, "The endpoint only accepts POST requests.")  # noqa: TRY301
                form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
                return _signed(Response(200, tenant.token(form, request.origin)))
            if rest == "discovery/v2.0/keys":
                return _signed(Response(200, tenant.keys()))
            if rest == "oauth2/v2.0/authorize":
                return self._authorize(request, directory.sign_ins[tenant.id])
            return _signed(Response(200, tenant.configuration(request.origin)))
        except SignInError as error:
            return _signed(Response(error.status, error.body()))

    def _authorize(self, request: Request, sign_in: SignIn) -> Response:
        if request.method == "POST":
            if request.headers.get("origin", request.origin).lower() not in {request.origin, "null"}:
                return Response(403, b"", {"Content-Type": "text/html"})
            answer = sign_in.submitted(dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)))
        else:
            answer = sign_in.authorize(dict(parse_qsl(request.query, keep_blank_values=True)))
        # No form-action: browsers apply it to the redirect back to the application as well.
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        if answer.location:
            headers["Location"] = answer.location
        return Response(answer.status, answer.page.encode(), headers)

    # -- global discovery ---------------------------------------------------------------------------------------------

    def _discovery(self, request: Request) -> Response:
        grant = self._grant(request, anywhere=True)
        if grant is None:
            return self._unauthorized(request)
        try:
            answer = discovery.answer(self.environment.directory.served(), grant, request)
        except ServiceError as error:
            answer = Response(error.status, error.body(), {"Content-Type": JSON, **error.headers})
        answer.headers.setdefault("OData-Version", "4.0")
        return answer

    # -- Web API ------------------------------------------------------------------------------------------------------

    def _web_api(self, request: Request) -> Response:
        environment = self.environment
        path = strip_root(unquote(request.path))
        form = path_shape(path) if path is not None else request.path
        environment.request_counts.begin_request(request.method, form)
        try:
            answer = self._checked(request, path, form)
        except ServiceError as error:
            if error.status == 429:
                environment.request_counts.increment("throttled")
            answer = Response(error.status, error.body(), {"Content-Type": JSON, **error.headers})
        except Cut as cut:
            answer = self._struck(request, cut.fault)
        except BaseException:
            environment.request_counts.end_request()
            raise
        answer.headers.setdefault("OData-Version", "4.0")
        answer.headers.setdefault("x-ms-service-request-id", str(uuid4()))
        answer.headers.setdefault("REQ_ID", str(uuid4()))
        answer.headers.setdefault("Cache-Control", "no-cache")

        def after_send() -> None:
            environment.request_counts.end_request()
            if answer.status == 429 or answer.headers.get("Content-Type", "").startswith("multipart/"):
                environment.protection.note_refusal_sent(request.connection)

        answer.after_send = after_send
        return answer

    def _checked(self, request: Request, path: str | None, form: str) -> Response:
        environment = self.environment
        if form != "$batch" and request.method in WRITES:
            environment.request_counts.increment("writes")
        grant = self._grant(request)
        with environment.lock:
            caller = (
                None if grant is None else environment.find_caller(application=grant.application, person=grant.person)
            )
        user_id = caller.user_id if caller else ""
        if user_id and environment.protection.is_too_early(user_id, request.connection, request.arrived):
            environment.request_counts.increment("before_retry_after")
        fault = environment.faults.inject(request.method, form)
        if fault is not None and fault.fault not in _TRICKS_AFTER and fault.fault != "partial_batch":
            return self._struck(request, fault, user_id)
        if grant is None:
            return self._unauthorized(request)
        self._open(caller)
        assert caller is not None
        try:
            left, left_s = environment.protection.begin_request(user_id)
        except ServiceError as error:
            environment.protection.note_refusal(user_id, float(error.headers["Retry-After"]), request.connection)
            raise
        begun = time.monotonic()
        try:
            answer = self._execute(request, path, form, caller, fault)
            self._take_time(answer)
        finally:
            environment.protection.end_request(user_id, time.monotonic() - begun)
        answer.headers.update(
            {
                "x-ms-dop-hint": PARALLELISM,
                "x-ms-ratelimit-burst-remaining-xrm-requests": str(left),
                "x-ms-ratelimit-time-remaining-xrm-requests": f"{left_s:,.2f}",
            }
        )
        if fault is not None and fault.fault in _TRICKS_AFTER:
            answer.wire_fault = fault.fault
        return answer

    def _take_time(self, answer: Response) -> None:
        latency = self.environment.latency
        slept = (
            latency.request_ms + latency.row_read_ms * answer.rows_read + latency.row_write_ms * answer.rows_written
        ) / 1000
        if slept > 0:
            time.sleep(slept)

    def _execute(self, request: Request, path: str | None, form: str, caller: Caller, fault: Fault | None) -> Response:
        if path is None:
            raise ServiceError(404, "0x8006088a", f"Resource not found for the segment '{request.path}'.")
        if len(request.path) + len(request.query) > MOST_ADDRESS:
            raise ServiceError(414, "0x80060888", f"The address is longer than {MOST_ADDRESS} characters.")
        base = f"{request.origin}{'/'.join(request.path.split('/')[:4])}/"
        dispatcher = Dispatcher(Context(self.environment, caller, base))
        if form == "$batch":
            if request.method != "POST":
                raise method_not_allowed(request.method, "$batch")
            prefer = preferences.parse(request.headers.get("prefer", ""))
            batch = Batch(self.environment, dispatcher, request.origin, prefer.continue_on_error)
            batch.partial = fault is not None and fault.fault == "partial_batch"
            made = batch.run(request.headers.get("content-type", ""), request.body)
            if batch.wait_s:
                self.environment.protection.note_refusal(caller.user_id, batch.wait_s, request.connection)
            return made
        if request.headers.get("content-encoding", "identity") != "identity":
            raise query_error("A compressed request body is not supported.")
        operation = Operation(request.method, path, request.query, request.headers, request.body)
        with self.environment.lock:
            return dispatcher.run(operation)

    def _grant(self, request: Request, *, anywhere: bool = False) -> Grant | None:
        """What the bearer token stands for: here, or for global discovery whatever its tenant is."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        home = self.environment.tenant
        tenants = self.environment.directory.tenants.values() if anywhere else (home,)
        grant = next((found for one in tenants if (found := one.grant(token.strip())) is not None), None)
        if grant is None or grant.audience not in local_origins(request.origin):
            return None
        return grant

    def _unauthorized(self, request: Request) -> Response:
        challenge = (
            f"Bearer authorization_uri={request.origin}/{self.environment.tenant.id}/oauth2/authorize, "
            f"resource_id={request.origin}/"
        )
        return Response(401, b"", {"WWW-Authenticate": challenge, "Content-Type": "text/html"})

    def _open(self, caller: Caller | None) -> None:
        """Raise unless the environment is open to the caller."""
        environment = self.environment
        if environment.disabled:
            raise ServiceError(
                403,
                "0x8004a104",
                "The Dynamics 365 organization you are attempting to access is currently disabled.  Please "
                "contact your "
                "system administrator",
            )
        if caller is None:
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

    def _struck(self, request: Request, fault: Fault, user_id: str = "") -> Response:
        if fault.fault == "401":
            return self._unauthorized(request)
        if fault.fault in _TRICKS_BEFORE:
            return Response(500, wire_fault=fault.fault)
        error = fault.error()
        if user_id and "Retry-After" in error.headers:
            self.environment.protection.note_refusal(user_id, float(error.headers["Retry-After"]), request.connection)
        raise error


def _signed(answer: Response) -> Response:
    answer.headers.setdefault("Content-Type", "application/json; charset=utf-8")
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers.setdefault("x-ms-request-id", str(uuid4()))
    return answer


def error_answer(status: int, message: str) -> Response:
    """An error that is not the Web API's, as JSON."""
    return Response(
        status,
        msgspec.json.encode({"error": {"code": str(status), "message": message}}),
        {"Content-Type": "application/json"},
    )
