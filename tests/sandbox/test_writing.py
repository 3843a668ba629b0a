"""Creating, changing and deleting rows, and what is refused."""

from typing import Any

import pytest

from tests.sandbox.conftest import Api, counted

ID = "00000000-0000-4000-8000-0000000000a1"
CONTACT = "00000000-0000-4000-8000-0000000000c1"
NOBODY = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture
def one(api: Api) -> Api:
    api.sandbox.load(
        {
            "accounts": [{"accountid": ID, "name": "Adatum"}],
            "contacts": [{"contactid": CONTACT, "firstname": "Ada", "lastname": "Lind"}],
        }
    )
    return api


def test_id_given_by_the_caller_is_used_once(api: Api) -> None:
    assert api.create("accounts", accountid=ID, name="x") == ID
    assert api.refusal("POST", "accounts", json={"accountid": ID.upper(), "name": "x"}) == (412, "0x80040237")
    assert len(api.sandbox.rows("accounts")) == 1


def test_new_row_gets_owner_state_dates_currency_and_base_amounts(api: Api) -> None:
    currencies = api.get("transactioncurrencies?$select=isocurrencycode,exchangerate")["value"]
    euro = next(row for row in currencies if row["isocurrencycode"] == "EUR")
    dollar = next(row for row in currencies if row["isocurrencycode"] == "USD")
    me = api.get("WhoAmI")
    row = api.get(f"accounts({api.create('accounts', name='x', creditlimit=10)})")
    assert (row["_ownerid_value"], row["_owninguser_value"], row["_createdby_value"]) == (me["UserId"],) * 3
    assert row["_owningbusinessunit_value"] == me["BusinessUnitId"]
    assert (row["statecode"], row["statuscode"]) == (0, 1)
    assert row["createdon"] == row["modifiedon"]
    assert row["createdon"].endswith("Z")
    assert (row["_transactioncurrencyid_value"], row["creditlimit_base"]) == (dollar["transactioncurrencyid"], 10)
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({euro['transactioncurrencyid']})"}
    row = api.get(f"accounts({api.create('accounts', name='x', creditlimit=10, **bind)})")
    assert row["exchangerate"] == euro["exchangerate"]
    assert row["creditlimit_base"] == pytest.approx(10 / euro["exchangerate"], abs=1e-4)
    assert api.get(f"accounts({api.create('accounts', name='x')})")["_transactioncurrencyid_value"] is None


def test_a_new_row_is_active_whatever_it_is_sent_and_its_reason_must_fit(api: Api) -> None:
    made = api.create("accounts", name="x", statecode=1)
    assert api.get(f"accounts({made})?$select=statecode,statuscode")["statecode"] == 0
    assert api.refusal("POST", "accounts", json={"name": "y", "statecode": 1, "statuscode": 2}) == (400, "0x80048408")
    assert api.send("PATCH", f"accounts({made})", json={"statecode": 1, "statuscode": 2}).status_code == 204
    assert api.get(f"accounts({made})?$select=statecode")["statecode"] == 1


def test_full_name_follows_its_parts(one: Api) -> None:
    one.send("PATCH", f"contacts({CONTACT})", json={"middlename": "M.", "lastname": "Lindqvist"})
    assert one.get(f"contacts({CONTACT})?$select=fullname")["fullname"] == "Ada M. Lindqvist"


def test_empty_text_is_stored_as_null(one: Api) -> None:
    one.send("PATCH", f"accounts({ID})", json={"name": "", "fax": ""})
    assert one.get(f"accounts({ID})?$select=name,fax")["fax"] is None


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"nme": "x"}, 400, "0x80048d19"),
    ({"name": 5}, 400, "0x80048d19"),
    ({"name": "x" * 161}, 400, "0x80044331"),
    ({"customertypecode": 99}, 400, "0x8004431a"),
    ({"customertypecode": "3"}, 400, "0x80048d19"),
    ({"customertypecode": 3.5}, 400, "0x80048d19"),
    ({"customertypecode": 3_000_000_000}, 400, "0x80048d19"),
    ({"numberofemployees": -1}, 400, "0x8004432f"),
    ({"creditlimit": -1}, 400, "0x80044330"),
    ({"creditlimit": 1e15}, 400, "0x80044330"),
    ({"creditlimit": "10"}, 400, "0x80048d19"),
    ({"donotphone": 1}, 400, "0x80048d19"),
    ({"lastusedincampaign": "yesterday"}, 400, "0x80048d19"),
    ({"lastusedincampaign": "1700-01-01T00:00:00Z"}, 400, "0x80040239"),
    ({"processid": "x"}, 400, "0x80048d19"),
    ({"statuscode": 2}, 400, "0x80048408"),
    ({"statecode": 1, "statuscode": 1}, 400, "0x80048408"),
    ({"statecode": 7}, 400, "0x80048408"),
    ({"_primarycontactid_value": CONTACT}, 400, "0x80048d19"),
    ({"primarycontactid": CONTACT}, 400, "0x80048d19"),
    ({"PrimaryContactId@odata.bind": f"/contacts({CONTACT})"}, 400, "0x80048d19"),
    ({"primarycontactid@odata.bind": f"/accounts({ID})"}, 400, "0x80048d19"),
    ({"primarycontactid@odata.bind": f"/contacts({NOBODY})"}, 404, "0x80040217"),
    ({"primarycontactid@odata.bind": CONTACT}, 400, "0x80060888"),
    ({"primarycontactid@odata.bind": f"/new_persons({CONTACT})"}, 400, "0x80060888"),
    ({"primarycontactid@odata.bind": 5}, 400, "0x80048d19"),
    ({"@odata.type": "Microsoft.Dynamics.CRM.contact", "name": "x"}, 400, "0x80048d19"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED)
def test_invalid_value_is_refused_and_nothing_is_written(
    one: Api, body: dict[str, Any], status: int, code: str
) -> None:
    before = one.sandbox.rows("accounts")
    assert one.refusal("PATCH", f"accounts({ID})", json=body) == (status, code)
    if "statecode" not in body and "statuscode" not in body:
        assert one.refusal("POST", "accounts", json=body) == (status, code)
    assert one.sandbox.rows("accounts") == before
    assert one.sandbox.requests()["rows_written"] == 0


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '"x"', "\ud800".encode("utf-8", "surrogatepass"), '{"name":"\\ud800"}']
)
def test_invalid_body_is_refused(one: Api, body: Any) -> None:
    assert one.refusal("POST", "accounts", data=body, headers={"Content-Type": "application/json"}) == (
        400,
        "0x80048d19",
    )


def test_columns_set_by_the_service_are_ignored_in_bodies(one: Api) -> None:
    answer = one.send(
        "PATCH", f"accounts({ID})", json={"createdon": "2001-01-01T00:00:00Z", "versionnumber": 1, "fax": "1"}
    )
    assert answer.status_code == 204
    assert not one.get(f"accounts({ID})?$select=createdon")["createdon"].startswith("2001")


def test_lookups_are_bound_by_relative_or_absolute_address_and_cleared_by_null(one: Api) -> None:
    for address in (f"/contacts({CONTACT})", f"contacts({CONTACT})", f"{one.base}contacts({CONTACT})"):
        assert one.send("PATCH", f"accounts({ID})", json={"primarycontactid@odata.bind": address}).status_code == 204
        assert one.get(f"accounts({ID})?$select=_primarycontactid_value")["_primarycontactid_value"] == CONTACT
        one.send("PATCH", f"accounts({ID})", json={"primarycontactid@odata.bind": None})
        assert one.get(f"accounts({ID})?$select=_primarycontactid_value")["_primarycontactid_value"] is None


def test_lookup_to_several_tables_has_a_navigation_property_for_each(one: Api) -> None:
    contact = one.create("contacts", lastname="x", **{"parentcustomerid_account@odata.bind": f"/accounts({ID})"})
    row = one.get(f"contacts({contact})?$select=_parentcustomerid_value", Prefer='odata.include-annotations="*"')
    assert row["_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert row["_parentcustomerid_value@OData.Community.Display.V1.FormattedValue"] == "Adatum"
    assert one.refusal("PATCH", f"contacts({contact})", json={"parentcustomerid@odata.bind": f"/accounts({ID})"}) == (
        400,
        "0x80048d19",
    )


def test_state_without_a_reason_gets_its_first_reason(one: Api) -> None:
    one.send("PATCH", f"accounts({ID})", json={"statecode": 1})
    row = one.get(f"accounts({ID})?$select=statecode,statuscode")
    assert (row["statecode"], row["statuscode"]) == (1, 2)


def test_an_update_with_an_old_version_is_refused(one: Api) -> None:
    etag = one.get(f"accounts({ID})?$select=name")["@odata.etag"]
    assert one.send("PATCH", f"accounts({ID})", json={"fax": "1"}, headers={"If-Match": etag}).status_code == 204
    again = one.refusal("PATCH", f"accounts({ID})", json={"fax": "2"}, headers={"If-Match": etag})
    assert again == (412, "0x80060882")
    assert one.refusal("DELETE", f"accounts({ID})", headers={"If-Match": etag}) == (412, "0x80060882")


def test_patch_creates_a_missing_row_unless_if_match_forbids_it(api: Api) -> None:
    only_update = api.refusal("PATCH", f"accounts({ID})", json={"name": "x"}, headers={"If-Match": "*"})
    assert only_update == (404, "0x80040217")
    answer = api.send("PATCH", f"accounts({ID})", json={"name": "x"}, headers={"Prefer": "return=representation"})
    assert (answer.status_code, answer.json()["accountid"]) == (201, ID)
    answer = api.send(
        "PATCH", f"accounts({ID})?$select=name", json={"name": "y"}, headers={"Prefer": "return=representation"}
    )
    assert (answer.status_code, answer.json()["name"]) == (200, "y")
    assert answer.headers["Preference-Applied"] == "return=representation"
    only_create = api.refusal("PATCH", f"accounts({ID})", json={"name": "x"}, headers={"If-None-Match": "*"})
    assert only_create == (412, "0x80040237")


def test_deletion_clears_lookups_to_the_row(one: Api) -> None:
    one.send("PATCH", f"accounts({ID})", json={"primarycontactid@odata.bind": f"/contacts({CONTACT})"})
    assert one.send("DELETE", f"contacts({CONTACT})").status_code == 204
    assert one.get(f"accounts({ID})?$select=_primarycontactid_value")["_primarycontactid_value"] is None
    assert one.refusal("DELETE", f"contacts({CONTACT})") == (404, "0x80040217")


def test_row_that_others_need_cannot_be_deleted(admin: Api) -> None:
    organization = admin.get("organizations")["value"][0]
    base = organization["_basecurrencyid_value"]
    assert admin.refusal("DELETE", f"transactioncurrencies({base})") == (400, "0x80040227")
    assert admin.refusal("DELETE", f"organizations({organization['organizationid']})") == (405, "0x80040800")


def test_single_property_can_be_set_and_cleared(one: Api) -> None:
    assert one.send("PUT", f"accounts({ID})/fax", json={"value": "42"}).status_code == 204
    assert one.get(f"accounts({ID})/fax")["value"] == "42"
    assert one.send("DELETE", f"accounts({ID})/fax").status_code == 204
    assert one.send("GET", f"accounts({ID})/fax").status_code == 204
    reference = {"@odata.id": f"{one.base}contacts({CONTACT})"}
    assert one.send("PUT", f"accounts({ID})/primarycontactid/$ref", json=reference).status_code == 204
    assert one.get(f"accounts({ID})?$select=_primarycontactid_value")["_primarycontactid_value"] == CONTACT
    assert one.send("DELETE", f"accounts({ID})/primarycontactid/$ref").status_code == 204


METHODS = [("DELETE", "accounts"), ("PATCH", "accounts"), ("POST", f"accounts({ID})"), ("POST", "WhoAmI"), ("PUT", "")]


@pytest.mark.parametrize(("method", "path"), METHODS)
def test_unsupported_method_is_refused(one: Api, method: str, path: str) -> None:
    assert one.send(method, path, json={}).status_code == 405


def target(**values: Any) -> dict[str, Any]:
    return {"@odata.type": "Microsoft.Dynamics.CRM.account", **values}


def bulk(api: Api, action: str, targets: list[dict[str, Any]]) -> Any:
    return api.send("POST", f"accounts/Microsoft.Dynamics.CRM.{action}", json={"Targets": targets})


def test_create_multiple_returns_the_ids_in_order(api: Api) -> None:
    answer = bulk(api, "CreateMultiple", [target(name="a", accountid=ID), target(name="b")])
    made = answer.json()["Ids"]
    assert made[0] == ID
    assert api.get(f"accounts({made[1]})?$select=name")["name"] == "b"


@pytest.mark.parametrize("action", ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"])
def test_bulk_action_is_atomic(one: Api, action: str) -> None:
    before = one.sandbox.rows("accounts")
    name = {"accountid": ID} if action == "UpdateMultiple" else {}
    bad = {"accountid": ID} if action == "UpsertMultiple" else name
    answer = bulk(one, action, [target(name="fine", **name), target(name="x" * 200, **bad)])
    assert answer.status_code == 400
    assert one.sandbox.rows("accounts") == before
    assert one.sandbox.requests()["rows_written"] == 0


BULK_REFUSED: list[tuple[str, Any, int, str]] = [
    ("CreateMultiple", [{"name": "no type"}], 400, "0x80048d19"),
    ("CreateMultiple", [{"@odata.type": "Microsoft.Dynamics.CRM.contact"}], 400, "0x80048d19"),
    ("CreateMultiple", [], 400, "0x80040203"),
    ("CreateMultiple", "x", 400, "0x80048d19"),
    ("CreateMultiple", [target(accountid=ID), target(accountid=ID)], 412, "0x80040237"),
    ("UpdateMultiple", [target(accountid=NOBODY, name="x")], 404, "0x80040217"),
    ("UpdateMultiple", [target(accountid=ID), target(accountid=ID)], 400, "0x80060888"),
    ("UpdateMultiple", [target(accountid="x")], 400, "0x80048d19"),
    ("DeleteMultiple", [target(accountid=ID)], 400, "0x80040203"),
    ("CelebrateMultiple", [], 501, "0x80060888"),
]


@pytest.mark.parametrize(("action", "targets", "status", "code"), BULK_REFUSED)
def test_invalid_bulk_action_is_refused(one: Api, action: str, targets: Any, status: int, code: str) -> None:
    answer = bulk(one, action, targets)
    assert (answer.status_code, answer.json()["error"]["code"].lower()) == (status, code)


def test_update_multiple_and_upsert_multiple_change_existing_rows(one: Api) -> None:
    assert bulk(one, "UpdateMultiple", [target(accountid=ID, fax="1")]).status_code == 204
    rows = [
        {"@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": f"accounts({ID})", "fax": "2"},
        target(name="new"),
    ]
    assert bulk(one, "UpsertMultiple", rows).status_code == 204
    assert one.get(f"accounts({ID})?$select=fax")["fax"] == "2"
    assert {row["name"] for row in one.sandbox.rows("accounts")} == {"Adatum", "new"}


def test_table_without_bulk_actions_refuses_them(api: Api) -> None:
    body = {"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.team", "name": "x"}]}
    assert api.refusal("POST", "teams/Microsoft.Dynamics.CRM.CreateMultiple", json=body) == (400, "0x80040800")


def test_currency_is_unique_and_business_unit_gets_team_and_roles(admin: Api) -> None:
    body = {
        "isocurrencycode": "USD",
        "currencyname": "x",
        "currencysymbol": "x",
        "exchangerate": 1,
        "currencyprecision": 2,
    }
    assert admin.refusal("POST", "transactioncurrencies", json=body) == (412, "0x80048cf3")
    unit = admin.create("businessunits", name="North")
    assert admin.refusal("POST", "businessunits", json={"name": "NORTH"}) == (412, "0x80040237")
    team = admin.get(f"teams?$select=name,isdefault&$filter=_businessunitid_value eq {unit}")["value"][0]
    assert (team["name"], team["isdefault"]) == ("North", True)
    roles = admin.get(f"roles?$select=name,_parentrootroleid_value&$filter=_businessunitid_value eq {unit}")["value"]
    assert {"System Administrator", "Basic User", "Tandem Dataverse Integration"} == {row["name"] for row in roles}
    assert admin.refusal("DELETE", f"teams({team['teamid']})") == (400, "0x80048307")
    assert admin.send("DELETE", f"businessunits({unit})").status_code == 204
    assert admin.get(f"roles?$filter=_businessunitid_value eq {unit}")["value"] == []


def test_nested_rows_are_created_atomically_with_their_parent(api: Api) -> None:
    body = {
        "name": "A",
        "primarycontactid": {"firstname": "Ada", "lastname": "Lindqvist"},
        "contact_customer_accounts": [{"lastname": "One"}, {"lastname": "Two"}],
    }
    row = api.create("accounts", **body)
    shown = api.get(f"accounts({row})?$expand=primarycontactid($select=fullname)")
    assert shown["primarycontactid"]["fullname"] == "Ada Lindqvist"
    below = api.values(f"accounts({row})/contact_customer_accounts?$select=lastname&$orderby=lastname")
    assert [one["lastname"] for one in below] == ["One", "Two"]
    before = len(api.sandbox.rows("contacts"))
    body["contact_customer_accounts"] = [{"lastname": "Three"}, {"lastname": 5}]
    assert api.refusal("POST", "accounts", json=body) == (400, "0x80048d19")
    assert len(api.sandbox.rows("contacts")) == before
    assert len(api.sandbox.rows("accounts")) == 1
    # Changing nested rows along with a row is nothing the service does.
    nested = {"primarycontactid": {"lastname": "nested"}}
    assert api.refusal("PATCH", f"accounts({row})", json=nested) == (501, "0x80060888")


def test_row_is_added_to_and_removed_from_a_collection_by_reference(api: Api) -> None:
    row = api.create("accounts", name="A")
    person = api.create("contacts", lastname="x")
    path = f"accounts({row})/contact_customer_accounts"
    reference = {"@odata.id": f"{api.base}contacts({person})"}
    assert api.send("POST", f"{path}/$ref", json=reference).status_code == 204
    assert api.get(f"contacts({person})")["_parentcustomerid_value"] == row
    assert counted(api.send("GET", f"{path}/$count")) == 1
    assert api.send("DELETE", f"{path}({person})/$ref").status_code == 204
    assert api.get(f"contacts({person})")["_parentcustomerid_value"] is None
    assert api.refusal("DELETE", f"{path}({person})/$ref") == (404, "0x80040217")
