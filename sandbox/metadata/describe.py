"""JSON of tables, columns and relationships in the metadata part of the Web API."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sandbox.metadata.model import LOOKUPS, Column, Key, OptionSet, Table, metadata_id

LANGUAGE = 1033
CRM = "Microsoft.Dynamics.CRM."

_TYPE_NAMES = {
    "Owner": "Lookup",
    "Customer": "Lookup",
    "Uniqueidentifier": "UniqueIdentifier",
}
_TYPE_PROPERTIES = {
    "String": ("MaxLength", "Format", "FormatName", "DatabaseLength"),
    "Memo": ("MaxLength", "Format", "FormatName"),
    "Integer": ("MinValue", "MaxValue", "Format"),
    "BigInt": ("MinValue", "MaxValue"),
    "Decimal": ("MinValue", "MaxValue", "Precision"),
    "Double": ("MinValue", "MaxValue", "Precision"),
    "Money": ("MinValue", "MaxValue", "Precision", "PrecisionSource", "IsBaseCurrency", "CalculationOf"),
    "DateTime": ("Format", "DateTimeBehavior"),
    "Boolean": ("DefaultValue",),
    "Picklist": ("DefaultFormValue",),
    "MultiSelectPicklist": ("DefaultFormValue",),
    "State": ("DefaultFormValue",),
    "Status": ("DefaultFormValue",),
    "Lookup": ("Targets",),
    "Owner": ("Targets",),
    "Customer": ("Targets",),
}


def label(text: str) -> dict[str, Any]:
    """Return a label in the one language there is; "" gives an empty one."""
    if not text:
        return {"LocalizedLabels": [], "UserLocalizedLabel": None}
    one = {
        "Label": text,
        "LanguageCode": LANGUAGE,
        "IsManaged": True,
        "MetadataId": str(metadata_id(f"label {text}")),
        "HasChanged": None,
    }
    return {"LocalizedLabels": [one], "UserLocalizedLabel": one}


def in_language(document: bytes, language: int) -> bytes:
    """Return a JSON document about metadata with its labels in another language than English."""
    if language == LANGUAGE:
        return document
    return document.replace(b'"LanguageCode":%d' % LANGUAGE, b'"LanguageCode":%d' % language)


def _property(value: Any, name: str, *, changeable: bool = True) -> dict[str, Any]:
    return {"Value": value, "CanBeChanged": changeable, "ManagedPropertyLogicalName": name}


def entity(table: Table) -> dict[str, Any]:
    """Return a table's own properties."""
    return {
        "MetadataId": str(table.id),
        "LogicalName": table.name,
        "SchemaName": table.schema_name,
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "CollectionSchemaName": table.plural.replace(" ", ""),
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "PrimaryImageAttribute": None,
        "ObjectTypeCode": table.code,
        "OwnershipType": table.ownership,
        "TableType": table.table_type,
        "DataProviderId": str(metadata_id("data provider")) if table.table_type == "Virtual" else None,
        "DisplayName": label(table.label),
        "DisplayCollectionName": label(table.plural),
        "Description": label(f"{table.label} of the sandbox."),
        "IsCustomEntity": table.custom,
        "IsManaged": not table.custom,
        "IsActivity": False,
        "IsIntersect": False,
        "IsLogicalEntity": False,
        "IsPrivate": False,
        "IsValidForAdvancedFind": True,
        "ChangeTrackingEnabled": table.is_tracked,
        "IsOptimisticConcurrencyEnabled": True,
        "HasActivities": False,
        "HasNotes": False,
        "IsCustomizable": _property(value=True, name="iscustomizable"),
        "CanCreateAttributes": _property(value=True, name="cancreateattributes"),
        "CanChangeTrackingBeEnabled": _property(
            value=table.table_type == "Standard", name="canchangetrackingbeenabled"
        ),
        "IntroducedVersion": "1.0.0.0" if table.custom else "5.0.0.0",
        "HasChanged": None,
    }


def type_name(column: Column) -> str:
    """Return the metadata type of a column, without its namespace."""
    kind = _TYPE_NAMES.get(column.type, column.type)
    return f"{kind}AttributeMetadata" if column.type != "Uniqueidentifier" else "UniqueIdentifierAttributeMetadata"


_attributes: dict[tuple[str, str], tuple[Column, int, UUID, Mapping[str, Any]]] = {}
"""By table and column: what was described last of it, and as what. Every reading of a table describes all columns."""


def attribute(table: Table, column: Column, number: int) -> Mapping[str, Any]:
    """Return the properties that columns of all types have; `number`: the column's own, from 1."""
    key, own = (table.name, column.name), table.column_id(column.name)
    known = _attributes.get(key)
    if known is None or known[0] is not column or known[1:3] != (number, own):
        known = _attributes[key] = (column, number, own, _attribute(table, column, number))
    return known[3]


def _attribute(table: Table, column: Column, number: int) -> dict[str, Any]:
    kind = column.type
    return {
        "@odata.type": f"#{CRM}{type_name(column)}",
        "MetadataId": str(table.column_id(column.name)),
        "LogicalName": column.name,
        "SchemaName": column.schema_name,
        "EntityLogicalName": table.name,
        "AttributeType": "Virtual" if kind == "MultiSelectPicklist" else kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "AttributeOf": column.attribute_of or None,
        "ColumnNumber": number,
        "DisplayName": label(column.label),
        "Description": label(""),
        "RequiredLevel": _property(column.required, "canmodifyrequirementlevelsettings"),
        "IsPrimaryId": column.primary_id,
        "IsPrimaryName": column.primary_name,
        "IsCustomAttribute": column.custom,
        "IsManaged": not column.custom,
        "IsLogical": bool(column.attribute_of),
        "IsValidForCreate": column.for_create,
        "IsValidForRead": True,
        "IsValidForUpdate": column.for_update,
        "IsValidODataAttribute": column.exposed,
        "IsValidForAdvancedFind": _property(value=column.exposed, name="canmodifysearchsettings"),
        "IsSecured": column.secured,
        "IsFilterable": True,
        "IsSearchable": False,
        "IsCustomizable": _property(value=True, name="iscustomizable"),
        "SourceType": column.source_type,
        "IntroducedVersion": "1.0.0.0" if column.custom else "5.0.0.0",
        "HasChanged": None,
    }


def type_properties(column: Column) -> dict[str, Any]:
    """Return the properties that only this type of column has."""
    values: dict[str, Any] = {
        "MaxLength": column.max_length,
        "DatabaseLength": (column.max_length or 0) * 2,
        "Format": _format(column),
        "FormatName": {"Value": column.format or "Text"},
        "MinValue": _bound(column, column.minimum),
        "MaxValue": _bound(column, column.maximum),
        "Precision": column.precision,
        "PrecisionSource": 2,
        "IsBaseCurrency": column.name.endswith("_base"),
        "CalculationOf": column.name.removesuffix("_base") if column.name.endswith("_base") else None,
        "DateTimeBehavior": {"Value": column.behavior or ("DateOnly" if column.date_only else "UserLocal")},
        "DefaultValue": bool(column.default),
        "DefaultFormValue": -1,
        "Targets": list(column.targets),
    }
    return {name: values[name] for name in _TYPE_PROPERTIES.get(column.type, ())}


def _bound(column: Column, value: float | None) -> float | int | None:
    if value is None:
        return -9223372036854775808 if column.type == "BigInt" else None
    return int(value) if column.type in {"Integer", "BigInt"} else value


def _format(column: Column) -> str:
    if column.type == "DateTime":
        return column.format or ("DateOnly" if column.date_only else "DateAndTime")
    if column.type == "Integer":
        return "None"
    return column.format or "Text"


def option_set(table: Table, column: Column) -> dict[str, Any] | None:
    """Return the options of a choice, state, status or yes/no column; None for other types."""
    if column.type not in {"Picklist", "MultiSelectPicklist", "State", "Status", "Boolean"}:
        return None
    name = column.choice_set or f"{table.name}_{column.name}"
    described: dict[str, Any] = {
        "@odata.type": f"#{CRM}{'BooleanOptionSetMetadata' if column.type == 'Boolean' else 'OptionSetMetadata'}",
        "MetadataId": str(metadata_id(f"options {name}")),
        "Name": name,
        "OptionSetType": "Picklist" if column.type == "MultiSelectPicklist" else column.type,
        "IsGlobal": bool(column.choice_set),
        "IsCustomOptionSet": column.custom,
        "IsManaged": not column.custom,
        "DisplayName": label(column.label),
        "Description": label(""),
        "HasChanged": None,
    }
    options = [_option(column, choice.value, choice.label, choice.state) for choice in column.choices]
    if column.type == "Boolean":
        described.update(FalseOption=options[0], TrueOption=options[1])
    else:
        described["Options"] = options
    return described


def global_option_set(known: OptionSet) -> dict[str, Any]:
    """Return a global choice."""
    column = Column(known.name, known.name, "Picklist", known.label, choices=known.choices, custom=True)
    return {
        "@odata.type": f"#{CRM}OptionSetMetadata",
        "MetadataId": str(known.id),
        "Name": known.name,
        "OptionSetType": "Picklist",
        "IsGlobal": True,
        "IsCustomOptionSet": True,
        "IsManaged": False,
        "DisplayName": label(known.label),
        "Description": label(""),
        "HasChanged": None,
        "Options": [_option(column, choice.value, choice.label, None) for choice in known.choices],
    }


def key(table: Table, known: Key, now: float) -> dict[str, Any]:
    """Return an alternate key, with its state at a time in seconds since 1970."""
    return {
        "@odata.type": f"#{CRM}EntityKeyMetadata",
        "MetadataId": str(metadata_id(f"key {table.name} {known.name}")),
        "DisplayName": label(known.label),
        "EntityLogicalName": table.name,
        "LogicalName": known.name,
        "SchemaName": known.schema_name,
        "KeyAttributes": list(known.columns),
        "EntityKeyIndexStatus": known.status(now),
        "IsManaged": False,
        "IsSynchronous": False,
        "IsExportKey": False,
        "IsSecondaryKey": False,
        "IntroducedVersion": "1.0.0.0",
        "IsCustomizable": _property(value=True, name="iscustomizable"),
        "HasChanged": None,
    }


def _option(column: Column, value: int, text: str, state: int | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "Value": value,
        "Label": label(text),
        "Description": label(""),
        "Color": None,
        "IsManaged": not column.custom,
        "ExternalValue": "",
        "ParentValues": [],
        "Tag": None,
        "IsHidden": False,
        "MetadataId": None,
        "HasChanged": None,
    }
    if column.type == "Status":
        described = {"@odata.type": f"#{CRM}StatusOptionMetadata", **described, "State": state, "TransitionData": None}
    if column.type == "State":
        described = {
            "@odata.type": f"#{CRM}StateOptionMetadata",
            **described,
            "DefaultStatus": None,
            "InvariantName": text,
        }
    return described


def many_to_one(tables: dict[str, Table], table: Table) -> list[dict[str, Any]]:
    """Return the relationships of a table's lookups, with the navigation properties that set them."""
    relationships: list[dict[str, Any]] = []
    for column in table.columns.values():
        if column.type not in LOOKUPS:
            continue
        # An owner is one relationship, to a table that stands for users and teams alike.
        ends = (("owner", column.name),) if column.type == "Owner" else column.binds
        relationships.extend(_relationship(tables, table, column, target, nav) for target, nav in ends)
    return relationships


def one_to_many(tables: dict[str, Table], table: Table) -> list[dict[str, Any]]:
    """Return the relationships of lookups whose target is this table."""
    every = [one for other in tables.values() for one in many_to_one(tables, other)]
    return [one for one in every if one["ReferencedEntity"] == table.name]


def _relationship(tables: dict[str, Table], table: Table, column: Column, target: str, nav: str) -> dict[str, Any]:
    name = f"{target}_{table.set}" if target == "owner" else relationship_name(table, column, target)
    known = tables.get(target)
    return {
        "@odata.type": f"#{CRM}OneToManyRelationshipMetadata",
        "MetadataId": relationship_id(name),
        "SchemaName": name,
        "RelationshipType": "OneToManyRelationship",
        "ReferencedEntity": target,
        "ReferencedAttribute": known.primary_id if known else f"{target}id",
        "ReferencedEntityNavigationPropertyName": name,
        "ReferencingEntity": table.name,
        "ReferencingAttribute": column.name,
        "ReferencingEntityNavigationPropertyName": nav,
        "IsCustomRelationship": column.custom,
        "IsHierarchical": False,
        "IsManaged": not column.custom,
        "IsValidForAdvancedFind": True,
        "SecurityTypes": "Append",
        "CascadeConfiguration": {
            "Assign": "NoCascade",
            "Delete": column.on_delete,
            "Merge": "NoCascade",
            "Reparent": "NoCascade",
            "Share": "NoCascade",
            "Unshare": "NoCascade",
        },
        "HasChanged": None,
    }


def relationship_id(name: str) -> str:
    """Return the MetadataId of a relationship, by its schema name."""
    return str(metadata_id(f"relationship {name}"))


_KNOWN_RELATIONSHIPS = {
    ("account", "parentaccountid", "account"): "account_parent_account",
    ("account", "primarycontactid", "contact"): "account_primary_contact",
    ("contact", "parentcustomerid", "account"): "contact_customer_accounts",
    ("contact", "parentcustomerid", "contact"): "contact_customer_contacts",
    ("opportunity", "customerid", "account"): "opportunity_customer_accounts",
    ("opportunity", "customerid", "contact"): "opportunity_customer_contacts",
    ("opportunity", "parentaccountid", "account"): "opportunity_parent_account",
    ("opportunity", "parentcontactid", "contact"): "opportunity_parent_contact",
    ("team", "businessunitid", "businessunit"): "business_unit_teams",
    ("role", "businessunitid", "businessunit"): "business_unit_roles",
    ("systemuser", "businessunitid", "businessunit"): "business_unit_system_users",
    ("businessunit", "parentbusinessunitid", "businessunit"): "business_unit_parent_business_unit",
    ("systemuser", "parentsystemuserid", "systemuser"): "user_parent_user",
    ("productpricelevel", "pricelevelid", "pricelevel"): "price_level_product_price_levels",
    ("productpricelevel", "productid", "product"): "product_price_levels",
    ("uom", "uomscheduleid", "uomschedule"): "unit_of_measurement_schedule_conversions",
    ("solution", "publisherid", "publisher"): "publisher_solution",
}
"""Schema names that follow no pattern, by table, lookup and target table."""
_NAME_PATTERNS = {  # {0}: logical name of the table, {1}: its entity set
    "createdby": "lk_{0}base_createdby",
    "modifiedby": "lk_{0}base_modifiedby",
    "createdonbehalfby": "lk_{0}base_createdonbehalfby",
    "modifiedonbehalfby": "lk_{0}base_modifiedonbehalfby",
    "owninguser": "user_{1}",
    "owningteam": "team_{1}",
    "owningbusinessunit": "business_unit_{1}",
    "transactioncurrencyid": "transactioncurrency_{0}",
}


def relationship_name(table: Table, column: Column, target: str) -> str:
    """Return the schema name of a lookup's relationship; the collection on the other side has the same name."""
    known = dict(column.relations).get(target) or _KNOWN_RELATIONSHIPS.get((table.name, column.name, target))
    if known:
        return known
    pattern = _NAME_PATTERNS.get(column.name)
    return pattern.format(table.name, table.set) if pattern else f"{target}_{table.name}_{column.name}"


def many_to_many(tables: dict[str, Table], table: Table) -> list[dict[str, Any]]:
    """Return the many-to-many relationships of a table."""
    relationships = []
    for nav, association in table.associations.items():
        one, two = sorted((table.name, association.other))
        relationships.append(
            {
                "@odata.type": f"#{CRM}ManyToManyRelationshipMetadata",
                "MetadataId": relationship_id(association.schema_name or association.name),
                "SchemaName": association.schema_name or nav,
                "RelationshipType": "ManyToManyRelationship",
                "IntersectEntityName": association.name,
                "Entity1LogicalName": one,
                "Entity1IntersectAttribute": tables[one].primary_id,
                "Entity1NavigationPropertyName": nav,
                "Entity2LogicalName": two,
                "Entity2IntersectAttribute": tables[two].primary_id,
                "Entity2NavigationPropertyName": nav,
                "IsCustomRelationship": bool(association.schema_name),
                "IsManaged": not association.schema_name,
                "HasChanged": None,
            }
        )
    return relationships
