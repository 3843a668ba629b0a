"""The three ways out of a changed organization, with the connection enabled and not enabled."""

from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from connection_setup.connection import organization
from connection_setup.connection.state import connection_of
from connection_setup.enabling import services as enabling
from connection_setup.models import DataverseConnection
from core.refusals import Refusal
from coupling.couplings import services as couplings
from coupling.models import Coupling, CouplingBase, KnownColumns, OptionMapping
from jobs.models import Job, JobOutcome, Type
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Customer, PaymentTerms
from sync.environment import services
from sync.environment.choices import Choice, EnvironmentParameters
from sync.models import DuePair, FullSynchReviewLine, SynchState
from sync.start.services import start_synchronization
from tests.sync.conftest import accounts, counters, make_unreachable, synchronize, update_mapping
from tests.sync.environment.conftest import Changed, replace_organization


@pytest.fixture(params=["enabled", "not enabled"])
def switch(request: pytest.FixtureRequest, changed: Changed) -> bool:
    """Return whether the connection is enabled while somebody decides."""
    if request.param == "not enabled":
        enabling.disable(company=changed.company, user=None)
    return request.param == "enabled"


@pytest.mark.parametrize("start", [services.start_keeping, services.start_dropping])
def test_what_stood_for_a_choice_of_the_other_organization_is_found_anew(changed, start):
    """The same number may be another choice there: match-based coupling goes by the captions."""
    company = changed.company
    terms = PaymentTerms.objects.create(company=company, code="NET 30")
    mapping = update_mapping(company, "PAYMENT TERMS")
    OptionMapping.objects.create(company=company, mapping=mapping, local_id=terms.system_id, value=4, caption="x")
    run_to_end(start(company=company))
    assert not OptionMapping.objects.exists()


def test_a_choice_is_kept_where_its_value_has_the_same_caption_and_what_becomes_of_each_is_told(changed, remote):
    """In the demo, keeping let go of all choices unsaid: 428 of 467 customers then failed for their payment terms."""
    company = changed.company
    mapping = update_mapping(company, "PAYMENT TERMS")
    for code, value, caption in (("NET30", 1, " NET 30"), ("NET45", 3, "Net 60")):
        terms = PaymentTerms.objects.create(company=company, code=code)
        OptionMapping.objects.create(
            company=company, mapping=mapping, local_id=terms.system_id, value=value, caption=caption
        )
    situation = services.ask_situation(company)
    assert (situation.couplings, services.count_existing(company, changed.now)) == (5, 3)
    job = run_to_end(services.start_keeping(company=company))
    assert (job.total, job.processed, counters(job)) == (5, 5, {"unchanged": 3, "uncoupled": 2}), job.message
    assert job.message.startswith("3 couplings were kept, 2 dropped.")
    assert OptionMapping.objects.get().value == 1
    dropped = JobOutcome.objects.get(job=job, local_key="NET45")
    assert (dropped.outcome, dropped.reason, dropped.integration_name) == ("uncoupled", "unknown_choice", "Net 60 (3)")


def test_tables_that_the_other_organization_lacks_have_no_rows_and_no_choices_there(changed):
    company = changed.company
    terms = PaymentTerms.objects.create(company=company, code="NET30")
    mapping = update_mapping(company, "PAYMENT TERMS", integration_table="new_terms")
    OptionMapping.objects.create(company=company, mapping=mapping, local_id=terms.system_id, value=1, caption="Net 30")
    plans = update_mapping(company, "VENDOR", integration_table="new_plan")
    Coupling.objects.create(
        company=company, mapping=plans, table="vendor", local_id=uuid4(), integration_id=uuid4(),
        organization_id=changed.was,
    )  # fmt: skip
    assert services.count_existing(company, changed.now) == 2
    job = run_to_end(services.start_keeping(company=company))
    assert (job.state, counters(job)) == ("finished", {"unchanged": 2, "uncoupled": 3}), job.message


def test_choices_alone_keep_a_changed_environment_from_being_enabled_unasked(changed):
    company = changed.company
    Coupling.objects.all().delete()
    terms = PaymentTerms.objects.create(company=company, code="NET 30")
    mapping = update_mapping(company, "PAYMENT TERMS")
    OptionMapping.objects.create(company=company, mapping=mapping, local_id=terms.system_id, value=1, caption="Net 30")
    enabling.disable(company=company, user=None)
    assert not services.ask_situation(company).starts_anew
    assert not enabling.enable(company=company, user=None).ok
    job = run_to_end(services.start_dropping(company=company))
    assert (job.state, job.total, counters(job)) == ("finished", 1, {"uncoupled": 1}), job.message
    assert enabling.enable(company=company, user=None).ok


@pytest.mark.parametrize("way", ["keep", "drop", "nothing coupled"])
def test_what_columns_were_in_the_other_organization_is_compared_with_nothing(changed, way):
    """Kept until the connection belongs to another organization, whose columns are seen for the first time."""
    company = changed.company
    mapping = update_mapping(company, "CUSTOMER")
    then = {"address1_city": {"type": "Integer"}}
    KnownColumns.objects.update_or_create(mapping=mapping, defaults={"then": then, "looked_at": timezone.now()})
    if way == "keep":
        run_to_end(services.start_keeping(company=company))
    else:
        if way == "drop":
            run_to_end(services.start_dropping(company=company))
        else:
            Coupling.objects.filter(company=company).delete()
        assert KnownColumns.objects.filter(mapping=mapping).exists()
        enabling.disable(company=company, user=None)
        assert enabling.enable(company=company, user=None).ok
    assert not KnownColumns.objects.filter(mapping__company=company).exists()


def unsynchronized(company, remote):
    """Return everything that nothing may change before a choice, on both sides."""
    return (
        list(Coupling.objects.order_by("pk").values()),
        list(CouplingBase.objects.order_by("pk").values()),
        list(SynchState.objects.order_by("pk").values()),
        list(Customer.objects.order_by("pk").values()),
        remote.rows("accounts"),
        connection_of(company).organization_id,
    )


def test_what_was_and_what_is_are_told_apart_by_their_ids_and_nothing_is_written(changed, switch, remote):
    before = unsynchronized(changed.company, remote)
    found = services.ask_situation(changed.company)
    assert found.was is not None and found.now is not None
    assert (found.was.id, found.now.id) == (changed.was, changed.now)
    assert found.was.name == found.now.name  # a copy has the name of its original
    assert found.was.url == found.now.url == remote.environment_url
    assert (found.couplings, found.changed, found.problem) == (3, True, None)
    assert services.count_existing(changed.company, changed.now) == 2
    assert services.known_situation(changed.company) == found
    assert unsynchronized(changed.company, remote) == before


def test_couplings_whose_rows_exist_are_kept_and_the_others_dropped(changed, switch, remote):
    assert KnownColumns.objects.exists()
    DataverseConnection.objects.update(base_currency_id=uuid4())
    job = run_to_end(services.start_keeping(company=changed.company))
    assert (job.state, counters(job)) == ("finished", {"unchanged": 2, "uncoupled": 1}), job.message
    assert job.total == job.processed == JobOutcome.objects.filter(job=job).count() == 3
    dropped = JobOutcome.objects.get(job=job, outcome="uncoupled")
    assert (dropped.local_key, dropped.reason) == ("10003", "record_gone")
    kept = dict(Coupling.objects.values_list("integration_id", "organization_id"))
    assert kept == {changed.rows["10001"]: changed.now, changed.rows["10002"]: changed.now}
    assert CouplingBase.objects.count() == 2
    assert not KnownColumns.objects.exists(), "the columns there are not compared with those of the organization before"
    connection = connection_of(changed.company)
    assert (connection.organization_id, connection.enabled) == (changed.now, switch)
    assert connection.base_currency_id is None, "the row of the organization before means nothing in this one"
    assert not services.ask_situation(changed.company).undecided
    if not switch:
        assert enabling.enable(company=changed.company, user=None).ok
    # The copy is synchronized with what was kept: nothing is created twice.
    update_mapping(changed.company, synch_only_coupled=True)
    assert counters(synchronize(update_mapping(changed.company))) == {"unchanged": 2}


def test_all_couplings_are_dropped_and_enabling_starts_anew(changed, switch, remote):
    services_before = accounts(remote)
    job = run_to_end(services.start_dropping(company=changed.company))
    assert (job.state, counters(job)) == ("finished", {"uncoupled": 3}), job.message
    for model in (Coupling, CouplingBase, DuePair, SynchState, FullSynchReviewLine):
        assert not model.objects.exists()
    assert accounts(remote) == services_before  # no row is touched
    assert Customer.objects.count() == 3
    assert connection_of(changed.company).enabled == switch
    assert enabling.enable(company=changed.company, user=None).ok
    assert not KnownColumns.objects.exists()
    connection = connection_of(changed.company)
    assert (connection.organization_id, connection.other_organization_id) == (changed.now, None)
    assert not services.ask_situation(changed.company).undecided
    mapping = update_mapping(changed.company)
    assert run_to_end(start_synchronization(mapping=mapping)).state == "finished"


def test_dropping_needs_no_environment_at_all(changed, switch):
    make_unreachable(changed.company)
    found = services.ask_situation(changed.company)
    assert found.now is None and found.problem is not None
    assert run_to_end(services.start_dropping(company=changed.company)).state == "finished"
    assert not Coupling.objects.exists()


def test_pointing_back_is_refused_while_the_other_one_answers_and_done_once_the_own_does(changed, switch, remote):
    before = unsynchronized(changed.company, remote)
    with pytest.raises(Refusal, match="Nothing was changed") as refused:
        services.point_back(company=changed.company)
    assert refused.value.reason == "wrong_environment"
    assert unsynchronized(changed.company, remote) == before
    replace_organization(remote, changed.was)
    services.point_back(company=changed.company)
    connection = connection_of(changed.company)
    assert (connection.organization_id, connection.enabled) == (changed.was, switch)
    assert not services.known_situation(changed.company).undecided
    assert Coupling.objects.count() == 3


def test_pointing_back_restores_the_settings_and_never_sends_the_secret_to_another_place(changed, remote):
    company = changed.company
    own = connection_of(company)
    made = (own.owning_team_id, own.company_row_id, own.business_unit_id)
    make_unreachable(company)  # while it stays enabled
    with pytest.raises(Refusal) as refused:
        services.point_back(company=company)
    assert refused.value.field == "client_secret"
    replace_organization(remote, changed.was)
    services.point_back(company=company, secret=remote.client_secret)
    connection = connection_of(company)
    assert (connection.environment_url, connection.enabled) == (remote.environment_url, True)
    assert (connection.owning_team_id, connection.company_row_id, connection.business_unit_id) == made
    assert synchronize(update_mapping(company)).state == "finished"


def test_a_cancelled_choice_leaves_every_way_open(changed, remote, monkeypatch):
    """The first of two checkpoints has marked a coupling; then somebody cancels, and the own organization is back."""
    monkeypatch.setattr(services, "CHUNK", 1)
    job = services.start_keeping(company=changed.company)
    seen = []

    def stop(row: Job) -> None:
        seen.append(row.processed)
        if row.processed and not row.ended:
            cancel(job=Job.objects.get(pk=row.pk))

    assert run_to_end(job, stop).state == "cancelled"
    assert set(Coupling.objects.values_list("organization_id", flat=True)) == {changed.was, changed.now}
    replace_organization(remote, changed.was)
    found = services.ask_situation(changed.company)
    assert (found.changed, found.undecided, found.couplings) == (False, True, 3)
    stopped = run_to_end(start_synchronization(mapping=update_mapping(changed.company), full=True))
    assert stopped.failure_reason == "wrong_environment"
    given_back = services.point_back(company=changed.company)
    assert given_back is not None
    assert run_to_end(given_back).state == "finished"
    assert set(Coupling.objects.values_list("organization_id", flat=True)) == {changed.was}
    assert not services.known_situation(changed.company).undecided


def test_a_job_resumes_where_it_stood(changed, settings, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 1)
    settings.JOB_SLICE_S = 0  # each checkpoint ends a slice
    job = run_to_end(services.start_keeping(company=changed.company))
    assert (job.state, counters(job)) == ("finished", {"unchanged": 2, "uncoupled": 1}), job.message


def test_an_environment_that_changes_again_stops_the_job(changed, remote):
    job = services.start_keeping(company=changed.company)
    replace_organization(remote)
    job = run_to_end(job)
    assert (job.state, job.failure_reason) == ("failed", "wrong_environment")
    assert Coupling.objects.filter(organization_id=changed.was).count() == 3


def test_jobs_on_the_couplings_end_first_and_imports_go_on(changed):
    mapping = update_mapping(changed.company)
    queued = couplings.start_uncoupling(mapping=mapping, all=True)
    job = services.start_dropping(company=changed.company)
    queued.refresh_from_db()
    assert (queued.state, queued.failure_reason) == ("failed", "wrong_environment")
    with pytest.raises(Refusal, match=f"Job {job.pk}"):
        services.start_keeping(company=changed.company)
    assert run_to_end(job).state == "finished"


def test_a_job_waits_for_one_that_has_not_stopped_yet(changed):
    job = services.start_dropping(company=changed.company)
    working = Job.objects.create(company=changed.company, type=Type.COUPLING, state="in_process", fence=1)
    run = []

    def look(row: Job) -> None:
        run.append(row.state)
        if row.state == "postponed":
            Job.objects.filter(pk=working.pk).update(state="cancelled")

    assert run_to_end(job, look).state == "finished"
    assert "postponed" in run


def test_another_companys_couplings_are_left_alone(changed, company):
    other = type(company).objects.create(name="Fabrikam", currency_code="USD")
    mapping = update_mapping(company)
    mapping.pk, mapping.company = None, other
    mapping.save()
    Coupling.objects.create(
        company=other, mapping=mapping, table="customer", local_id=uuid4(), integration_id=uuid4(),
        organization_id=changed.was,
    )  # fmt: skip
    run_to_end(services.start_dropping(company=changed.company))
    assert list(Coupling.objects.values_list("company_id", flat=True)) == [other.pk]


def test_keeping_is_refused_where_nothing_changed(company, coupled):
    with pytest.raises(Refusal, match="kept as it is"):
        services.start_keeping(company=company)
    assert not Job.objects.filter(type=Type.ENVIRONMENT).exists()


def test_parameters_are_stored_as_text():
    given = EnvironmentParameters(choice=Choice.KEEP, organization=UUID(int=5))
    assert EnvironmentParameters.load(given.dump()) == given


def test_what_became_the_own_organization_meanwhile_is_not_taken_for_another(changed):
    """A slice that began before a choice was carried out asks after it."""
    before = connection_of(changed.company)
    run_to_end(services.start_keeping(company=changed.company))
    assert organization.record_answer(before, changed.now, lambda: "late") is False
    assert not services.known_situation(changed.company).undecided
