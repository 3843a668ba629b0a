"""Definitions of the solution's table and columns, as the Web API's metadata takes them. Pure."""

from typing import Any

from connection_setup.types import COMPANY_TABLE

COMPANY_LOOKUP = "tandem_CompanyId"
WITH_COMPANY = ("account", "contact", "product", "opportunity", "pricelevel")
"""The tables with a lookup to the company that a row belongs to."""
ENGLISH = 1033
"""Language code (LCID) of the captions."""


def label(text: str) -> dict[str, Any]:
    """Return a caption as the metadata takes it (Label)."""
    return {
        "@odata.type": "Microsoft.Dynamics.CRM.Label",
        "LocalizedLabels": [
            {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": ENGLISH}
        ],
    }


def text_column(
    schema_name: str, caption: str, length: int, *, required: bool = False, primary: bool = False
) -> dict[str, Any]:
    """Return the definition of a text column of at most `length` characters (StringAttributeMetadata)."""
    column: dict[str, Any] = {
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
        "SchemaName": schema_name,
        "DisplayName": label(caption),
        "MaxLength": length,
        "FormatName": {"Value": "Text"},
        "RequiredLevel": _required_level("ApplicationRequired" if required else "None"),
    }
    return {**column, "IsPrimaryName": True} if primary else column


def lookup_to(schema_name: str, caption: str, *, table: str, primary_id: str, on: str, name: str) -> dict[str, Any]:
    """Return the definition of a lookup on the table `on` to `table` (OneToManyRelationshipMetadata)."""
    return {
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "SchemaName": schema_name,
        "ReferencedEntity": table,
        "ReferencedAttribute": primary_id,
        "ReferencingEntity": on,
        "CascadeConfiguration": {
            "Assign": "NoCascade", "Delete": "RemoveLink", "Merge": "NoCascade", "Reparent": "NoCascade",
            "Share": "NoCascade", "Unshare": "NoCascade",
        },
        "Lookup": {
            "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata",
            "SchemaName": name,
            "DisplayName": label(caption),
            "RequiredLevel": _required_level("None"),
        },
    }  # fmt: skip


def company_lookup(table: str) -> dict[str, Any]:
    """Return the definition of the lookup to the company that a row of the table belongs to."""
    return lookup_to(
        f"tandem_company_{table}", "Company Id", table=COMPANY_TABLE, primary_id=f"{COMPANY_TABLE}id", on=table,
        name=COMPANY_LOOKUP,
    )  # fmt: skip


def _required_level(value: str) -> dict[str, Any]:
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings"}


COMPANY: dict[str, Any] = {
    "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
    "SchemaName": "tandem_Company",
    "DisplayName": label("Company"),
    "DisplayCollectionName": label("Companies"),
    "Description": label("A company of the business system, with the team that owns what it brings."),
    "OwnershipType": "UserOwned",
    "HasActivities": False,
    "HasNotes": False,
    "IsActivity": False,
    "Attributes": [text_column("tandem_Name", "Name", 100, required=True, primary=True)],
}
OWNING_TEAM = lookup_to(
    "tandem_team_company_defaultowningteam", "Default Owning Team", table="team", primary_id="teamid",
    on=COMPANY_TABLE, name="tandem_DefaultOwningTeam",
)  # fmt: skip
EXTERNAL_ID = text_column("tandem_ExternalId", "External Id", 36, required=True)
"""The column that holds the company's id here."""
