"""Every operation of Microsoft's Python SDK for Dataverse, tried on the sandbox.

Each function is one operation; the workbench has what it needs. The outcome each should have is in OPERATIONS, and the
same list is the table in docs/foreign-clients.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.models.filters import col
from PowerPlatform.Dataverse.models.labels import Label, LocalizedLabel
from PowerPlatform.Dataverse.models.relationship import (
    LookupAttributeMetadata,
    ManyToManyRelationshipMetadata,
    OneToManyRelationshipMetadata,
)
from PowerPlatform.Dataverse.models.upsert import UpsertItem

from sandbox.testing import Sandbox

WORKS, REFUSED, NOT_COVERED = "works", "refused as the service would", "not covered"


class Credential:
    """Gives the SDK a token that was obtained before."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.scopes: set[str] = set()

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes.update(scopes)
        return AccessToken(self.token, 4_000_000_000)


@dataclass
class Workbench:
    """The SDK's client on a sandbox, with what several operations need."""

    client: DataverseClient
    sandbox: Sandbox
    folder: Path
    table: str = "new_Thing"

    def create_table(self) -> None:
        self.client.tables.create(self.table, {"new_Code": "string", "new_Size": "int"})

    def create_keyed_table(self) -> None:
        self.create_table()
        self.client.tables.create_alternate_key(self.table, "new_codekey", ["new_code"])
        clock = self.sandbox.environment.clock
        clock.set(offset_s=clock.offset_s + 5)

    def create_accounts(self, number: int = 3) -> list[str]:
        made = self.client.records.create("account", [{"name": f"Company {n}"} for n in range(number)])
        return list(made)

    def account_names(self) -> list[str]:
        return sorted(row["name"] for row in self.sandbox.rows("accounts", "name"))


class Colour(IntEnum):
    RED = 1
    BLUE = 2


# -- records ----------------------------------------------------------------------------------------------------------


def records_create(workbench: Workbench) -> None:
    row_id = workbench.client.records.create("account", {"name": "One"})
    assert row_id == workbench.sandbox.rows("accounts")[0]["accountid"]


def records_create_many(workbench: Workbench) -> None:
    ids = workbench.create_accounts(40)
    assert ids == [row["accountid"] for row in workbench.sandbox.rows("accounts")]
    assert workbench.sandbox.requests()["by"]["POST accounts/CreateMultiple"] == 1


def records_update(workbench: Workbench) -> None:
    (row_id,) = workbench.create_accounts(1)
    workbench.client.records.update("account", row_id, {"name": "Changed"})
    assert workbench.account_names() == ["Changed"]


def records_update_many(workbench: Workbench) -> None:
    workbench.client.records.update("account", workbench.create_accounts(), {"name": "Same"})
    assert workbench.account_names() == ["Same"] * 3


def records_delete(workbench: Workbench) -> None:
    ids = workbench.create_accounts()
    workbench.client.records.delete("account", ids[0])
    workbench.client.records.delete("account", ids[1:], use_bulk_delete=False)
    assert workbench.account_names() == []


def records_delete_bulk(workbench: Workbench) -> None:
    workbench.client.records.delete("account", workbench.create_accounts())


def records_retrieve(workbench: Workbench) -> None:
    (row_id,) = workbench.create_accounts(1)
    found = workbench.client.records.retrieve("account", row_id, select=["name"])
    assert found["name"] == "Company 0"
    assert workbench.client.records.retrieve("account", str(uuid4()), select=["name"]) is None


def records_get(workbench: Workbench) -> None:
    (row_id,) = workbench.create_accounts(1)
    assert workbench.client.records.get("account", row_id, select=["name"])["name"] == "Company 0"
    pages = workbench.client.records.get("account", select=["name"], filter="name eq 'COMPANY 0'")
    assert [row["name"] for page in pages for row in page] == ["Company 0"]


def records_list(workbench: Workbench) -> None:
    workbench.create_accounts(7)
    found = workbench.client.records.list(
        "account", select=["name"], filter="name ne 'Company 0'", orderby=["name desc"]
    )
    assert [row["name"] for row in found] == [f"Company {n}" for n in range(6, 0, -1)]


def records_list_pages(workbench: Workbench) -> None:
    workbench.create_accounts(7)
    pages = list(workbench.client.records.list_pages("account", select=["name"], page_size=3))
    assert [len(list(page)) for page in pages] == [3, 3, 1]


def records_upsert(workbench: Workbench) -> None:
    workbench.create_keyed_table()
    workbench.client.records.upsert(workbench.table, [UpsertItem({"new_code": "A"}, {"new_name": "First"})])
    items = [UpsertItem({"new_code": "A"}, {"new_name": "Again"}), UpsertItem({"new_code": "B"}, {"new_name": "New"})]
    workbench.client.records.upsert(workbench.table, items)
    assert sorted(row["new_name"] for row in workbench.sandbox.rows("new_things")) == ["Again", "New"]


# -- queries ----------------------------------------------------------------------------------------------------------


def query_builder(workbench: Workbench) -> None:
    workbench.create_accounts(7)
    query = (
        workbench.client.query.builder("account")
        .select("name")
        .where((col("name") == "Company 1") | (col("name") == "Company 2"))
    )
    assert [row["name"] for row in query.order_by("name", descending=True).execute()] == ["Company 2", "Company 1"]


def query_sql(workbench: Workbench) -> None:
    workbench.client.query.sql("SELECT TOP 1 name FROM account")


def query_fetchxml(workbench: Workbench) -> None:
    workbench.create_accounts()
    xml = '<fetch><entity name="account"><attribute name="name"/></entity></fetch>'
    assert len(list(workbench.client.query.fetchxml(xml).execute())) == 3


def query_sql_columns(workbench: Workbench) -> None:
    assert "name" in {one["name"] for one in workbench.client.query.sql_columns("account")}


def query_odata_select(workbench: Workbench) -> None:
    assert "name" in workbench.client.query.odata_select("account")


def query_odata_expands(workbench: Workbench) -> None:
    found = {one["nav_property"]: one["target_entity_set"] for one in workbench.client.query.odata_expands("account")}
    assert found["primarycontactid"] == "contacts"


def query_odata_bind(workbench: Workbench) -> None:
    person = workbench.client.records.create("contact", {"lastname": "x"})
    bind = workbench.client.query.odata_bind("account", "contact", person)
    workbench.client.records.create("account", {"name": "A", **bind})
    assert workbench.sandbox.rows("accounts")[0]["_primarycontactid_value"] == person


# -- tables -----------------------------------------------------------------------------------------------------------


def tables_create(workbench: Workbench) -> None:
    columns = {
        "new_Text": "string", "new_Memo": "memo", "new_Int": "int", "new_Dec": "decimal", "new_Float": "float",
        "new_When": "datetime", "new_Yes": "bool", "new_Colour": Colour, "new_Rating": {"type": "int", "max_value": 5},
    }  # fmt: skip
    made = workbench.client.tables.create(
        workbench.table, columns, solution="TandemBaseIntegration", display_name="Thing"
    )
    assert set(made.columns_created) == set(columns)
    values = {"new_Text": "x", "new_Int": 5, "new_Yes": True, "new_Colour": 2}
    row_id = workbench.client.records.create(workbench.table, {"new_Name": "One", **values})
    assert workbench.client.records.retrieve(workbench.table, row_id)["new_colour"] == 2


def tables_delete(workbench: Workbench) -> None:
    workbench.create_table()
    workbench.client.tables.delete(workbench.table)
    assert workbench.client.tables.get(workbench.table) is None


def tables_get(workbench: Workbench) -> None:
    found = workbench.client.tables.get("account")
    assert found.entity_set_name == "accounts"
    assert workbench.client.tables.get("new_Nothing") is None


def tables_list(workbench: Workbench) -> None:
    workbench.create_table()
    assert "new_thing" in {one["LogicalName"] for one in workbench.client.tables.list()}
    workbench.client.tables.list(filter="SchemaName eq 'Account'", select=["LogicalName"])


def tables_add_columns(workbench: Workbench) -> None:
    workbench.create_table()
    assert workbench.client.tables.add_columns(workbench.table, {"new_More": "string"}) == ["new_More"]


def tables_remove_columns(workbench: Workbench) -> None:
    workbench.create_table()
    assert workbench.client.tables.remove_columns(workbench.table, ["new_Code"]) == ["new_Code"]


def tables_update_column(workbench: Workbench) -> None:
    workbench.create_table()
    workbench.client.tables.update_column(workbench.table, "new_Code", {"max_length": 300, "display_name": "Longer"})
    assert workbench.sandbox.environment.tables["new_thing"].columns["new_code"].max_length == 300


def tables_update_columns(workbench: Workbench) -> None:
    workbench.create_table()
    workbench.client.tables.update_columns(
        workbench.table, {"new_Size": {"max_value": 9}, "new_Code": {"max_length": 9}}
    )
    assert workbench.sandbox.environment.tables["new_thing"].columns["new_size"].maximum == 9


def tables_list_columns(workbench: Workbench) -> None:
    assert "name" in {one["LogicalName"] for one in workbench.client.tables.list_columns("account")}


def tables_get_column(workbench: Workbench) -> None:
    assert workbench.client.tables.get_column("account", "name")["LogicalName"] == "name"


def _text(words: str) -> Label:
    return Label([LocalizedLabel(words, 1033)])


def tables_one_to_many(workbench: Workbench) -> None:
    workbench.create_table()
    lookup = LookupAttributeMetadata(schema_name="new_ThingId", display_name=_text("Thing"))
    relation = OneToManyRelationshipMetadata(
        schema_name="new_thing_account", referenced_entity="new_thing", referencing_entity="account",
        referenced_attribute="new_thingid",
    )  # fmt: skip
    made = workbench.client.tables.create_one_to_many_relationship(lookup, relation)
    found = workbench.client.tables.get_relationship("new_thing_account")
    assert found.relationship_id == made.relationship_id
    workbench.client.tables.delete_relationship(made.relationship_id)
    assert workbench.client.tables.get_relationship("new_thing_account") is None


def tables_many_to_many(workbench: Workbench) -> None:
    workbench.create_table()
    relation = ManyToManyRelationshipMetadata(
        schema_name="new_thing_contact", entity1_logical_name="new_thing", entity2_logical_name="contact"
    )
    made = workbench.client.tables.create_many_to_many_relationship(relation)
    assert workbench.client.tables.get_relationship("new_thing_contact").relationship_id == made.relationship_id


def tables_lookup_field(workbench: Workbench) -> None:
    workbench.create_table()
    workbench.client.tables.create_lookup_field("account", "new_ThingId", "new_thing", display_name="Thing")
    assert "new_ThingId" in workbench.sandbox.environment.tables["account"].navigation


def tables_keys(workbench: Workbench) -> None:
    workbench.create_keyed_table()
    (found,) = workbench.client.tables.get_alternate_keys(workbench.table)
    assert (found.status, found.key_attributes) == ("Active", ["new_code"])
    workbench.client.tables.delete_alternate_key(workbench.table, found.metadata_id)
    assert workbench.client.tables.get_alternate_keys(workbench.table) == []


def tables_list_relationships(workbench: Workbench) -> None:
    assert workbench.client.tables.list_relationships(filter="SchemaName eq 'contact_customer_accounts'")


def tables_list_table_relationships(workbench: Workbench) -> None:
    names = {one["SchemaName"] for one in workbench.client.tables.list_table_relationships("account")}
    assert "contact_customer_accounts" in names


# -- files, frames, batches -------------------------------------------------------------------------------------------


def files_upload(workbench: Workbench) -> None:
    workbench.create_table()
    row_id = workbench.client.records.create(workbench.table, {"new_Name": "One"})
    path = workbench.folder / "note.txt"
    path.write_text("hello")
    workbench.client.files.upload(workbench.table, row_id, "new_Document", str(path))


def dataframe_create(workbench: Workbench) -> None:
    made = workbench.client.dataframe.create("account", pd.DataFrame([{"name": "A"}, {"name": "B"}]))
    assert len(made) == 2
    assert workbench.account_names() == ["A", "B"]


def dataframe_get(workbench: Workbench) -> None:
    workbench.create_accounts()
    assert sorted(workbench.client.dataframe.get("account", select=["name"])["name"]) == workbench.account_names()


def dataframe_update(workbench: Workbench) -> None:
    ids = workbench.create_accounts(2)
    workbench.client.dataframe.update(
        "account", pd.DataFrame({"accountid": ids, "name": ["A", "B"]}), id_column="accountid"
    )
    assert workbench.account_names() == ["A", "B"]


def dataframe_delete(workbench: Workbench) -> None:
    workbench.client.dataframe.delete("account", pd.Series(workbench.create_accounts()), use_bulk_delete=False)
    assert workbench.account_names() == []


def dataframe_sql(workbench: Workbench) -> None:
    workbench.client.dataframe.sql("SELECT TOP 1 name FROM account")


def batch_records(workbench: Workbench) -> None:
    ids = workbench.create_accounts()
    batch = workbench.client.batch.new()
    batch.records.create("account", {"name": "New"})
    batch.records.update("account", ids[0], {"name": "Changed"})
    batch.records.delete("account", ids[1])
    batch.records.retrieve("account", ids[2], select=["name"])
    batch.records.list("account", select=["name"], filter="name eq 'Changed'")
    result = batch.execute()
    assert not result.has_errors
    assert workbench.account_names() == ["Changed", "Company 2", "New"]


def batch_continue(workbench: Workbench) -> None:
    batch = workbench.client.batch.new()
    batch.records.create("account", {"name": "x" * 161})
    batch.records.create("account", {"name": "Good"})
    result = batch.execute(continue_on_error=True)
    assert (len(result.succeeded), len(result.failed)) == (1, 1)
    assert workbench.account_names() == ["Good"]


def batch_changeset(workbench: Workbench) -> None:
    batch = workbench.client.batch.new()
    with batch.changeset() as changes:
        person = changes.records.create("contact", {"lastname": "x"})
        changes.records.create("account", {"name": "A", "primarycontactid@odata.bind": person})
    assert not batch.execute().has_errors
    (account,) = workbench.sandbox.rows("accounts")
    assert account["_primarycontactid_value"] == workbench.sandbox.rows("contacts")[0]["contactid"]


def batch_changeset_rolled_back(workbench: Workbench) -> None:
    batch = workbench.client.batch.new()
    with batch.changeset() as changes:
        changes.records.create("account", {"name": "A"})
        changes.records.create("account", {"name": "x" * 161})
    assert batch.execute(continue_on_error=True).has_errors
    assert workbench.account_names() == []


def batch_upsert(workbench: Workbench) -> None:
    workbench.create_keyed_table()
    batch = workbench.client.batch.new()
    batch.records.upsert(workbench.table, [UpsertItem({"new_code": "A"}, {"new_name": "First"})])
    assert not batch.execute().has_errors


def batch_tables(workbench: Workbench) -> None:
    batch = workbench.client.batch.new()
    batch.tables.create(workbench.table, {"new_Code": "string"})
    batch.tables.get("account")
    assert not batch.execute().has_errors
    assert "new_thing" in workbench.sandbox.environment.tables


def batch_sql(workbench: Workbench) -> None:
    batch = workbench.client.batch.new()
    batch.query.sql("SELECT TOP 1 name FROM account")
    result = batch.execute(continue_on_error=True)
    raise RuntimeError(str(result.failed[0].error_message)) if result.has_errors else AssertionError("it worked")


def batch_dataframe(workbench: Workbench) -> None:
    batch = workbench.client.batch.new()
    batch.dataframe.create("account", pd.DataFrame([{"name": "A"}]))
    assert not batch.execute().has_errors
    assert workbench.account_names() == ["A"]


Run = Callable[[Workbench], None]
OPERATIONS: list[tuple[str, Run, str]] = [
    ("records.create (one)", records_create, WORKS),
    ("records.create (many)", records_create_many, WORKS),
    ("records.update (one)", records_update, WORKS),
    ("records.update (many)", records_update_many, WORKS),
    ("records.delete (one; many without BulkDelete)", records_delete, WORKS),
    ("records.delete (many, BulkDelete)", records_delete_bulk, NOT_COVERED),
    ("records.retrieve", records_retrieve, WORKS),
    ("records.get", records_get, WORKS),
    ("records.list", records_list, WORKS),
    ("records.list_pages", records_list_pages, WORKS),
    ("records.upsert (one, many)", records_upsert, WORKS),
    ("query.builder", query_builder, WORKS),
    ("query.sql", query_sql, NOT_COVERED),
    ("query.fetchxml", query_fetchxml, NOT_COVERED),
    ("query.sql_columns", query_sql_columns, WORKS),
    ("query.odata_select", query_odata_select, WORKS),
    ("query.odata_expands, odata_expand", query_odata_expands, WORKS),
    ("query.odata_bind", query_odata_bind, WORKS),
    ("tables.create", tables_create, WORKS),
    ("tables.delete", tables_delete, WORKS),
    ("tables.get", tables_get, WORKS),
    ("tables.list", tables_list, WORKS),
    ("tables.add_columns", tables_add_columns, WORKS),
    ("tables.remove_columns", tables_remove_columns, WORKS),
    ("tables.update_column", tables_update_column, WORKS),
    ("tables.update_columns", tables_update_columns, WORKS),
    ("tables.list_columns", tables_list_columns, WORKS),
    ("tables.get_column", tables_get_column, WORKS),
    ("tables.create_one_to_many_relationship, get_relationship, delete_relationship", tables_one_to_many, WORKS),
    ("tables.create_many_to_many_relationship", tables_many_to_many, WORKS),
    ("tables.create_lookup_field", tables_lookup_field, WORKS),
    ("tables.create_alternate_key, get_alternate_keys, delete_alternate_key", tables_keys, WORKS),
    ("tables.list_relationships", tables_list_relationships, WORKS),
    ("tables.list_table_relationships", tables_list_table_relationships, WORKS),
    ("files.upload", files_upload, NOT_COVERED),
    ("dataframe.create", dataframe_create, WORKS),
    ("dataframe.get", dataframe_get, WORKS),
    ("dataframe.update", dataframe_update, WORKS),
    ("dataframe.delete", dataframe_delete, WORKS),
    ("dataframe.sql", dataframe_sql, NOT_COVERED),
    ("batch.records", batch_records, WORKS),
    ("batch with continue_on_error", batch_continue, WORKS),
    ("batch.changeset", batch_changeset, WORKS),
    ("batch.changeset, rolled back", batch_changeset_rolled_back, WORKS),
    ("batch.records.upsert", batch_upsert, WORKS),
    ("batch.tables", batch_tables, WORKS),
    ("batch.query.sql", batch_sql, NOT_COVERED),
    ("batch.dataframe", batch_dataframe, WORKS),
]
