"""What still stands of failures: each record once, not coupled, not gone, not ignored; whoever did that."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import bulk
from coupling.failures import services as failures
from coupling.failures import unmatched_rows
from coupling.failures.candidates import look_at
from coupling.failures.choosing import default_candidate
from coupling.failures.standing import standing
from coupling.failures.unmatched_rows import UnmatchedRows
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters
from coupling.models import FailedRecord
from coupling.rows import RemoteRow
from jobs.models import Job
from masterdata.models import Customer
from sync.coupling_setup import services as by_hand
from sync.failures import services
from sync.tasks import find_deleted_records
from tests.sync.conftest import make_unreachable, patch, synchronize, update_mapping
from tests.sync.failures.conftest import CALGARY, EDMONTON, IRIS, PINE_ID, fail, row


def keys(company, **how):
    return [one.local_key for one in standing(company, **how)]


def one_of(company, key):
    return standing(company).get(local_key=key)


def test_failures_stand_by_reason_with_what_is_nearly_alike_first(company, failed):
    assert keys(company) == ["10010", "10020", "10030", "10040"]
    assert [one.nearly > 0 for one in standing(company)] == [False, False, True, False]
    again = fail(company)
    assert keys(company) == ["10010", "10020", "10030", "10040"]
    assert set(standing(company).values_list("job_id", flat=True)) == {again.pk}


def test_what_is_coupled_deleted_or_ignored_stands_no_more_and_comes_back_when_a_side_changes(company, failed):
    mapping = company.mappings.select_related("company").get(name="CUSTOMER")
    iris = Customer.objects.get(no="10020")
    by_hand.couple(mapping=mapping, local_id=iris.system_id, integration_id=CALGARY)
    assert keys(company) == ["10010", "10030", "10040"]
    Customer.objects.get(no="10040").delete()
    assert keys(company) == ["10010", "10030"]
    failures.ignore(failed=standing(company).filter(local_key="10010"), because="  closed  branch ")
    failures.ignore(failed=standing(company), because="stays here")
    assert (keys(company), keys(company, ignored=True)) == ([], ["10010", "10030"])
    assert set(FailedRecord.objects.exclude(ignored_at=None).values_list("ignored_because", flat=True)) == {
        "closed branch", "stays here",
    }  # fmt: skip
    Customer.objects.get(no="10010").save()
    assert (keys(company), keys(company, ignored=True)) == (["10010"], ["10030"])


def test_ignoring_outlives_a_job_that_sees_the_same_and_ends_with_one_that_does_not(company, remote, failed):
    failures.ignore(failed=standing(company), because="known")
    fail(company)
    assert keys(company) == []
    patch(remote, PINE_ID, name="Pine Logistic Ltd")
    fail(company)
    assert keys(company) == ["10030"]


@pytest.mark.parametrize("direction", ["bidirectional", "to_integration_table"])
def test_ignoring_ends_with_the_next_run_that_hears_of_a_row_in_question(company, remote, failed, direction):
    mapping = update_mapping(company, direction=direction, synch_only_coupled=True)
    synchronize(mapping)
    patch(remote, PINE_ID, telephone1="+44 20 7946 0147")
    remote.control("PUT", "clock", {"offset_s": -10})  # what changed before was to be seen
    patch(remote, CALGARY, address1_city="Banff")
    failures.ignore(failed=standing(company), because="known")
    synchronize(mapping)
    assert keys(company) == []
    remote.control("PUT", "clock", {"offset_s": 5})  # Dataverse tells when a row was changed by the second
    patch(remote, PINE_ID, telephone1="+44 20 7946 0148")
    Gateway(company).delete(mapping, [(EDMONTON, "*")])
    synchronize(mapping)
    assert keys(company) == ["10020", "10030"]
    synchronize(mapping)
    assert keys(company) == ["10020", "10030"]


def test_what_matched_nothing_is_listed_again_by_the_run_that_reads_a_row_with_its_values(company, remote, failed):
    mapping = update_mapping(company, synch_only_coupled=True)
    synchronize(mapping)
    failures.ignore(failed=standing(company), because="known")
    remote.control("PUT", "clock", {"offset_s": 5})  # Dataverse tells when a row was changed by the second
    remote.load({"accounts": [row("Falcon", "206 555 0143"), row("Somebody", "")]})
    synchronize(mapping)
    assert keys(company) == []
    remote.load({"accounts": [row("Falcon", " 206 555 0142")]})
    synchronize(mapping)
    assert keys(company) == ["10040"]


def test_what_is_ignored_without_a_match_is_read_once_until_something_else_is_ignored(company, failed, monkeypatch):
    mapping = company.mappings.get(name="CUSTOMER")
    told = [RemoteRow(uuid4(), "Falcon", {"telephone1": "206 555 0142"})]

    def find():
        fresh = company.mappings.get(pk=mapping.pk)
        with CaptureQueriesContext(connection) as queries:
            found = UnmatchedRows(fresh, FailedRecord.objects.filter(mapping=mapping, ignored_at__isnull=False))
            pks = [pk for pks in found.find(told).values() for pk in pks]
        return pks, len(queries)

    def asked():
        return find()[1]

    assert find() == ([], 1), "nothing is ignored"
    falcon, pine = one_of(company, "10040"), one_of(company, "10030")
    failures.ignore(failed=standing(company).filter(pk=falcon.pk), because="known")
    found, first = find()
    assert found == [falcon.pk]
    assert first > 3
    assert find()[0] == [falcon.pk]
    assert asked() == 2, "how the mapping is now, and whether anything else is ignored"
    failures.ignore(failed=standing(company).filter(pk=pine.pk), because="known")
    assert asked() > 3
    monkeypatch.setattr(unmatched_rows, "MOST", 1)
    failures.stop_ignoring(failed=FailedRecord.objects.filter(pk=pine.pk))
    failures.ignore(failed=standing(company).filter(pk=pine.pk), because="known")
    assert find()[0] == ([falcon.pk] if falcon.pk > pine.pk else []), "of very many the newest"


def test_what_was_ignored_before_very_much_else_comes_back_like_the_newest(company, remote, failed):
    mapping = update_mapping(company, synch_only_coupled=True)
    synchronize(mapping)
    remote.control("PUT", "clock", {"offset_s": -10})  # what changed before was to be seen
    failures.ignore(failed=standing(company), because="known")
    later = timezone.now()
    fields = ("company_id", "mapping_id", "local_id", "local_key", "reason", "nearly", "job_id", "failed_at",
              "ignored_at", "local_name", "seen", "ignored_because")  # fmt: skip
    others = [
        (company.pk, mapping.pk, uuid4(), f"X{at}", "multiple_matches", 0, failed.pk, later, later, "", "", "known")
        for at in range(20_000)
    ]
    bulk.insert(FailedRecord, fields, others)
    remote.control("PUT", "clock", {"offset_s": 5})  # Dataverse tells when a row was changed by the second
    patch(remote, PINE_ID, telephone1="+44 20 7946 0148")
    Gateway(company).delete(mapping, [(EDMONTON, "*")])
    synchronize(mapping)
    assert keys(company) == ["10020", "10030"]


def test_candidates_are_all_rows_told_apart_with_both_sides_values(company, remote, failed):
    seen = {one.failed.local_key: one for one in look_at(list(standing(company))).lines}
    iris = seen["10020"]
    assert len(iris.candidates) == len(IRIS)
    assert {one.city for one in iris.free} == {"Calgary", "Edmonton", "Leduc", "Banff", "Hinton"}
    assert {one.values["telephone1"] for one in iris.candidates} == {"587 555 0117"}
    assert all(one.owner and one.url.endswith(f"#{one.id}") for one in iris.candidates)
    (ridge,) = seen["10010"].candidates
    assert (ridge.coupled_to, ridge.free) == ("10000 Ridge Boatyard", False)
    (pine,) = seen["10030"].candidates
    assert (pine.id, pine.free, pine.nearly >= 90) == (str(PINE_ID), True, True)
    assert default_candidate(seen["10030"]) is pine
    assert default_candidate(iris) is None
    assert seen["10040"].candidates == []
    before = remote.requests()["by"]
    look_at(list(standing(company)))
    after = remote.requests()["by"]
    sent = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert sent.pop("GET WhoAmI") <= 3
    assert sent == {"GET accounts": 2}  # the candidates, and the rows beyond the first three of one record


def test_while_dataverse_is_down_what_the_job_kept_is_shown_and_said_so(company, failed):
    make_unreachable(company)
    found = look_at(list(standing(company)))
    assert found.problem is not None
    assert {one.failed.local_key: len(one.candidates) for one in found.lines} == {
        "10010": 1, "10020": 3, "10030": 1, "10040": 0,
    }  # fmt: skip


def test_several_are_coupled_with_their_candidates_and_those_that_cannot_be_are_told(company, failed):
    pine, ridge = one_of(company, "10030"), one_of(company, "10010")
    done = services.couple_with(pairs=[(pine, PINE_ID), (ridge, PINE_ID)])
    assert [one.local_id for one in done.coupled] == [pine.local_id]
    (told,) = done.refused
    assert told.startswith("10010 Ridge Yard: The row is coupled already to 10030 Pine Logistics Ltd")


def test_retry_goes_by_the_criteria_of_then_and_creating_takes_the_selected_ones(company, remote, failed):
    mapping = company.mappings.get(name="CUSTOMER")
    mapping.fields.update(use_for_match=False)
    patch(remote, PINE_ID, telephone1="+44 20 7946 0145")
    ((job, lines),) = services.retry(failed=standing(company).filter(local_key="10030"))
    assert (job.selection_only, len(lines), job.parameters["criteria"][0]["local"]) == (True, 1, "phone_no")
    ((created, _),) = services.create_rows(failed=standing(company).filter(local_key="10040"))
    assert (created.type, created.direction) == ("synchronization", "to_integration_table")


def test_retry_keeps_the_brakes_and_creates_nothing_that_a_preview_did_not_tick(company, failed):
    one = standing(company).filter(local_key="10040")
    for asked, expected in (
        (CouplingParameters(create=True, stop_above=3, stop_coupled_above=9), (True, 3, 9)),
        (CouplingParameters(create=True, preview=1), (False, None, None)),
    ):
        Job.objects.filter(pk=failed.pk).update(parameters=asked.dump())
        ((job, _),) = services.retry(failed=one)
        again = CouplingParameters.load(job.parameters)
        assert (again.create, again.stop_above, again.stop_coupled_above) == expected


def test_what_is_ignored_without_knowing_what_a_job_saw_stays_so_after_the_next_job(company, failed):
    FailedRecord.objects.update(seen="")  # as those of jobs before the list was kept
    failures.ignore(failed=standing(company), because="known")
    fail(company)
    assert keys(company) == []


def test_failures_that_were_settled_are_forgotten_at_night(company, failed):
    mapping = company.mappings.select_related("company").get(name="CUSTOMER")
    iris = Customer.objects.get(no="10020")
    by_hand.couple(mapping=mapping, local_id=iris.system_id, integration_id=CALGARY)
    assert FailedRecord.objects.filter(local_id=iris.system_id).exists()
    find_deleted_records()
    assert sorted(FailedRecord.objects.values_list("local_key", flat=True)) == ["10010", "10030", "10040"]


def test_many_failures_are_listed_and_counted_at_a_bounded_cost(company):
    mapping = company.mappings.get(name="CUSTOMER")
    made = [Customer(company=company, no=f"C{at:05}", name=f"Customer {at}") for at in range(2000)]
    Customer.objects.bulk_create(made)
    names = ("company_id", "mapping_id", "local_id", "local_key", "reason", "job_id", "failed_at")
    now = timezone.now()
    bulk.insert(
        FailedRecord, names, [(company.pk, mapping.pk, one.system_id, one.no, "no_match", 1, now) for one in made]
    )
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(list(standing(company)[:50])) == 50
    plan = standing(company)[:50].explain()
    assert "failed_in_order" in plan or connection.vendor == "postgresql"
    assert "TEMP B-TREE" not in plan
    assert len(queries) <= 2
