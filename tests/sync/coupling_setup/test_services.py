"""Coupling by hand over a real sandbox: rows are found, told apart and coupled; what has no partner is created."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection

from core.refusals import Refusal
from coupling.couplings.by_hand import RowsSeen
from coupling.gateway import Gateway
from coupling.models import Coupling
from jobs.errors import EmptySelection
from jobs.models import Job, JobOutcome
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from sync.coupling_setup import services
from tests.sync.conftest import accounts, counters, customer, synchronize, update_mapping
from tests.sync.coupling_setup.conftest import CALGARY, COTTON, EDMONTON, PARTS, VENDOR, account


def found(mapping, text, **how):
    return {seen.row.id for seen in RowsSeen(mapping, Gateway(mapping.company)).search(text, size=50, **how).rows}


def test_rows_are_found_by_name_number_mail_phone_and_id(customers, rows):
    rows.control("DELETE", "requests")
    for text, expected in [
        ("iris", {CALGARY, EDMONTON, PARTS}),
        ("  bicycles   LTD ", {CALGARY, EDMONTON}),
        ("A-100", {CALGARY}),
        ("edmonton@iris", {EDMONTON}),
        ("587.555.0117", {CALGARY}),
        ("0015875550117", {CALGARY}),
        ("4035550100", {PARTS}),
        (str(COTTON).upper(), {COTTON}),
        ("100%", {COTTON}),  # what Dataverse takes as wildcards stands for itself
        ("n_M", {COTTON}),
        ("o'neill", set()),
        ("", {CALGARY, EDMONTON, PARTS, COTTON}),
        ("imports", set()),
    ]:
        assert found(customers, text) == expected, text
    assert found(customers, "imports", inside=False) == {VENDOR}
    assert rows.control("GET", "requests")["by"]["GET accounts"] == 14  # one request for each


def test_what_is_found_comes_page_by_page_and_a_page_leads_nowhere_else(company, customers, rows):
    seen = RowsSeen(customers, Gateway(company))
    first = seen.search("iris", size=2)
    assert [one.row.name for one in first.rows] == ["Iris Bicycle Parts", "Iris Bicycles Ltd."]
    second = seen.search("iris", size=2, page=first.next_page)
    assert [one.row.name for one in second.rows] == ["Iris Bicycles Ltd."]
    assert not second.next_page
    vendors = update_mapping(company, "VENDOR")
    for other, text, page in (
        (vendors, "iris", first.next_page), (customers, "cotton", first.next_page), (customers, "iris", "contacts"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match="another search"):
            RowsSeen(other, Gateway(company)).search(text, size=2, page=page)


def test_a_pair_is_coupled_by_hand_with_who_did_it_and_no_request_writes(company, customers, rows):
    one, ada = customer(company, "10000", "Iris Bicycles Ltd."), User.objects.create_user("ada")
    rows.control("DELETE", "requests")
    made, job = services.couple(mapping=customers, local_id=one.system_id, integration_id=CALGARY, user=ada)
    assert job is None
    assert (made.method, made.organization_id) == ("manual", company.connection.organization_id)
    assert rows.control("GET", "requests")["writes"] == 0
    entry = LogEntry.objects.get_for_object(made).get()
    assert (entry.actor, entry.changes["integration_id"]) == (ada, [None, str(CALGARY)])


def test_the_first_synchronization_goes_the_way_that_was_asked_for(company, customers, rows):
    for initial, row, expected in (("to", CALGARY, ("Bonn", "Bonn")), ("from", EDMONTON, ("Edmonton", "Edmonton"))):
        one = customer(company, f"1{initial}", "Iris Bicycles Ltd.", city="Bonn")
        _, job = services.couple(mapping=customers, local_id=one.system_id, integration_id=row, initial=initial)
        assert job is not None
        done = run_to_end(job)
        assert (done.state, counters(done)) == ("finished", {"modified": 1})
        one.refresh_from_db()
        there = next(known for known in rows.rows("accounts") if known["accountid"] == str(row))
        assert (one.city, there["address1_city"]) == expected


def test_what_cannot_be_coupled_is_refused_with_the_partner_and_the_way_to_release_it(company, customers, rows):
    taken, free = customer(company, "10440", "Iris Bicycle Parts"), customer(company, "10000", "Iris")
    services.couple(mapping=customers, local_id=taken.system_id, integration_id=PARTS)
    cases = [
        (PARTS, "none", "already_coupled", "10440 Iris Bicycle Parts in CRONUS International", "Delete Coupling"),
        (VENDOR, "none", "outside_filter", "Relationship Type is Vendor", "Change that in Dataverse"),
        (uuid4(), "to", "record_gone", "no such row", "Choose another row"),
        (CALGARY, "both", "configuration", "No such", "none, to, from"),
    ]
    for row, initial, reason, message, fix in cases:
        with pytest.raises(Refusal) as refused:
            services.couple(mapping=customers, local_id=free.system_id, integration_id=row, initial=initial)
        assert (refused.value.reason, message in refused.value.message, fix in refused.value.fix) == (
            reason, True, True,
        ), refused.value  # fmt: skip
    with pytest.raises(Refusal, match="is coupled already with the row"):
        services.couple(mapping=customers, local_id=taken.system_id, integration_id=CALGARY)
    with pytest.raises(Refusal, match="no longer exists here"):
        services.couple(mapping=customers, local_id=uuid4(), integration_id=CALGARY)
    with pytest.raises(Refusal, match="choices of a column"):
        services.couple(
            mapping=update_mapping(company, "PAYMENT TERMS"), local_id=free.system_id, integration_id=CALGARY
        )
    one_way = update_mapping(company, direction="from_integration_table")
    with pytest.raises(Refusal, match="from the integration table only"):
        services.couple(mapping=one_way, local_id=free.system_id, integration_id=CALGARY, initial="to")
    assert Coupling.objects.filter(company=company, table="customer").count() == 1
    assert not Job.objects.exists()


def test_a_row_of_a_deleted_record_is_released_and_another_organization_is_refused(company, customers, rows):
    gone, one = customer(company, "1"), customer(company, "2")
    services.couple(mapping=customers, local_id=gone.system_id, integration_id=CALGARY)
    Customer.objects.filter(pk=gone.pk).delete()
    services.couple(mapping=customers, local_id=one.system_id, integration_id=CALGARY)
    assert Coupling.objects.get(mapping=customers).local_id == one.system_id
    rows.control("PUT", "environment", {"organization_id": str(uuid4())})
    other = customer(company, "3")
    with pytest.raises(Refusal) as refused:
        services.couple(mapping=customers, local_id=other.system_id, integration_id=EDMONTON)
    assert refused.value.reason == "wrong_environment"


def test_a_row_that_carries_another_companys_mark_is_refused_with_that_companys_name(company, customers, rows):
    mark = next(one["tandem_companyid"] for one in rows.rows("tandem_companies"))
    foreign = str(uuid4())
    rows.load({"tandem_companies": [{"tandem_companyid": foreign, "tandem_name": "Birch & Sons"}]})
    rows.load({"accounts": [account("Birchwood", tandem_companyid=foreign), account("Ours", tandem_companyid=mark)]})
    one = customer(company, "1")
    row = UUID(accounts(rows)["Birchwood"]["accountid"])
    with pytest.raises(Refusal, match="belongs to another company, Birch & Sons"):
        services.couple(mapping=customers, local_id=one.system_id, integration_id=row)
    services.couple(mapping=customers, local_id=one.system_id, integration_id=UUID(accounts(rows)["Ours"]["accountid"]))


def test_of_several_people_who_choose_one_row_at_once_one_gets_it_and_the_others_are_told(company, customers, rows):
    made = [customer(company, f"1000{number}", f"Iris {number}") for number in range(4)]
    start = threading.Barrier(len(made))

    def choose(record):
        start.wait()
        try:
            services.couple(mapping=customers, local_id=record.system_id, integration_id=CALGARY)
        except Refusal as refused:
            return refused
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(len(made)) as people:
        said = list(people.map(choose, made))
    winner = next(record for record, refused in zip(made, said, strict=True) if refused is None)
    assert Coupling.objects.get(mapping=customers).local_id == winner.system_id
    others = [refused for refused in said if refused is not None]
    assert len(others) == 3
    assert all(f"{winner.no} {winner.name} in CRONUS" in refused.message for refused in others)


def outcomes(job):
    return sorted(JobOutcome.objects.filter(job=job).values_list("outcome", "reason"))


def test_rows_are_created_for_records_and_what_is_coupled_is_left_alone(company, customers, rows):
    coupled, new = customer(company, "10000", "Iris", city="Bonn"), customer(company, "10001", "Novelty")
    blocked = customer(company, "10002", "Blocked", blocked="all")
    services.couple(mapping=customers, local_id=coupled.system_id, integration_id=CALGARY)
    job = services.create_in_dataverse(
        mapping=customers, records=[coupled.system_id, new.system_id, blocked.system_id, uuid4()]
    )
    done = run_to_end(job)
    assert counters(done) == {"inserted": 1, "skipped": 3}
    assert outcomes(done) == [
        ("inserted", ""), ("skipped", "already_coupled"), ("skipped", "outside_filter"), ("skipped", "record_gone"),
    ]  # fmt: skip
    assert "Novelty" in accounts(rows)
    assert next(one for one in rows.rows("accounts") if one["accountid"] == str(CALGARY))["address1_city"] == "Calgary"
    with pytest.raises(EmptySelection):
        services.create_in_dataverse(mapping=customers, records=[])


def test_records_are_created_for_rows_and_what_is_coupled_is_left_alone(company, customers, rows):
    coupled = customer(company, "10000", "Iris", city="Bonn")
    services.couple(mapping=customers, local_id=coupled.system_id, integration_id=CALGARY)
    job = services.create_here(mapping=customers, rows=[CALGARY, COTTON, VENDOR, uuid4()])
    done = run_to_end(job)
    assert outcomes(done) == [
        ("inserted", ""), ("skipped", "already_coupled"), ("skipped", "outside_filter"), ("skipped", "record_gone"),
    ]  # fmt: skip
    assert Customer.objects.get(name="100% Cotton_Mills").company == company
    coupled.refresh_from_db()
    assert coupled.city == "Bonn"
    synchronize(customers)
    again = run_to_end(services.create_here(mapping=customers, rows=[COTTON]))
    assert outcomes(again) == [("skipped", "already_coupled")]
