"""The control calls of the sandbox, for loopback only: what a test, or a person, may turn."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import msgspec
from cryptography import x509

from sandbox.base.errors import ServiceError
from sandbox.base.limits import Limits
from sandbox.base.messages import Request, Response
from sandbox.base.preferences import Preferences
from sandbox.base.values import parse_datetime, parse_guid
from sandbox.data.row_json import row_writer
from sandbox.environment import Credentials, Environment, Latency
from sandbox.identity.directory import OTHER_TENANT_ID
from sandbox.identity.tenant import Application, Person, Secret, local_origins
from sandbox.odata.options import parse
from sandbox.service import pages
from sandbox.service.load import Refused, load

_JSON = {"Content-Type": "application/json; charset=utf-8"}
_HTML = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


_BLOCK = 5000


class Bad(Exception):
    """A control call that cannot be understood; the text says why."""


class Control:
    """Answers /_sandbox/."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def answer(self, request: Request) -> Response:
        """The answer to a control call."""
        if not request.loopback or request.origin not in local_origins(request.origin, named=True):
            return _error(403, "The sandbox is controlled from its own machine only.")
        if request.headers.get("origin", request.origin).lower() != request.origin:
            return _error(403, "The sandbox is not controlled from another site's page.")
        name = request.path.removeprefix("/_sandbox").strip("/")
        first, _, rest = name.partition("/")
        calls: dict[tuple[str, str], Callable[[Request, str], Response]] = {
            ("GET", ""): self._start,
            ("GET", "style.css"): self._style,
            ("GET", "rows"): self._rows,
            ("POST", "reset"): self._reset,
            ("POST", "load"): self._load,
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): self._forget_requests,
            ("GET", "limits"): self._limits,
            ("PUT", "limits"): self._set_limits,
            ("GET", "latency"): self._latency,
            ("PUT", "latency"): self._set_latency,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "environment"): self._environment,
            ("PUT", "environment"): self._set_environment,
            ("GET", "clock"): self._clock,
            ("PUT", "clock"): self._set_clock,
            ("GET", "applications"): self._applications,
            ("POST", "applications"): self._register,
            ("GET", "people"): self._people,
            ("POST", "people"): self._put_person,
            ("GET", "environments"): self._environments,
            ("POST", "environments"): self._add_environment,
        }
        call = calls.get((request.method, first))
        if call is None:
            others = sorted({method for method, known in calls if known == first})
            if others:
                return _error(405, f"/_sandbox/{first} takes {', '.join(others)}.")
            return _error(404, f"There is no control call /_sandbox/{name}.")
        try:
            return call(request, rest)
        except (Bad, Refused) as error:
            return _error(400, str(error))

    # -- content ------------------------------------------------------------------------------------------------------

    def _start(self, request: Request, _: str) -> Response:
        environment = self.environment
        with environment.lock:
            counts = {name: len(environment.store.rows[table.name]) for name, table in sorted(environment.sets.items())}
            status = self._status()
        if "text/html" not in request.headers.get("accept", ""):
            return _json({"tables": counts, **status})
        return Response(
            200, pages.start(environment.sets, counts, status, environment.request_counts.to_json()), dict(_HTML)
        )

    def _style(self, _: Request, __: str) -> Response:
        return Response(200, pages.STYLE, {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "max-age=300"})

    def _status(self) -> dict[str, Any]:
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

    def _rows(self, request: Request, name: str) -> Response:
        environment = self.environment
        table = environment.sets.get(name)
        if table is None:
            return _error(404, f"There is no table '{name}'.")
        rows = environment.store.rows[table.name]
        if "text/html" in request.headers.get("accept", ""):
            asked = parse_qs(request.query)
            number = asked.get("page", ["1"])[0]
            page = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 1
            with environment.lock:
                return Response(200, pages.rows(environment, table, max(1, page)), dict(_HTML))
        try:
            options = parse(request.query)
            with environment.lock:
                write = row_writer(environment.store, table, options, Preferences())
        except ServiceError as error:
            raise Bad(error.message) from None

        def pieces() -> Iterator[bytes]:
            between = b""
            yield b"["
            for begin in range(0, len(rows.heads), _BLOCK):
                with environment.lock:
                    some = range(begin, min(begin + _BLOCK, len(rows.heads)))
                    made = write([position for position in some if rows.heads[position] is not None])
                if made:
                    yield between + b",\n".join(made)
                    between = b",\n"
            yield b"]"

        return Response(200, headers=dict(_JSON), stream=pieces())

    def _reset(self, _: Request, __: str) -> Response:
        self.environment.reset()
        return _json({"reset": True})

    def _load(self, request: Request, _: str) -> Response:
        return _json({"loaded": load(self.environment, _object(request))})

    # -- traffic ------------------------------------------------------------------------------------------------------

    def _requests(self, _: Request, __: str) -> Response:
        return _json(self.environment.request_counts.to_json())

    def _forget_requests(self, _: Request, __: str) -> Response:
        self.environment.request_counts.clear()
        return _json(self.environment.request_counts.to_json())

    def _limits(self, _: Request, __: str) -> Response:
        limits = self.environment.protection.limits
        return _json(
            {
                "requests": limits.requests,
                "window_s": limits.window_s,
                "execution_s": limits.execution_s,
                "concurrency": limits.concurrency,
            }
        )

    def _set_limits(self, request: Request, _: str) -> Response:
        given = _object(request)
        _only(given, "requests", "window_s", "execution_s", "concurrency")
        now = self.environment.protection.limits
        self.environment.protection.limits = Limits(
            requests=int(_number(given, "requests", now.requests)),
            window_s=_number(given, "window_s", now.window_s),
            execution_s=_number(given, "execution_s", now.execution_s),
            concurrency=int(_number(given, "concurrency", now.concurrency)),
        )
        self.environment.protection.forget_usage()
        return self._limits(request, "")

    def _latency(self, _: Request, __: str) -> Response:
        latency = self.environment.latency
        return _json(
            {
                "request_ms": latency.request_ms,
                "row_read_ms": latency.row_read_ms,
                "row_write_ms": latency.row_write_ms,
            }
        )

    def _set_latency(self, request: Request, _: str) -> Response:
        given = _object(request)
        _only(given, "request_ms", "row_read_ms", "row_write_ms")
        now = self.environment.latency
        self.environment.latency = Latency(
            _number(given, "request_ms", now.request_ms),
            _number(given, "row_read_ms", now.row_read_ms),
            _number(given, "row_write_ms", now.row_write_ms),
        )
        return self._latency(request, "")

    def _faults(self, _: Request, __: str) -> Response:
        return _json(self.environment.faults.to_json())

    def _add_faults(self, request: Request, _: str) -> Response:
        given = _body(request)
        try:
            self.environment.faults.add(given if isinstance(given, list) else [given])
        except (ValueError, TypeError) as error:
            raise Bad(str(error)) from None
        return self._faults(request, "")

    def _clear_faults(self, request: Request, _: str) -> Response:
        self.environment.faults.clear()
        return self._faults(request, "")

    # -- environment --------------------------------------------------------------------------------------------------

    def _environment(self, _: Request, __: str) -> Response:
        with self.environment.lock:
            return _json(self._status())

    def _set_environment(self, request: Request, _: str) -> Response:
        given = _object(request)
        _only(given, "admin_mode", "disabled", "base_currency", "organization_id", "change_tracking_days")
        environment = self.environment
        organization_id = parse_guid(given["organization_id"]) if "organization_id" in given else ""
        if organization_id is None:
            raise Bad(f"'{given['organization_id']}' is no GUID.")
        try:
            if "base_currency" in given:
                environment.set_base_currency(str(given["base_currency"]))
            if "change_tracking_days" in given:
                environment.set_change_tracking_days(int(_number(given, "change_tracking_days", 7)))
        except ValueError as error:
            raise Bad(str(error)) from None
        if organization_id:
            environment.set_organization_id(UUID(organization_id))
        environment.admin_mode = bool(given.get("admin_mode", environment.admin_mode))
        environment.disabled = bool(given.get("disabled", environment.disabled))
        return self._environment(request, "")

    def _clock(self, _: Request, __: str) -> Response:
        clock = self.environment.clock
        return _json({"now": clock.stamp(), "offset_s": clock.offset_s, "rate": clock.rate})

    def _set_clock(self, request: Request, _: str) -> Response:
        given = _object(request)
        _only(given, "offset_s", "rate")
        rate = _number(given, "rate", 1) if "rate" in given else None
        if rate is not None and rate < 0:
            raise Bad("The clock does not run backwards.")
        self.environment.clock.set(_number(given, "offset_s", 0) if "offset_s" in given else None, rate)
        return self._clock(request, "")

    def _applications(self, _: Request, __: str) -> Response:
        return _json([_shown(one) for one in self.environment.tenant.applications.values()])

    def _register(self, request: Request, _: str) -> Response:
        given = _object(request)
        _only(given, "client_id", "name", "redirect_urls", "secrets", "certificates", "consented", "disabled")
        client_id = parse_guid(given.get("client_id"))
        if client_id is None:
            raise Bad("An application needs a client_id, which is a GUID.")
        applications = self.environment.tenant.applications
        known = applications.get(client_id) or Application(
            client_id, str(given.get("name") or "Registered application")
        )
        secrets = [_secret(one) for one in given["secrets"]] if "secrets" in given else known.secrets
        certificates = [str(one) for one in given.get("certificates", known.certificates)]
        for pem in certificates:
            try:
                x509.load_pem_x509_certificate(pem.encode())
            except ValueError:
                raise Bad("A certificate is given as PEM text.") from None
        applications[client_id] = Application(
            client_id,
            str(given.get("name") or known.name),
            secrets,
            [str(one) for one in given.get("redirect_urls", known.redirect_urls)],
            certificates,
            bool(given.get("consented", known.consented)),
            bool(given.get("disabled", known.disabled)),
        )
        return _json(_shown(applications[client_id]))

    # -- people and other environments --------------------------------------------------------------------------------

    def _people(self, _: Request, __: str) -> Response:
        environment = self.environment
        made = []
        with environment.lock:
            for person in environment.tenant.people.values():
                user = environment.find_caller(person=person.name)
                made.append(
                    {
                        "name": person.name,
                        "disabled": person.disabled,
                        "second_factor": person.second_factor,
                        "member": user is not None,
                        "licensed": user is not None and user.licensed,
                        "roles": sorted(user.roles) if user else [],
                    }
                )
        return _json(made)

    def _put_person(self, request: Request, _: str) -> Response:
        given = _object(request)
        _only(given, "name", "password", "disabled", "second_factor", "member", "licensed", "roles", "user_disabled")
        environment = self.environment
        name = str(given.get("name", "")).strip().lower()
        if "@" not in name:
            raise Bad("A person has a name like user@domain.")
        known = environment.tenant.people.get(name)
        password = str(given.get("password") or (known.password if known else environment.credentials.admin_password))
        person = Person(
            name,
            password,
            bool(given.get("disabled", known.disabled if known else False)),
            bool(given.get("second_factor", known.second_factor if known else False)),
        )
        roles = given.get("roles", [])
        if not isinstance(roles, list):
            raise Bad("'roles' must be a list of names.")
        try:
            environment.save_person(
                person,
                member=bool(given.get("member", True)),
                licensed=bool(given.get("licensed", True)),
                roles=[str(one) for one in roles],
                disabled=bool(given.get("user_disabled", False)),
            )
        except ValueError as error:
            raise Bad(str(error)) from None
        return self._people(request, "")

    def _environments(self, _: Request, __: str) -> Response:
        return _json(
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
        given = _object(request)
        _only(given, "name", "tenant", "empty")
        directory = self.environment.directory
        wanted = str(given.get("tenant") or self.environment.tenant.id)
        tenant = directory.find_tenant(OTHER_TENANT_ID if wanted == "other" else wanted, self.environment.tenant.id)
        if tenant is None:
            raise Bad(f"There is no tenant '{wanted}'; there are {', '.join(directory.tenants)}.")
        if directory.serve_another is None:
            raise Bad("This sandbox serves one environment only.")
        own = tenant is self.environment.tenant
        name = str(given.get("name") or f"{tenant.name} {len(directory.served()) + 1}")
        credentials = Credentials.generate()
        if own:
            credentials = replace(self.environment.credentials, organization_id=credentials.organization_id)
        elif f"admin@{tenant.domain}" in tenant.people:
            credentials = replace(credentials, admin_password=tenant.people[f"admin@{tenant.domain}"].password)
        made = Environment(
            empty=bool(given.get("empty", False)),
            credentials=credentials,
            directory=directory,
            tenant_id=tenant.id,
            client_id=self.environment.client_id if own else str(uuid4()),
            name=name,
        )
        return _json(directory.serve_another(made))


def _shown(application: Application) -> dict[str, Any]:
    """An application without the values of its secrets."""
    return {
        "client_id": application.client_id,
        "name": application.name,
        "redirect_urls": application.redirect_urls,
        "secrets": [{"expires": one.expires} for one in application.secrets],
        "certificates": len(application.certificates),
    }


def _secret(given: Any) -> Secret:
    if not isinstance(given, dict) or not given.get("value"):
        raise Bad("A secret is an object with a value, and expires where it does.")
    expires = given.get("expires")
    if expires is None:
        return Secret(str(given["value"]))
    if isinstance(expires, int | float) and not isinstance(expires, bool):
        return Secret(str(given["value"]), float(expires))
    found = parse_datetime(str(expires))
    if found is None:
        raise Bad(f"'{expires}' is no date.")
    return Secret(str(given["value"]), found.timestamp())


def _body(request: Request) -> Any:
    try:
        return msgspec.json.decode(request.body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Bad(f"The body is no JSON: {error}") from None


def _object(request: Request) -> dict[str, Any]:
    found = _body(request)
    if not isinstance(found, dict):
        raise Bad("The body must be a JSON object.")
    return found


def _only(given: dict[str, Any], *names: str) -> None:
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise Bad(f"There is no '{unknown[0]}'; there are {', '.join(names)}.")


def _number(given: dict[str, Any], name: str, default: float) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Bad(f"'{name}' must be a number.")
    return value


def _json(document: Any) -> Response:
    return Response(200, msgspec.json.encode(document), dict(_JSON))


def _error(status: int, message: str) -> Response:
    return Response(status, msgspec.json.encode({"error": {"message": message}}), dict(_JSON))
