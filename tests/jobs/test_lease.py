"""A lease is over once it is given back, whatever its heartbeat is about to do."""

from jobs.errors import LeaseLost
from jobs.lease import Lease, claim
from jobs.models import State
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
