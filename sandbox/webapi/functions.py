"""Unbound functions of the Web API."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sandbox.base.errors import method_not_allowed, query_error, resource_not_found, row_not_found
from sandbox.base.messages import JSON, Response
from sandbox.base.values import from_json, parse_guid
from sandbox.data import members, privileges, rules
from sandbox.environment import VERSION, Environment
from sandbox.odata.options import parse_pairs
from sandbox.odata.paths import Segment
from sandbox.webapi.context import Context, Operation

AAD_ROLES = "RetrieveAadUserRoles"
_EMPTY_ID = "00000000-0000-0000-0000-000000000000"


def answer(context: Context, operation: Operation, steps: list[Segment]) -> Response:
    """Answer a function. Raises ServiceError, also for one that does not exist."""
    name = steps[0].name.removeprefix("Microsoft.Dynamics.CRM.")
    if len(steps) > 1 or (name not in _FUNCTIONS and name != AAD_ROLES):
        if name in _FUNCTIONS:
            raise resource_not_found(steps[1].name)
        raise resource_not_found(name)
    if operation.method != "GET":
        raise method_not_allowed(operation.method, f"the function '{name}'")
    if name == AAD_ROLES:
        return _answer_aad_roles(context, operation, steps[0].key or "")
    document = _FUNCTIONS[name](context, _read_arguments(operation, steps[0].key or ""))
    whole = {"@odata.context": f"{context.base}$metadata#Microsoft.Dynamics.CRM.{name}Response", **document}
    return Response(200, msgspec.json.encode(whole), {"Content-Type": JSON})


def _answer_aad_roles(context: Context, operation: Operation, key: str) -> Response:
    """Answer RetrieveAadUserRoles: all roles of a person of the directory, also those through teams and groups."""
    environment = context.environment
    wanted = parse_guid(_read_arguments(operation, key).get("DirectoryObjectId", ""))
    if wanted is None:
        raise query_error(f"The function '{AAD_ROLES}' needs a DirectoryObjectId.")
    person = next((one for one in environment.tenant.people if environment.tenant.object_id(one) == wanted), "")
    user = members.find_user(environment.store, person) if person else None
    if person in environment.members.partners:  # the directory of this tenant does not know them
        person, user = "", None
    if not person:
        raise row_not_found("systemuser", wanted)
    rows = environment.store.rows["role"]
    ids = members.all_role_ids(environment.store, environment.members, user or "", person)
    positions = [rows.index[role.encode()] for role in ids if role.encode() in rows.index]
    return context.answer_page(operation, environment.tables["role"], positions)


def _read_arguments(operation: Operation, key: str) -> dict[str, str]:
    aliases = {name: value for name, value in parse_pairs(operation.query) if name.startswith("@")}
    arguments = {}
    for piece in re.split(r",(?![^\[]*\])", key):
        name, _, value = piece.partition("=")
        if name.strip():
            value = value.strip()
            arguments[name.strip()] = aliases.get(value, value)
    return arguments


def _who_am_i(context: Context, _: dict[str, str]) -> dict[str, Any]:
    return {
        "BusinessUnitId": context.caller.business_unit_id,
        "UserId": context.caller.user_id,
        "OrganizationId": context.environment.organization_id,
    }


def _retrieve_version(_: Context, __: dict[str, str]) -> dict[str, Any]:
    return {"Version": VERSION}


def _retrieve_provisioned_languages(context: Context, __: dict[str, str]) -> dict[str, Any]:
    return {"RetrieveProvisionedLanguages": list(context.environment.customization.languages)}


def _retrieve_current_organization(context: Context, arguments: dict[str, str]) -> dict[str, Any]:
    access = arguments.get("AccessType", "")
    if not re.fullmatch(r"Microsoft\.Dynamics\.CRM\.EndpointAccessType'(Default|Internet|Intranet)'", access):
        raise query_error("The function 'RetrieveCurrentOrganization' needs an AccessType.")
    environment = context.environment
    origin = context.base.partition("/api/")[0]
    endpoints = {
        "WebApplication": f"{origin}/",
        "OrganizationService": f"{origin}/XRMServices/2011/Organization.svc",
        "OrganizationDataService": f"{origin}/XRMServices/2011/OrganizationData.svc",
    }
    organization = environment.organization_id
    return {
        "Detail": {
            "OrganizationId": organization,
            "FriendlyName": environment.organization_value("name"),
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


def _retrieve_total_record_count(context: Context, arguments: dict[str, str]) -> dict[str, Any]:
    store = context.environment.store
    try:
        names = msgspec.json.decode(arguments.get("EntityNames", "").replace("'", '"'), type=list[str])
    except msgspec.DecodeError:
        raise query_error("The function 'RetrieveTotalRecordCount' needs EntityNames.") from None
    unknown = [name for name in names if name not in store.rows]
    if unknown:
        raise query_error(f"The entity with a name = '{unknown[0]}' was not found in the MetadataCache.")
    counts = [len(store.rows[name]) for name in names]
    return {"EntityRecordCountCollection": {"Count": len(names), "IsReadOnly": False, "Keys": names, "Values": counts}}


def _describe_privileges(found: Mapping[str, int], business_unit: str) -> list[dict[str, Any]]:
    names = {mask: depth for depth, mask in privileges.DEPTHS.items()}
    return [
        {"PrivilegeId": privilege, "Depth": names[mask], "BusinessUnitId": business_unit, "RecordFilterId": _EMPTY_ID}
        for privilege, mask in sorted(found.items())
    ]


def describe_user_privileges(environment: Environment, user_id: str) -> dict[str, Any]:
    """Return the RolePrivileges of a user: all there are for an administrator."""
    store = environment.store
    rows = store.rows["systemuser"]
    unit = str(from_json(rows.fragment(rows.index[user_id.encode()], "businessunitid")))
    roles = rules.user_role_names(store, user_id)
    found = environment.privilege_cache.widest_masks(store, roles)
    if members.is_administrator(store, roles):
        found = {row_id.decode(): privileges.DEPTHS["Global"] for row_id in store.rows["privilege"].index}
    described = _describe_privileges(found, unit)
    known = store.rows["privilege"]
    for one in described:
        one["PrivilegeName"] = from_json(known.fragment(known.index[one["PrivilegeId"].encode()], "name"))
    return {"RolePrivileges": described}


def _retrieve_role_privileges(context: Context, arguments: dict[str, str]) -> dict[str, Any]:
    store = context.environment.store
    role_id = parse_guid(arguments.get("RoleId", ""))
    rows = store.rows["role"]
    position = None if role_id is None else rows.index.get(role_id.encode())
    if role_id is None or position is None:
        raise row_not_found("role", role_id or arguments.get("RoleId", "(none)"))
    unit = str(from_json(rows.fragment(position, "businessunitid")))
    found = privileges.role_privileges(store, role_id)
    if from_json(rows.fragment(position, "roletemplateid")) == privileges.ADMINISTRATOR_TEMPLATE:
        found = {one.decode(): privileges.DEPTHS["Global"] for one in store.rows["privilege"].index}
    return {"RolePrivileges": _describe_privileges(found, unit)}


def _retrieve_user_privileges(context: Context, arguments: dict[str, str]) -> dict[str, Any]:
    user_id = parse_guid(arguments.get("UserId", ""))
    if user_id is None or user_id.encode() not in context.environment.store.rows["systemuser"].index:
        raise row_not_found("systemuser", user_id or arguments.get("UserId", "(none)"))
    return describe_user_privileges(context.environment, user_id)


_FUNCTIONS: dict[str, Callable[[Context, dict[str, str]], dict[str, Any]]] = {
    "WhoAmI": _who_am_i,
    "RetrieveVersion": _retrieve_version,
    "RetrieveProvisionedLanguages": _retrieve_provisioned_languages,
    "RetrieveCurrentOrganization": _retrieve_current_organization,
    "RetrieveTotalRecordCount": _retrieve_total_record_count,
    "RetrieveRolePrivilegesRole": _retrieve_role_privileges,
    "RetrieveUserPrivileges": _retrieve_user_privileges,
}
