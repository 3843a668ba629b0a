"""What claiming a job writes and answers, and what a lease is worth."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from jobs import lease
from jobs.errors import LOST_MESSAGE, LeaseLost
from jobs.lease import Lease, NotClaimed, claim
from jobs.models import Job, Reason, State
from jobs.states import MAX_LOST_WORKERS, Claim
from tests.jobs.conftest import stored

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def like(company):
    """Store a job, and one of the same columns beside it that no statement about the first may touch."""
    beside = []

    def make(**columns):
        job, other = stored(company, **columns), stored(company, **columns)
        beside.append(Job.objects.filter(pk=other.pk).values().get())
        return job

    yield make
    for columns in beside:
        assert Job.objects.filter(pk=columns["id"]).values().get() == columns


def test_what_does_not_exist_or_has_ended_is_not_claimed(company):
    assert claim(4711) == NotClaimed(Claim.ENDED)
    for state in (State.FINISHED, State.FAILED, State.CANCELLED):
        assert claim(stored(company, state=state).pk) == NotClaimed(Claim.ENDED)


def test_a_job_that_is_held_or_not_due_says_until_when(company):
    later = timezone.now() + HOUR
    held = stored(company, state=State.IN_PROCESS, lease_until=later)
    assert claim(held.pk) == NotClaimed(Claim.HELD, until=later)
    waiting = stored(company, state=State.POSTPONED, not_before=later, lease_until=None)
    assert claim(waiting.pk) == NotClaimed(Claim.NOT_DUE, until=later)


def test_a_claim_takes_the_row_and_nothing_else(like):
    before = timezone.now()
    row = like(state=State.POSTPONED, not_before=before - HOUR, message="Waits.", fence=7, attempts=3)
    job = claim(row.pk)
    assert isinstance(job, Job)
    assert (job.state, job.fence, job.attempts, job.not_before, job.message) == (State.IN_PROCESS, 8, 3, None, "")
    assert job.worker == lease.worker_name()
    assert before <= job.started_at <= timezone.now()
    assert before <= job.lease_until - timedelta(seconds=settings.JOB_LEASE_S) <= timezone.now()


def test_a_job_goes_on_after_a_lost_worker_and_remembers_when_it_began(company, caplog):
    began = timezone.now() - HOUR
    row = stored(
        company, state=State.IN_PROCESS, lease_until=began, started_at=began, attempts=2, worker="dead", fence=1
    )
    job = claim(row.pk)
    assert (job.attempts, job.started_at, job.fence) == (3, began, 2)
    assert caplog.messages == [f"job {row.pk}: its worker dead was lost; going on from its checkpoint"]


@pytest.mark.parametrize(("message", "says"), [("", "Cancelled."), ("Cancelled by Ada.", "Cancelled by Ada.")])
def test_a_job_that_was_to_be_cancelled_is_cancelled_instead_of_claimed(like, message, says):
    row = like(cancel_requested=True, message=message, phase="Reading", fence=4)
    assert claim(row.pk) == NotClaimed(Claim.ENDED)
    row.refresh_from_db()
    assert (row.state, row.message, row.failure_reason, row.phase, row.fence) == (State.CANCELLED, says, "", "", 5)
    assert row.ended_at is not None


@pytest.mark.parametrize(("phase", "shown"), [("Reading", "Reading"), ("", "none")])
def test_a_job_that_lost_too_many_workers_fails_and_names_the_last(company, phase, shown):
    row = stored(
        company, state=State.IN_PROCESS, lease_until=timezone.now() - HOUR, worker="w:1", phase=phase,
        attempts=MAX_LOST_WORKERS - 1,
    )  # fmt: skip
    assert claim(row.pk) == NotClaimed(Claim.ENDED)
    row.refresh_from_db()
    assert (row.state, row.failure_reason) == (State.FAILED, Reason.INTERNAL)
    assert row.message == LOST_MESSAGE.format(times=MAX_LOST_WORKERS)
    assert row.detail == f"Last worker: w:1. Phase: {shown}."
    assert (row.lease_until, row.phase) == (None, "")


def test_jobs_of_one_key_are_claimed_in_their_order(company):
    first, second = (stored(company, exclusive_key="k") for _ in range(2))
    stored(company, exclusive_key="other")
    assert claim(second.pk) == NotClaimed("waiting", first.pk)
    assert claim(first.pk).pk == first.pk
    assert claim(second.pk) == NotClaimed("waiting", first.pk)
    second.refresh_from_db()
    assert (second.state, second.fence) == (State.QUEUED, 0)


def test_a_postponed_job_whose_key_is_taken_queues_again(company):
    holder = stored(company, exclusive_key="k", state=State.IN_PROCESS)
    stored(company, exclusive_key="other", state=State.IN_PROCESS)
    row = stored(
        company, exclusive_key="k", state=State.POSTPONED, not_before=timezone.now() - HOUR, phase="Waiting"
    )  # fmt: skip
    assert claim(row.pk) == NotClaimed("waiting", holder.pk)
    row.refresh_from_db()
    assert (row.state, row.not_before, row.phase) == (State.QUEUED, None, "")
    assert lease.holder_of("k") == holder.pk
    assert lease.holder_of("free") is None


def test_a_job_is_ended_only_as_it_was_read(like):
    row = like(fence=3)
    stale = Job.objects.get(pk=row.pk)
    Job.objects.filter(pk=row.pk).update(fence=4)
    assert lease.end_unheld(stale, State.FAILED, message="Too late.") is False
    row.refresh_from_db()
    assert (row.state, row.message, row.fence) == (State.QUEUED, "", 4)
    assert lease.end_unheld(row, State.FAILED, message="Now.", reason="internal", detail="Why.") is True
    row.refresh_from_db()
    assert (row.state, row.message, row.failure_reason, row.detail) == (State.FAILED, "Now.", "internal", "Why.")


def test_a_lease_is_worth_what_is_left_of_it_and_nothing_once_it_is_lost(
    company, settings, django_capture_on_commit_callbacks
):
    settings.JOB_LEASE_S = 50
    job = claim(stored(company).pk)
    held = Lease(job.pk, job.fence)
    assert held.held()
    assert 49 < held.seconds_left() <= 50
    settings.JOB_LEASE_S = 500
    with django_capture_on_commit_callbacks(execute=True):
        held.renew()
        assert held.seconds_left() <= 50, "not before the transaction is committed"
    assert 499 < held.seconds_left() <= 500
    settings.JOB_LEASE_S = 5
    with django_capture_on_commit_callbacks(execute=True):
        held.renew()
    assert held.seconds_left() > 499, "a shorter lease takes back nothing that was promised"
    other = stored(company, state=State.QUEUED, fence=job.fence)
    Job.objects.filter(pk=job.pk).update(state=State.QUEUED)
    with pytest.raises(LeaseLost, match=f"Job {job.pk} was given back, taken over or ended elsewhere"):
        held.renew()
    assert (held.held(), held.seconds_left()) == (False, 0.0)
    with pytest.raises(LeaseLost, match=f"The lease of job {job.pk} expired or was taken over"):
        held.ensure()
    other.refresh_from_db()
    assert other.lease_until is None


def test_a_worker_is_named_by_machine_process_and_thread():
    machine, process, thread = lease.worker_name().rsplit(":", 2)
    assert machine and int(process) > 0
    assert 0 <= int(thread, 16) <= 0xFFFF
