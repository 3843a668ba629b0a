"""Jobs run on a real database: slices, ends, follow-ups, keys, fences."""

import time
import uuid
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db.models import F
from django.utils import timezone

from jobs import lease, services
from jobs.errors import EmptySelection, LeaseLost
from jobs.lease import Lease, NotClaimed
from jobs.models import Job, JobOutcome, JobRecord, Reason, State
from jobs.running import runner, waiting
from jobs.running.runner import JobContext, OutcomeRow
from jobs.states import MAX_LOST_WORKERS
from tests.jobs.conftest import counting, stored

pytestmark = pytest.mark.django_db


def test_a_job_runs_to_its_end_and_its_counters_equal_its_outcomes(company, kinds):
    kinds("counting", counting)
    job = services.start(company=company, type="counting", parameters={"to": 7})
    assert job.state == State.QUEUED
    done = waiting.run_to_end(job)
    assert (done.state, done.processed, done.total, done.counters["coupled"]) == (State.FINISHED, 7, 7, 7)
    assert done.outcomes.count() == 7
    assert done.breakdown == {"coupled": {"": 7}}
    assert done.lease_until is None
    assert done.ended_at >= done.started_at


def test_outcomes_are_numbered_within_their_outcome_and_reason_across_checkpoints_and_slices(company, kinds, settings):
    settings.JOB_SLICE_S = 0
    groups = [("failed", "no_match"), ("coupled", ""), ("failed", "multiple_matches")]

    def handler(context: JobContext) -> None:
        for at in range(context.resume.get("at", 0), 4):
            with context.checkpoint() as point:
                point.outcomes += [OutcomeRow(*groups[n % 3]) for n in range(at + 5)]
                point.resume = {"at": at + 1}

    kinds("grouping", handler)
    done = waiting.run_to_end(services.start(company=company, type="grouping"))
    assert sum(sum(by.values()) for by in done.breakdown.values()) == 5 + 6 + 7 + 8
    for outcome, reason in groups:
        found = done.outcomes.filter(outcome=outcome, reason=reason).order_by("id")
        assert list(found.values_list("position", flat=True)) == list(range(1, done.breakdown[outcome][reason] + 1))


def test_slices_end_when_their_time_is_up_and_the_next_goes_on_from_the_checkpoint(company, kinds, settings):
    settings.JOB_SLICE_S = 0
    entered = []

    def handler(context: JobContext) -> None:
        entered.append((context.resume.get("next", 0), dict(context.kept)))
        context.kept["seen"] = len(entered)
        counting(context)

    kinds("counting", handler)
    done = waiting.run_to_end(services.start(company=company, type="counting", parameters={"to": 3}))
    assert done.state == State.FINISHED
    assert done.counters["coupled"] == 3
    assert entered == [(0, {}), (1, {"seen": 1}), (2, {"seen": 2}), (3, {"seen": 3})]
    assert done.fence == 4


def test_an_error_inside_a_checkpoint_saves_nothing_of_it(company, kinds):
    def handler(context: JobContext) -> None:
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
            raise RuntimeError("poison at /home/somebody/app.py with password=hunter2 and Bearer abcdefghijk")

    kinds("counting", handler)
    done = waiting.run_to_end(services.start(company=company, type="counting"))
    assert (done.state, done.failure_reason) == (State.FAILED, Reason.INTERNAL)
    assert done.counters["coupled"] == done.outcomes.count() == 1
    assert "RuntimeError" in done.detail
    for secret in ("hunter2", "abcdefghijk", "/home/", str(django_settings.BASE_DIR)):
        assert secret not in done.detail + done.message


def test_an_error_that_knows_better_brings_its_reason_and_both_texts(company, kinds):
    class NotConnected(Exception):
        reason = "not_enabled"
        detail = "code 0x80040220"
        request_id = "c0ffee"

    def handler(context: JobContext) -> None:
        raise NotConnected("The connection is not enabled. Enable it on Dataverse Connection Setup.")

    kinds("counting", handler)
    done = waiting.run_to_end(services.start(company=company, type="counting"))
    assert (done.state, done.failure_reason) == (State.FAILED, Reason.NOT_ENABLED)
    assert done.message.startswith("The connection is not enabled.")
    assert "0x80040220" in done.detail
    assert "c0ffee" in done.detail


def test_a_long_retry_after_postpones_the_job_and_gives_the_key_free(company, kinds):
    class Throttled(Exception):
        reason = "throttled"
        user_message = "Dataverse asks to wait."
        retry_after = 0.4

    def handler(context: JobContext) -> None:
        if not context.resume:
            with context.checkpoint() as point:
                point.resume = {"once": True}
            raise Throttled

    kinds("counting", handler)
    job = services.start(company=company, type="counting", exclusive_key="k")
    assert runner.run(job.pk) is None
    job.refresh_from_db()
    assert (job.state, job.message) == (State.POSTPONED, "Dataverse asks to wait.")
    assert job.not_before > timezone.now()
    assert lease.holder_of("k") is None
    assert runner.run(job.pk).why == "not_due"
    assert waiting.run_to_end(job).state == State.FINISHED
    assert Job.objects.get().message == ""


def test_cancelling_a_queued_job_ends_it_at_once_and_a_running_one_at_its_next_checkpoint(
    company, kinds, django_user_model
):
    ada = django_user_model.objects.create_user("ada")
    kinds("counting", counting)
    queued = services.start(company=company, type="counting", parameters={"to": 1})
    assert services.cancel(job=queued, user=ada).state == State.CANCELLED
    assert isinstance(runner.run(queued.pk), NotClaimed)

    def handler(context: JobContext) -> None:
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
        services.cancel(job=context.job, user=ada)
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
        raise AssertionError("never reached")

    kinds("counting", handler)
    done = waiting.run_to_end(services.start(company=company, type="counting"))
    assert (done.state, done.message, done.counters["coupled"]) == (State.CANCELLED, "Cancelled by ada.", 2)
    assert services.cancel(job=done).state == State.CANCELLED


def test_follow_ups_are_inserted_with_the_end_of_their_parent_and_waited_for(company, kinds):
    ids = [uuid.UUID(int=n) for n in (3, 1, 2, 3)]

    def couple(context: JobContext) -> None:
        context.finish(
            "All done.",
            outcomes=[OutcomeRow("failed", "no_match")],
            follow_ups=[{"type": "after", "parameters": {"create": True}, "selection": iter(ids)}],
        )

    seen = []
    kinds("couple", couple)
    kinds("after", lambda context: seen.extend(context.selection()))
    job = services.start(company=company, type="couple", mapping_name="CUSTOMER", exclusive_key="k")
    done = waiting.run_to_end(job)
    assert (done.state, done.message, done.reasons) == (State.FINISHED, "All done.", {"no_match": 1})
    after = done.followups.get()
    assert (after.state, after.trigger, after.mapping_name, after.exclusive_key) == (
        "finished",
        "follow_up",
        "CUSTOMER",
        "k",
    )
    assert seen == [sorted(set(ids))]
    told = services.summary(done)
    assert told["counters"]["failed"] == 1
    assert told["followups"][0]["job"] == after.pk


def test_a_follow_up_without_records_undoes_the_whole_checkpoint(company, kinds):
    kinds("after", counting)

    def couple(context: JobContext) -> None:
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
            point.follow_up(type="after", selection=[])

    kinds("couple", couple)
    done = waiting.run_to_end(services.start(company=company, type="couple"))
    assert done.state == State.FAILED
    assert not JobOutcome.objects.exists()
    assert Job.objects.count() == 1


def test_an_empty_selection_is_refused_and_leaves_no_job(company, kinds):
    kinds("counting", counting)
    with pytest.raises(EmptySelection, match="nothing to do"):
        services.start(company=company, type="counting", selection=[])
    assert not Job.objects.exists()
    assert not JobRecord.objects.exists()


def test_a_selection_is_read_in_id_order_in_chunks_of_a_thousand_and_behind_an_id(company, kinds):
    ids = [uuid.uuid4() for _ in range(2500)]
    kinds("counting", counting)
    job = services.start(company=company, type="counting", selection=ids, selection_side="integration")
    with Lease(job.pk, 0) as held:
        context = JobContext(job, held, kept={})
        chunks = list(context.selection())
        assert [len(chunk) for chunk in chunks] == [1000, 1000, 500]
        assert [key for chunk in chunks for key in chunk] == sorted(ids)
        assert [key for chunk in context.selection(after=sorted(ids)[1999]) for key in chunk] == sorted(ids)[2000:]
        assert context.selection_side == "integration"


def test_jobs_of_one_key_run_one_after_another_and_say_what_they_wait_for(company, kinds):
    kinds("counting", counting)
    holder = stored(
        company,
        state=State.IN_PROCESS,
        exclusive_key="k",
        parameters={"to": 1},
        lease_until=timezone.now() + timedelta(hours=1),
    )
    first = services.start(company=company, type="counting", exclusive_key="k", parameters={"to": 1})
    second = services.start(company=company, type="counting", exclusive_key="k", parameters={"to": 1})
    other = services.start(company=company, type="counting", exclusive_key="j", parameters={"to": 1})
    assert runner.run(first.pk) == NotClaimed("waiting", holder.pk)
    assert runner.run(second.pk) == NotClaimed("waiting", first.pk)
    assert services.waits_for(first) == holder
    assert services.waits_for(other) is None
    assert runner.run(other.pk) is None
    Job.objects.filter(pk=holder.pk).update(lease_until=None)
    services.cancel(job=holder)
    assert services.waits_for(first) is None
    assert services.waits_for(second) == first
    assert waiting.run_to_end(second).state == State.FINISHED
    first.refresh_from_db()
    assert first.state == State.FINISHED


def test_a_long_run_yields_at_a_checkpoint_to_a_one_record_job_on_its_key(company, kinds):
    order = []

    def long(context: JobContext) -> None:
        for number in range(context.resume.get("next", 0), 3):
            if number == 1 and not Job.objects.filter(one_record=True).exists():
                services.start(company=context.company, type="short", exclusive_key="k", one_record=True)
            with context.checkpoint() as point:
                point.resume = {"next": number + 1}
            order.append(number)

    kinds("long", long)
    kinds("short", lambda context: order.append("short"))
    done = waiting.run_to_end(services.start(company=company, type="long", exclusive_key="k"))
    assert done.state == State.FINISHED
    assert order == [0, "short", 2]


def test_a_worker_whose_job_was_taken_over_writes_and_sends_nothing_more(company, kinds):
    sent = []

    def handler(context: JobContext) -> None:
        context.usage.requests += 1
        Job.objects.filter(pk=context.job.pk).update(fence=99)
        with pytest.raises(LeaseLost), context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
        with pytest.raises(LeaseLost):
            context.usage.requests += 1
            sent.append("a request")
        raise LeaseLost

    kinds("counting", handler)
    job = services.start(company=company, type="counting")
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.fence) == (State.IN_PROCESS, 99)
    assert not sent
    assert not JobOutcome.objects.exists()


def test_a_job_with_a_dead_worker_goes_on_and_one_that_kills_every_worker_fails_with_a_sentence(company, kinds):
    kinds("counting", counting)
    past = timezone.now() - timedelta(seconds=1)
    job = stored(company, state=State.IN_PROCESS, fence=1, lease_until=past, parameters={"to": 4}, resume={"next": 2})
    assert waiting.run_to_end(job).state == State.FINISHED
    assert [outcome.local_key for outcome in job.outcomes.order_by("id")] == ["2", "3"]

    poison = stored(
        company, state=State.IN_PROCESS, fence=9, lease_until=past, attempts=MAX_LOST_WORKERS - 1, worker="w7"
    )
    done = waiting.run_to_end(poison)
    assert (done.state, done.failure_reason) == (State.FAILED, Reason.INTERNAL)
    assert f"{MAX_LOST_WORKERS} times in a row" in done.message
    assert "w7" in done.detail


def test_a_stopping_worker_ends_its_slice_and_gives_the_lease_back(company, kinds):
    def handler(context: JobContext) -> None:
        lease.stopping.set()
        counting(context)

    kinds("counting", handler)
    job = services.start(company=company, type="counting", parameters={"to": 5})
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.lease_until, job.worker, job.processed) == (State.IN_PROCESS, None, "", 1)


def test_an_interrupted_command_gives_the_lease_back(company, kinds):
    def handler(context: JobContext) -> None:
        raise KeyboardInterrupt

    kinds("counting", handler)
    job = services.start(company=company, type="counting")
    with pytest.raises(KeyboardInterrupt):
        waiting.run_to_end(job)
    job.refresh_from_db()
    assert (job.state, job.lease_until) == (State.IN_PROCESS, None)


def test_long_texts_are_cut_to_their_columns(company, kinds):
    def handler(context: JobContext) -> None:
        with context.checkpoint() as point:
            point.phase = "p" * 100
            point.outcomes.append(OutcomeRow("failed", "no_match", local_key="k" * 99, local_name="n" * 300))

    kinds("counting", handler)
    assert waiting.run_to_end(services.start(company=company, type="counting")).state == State.FINISHED
    assert len(JobOutcome.objects.get().local_name) == 200


def test_nothing_is_sent_inside_a_checkpoint(company, kinds):
    def handler(context: JobContext) -> None:
        context.usage.requests += 1
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
            context.usage.requests += 1

    kinds("counting", handler)
    done = waiting.run_to_end(services.start(company=company, type="counting"))
    assert (done.state, done.failure_reason, done.requests) == (State.FAILED, Reason.INTERNAL, 1)
    assert "inside a checkpoint" in done.detail
    assert not JobOutcome.objects.exists()


def test_a_selection_may_be_a_query_and_an_empty_one_is_refused_too(company, kinds):
    kinds("counting", counting)
    ids = sorted(uuid.uuid4() for _ in range(3))
    source = stored(company, state=State.FINISHED)
    JobOutcome.objects.bulk_create(JobOutcome(job=source, outcome="coupled", local_id=one) for one in ids)
    chosen = JobOutcome.objects.filter(job=source, outcome="coupled").values_list("local_id", flat=True)
    job = services.start(company=company, type="counting", selection=chosen)
    assert list(job.records.order_by("local_id").values_list("local_id", flat=True)) == ids
    with pytest.raises(EmptySelection):
        services.start(company=company, type="counting", selection=chosen.filter(outcome="failed"))
    assert Job.objects.count() == 2


@pytest.mark.parametrize(
    ("other", "given_way"),
    [
        ({"published_at": timezone.now() - timedelta(seconds=10)}, True),
        ({}, False),  # published just now: a free worker takes it
        ({"published_at": timezone.now() - timedelta(seconds=10), "exclusive_key": "k"}, False),  # waits for this one
        ({"published_at": timezone.now() - timedelta(seconds=10), "cancel_requested": True}, False),
        ({"published_at": None}, False),
    ],
)
def test_between_slices_a_job_gives_way_to_one_that_no_worker_has_taken(company, kinds, settings, other, given_way):
    settings.JOB_SLICE_S = 0
    kinds("counting", counting)
    job = services.start(company=company, type="counting", parameters={"to": 3}, exclusive_key="k")
    stored(company, **other)
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.processed, job.state) == ((1, State.IN_PROCESS) if given_way else (3, State.FINISHED))


class Unreachable(Exception):
    """The service does not answer now."""

    reason = "unreachable"
    user_message = "Dataverse is busy."
    repeat = True


def test_an_outage_in_the_middle_is_waited_out_longer_each_time_and_then_fails(company, kinds, settings):
    def handler(context: JobContext) -> None:
        if not context.resume:
            with context.checkpoint() as point:
                point.resume = {"begun": True}
        raise Unreachable

    kinds("counting", handler)
    job = services.start(company=company, type="counting", exclusive_key="k")
    waits, gone, began = [], 0.0, time.monotonic()
    while not job.ended:
        assert runner.run(job.pk) is None
        job.refresh_from_db()
        if job.ended:
            break
        assert "goes on by itself" in job.message
        assert lease.holder_of("k") is None
        wait = (job.not_before - timezone.now()).total_seconds()
        waits.append(round(wait))
        gone += wait
        # As if that time had passed.
        Job.objects.update(not_before=None, outage_since=F("outage_since") - timedelta(seconds=wait))
    assert waits[:5] == [15, 15, 30, 60, 120]
    gone += time.monotonic() - began  # this test's own time is part of the outage too
    assert settings.JOB_OUTAGE_S <= gone <= settings.JOB_OUTAGE_S + 120
    assert (job.state, job.failure_reason) == (State.FAILED, Reason.UNREACHABLE)
    assert job.message.startswith("Dataverse is busy. Dataverse was asked again for 1")
    assert job.resume == {"begun": True}


def test_a_passing_outage_leaves_nothing_behind(company, kinds, settings):
    settings.JOB_OUTAGE_S = 4
    left = [Unreachable, Unreachable]

    def handler(context: JobContext) -> None:
        if not context.resume:
            with context.checkpoint() as point:
                point.resume = {"begun": True}
        if left:
            raise left.pop()
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
        context.finish()

    kinds("counting", handler)
    done = waiting.run_to_end(services.start(company=company, type="counting"))
    assert (done.state, done.message, done.outage_since) == (State.FINISHED, "", None)


def test_a_job_that_never_reached_dataverse_says_so_at_once(company, kinds):
    def handler(context: JobContext) -> None:
        raise Unreachable

    kinds("counting", handler)
    done = waiting.run_to_end(services.start(company=company, type="counting"))
    assert (done.state, done.failure_reason, done.message) == (State.FAILED, Reason.UNREACHABLE, "Dataverse is busy.")


def test_a_lease_that_cannot_be_given_back_does_not_hide_what_stops_the_worker(company, kinds):
    def handler(context: JobContext) -> None:
        Job.objects.update(fence=F("fence") + 1)
        raise KeyboardInterrupt

    kinds("counting", handler)
    with pytest.raises(KeyboardInterrupt):
        runner.run(services.start(company=company, type="counting").pk)


def test_a_request_may_take_no_longer_than_the_lease_lasts(company, kinds, settings):
    settings.JOB_LEASE_S, settings.JOB_HEARTBEAT_S = 2, 1
    seen = []

    def handler(context: JobContext) -> None:
        seen.append(context.usage.seconds_left())
        context.finish()

    kinds("counting", handler)
    waiting.run_to_end(services.start(company=company, type="counting"))
    assert 1 < seen[0] <= 2


@pytest.mark.django_db(transaction=True)
def test_a_checkpoint_that_is_rolled_back_does_not_lengthen_the_lease(company, kinds, settings):
    settings.JOB_LEASE_S, settings.JOB_HEARTBEAT_S = 30, 600
    left = []

    def handler(context: JobContext) -> None:
        time.sleep(0.3)
        before = context.usage.seconds_left()
        with pytest.raises(ValueError, match="no"), context.checkpoint():
            raise ValueError("no")
        left.append(context.usage.seconds_left() <= before)
        with context.checkpoint() as point:
            point.phase = "Counting"
        left.append(context.usage.seconds_left() > before)
        context.finish()

    kinds("counting", handler)
    assert waiting.run_to_end(services.start(company=company, type="counting")).state == State.FINISHED
    assert left == [True, True]
