"""A lease is over once it is given back, whatever its heartbeat is about to do."""

from jobs import display
from jobs.errors import LeaseLost
from jobs.lease import Lease, Told, claim
from jobs.models import Job, State
from jobs.running import runner
from jobs.running.context import JobContext
from tests.jobs.conftest import stored


def test_a_heartbeat_that_comes_late_does_not_take_back_what_was_given_back(transactional_db, company):
    job = claim(stored(company, exclusive_key="k").pk)
    lease = Lease(job.pk, job.fence)
    context = JobContext(job, lease, kept={})
    runner._give_back(context)
    try:
        lease.renew()  # it waited for the database while the lease was given back
    except LeaseLost:
        assert not lease.held()
    job.refresh_from_db()
    assert (job.state, job.lease_until, job.worker) == (State.IN_PROCESS, None, "")
    again = claim(job.pk)
    assert (again.pk, again.attempts) == (job.pk, 0)


def test_the_heartbeat_tells_how_far_the_batch_in_hand_is_and_a_checkpoint_knows_better(transactional_db, company):
    job = claim(stored(company, exclusive_key="k", processed=1000, total=2000).pk)
    with Lease(job.pk, job.fence) as lease:
        context = JobContext(job, lease, kept={})
        shown = []
        for rows in (0, 250, 250, 600, 5000):
            context.usage.rows_written = rows
            context.usage.requests += 1
            lease._tell()
            now = stored_again(job)
            shown.append((now.processed, now.under_way, now.requests))
            if rows == 250:
                waits = display.progress(now, poll_url="/")
                assert waits.text == "1,250 of 2,000 records"
                assert waits.percent == 62
        # More rows than records, as of records that take several, count no further than the end.
        assert shown == [(1000, 0, 0), (1000, 250, 2), (1000, 250, 2), (1000, 600, 4), (1000, 1000, 5)]
        stale = context._under_way
        lease.tell = lambda: Told(1000, {"under_way": 7})
        with context.checkpoint() as point:
            point.processed(1000)
        lease._tell()  # it was counted before the checkpoint
        assert (stored_again(job).processed, stored_again(job).under_way) == (2000, 0)
        assert stale() is None


def test_what_a_lost_worker_told_of_its_batch_counts_for_nothing(transactional_db, company):
    job = claim(stored(company, exclusive_key="k", total=2000).pk)
    with Lease(job.pk, job.fence) as lease:
        context = JobContext(job, lease, kept={})
        context.usage.rows_written = 300
        lease._tell()
        runner._give_back(context)
    assert stored_again(job).under_way == 300
    again = claim(job.pk)
    assert (again.processed, again.under_way) == (0, 0)


def stored_again(job):
    return Job.objects.get(pk=job.pk)
