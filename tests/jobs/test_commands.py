"""manage.py jobs and manage.py job."""

import json
import uuid
from io import StringIO

import pytest
from django.core.management import call_command

from core.refusals import NotUsable
from dataverse.errors import AccessDenied
from jobs import services
from jobs.errors import INTERNAL_FIX, INTERNAL_MESSAGE
from jobs.lease import end_unheld
from jobs.models import COUNTERS, State
from jobs.running import waiting
from jobs.running.runner import JobContext, OutcomeRow
from tests.jobs.conftest import stored

pytestmark = pytest.mark.django_db
RECORD, ROW = uuid.uuid4(), uuid.uuid4()
DETAIL = {
    "fields": [{"local": "name", "integration": "name", "local_value": "Haddock"}],
    "candidates": [{"id": str(ROW), "name": "Haddock Ltd.", "coupled_to": None}],
}


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def done(company, kinds):
    def handler(context: JobContext) -> None:
        with context.checkpoint() as point:
            point.total = 2
            point.plan = "probe"
            point.outcomes.append(OutcomeRow("coupled", local_key="1"))
            point.outcomes.append(
                OutcomeRow("failed", "already_coupled", RECORD, "2", "Haddock", ROW, "Haddock Ltd.", "Taken.", DETAIL)
            )

    kinds("coupling", handler)
    return waiting.run_to_end(services.start(company=company, type="coupling", mapping_name="CUSTOMER"))


def test_job_prints_its_summary(done):
    told = json.loads(said("job", str(done.pk), "--json"))
    assert list(told["counters"]) == list(COUNTERS)
    del told["counters"], told["seconds"]
    assert told == {
        "job": done.pk, "message": "", "type": "coupling", "mapping": "CUSTOMER", "state": "finished", "plan": "probe",
        "reasons": {"already_coupled": 1}, "requests": 0, "followups": [],
    }  # fmt: skip


def test_job_errors_prints_one_object_per_line_and_the_summary_last(done):
    *errors, summary = [json.loads(line) for line in said("job", str(done.pk), "--errors", "--json").splitlines()]
    assert errors == [
        {
            "local": {"id": str(RECORD), "key": "2", "name": "Haddock"},
            "integration": {"id": str(ROW), "name": "Haddock Ltd."},
            "reason": "already_coupled",
            "message": "Taken.",
            **DETAIL,
        }
    ]
    assert summary["counters"]["failed"] == 1


def test_people_get_words(done):
    text = said("job", str(done.pk), "--errors")
    assert "Already coupled: Taken." in text
    assert "CUSTOMER" in said("jobs", "--company", "CRONUS")


def test_jobs_lists_those_asked_for_newest_first(company, done):
    stored(company, type="synchronization", mapping_name="VENDOR")
    everything = json.loads(said("jobs", "--company", "CRONUS", "--json"))["jobs"]
    assert [job["mapping"] for job in everything] == ["VENDOR", "CUSTOMER"]
    coupling = json.loads(said("jobs", "--company", "cronus", "--type", "coupling", "--json"))["jobs"]
    assert [job["job"] for job in coupling] == [done.pk]


def test_a_finished_job_that_found_nothing_had_nothing_to_do(company):
    stored(company, state="finished", mapping_name="VENDOR")
    stored(company, state="queued", mapping_name="CUSTOMER")
    queued, finished = said("jobs", "--company", "CRONUS").splitlines()
    assert queued.endswith("nothing yet")
    assert finished.endswith("nothing to do")


def test_an_unknown_job_is_refused(db, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("job", "77", "--json")
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["error"]["reason"] == "unknown_job"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotUsable("The mapping is off.", "Switch it on."), ("configuration", "The mapping is off.", "Switch it on.")),
        (AccessDenied("Not allowed.", "Ask."), ("denied", "Not allowed.", "Ask.")),
        (ValueError("x"), ("internal", INTERNAL_MESSAGE.format(product="Tandem"), INTERNAL_FIX)),
    ],
)
def test_a_failed_job_says_what_to_do_next_apart_from_what_happened(company, kinds, error, told):
    def handler(context: JobContext) -> None:
        raise error

    kinds("coupling", handler)
    job = waiting.run_to_end(services.start(company=company, type="coupling", mapping_name="CUSTOMER"))
    assert json.loads(said("job", str(job.pk), "--json"))["error"] == dict(
        zip(("reason", "message", "fix"), told, strict=True)
    )
    assert job.message == f"{told[1]} {told[2]}"
    assert job.message in said("job", str(job.pk))


def test_what_a_handler_or_a_lost_worker_ends_a_job_with_has_the_same_parts(company, kinds):
    kinds("coupling", lambda context: context.fail("refused", "It is full.", fix="Make room."))
    job = waiting.run_to_end(services.start(company=company, type="coupling"))
    assert services.summary(job)["error"] == {"reason": "refused", "message": "It is full.", "fix": "Make room."}
    lost = services.start(company=company, type="coupling")
    end_unheld(lost, State.FAILED, message="It was lost.", fix="Start it again.", reason="internal")
    lost.refresh_from_db()
    assert services.summary(lost)["error"] == {
        "reason": "internal",
        "message": "It was lost.",
        "fix": "Start it again.",
    }
    assert lost.message == "It was lost. Start it again."
