"""Where the service is less kind than one would think: each fact of the sheet on rows, dates, choices and the wire."""

import base64
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Api, ask_token, plain_session

ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"


def target(table: str = "account", **values: Any) -> dict[str, Any]:
    return {"@odata.type": f"Microsoft.Dynamics.CRM.{table}", **values}


def bulk(api: Api, action: str, *targets: dict[str, Any], entity_set: str = "accounts") -> requests.Response:
    path = f"{entity_set}/Microsoft.Dynamics.CRM.{action}"
    return api.send("POST", path, json={"Targets": list(targets)})


def change_column(api: Api, table: str, column: str, **change: Any) -> Any:
    return api.sandbox.control("POST", "columns", {"table": table, "column": column, **change})


# -- rows ---------------------------------------------------------------------------------------------------------


def test_loser_of_a_merge_is_inactive_names_the_winner_and_comes_as_a_change(api: Api) -> None:
    winner, loser = api.create("accounts", name="w"), api.create("accounts", name="l", fax="1")
    tracked = api.get("accounts?$select=name", Prefer="odata.track-changes")
    body = {
        "Target": target(accountid=winner), "Subordinate": target(accountid=loser),
        "UpdateContent": target(fax="1"), "PerformParentingChecks": False,
    }  # fmt: skip
    assert api.send("POST", "Merge", json=body).status_code == 204
    found = api.get(f"accounts({loser})?$select=merged,_masterid_value,statecode")
    assert (found["merged"], found["_masterid_value"], found["statecode"]) == (True, winner, 1)
    assert api.get(f"accounts({winner})?$select=fax")["fax"] == "1"
    assert {one["accountid"] for one in api.values(tracked["@odata.deltaLink"])} == {winner, loser}
    assert api.refusal("POST", "Merge", json={**body, "Target": target("lead", leadid=ONE)})[0] == 501
    assert api.refusal("POST", "Merge", json={**body, "Subordinate": target(accountid=ONE)})[0] == 404


def test_inactive_rows_refuse_changes_where_the_environment_is_so(api: Api) -> None:
    row = api.create("accounts", name="x")
    assert api.send("PATCH", f"accounts({row})", json={"statecode": 1, "statuscode": 2}).status_code == 204
    assert api.send("PATCH", f"accounts({row})", json={"name": "y"}).status_code == 204
    api.sandbox.control("PUT", "behavior", {"inactive_refuses": True})
    assert api.refusal("PATCH", f"accounts({row})", json={"name": "z"}) == (400, "0x80040230")
    assert api.send("PATCH", f"accounts({row})", json={"statecode": 0, "statuscode": 1}).status_code == 204


def test_money_comes_with_its_currency(api: Api) -> None:
    row = api.create("accounts", name="x", revenue=5)
    found = api.get(f"accounts({row})?$select=revenue", Prefer='odata.include-annotations="*"')
    assert found["_transactioncurrencyid_value@OData.Community.Display.V1.FormattedValue"] == "US Dollar"
    assert api.values("accounts?$select=revenue")[0]["_transactioncurrencyid_value"]
    assert "_transactioncurrencyid_value" not in api.values("accounts?$select=name")[0]


def test_rows_gone_are_named_together_by_update_multiple(api: Api) -> None:
    error = bulk(api, "UpdateMultiple", target(accountid=ONE), target(accountid=TWO)).json()["error"]
    assert error == {"code": "0x80040217", "message": f"Account With Ids = {ONE}, {TWO} Do Not Exist"}
    assert bulk(api, "UpdateMultiple", target(accountid=ONE)).status_code == 404


def test_upsert_multiple_with_the_keys_columns_in_the_body_is_refused(api: Api, admin: Api) -> None:
    key = {
        "SchemaName": "tandem_number",
        "KeyAttributes": ["accountnumber"],
        "DisplayName": {"LocalizedLabels": [{"Label": "Number", "LanguageCode": 1033}]},
    }
    assert admin.send("POST", "EntityDefinitions(LogicalName='account')/Keys", json=key).status_code == 204
    api.sandbox.control("PUT", "clock", {"offset_s": 5})
    named = {"@odata.id": "accounts(accountnumber='7')"}
    refused = bulk(api, "UpsertMultiple", target(**named, accountnumber="7", name="x"))
    assert (refused.status_code, refused.json()["error"]["message"]) == (500, "An unexpected error occurred.")
    assert bulk(api, "UpsertMultiple", target(**named, name="x")).status_code == 204
    assert [one["accountnumber"] for one in api.sandbox.rows("accounts", "accountnumber")] == ["7"]


def test_secured_column_reads_as_null_and_refuses_to_be_written(api: Api, admin: Api) -> None:
    row = admin.create("accounts", name="x", fax="1")
    change_column(api, "account", "fax", secured=True)
    assert api.get(f"accounts({row})?$select=fax")["fax"] is None
    assert api.values("accounts?$select=fax", Prefer='odata.include-annotations="*"')[0]["fax"] is None
    assert admin.get(f"accounts({row})?$select=fax")["fax"] == "1"
    answer = api.send("PATCH", f"accounts({row})", json={"fax": "2"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "0x8004F507")
    message = answer.json()["error"]["message"]
    assert "does not have Update permissions for the fax attribute in the account entity" in message
    assert message.endswith(f"The accountid of the record is {row}")
    assert api.refusal("POST", "accounts", json={"name": "y", "fax": "2"}) == (403, "0x8004f502")
    shown = api.get("EntityDefinitions(LogicalName='account')/Attributes(LogicalName='fax')?$select=IsSecured")
    assert shown["IsSecured"] is True


# -- metadata -----------------------------------------------------------------------------------------------------

DATES = [
    ("UserLocal", "DateAndTime", "2024-03-30T23:00:00Z", "2024-03-30T23:00:00Z"),
    ("UserLocal", "DateOnly", "2024-03-30T23:00:00Z", "2024-03-30T23:00:00Z"),
    ("TimeZoneIndependent", "DateAndTime", "2024-03-30T23:00:00Z", "2024-03-30T23:00:00Z"),
    ("TimeZoneIndependent", "DateOnly", "2024-03-30T00:00:00Z", "2024-03-30T00:00:00Z"),
    ("DateOnly", "DateOnly", "2024-03-30", "2024-03-30"),
]


def test_dates_have_a_behavior_and_a_format_of_their_own(api: Api) -> None:
    cast = "Microsoft.Dynamics.CRM.DateTimeAttributeMetadata?$select=LogicalName,Format,DateTimeBehavior"
    path = f"EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='birthdate')/{cast}"
    for behavior, shown, sent, kept in DATES:
        change_column(api, "contact", "birthdate", behavior=behavior, format=shown)
        found = api.get(path)
        assert (found["DateTimeBehavior"]["Value"], found["Format"]) == (behavior, shown)
        row = api.create("contacts", lastname="x", birthdate=sent)
        assert api.get(f"contacts({row})?$select=birthdate")["birthdate"] == kept, behavior
    with pytest.raises(requests.HTTPError, match="has the format DateOnly"):
        change_column(api, "contact", "birthdate", behavior="DateOnly", format="DateAndTime")


def test_calculated_rollup_and_formula_columns_take_no_values(api: Api) -> None:
    path = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='fax')?$select=SourceType,IsValidForUpdate"
    for kind in (1, 2, 3):
        change_column(api, "account", "fax", source_type=kind)
        found = api.get(path)
        assert (found["SourceType"], found["IsValidForUpdate"]) == (kind, False)
        row = api.create("accounts", name="x", fax="1")
        assert api.get(f"accounts({row})?$select=fax")["fax"] is None
    with pytest.raises(requests.HTTPError, match="A source type is"):
        change_column(api, "account", "fax", source_type=4)


def test_options_of_a_global_choice_may_stand_in_one_of_two_places(api: Api, admin: Api) -> None:
    labels = {"LocalizedLabels": [{"Label": "Kind", "LanguageCode": 1033}]}
    choice = {
        "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "Name": "new_kind", "IsGlobal": True,
        "OptionSetType": "Picklist", "DisplayName": labels, "Options": [{"Value": 1, "Label": labels}],
    }  # fmt: skip
    made = admin.send("POST", "GlobalOptionSetDefinitions", json=choice)
    set_id = made.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")
    column = {
        "@odata.type": "Microsoft.Dynamics.CRM.PicklistAttributeMetadata", "SchemaName": "new_Kind",
        "DisplayName": labels, "GlobalOptionSet@odata.bind": f"/GlobalOptionSetDefinitions({set_id})",
    }  # fmt: skip
    assert admin.send("POST", "EntityDefinitions(LogicalName='account')/Attributes", json=column).status_code == 204
    path = (
        "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='new_kind')/"
        "Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet,GlobalOptionSet"
    )
    found = api.get(path)
    assert found["OptionSet"] is None
    assert [one["Value"] for one in found["GlobalOptionSet"]["Options"]] == [1]
    api.sandbox.control("PUT", "behavior", {"null_options": False})
    assert [one["Value"] for one in api.get(path)["OptionSet"]["Options"]] == [1]
    own = path.replace("new_kind", "paymenttermscode")
    assert api.get(own)["GlobalOptionSet"] is None


def test_virtual_table_has_no_tracking_and_no_bulk_messages(api: Api) -> None:
    api.sandbox.control("POST", "tables", {"table": "account", "type": "Virtual"})
    found = api.get("EntityDefinitions(LogicalName='account')?$select=TableType,DataProviderId,ChangeTrackingEnabled")
    assert (found["TableType"], found["ChangeTrackingEnabled"]) == ("Virtual", False)
    assert found["DataProviderId"]
    assert api.refusal("GET", "accounts", headers={"Prefer": "odata.track-changes"}) == (400, "0x80072491")
    assert bulk(api, "CreateMultiple", target(name="x")).status_code == 400
    api.sandbox.control("POST", "tables", {"table": "account", "type": "Elastic"})
    assert api.get("EntityDefinitions(LogicalName='account')?$select=TableType")["TableType"] == "Elastic"
    with pytest.raises(requests.HTTPError, match="A table is one of"):
        api.sandbox.control("POST", "tables", {"table": "account", "type": "Fast"})


def test_messages_of_a_table_can_be_asked_for(api: Api) -> None:
    api.sandbox.control("POST", "tables", {"table": "contact", "type": "Virtual"})
    start = "sdkmessagefilters?$select=sdkmessagefilterid&$filter="
    asked = [("account", "CreateMultiple", 1), ("contact", "CreateMultiple", 0), ("contact", "Update", 1)]
    for table, message, count in (*asked, ("nope", "Update", 0)):
        query = f"{start}sdkmessageid/name eq '{message}' and primaryobjecttypecode eq '{table}'"
        assert len(api.get(query)["value"]) == count, (table, message)
    alias = f"{start}sdkmessageid/name eq @message and primaryobjecttypecode eq @entity"
    assert len(api.get(f"{alias}&@message='UpdateMultiple'&@entity='account'")["value"]) == 1
    of_contact = f"{start}primaryobjecttypecode eq 'contact'"
    assert len(api.get(of_contact)["value"]) == 6


def test_delta_link_dates_from_the_first_page_or_from_the_last(api: Api) -> None:
    for origin, seen in (("first", ["between"]), ("last", [])):
        api.sandbox.reset()
        api.sandbox.control("PUT", "behavior", {"delta_link_from": origin})
        for number in range(3):
            api.create("accounts", name=str(number))
        headers = {"Prefer": "odata.track-changes,odata.maxpagesize=2"}
        first = api.get("accounts?$select=name", **headers)
        changed = first["value"][0]["accountid"]
        assert api.send("PATCH", f"accounts({changed})", json={"name": "between"}).status_code == 204
        last = api.get(first["@odata.nextLink"], **headers)
        assert [one["name"] for one in api.values(last["@odata.deltaLink"])] == seen, origin


# -- wire and sign-in ---------------------------------------------------------------------------------------------


def test_answers_carry_a_cookie_and_counts_a_byte_order_mark(api: Api) -> None:
    api.create("accounts", name="x")
    answer = api.send("GET", "accounts/$count")
    assert answer.content == b"\xef\xbb\xbf1"
    assert answer.headers["Set-Cookie"].startswith("ARRAffinity=")


def test_answers_are_compressed_where_the_environment_does_so(api: Api) -> None:
    assert "Content-Encoding" not in api.send("GET", "WhoAmI").headers
    api.sandbox.control("PUT", "behavior", {"gzip": True})
    answer = api.send("GET", "WhoAmI")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["UserId"]
    plain = api.send("GET", "WhoAmI", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


def test_client_authenticates_by_header_as_well(api: Api) -> None:
    sandbox, session = api.sandbox, plain_session(api.sandbox)

    def ask(client_id: str, secret: str, **more: str) -> requests.Response:
        header = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        form = {"grant_type": "client_credentials", "scope": f"{sandbox.environment_url}/.default", **more}
        address = f"{sandbox.authority}/oauth2/v2.0/token"
        return session.post(address, data=form, headers={"Authorization": f"Basic {header}"}, timeout=30)

    assert ask(sandbox.client_id, sandbox.client_secret).json()["access_token"]
    assert ask(sandbox.client_id, "wrong").json()["error_codes"] == [7000215]
    assert ask(sandbox.client_id, sandbox.client_secret, client_secret="x").status_code == 400


def test_endpoint_that_the_challenge_names_takes_a_resource(api: Api) -> None:
    sandbox, session = api.sandbox, plain_session(api.sandbox)
    challenge = session.get(f"{sandbox.environment_url}/api/data/v9.2/WhoAmI", timeout=30).headers["WWW-Authenticate"]
    authorize = challenge.partition("authorization_uri=")[2].partition(",")[0]
    form = {
        "grant_type": "client_credentials", "client_id": sandbox.client_id, "client_secret": sandbox.client_secret,
        "resource": sandbox.environment_url,
    }  # fmt: skip
    token = session.post(authorize.replace("/authorize", "/token"), data=form, timeout=30).json()["access_token"]
    who = session.get(
        f"{sandbox.environment_url}/api/data/v9.2/WhoAmI", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert who.status_code == 200
    asked = {"client_id": sandbox.client_id, "response_type": "code", "redirect_uri": "http://localhost/back"}
    asked |= {"code_challenge": "x" * 43, "code_challenge_method": "S256", "resource": sandbox.environment_url}
    page = session.get(authorize, params=asked, allow_redirects=False, timeout=30)
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.status_code == 200
    assert 'name="username"' in page.text
    assert ask_token(sandbox, session, resource=sandbox.environment_url).json()["error_codes"] == [901002]
