"""Pairs one side of which was deleted: found, and the other side deleted too; chosen pairs synchronized now."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from core.vocabulary import ConflictOption, Direction
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer, Vendor
from sandbox.testing import Sandbox
from sync.conflicts import services
from tests.coupling.test_commands import spoken
from tests.sandbox.conftest import api_of
from tests.sync.conftest import (
    accounts,
    connect,
    counters,
    coupling_of,
    customer,
    page_text,
    page_url,
    patch,
    signed_in,
    synchronize,
    update_mapping,
)
from tests.sync.deletions.test_services import delete_in_sql
from tests.sync.engine.test_failures import delete_row
from tests.sync.engine.test_undone import selectable


def connect_and_pair(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    for number in range(4):
        customer(owner, f"1000{number}", f"Customer {number}")
    mapping = update_mapping(owner, synch_only_coupled=False)
    synchronize(mapping)
    synchronize(mapping)


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with four pairs that were synchronized."""
    return connected("Four Pairs", connect_and_pair)


@pytest.fixture
def pairs(company: Company, customers: IntegrationTableMapping) -> list[Customer]:
    return list(Customer.objects.filter(company=company).order_by("no"))


@pytest.fixture
def broken(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], remote: Sandbox
) -> list[Customer]:
    """Delete the first record here and the row of the second there, past all that would tell of it."""
    delete_in_sql(pairs[:1])
    delete_row(company, customers, coupling_of(customers, pairs[1]).integration_id)
    return pairs


def hidden_of(page: str) -> dict[str, str]:
    """Return what the page's form sends of itself."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def skipped(company: Company, what: str, *more: str) -> tuple[dict, int]:
    (told,), code = spoken("skipped", what, "--company", company.name, *more)
    return told, code


def test_find_deleted_lists_pairs_of_which_a_side_was_deleted(
    company: Company, customers: IntegrationTableMapping, broken: list[Customer]
) -> None:
    broken[2].city = "Ulm"
    broken[2].save()
    told, code = skipped(company, "find-deleted", "--mapping", "CUSTOMER")
    assert (code, [job["counters"]["failed"] for job in told["jobs"]]) == (0, [2])
    assert told["jobs"][0]["reasons"] == {"integration_deleted": 1, "local_deleted": 1}
    told, _ = skipped(company, "list")
    found = {record["reason"]: record["local"] for record in told["records"]}
    assert (found["local_deleted"]["key"], found["local_deleted"]["name"]) == ("10000", "Customer 0")
    assert (found["integration_deleted"]["key"], found["integration_deleted"]["name"]) == ("10001", "Customer 1")
    again, _ = skipped(company, "find-deleted")
    assert [job["counters"]["total"] for job in again["jobs"]] == [0], "they are listed already"
    assert counters(synchronize(customers))["modified"] == 1, "looking for deletions synchronizes nothing else"


def test_what_was_found_goes_by_the_mappings_option_where_it_has_one(
    company: Company, customers: IntegrationTableMapping, broken: list[Customer]
) -> None:
    update_mapping(company, deletion_conflict="uncouple")
    told, _ = skipped(company, "find-deleted")
    assert [job["counters"]["uncoupled"] for job in told["jobs"]] == [2]
    assert Coupling.objects.count() == 2


def test_delete_deletes_the_side_that_still_exists(
    company: Company, customers: IntegrationTableMapping, broken: list[Customer], remote: Sandbox
) -> None:
    skipped(company, "find-deleted")
    told, code = skipped(company, "delete", "--reason", "integration_deleted")
    assert (code, [job["counters"]["deleted"] for job in told["jobs"]]) == (0, [1])
    assert set(Customer.objects.values_list("no", flat=True)) == {"10002", "10003"}
    assert set(accounts(remote)) == {"Customer 0", "Customer 2", "Customer 3"}
    skipped(company, "delete", "--mapping", "CUSTOMER", "--reason", "local_deleted")
    assert set(accounts(remote)) == {"Customer 2", "Customer 3"}
    assert Coupling.objects.count() == 2 and not UndoneRecord.objects.exists()
    refused, code = skipped(company, "delete", "--reason", "local_deleted")
    assert (code, refused["error"]["reason"]) == (1, "empty_selection")


def test_a_row_that_dataverse_does_not_let_go_stays_listed(
    company: Company, customers: IntegrationTableMapping, broken: list[Customer], remote: Sandbox
) -> None:
    skipped(company, "find-deleted")
    api = api_of(remote, grant_type="password", username=remote.admin_user, password=remote.admin_password)
    privilege = api.get("privileges?$select=privilegeid&$filter=name eq 'prvDeleteAccount'")["value"][0]["privilegeid"]
    for role in api.get("roles?$select=roleid,name")["value"]:
        if role["name"] != "System Administrator":
            taken = f"roles({role['roleid']})/Microsoft.Dynamics.CRM.RemovePrivilegeRole"
            api.send("POST", taken, json={"PrivilegeId": privilege})
    (job,) = skipped(company, "delete", "--reason", "local_deleted")[0]["jobs"]
    assert job["counters"]["deleted"] == 0
    assert "Customer 0" in accounts(remote)
    told, _ = skipped(company, "list", "--reason", "local_deleted")
    (line,) = told["records"]
    assert line["local"]["key"] == "10000" and "prvDeleteAccount" in line["condition"]


def test_a_row_that_was_changed_meanwhile_and_a_pair_that_is_whole_again_are_not_deleted(
    company: Company, customers: IntegrationTableMapping, broken: list[Customer], remote: Sandbox
) -> None:
    skipped(company, "find-deleted")
    row_id = str(coupling_of(customers, broken[1]).integration_id)
    remote.load({"accounts": [{"accountid": row_id, "name": "Customer 1", "customertypecode": 3, "statecode": 0}]})
    (job,) = skipped(company, "delete", "--reason", "integration_deleted")[0]["jobs"]
    assert job["counters"]["deleted"] == 0
    assert Customer.objects.filter(no="10001").exists() and "Customer 1" in accounts(remote)


def test_chosen_pairs_are_synchronized_in_the_chosen_direction(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], remote: Sandbox
) -> None:
    for record in pairs[:2]:
        patch(remote, coupling_of(customers, record).integration_id, address1_city="x" * 45)
    synchronize(customers)
    synchronize(customers)
    assert Coupling.objects.filter(base__skipped=True).count() == 2
    chosen = ("--mapping", "CUSTOMER", "--select", "10000")
    told, code = skipped(company, "synchronize", *chosen, "--direction", "to")
    assert (code, [job["counters"]["modified"] for job in told["jobs"]]) == (0, [1])
    assert accounts(remote)["Customer 0"]["address1_city"] is None
    told, _ = skipped(company, "list")
    assert [record["local"]["key"] for record in told["records"]] == ["10001"]


def test_selected_pairs_of_several_mappings_go_by_a_job_each_and_those_that_are_broken_are_left_out(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], remote: Sandbox
) -> None:
    vendor = Vendor.objects.create(company=company, no="V1", name="Fabrikam")
    vendors = update_mapping(company, "VENDOR", synch_only_coupled=False)
    synchronize(vendors)
    vendors = update_mapping(company, "VENDOR", direction="from_integration_table")
    vendors.fields.update(direction="from_integration_table")
    rows = [coupling_of(customers, one).integration_id for one in pairs[:2]]
    rows.append(coupling_of(vendors, vendor).integration_id)
    for row in rows:
        patch(remote, row, address1_city="x" * 45)
    delete_row(company, customers, coupling_of(customers, pairs[2]).integration_id)
    for mapping in (customers, vendors):
        synchronize(mapping)
    assert UndoneRecord.objects.count() == 4
    patch(remote, rows[2], address1_city="Ulm")
    jobs = services.synchronize(undone=UndoneRecord.objects.all(), direction=Direction.TO, conflict=ConflictOption.SEND)
    for job in jobs:
        run_to_end(job)
    assert {job.mapping_name: job.direction for job in jobs} == {
        "CUSTOMER": "to_integration_table", "VENDOR": "from_integration_table"
    }  # fmt: skip
    assert {job.mapping_name: counters(Job.objects.get(pk=job.pk)) for job in jobs} == {
        "CUSTOMER": {"modified": 2}, "VENDOR": {"modified": 1}
    }  # fmt: skip
    vendor.refresh_from_db()
    assert (vendor.city, accounts(remote)["Customer 0"]["address1_city"]) == ("Ulm", None)
    assert [line.reason for line in UndoneRecord.objects.all()] == ["integration_deleted"]


def test_the_page_asks_before_it_deletes_and_which_way_to_synchronize(
    company: Company, customers: IntegrationTableMapping, broken: list[Customer], operator: Client, remote: Sandbox
) -> None:
    patch(remote, coupling_of(customers, broken[2]).integration_id, address1_city="x" * 45)
    synchronize(customers)
    asked = page_text(operator.get(page_url(company, "find-deleted")))
    assert "Find for Deleted" in asked and not Job.objects.filter(description__contains="deleted").exists()
    operator.post(page_url(company, "find-deleted"))
    run_to_end(Job.objects.latest("pk"))
    lines = {line.local_key: str(line.pk) for line in UndoneRecord.objects.all()}
    page = page_text(operator.get(page_url(company, "skipped")))
    assert sorted(selectable(page)) == sorted(lines.values())
    assert "10000 Customer 0 (deleted)" in page

    assert operator.post(page_url(company, "delete-records"), {"selected": lines["10000"]}).status_code == 403
    administrator = signed_in("Administrator")
    asked = page_text(administrator.post(page_url(company, "delete-records"), {"selected": [*lines.values()]}))
    assert "1 Dataverse row" in asked and "1 record here" in asked
    assert Customer.objects.count() == 3 and len(accounts(remote)) == 3
    token = asked.split('name="selection" value="')[1].split('"')[0]
    administrator.post(page_url(company, "delete-records"), {"selection": token, "confirmed": "yes"})
    run_to_end(Job.objects.latest("pk"))
    assert Customer.objects.count() == 2 and len(accounts(remote)) == 2

    selected = {"selected": [lines["10002"]]}
    asked = page_text(operator.post(page_url(company, "synchronize-undone"), selected))
    assert "Send data update to Dataverse" in asked
    asked = page_text(operator.post(page_url(company, "synchronize-undone"), {**hidden_of(asked), "way": "to"}))
    operator.post(page_url(company, "synchronize-undone"), hidden_of(asked))
    run_to_end(Job.objects.latest("pk"))
    assert "Nothing is left out" in page_text(operator.get(page_url(company, "skipped")))


def test_what_was_accepted_is_synchronized_from_its_own_list(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client, remote: Sandbox
) -> None:
    patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city="x" * 45)
    synchronize(customers)
    line = UndoneRecord.objects.get()
    operator.post(page_url(company, "accept"), {"selected": [line.pk]})
    asked = page_text(operator.post(page_url(company, "synchronize-undone"), {"selected": [line.pk], "settled": "yes"}))
    assert re.search(r'name="way"[^>]*value="from"[^>]*checked', asked), "only the row changed"
    assert "“Send data update to Dataverse” would overwrite newer data in Dataverse: 10000 Customer 0 (City)." in asked
    before = Job.objects.count()
    given = {**hidden_of(asked), "way": "to"}
    warning = page_text(operator.post(page_url(company, "synchronize-undone"), given))
    assert "Newer data in Dataverse would be overwritten: 10000 Customer 0 (City)." in warning
    assert Job.objects.count() == before
    operator.post(page_url(company, "synchronize-undone"), hidden_of(warning))
    run_to_end(Job.objects.latest("pk"))
    assert accounts(remote)["Customer 0"]["address1_city"] is None
    assert not UndoneRecord.objects.exists()


def test_retry_on_page_and_command_says_what_newer_data_it_overwrites(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client, remote: Sandbox
) -> None:
    update_mapping(company, direction="to_integration_table")
    customers.fields.update(direction="to_integration_table")
    synchronize(customers)
    patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city="Ulm")
    pairs[0].city = "Trier"
    pairs[0].save()
    pair = coupling_of(customers, pairs[0])
    line = UndoneRecord.objects.create(
        company=company, mapping=customers, coupling=pair, local_id=pair.local_id, reason="denied", condition="No."
    )
    lost = "Newer data in Dataverse would be overwritten: 10000 Customer 0 (City)."
    before = Job.objects.count()
    warning = page_text(operator.post(page_url(company, "retry"), {"selected": [line.pk]}))
    assert lost in warning and Job.objects.count() == before
    operator.post(page_url(company, "retry"), hidden_of(warning))
    assert Job.objects.count() == before + 1
    Job.objects.latest("pk").delete()
    warning = page_text(operator.post(page_url(company, "retry-all")))
    assert lost in warning and Job.objects.count() == before, "all of them are asked about as well"
    operator.post(page_url(company, "retry-all"), hidden_of(warning))
    assert Job.objects.count() == before + 1
    Job.objects.latest("pk").delete()
    (told,), code = spoken("skipped", "synchronize", "--company", company.name, "--mapping", "CUSTOMER")
    assert (code, told["warning"]) == (0, lost)
    assert accounts(remote)["Customer 0"]["address1_city"] == "Trier"


def test_a_pair_of_which_both_sides_were_deleted_ends_with_the_next_run(
    customers: IntegrationTableMapping, pairs: list[Customer], remote: Sandbox
) -> None:
    one = pairs[0]
    delete_row(customers.company, customers, coupling_of(customers, one).integration_id)
    one.delete()
    job = synchronize(customers)
    assert job.reasons == {"record_gone": 1}
    assert "Both records were deleted, so their coupling was too." in [row.message for row in job.outcomes.all()]
    assert Coupling.objects.filter(mapping=customers).count() == len(pairs) - 1
