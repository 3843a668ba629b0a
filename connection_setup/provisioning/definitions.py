"""Definitions of the solution's table and columns, as the Web API's metadata takes them. Pure.

`@odata.type` is the first property of every object: otherwise the service answers with an error that says nothing.
"""

from typing import Any

from connection_setup.provisioning.languages import Languages
from connection_setup.types import COMPANY_TABLE

COMPANY_LOOKUP = "tandem_CompanyId"
WITH_COMPANY = ("account", "contact", "product", "opportunity", "pricelevel")
"""The tables with a lookup to the company that a row belongs to."""
TEAM_LOOKUP = "tandem_DefaultOwningTeam"
EXTERNAL_ID = "tandem_ExternalId"
"""The column that holds the company's id here."""
COMPANY_COLUMNS = ("tandem_name", "tandem_externalid", "tandem_defaultowningteam")


def text_column(
    schema_name: str, caption: str, length: int, languages: Languages, *, required: bool = False, primary: bool = False
) -> dict[str, Any]:
    """Return the definition of a text column of at most `length` characters (StringAttributeMetadata)."""
    column: dict[str, Any] = {
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
        "SchemaName": schema_name,
        "DisplayName": languages.label(caption),
        "MaxLength": length,
        "FormatName": {"Value": "Text"},
        "RequiredLevel": _required_level("ApplicationRequired" if required else "None"),
    }
    return {**column, "IsPrimaryName": True} if primary else column


def external_id(languages: Languages) -> dict[str, Any]:
    """Return the definition of the column that holds the company's id here."""
    return text_column(EXTERNAL_ID, "External Id", 36, languages, required=True)


def company(languages: Languages) -> dict[str, Any]:
    """Return the definition of the company table with all its columns but the lookup (EntityMetadata)."""
    about = "A company of the business system, with the team that owns what it brings."
    return {
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
        "SchemaName": "tandem_Company",
        "DisplayName": languages.label("Company"),
        "DisplayCollectionName": languages.label("Companies"),
        "Description": languages.label(about),
        "OwnershipType": "UserOwned",
        "HasActivities": False,
        "HasNotes": False,
        "IsActivity": False,
        "Attributes": [
            text_column("tandem_Name", "Name", 100, languages, required=True, primary=True),
            external_id(languages),
        ],
    }


def lookup_to(
    schema_name: str, caption: str, languages: Languages, *, table: str, primary_id: str, on: str, name: str
) -> dict[str, Any]:
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
            "DisplayName": languages.label(caption),
            "RequiredLevel": _required_level("None"),
        },
    }  # fmt: skip


def company_lookup(table: str, languages: Languages) -> dict[str, Any]:
    """Return the definition of the lookup to the company that a row of the table belongs to."""
    return lookup_to(
        f"tandem_company_{table}", "Company Id", languages, table=COMPANY_TABLE, primary_id=f"{COMPANY_TABLE}id",
        on=table, name=COMPANY_LOOKUP,
    )  # fmt: skip


def owning_team(languages: Languages) -> dict[str, Any]:
    """Return the definition of the company table's lookup to the team that owns new rows."""
    return lookup_to(
        "tandem_team_company_defaultowningteam", "Default Owning Team", languages, table="team", primary_id="teamid",
        on=COMPANY_TABLE, name=TEAM_LOOKUP,
    )  # fmt: skip


def _required_level(value: str) -> dict[str, Any]:
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings"}
