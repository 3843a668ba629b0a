"""What a coupling job found to be a likely duplicate is created on neither side before a person has settled it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from core.vocabulary import Direction
from coupling.couplings.services import start_coupling, start_uncoupling
from coupling.failures import services as failures
from coupling.failures.likely import TOLD_APART, likely_duplicates, mark_of
from coupling.failures.standing import standing
from coupling.gateway import Gateway
from coupling.models import Coupling, FailedRecord, IntegrationTableMapping, UndoneRecord
from jobs.errors import EmptySelection
from jobs.models import Job, JobOutcome
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer, PaymentTerms
from sandbox.testing import Sandbox
from sync.coupling_setup import services as by_hand
from sync.engine.ledger import Ledger
from sync.engine.preview import Preview
from sync.engine.table_rules import RowRules
from sync.failures import services
from sync.full import services as full
from sync.models import FullSynchReviewLine, SynchState
from sync.start.services import retry, start_synchronization
from tests.coupling.conftest import match_on
from tests.coupling.test_commands import spoken
from tests.sync.conftest import connect, counters, customer, page_text, page_url, patch, synchronize, update_mapping
from tests.sync.engine.test_kills import kill_once, run_despite_kills
from tests.sync.failures.conftest import CALGARY, IRIS, PINE_ID, fail, load, row

WAITING = {"10010": "already_coupled", "10020": "multiple_matches", "10030": "no_match"}
"""The records that wait for a person, and why; 10040 has nothing like it in Dataverse."""


def connect_and_fail(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    load(owner, remote)
    fail(owner)
    update_mapping(owner, synch_only_coupled=False)


@pytest.fixture
def mapping(connected: Callable[..., Company]) -> IntegrationTableMapping:
    """Return a mapping whose runs create on both sides, after a coupling job that failed in each way."""
    return update_mapping(connected("Likely Duplicates", connect_and_fail))


@pytest.fixture
def settled(mapping: IntegrationTableMapping) -> IntegrationTableMapping:
    """Return the mapping after the full run, and after another one that found nothing to do."""
    synchronize(mapping)
    for _ in range(2):
        synchronize(mapping)
    quiet(mapping)
    return mapping


def quiet(mapping: IntegrationTableMapping) -> None:
    """Let what was changed here so far have been changed a while ago."""
    Customer.objects.update(modified_at=timezone.now() - timedelta(hours=1))
    synchronize(mapping)


def skipped(job: Job) -> dict[str, str]:
    return {one.local_key: one.reason for one in JobOutcomes(job, "skipped") if one.local_id is not None}


def rows_skipped(job: Job) -> list[str]:
    return sorted(str(one.integration_id) for one in JobOutcomes(job, "skipped") if one.local_id is None)


def names(remote: Sandbox) -> Counter[str]:
    return Counter(row["name"] for row in remote.rows("accounts"))


CANDIDATES = sorted([*(row["accountid"] for row in IRIS), str(PINE_ID)])


def test_a_full_run_creates_what_has_nothing_like_it_and_says_what_waits(mapping, remote):
    job = synchronize(mapping)
    assert counters(job)["inserted"] == 1
    assert skipped(job) == WAITING
    assert names(remote) == {
        "Iris Bicycles Ltd.": 5,
        "Ridge Boatyard": 1,
        "Pine Logistics Ltd": 1,
        "Falcon Workshop": 1,
    }
    said = {one.local_key: one.message for one in JobOutcomes(job, "skipped") if one.local_id is not None}
    assert "Several rows in Dataverse match" in said["10020"]
    assert "is coupled to another record" in said["10010"]
    assert "is nearly the same" in said["10030"]
    for message in said.values():
        assert "Integration Synchronization Errors" in message and "Create in Dataverse" in message
    assert "3 likely duplicates wait for a person" in job.message


def test_the_rows_that_came_into_question_are_not_created_here_either_all_of_them(mapping):
    fabrikam = customer(mapping.company, "10050", "Fabrikam")
    job = synchronize(mapping)
    assert rows_skipped(job) == CANDIDATES
    assert Customer.objects.count() == 6 and Coupling.objects.filter(local_id=fabrikam.system_id).exists()
    lines = {str(one.integration_id): one for one in UndoneRecord.objects.filter(mapping=mapping)}
    assert sorted(lines) == CANDIDATES
    assert lines[str(PINE_ID)].condition.startswith("10030 Pine Logistics Ltd here may be this row.")
    assert lines[str(CALGARY)].condition.startswith("10020 Iris Bicycles Ltd. here may be this row.")
    assert {one.look_at for one in lines.values()} == {None}


@pytest.mark.parametrize("direction", [Direction.TO, Direction.FROM])
def test_a_run_that_goes_one_way_leaves_the_same_uncreated(mapping, direction):
    job = synchronize(mapping, full=True, direction=direction)
    goes_there = direction == Direction.TO
    assert skipped(job) == (WAITING if goes_there else {})
    assert rows_skipped(job) == ([] if goes_there else CANDIDATES)
    assert counters(job).get("inserted", 0) == (1 if goes_there else 0)


def test_the_preview_tells_what_the_run_does(mapping):
    def told(rows: Any) -> list[tuple[str, str, str, str]]:
        return sorted(
            (one.outcome, one.reason, one.local_key, str(one.integration_id) if not one.local_key else "")
            for one in rows
            if one.outcome in ("skipped", "inserted")
        )

    before = told(Preview(mapping).outcomes())
    assert before == told(JobOutcomes(synchronize(mapping)))
    assert len(before) == 1 + len(WAITING) + len(CANDIDATES)


def test_a_run_over_changes_leaves_them_out_without_an_outcome_and_looks_at_nothing_when_idle(mapping):
    synchronize(mapping)
    for _ in range(2):
        assert counters(synchronize(mapping)).keys() <= {"unchanged"}
    state = SynchState.objects.get(mapping=mapping)
    assert state.none_left_at not in (None, state.uncoupled)
    quiet(mapping)
    Customer.objects.get(no="10020").save()
    customer(mapping.company, "10060", "Fabrikam")
    job = synchronize(mapping)
    assert counters(job) == {"inserted": 1}


def test_ignoring_a_failure_does_not_create_its_row(mapping):
    failures.ignore(failed=standing(mapping.company), because="two of one company")
    assert skipped(synchronize(mapping)) == WAITING


def test_once_a_record_is_coupled_by_hand_its_other_candidates_are_created_by_the_next_run(settled):
    iris = Customer.objects.get(no="10020")
    by_hand.couple(mapping=settled, local_id=iris.system_id, integration_id=CALGARY)
    job = synchronize(settled)
    made = {str(one.integration_id) for one in JobOutcomes(job, "inserted")}
    assert made == {row["accountid"] for row in IRIS} - {str(CALGARY)}
    (left,) = UndoneRecord.objects.filter(mapping=settled)
    assert left.integration_id == PINE_ID
    assert counters(synchronize(settled)).keys() <= {"unchanged"}


def test_a_record_created_in_dataverse_because_a_person_said_so_frees_its_candidates(settled, remote):
    ((job, _),) = services.create_rows(failed=standing(settled.company).filter(local_key="10020"))
    assert counters(run_to_end(job)) == {"inserted": 1}
    assert names(remote)["Iris Bicycles Ltd."] == 6
    assert counters(synchronize(settled))["inserted"] == 5


def test_a_later_coupling_job_that_finds_nothing_like_it_ends_the_hold_on_both_sides(settled, remote):
    known = SynchState.objects.get(mapping=settled).none_left_at
    assert known is not None
    patch(remote, PINE_ID, name="Gull Design SA", telephone1="555 0199")
    again = run_to_end(services.retry(failed=standing(settled.company).filter(local_key="10030"))[0][0])
    assert again.reasons == {"no_match": 1}
    assert FailedRecord.objects.get(local_key="10030").nearly == 0
    job = synchronize(settled)
    made = {(one.local_name, str(one.integration_id) == str(PINE_ID)) for one in JobOutcomes(job, "inserted")}
    assert made == {("Pine Logistics Ltd", False), ("Gull Design SA", True)}
    assert not UndoneRecord.objects.filter(integration_id=PINE_ID).exists()


def test_a_record_deleted_here_frees_its_candidates(settled):
    Customer.objects.get(no="10030").delete()
    job = synchronize(settled)
    assert {str(one.integration_id) for one in JobOutcomes(job, "inserted")} == {str(PINE_ID)}


def test_a_record_that_is_uncoupled_again_while_its_failure_is_known_waits_as_before(settled):
    iris = Customer.objects.get(no="10020")
    by_hand.couple(mapping=settled, local_id=iris.system_id, integration_id=CALGARY)
    run_to_end(start_uncoupling(mapping=settled, selection=[iris.system_id]))
    synchronize(settled)
    assert not Coupling.objects.filter(local_id=iris.system_id).exists()


def test_records_that_a_person_selects_are_created_whatever_a_job_found(mapping, remote):
    chosen = Customer.objects.get(no="10020")
    job = run_to_end(start_synchronization(mapping=mapping, selection=[chosen.system_id], create=True))
    assert counters(job) == {"inserted": 1}
    (done,), code = spoken(
        "create", "CUSTOMER", "--company", mapping.company.name, "--in-dataverse", "--select", "10030"
    )
    assert (code, done["counters"]["inserted"]) == (0, 1)
    assert (names(remote)["Iris Bicycles Ltd."], names(remote)["Pine Logistics Ltd"]) == (6, 2)


def test_a_row_that_a_person_selects_is_created_here(mapping):
    job = run_to_end(
        start_synchronization(mapping=mapping, selection=[PINE_ID], selection_side="integration", create=True)
    )
    assert counters(job) == {"inserted": 1}


def test_who_retries_all_that_was_left_out_did_not_ask_for_these_rows_who_selects_one_did(mapping):
    synchronize(mapping)
    with pytest.raises(EmptySelection):
        retry(company=mapping.company)
    count, (job,) = retry(company=mapping.company, undone=UndoneRecord.objects.filter(integration_id=PINE_ID))
    assert (count, counters(run_to_end(job))) == (1, {"inserted": 1})


def test_records_whose_row_a_run_finds_by_itself_are_never_likely_duplicates(mapping):
    for one in mapping.company.mappings.select_related("company"):
        assert (one.integration_table in TOLD_APART) == RowRules(one, Gateway(one.company)).finds_rows, one.name
    mapping.integration_table = "uomschedule"
    assert (likely_duplicates(mapping).count(), mark_of(mapping, 7)) == (0, 7)


POINTS = [
    (Gateway, "create", True, 1),
    (Ledger, "save", True, 1),
    (Ledger, "save", False, 2),
    (Ledger, "save", True, 3),
]


@pytest.mark.parametrize(("owner", "name", "after", "at"), POINTS)
def test_each_has_one_outcome_however_often_the_run_is_killed(mapping, monkeypatch, owner, name, after, at):
    monkeypatch.setattr("sync.engine.mapping_run.CHUNK", 2)
    kill_once(monkeypatch, owner, name, after=after, at=at)
    job = run_despite_kills(start_synchronization(mapping=mapping))
    assert (job.state, skipped(job), rows_skipped(job)) == ("finished", WAITING, CANDIDATES)
    assert JobOutcome.objects.filter(job=job, outcome="skipped").count() == job.counters["skipped"] == 9
    assert UndoneRecord.objects.filter(mapping=mapping).count() == len(CANDIDATES)


def test_a_run_that_creates_nothing_of_its_own_does_not_create_what_failed_before(mapping):
    wrong = Customer.objects.get(no="10020")
    Customer.objects.filter(pk=wrong.pk).update(currency_code="XYZ")
    failed = run_to_end(start_synchronization(mapping=mapping, selection=[wrong.system_id], create=True))
    assert counters(failed) == {"failed": 1}
    fail(mapping.company)
    Customer.objects.filter(pk=wrong.pk).update(currency_code="")
    synchronize(update_mapping(mapping.company, synch_only_coupled=True))
    assert not Coupling.objects.filter(local_id=wrong.system_id).exists()


def test_a_job_that_had_no_look_at_what_is_nearly_alike_does_not_end_the_hold(mapping):
    pine = Customer.objects.get(no="10030")
    known = FailedRecord.objects.get(local_id=pine.system_id)
    match_on(mapping, "e_mail")  # it has none, so no row is asked for
    job = run_to_end(start_coupling(mapping=update_mapping(mapping.company), selection=[pine.system_id]))
    assert job.reasons == {"no_match": 1}
    now = FailedRecord.objects.get(local_id=pine.system_id)
    assert (now.pk, now.nearly, now.job_id) == (known.pk, known.nearly, known.job_id)
    assert skipped(synchronize(mapping))["10030"] == "no_match"


def test_a_name_that_is_merely_like_another_holds_nothing_back(mapping, remote):
    remote.load({"accounts": [row("Falcon Workshops of Tacoma", "206 555 0199")]})
    customer(mapping.company, "10070", "Falcon Workshop Tacoma", phone_no="206 555 0177")
    run_to_end(start_coupling(mapping=mapping))
    alike = FailedRecord.objects.get(local_key="10070")
    assert 85 <= alike.nearly < 100
    synchronize(mapping)
    assert names(remote)["Falcon Workshop Tacoma"] == 1


def test_a_choice_that_is_nearly_called_like_a_record_waits_too_but_not_where_a_person_selects_it(mapping):
    company = mapping.company
    record = PaymentTerms.objects.create(company=company, code="NET-30")
    choices = update_mapping(company, "PAYMENT TERMS", synch_only_coupled=False)
    match_on(choices, "code")
    run_to_end(start_coupling(mapping=choices, create_new=False))
    assert FailedRecord.objects.get(local_id=record.system_id).nearly == 100
    assert [one.outcome for one in Preview(choices).outcomes()] == ["skipped"]
    assert skipped(synchronize(choices)) == {"NET-30": "no_match"}
    selected = start_synchronization(mapping=choices, selection=[record.system_id], create=True)
    assert counters(run_to_end(selected)) == {"inserted": 1}


def test_the_review_and_its_command_say_how_many_wait_and_lead_to_where_they_are_settled(mapping, client, admin_user):
    company = mapping.company
    full.generate(company)
    full.recommend_full(FullSynchReviewLine.objects.get(company=company, name="CUSTOMER"))
    (told,), code = spoken("fullsync", "--company", company.name, "--mapping", "CUSTOMER", "--full", "CUSTOMER")
    (line,) = told["lines"]
    assert (code, line["status"], line["job"]["counters"]["inserted"]) == (0, "finished", 1)
    waits = "3 likely duplicates wait for a person and were not created"
    assert waits in line["message"]
    out = StringIO()
    call_command("fullsync", "--company", company.name, "--mapping", "CUSTOMER", "--full", "CUSTOMER", stdout=out)
    assert waits in out.getvalue()
    client.force_login(admin_user, backend="django.contrib.auth.backends.ModelBackend")
    page = page_text(client.get(page_url(company, "review")))
    assert "Likely duplicates wait for a person" in page and "CUSTOMER (3)" in page
    assert f'href="{page_url(company, "failures")}"' in page
    full.reset(company)
    full.recommend_full(FullSynchReviewLine.objects.get(company=company, name="CUSTOMER"))
    asked = page_text(client.get(page_url(company, "sync-all")))
    assert "CUSTOMER: create 3 in Dataverse and 6 here but for 3 likely duplicates, which wait for a person." in asked
