"""Control calls below /_sandbox/, for this machine only: what a test or a person can see and set."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec

from sandbox.base.errors import ServiceError
from sandbox.base.messages import Request, Response
from sandbox.base.preferences import Preferences
from sandbox.data.row_json import row_writer
from sandbox.environment import Credentials, Environment
from sandbox.identity.directory import OTHER_TENANT_ID
from sandbox.identity.tenant import local_origins
from sandbox.odata.options import parse
from sandbox.service import directory_calls, environment_call, pages
from sandbox.service.behavior_call import change_table, get_behavior, set_behavior
from sandbox.service.column_call import change_column
from sandbox.service.control_bodies import (
    JSON_HEADERS,
    InvalidCall,
    check_names,
    error_answer,
    json_answer,
    read_faults,
    read_json,
    read_number,
    read_object,
)
from sandbox.service.load import NotLoadable, load
from sandbox.service.traffic_calls import get_latency, get_limits, set_latency, set_limits

_BLOCK_ROWS = 5000


class Control:
    """Answers control calls of one environment."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def answer(self, request: Request) -> Response:
        """Answer a control call."""
        if not request.loopback or request.origin not in local_origins(request.origin, named=True):
            return error_answer(403, "The sandbox is controlled from its own machine only.")
        if request.headers.get("origin", request.origin).lower() != request.origin:
            return error_answer(403, "The sandbox is not controlled from another site's page.")
        name = request.path.removeprefix("/_sandbox").strip("/")
        first, _, rest = name.partition("/")
        calls: dict[tuple[str, str], Callable[[Request, str], Response]] = {
            ("GET", ""): self._get_start,
            ("GET", "style.css"): self._get_style,
            ("GET", "rows"): self._get_rows,
            ("POST", "reset"): self._reset,
            ("POST", "columns"): lambda request, _: change_column(self.environment, request),
            ("POST", "tables"): lambda request, _: change_table(self.environment, request),
            ("GET", "behavior"): lambda *_: get_behavior(self.environment),
            ("PUT", "behavior"): lambda request, _: set_behavior(self.environment, request),
            ("POST", "load"): self._load,
            ("GET", "requests"): self._get_requests,
            ("DELETE", "requests"): self._clear_requests,
            ("GET", "limits"): lambda *_: get_limits(self.environment),
            ("PUT", "limits"): lambda request, _: set_limits(self.environment, request),
            ("GET", "latency"): lambda *_: get_latency(self.environment),
            ("PUT", "latency"): lambda request, _: set_latency(self.environment, request),
            ("GET", "faults"): self._get_faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "environment"): self._get_environment,
            ("PUT", "environment"): self._set_environment,
            ("GET", "clock"): self._get_clock,
            ("PUT", "clock"): self._set_clock,
            ("GET", "applications"): lambda _, __: directory_calls.list_applications(self.environment),
            ("POST", "applications"): lambda request, _: directory_calls.register_application(
                self.environment, request
            ),
            ("GET", "people"): lambda _, __: directory_calls.list_people(self.environment),
            ("POST", "people"): lambda request, _: directory_calls.save_person(self.environment, request),
            ("GET", "tenant"): lambda _, __: directory_calls.show_tenant(self.environment),
            ("PUT", "tenant"): lambda request, _: directory_calls.set_tenant(self.environment, request),
            ("GET", "environments"): self._get_environments,
            ("POST", "environments"): self._add_environment,
        }
        call = calls.get((request.method, first))
        if call is None:
            others = sorted({method for method, known in calls if known == first})
            if others:
                return error_answer(405, f"/_sandbox/{first} takes {', '.join(others)}.")
            return error_answer(404, f"There is no control call /_sandbox/{name}.")
        try:
            return call(request, rest)
        except (InvalidCall, NotLoadable) as error:
            return error_answer(400, str(error))

    # -- content ------------------------------------------------------------------------------------------------------

    def _get_start(self, request: Request, _: str) -> Response:
        environment = self.environment
        with environment.lock:
            counts = {name: len(environment.store.rows[table.name]) for name, table in sorted(environment.sets.items())}
            status = self._read_status()
        if "text/html" not in request.headers.get("accept", ""):
            return json_answer({"tables": counts, **status})
        return Response(
            200,
            pages.render_start(environment.sets, counts, status, environment.request_counts.to_json()),
            dict(pages.HEADERS),
        )

    def _get_style(self, _: Request, __: str) -> Response:
        return Response(200, pages.STYLE, {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "max-age=300"})

    def _read_status(self) -> dict[str, Any]:
        environment = self.environment
        currencies = environment.store.rows["transactioncurrency"]
        code = currencies.fragment(currencies.index[environment.base_currency.encode()], "isocurrencycode")
        return {
            "organization_id": environment.organization_id,
            "base_currency": msgspec.json.decode(code),
            "admin_mode": environment.admin_mode,
            "disabled": environment.disabled,
            "change_tracking_days": environment.organization_value("expirechangetrackingindays"),
            "tenant_id": environment.tenant.id,
        }

    def _get_rows(self, request: Request, name: str) -> Response:
        environment = self.environment
        table = environment.sets.get(name)
        if table is None:
            return error_answer(404, f"There is no table '{name}'.")
        rows = environment.store.rows[table.name]
        if "text/html" in request.headers.get("accept", ""):
            asked = parse_qs(request.query)
            number = asked.get("page", ["1"])[0]
            page = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 1
            with environment.lock:
                return Response(200, pages.render_rows(environment, table, max(1, page)), dict(pages.HEADERS))
        try:
            options = parse(request.query)
            with environment.lock:
                write = row_writer(environment.store, table, options, Preferences())
        except ServiceError as error:
            raise InvalidCall(error.message) from None

        def pieces() -> Iterator[bytes]:
            between = b""
            yield b"["
            for begin in range(0, len(rows.heads), _BLOCK_ROWS):
                with environment.lock:
                    some = range(begin, min(begin + _BLOCK_ROWS, len(rows.heads)))
                    written = write([position for position in some if rows.heads[position] is not None])
                if written:
                    yield between + b",\n".join(written)
                    between = b",\n"
            yield b"]"

        return Response(200, headers=dict(JSON_HEADERS), stream=pieces())

    def _reset(self, _: Request, __: str) -> Response:
        self.environment.reset()
        return json_answer({"reset": True})

    def _load(self, request: Request, _: str) -> Response:
        return json_answer({"loaded": load(self.environment, read_object(request))})

    # -- traffic ------------------------------------------------------------------------------------------------------

    def _get_requests(self, _: Request, __: str) -> Response:
        return json_answer(self.environment.request_counts.to_json())

    def _clear_requests(self, _: Request, __: str) -> Response:
        self.environment.request_counts.clear()
        return json_answer(self.environment.request_counts.to_json())

    def _get_faults(self, _: Request, __: str) -> Response:
        return json_answer(self.environment.faults.to_json())

    def _add_faults(self, request: Request, _: str) -> Response:
        try:
            self.environment.faults.add(read_faults(read_json(request)))
        except (ValueError, TypeError) as error:
            raise InvalidCall(str(error)) from None
        return self._get_faults(request, "")

    def _clear_faults(self, request: Request, _: str) -> Response:
        self.environment.faults.clear()
        return self._get_faults(request, "")

    # -- environment --------------------------------------------------------------------------------------------------

    def _get_environment(self, _: Request, __: str) -> Response:
        with self.environment.lock:
            return json_answer(self._read_status())

    def _set_environment(self, request: Request, _: str) -> Response:
        environment_call.change(self.environment, read_object(request))
        return self._get_environment(request, "")

    def _get_clock(self, _: Request, __: str) -> Response:
        clock = self.environment.clock
        return json_answer({"now": clock.stamp(), "offset_s": clock.offset_s, "rate": clock.rate})

    def _set_clock(self, request: Request, _: str) -> Response:
        given = read_object(request)
        check_names(given, "offset_s", "rate")
        rate = read_number(given, "rate", 1) if "rate" in given else None
        if rate is not None and rate < 0:
            raise InvalidCall("The clock does not run backwards.")
        self.environment.clock.set(read_number(given, "offset_s", 0) if "offset_s" in given else None, rate)
        return self._get_clock(request, "")

    # -- other environments -------------------------------------------------------------------------------------------

    def _get_environments(self, _: Request, __: str) -> Response:
        return json_answer(
            [
                {
                    "name": one.environment.name,
                    "environment_url": one.origin,
                    "tenant_id": one.environment.tenant.id,
                    "organization_id": one.environment.organization_id,
                    "disabled": one.environment.disabled,
                }
                for one in self.environment.directory.served()
            ]
        )

    def _add_environment(self, request: Request, _: str) -> Response:
        given = read_object(request)
        check_names(given, "name", "tenant", "empty")
        directory = self.environment.directory
        wanted = str(given.get("tenant") or self.environment.tenant.id)
        tenant = directory.find_tenant(OTHER_TENANT_ID if wanted == "other" else wanted, self.environment.tenant.id)
        if tenant is None:
            raise InvalidCall(f"There is no tenant '{wanted}'; there are {', '.join(directory.tenants)}.")
        if directory.serve_another is None:
            raise InvalidCall("This sandbox serves one environment only.")
        own = tenant is self.environment.tenant
        name = str(given.get("name") or f"{tenant.name} {len(directory.served()) + 1}")
        credentials = Credentials.generate()
        if own:
            credentials = replace(self.environment.credentials, organization_id=credentials.organization_id)
        elif f"admin@{tenant.domain}" in tenant.people:
            credentials = replace(credentials, admin_password=tenant.people[f"admin@{tenant.domain}"].password)
        added = Environment(
            empty=bool(given.get("empty", False)),
            credentials=credentials,
            directory=directory,
            tenant_id=tenant.id,
            client_id=self.environment.client_id if own else str(uuid4()),
            name=name,
        )
        return json_answer(directory.serve_another(added))
