"""Metadata over the Web API."""

from typing import Any

import pytest

from sandbox.testing import Sandbox
from tests.sandbox.conftest import Api, api_of

CAST = "Microsoft.Dynamics.CRM."


def attributes(api: Api, table: str, kind: str, rest: str = "") -> dict[str, dict[str, Any]]:
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes/{CAST}{kind}AttributeMetadata{rest}"
    return {row["LogicalName"]: row for row in api.get(path)["value"]}


def test_a_table_is_described_with_its_set_and_keys(api: Api) -> None:
    path = "EntityDefinitions(LogicalName='account')?$select=EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute"
    row = api.get(f"{path},ChangeTrackingEnabled")
    assert row["EntitySetName"] == "accounts"
    assert (row["PrimaryIdAttribute"], row["PrimaryNameAttribute"]) == ("accountid", "name")
    assert row["ChangeTrackingEnabled"] is True
    assert row["MetadataId"]
    assert api.get(f"EntityDefinitions({row['MetadataId']})?$select=LogicalName")["LogicalName"] == "account"


def test_columns_list_their_types_and_give_details_by_cast(api: Api) -> None:
    row = api.get(
        "EntityDefinitions(LogicalName='account')?$select=LogicalName&$expand=Attributes($select=LogicalName)"
    )
    kinds = {one["LogicalName"]: one["@odata.type"] for one in row["Attributes"]}
    assert kinds["name"] == f"#{CAST}StringAttributeMetadata"
    assert kinds["ownerid"] == f"#{CAST}LookupAttributeMetadata"
    assert attributes(api, "account", "String", "?$select=LogicalName,MaxLength")["name"]["MaxLength"] == 160
    money = attributes(api, "account", "Money")["creditlimit"]
    assert (money["MinValue"], money["MaxValue"], money["Precision"]) == (0, 1e14, 2)
    assert attributes(api, "contact", "Lookup")["parentcustomerid"]["Targets"] == ["account", "contact"]
    assert attributes(api, "contact", "DateTime")["birthdate"]["DateTimeBehavior"]["Value"] == "DateOnly"
    assert api.refusal("GET", "EntityDefinitions(LogicalName='account')/Attributes?$select=MaxLength") == (
        400,
        "0x80060888",
    )


def test_choices_have_labels_and_status_reasons_their_state(api: Api) -> None:
    expand = "?$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
    options = attributes(api, "account", "Picklist", expand)["customertypecode"]["OptionSet"]["Options"]
    labels = {one["Value"]: one["Label"]["UserLocalizedLabel"]["Label"] for one in options}
    assert (labels[3], labels[11]) == ("Customer", "Vendor")
    reasons = attributes(api, "account", "Status", "?$expand=OptionSet")["statuscode"]["OptionSet"]["Options"]
    assert {one["Value"]: one["State"] for one in reasons} == {1: 0, 2: 1}
    single = (
        f"EntityDefinitions(LogicalName='account')/Attributes(LogicalName='statecode')/{CAST}StateAttributeMetadata"
    )
    states = api.get(f"{single}?$select=LogicalName&$expand=OptionSet")["OptionSet"]["Options"]
    assert [one["Value"] for one in states] == [0, 1]


def test_relationships_name_the_navigation_properties_of_lookups(api: Api) -> None:
    rows = api.get("EntityDefinitions(LogicalName='contact')/ManyToOneRelationships")["value"]
    names = {
        (row["ReferencingAttribute"], row["ReferencedEntity"]): row["ReferencingEntityNavigationPropertyName"]
        for row in rows
    }
    assert names["parentcustomerid", "account"] == "parentcustomerid_account"
    assert names["parentcustomerid", "contact"] == "parentcustomerid_contact"
    assert names["ownerid", "owner"] == "ownerid"
    assert names["tandem_companyid", "tandem_company"] == "tandem_companyid"


def test_tables_are_found_by_several_names_at_once(api: Api) -> None:
    rows = api.get("EntityDefinitions?$select=LogicalName&$filter=LogicalName eq 'account' or LogicalName eq 'contact'")
    assert {row["LogicalName"] for row in rows["value"]} == {"account", "contact"}
    custom = api.get(
        "EntityDefinitions?$select=LogicalName&$filter=IsCustomEntity eq true and IsCustomizable/Value eq true"
    )
    assert {row["LogicalName"] for row in custom["value"]} == {"tandem_company"}


REFUSED = [
    ("EntityDefinitions?$top=1", 400, "0x80060888"),
    ("EntityDefinitions?$orderby=LogicalName", 400, "0x80060888"),
    ("EntityDefinitions?$filter=startswith(LogicalName,'a')", 400, "0x8006088a"),
    ("EntityDefinitions?$select=Nope", 400, "0x80060888"),
    ("EntityDefinitions(LogicalName='nope')", 404, "0x80060888"),
    ("EntityDefinitions(LogicalName='account')/Attributes(LogicalName='nope')", 404, "0x80060888"),
    (f"EntityDefinitions(LogicalName='account')/Attributes/{CAST}EnumAttributeMetadata", 400, "0x80060888"),
    ("GlobalOptionSetDefinitions(Name='x')", 404, "0x80060888"),
]


@pytest.mark.parametrize(("path", "status", "code"), REFUSED)
def test_metadata_refuses_query_options_that_rows_accept(api: Api, path: str, status: int, code: str) -> None:
    assert api.refusal("GET", path) == (status, code)


def test_empty_environment_lacks_the_solutions_table_and_columns(empty: Sandbox) -> None:
    admin = api_of(empty, grant_type="password", username=empty.admin_user, password=empty.admin_password)
    assert admin.refusal("GET", "tandem_companies") == (404, "0x8006088a")
    assert admin.refusal("GET", "accounts?$select=_tandem_companyid_value") == (400, "0x80060888")
    assert admin.refusal("GET", "EntityDefinitions(LogicalName='tandem_company')") == (404, "0x80060888")
    assert admin.get("solutions?$select=uniquename")["value"] == []
    assert {row["name"] for row in admin.get("roles?$select=name")["value"]} == {"System Administrator", "Basic User"}
