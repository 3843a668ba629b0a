"""Global discovery: the environments in which a person is a user, with the few query options of that service.

Texts compare case-sensitively, unlike in the Web API. An application by itself is refused: the service is for people.
"""

import operator as operators
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec

from sandbox.base.errors import ServiceError, method_not_allowed, query_error, resource_not_found
from sandbox.base.messages import JSON, Request, Response
from sandbox.base.values import parse_guid
from sandbox.environment import VERSION, Environment
from sandbox.identity.directory import Served
from sandbox.identity.records import Grant
from sandbox.odata import options as odata_options
from sandbox.odata.paths import parse_segments
from sandbox.odata.syntax import And, Compare, Expression, Literal, Not, Or, Path, TextFunction

ROOT = "/api/discovery/v2.0/"
_ORDERINGS: dict[str, Callable[[Any, Any], Any]] = {
    "gt": operators.gt,
    "ge": operators.ge,
    "lt": operators.lt,
    "le": operators.le,
}
_CONTEXT = "https://10.0.0.4:20193/api/discovery/v2.0/$metadata#Instances"
_COLUMNS = (
    "ApiUrl", "DatacenterId", "DatacenterName", "EnvironmentId", "FriendlyName", "Id", "IsUserSysAdmin", "LastUpdated",
    "OrganizationType", "Purpose", "Region", "SchemaType", "State", "StatusMessage", "TenantId", "TrialExpirationDate",
    "UniqueName", "Url", "UrlName", "Version",
)  # fmt: skip


def answer(served: list[Served[Environment]], grant: Grant, request: Request) -> Response:
    """Answer a request below the root of global discovery. Raises ServiceError."""
    steps = parse_segments(unquote(request.path.removeprefix(ROOT)))
    if len(steps) != 1 or steps[0].name not in {"Instances", "$metadata"}:
        raise resource_not_found(steps[0].name if steps else "")
    if request.method != "GET":
        raise method_not_allowed(request.method, "global discovery")
    if steps[0].name == "$metadata":
        raise ServiceError(501, "0x80060888", "The sandbox does not cover the metadata of global discovery.")
    if not grant.person:
        raise ServiceError(
            403, "0x8004a10c", "Global discovery lists environments for users; an application by itself has none."
        )
    found = [instance for one in served if (instance := _describe_instance(one, grant)) is not None]
    options = odata_options.parse(request.query)
    for name in options.given - {"$select", "$filter"}:
        raise query_error(f"The query parameter {name} is not supported.")
    for name in options.select:
        if name not in _COLUMNS:
            raise _unknown_property(name)
    if steps[0].key is not None:
        found = _filter_by_key(found, steps[0].key)
    if options.filter is not None:
        found = [one for one in found if _matches(options.filter, one)]
    wanted = options.select or _COLUMNS
    rows = [{name: one[name] for name in wanted} for one in found]
    suffix = f"({','.join(options.select)})" if options.select else ""
    document = {"@odata.context": f"{_CONTEXT}{suffix}", "value": rows}
    return Response(200, msgspec.json.encode(document), {"Content-Type": JSON})


def _describe_instance(served: Served[Environment], grant: Grant) -> dict[str, Any] | None:
    """Return an environment as one of its users sees it; None for other people, and for disabled users."""
    environment = served.environment
    if environment.tenant.id != grant.tenant:
        return None
    with environment.lock:
        caller = environment.find_caller(person=grant.person)
        if caller is None or caller.disabled:
            return None
        organization = environment.organization_id
        name = f"unq{organization.replace('-', '')[:22]}"
    return {
        "ApiUrl": served.origin,
        "DatacenterId": "00000000-0000-0000-0000-000000000000",
        "DatacenterName": None,
        "EnvironmentId": organization,
        "FriendlyName": environment.name,
        "Id": organization,
        "IsUserSysAdmin": caller.administrator,
        "LastUpdated": environment.clock.stamp(),
        "OrganizationType": 0,
        "Purpose": "",
        "Region": "EMEA",
        "SchemaType": "Full",
        "State": 1 if environment.disabled else 0,
        "StatusMessage": 0,
        "TenantId": environment.tenant.id,
        "TrialExpirationDate": None,
        "UniqueName": name,
        "Url": served.origin,
        "UrlName": name[3:11],
        "Version": VERSION,
    }


def _filter_by_key(found: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Return the instance that a key names, as a list of one or none. Raises ServiceError."""
    wanted = parse_guid(key)
    if wanted is not None:
        return [one for one in found if one["Id"] == wanted]
    named = re.fullmatch(r"(UniqueName|Id)='?([^']*)'?", key.strip())
    if named is None:
        raise query_error(f"Bad Request - Error in query syntax: the key '{key}' names no instance.")
    return [one for one in found if one[named.group(1)] == named.group(2)]


def _unknown_property(name: str) -> ServiceError:
    return query_error(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.Instance'.")


def _value(row: Mapping[str, Any], path: Path) -> Any:
    if len(path.steps) != 1 or path.steps[0] not in row:
        raise _unknown_property("/".join(path.steps))
    return row[path.steps[0]]


def _matches(expression: Expression, row: Mapping[str, Any]) -> bool:
    match expression:
        case And(conditions):
            return all(_matches(one, row) for one in conditions)
        case Or(conditions):
            return any(_matches(one, row) for one in conditions)
        case Not(condition):
            return not _matches(condition, row)
        case TextFunction(function, path, literal):
            value = _value(row, path)
            if not isinstance(value, str | None):
                raise query_error(f"The function '{function}' needs a text.")
            test = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[function]
            return value is not None and bool(test(value, str(literal.value)))
        case Compare(operator, path, right):
            return _compare(operator, _value(row, path), right if isinstance(right, Literal) else _value(row, right))
        case _:
            raise query_error("Global discovery knows comparisons, and, or, not, contains, startswith and endswith.")


def _compare(operator: str, value: Any, right: Any) -> bool:
    other = right.value if isinstance(right, Literal) else right
    if isinstance(value, int) and not isinstance(value, bool) and isinstance(other, Decimal):
        value = Decimal(value)
    if operator in {"eq", "ne"}:
        if value is not None and other is not None and type(value) is not type(other):
            raise query_error("A binary operator with incompatible types was detected.")
        return (value == other) is (operator == "eq")
    if type(value) is not type(other) or not isinstance(value, str | Decimal):
        raise query_error("A binary operator with incompatible types was detected.")
    return bool(_ORDERINGS[operator](value, other))
