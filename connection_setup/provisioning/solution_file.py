"""The integration solution as a file to import by hand: an unmanaged solution zip with tables, columns and role. Pure.

The parts and their elements: solution.xml (the manifest with its root components), customizations.xml (entities,
attributes, relationships, roles), [Content_Types].xml (Microsoft, "Customization file schema" and "Solution file
reference"). Labels are in one language, the base language of the environment that imports it.
"""

import io
import zipfile
from collections.abc import Iterable
from xml.etree import ElementTree  # nosec B405 - it is written here, nothing is read
from xml.etree.ElementTree import Element, SubElement  # nosec B405

from connection_setup.provisioning import definitions
from connection_setup.provisioning.languages import ENGLISH, Languages
from connection_setup.provisioning.role import (
    CHOICE_PRIVILEGES,
    METADATA_PRIVILEGES,
    NEEDED_RIGHTS,
    PRIVILEGE_DEPTH,
)
from connection_setup.provisioning.solution import (
    OPTION_PREFIX,
    PUBLISHER,
    PUBLISHER_NAME,
    SOLUTION_NAME,
    VERSION,
)
from connection_setup.types import COMPANY_TABLE, ROLE, SOLUTION

FILE_NAME = f"{SOLUTION}_{VERSION.replace('.', '_')}.zip"
ROLE_ID = "{7e5f6d0c-3b52-4c1b-9a75-0d5b6c1f2a31}"
"""The role keeps this id wherever the file is imported."""
_TABLE, _ROLE = "1", "20"
_WITH_SUBCOMPONENTS, _AS_SHELL = "0", "2"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_PRIVILEGE_NAMES = {
    "account": "Account", "contact": "Contact", "opportunity": "Opportunity", COMPANY_TABLE: "tandem_Company",
    "product": "Product", "transactioncurrency": "TransactionCurrency", "businessunit": "BusinessUnit",
    "team": "Team", "systemuser": "User", "role": "Role", "organization": "Organization", "solution": "Solution",
    "publisher": "Publisher",
}  # fmt: skip
"""Table -> its name in the names of its privileges."""
_NOT_NAMED = frozenset({"productpricelevel", "pricelevel", "uom", "uomschedule"})
"""Tables whose privileges' names are not documented; an import fails for a name that does not exist."""


def build(language: int = ENGLISH, *, sales: bool = True) -> bytes:
    """Return the zip. language: LCID of the labels; sales: whether the environment has the tables of Sales."""
    labels = Languages(language, (language,))
    tables = definitions.WITH_COMPANY if sales else ("account", "contact")
    parts = {
        "[Content_Types].xml": _content_types(),
        "customizations.xml": _customizations(labels, tables),
        "solution.xml": _manifest(labels, tables),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, root in parts.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))  # the same bytes each time
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, ElementTree.tostring(root, "utf-8", xml_declaration=True))
    return packed.getvalue()


def _content_types() -> Element:
    root = Element("Types", {"xmlns": _CONTENT_TYPES})
    for extension in ("xml",):
        SubElement(root, "Default", {"Extension": extension, "ContentType": "application/octet-stream"})
    return root


# -- solution.xml ----------------------------------------------------------------------------------------------------


def _manifest(labels: Languages, tables: Iterable[str]) -> Element:
    root = Element("ImportExportXml", _version(labels))
    manifest = SubElement(root, "SolutionManifest")
    _text(manifest, "UniqueName", SOLUTION)
    _names(manifest, "LocalizedNames", "LocalizedName", SOLUTION_NAME, labels)
    SubElement(manifest, "Descriptions")
    _text(manifest, "Version", VERSION)
    _text(manifest, "Managed", "0")
    publisher = SubElement(manifest, "Publisher")
    _text(publisher, "UniqueName", PUBLISHER)
    _names(publisher, "LocalizedNames", "LocalizedName", PUBLISHER_NAME, labels)
    SubElement(publisher, "Descriptions")
    _nothing(publisher, "EMailAddress")
    _nothing(publisher, "SupportingWebsiteUrl")
    _text(publisher, "CustomizationPrefix", PUBLISHER)
    _text(publisher, "CustomizationOptionValuePrefix", str(OPTION_PREFIX))
    SubElement(publisher, "Addresses")
    components = SubElement(manifest, "RootComponents")
    own = {"type": _TABLE, "schemaName": COMPANY_TABLE, "behavior": _WITH_SUBCOMPONENTS}
    SubElement(components, "RootComponent", own)
    for name in tables:
        SubElement(components, "RootComponent", {"type": _TABLE, "schemaName": name, "behavior": _AS_SHELL})
    SubElement(components, "RootComponent", {"type": _ROLE, "id": ROLE_ID, "behavior": "0"})
    SubElement(manifest, "MissingDependencies")
    return root


# -- customizations.xml ----------------------------------------------------------------------------------------------


def _customizations(labels: Languages, tables: Iterable[str]) -> Element:
    root = Element("ImportExportXml", {"xmlns:xsi": _XSI})
    entities = SubElement(root, "Entities")
    _company(entities, labels)
    for name in tables:
        _lookup_table(entities, name, labels)
    _role(SubElement(root, "Roles"))
    SubElement(root, "Workflows")
    SubElement(root, "FieldSecurityProfiles")
    SubElement(root, "Templates")
    SubElement(root, "EntityMaps")
    relationships = SubElement(root, "EntityRelationships")
    _relationship(relationships, definitions.owning_team(labels))
    for name in tables:
        _relationship(relationships, definitions.company_lookup(name, labels))
    SubElement(root, "OrganizationSettings")
    SubElement(root, "optionsets")
    languages = SubElement(root, "Languages")
    _text(languages, "Language", str(labels.base))
    return root


def _company(entities: Element, labels: Languages) -> None:
    body = definitions.company(labels)
    entity = _entity(entities, str(body["SchemaName"]), labels, "Company", "Companies")
    _text(entity, "ObjectTypeCode", "")
    about = SubElement(SubElement(entity, "EntityInfo"), "entity", {"Name": str(body["SchemaName"])})
    _names(about, "LocalizedNames", "LocalizedName", "Company", labels)
    _names(about, "LocalizedCollectionNames", "LocalizedCollectionName", "Companies", labels)
    description = "A company of the business system, with the team that owns what it brings."
    _names(about, "Descriptions", "Description", description, labels)
    attributes = SubElement(about, "attributes")
    _attribute(attributes, "tandem_CompanyId", "primarykey", "Company", labels, required="systemrequired")
    for column in body["Attributes"]:
        kind = "PrimaryName" if column.get("IsPrimaryName") else ""
        one = _attribute(
            attributes, str(column["SchemaName"]), "nvarchar", _caption(column), labels, required="required", mask=kind
        )
        _text(one, "Format", "text")
        _text(one, "MaxLength", str(column["MaxLength"]))
        _text(one, "Length", str(2 * int(column["MaxLength"])))
    _lookup(attributes, definitions.TEAM_LOOKUP, "Default Owning Team", "team", labels)
    _text(about, "EntitySetName", "tandem_companies")
    _text(about, "OwnershipTypeMask", "UserOwned")
    _text(about, "IsActivity", "0")
    _text(about, "IntroducedVersion", VERSION)


def _lookup_table(entities: Element, name: str, labels: Languages) -> None:
    """Add a table of the environment as a shell, with the lookup to the company alone."""
    entity = SubElement(entities, "Entity")
    SubElement(entity, "Name", {"LocalizedName": name, "OriginalName": name}).text = name
    about = SubElement(SubElement(entity, "EntityInfo"), "entity", {"Name": name, "unmodified": "1"})
    _lookup(SubElement(about, "attributes"), definitions.COMPANY_LOOKUP, "Company Id", COMPANY_TABLE, labels)


def _entity(entities: Element, schema_name: str, labels: Languages, caption: str, _plural: str) -> Element:
    entity = SubElement(entities, "Entity")
    (_, text), *_ = labels.texts(caption)
    SubElement(entity, "Name", {"LocalizedName": text, "OriginalName": caption}).text = schema_name
    return entity


def _attribute(
    attributes: Element, schema_name: str, kind: str, caption: str, labels: Languages, *, required: str = "none",
    mask: str = "",
) -> Element:  # fmt: skip
    one = SubElement(attributes, "attribute", {"PhysicalName": schema_name})
    _text(one, "Type", kind)
    _text(one, "Name", schema_name.lower())
    _text(one, "LogicalName", schema_name.lower())
    _text(one, "RequiredLevel", required)
    shown = "ValidForAdvancedFind|ValidForForm|ValidForGrid"
    _text(one, "DisplayMask", "|".join(filter(None, (mask, shown))))
    _text(one, "IsCustomField", "1")
    _text(one, "IntroducedVersion", VERSION)
    _names(one, "displaynames", "displayname", caption, labels)
    return one


def _lookup(attributes: Element, schema_name: str, caption: str, target: str, labels: Languages) -> None:
    one = _attribute(attributes, schema_name, "lookup", caption, labels)
    _text(one, "LookupStyle", "single")
    types = SubElement(one, "LookupTypes")
    SubElement(types, "LookupType", {"id": "00000000-0000-0000-0000-000000000000"}).text = target


def _relationship(relationships: Element, body: dict[str, object]) -> None:
    lookup, cascade = body["Lookup"], body["CascadeConfiguration"]
    assert isinstance(lookup, dict)
    assert isinstance(cascade, dict)
    one = SubElement(relationships, "EntityRelationship", {"Name": str(body["SchemaName"])})
    _text(one, "EntityRelationshipType", "OneToMany")
    _text(one, "IsCustomizable", "1")
    _text(one, "IntroducedVersion", VERSION)
    _text(one, "IsHierarchical", "0")
    _text(one, "ReferencingEntityName", str(body["ReferencingEntity"]))
    _text(one, "ReferencedEntityName", str(body["ReferencedEntity"]))
    for name in ("Assign", "Delete", "Reparent", "Share", "Unshare"):
        _text(one, f"Cascade{name}", str(cascade[name]))
    _text(one, "ReferencingAttributeName", str(lookup["SchemaName"]))


def _role(roles: Element) -> None:
    one = SubElement(roles, "Role", {"id": ROLE_ID, "name": ROLE, "isinherited": "1"})
    _text(one, "IsCustomizable", "1")
    privileges = SubElement(one, "RolePrivileges")
    for name in privilege_names():
        SubElement(privileges, "RolePrivilege", {"name": name, "level": PRIVILEGE_DEPTH})


def privilege_names() -> list[str]:
    """Return the names of the role's privileges, sorted; the preparation adds those of _NOT_NAMED."""
    of_tables = {
        f"prv{right}{_PRIVILEGE_NAMES[table]}"
        for table, rights in NEEDED_RIGHTS.items()
        if table not in _NOT_NAMED
        for right in rights
    }
    return sorted({*of_tables, *CHOICE_PRIVILEGES, *METADATA_PRIVILEGES})


# -- elements --------------------------------------------------------------------------------------------------------


def _version(labels: Languages) -> dict[str, str]:
    return {
        "version": "9.2.0.0", "SolutionPackageVersion": "9.2", "languagecode": str(labels.base),
        "generatedBy": "CrmLive", "xmlns:xsi": _XSI,
    }  # fmt: skip


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _nothing(parent: Element, name: str) -> None:
    SubElement(parent, name, {"xsi:nil": "true"})


def _names(parent: Element, group: str, name: str, caption: str, labels: Languages) -> None:
    holder = SubElement(parent, group)
    for language, text in labels.texts(caption):
        SubElement(holder, name, {"description": text, "languagecode": str(language)})


def _caption(column: dict[str, object]) -> str:
    """Return the English caption of a column."""
    return {"tandem_Name": "Name", "tandem_ExternalId": "External Id"}[str(column["SchemaName"])]
