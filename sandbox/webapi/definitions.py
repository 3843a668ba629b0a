"""Reads of metadata (EntityDefinitions and the like), with their own, narrower query options."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec

from sandbox.base.errors import ServiceError, not_covered, query_error, resource_not_found
from sandbox.base.values import parse_guid
from sandbox.data import privileges
from sandbox.environment import Environment
from sandbox.metadata import describe
from sandbox.metadata.model import Column, Key, Table
from sandbox.odata import options as odata_options
from sandbox.odata.options import Expand, Options
from sandbox.odata.paths import PREFIX, Segment
from sandbox.odata.syntax import And, Compare, Expression, Literal, Not, Or, Path

_TYPES_WITHOUT_COLUMNS = {"MultiSelectPicklistAttributeMetadata", "ImageAttributeMetadata"}
_UNSUPPORTED_OPTIONS = ("$top", "$apply", "$orderby", "$skiptoken", "$deltatoken")


def answer(environment: Environment, steps: list[Segment], query: str, base: str) -> bytes:
    """Return the JSON document at a path of the metadata. Raises ServiceError."""
    options = odata_options.parse(query)
    for name in _UNSUPPORTED_OPTIONS:
        if name in options.given:
            raise query_error(f"The query parameter {name} is not supported for metadata.")
    return describe.in_language(_answer(environment, steps, options, base), environment.base_language)


def _answer(environment: Environment, steps: list[Segment], options: Options, base: str) -> bytes:
    first = steps[0]
    definitions = _Definitions(environment.seen_tables(), base, environment.clock.now())
    definitions.null_options = environment.behavior.null_options
    if first.name == "RelationshipDefinitions":
        return definitions.answer_relationships(steps, options)
    if first.name == "GlobalOptionSetDefinitions":
        return _answer_global_choices(environment, steps, options, base)
    if first.key is None:
        if len(steps) > 1:
            raise resource_not_found(steps[1].name)
        return definitions.answer_entities(options)
    table = definitions.find_table(first.key)
    if len(steps) == 1:
        document = definitions.describe_entity(table, options)
        return _to_json({"@odata.context": f"{base}$metadata#EntityDefinitions/$entity", **document})
    return definitions.answer_part(table, steps[1:], options)


def find_table(environment: Environment, key: str) -> Table:
    """Return the table that a key in parentheses names. Raises ServiceError."""
    return _Definitions(environment.tables, "").find_table(key)


def find_column(table: Table, key: str) -> Column:
    """Return the column that a key in parentheses names. Raises ServiceError."""
    return _Definitions.find_column(table, key)


def find_key(table: Table, key: str) -> Key:
    """Return the alternate key that a key in parentheses names. Raises ServiceError."""
    name, _, value = unquote(key).strip().partition("=")
    wanted = value.strip().strip("'") if name.strip() == "LogicalName" else parse_guid(name)
    for one in table.keys.values():
        if wanted in {one.name, describe.key(table, one, 0)["MetadataId"]}:
            return one
    raise ServiceError(404, "0x80060888", f"Could not find an entity key {key} of {table.name}.")


def find_relationship_name(environment: Environment, key: str) -> str:
    """Return the schema name of the relationship that a key in parentheses names. Raises ServiceError."""
    found = _Definitions(environment.tables, "").find_relationship(key)
    return str(found["SchemaName"])


def _answer_global_choices(environment: Environment, steps: list[Segment], options: Options, base: str) -> bytes:
    if "$filter" in options.given:
        raise query_error("The query parameter $filter is not supported for GlobalOptionSetDefinitions.")
    key, rest = steps[0].key, steps[1:]
    if rest and rest[0].name not in {f"{PREFIX}OptionSetMetadata"}:
        raise resource_not_found(rest[0].name)
    context = f"{base}$metadata#GlobalOptionSetDefinitions"
    if key is None:
        choices = [
            _select(describe.global_option_set(one), options.select, "OptionSetMetadata")
            for one in environment.choices.values()
        ]
        return _to_json({"@odata.context": context, "value": choices})
    name, equals, value = unquote(key).strip().partition("=")
    wanted = value.strip().strip("'") if equals and name.strip() == "Name" else parse_guid(name)
    for one in environment.choices.values():
        if wanted in {one.name, str(one.id)}:
            found = _select(describe.global_option_set(one), options.select, "OptionSetMetadata")
            return _to_json({"@odata.context": f"{context}/$entity", **found})
    raise ServiceError(404, "0x80060888", f"Could not find an optionset with name {wanted}.")


def _to_json(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(document)


class _Definitions:
    """Answers about tables and relationships. `now` (seconds since 1970) decides which keys are active."""

    def __init__(self, tables: dict[str, Table], base: str, now: float = 0.0) -> None:
        self.tables = tables
        self.base = base
        self.now = now
        self.null_options = False

    def list_keys(self, table: Table) -> list[dict[str, Any]]:
        return [describe.key(table, one, self.now) for one in table.keys.values()]

    def list_relationships(self) -> list[dict[str, Any]]:
        by_name = {}
        for table in self.tables.values():
            for one in (*describe.many_to_one(self.tables, table), *describe.many_to_many(self.tables, table)):
                by_name[one["SchemaName"]] = one
        return list(by_name.values())

    def find_relationship(self, key: str) -> dict[str, Any]:
        name, equals, value = unquote(key).strip().partition("=")
        wanted = value.strip().strip("'") if equals and name.strip() == "SchemaName" else parse_guid(name)
        for one in self.list_relationships():
            if wanted is not None and wanted in {one["SchemaName"], one["MetadataId"]}:
                return one
        raise ServiceError(404, "0x80060888", f"Could not find a relationship {key}.")

    def answer_relationships(self, steps: list[Segment], options: Options) -> bytes:
        kind = ""
        if len(steps) > 1:
            kind = steps[1].name.removeprefix(PREFIX)
            if len(steps) > 2 or kind not in {"OneToManyRelationshipMetadata", "ManyToManyRelationshipMetadata"}:
                raise resource_not_found(steps[1].name)
        context = f"{self.base}$metadata#RelationshipDefinitions"
        shown = kind or "RelationshipMetadataBase"
        if steps[0].key is not None:
            found = self.find_relationship(steps[0].key)
            if kind and not str(found["@odata.type"]).endswith(kind):
                raise ServiceError(404, "0x80060888", f"'{found['SchemaName']}' is no {kind}.")
            row = _select(found, options.select, shown)
            return _to_json({"@odata.context": f"{context}/$entity", **row})
        every = [one for one in self.list_relationships() if str(one["@odata.type"]).endswith(kind)]
        return _to_json({"@odata.context": context, "value": _filter_and_select(every, options, shown)})

    def find_table(self, key: str) -> Table:
        text = unquote(key).strip()
        name, equals, value = text.partition("=")
        if equals and name.strip() == "LogicalName":
            found = self.tables.get(value.strip().strip("'"))
        else:
            wanted = parse_guid(value if equals else text)
            if wanted is None:
                raise query_error(f"Bad Request - Error in query syntax: the key '{text}' names no table.")
            found = next((one for one in self.tables.values() if str(one.id) == wanted), None)
        if found is None:
            shown = value.strip().strip("'") if equals else text
            raise ServiceError(
                404,
                "0x80060888",
                f"Could not find an entity with name {shown} and id 00000000-0000-0000-0000-000000000000.",
            )
        return found

    def answer_entities(self, options: Options) -> bytes:
        entities = []
        for table in self.tables.values():
            whole = describe.entity(table)
            if options.filter is None or _matches(options.filter, whole, "EntityMetadata"):
                entities.append(self.describe_entity(table, options))
        return _to_json({"@odata.context": f"{self.base}$metadata#EntityDefinitions", "value": entities})

    def describe_entity(self, table: Table, options: Options) -> dict[str, Any]:
        whole = {**describe.entity(table), "Privileges": privileges.describe_privileges(table)}
        described = _select(whole, options.select, "EntityMetadata")
        for one in options.expand:
            described[one.name] = self._expand(table, one)
        return described

    def _expand(self, table: Table, one: Expand) -> list[dict[str, Any]]:
        if one.options.expand:
            raise query_error("The query option '$expand' isn't supported within $expand of metadata.")
        lists: dict[str, Callable[[], Sequence[Mapping[str, Any]]]] = {
            "Attributes": lambda: [
                describe.attribute(table, one, n) for n, one in enumerate(table.columns.values(), 1)
            ],
            "ManyToOneRelationships": lambda: describe.many_to_one(self.tables, table),
            "OneToManyRelationships": lambda: describe.one_to_many(self.tables, table),
            "ManyToManyRelationships": lambda: describe.many_to_many(self.tables, table),
            "Keys": lambda: self.list_keys(table),
        }
        if one.name not in lists:
            raise query_error(
                f"Could not find a property named '{one.name}' on type 'Microsoft.Dynamics.CRM.EntityMetadata'."
            )
        kind = "AttributeMetadata" if one.name == "Attributes" else "RelationshipMetadata"
        return _filter_and_select(lists[one.name](), one.options, kind)

    def answer_part(self, table: Table, steps: list[Segment], options: Options) -> bytes:
        name = steps[0].name
        context = f"{self.base}$metadata#EntityDefinitions('{table.name}')/{name}"
        if name == "Attributes":
            return self._answer_attributes(table, steps, options, context)
        if name == "Keys" and steps[0].key is not None and len(steps) == 1:
            one = _select(
                describe.key(table, find_key(table, steps[0].key), self.now), options.select, "EntityKeyMetadata"
            )
            return _to_json({"@odata.context": f"{context}/$entity", **one})
        if len(steps) > 1 or steps[0].key is not None:
            raise not_covered(f"one entry of '{name}'")
        kind = "RelationshipMetadata"
        if name == "ManyToOneRelationships":
            rows = describe.many_to_one(self.tables, table)
        elif name == "OneToManyRelationships":
            rows = describe.one_to_many(self.tables, table)
        elif name == "ManyToManyRelationships":
            rows = describe.many_to_many(self.tables, table)
        elif name == "Keys":
            rows, kind = self.list_keys(table), "EntityKeyMetadata"
        elif name == "Privileges":
            rows, kind = privileges.describe_privileges(table), "SecurityPrivilegeMetadata"
        else:
            raise resource_not_found(name)
        return _to_json({"@odata.context": context, "value": _filter_and_select(rows, options, kind)})

    def _answer_attributes(self, table: Table, steps: list[Segment], options: Options, context: str) -> bytes:
        first, rest = steps[0], steps[1:]
        cast = ""
        if rest and rest[0].name.startswith(PREFIX):
            cast, rest = rest[0].name.removeprefix(PREFIX), rest[1:]
            columns = (column for one in self.tables.values() for column in one.columns.values())
            if cast not in _TYPES_WITHOUT_COLUMNS and all(describe.type_name(column) != cast for column in columns):
                raise query_error(f"The type '{PREFIX}{cast}' can't be used as a cast here.")
        if first.key is None:
            if rest:
                raise resource_not_found(rest[0].name)
            of_type = [one for one in table.columns.values() if not cast or describe.type_name(one) == cast]
            return _to_json({"@odata.context": context, "value": self._describe_columns(table, of_type, options, cast)})
        column = self.find_column(table, first.key)
        if cast and describe.type_name(column) != cast:
            raise ServiceError(404, "0x80060888", f"'{column.name}' is no {cast}.")
        if rest:
            if len(rest) > 1 or rest[0].name not in {"OptionSet", "GlobalOptionSet"} or not cast:
                raise resource_not_found(rest[0].name)
            found = describe.option_set(table, column) if rest[0].name == "OptionSet" else None
            if found is None:
                raise resource_not_found(rest[0].name)
            return _to_json({"@odata.context": context, **_select(found, options.select, "OptionSetMetadata")})
        (described,) = self._describe_columns(table, [column], options, cast)
        return _to_json({"@odata.context": f"{context}/$entity", **described})

    @staticmethod
    def find_column(table: Table, key: str) -> Column:
        text = unquote(key).strip()
        name, _, value = text.partition("=")
        if name.strip() == "LogicalName":
            found = table.columns.get(value.strip().strip("'"))
        else:
            found = next(
                (one for one in table.columns.values() if str(table.column_id(one.name)) == parse_guid(text)), None
            )
        if found is None:
            raise ServiceError(404, "0x80060888", f"Could not find an attribute {text} of {table.name}.")
        return found

    def _describe_columns(
        self, table: Table, columns: list[Column], options: Options, cast: str
    ) -> list[dict[str, Any]]:
        for one in options.expand:
            if one.name not in {"OptionSet", "GlobalOptionSet"} or not cast:
                raise query_error(
                    f"Could not find a property named '{one.name}' on type 'Microsoft.Dynamics.CRM."
                    f"{cast or 'AttributeMetadata'}'."
                )
        described, numbers = [], {name: number for number, name in enumerate(table.columns, 1)}
        for column in columns:
            whole = describe.attribute(table, column, numbers[column.name])
            if cast:
                whole = {**whole, **describe.type_properties(column)}
            if options.filter is not None and not _matches(options.filter, whole, cast or "AttributeMetadata"):
                continue
            row = _select(whole, options.select, cast or "AttributeMetadata")
            for one in options.expand:
                is_global = bool(column.choice_set)
                own = one.name == "OptionSet" and not (is_global and self.null_options)
                found = describe.option_set(table, column) if own or (one.name != "OptionSet" and is_global) else None
                row[one.name] = found and _select(found, one.options.select, "OptionSetMetadata")
            described.append(row)
        return described


def _filter_and_select(rows: Sequence[Mapping[str, Any]], options: Options, kind: str) -> list[dict[str, Any]]:
    matching = rows if options.filter is None else [one for one in rows if _matches(options.filter, one, kind)]
    return [_select(one, options.select, kind) for one in matching]


def _select(whole: Mapping[str, Any], select: tuple[str, ...], kind: str) -> dict[str, Any]:
    if not select:
        return dict(whole)
    selected = {name: value for name, value in whole.items() if name[0] == "@"}
    for name in select:
        if name not in whole:
            raise query_error(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{kind}'.")
        selected[name] = whole[name]
    if "MetadataId" in whole:
        selected["MetadataId"] = whole["MetadataId"]
    return selected


def _matches(expression: Expression, row: Mapping[str, Any], kind: str) -> bool:
    match expression:
        case And(conditions):
            return all(_matches(one, row, kind) for one in conditions)
        case Or(conditions):
            return any(_matches(one, row, kind) for one in conditions)
        case Not(condition):
            return not _matches(condition, row, kind)
        case Compare(operator, Path(steps), Literal() as literal) if operator in {"eq", "ne"}:
            value: Any = row
            for step in steps:
                if not isinstance(value, Mapping) or step not in value:
                    raise query_error(
                        f"Could not find a property named '{step}' on type 'Microsoft.Dynamics.CRM.{kind}'."
                    )
                value = value[step]
            wanted: Any = literal.value
            if literal.kind == "guid" and isinstance(value, str):
                value = value.lower()
            return bool(value == wanted) is (operator == "eq")
        case Compare(operator):
            raise ServiceError(400, "0x8006088a", f'The "{operator}" operator isn\'t supported for Metadata Entities.')
        case _:
            name = getattr(expression, "function", "lambda")
            raise ServiceError(400, "0x8006088a", f'The "{name}" function isn\'t supported for Metadata Entities.')
