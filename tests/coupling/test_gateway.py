"""The door to Dataverse: rows as columns, bulk writes that stand for themselves, lost answers, another organization."""

from uuid import uuid4

import pytest

from connection_setup.connection.state import NotConnected
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from dataverse.errors import Invalid
from dataverse.types import Usage


@pytest.fixture
def gateway(company):
    return Gateway(company, Usage())


def test_it_scans_page_by_page_inside_the_filter(gateway, customer_mapping, accounts):
    wanted = accounts([{"name": f"a{at}", "telephone1": str(at)} for at in range(7)])
    accounts([{"name": "vendor", "customertypecode": 11}])
    pages = list(gateway.scan(customer_mapping, ["telephone1", "transactioncurrencyid"], page_size=3))
    assert [len(page.rows) for page in pages] == [3, 3, 1]
    rows = [row for page in pages for row in page.rows]
    assert {row.id for row in rows} == set(wanted)
    assert rows[0].version
    assert set(rows[0].values) == {"telephone1", "transactioncurrencyid"}


def test_it_resumes_from_a_next_link(gateway, customer_mapping, accounts):
    accounts([{"name": f"a{at}"} for at in range(5)])
    first = next(gateway.scan(customer_mapping, ["name"], page_size=3))
    (rest,) = list(gateway.scan(customer_mapping, ["name"], link=first.next_link, page_size=3))
    assert len(rest.rows) == 2


def test_tracked_rows_come_from_outside_the_filter_too_and_are_judged_here(gateway, customer_mapping, accounts):
    accounts([{"name": "in"}, {"name": "out", "customertypecode": 11}])
    columns = ["name", *gateway.filter_columns(customer_mapping)]
    pages = list(gateway.scan(customer_mapping, columns, track_changes=True))
    rows = {row.name: row for page in pages for row in page.rows}
    assert pages[-1].delta_link
    assert gateway.inside(customer_mapping, rows["in"])
    assert not gateway.inside(customer_mapping, rows["out"])


def test_it_reads_rows_by_id_and_leaves_out_what_is_gone(gateway, customer_mapping, accounts):
    ids = accounts([{"name": f"a{at}"} for at in range(450)])
    found = gateway.read(customer_mapping, ["name"], [*ids, uuid4()])
    assert set(found) == set(ids)
    assert gateway.requests < 10


def test_it_counts_a_small_table_only(gateway, customer_mapping, accounts):
    accounts([{"name": f"a{at}"} for at in range(20)])
    assert gateway.size(customer_mapping) == 20
    accounts([{"name": f"b{at}"} for at in range(5000)])
    assert gateway.size(customer_mapping) is None


def test_an_unknown_column_is_named(gateway, customer_mapping):
    with pytest.raises(Invalid) as refused:
        gateway.remote_columns(customer_mapping, ["name", "nosuchcolumn"])
    assert refused.value.reason == "unknown_column"
    assert "nosuchcolumn" in refused.value.user_message


def test_it_creates_in_bulk_and_a_repeat_counts_as_done(gateway, customer_mapping, remote, company):
    euro = next(row for row in remote.rows("transactioncurrencies") if row["isocurrencycode"] == "EUR")
    items = [
        (uuid4(), {"name": f"New {at}", "transactioncurrencyid": euro["transactioncurrencyid"], "customertypecode": 3})
        for at in range(5)
    ]
    remote.control("DELETE", "requests")
    assert all(result.ok for result in gateway.create(customer_mapping, items))
    assert remote.requests()["rows_written"] == 5
    assert all(result.ok for result in gateway.create(customer_mapping, items))
    rows = [row for row in remote.rows("accounts") if row["name"].startswith("New ")]
    assert len(rows) == 5
    assert all(row["_transactioncurrencyid_value"] == euro["transactioncurrencyid"] for row in rows)


def test_one_bad_row_does_not_spoil_the_others(gateway, customer_mapping, remote):
    items = [(uuid4(), {"name": "good"}), (uuid4(), {"name": "x" * 5000}), (uuid4(), {"name": "better"})]
    results = gateway.create(customer_mapping, items)
    assert [result.ok for result in results] == [True, False, True]
    assert results[1].reason == "value_too_long"
    assert results[1].detail


def test_a_lost_answer_is_followed_by_reading_back(gateway, customer_mapping, remote):
    remote.control("POST", "faults", [{"method": "POST", "path": "accounts", "times": 1, "fault": "lost_reply"}])
    items = [(uuid4(), {"name": f"Lost {at}"}) for at in range(4)]
    assert all(result.ok for result in gateway.create(customer_mapping, items))
    assert sum(row["name"].startswith("Lost") for row in remote.rows("accounts")) == 4


def test_an_update_against_a_newer_version_changes_nothing(gateway, customer_mapping, accounts, remote):
    one, other = accounts([{"name": "a"}, {"name": "b"}])
    versions = {row.id: row.version for row in gateway.read(customer_mapping, ["name"], [one, other]).values()}
    remote.load({"accounts": [{"accountid": str(other), "name": "changed there", "customertypecode": 3}]})
    results = gateway.update(
        customer_mapping, [(one, {"name": "A"}, versions[one]), (other, {"name": "B"}, versions[other])]
    )
    assert [(result.ok, result.mismatch) for result in results] == [(True, False), (False, True)]
    names = {row["accountid"]: row["name"] for row in remote.rows("accounts")}
    assert (names[str(one)], names[str(other)]) == ("A", "changed there")


def test_many_updates_and_deletions_go_in_parts_side_by_side(gateway, customer_mapping, accounts, remote):
    ids = accounts([{"name": f"a{at}"} for at in range(625)])
    gateway.read(customer_mapping, ["name"], ids[:1])
    for write, shape in (
        (lambda: gateway.update(customer_mapping, [(row_id, {"name": "A"}, "") for row_id in ids]), "PATCH"),
        (lambda: gateway.delete(customer_mapping, [(row_id, "") for row_id in ids]), "DELETE"),
    ):
        remote.control("PUT", "latency", {"request_ms": 100})
        remote.control("DELETE", "requests")
        results = write()
        told = remote.requests()
        assert [(result.id, result.ok) for result in results] == [(row_id, True) for row_id in ids]
        assert told["parts"] == {f"{shape} accounts(id)": 625}
        assert 5 <= told["by"]["POST $batch"] <= 8, "one of 25 rows, then of 100 to 157"
        assert told["max_concurrency"] in (3, 4)


def test_deleting_what_is_gone_is_done(gateway, customer_mapping, accounts, remote):
    (row,) = accounts([{"name": "a"}])
    assert [result.ok for result in gateway.delete(customer_mapping, [(row, ""), (uuid4(), "*")])] == [True, True]
    assert remote.rows("accounts") == []


def test_nothing_is_written_to_another_organization(gateway, customer_mapping, remote):
    remote.control("PUT", "environment", {"organization_id": "11111111-2222-3333-4444-555555555555"})
    with pytest.raises(NotConnected) as refused:
        gateway.create(customer_mapping, [(uuid4(), {"name": "a"})])
    assert refused.value.reason == "wrong_environment"
    assert remote.rows("accounts") == []


def test_a_lookup_to_nowhere_is_refused_before_sending(gateway, customer_mapping, company):
    with pytest.raises(Invalid):
        gateway.body(customer_mapping, {"transactioncurrencyid": ("account", uuid4())})
    assert gateway.body(customer_mapping, {"transactioncurrencyid": None}) == {"transactioncurrencyid@odata.bind": None}
    people = IntegrationTableMapping.objects.get(company=company, name="SALESPEOPLE")
    assert gateway.table(people).name == "systemuser"


def test_the_condition_on_the_company_is_added_unless_multi_company_is_on(company, customer_mapping):
    gateway, row_id = Gateway(company), company.connection.company_row_id
    own = f"(_tandem_companyid_value eq {row_id} or _tandem_companyid_value eq null)"
    customer_mapping.integration_filter = {}
    assert gateway.filter_text(customer_mapping) == own
    customer_mapping.multi_company = True
    assert gateway.filter_text(customer_mapping) == ""
    customer_mapping.multi_company = False
    customer_mapping.integration_filter = {"field": "name", "op": "not_blank"}
    assert gateway.filter_text(customer_mapping) == f"(name ne null and {own})"
    customer_mapping.company_column = ""
    assert gateway.filter_text(customer_mapping) == "name ne null"


def test_the_condition_on_the_company_counts_only_once_its_row_exists(company, customer_mapping):
    customer_mapping.integration_filter = {}
    gateway = Gateway(company)
    gateway.connection.company_row_id = None
    assert gateway.filter_text(customer_mapping) == ""


def test_a_filter_on_a_column_that_is_gone_is_named_with_the_way_out(gateway, customer_mapping):
    customer_mapping.integration_filter = {"field": "gone", "op": "not_blank"}
    with pytest.raises(Invalid) as refused:
        gateway.filter_text(customer_mapping)
    assert refused.value.reason == "unknown_column"
    assert "The integration table filter of CUSTOMER names 'gone'" in refused.value.message
    assert "manage.py mapping set" in refused.value.fix
