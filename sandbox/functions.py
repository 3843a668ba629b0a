"""Unbound functions and actions."""

import re
from typing import TYPE_CHECKING, Any

import msgspec

from sandbox.environment import VERSION, Environment
from sandbox.errors import method_not_allowed, no_resource, not_covered, query_error
from sandbox.messages import JSON, Response
from sandbox.odata.options import pairs
from sandbox.odata.paths import Segment
from sandbox.writing import Caller

if TYPE_CHECKING:
    from sandbox.operations import Operation

_KNOWN_ELSEWHERE = re.compile(
    r"(ImportSolution|ImportSolutionAsync|ExportSolution|StageSolution|PublishAllXml|PublishXml|RetrieveMetadataChanges|"
    r"RetrieveEntityChanges|BulkDelete|CreateEntities|CreateCustomerAddresses|Retrieve\w+|InitializeFrom|"
    r"GlobalOptionSet\w*|\w*definitions|AddPrivilegesRole|asyncoperations|importjobs|sdkmessage\w*|audits|annotations|"
    r"leads|salesorders|invoices|quotes|tasks|emails|appointments|phonecalls|activitypointers|queues|subjects|"
    r"systemuserrolescollection|teamrolescollection|teammemberships|privileges|roletemplates|workflows)"
)


def answer(
    environment: Environment, caller: Caller, operation: "Operation", steps: list[Segment], base: str
) -> Response:
    """The answer of a function. Raises ServiceError for one that is not there."""
    name = steps[0].name.removeprefix("Microsoft.Dynamics.CRM.")
    if len(steps) > 1 or name not in _FUNCTIONS:
        if name in _FUNCTIONS:
            raise no_resource(steps[1].name)
        if _KNOWN_ELSEWHERE.fullmatch(name):
            raise not_covered(f"'{name}'")
        raise no_resource(steps[0].name)
    if operation.method != "GET":
        raise method_not_allowed(operation.method, f"the function '{name}'")
    document = _FUNCTIONS[name](environment, caller, _arguments(operation, steps[0].key or ""), base)
    whole = {"@odata.context": f"{base}$metadata#Microsoft.Dynamics.CRM.{name}Response", **document}
    return Response(200, msgspec.json.encode(whole), {"Content-Type": JSON})


def _arguments(operation: "Operation", key: str) -> dict[str, str]:
    aliases = {name: value for name, value in pairs(operation.query) if name.startswith("@")}
    made = {}
    for piece in re.split(r",(?![^\[]*\])", key):
        name, _, value = piece.partition("=")
        if name.strip():
            value = value.strip()
            made[name.strip()] = aliases.get(value, value)
    return made


def _who_am_i(environment: Environment, caller: Caller, _: dict[str, str], __: str) -> dict[str, Any]:
    return {
        "BusinessUnitId": caller.business_unit_id,
        "UserId": caller.user_id,
        "OrganizationId": environment.organization_id,
    }


def _version(_: Environment, __: Caller, ___: dict[str, str], ____: str) -> dict[str, Any]:
    return {"Version": VERSION}


def _languages(_: Environment, __: Caller, ___: dict[str, str], ____: str) -> dict[str, Any]:
    return {"RetrieveProvisionedLanguages": [1033]}


def _organization(environment: Environment, _: Caller, arguments: dict[str, str], base: str) -> dict[str, Any]:
    access = arguments.get("AccessType", "")
    if not re.fullmatch(r"Microsoft\.Dynamics\.CRM\.EndpointAccessType'(Default|Internet|Intranet)'", access):
        raise query_error("The function 'RetrieveCurrentOrganization' needs an AccessType.")
    origin = base.partition("/api/")[0]
    endpoints = {
        "WebApplication": f"{origin}/",
        "OrganizationService": f"{origin}/XRMServices/2011/Organization.svc",
        "OrganizationDataService": f"{origin}/XRMServices/2011/OrganizationData.svc",
    }
    organization = environment.organization_id
    return {
        "Detail": {
            "OrganizationId": organization,
            "FriendlyName": environment.organization("name"),
            "OrganizationVersion": VERSION,
            "EnvironmentId": organization,
            "DatacenterId": "00000000-0000-0000-0000-000000000000",
            "Geo": "EMEA",
            "TenantId": environment.tenant.id,
            "UrlName": "localhost",
            "UniqueName": f"unq{organization.replace('-', '')[:24]}",
            "State": "Enabled",
            "OrganizationType": "Developer",
            "SchemaType": "Full",
            "Endpoints": {
                "Count": len(endpoints),
                "IsReadOnly": False,
                "Keys": list(endpoints),
                "Values": list(endpoints.values()),
            },
        }
    }


def _total(environment: Environment, _: Caller, arguments: dict[str, str], __: str) -> dict[str, Any]:
    try:
        names = msgspec.json.decode(arguments.get("EntityNames", "").replace("'", '"'), type=list[str])
    except msgspec.DecodeError:
        raise query_error("The function 'RetrieveTotalRecordCount' needs EntityNames.") from None
    unknown = [name for name in names if name not in environment.store.rows]
    if unknown:
        raise query_error(f"The entity with a name = '{unknown[0]}' was not found in the MetadataCache.")
    counts = [len(environment.store.rows[name]) for name in names]
    return {"EntityRecordCountCollection": {"Count": len(names), "IsReadOnly": False, "Keys": names, "Values": counts}}


_FUNCTIONS = {
    "WhoAmI": _who_am_i,
    "RetrieveVersion": _version,
    "RetrieveProvisionedLanguages": _languages,
    "RetrieveCurrentOrganization": _organization,
    "RetrieveTotalRecordCount": _total,
}
