"""Table metadata, pure: the requests for it, and TableInfo from their answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dataverse import odata
from dataverse.errors import Gone, Invalid, InvalidAnswer
from dataverse.types import ColumnInfo, PartResult, Request, TableInfo, TableName

_CAST = "Microsoft.Dynamics.CRM."
_OWN_CHOICES = "$expand=OptionSet"
_CHOICES = "$expand=OptionSet,GlobalOptionSet"
"""A column bound to a global choice may have its options there alone."""

_DETAILS: Mapping[str, str] = {
    "StringAttributeMetadata": "$select=LogicalName,MaxLength",
    "MemoAttributeMetadata": "$select=LogicalName,MaxLength",
    "IntegerAttributeMetadata": "$select=LogicalName,MinValue,MaxValue",
    "DecimalAttributeMetadata": "$select=LogicalName,MinValue,MaxValue,Precision",
    "DoubleAttributeMetadata": "$select=LogicalName,MinValue,MaxValue,Precision",
    "MoneyAttributeMetadata": "$select=LogicalName,MinValue,MaxValue,Precision",
    "DateTimeAttributeMetadata": "$select=LogicalName,Format,DateTimeBehavior",
    "PicklistAttributeMetadata": f"$select=LogicalName&{_CHOICES}",
    "StateAttributeMetadata": f"$select=LogicalName&{_OWN_CHOICES}",
    "StatusAttributeMetadata": f"$select=LogicalName&{_OWN_CHOICES}",
    "BooleanAttributeMetadata": f"$select=LogicalName&{_CHOICES}",
}
"""What each type of column adds to the properties that all have."""


COMPUTED = frozenset({1, 2, 3})
"""Source types of columns that Dataverse works out itself: calculated, rollup, formula."""

TABLES = (
    "EntityDefinitions?$select=LogicalName,EntitySetName,DisplayName,DisplayCollectionName"
    "&$filter=IsIntersect%20eq%20false%20and%20IsPrivate%20eq%20false"
)
"""The path whose answer `parse_table_names` reads."""


def parse_table_names(body: Any) -> list[TableName]:
    """Return the environment's tables with a set of rows, by what they are called. Raises InvalidAnswer."""
    try:
        found = [
            TableName(
                one["LogicalName"],
                label_text(one.get("DisplayName")) or one["LogicalName"],
                label_text(one.get("DisplayCollectionName")) or label_text(one.get("DisplayName")),
            )
            for one in body["value"]
            if one.get("EntitySetName")
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidAnswer("Dataverse's list of its tables cannot be read.") from error
    return sorted(found, key=lambda one: (one.label.casefold(), one.name))


def requests_for(table: str) -> list[Request]:
    """Return the GETs whose answers, in this order, `parse_table_info` reads; one $batch carries them."""
    base = f"EntityDefinitions(LogicalName='{table}')"
    columns = (
        "LogicalName,AttributeType,AttributeTypeName,AttributeOf,DisplayName,IsValidForCreate,IsValidForUpdate,"
        "RequiredLevel,SourceType,IsSecured"
    )
    relations = "ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
    paths = [
        f"{base}?$select=LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ChangeTrackingEnabled,"
        "TableType,DataProviderId",
        f"{base}/Attributes?$select={columns}",
        f"{base}/ManyToOneRelationships?$select={relations}",
    ]
    paths += [f"{base}/Attributes/{_CAST}{name}?{query}" for name, query in _DETAILS.items()]
    return [Request("GET", path) for path in paths]


def read_table(send: Callable[[list[Request]], list[PartResult]], table: str) -> TableInfo:
    """Return a table's metadata, read by one $batch that `send` sends.

    Raises Invalid (configuration) when there is no such table, InvalidAnswer, and other errors of the parts.
    """
    answers = send(requests_for(table))
    for answer in answers:
        if isinstance(answer.error, Gone):
            raise Invalid(
                f"Dataverse has no table {table}. It may belong to a solution that is not installed.",
                "Install that solution in the environment.",
                code=answer.error.code,
                request_id=answer.error.request_id,
                said=answer.error.said,
                reason="configuration",
            )
        if answer.error is not None:
            raise answer.error
    try:
        return parse_table_info([answer.body for answer in answers])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidAnswer(f"Dataverse's metadata of the table {table} cannot be read.") from error


def parse_table_info(bodies: Sequence[Any]) -> TableInfo:
    """Return the table from the answers to `requests_for`, in order. Raises KeyError where one is not as expected."""
    definition, attributes, relations, *details = bodies
    facts: dict[str, dict[str, Any]] = {}
    for body in details:
        for column in body["value"]:
            facts.setdefault(column["LogicalName"], {}).update(column)
    binds: dict[str, dict[str, str]] = {}
    for relation in relations["value"]:
        property_name = relation.get("ReferencingEntityNavigationPropertyName")
        if property_name:
            binds.setdefault(relation["ReferencingAttribute"], {})[relation["ReferencedEntity"]] = property_name
    columns = {}
    customers = {one["LogicalName"] for one in attributes["value"] if one.get("AttributeType") == "Customer"}
    for column in attributes["value"]:
        name, whose = column["LogicalName"], column.get("AttributeOf")
        if whose in customers and name == odata.table_of(str(whose)):
            # Which table a lookup leads to comes with the lookup's value, so it can be read, and not written.
            columns[name] = replace(
                _column(column, {}, binds.get(str(whose), {})), for_create=False, for_update=False, required=""
            )
        # Another column of a column (the name of a lookup, the base value of money) cannot be asked for or written.
        elif not whose:
            columns[name] = _column(column, facts.get(name, {}), binds.get(name, {}))
    return TableInfo(
        name=definition["LogicalName"],
        entity_set=definition["EntitySetName"],
        primary_id=definition["PrimaryIdAttribute"],
        primary_name=definition.get("PrimaryNameAttribute") or "",
        columns=columns,
        change_tracking=bool(definition.get("ChangeTrackingEnabled")),
        kind="Virtual" if definition.get("DataProviderId") else str(definition.get("TableType") or "Standard"),
    )


def label_text(value: Any) -> str:
    """Return the text of a Label in the user's language, "" without one."""
    text = ((value or {}).get("UserLocalizedLabel") or {}).get("Label")
    return str(text) if text else ""


def _column(column: Mapping[str, Any], facts: Mapping[str, Any], binds: Mapping[str, str]) -> ColumnInfo:
    kind = _kind(column)
    computed = column.get("SourceType") in COMPUTED
    if kind == "Owner" and (navigation := binds.get("owner")):
        # The relationship names the abstract table of owners; a row is given to a user or to a team.
        binds = {"systemuser": navigation, "team": navigation}
    behavior = str((facts.get("DateTimeBehavior") or {}).get("Value") or "")
    shows_day = facts.get("Format") == "DateOnly"
    return ColumnInfo(
        name=column["LogicalName"],
        type=kind,
        label=label_text(column.get("DisplayName")),
        max_length=facts.get("MaxLength"),
        minimum=facts.get("MinValue"),
        maximum=facts.get("MaxValue"),
        precision=facts.get("Precision"),
        date_only=behavior == "DateOnly" or (shows_day and not behavior),
        shows_day=shows_day,
        behavior=behavior,
        choices=_choices(kind, facts.get("OptionSet") or {}) or _choices(kind, facts.get("GlobalOptionSet") or {}),
        binds=dict(binds),
        for_create=column.get("IsValidForCreate", True) is not False and not computed,
        for_update=column.get("IsValidForUpdate", True) is not False and not computed,
        required=str((column.get("RequiredLevel") or {}).get("Value") or ""),
        metadata_id=str(column.get("MetadataId") or ""),
        secured=bool(column.get("IsSecured")),
    )


def _kind(column: Mapping[str, Any]) -> str:
    """Return a column's type; several choices, files and images say theirs in AttributeTypeName alone."""
    kind = str(column.get("AttributeType") or "")
    name = str((column.get("AttributeTypeName") or {}).get("Value") or "").removesuffix("Type")
    return name if name and kind in {"", "Virtual"} else kind


def _choices(kind: str, options: Mapping[str, Any]) -> dict[int, str]:
    if kind == "Boolean":
        both = (options.get("FalseOption"), options.get("TrueOption"))
        return {number: label_text(option["Label"]) for number, option in enumerate(both) if option}
    return {int(option["Value"]): label_text(option.get("Label")) for option in options.get("Options") or ()}
