"""Updates that were carried out without our knowing count as modified, whatever happens before they are settled."""

from django.utils import timezone

from core.vocabulary import Direction
from coupling.gateway import Gateway
from jobs.models import Job
from jobs.running.waiting import run_to_end
from sync.start.services import start_synchronization
from tests.recovery.scenarios import world


class Killed(BaseException):
    """The process is gone."""


def broken_once(monkeypatch, owner, name):
    """Break off after the first call of a method."""
    whole, calls = getattr(owner, name), []

    def broken(self, *given, **more):
        result = whole(self, *given, **more)
        calls.append(name)
        if len(calls) == 1:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, broken)


def test_an_update_whose_result_was_lost_counts_as_modified_also_slices_later(
    transactional_db, sandbox, monkeypatch, settings
):
    w = world(sandbox)
    mapping = w.coupled(range(6))
    w.edit_here(range(6), city="Ulm {}")
    settings.JOB_SLICE_S = 0  # every checkpoint ends a slice, and what was only in memory is gone
    broken_once(monkeypatch, Gateway, "update")
    job = start_synchronization(mapping=mapping, direction=Direction.TO)
    for _ in range(5):
        try:
            job = run_to_end(job)
            break
        except Killed:
            Job.objects.filter(pk=job.pk).update(lease_until=timezone.now())
    assert (job.state, job.counters["modified"], job.counters["unchanged"]) == ("finished", 6, 0)


def test_an_update_whose_answer_was_lost_counts_as_modified(transactional_db, sandbox):
    w = world(sandbox)
    mapping = w.coupled(range(6))
    w.edit_here(range(6), city="Ulm {}")
    sandbox.control("POST", "faults", [{"method": "POST", "path": "$batch", "fault": "lost_reply"}])
    job = run_to_end(start_synchronization(mapping=mapping, direction=Direction.TO))
    assert (job.state, job.counters["modified"], job.counters["unchanged"]) == ("finished", 6, 0), job.message
    assert {row["address1_city"] for row in sandbox.rows("accounts")} == {f"Ulm {n:05d}" for n in range(6)}
