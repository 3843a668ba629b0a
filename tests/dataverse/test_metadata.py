"""What metadata says of columns and tables, and what the client makes of it."""

from typing import Any

from dataverse.client import DataverseClient
from dataverse.metadata import parse_table_info
from dataverse.types import TableInfo
from tests.dataverse.test_bulk import client_of
from tests.sandbox.conftest import api_of
from tests.sandbox.test_unkind import change_column


def read(client: DataverseClient, table: str = "account") -> TableInfo:
    client.forget_tables()
    return client.table(table)


def test_columns_and_tables_are_what_their_metadata_says(sandbox: Any) -> None:
    client, api = client_of(sandbox), api_of(sandbox)
    assert read(client).columns["fax"].for_update
    for source in (1, 2, 3):
        change_column(api, "account", "fax", source_type=source)
        column = read(client).columns["fax"]
        assert (column.for_create, column.for_update) == (False, False), source
    for kind in ("Virtual", "Elastic", "Standard"):
        sandbox.control("POST", "tables", {"table": "account", "type": kind})
        assert read(client).kind == kind
        assert read(client).change_tracking is (kind == "Standard")
    dates = [("UserLocal", "DateOnly", False, True), ("DateOnly", "DateOnly", True, True)]
    dates += [("TimeZoneIndependent", "DateAndTime", False, False)]
    for behavior, shown, date_only, shows_day in dates:
        change_column(api, "contact", "birthdate", behavior=behavior, format=shown)
        column = read(client, "contact").columns["birthdate"]
        assert (column.behavior, column.date_only, column.shows_day) == (behavior, date_only, shows_day)


def test_options_of_a_global_choice_are_read_from_where_they_stand(sandbox: Any) -> None:
    form = {"grant_type": "password", "username": sandbox.admin_user, "password": sandbox.admin_password}
    admin = api_of(sandbox, **form)
    label = {"LocalizedLabels": [{"Label": "Gold", "LanguageCode": 1033}]}
    choice = {
        "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "Name": "new_level", "IsGlobal": True,
        "OptionSetType": "Picklist", "DisplayName": label, "Options": [{"Value": 7, "Label": label}],
    }  # fmt: skip
    made = admin.send("POST", "GlobalOptionSetDefinitions", json=choice).headers["OData-EntityId"]
    column = {
        "@odata.type": "Microsoft.Dynamics.CRM.PicklistAttributeMetadata", "SchemaName": "new_Level",
        "DisplayName": label, "GlobalOptionSet@odata.bind": f"/GlobalOptionSetDefinitions({made.rpartition('(')[2]}",
    }  # fmt: skip
    admin.send("POST", "EntityDefinitions(LogicalName='account')/Attributes", json=column).raise_for_status()
    client = client_of(sandbox)
    for null_options in (True, False):
        sandbox.control("PUT", "behavior", {"null_options": null_options})
        assert read(client).columns["new_level"].choices == {7: "Gold"}
        assert read(client).columns["paymenttermscode"].choices[1] == "Net 30"


def test_several_choices_files_and_images_say_their_type_in_its_name() -> None:
    def column(name: str, kind: str, named: str | None) -> dict[str, Any]:
        return {"LogicalName": name, "AttributeType": kind, "AttributeTypeName": named and {"Value": named}}

    attributes = [
        column("a", "Virtual", "MultiSelectPicklistType"), column("b", "Virtual", "FileType"),
        column("c", "Virtual", "ImageType"), column("d", "String", "StringType"), column("e", "Virtual", None),
    ]  # fmt: skip
    definition = {"LogicalName": "t", "EntitySetName": "ts", "PrimaryIdAttribute": "tid"}
    table = parse_table_info([definition, {"value": attributes}, {"value": []}])
    types = {name: column.type for name, column in table.columns.items()}
    assert types == {"a": "MultiSelectPicklist", "b": "File", "c": "Image", "d": "String", "e": "Virtual"}


def test_compressed_answers_are_read_and_cookies_are_kept_nowhere(sandbox: Any) -> None:
    sandbox.control("PUT", "behavior", {"gzip": True})
    sandbox.load({"accounts": [{"name": f"Row {number}"} for number in range(30)]})
    client = client_of(sandbox)
    assert len(client.first_page("accounts", select=["name"]).rows) == 30
    assert client.count("accounts") == 30
    assert not list(client._transport._session.cookies)
