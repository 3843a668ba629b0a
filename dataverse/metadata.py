"""Table metadata, pure: which requests to send, and their answers made into TableInfo."""

from collections.abc import Mapping, Sequence
from typing import Any

from dataverse.types import ColumnInfo, Request, TableInfo

_CAST = "Microsoft.Dynamics.CRM."

# What each type of column adds to the properties all have; choices are an expansion.
_DETAILS: Mapping[str, tuple[str, bool]] = {
    "StringAttributeMetadata": ("MaxLength", False),
    "MemoAttributeMetadata": ("MaxLength", False),
    "IntegerAttributeMetadata": ("MinValue,MaxValue", False),
    "DecimalAttributeMetadata": ("MinValue,MaxValue,Precision", False),
    "DoubleAttributeMetadata": ("MinValue,MaxValue,Precision", False),
    "MoneyAttributeMetadata": ("MinValue,MaxValue,Precision", False),
    "DateTimeAttributeMetadata": ("Format", False),
    "PicklistAttributeMetadata": ("", True),
    "StateAttributeMetadata": ("", True),
    "StatusAttributeMetadata": ("", True),
    "BooleanAttributeMetadata": ("", True),
}


def requests_for(table: str) -> list[Request]:
    """The GETs whose answers, in this order, `table_info` reads; one $batch carries them."""
    base = f"EntityDefinitions(LogicalName='{table}')"
    columns = "LogicalName,AttributeType,AttributeOf,DisplayName,IsValidForCreate,IsValidForUpdate"
    relations = "ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
    paths = [
        f"{base}?$select=LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ChangeTrackingEnabled",
        f"{base}/Attributes?$select={columns}",
        f"{base}/ManyToOneRelationships?$select={relations}",
    ]
    for name, (properties, choices) in _DETAILS.items():
        select = f"LogicalName,{properties}".rstrip(",")
        expand = "&$expand=OptionSet" if choices else ""
        paths.append(f"{base}/Attributes/{_CAST}{name}?$select={select}{expand}")
    return [Request("GET", path) for path in paths]


def table_info(bodies: Sequence[Any]) -> TableInfo:
    """The table from the answers to `requests_for`, in order. Raises KeyError where an answer is none."""
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
    for column in attributes["value"]:
        # A column of another (the name of a lookup, the base value of money) cannot be asked for or written.
        if column.get("AttributeOf"):
            continue
        name = column["LogicalName"]
        columns[name] = _column(column, facts.get(name, {}), binds.get(name, {}))
    return TableInfo(
        name=definition["LogicalName"],
        entity_set=definition["EntitySetName"],
        primary_id=definition["PrimaryIdAttribute"],
        primary_name=definition.get("PrimaryNameAttribute") or "",
        columns=columns,
        change_tracking=bool(definition.get("ChangeTrackingEnabled")),
    )


def label(value: Any) -> str:
    """The text of a label in the user's language."""
    text = ((value or {}).get("UserLocalizedLabel") or {}).get("Label")
    return str(text) if text else ""


def _column(column: Mapping[str, Any], facts: Mapping[str, Any], binds: Mapping[str, str]) -> ColumnInfo:
    kind = str(column.get("AttributeType") or "")
    if kind == "Owner" and (navigation := binds.get("owner")):
        # The relationship names the abstract table of owners; a row is given to a user or to a team.
        binds = {"systemuser": navigation, "team": navigation}
    return ColumnInfo(
        name=column["LogicalName"],
        type=kind,
        label=label(column.get("DisplayName")),
        max_length=facts.get("MaxLength"),
        minimum=facts.get("MinValue"),
        maximum=facts.get("MaxValue"),
        precision=facts.get("Precision"),
        date_only=facts.get("Format") == "DateOnly",
        choices=_choices(kind, facts.get("OptionSet") or {}),
        binds=dict(binds),
        for_create=column.get("IsValidForCreate", True) is not False,
        for_update=column.get("IsValidForUpdate", True) is not False,
    )


def _choices(kind: str, options: Mapping[str, Any]) -> dict[int, str]:
    if kind == "Boolean":
        both = (options.get("FalseOption"), options.get("TrueOption"))
        return {number: label(option["Label"]) for number, option in enumerate(both) if option}
    return {int(option["Value"]): label(option.get("Label")) for option in options.get("Options") or ()}
