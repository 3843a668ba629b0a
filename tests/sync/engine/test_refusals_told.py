"""What Dataverse refuses of a record stands in the job's log with whom it is about, and with what helps."""

from jobs.models import JobOutcome
from tests.sync.conftest import customer, synchronize

TOLD = (
    # number, reason, part of the outcome's message
    (17, "denied", "probably the one who is to own the row."),
    (19, "denied", "The team that is to own the row has no security role."),
    (27, "reference_not_coupled", "The user that is to own the row no longer exists"),
    (31, "refused", "with its own words: The credit limit of this customer is not confirmed."),
)


def test_a_jobs_log_says_whom_a_refusal_is_about_and_who_can_help(company, customers, remote):
    synchronize(customers)
    for number, reason, said in TOLD:
        one = customer(company, f"2{number:04d}", f"Refused {number}")
        remote.control("POST", "faults", [{"refusal": number, "method": "POST", "path": "accounts", "times": 0}])
        job = synchronize(customers)
        remote.control("DELETE", "faults")
        outcome = JobOutcome.objects.get(job=job, outcome="failed")
        assert (outcome.reason, said in outcome.message) == (reason, True), (number, outcome.reason, outcome.message)
        assert outcome.message.count(".") >= 2, f"what happened, and what to do: {outcome.message}"
        one.delete()
