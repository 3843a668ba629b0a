"""Tables, columns, choices, relationships and keys created over the Web API, as provisioning does."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sandbox.service import saved_state
from sandbox.testing import Sandbox
from tests.sandbox.conftest import Api, api_of

CRM = "Microsoft.Dynamics.CRM."


def label(text: str) -> dict[str, Any]:
    return {"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]}


def column(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"@odata.type": f"{CRM}{kind}AttributeMetadata", "SchemaName": name, "DisplayName": label(name), **more}


def table(name: str, **more: Any) -> dict[str, Any]:
    return {
        "@odata.type": f"{CRM}EntityMetadata", "SchemaName": name, "DisplayName": label(name),
        "DisplayCollectionName": label(f"{name}s"), "OwnershipType": "UserOwned", "HasActivities": False,
        "Attributes": [column("String", f"{name.partition('_')[0]}_Name", IsPrimaryName=True, MaxLength=80)],
        **more,
    }  # fmt: skip


def lookup(name: str, referenced: str, referencing: str, attribute: str, **more: Any) -> dict[str, Any]:
    return {
        "@odata.type": f"{CRM}OneToManyRelationshipMetadata", "SchemaName": name, "ReferencedEntity": referenced,
        "ReferencingEntity": referencing,
        "Lookup": {
            "@odata.type": f"{CRM}LookupAttributeMetadata", "SchemaName": attribute, "DisplayName": label(attribute),
        },
        **more,
    }  # fmt: skip


def create_definition(admin: Api, path: str, body: dict[str, Any], **headers: str) -> str:
    answer = admin.send("POST", path, json=body, headers=headers)
    assert answer.status_code == 204, answer.text
    return answer.headers["OData-EntityId"].partition("/v9.2/")[2]


@pytest.fixture
def bank(admin: Api) -> Api:
    create_definition(admin, "EntityDefinitions", table("new_Bank"))
    return admin


def test_custom_table_is_created_used_described_and_deleted(admin: Api) -> None:
    address = create_definition(admin, "EntityDefinitions", table("new_BankAccount", ChangeTrackingEnabled=True))
    assert admin.get(address)["LogicalName"] == "new_bankaccount"
    shown = admin.get("EntityDefinitions(LogicalName='new_bankaccount')")
    assert (shown["EntitySetName"], shown["PrimaryIdAttribute"], shown["PrimaryNameAttribute"]) == (
        "new_bankaccounts", "new_bankaccountid", "new_name",
    )  # fmt: skip
    assert (shown["IsCustomEntity"], shown["ChangeTrackingEnabled"], shown["OwnershipType"]) == (
        True,
        True,
        "UserOwned",
    )
    row = admin.create("new_bankaccounts", new_name="Savings")
    found = admin.get(f"new_bankaccounts({row})")
    assert (found["new_name"], found["statecode"]) == ("Savings", 0)
    assert admin.refusal("POST", "new_bankaccounts", json={"new_name": "x" * 81}) == (400, "0x80044331")
    assert admin.send("DELETE", address, headers={"If-Match": "*"}).status_code == 204
    assert admin.refusal("GET", "new_bankaccounts") == (404, "0x8006088a")
    assert admin.refusal("GET", "EntityDefinitions(LogicalName='new_bankaccount')") == (404, "0x80060888")


@pytest.mark.parametrize(
    ("name", "entity_set"),
    [("new_company", "new_companies"), ("new_box", "new_boxes"), ("new_toy", "new_toys"), ("new_bus", "new_buses")],
)
def test_entity_set_name_is_the_plural_the_service_forms(admin: Api, name: str, entity_set: str) -> None:
    create_definition(admin, "EntityDefinitions", table(name))
    assert admin.get(entity_set)["value"] == []


BAD_TABLES: list[tuple[dict[str, Any], str]] = [
    (table("Bank"), "0x80044366"),
    (table("nosuch_Bank"), "0x80044366"),
    ({**table("new_Bank"), "SchemaName": None}, "0x80040203"),
    ({**table("new_Bank"), "DisplayName": None}, "0x80040203"),
    ({**table("new_Bank"), "Attributes": []}, "0x80040203"),
    ({**table("new_Bank"), "OwnershipType": "BusinessOwned"}, "0x80040203"),
    (table("tandem_Company"), "0x80044363"),
    ({**table("new_Bank"), "EntitySetName": "accounts"}, "0x8006088e"),
]


@pytest.mark.parametrize(("body", "code"), BAD_TABLES)
def test_invalid_table_is_refused_and_leaves_nothing_behind(admin: Api, body: dict[str, Any], code: str) -> None:
    before = admin.get("EntityDefinitions?$select=LogicalName")["value"]
    assert admin.refusal("POST", "EntityDefinitions", json=body) == (400, code)
    assert admin.get("EntityDefinitions?$select=LogicalName")["value"] == before


COLUMNS: list[tuple[dict[str, Any], Any, Any, str]] = [
    (column("String", "new_Text", MaxLength=5), "abcde", "abcdef", "0x80044331"),
    (column("Memo", "new_Memo", MaxLength=5), "abcde", "abcdef", "0x80044331"),
    (column("Integer", "new_Int", MinValue=1, MaxValue=9), 9, 10, "0x8004432f"),
    (column("Decimal", "new_Dec", MinValue=0, MaxValue=1, Precision=3), 0.125, 1.5, "0x80044330"),
    (column("Double", "new_Dbl", MinValue=-1, MaxValue=1, Precision=2), -0.5, 2, "0x80044330"),
    (column("Money", "new_Money", MinValue=0, MaxValue=100, Precision=2), 12.5, 101, "0x80044330"),
    (
        column("DateTime", "new_Day", Format="DateOnly", DateTimeBehavior={"Value": "DateOnly"}),
        "2024-02-29", "yesterday", "0x80048d19",
    ),
    (column("DateTime", "new_Day", Format="DateOnly"), "2024-03-30T23:00:00Z", "yesterday", "0x80048d19"),
    (column("DateTime", "new_Time"), "2024-02-29T10:00:00Z", 5, "0x80048d19"),
    (
        column("Boolean", "new_Bool", OptionSet={"TrueOption": {"Value": 1, "Label": label("On")}}),
        True, "true", "0x80048d19",
    ),
    (
        column("Picklist", "new_Pick", OptionSet={"Options": [{"Value": 7, "Label": label("Seven")}]}),
        7, 8, "0x8004431a",
    ),
    (
        column(
            "MultiSelectPicklist", "new_Many",
            OptionSet={"Options": [{"Value": n, "Label": label("x")} for n in (1, 2)]}
        ),
        "1,2", "1,3", "0x8004431a",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "good", "bad", "code"), COLUMNS, ids=[one[0]["SchemaName"] for one in COLUMNS])
def test_custom_column_accepts_values_of_its_type_only(
    bank: Api, body: dict[str, Any], good: Any, bad: Any, code: str
) -> None:
    address = create_definition(bank, "EntityDefinitions(LogicalName='new_bank')/Attributes", body)
    name = body["SchemaName"].lower()
    kind = body["@odata.type"].removeprefix(CRM)
    shown = bank.get(f"EntityDefinitions(LogicalName='new_bank')/Attributes(LogicalName='{name}')/{CRM}{kind}")
    assert (shown["SchemaName"], shown["IsCustomAttribute"]) == (body["SchemaName"], True)
    row = bank.create("new_banks", new_name="x", **{name: good})
    assert bank.get(f"new_banks({row})?$select={name}")[name] == good
    assert bank.refusal("PATCH", f"new_banks({row})", json={name: bad}) == (400, code)
    assert bank.send("DELETE", address).status_code == 204
    assert bank.refusal("GET", f"new_banks?$select={name}") == (400, "0x80060888")
    assert bank.get(f"new_banks({row})")["new_name"] == "x"


def test_column_can_be_added_to_a_table_with_rows_and_to_a_standard_table(admin: Api) -> None:
    row = admin.create("accounts", name="Old")
    create_definition(
        admin, "EntityDefinitions(LogicalName='account')/Attributes", column("String", "tandem_Key", MaxLength=20)
    )
    assert admin.get(f"accounts({row})?$select=tandem_key")["tandem_key"] is None
    admin.send("PATCH", f"accounts({row})", json={"tandem_key": "A-1"})
    assert [one["name"] for one in admin.values("accounts?$filter=tandem_key eq 'a-1'")] == ["Old"]


def test_column_changes_are_accepted_and_refused_as_by_the_service(bank: Api) -> None:
    attributes = "EntityDefinitions(LogicalName='new_bank')/Attributes"
    create_definition(bank, attributes, column("String", "new_Text", MaxLength=5))
    assert bank.refusal("POST", attributes, json=column("String", "new_Text")) == (400, "0x80047013")
    assert bank.refusal("POST", attributes, json=column("Lookup", "new_Other")) == (400, "0x80040203")
    assert bank.refusal("POST", attributes, json=column("String", "text")) == (400, "0x80044366")
    assert bank.refusal("POST", attributes, json=column("Image", "new_Picture")) == (501, "0x80060888")
    longer = column("String", "new_Text", MaxLength=50, DisplayName=label("Longer"))
    assert bank.send("PUT", f"{attributes}(LogicalName='new_text')", json=longer).status_code == 204
    row = bank.create("new_banks", new_name="x", new_text="y" * 50)
    assert bank.get(f"new_banks({row})?$select=new_text")["new_text"] == "y" * 50
    wrong = column("Memo", "new_Text")
    assert bank.refusal("PUT", f"{attributes}(LogicalName='new_text')", json=wrong) == (400, "0x80040203")
    assert bank.refusal("DELETE", f"{attributes}(LogicalName='new_name')") == (400, "0x8004f01f")
    account = "EntityDefinitions(LogicalName='account')"
    assert bank.refusal("DELETE", f"{account}/Attributes(LogicalName='telephone1')") == (400, "0x8004f013")
    assert bank.refusal("DELETE", account) == (400, "0x8004f013")


def test_relationship_creates_a_lookup_that_can_be_followed_both_ways(bank: Api) -> None:
    address = create_definition(
        bank, "RelationshipDefinitions", lookup("new_bank_account", "new_bank", "account", "new_BankId")
    )
    shown = bank.get("RelationshipDefinitions(SchemaName='new_bank_account')")
    assert shown["ReferencingEntityNavigationPropertyName"] == "new_BankId"
    assert bank.get(f"{address}/{CRM}OneToManyRelationshipMetadata")["ReferencingAttribute"] == "new_bankid"
    found = bank.get("RelationshipDefinitions?$select=SchemaName&$filter=SchemaName eq 'new_bank_account'")["value"]
    assert len(found) == 1
    one = bank.create("new_banks", new_name="North")
    row = bank.create("accounts", name="A", **{"new_BankId@odata.bind": f"/new_banks({one})"})
    assert bank.refusal("POST", "accounts", json={"name": "B", "new_bankid@odata.bind": None}) == (400, "0x80048d19")
    expanded = bank.get(f"accounts({row})?$select=name&$expand=new_BankId($select=new_name)")
    assert expanded["new_BankId"]["new_name"] == "North"
    assert bank.refusal("DELETE", "EntityDefinitions(LogicalName='new_bank')") == (400, "0x8004f01f")
    assert bank.send("DELETE", address).status_code == 204
    assert bank.refusal("GET", "accounts?$select=_new_bankid_value") == (400, "0x80060888")
    assert bank.send("DELETE", "EntityDefinitions(LogicalName='new_bank')").status_code == 204


@pytest.mark.parametrize(
    ("cascade", "status", "left"), [("RemoveLink", 204, [None]), ("Restrict", 400, ["bank"]), ("Cascade", 204, [])]
)
def test_deletion_follows_the_cascade_of_the_relationship(
    bank: Api, cascade: str, status: int, left: list[Any]
) -> None:
    body = lookup("new_bank_account", "new_bank", "account", "new_BankId", CascadeConfiguration={"Delete": cascade})
    create_definition(bank, "RelationshipDefinitions", body)
    one = bank.create("new_banks", new_name="North")
    bank.create("accounts", name="A", **{"new_BankId@odata.bind": f"/new_banks({one})"})
    assert bank.send("DELETE", f"new_banks({one})").status_code == status
    found = [row["_new_bankid_value"] for row in bank.values("accounts?$select=_new_bankid_value")]
    assert found == [one if value == "bank" else value for value in left]


def test_many_to_many_relationship_links_rows_both_ways(bank: Api) -> None:
    body = {
        "@odata.type": f"{CRM}ManyToManyRelationshipMetadata", "SchemaName": "new_bank_contact",
        "IntersectEntityName": "new_bank_contact", "Entity1LogicalName": "new_bank", "Entity2LogicalName": "contact",
    }  # fmt: skip
    address = create_definition(bank, "RelationshipDefinitions", body)
    one, person = bank.create("new_banks", new_name="North"), bank.create("contacts", lastname="Ünal")
    reference = {"@odata.id": f"{bank.base}contacts({person})"}
    assert bank.send("POST", f"new_banks({one})/new_bank_contact/$ref", json=reference).status_code == 204
    assert [row["lastname"] for row in bank.values(f"new_banks({one})/new_bank_contact")] == ["Ünal"]
    assert bank.values("new_banks?$filter=new_bank_contact/any(c:c/lastname eq 'Ünal')")
    assert bank.refusal("POST", "RelationshipDefinitions", json=body) == (400, "0x8004432b")
    assert bank.send("DELETE", address).status_code == 204
    assert bank.refusal("GET", f"new_banks({one})/new_bank_contact") == (404, "0x8006088a")


def test_global_choice_changes_for_all_columns_that_use_it(bank: Api) -> None:
    body = {
        "@odata.type": f"{CRM}OptionSetMetadata", "Name": "new_colour", "OptionSetType": "Picklist",
        "DisplayName": label("Colour"), "Options": [{"Value": 1, "Label": label("Red")}],
    }  # fmt: skip
    address = create_definition(bank, "GlobalOptionSetDefinitions", body)
    bound = {"GlobalOptionSet@odata.bind": f"/{address}"}
    for name in ("account", "new_bank"):
        create_definition(
            bank, f"EntityDefinitions(LogicalName='{name}')/Attributes", column("Picklist", "new_Colour", **bound)
        )
    cast = f"EntityDefinitions(LogicalName='account')/Attributes/{CRM}PicklistAttributeMetadata"
    shown = bank.get(f"{cast}?$select=LogicalName&$filter=LogicalName eq 'new_colour'&$expand=GlobalOptionSet")
    assert shown["value"][0]["GlobalOptionSet"]["Name"] == "new_colour"
    answer = bank.send(
        "POST", "InsertOptionValue", json={"OptionSetName": "new_colour", "Label": label("Blue"), "Value": 2}
    )
    assert answer.json()["NewOptionValue"] == 2
    assert bank.refusal("POST", "accounts", json={"name": "A", "new_colour": 2}) == (400, "0x8004431a")
    publish(bank, "<optionsets><optionset>new_colour</optionset></optionsets>")
    row = bank.create("accounts", name="A", new_colour=2)
    shown = bank.get(f"accounts({row})?$select=new_colour", Prefer='odata.include-annotations="*"')
    assert shown["new_colour@OData.Community.Display.V1.FormattedValue"] == "Blue"
    assert bank.refusal("DELETE", address) == (400, "0x8004f01f")
    gone = bank.send("POST", "DeleteOptionValue", json={"OptionSetName": "new_colour", "Value": 1})
    assert gone.status_code == 204
    assert bank.send("POST", "PublishAllXml", json={}).status_code == 204
    found = bank.get("GlobalOptionSetDefinitions(Name='new_colour')")
    assert [one["Value"] for one in found["Options"]] == [2]
    assert bank.refusal("GET", "GlobalOptionSetDefinitions?$filter=Name eq 'x'") == (400, "0x80060888")
    renamed = {"EntityLogicalName": "account", "AttributeLogicalName": "industrycode", "Value": 1, "Label": label("X")}
    assert bank.send("POST", "UpdateOptionValue", json=renamed).status_code == 204


def publish(api: Api, what: str) -> None:
    body = {"ParameterXml": f"<importexportxml>{what}</importexportxml>"}
    assert api.send("POST", "PublishXml", json=body).status_code == 204


def terms(api: Api) -> dict[int, str]:
    cast = f"EntityDefinitions(LogicalName='account')/Attributes(LogicalName='paymenttermscode')/{CRM}"
    found = api.get(f"{cast}PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet")["OptionSet"]["Options"]
    return {one["Value"]: one["Label"]["UserLocalizedLabel"]["Label"] for one in found}


def test_options_show_once_their_table_is_published(admin: Api) -> None:
    column = {"EntityLogicalName": "account", "AttributeLogicalName": "paymenttermscode"}
    before = terms(admin)
    new = {**column, "Value": 831_200_000, "Label": label("14 DAYS")}
    assert admin.send("POST", "InsertOptionValue", json=new).json()["NewOptionValue"] == 831_200_000
    assert admin.refusal("POST", "InsertOptionValue", json=new) == (400, "0x80048403")
    renamed = {**column, "Value": 1, "Label": label("30 DAYS"), "MergeLabels": True}
    assert admin.send("POST", "UpdateOptionValue", json=renamed).status_code == 204
    publish(admin, "<entities><entity>contact</entity></entities>")
    assert terms(admin) == before
    assert admin.refusal("POST", "accounts", json={"name": "A", "paymenttermscode": 831_200_000}) == (400, "0x8004431a")
    publish(admin, "<entities><entity>account</entity></entities>")
    assert terms(admin) == {**before, 1: "30 DAYS", 831_200_000: "14 DAYS"}
    admin.create("accounts", name="A", paymenttermscode=831_200_000)
    for bad in ({}, {"ParameterXml": "<importexportxml>"}):
        assert admin.refusal("POST", "PublishXml", json=bad)[0] == 400
    admin.sandbox.control("POST", "reset")
    assert terms(admin) == before


def test_the_integrations_role_may_add_options_and_publish_them(api: Api) -> None:
    new = {"EntityLogicalName": "account", "AttributeLogicalName": "paymenttermscode", "Label": label("14 DAYS")}
    assert api.send("POST", "InsertOptionValue", json=new).status_code == 200
    publish(api, "<entities><entity>account</entity></entities>")
    assert "14 DAYS" in terms(api).values()


def test_alternate_key_finds_rows_and_is_unique_once_active(admin: Api) -> None:
    sandbox = admin.sandbox
    keys = "EntityDefinitions(LogicalName='account')/Keys"
    create_definition(
        admin, keys, {"SchemaName": "new_NumberKey", "DisplayName": label("Number"), "KeyAttributes": ["accountnumber"]}
    )
    assert [one["EntityKeyIndexStatus"] for one in admin.get(keys)["value"]] == ["Pending"]
    row = admin.create("accounts", name="A", accountnumber="N-1")
    assert admin.refusal("GET", "accounts(accountnumber='N-1')") == (400, "0x80060890")
    sandbox.control("PUT", "clock", {"offset_s": 2})
    assert [one["EntityKeyIndexStatus"] for one in admin.get(keys)["value"]] == ["Active"]
    assert admin.get("accounts(accountnumber='n-1')?$select=name")["accountid"] == row
    assert admin.refusal("GET", "accounts(accountnumber='N-2')") == (404, "0x80060891")
    assert admin.refusal("POST", "accounts", json={"name": "B", "accountnumber": "N-1"}) == (412, "0x80060892")
    # An upsert by key changes what is there and makes what is not.
    assert admin.send("PATCH", "accounts(accountnumber='N-1')", json={"name": "Changed"}).status_code == 204
    answer = admin.send("PATCH", "accounts(accountnumber='N-2')", json={"name": "New"})
    assert answer.status_code == 204
    assert answer.headers["OData-EntityId"]
    assert sorted(one["name"] for one in admin.values("accounts?$select=name")) == ["Changed", "New"]
    missing = admin.refusal("PATCH", "accounts(accountnumber='N-3')", json={"name": "x"}, headers={"If-Match": "*"})
    assert missing == (404, "0x80060891")
    doubled = admin.refusal("PATCH", "accounts(accountnumber='N-4')", json={"name": "x", "accountnumber": "N-4"})
    assert doubled == (400, "0x80048d19")
    whole = {"Prefer": "return=representation"}
    created = admin.send("PATCH", "accounts(accountnumber='N-5')", json={"name": "x"}, headers=whole)
    assert (created.status_code, created.json()["accountnumber"]) == (201, "N-5")
    again = admin.send("PATCH", "accounts(accountnumber='N-5')", json={"name": "y"}, headers=whole)
    assert again.status_code == 200
    child = admin.create(
        "contacts", lastname="x", **{"parentcustomerid_account@odata.bind": "/accounts(accountnumber='N-1')"}
    )
    assert admin.get(f"contacts({child})")["_parentcustomerid_value"] == row
    targets = [
        {"@odata.type": f"{CRM}account", "@odata.id": f"accounts(accountnumber='N-{n}')", "name": "Both"}
        for n in (1, 9)
    ]
    assert admin.send("POST", f"accounts/{CRM}UpsertMultiple", json={"Targets": targets}).status_code == 204
    assert sorted(one["accountnumber"] for one in admin.values("accounts?$filter=name eq 'Both'")) == ["N-1", "N-9"]
    assert admin.send("DELETE", f"{keys}(LogicalName='new_numberkey')").status_code == 204
    assert admin.refusal("GET", "accounts(accountnumber='N-1')") == (400, "0x80060888")


def test_a_key_of_several_columns_and_a_lookup(admin: Api) -> None:
    body = {"SchemaName": "new_PersonKey", "DisplayName": label("P"), "KeyAttributes": ["lastname", "parentcustomerid"]}
    create_definition(admin, "EntityDefinitions(LogicalName='contact')/Keys", body)
    admin.sandbox.control("PUT", "clock", {"offset_s": 2})
    account = admin.create("accounts", name="A")
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    person = admin.create("contacts", lastname="O'Neil", **bind)
    address = f"contacts(lastname='O''Neil',_parentcustomerid_value={account})"
    assert admin.get(f"{address}?$select=lastname")["contactid"] == person
    other = f"contacts(lastname='Else',_parentcustomerid_value={account})"
    assert admin.send("PATCH", other, json={"firstname": "x"}).status_code == 204
    assert admin.get(f"{other}?$select=_parentcustomerid_value")["_parentcustomerid_value"] == account
    # Without the lookup's value nothing is doubled.
    for _ in range(2):
        admin.create("contacts", lastname="O'Neil")


@pytest.mark.parametrize(
    "names", [[], ["nosuch"], ["description"], ["name", "nosuch"], [f"address1_line{n}" for n in range(1, 4)] * 6]
)
def test_invalid_key_is_refused(admin: Api, names: list[str]) -> None:
    body = {"SchemaName": "new_Key", "DisplayName": label("K"), "KeyAttributes": names}
    path = "EntityDefinitions(LogicalName='account')/Keys"
    assert admin.refusal("POST", path, json=body) == (400, "0x8006088f")


def test_key_fails_where_rows_have_duplicate_values(admin: Api) -> None:
    for _ in range(2):
        admin.create("accounts", name="A", accountnumber="N-1")
    path = "EntityDefinitions(LogicalName='account')/Keys"
    create_definition(
        admin, path, {"SchemaName": "new_Key", "DisplayName": label("K"), "KeyAttributes": ["accountnumber"]}
    )
    admin.sandbox.control("PUT", "clock", {"offset_s": 2})
    assert [one["EntityKeyIndexStatus"] for one in admin.get(path)["value"]] == ["Failed"]
    assert admin.refusal("GET", "accounts(accountnumber='N-1')") == (400, "0x80060890")


def test_metadata_changes_need_their_privileges(api: Api, admin: Api) -> None:
    assert api.refusal("POST", "EntityDefinitions", json=table("new_Bank")) == (403, "0x80040220")
    attributes = "EntityDefinitions(LogicalName='account')/Attributes"
    assert api.refusal("POST", attributes, json=column("String", "new_x")) == (403, "0x80040220")
    (role,) = admin.get("roles?$select=roleid&$filter=name eq 'Tandem Dataverse Integration'")["value"]
    for name in ("prvPublishCustomization", "prvWriteAttribute"):
        (one,) = admin.get(f"privileges?$select=privilegeid&$filter=name eq '{name}'")["value"]
        body = {"PrivilegeId": one["privilegeid"]}
        removed = admin.send("POST", f"roles({role['roleid']})/Microsoft.Dynamics.CRM.RemovePrivilegeRole", json=body)
        assert removed.status_code == 204
    option = {"EntityLogicalName": "account", "AttributeLogicalName": "paymenttermscode", "Label": label("14 DAYS")}
    assert api.refusal("POST", "InsertOptionValue", json=option) == (403, "0x80040220")
    assert api.refusal("POST", "PublishAllXml", json={}) == (403, "0x80040220")


def test_named_solution_must_exist(admin: Api) -> None:
    body = table("tandem_Extra")
    headers = {"MSCRM.SolutionUniqueName": "NoSuchSolution"}
    assert admin.refusal("POST", "EntityDefinitions", json=body, headers=headers) == (404, "0x80040217")
    create_definition(admin, "EntityDefinitions", body, **{"MSCRM.SolutionUniqueName": "TandemBaseIntegration"})
    assert admin.send("POST", "PublishAllXml").status_code == 204


def test_empty_environment_can_be_provisioned_over_the_web_api(empty: Sandbox) -> None:
    form = {"grant_type": "password", "username": empty.admin_user, "password": empty.admin_password}
    admin = api_of(empty, **form)
    publisher = admin.create(
        "publishers", uniquename="tandem", friendlyname="Tandem", customizationprefix="tandem",
        customizationoptionvalueprefix=10_500,
    )  # fmt: skip
    admin.create(
        "solutions", uniquename="TandemBaseIntegration", friendlyname="Base", version="1.0.0.0",
        **{"publisherid@odata.bind": f"/publishers({publisher})"},
    )  # fmt: skip
    headers = {"MSCRM.SolutionUniqueName": "TandemBaseIntegration"}
    body = table("tandem_Company")
    body["Attributes"].append(column("String", "tandem_ExternalId", MaxLength=36))
    create_definition(admin, "EntityDefinitions", body, **headers)
    create_definition(admin, "RelationshipDefinitions",
         lookup("tandem_company_account", "tandem_company", "account", "tandem_CompanyId"), **headers)  # fmt: skip
    unit = admin.get("WhoAmI")["BusinessUnitId"]
    role = admin.create("roles", name="Tandem", **{"businessunitid@odata.bind": f"/businessunits({unit})"})
    wanted = [f"prv{right}{name}" for right in ("Create", "Read", "Write", "Append", "AppendTo")
              for name in ("Account", "tandem_Company")]  # fmt: skip
    named = " or ".join(f"name eq '{one}'" for one in wanted)
    found = admin.get(f"privileges?$select=privilegeid,name&$filter={named}")["value"]
    assert len(found) == len(wanted)
    given = [{"PrivilegeId": one["privilegeid"], "Depth": "Global", "BusinessUnitId": unit} for one in found]
    answer = admin.send("POST", f"roles({role})/{CRM}AddPrivilegesRole", json={"Privileges": given})
    assert answer.status_code == 204
    user = admin.create(
        "systemusers", applicationid=empty.client_id, **{"businessunitid@odata.bind": f"/businessunits({unit})"}
    )
    reference = {"@odata.id": f"{admin.base}roles({role})"}
    assert (
        admin.send("POST", f"systemusers({user})/systemuserroles_association/$ref", json=reference).status_code == 204
    )
    app = api_of(empty)
    company = app.create("tandem_companies", tandem_name="Demo", tandem_externalid=str(uuid4()))
    row = app.create("accounts", name="A", **{"tandem_CompanyId@odata.bind": f"/tandem_companies({company})"})
    assert app.get(f"accounts({row})?$select=_tandem_companyid_value")["_tandem_companyid_value"] == company
    assert app.refusal("DELETE", f"accounts({row})") == (403, "0x80040220")
    assert app.refusal("GET", "contacts") == (403, "0x80040220")


def test_custom_metadata_survives_a_restart_but_not_a_reset(admin: Api, bank: Api, tmp_path: Path) -> None:
    create_definition(admin, "RelationshipDefinitions", lookup("new_bank_account", "new_bank", "account", "new_BankId"))
    one = bank.create("new_banks", new_name="North")
    environment = admin.sandbox.environment
    saved_state.write(environment, tmp_path)
    kept = saved_state.read(tmp_path)
    assert kept is not None
    assert kept.tables["new_bank"].columns == environment.tables["new_bank"].columns
    assert one.encode() in kept.store.rows["new_bank"].index
    assert kept.tables["account"].navigation["new_BankId"][1] == ("new_bank",)
    admin.sandbox.reset()
    assert admin.refusal("GET", "new_banks") == (404, "0x8006088a")
    assert admin.refusal("GET", "accounts?$select=_new_bankid_value") == (400, "0x80060888")
    create_definition(admin, "EntityDefinitions", table("new_Bank"))
    assert admin.get("new_banks")["value"] == []
