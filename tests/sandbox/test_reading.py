"""Queries, pages, single rows, annotations."""

from itertools import pairwise
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest

from tests.sandbox.conftest import Api, counted

FIRST = "00000000-0000-4000-8000-000000000001"


def account_ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["accountid"] for row in rows]


def test_row_always_has_its_id_and_version(api: Api) -> None:
    api.sandbox.load({"accounts": [{"accountid": FIRST, "name": "Adatum"}]})
    page = api.get("accounts?$select=telephone1")
    row = page["value"][0]
    assert set(row) == {"@odata.etag", "telephone1", "accountid"}
    assert row["accountid"] == FIRST
    assert row["telephone1"] is None
    assert page["@odata.context"] == f"{api.base}$metadata#accounts(telephone1)"
    whole = api.get(f"accounts({FIRST})")
    assert whole["@odata.context"].endswith("$metadata#accounts/$entity")
    assert (whole["statecode"], whole["statuscode"], whole["customertypecode"]) == (0, 1, None)
    assert whole["donotphone"] is False


def test_next_links_lead_through_all_rows_once(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": f"Company {number:04}"} for number in range(2503)]})
    headers = {"Prefer": "odata.maxpagesize=1000"}
    first = api.get("accounts?$select=name", **headers)
    assert len(first["value"]) == 1000
    assert first["@odata.nextLink"].startswith(api.base)
    assert "$skiptoken=" in first["@odata.nextLink"]
    rows = api.values("accounts?$select=name", **headers)
    assert len(set(account_ids(rows))) == len(rows) == 2503


def test_a_page_holds_5000_rows_at_most(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": str(number)} for number in range(5001)]})
    assert len(api.get("accounts?$select=name", Prefer="odata.maxpagesize=9000")["value"]) == 5000
    page = api.get("accounts?$select=name&$count=true")
    assert (len(page["value"]), page["@odata.count"]) == (5000, 5000)
    assert counted(api.send("GET", "accounts/$count")) == 5000


@pytest.mark.parametrize("order", ["", "&$orderby=name desc", "&$orderby=address1_city asc,name desc"])
def test_paging_survives_created_changed_and_deleted_rows(api: Api, order: str) -> None:
    rows = [{"name": f"Company {number:03}", "address1_city": f"City {number % 7}"} for number in range(90)]
    api.sandbox.load({"accounts": rows})
    before = {row["accountid"] for row in api.sandbox.rows("accounts")}
    page = api.get(f"accounts?$select=name{order}", Prefer="odata.maxpagesize=20")
    seen = account_ids(page["value"])
    api.send("DELETE", f"accounts({seen[0]})")
    api.send("PATCH", f"accounts({seen[1]})", json={"telephone1": "changed"})
    api.create("accounts", name="Company 0000 new")
    while link := page.get("@odata.nextLink"):
        page = api.get(link, Prefer="odata.maxpagesize=20")
        seen += account_ids(page["value"])
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_rows_are_ordered_with_nulls_first(api: Api) -> None:
    cities = ["Bern", None, "aarau", "Chur", "Bern"]
    api.sandbox.load({"accounts": [{"name": str(n), "address1_city": city} for n, city in enumerate(cities)]})
    rows = api.values(
        "accounts?$select=address1_city,name&$orderby=address1_city,name desc", Prefer="odata.maxpagesize=2"
    )
    assert [(row["address1_city"], row["name"]) for row in rows] == [
        (None, "1"),
        ("aarau", "2"),
        ("Bern", "4"),
        ("Bern", "0"),
        ("Chur", "3"),
    ]


def test_top_limits_the_rows_and_is_ignored_with_a_page_size(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": str(number)} for number in range(10)]})
    page = api.get("accounts?$select=name&$top=3")
    assert (len(page["value"]), "@odata.nextLink" in page) == (3, False)
    page = api.get("accounts?$select=name&$top=3", Prefer="odata.maxpagesize=4")
    assert (len(page["value"]), "@odata.nextLink" in page) == (4, True)
    assert api.get("accounts?$top=0")["value"] == []


def test_top_beyond_one_page_ends_at_its_number_of_rows(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": str(number)} for number in range(5020)]})
    assert len(api.values("accounts?$select=name&$top=5010")) == 5010


FILTERS = [
    ("name eq 'ADATUM'", {"a"}),
    ("name ne 'adatum'", {"b", "c", "d"}),
    ("address1_city ne 'Bern'", {"b", "c", "d"}),
    ("address1_city eq null", {"c", "d"}),
    ("null ne address1_city", {"a", "b"}),
    ("contains(name,'o''b')", {"b"}),
    ("not contains(name,'o''b')", {"a", "c", "d"}),
    ("startswith(name,'c%t')", {"c"}),
    ("endswith(name,'[l-n]')", {"a"}),
    ("startswith(name,'_d')", {"a"}),
    ("contains(name,'[^a-z]b')", {"b"}),
    ("creditlimit gt 100", {"b"}),
    ("creditlimit ge 100.00 and creditlimit lt 1e3", {"a"}),
    ("100 lt creditlimit", {"b"}),
    ("customertypecode eq 3 or customertypecode eq 11", {"a", "b", "c"}),
    ("(customertypecode eq 3 or name eq 'x') and statecode eq 0", {"a", "c"}),
    ("not (statecode eq 0)", {"d"}),
    ("donotphone", {"d"}),
    ("donotphone eq false", {"a", "b", "c"}),
    ("primarycontactid/fullname eq 'Ada Lind'", {"a"}),
    ("primarycontactid/fullname eq null", {"b", "c", "d"}),
    ("_primarycontactid_value ne null", {"a"}),
    ("createdon gt 2020-01-01T00:00:00Z", {"a", "b", "c", "d"}),
    ("createdon lt 2020-01-01", set()),
    ("telephone1 eq fax", {"a", "c", "d"}),
    ('Microsoft.Dynamics.CRM.In(PropertyName=\'name\',PropertyValues=["adatum","Contoso, Ltd"])', {"a", "c"}),
    ("Microsoft.Dynamics.CRM.In(PropertyName='customertypecode',PropertyValues=['11','99'])", {"b"}),
    ("Microsoft.Dynamics.CRM.NotIn(PropertyName='customertypecode',PropertyValues=[\"3\"])", {"b", "d"}),
    ('Microsoft.Dynamics.CRM.Between(PropertyName=\'creditlimit\',PropertyValues=["50","150"])', {"a"}),
    ("Microsoft.Dynamics.CRM.Today(PropertyName='createdon')", {"a", "b", "c", "d"}),
    ("Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=2)", {"a", "b", "c", "d"}),
    ("Microsoft.Dynamics.CRM.OlderThanXYears(PropertyName='createdon',PropertyValue=1)", set()),
]


@pytest.fixture
def four_accounts(api: Api) -> Api:
    contact = "00000000-0000-4000-8000-0000000000c1"
    rows = [
        {"name": "Adatum", "address1_city": "Bern", "creditlimit": 100, "customertypecode": 3},
        {"name": "Blo'b 2b", "address1_city": "Chur", "creditlimit": 2500.5, "customertypecode": 11, "fax": "7"},
        {"name": "Contoso, Ltd", "customertypecode": 3},
        {"name": "Delta", "statecode": 1, "donotphone": True},
    ]
    rows[0]["primarycontactid@odata.bind"] = f"/contacts({contact})"
    for number, row in enumerate(rows):
        row["accountnumber"] = "abcd"[number]
    api.sandbox.load({"contacts": [{"contactid": contact, "firstname": "Ada", "lastname": "Lind"}], "accounts": rows})
    return api


@pytest.mark.parametrize(("text", "expected"), FILTERS)
def test_filter_returns_the_matching_rows(four_accounts: Api, text: str, expected: set[str]) -> None:
    rows = four_accounts.send("GET", "accounts", params={"$select": "accountnumber", "$filter": text})
    assert rows.status_code == 200, rows.text
    assert {row["accountnumber"] for row in rows.json()["value"]} == expected
    answer = four_accounts.send("GET", "accounts/$count", params={"$filter": text})
    assert counted(answer) == len(expected)


REFUSED = [
    ("$filter=nope eq 1", "0x80060888"),
    ("$filter=_accountid_value eq null", "0x80060888"),
    ("$filter=name eq 1", "0x80060888"),
    ("$filter=statecode eq '0'", "0x80060888"),
    ("$filter=tolower(name) eq 'a'", "0x80060888"),
    ("$filter=name in ('a','b')", "0x80060888"),
    ("$filter=creditlimit add 1 eq 2", "0x80060888"),
    ("$filter=name eq 'unterminated", "0x80060888"),
    ("$filter=name EQ 'a'", "0x80060888"),
    ("$filter=(name eq 'a'", "0x80060888"),
    ("$filter=", "0x80060888"),
    ("$filter=donotphone gt false", "0x80060888"),
    ("$filter=contains(statecode,'1')", "0x80060888"),
    ("$select=nope", "0x80060888"),
    ("$select=ownerid", "0x80060888"),
    ("$orderby=nope", "0x80060888"),
    ("$orderby=name downwards", "0x80060888"),
    ("$expand=nope", "0x80060888"),
    ("$expand=primarycontactid($filter=lastname eq 'x')", "0x80060888"),
    ("$top=-1", "0x80060888"),
    ("$top=many", "0x80060888"),
    ("$count=maybe", "0x80060888"),
    ("$skip=5", "0x80060888"),
    ("$search=x", "0x80060888"),
    ("$format=json", "0x80060888"),
    ("$nonsense=1", "0x80060888"),
    ("$select=name&$select=fax", "0x80060888"),
    ("$skiptoken=broken", "0x80060888"),
    ("$filter=Microsoft.Dynamics.CRM.In(PropertyName='name')", "0x80060888"),
]


@pytest.mark.parametrize(("query", "code"), REFUSED)
def test_query_that_the_service_refuses_is_refused(four_accounts: Api, query: str, code: str) -> None:
    assert four_accounts.refusal("GET", f"accounts?{query}") == (400, code)


UNCOVERED = [
    "accounts?fetchXml=<fetch/>",
    "accounts?savedQuery=00000000-0000-0000-0000-000000000001",
    "accounts?sql=select 1",
    "accounts?$apply=concat(aggregate($count as n),aggregate($count as m))",
    "accounts?$filter=Microsoft.Dynamics.CRM.EqualUserLanguage(PropertyName='name')",
    "leads",
]


@pytest.mark.parametrize("path", UNCOVERED)
def test_feature_that_the_sandbox_lacks_is_answered_with_501(api: Api, path: str) -> None:
    answer = api.send("GET", path)
    assert answer.status_code == 501
    assert "does not cover" in answer.json()["error"]["message"]


def test_an_unknown_column_is_named(api: Api) -> None:
    message = api.send("GET", "accounts?$select=nope").json()["error"]["message"]
    assert message == "Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.account'."


def test_option_names_and_spaces_may_be_encoded_as_other_clients_do(four_accounts: Api) -> None:
    rows = four_accounts.get("accounts?%24select=name%2Cfax&%24filter=name+eq+%27Adatum%27")["value"]
    assert [row["name"] for row in rows] == ["Adatum"]


def test_parameter_alias_is_replaced_by_its_value(four_accounts: Api) -> None:
    rows = four_accounts.get("accounts?$select=name&$filter=name eq @who&@who='Delta'")["value"]
    assert [row["name"] for row in rows] == ["Delta"]


def test_annotations_give_formatted_values(four_accounts: Api) -> None:
    row = four_accounts.get(
        "accounts?$select=name,customertypecode,creditlimit,_primarycontactid_value,_ownerid_value,createdon,donotphone"
        "&$filter=name eq 'Adatum'",
        Prefer='odata.include-annotations="*"',
    )["value"][0]
    text = "@OData.Community.Display.V1.FormattedValue"
    assert row[f"customertypecode{text}"] == "Customer"
    assert row[f"creditlimit{text}"] == "$100.00"
    assert row[f"_primarycontactid_value{text}"] == "Ada Lind"
    assert row["_primarycontactid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "contact"
    assert row["_primarycontactid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "primarycontactid"
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "systemuser"
    assert row[f"donotphone{text}"] == "Allow"
    only = four_accounts.get("accounts?$select=customertypecode", Prefer="odata.include-annotations=OData.Community.*")[
        "value"
    ][0]
    assert f"customertypecode{text}" in only


def test_expand_returns_the_row_of_a_lookup(four_accounts: Api) -> None:
    query = "accounts?$select=name&$expand=primarycontactid($select=fullname),ownerid&$orderby=name"
    rows = four_accounts.get(query)["value"]
    assert rows[0]["primarycontactid"]["fullname"] == "Ada Lind"
    assert rows[1]["primarycontactid"] is None
    assert rows[0]["ownerid"]["systemuserid"]


def test_known_version_is_answered_with_304(four_accounts: Api) -> None:
    row = four_accounts.get("accounts?$select=name&$top=1")["value"][0]
    path = f"accounts({row['accountid']})?$select=name"
    assert four_accounts.send("GET", path, headers={"If-None-Match": row["@odata.etag"]}).status_code == 304
    assert four_accounts.send("GET", path, headers={"If-None-Match": "null"}).status_code == 200
    annotated = {"If-None-Match": row["@odata.etag"], "Prefer": 'odata.include-annotations="*"'}
    assert four_accounts.send("GET", path, headers=annotated).status_code == 200


def test_one_property_and_one_reference_can_be_read(four_accounts: Api) -> None:
    row = four_accounts.get("accounts?$select=name,_primarycontactid_value&$filter=name eq 'Adatum'")["value"][0]
    path = f"accounts({row['accountid']})"
    assert four_accounts.get(f"{path}/name")["value"] == "Adatum"
    assert four_accounts.send("GET", f"{path}/name/$value").text == "Adatum"
    assert four_accounts.send("GET", f"{path}/fax").status_code == 204
    assert four_accounts.get(f"{path}/primarycontactid?$select=lastname")["lastname"] == "Lind"
    reference = four_accounts.get(f"{path}/primarycontactid/$ref")["@odata.id"]
    assert reference == f"{four_accounts.base}contacts({row['_primarycontactid_value']})"


MISSING = [
    ("accounts(00000000-0000-4000-8000-00000000dead)", 404, "0x80040217"),
    ("accounts(accountnumber='a')", 400, "0x80060888"),
    ("accounts(not-a-guid)", 400, "0x80060888"),
    ("systemusers(systemuserid=00000000-0000-4000-8000-000000000001)", 400, "0x80060888"),
    ("new_foos", 404, "0x8006088a"),
    ("accounts/new_nope", 404, "0x8006088a"),
    ("accounts(", 400, "0x80060888"),
]


@pytest.mark.parametrize(("path", "status", "code"), MISSING)
def test_unknown_path_is_refused(api: Api, path: str, status: int, code: str) -> None:
    assert api.refusal("GET", path) == (status, code)


def test_functions_about_the_environment(api: Api) -> None:
    who = api.get("WhoAmI()")
    assert set(who) == {"@odata.context", "BusinessUnitId", "UserId", "OrganizationId"}
    assert api.get("RetrieveVersion()")["Version"].startswith("9.2.")
    detail = api.get("RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')")[
        "Detail"
    ]
    assert detail["OrganizationId"] == who["OrganizationId"]
    assert api.get("RetrieveProvisionedLanguages")["RetrieveProvisionedLanguages"] == [1033]
    api.sandbox.load({"accounts": [{"name": "x"}]})
    counts = api.get("RetrieveTotalRecordCount(EntityNames=['account','contact'])")["EntityRecordCountCollection"]
    assert (counts["Keys"], counts["Values"]) == (["account", "contact"], [1, 0])
    assert {"name": "accounts", "kind": "EntitySet", "url": "accounts"} in api.get("")["value"]


def test_versions_only_grow(api: Api) -> None:
    versions = []
    row = api.create("accounts", name="a")
    for name in "bcd":
        api.send("PATCH", f"accounts({row})", json={"name": name})
        versions.append(int(api.get(f"accounts({row})?$select=versionnumber")["versionnumber"]))
    assert all(one < two for one, two in pairwise(versions))


def test_schema_document_lists_tables_properties_and_navigation(api: Api) -> None:
    answer = api.send("GET", "$metadata")
    assert answer.headers["Content-Type"].startswith("application/xml")
    edm = "{http://docs.oasis-open.org/odata/ns/edm}"
    root = ElementTree.fromstring(answer.content)
    types = {one.get("Name"): one for one in root.iter(f"{edm}EntityType")}
    account = types["account"]
    properties = {one.get("Name"): one.get("Type") for one in account.iter(f"{edm}Property")}
    assert (properties["name"], properties["creditlimit"]) == ("Edm.String", "Edm.Decimal")
    assert properties["_primarycontactid_value"] == "Edm.Guid"
    ways = {one.get("Name"): one.get("Type") for one in account.iter(f"{edm}NavigationProperty")}
    assert ways["primarycontactid"] == "mscrm.contact"
    assert ways["contact_customer_accounts"] == "Collection(mscrm.contact)"
    sets = {one.get("Name"): one.get("EntityType") for one in root.iter(f"{edm}EntitySet")}
    assert sets["accounts"] == "Microsoft.Dynamics.CRM.account"
    documented = {one["name"] for one in api.get("")["value"]}
    assert documented == set(sets)


@pytest.mark.parametrize(
    ("apply", "expected"),
    [
        ("aggregate($count as n)", [{"n": 4}]),
        ("aggregate(numberofemployees with sum as s,numberofemployees with max as m)", [{"s": 60, "m": 30}]),
        ("aggregate(creditlimit with average as a)", [{"a": 20}]),
        ("filter(numberofemployees gt 10)/aggregate(numberofemployees with min as m)", [{"m": 20}]),
        ("groupby((industrycode))", [{"industrycode": 1}, {"industrycode": 2}, {"industrycode": None}]),
        (
            "groupby((industrycode),aggregate(numberofemployees with sum as s,$count as n))",
            [{"industrycode": 1, "s": 30, "n": 2}, {"industrycode": 2, "s": 30, "n": 1},
             {"industrycode": None, "s": None, "n": 1}],
        ),
        ("filter(name eq 'nobody')/groupby((industrycode),aggregate($count as n))", []),
        ("filter(name eq 'nobody')/aggregate($count as n,creditlimit with sum as s)", [{"n": 0, "s": None}]),
        ("aggregate(industrycode with countdistinct as d)", [{"d": 2}]),
    ],
)  # fmt: skip
def test_rows_are_aggregated_and_grouped(api: Api, apply: str, expected: list[dict[str, Any]]) -> None:
    values = [("A", 10, 1), ("B", 20, 1), ("C", 30, 2), ("D", None, None)]
    rows = [{"name": n, "numberofemployees": e, "creditlimit": e, "industrycode": i} for n, e, i in values]
    api.sandbox.load({"accounts": rows})
    assert api.get(f"accounts?$apply={apply}")["value"] == expected


@pytest.mark.parametrize(
    "apply",
    [
        "", "nonsense", "aggregate()", "aggregate(name)", "aggregate(name with sum as s)", "groupby(name)",
        "aggregate(nosuch with sum as s)", "aggregate(creditlimit with median as s)", "groupby((nosuch))",
        "filter(name eq 'x')", "aggregate($count as n,$count as n)", "groupby((name),filter(name eq 'x'))",
    ],
)  # fmt: skip
def test_invalid_aggregation_is_refused(api: Api, apply: str) -> None:
    assert api.refusal("GET", f"accounts?$apply={apply}") == (400, "0x80060888")


def test_aggregation_over_too_many_rows_is_refused(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": "x"} for _ in range(50_001)]})
    assert api.refusal("GET", "accounts?$apply=aggregate($count as n)") == (400, "0x8004e023")


@pytest.fixture
def account_family(api: Api) -> Api:
    """Load a grandparent, a parent with two children, and contacts of all."""
    ids = {name: str(UUID(int=n + 1)) for n, name in enumerate(("Grand", "Parent", "One", "Two"))}
    up = {"Parent": "Grand", "One": "Parent", "Two": "Parent"}
    api.sandbox.load(
        {
            "accounts": [
                {"accountid": row_id, "name": name, "parentaccountid": ids[up[name]] if name in up else None,
                 "createdon": f"202{n}-0{n * 2 + 1}-15T00:00:00Z"}
                for n, (name, row_id) in enumerate(ids.items())
            ],
            "contacts": [
                {"lastname": f"{name} {n}", "parentcustomerid_account@odata.bind": f"/accounts({ids[name]})"}
                for name in ("Grand", "One")
                for n in range(3)
            ],
        }
    )  # fmt: skip
    return api


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("contact_customer_accounts/any()", {"Grand", "One"}),
        ("contact_customer_accounts/any(c:c/lastname eq 'One 1')", {"One"}),
        ("contact_customer_accounts/all(c:startswith(c/lastname,'One'))", {"Parent", "One", "Two"}),
        ("account_parent_account/any(a:a/name eq 'Two')", {"Parent"}),
        ("not contact_customer_accounts/any()", {"Parent", "Two"}),
        ("Microsoft.Dynamics.CRM.Under(PropertyName='accountid',PropertyValue='{Grand}')", {"Parent", "One", "Two"}),
        ("Microsoft.Dynamics.CRM.UnderOrEqual(PropertyName='accountid',PropertyValue='{Parent}')",
         {"Parent", "One", "Two"}),
        ("Microsoft.Dynamics.CRM.Above(PropertyName='accountid',PropertyValue='{One}')", {"Grand", "Parent"}),
        ("Microsoft.Dynamics.CRM.AboveOrEqual(PropertyName='accountid',PropertyValue='{Parent}')", {"Grand", "Parent"}),
        ("Microsoft.Dynamics.CRM.NotUnder(PropertyName='accountid',PropertyValue='{Parent}')", {"Grand", "Parent"}),
        ("Microsoft.Dynamics.CRM.InFiscalYear(PropertyName='createdon',PropertyValue=2021)", {"Parent"}),
        ("Microsoft.Dynamics.CRM.InFiscalPeriod(PropertyName='createdon',PropertyValue=1)", {"Grand", "Parent"}),
        ("Microsoft.Dynamics.CRM.InFiscalPeriodAndYear(PropertyName='createdon',PropertyValue1=2,PropertyValue2=2022)",
         {"One"}),
        ("Microsoft.Dynamics.CRM.InOrBeforeFiscalPeriodAndYear(PropertyName='createdon',PropertyValue1=1,"
         "PropertyValue2=2021)", {"Grand", "Parent"}),
        ("Microsoft.Dynamics.CRM.InOrAfterFiscalPeriodAndYear(PropertyName='createdon',PropertyValue1=2,"
         "PropertyValue2=2022)", {"One", "Two"}),
        ("Microsoft.Dynamics.CRM.EqualUserTeams(PropertyName='ownerid')", set()),
    ],
)  # fmt: skip
def test_filter_covers_collections_hierarchies_and_fiscal_periods(
    account_family: Api, text: str, expected: set[str]
) -> None:
    ids = {name: str(UUID(int=n + 1)) for n, name in enumerate(("Grand", "Parent", "One", "Two"))}
    text = text.replace("'ownerid'", "'_ownerid_value'")
    for name, row_id in ids.items():
        text = text.replace(f"{{{name}}}", row_id)
    assert {row["name"] for row in account_family.values(f"accounts?$select=name&$filter={text}")} == expected


def test_fiscal_periods_follow_the_sandbox_s_clock(account_family: Api) -> None:
    row = account_family.create("accounts", name="Now")
    for name in ("ThisFiscalYear", "ThisFiscalPeriod"):
        text = f"Microsoft.Dynamics.CRM.{name}(PropertyName='createdon')"
        assert [one["accountid"] for one in account_family.values(f"accounts?$filter={text}")] == [row]
    text = "Microsoft.Dynamics.CRM.LastXFiscalYears(PropertyName='createdon',PropertyValue=2)"
    assert row not in {one["accountid"] for one in account_family.values(f"accounts?$filter={text}")}


def test_expanded_collection_is_filtered_ordered_and_limited(account_family: Api) -> None:
    options = "$select=lastname;$filter=lastname ne 'One 1';$orderby=lastname desc;$top=2"
    path = f"accounts?$select=name&$orderby=name&$expand=contact_customer_accounts({options})"
    found = {
        row["name"]: [one["lastname"] for one in row["contact_customer_accounts"]]
        for row in account_family.values(path)
    }
    assert found == {"Grand": ["Grand 2", "Grand 1"], "One": ["One 2", "One 0"], "Parent": [], "Two": []}
    nested = "$expand=contact_customer_accounts($expand=account_primary_contact)"
    assert account_family.refusal("GET", f"accounts?{nested}") == (400, "0x80060888")


def test_rows_are_ordered_through_a_lookup(account_family: Api) -> None:
    path = "accounts?$select=name&$orderby=parentaccountid/name desc,name desc"
    assert [row["name"] for row in account_family.values(path)] == ["Two", "One", "Parent", "Grand"]
    paged = account_family.values(path, Prefer="odata.maxpagesize=1")
    assert [row["name"] for row in paged] == ["Two", "One", "Parent", "Grand"]
