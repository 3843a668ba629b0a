"""Two Python packages drive a sandbox; every step is a line of JSON: {"name", "ok", "error"}.

Run with the packages' folder on the path. Where the sandbox is, and how to sign in, come as JSON on standard input.
"""

import json
import sys
import traceback
from collections.abc import Callable

import requests
from dataverse_api import DataverseClient  # type: ignore[import-not-found]
from dynamics.client import DynamicsClient  # type: ignore[import-not-found]
from dynamics.exceptions import DynamicsException  # type: ignore[import-not-found]

GIVEN = json.load(sys.stdin)
STEPS: list[tuple[str, Callable[[], None]]] = []
FIRST = "00000000-0000-4000-8000-00000000000a"


def step(name: str) -> Callable[[Callable[[], None]], None]:
    """Keep a function as a step of that name."""
    return lambda run: STEPS.append((name, run))


def dataverse_api() -> DataverseClient:
    """Return the client of dataverse-api, which is given a session that is signed in."""
    session = requests.Session()
    session.trust_env = False
    session.verify = GIVEN["ca_file"]
    session.headers["Authorization"] = f"Bearer {GIVEN['token']}"
    return DataverseClient(session=session, environment_url=GIVEN["url"])


def dynamics(token_url: str, resource: str | None) -> DynamicsClient:
    """Return the client of dynamics-client, which signs in by itself, with Basic authentication."""
    return DynamicsClient(
        api_url=f"{GIVEN['url']}/api/data/v9.2/",
        token_url=token_url,
        client_id=GIVEN["client_id"],
        client_secret=GIVEN["client_secret"],
        scope=[f"{GIVEN['url']}/.default"],
        resource=resource,
        cache_token=False,
    )


@step("dataverse-api: what a table is and takes")
def _() -> None:
    entity = dataverse_api().entity("account")
    assert (entity.entity_set_name, entity.primary_id_attr) == ("accounts", "accountid")
    assert entity.supports_create_multiple
    assert entity.supports_update_multiple
    assert entity.relationships.single_valued


@step("dataverse-api: create one by one, together and in a batch")
def _() -> None:
    entity = dataverse_api().entity("account")
    entity.create([{"name": "One", "accountid": FIRST}], mode="individual")
    entity.create([{"name": "Two"}, {"name": "Three"}], mode="multiple")
    entity.create([{"name": "Four"}, {"name": "Five"}], mode="batch")
    assert {row["name"] for row in entity.read(select=["name"])} == {"One", "Two", "Three", "Four", "Five"}


@step("dataverse-api: read with a filter, an order and few columns")
def _() -> None:
    entity = dataverse_api().entity("account")
    rows = entity.read(select=["name"], filter="startswith(name,'T')", order_by="name asc", top=1)
    assert [row["name"] for row in rows] == ["Three"]


@step("dataverse-api: upsert, and delete")
def _() -> None:
    entity = dataverse_api().entity("account")
    entity.upsert([{"accountid": FIRST, "name": "Changed"}], mode="individual")
    assert entity.read(select=["name"], filter=f"accountid eq {FIRST}")[0]["name"] == "Changed"
    entity.delete(mode="individual", ids=[FIRST])
    assert not entity.read(select=["name"], filter=f"accountid eq {FIRST}")


@step("dynamics-client: sign in with Basic authentication, at both token endpoints")
def _() -> None:
    for path, resource in (("oauth2/v2.0/token", None), ("oauth2/token", GIVEN["url"])):
        client = dynamics(f"{GIVEN['authority']}/{path}", resource)
        client.action = "WhoAmI"
        assert client.get().data[0]["UserId"]


@step("dynamics-client: create, read, update and delete")
def _() -> None:
    client = dynamics(f"{GIVEN['authority']}/oauth2/v2.0/token", None)
    client.table = "accounts"
    client.select = ["name", "revenue"]
    made = client.post(data={"name": "Six", "revenue": 10.5}).data
    client.reset_query()
    client.table, client.row_id, client.select = "accounts", made["accountid"], ["name"]
    assert client.get().data[0]["name"] == "Six"
    client.patch(data={"name": "Seven"})
    assert client.get().data[0]["name"] == "Seven"
    client.delete()
    try:
        client.get()
    except DynamicsException as error:
        assert "Does Not Exist" in str(error)
    else:
        raise AssertionError("the row is still there")


@step("dynamics-client: filter, expand, order and count")
def _() -> None:
    client = dynamics(f"{GIVEN['authority']}/oauth2/v2.0/token", None)
    client.table = "accounts"
    client.select, client.filter, client.orderby = ["name"], ["contains(name,'e')"], {"name": "desc"}
    client.expand = {"primarycontactid": {"select": ["fullname"]}}
    client.count = True
    found = client.get()
    assert [row["name"] for row in found.data] == ["Three", "Five"]
    assert found.count == 2


def main() -> None:
    """Run all steps."""
    for name, run in STEPS:
        error = ""
        try:
            run()
        except Exception as failed:
            error = f"{failed!r} {traceback.format_exc()[-600:]}"
        print(json.dumps({"name": name, "ok": not error, "error": error}))


if __name__ == "__main__":
    main()
