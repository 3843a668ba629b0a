"""The service carries writes out and their answers are lost: nothing is done twice, and little is asked to be sure."""

import pytest

from core.vocabulary import Direction
from coupling.couplings.services import start_uncoupling
from coupling.couplings.uncouple_job import COUPLINGS_PER_CHECKPOINT
from jobs.running.waiting import run_to_end
from sync.start.services import start_synchronization
from tests.recovery.killing import checked
from tests.recovery.scenarios import world

pytestmark = [pytest.mark.processes, pytest.mark.timeout(200)]

RECORDS = 1300
BATCHES = 2
"""1000 rows are decided and saved together."""


def some_lost(size, batches=BATCHES):
    """Lose the answers of some $batches of updates: of the first, and of one in each further `size` rows.

    Faults strike at a part of it, counted over all batches; one that has struck hides its part from those behind it.
    No row is sent twice, so the parts are as many as the rows.
    """
    fault = {"method": "PATCH", "path": "accounts", "fault": "lost_reply", "times": 1}
    return [{**fault, "after": size * turn - turn} for turn in range(batches)]


def requests_of(sandbox, start):
    """Run the job to its end; the requests it took and the job."""
    sandbox.control("DELETE", "requests")
    job = run_to_end(start())
    return sandbox.requests(), job


def synchronized(w, mapping):
    return lambda: start_synchronization(mapping=mapping, direction=Direction.TO, create=True)


@pytest.mark.sample
def test_rows_whose_creation_was_not_answered_are_there_once(transactional_db, sandbox):
    told = {}
    for lost in (False, True):
        w = world(sandbox)
        w.records(range(RECORDS))
        mapping = w.mapping(synch_only_coupled=False)
        if lost:  # each CreateMultiple is a first write; what follows it is a read
            sandbox.control(
                "POST", "faults", [{"method": "POST", "path": "accounts", "fault": "lost_reply", "times": 0}]
            )
        told[lost], job = requests_of(sandbox, synchronized(w, mapping))
        assert (job.state, job.counters["inserted"]) == ("finished", RECORDS), job.message
        assert len(sandbox.rows("accounts", "accountid")) == RECORDS
        sandbox.control("DELETE", "faults")
        checked("create_new", w, job)
    assert told[True]["rows_written"] == told[False]["rows_written"]
    assert told[True]["total"] - told[False]["total"] <= BATCHES, (told[False]["by"], told[True]["by"])


def test_updates_that_were_not_answered_are_made_once_and_count_as_modified(transactional_db, sandbox):
    told = {}
    for lost in (False, True):
        w = world(sandbox)
        mapping = w.coupled(range(RECORDS))
        w.edit_here(range(RECORDS), city="Ulm {}")
        if lost:
            sandbox.control("POST", "faults", some_lost(1000))
        told[lost], job = requests_of(sandbox, synchronized(w, mapping))
        assert (job.state, job.counters["modified"]) == ("finished", RECORDS), (job.message, job.counters)
        assert sum(one["struck"] for one in sandbox.control("GET", "faults")) == (BATCHES if lost else 0)
        assert told[lost]["parts"]["PATCH accounts(id)"] == RECORDS, "sent twice"
        sandbox.control("DELETE", "faults")
        checked("to_dataverse", w, job)
    assert told[True]["rows_written"] == told[False]["rows_written"]
    # For each lost answer one read.
    assert told[True]["total"] - told[False]["total"] <= 2 * BATCHES, (told[False]["by"], told[True]["by"])


def test_marks_that_were_taken_off_without_an_answer_are_off_and_their_couplings_gone(transactional_db, sandbox):
    batches, told = -(-RECORDS // COUPLINGS_PER_CHECKPOINT), {}
    for lost in (False, True):
        w = world(sandbox)
        mapping = w.coupled(range(RECORDS))
        if lost:
            sandbox.control("POST", "faults", some_lost(COUPLINGS_PER_CHECKPOINT, batches))
        told[lost], job = requests_of(sandbox, lambda: start_uncoupling(mapping=mapping, all=True))  # noqa: B023
        struck = sum(one["struck"] for one in sandbox.control("GET", "faults"))
        sandbox.control("DELETE", "faults")
        assert (job.state, job.counters["uncoupled"]) == ("finished", RECORDS), (job.message, job.counters)
        assert struck == (batches if lost else 0)
        assert not any(row.get("_tandem_companyid_value") for row in sandbox.rows("accounts"))
        checked("uncoupling", w, job)
    assert told[True]["rows_written"] == told[False]["rows_written"]
    # For each lost answer one read.
    assert told[True]["total"] - told[False]["total"] <= 2 * batches, (told[False]["by"], told[True]["by"])
