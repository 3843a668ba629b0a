"""Answers to requests that change metadata: from path and body to the customizer."""

import msgspec

from sandbox.base.errors import method_not_allowed, not_covered, resource_not_found
from sandbox.base.messages import JSON, Response
from sandbox.customizing import components, labels
from sandbox.customizing.tables import Customizer, key_id
from sandbox.data import privileges
from sandbox.data.store import Transaction
from sandbox.environment import Environment
from sandbox.metadata import describe
from sandbox.odata.options import parse_pairs
from sandbox.odata.paths import PREFIX, Segment
from sandbox.webapi import definitions
from sandbox.webapi.context import Context, Operation

_OPTION_ACTIONS = frozenset({"InsertOptionValue", "UpdateOptionValue", "DeleteOptionValue"})
_PUBLISH_ACTIONS = frozenset({"PublishXml", "PublishAllXml"})
_SETTING, _LOCKDOWN = "GetOrgDbOrgSetting", "IsLockdownOfUnmanagedCustomizationEnabled"


def answer(
    context: Context, operation: Operation, steps: list[Segment], body: dict[str, object] | None,
    transaction: Transaction,
) -> Response:  # fmt: skip
    """Answer a request that changes metadata; `body` is decoded, None without one. Raises ServiceError."""
    customizer = Customizer(context.environment, context.caller)
    _require_open(context.environment)
    customizer.require_solution(operation.headers.get("mscrm.solutionuniquename", ""))
    first, rest = steps[0], steps[1:]
    given = body or {}
    if operation.method == "POST":  # the official SDK changes definitions with bodies of another order
        labels.check_type_first(given)
    if first.name == "GlobalOptionSetDefinitions":
        return _answer_choices(context, customizer, operation, steps, given)
    if first.name == "RelationshipDefinitions":
        return _answer_relationships(context, customizer, operation, steps, given, transaction)
    if first.key is None:
        if operation.method != "POST" or rest:
            raise method_not_allowed(operation.method, "EntityDefinitions")
        created = customizer.create_table(given, transaction)
        _note(context, operation, components.TABLE, created.id, transaction)
        return _answer_created(context, f"EntityDefinitions({created.id})")
    table = definitions.find_table(context.environment, first.key)
    base = f"EntityDefinitions({table.id})"
    if not rest:
        if operation.method == "PUT":
            customizer.update_table(table, given)
            return _answer_created(context, base)
        if operation.method == "DELETE":
            customizer.delete_table(table, transaction)
            return Response(204)
        raise method_not_allowed(operation.method, "a table's definition")
    if rest[0].name == "Attributes":
        return _answer_columns(context, customizer, operation, first, rest, given, transaction)
    if rest[0].name == "Keys":
        if rest[0].key is None and operation.method == "POST":
            key = customizer.create_key(table, given)
            return _answer_created(context, f"{base}/Keys({key_id(table, key)})")
        if rest[0].key is not None and operation.method == "DELETE":
            customizer.delete_key(table, definitions.find_key(table, rest[0].key))
            return Response(204)
        raise method_not_allowed(operation.method, "Keys")
    raise resource_not_found(rest[0].name)


def answer_action(
    context: Context, operation: Operation, name: str, body: dict[str, object], transaction: Transaction
) -> Response | None:
    """Answer an unbound action about metadata; None where the name is that of none. Raises ServiceError."""
    if name not in _OPTION_ACTIONS | _PUBLISH_ACTIONS | components.ACTIONS | {"CreateEntities", _SETTING}:
        return None
    if operation.method != "POST":
        raise method_not_allowed(operation.method, f"the action '{name}'")
    if name == _SETTING:
        return _answer_document(context, name, {"SettingValue": _read_setting(context.environment, body)})
    _require_open(context.environment)
    if name in components.ACTIONS:
        privileges.require_named_privilege(context.caller, "prvWriteSolution")
        return _answer_document(context, name, components.change(context.environment, name, body, transaction))
    customizer = Customizer(context.environment, context.caller)
    if name in _PUBLISH_ACTIONS:
        parameters = str(body.get("ParameterXml") or "") if name == "PublishXml" else None
        customizer.publish(parameters)
        return Response(204)
    if name == "CreateEntities":
        asked = dict(parse_pairs(operation.query))
        customizer.require_solution(asked.get("SolutionUniqueName", ""))
        found: dict[str, object] = {"EntityIds": [str(one.id) for one in customizer.create_tables(body, transaction)]}
    else:
        found = customizer.change_options(name, body)
    return _answer_document(context, name, found) if found else Response(204)


def _answer_document(context: Context, name: str, found: dict[str, object]) -> Response:
    odata_context = f"{context.base}$metadata#Microsoft.Dynamics.CRM.{name}Response"
    return Response(200, msgspec.json.encode({"@odata.context": odata_context, **found}), {"Content-Type": JSON})


def _require_open(environment: Environment) -> None:
    """Raise ServiceError where the environment takes no unmanaged customization, or somebody else customizes it."""
    environment.customization.require_unmanaged_allowed()
    environment.customization.require_unlocked()


def _read_setting(environment: Environment, body: dict[str, object]) -> str:
    """Return the value of a setting of the organization's database. Raises 501 for one that is not known here."""
    if body.get("SettingName") != _LOCKDOWN:
        raise not_covered(f"the setting '{body.get('SettingName')}'")
    return "false" if environment.customization.unmanaged_customizations else "true"


def _note(
    context: Context, operation: Operation, kind: int, object_id: object, transaction: Transaction, behavior: int = 0
) -> None:
    """List what was made among the components of the solution that the request names."""
    solution = operation.headers.get("mscrm.solutionuniquename", "")
    components.add(context.environment, solution, kind, str(object_id), transaction, behavior)


def _answer_columns(
    context: Context, customizer: Customizer, operation: Operation, first: Segment, rest: list[Segment],
    body: dict[str, object], transaction: Transaction,
) -> Response:  # fmt: skip
    table = definitions.find_table(context.environment, first.key or "")
    if len(rest) > 1 and not rest[1].name.startswith(PREFIX):
        raise resource_not_found(rest[1].name)
    if rest[0].key is None:
        if operation.method != "POST":
            raise method_not_allowed(operation.method, "Attributes")
        column = customizer.create_column(table, body)
        _note(context, operation, components.COLUMN, table.column_id(column.name), transaction)
        return _answer_created(context, f"EntityDefinitions({table.id})/Attributes({table.column_id(column.name)})")
    column = definitions.find_column(table, rest[0].key)
    if operation.method == "PUT":
        customizer.update_column(table, column, body)
        return Response(204)
    if operation.method == "DELETE":
        customizer.delete_column(table, column)
        return Response(204)
    raise method_not_allowed(operation.method, "an attribute's definition")


def _answer_choices(
    context: Context, customizer: Customizer, operation: Operation, steps: list[Segment],
    body: dict[str, object],
) -> Response:  # fmt: skip
    key = steps[0].key
    if key is None and operation.method == "POST":
        option_set = customizer.create_option_set(body)
        return _answer_created(context, f"GlobalOptionSetDefinitions({option_set.id})")
    if key is not None and operation.method == "DELETE":
        customizer.delete_option_set(customizer.find_option_set(key))
        return Response(204)
    if key is not None and operation.method == "PUT":
        raise not_covered("replacing a global choice; use InsertOptionValue, UpdateOptionValue and DeleteOptionValue")
    raise method_not_allowed(operation.method, "GlobalOptionSetDefinitions")


def _answer_relationships(
    context: Context, customizer: Customizer, operation: Operation, steps: list[Segment],
    body: dict[str, object], transaction: Transaction,
) -> Response:  # fmt: skip
    key = steps[0].key
    if key is None and operation.method == "POST":
        name = customizer.create_relationship(body)
        _note(context, operation, components.RELATIONSHIP, describe.relationship_id(name), transaction)
        for side, behavior in (("ReferencingEntity", 1), ("ReferencedEntity", 0)):
            # The referenced table comes along with all it has, as was measured on the service.
            one = context.environment.tables.get(str(body.get(side) or ""))
            if one is not None:
                _note(context, operation, components.TABLE, one.id, transaction, behavior)
        return _answer_created(context, f"RelationshipDefinitions({describe.relationship_id(name)})")
    if key is not None and operation.method == "DELETE":
        customizer.delete_relationship(definitions.find_relationship_name(context.environment, key))
        return Response(204)
    if key is not None and operation.method == "PUT":
        raise not_covered("changing a relationship")
    raise method_not_allowed(operation.method, "RelationshipDefinitions")


def _answer_created(context: Context, path: str) -> Response:
    return Response(204, headers={"OData-EntityId": f"{context.base}{path}"})
