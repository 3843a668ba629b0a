"""Old jobs are removed with all that hangs on them, by a job; the last of each mapping and what is unsettled stay."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from axes.models import AccessFailureLog
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db.models import CASCADE, ForeignKey
from django.utils import timezone

from coupling.mappings import defaults
from coupling.mappings.services import get_mapping
from coupling.models import CouplingPreview, FailedRecord, UndoneRecord
from jobs.models import (
    Alert,
    AlertMessage,
    AlertNotice,
    AlertReceiver,
    Job,
    JobOutcome,
    JobRecord,
    Outcome,
    OutcomePart,
    Reason,
    RetentionPolicy,
    State,
    Tick,
    Way,
)
from jobs.retention import services, sign_ins
from jobs.retention.job import _hanging_on
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sync.models import ConflictChoice, SynchronizedField, SynchronizedValue

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def ended(company: Company, days: int, *, mapping: str = "CUSTOMER", state: str = State.FINISHED, **more: Any) -> Job:
    at = timezone.now() - timedelta(days=days)
    counters = {"modified": 1, **more.pop("counters", {})}
    return Job.objects.create(
        company=company, type="synchronization", mapping_name=mapping, state=state, counters=counters,
        created_at=at, ended_at=at, breakdown={"modified": {"": 1}}, **more,
    )  # fmt: skip


def filled(job: Job, count: int = 3) -> Job:
    for _ in range(count):
        JobOutcome.objects.create(job=job, outcome=Outcome.FAILED, reason=Reason.REFUSED, local_id=uuid4())
        JobRecord.objects.create(job=job, local_id=uuid4())
    OutcomePart.objects.create(job=job, outcome=Outcome.UNCHANGED, first=1, count=0, numbers=b"", notes=b"")
    return job


def removed_by(company: Company) -> Job:
    return run_to_end(services.start(company=company))


def test_old_jobs_go_with_all_that_hangs_on_them_and_others_stay(company: Company) -> None:
    old = [filled(ended(company, 400)) for _ in range(3)]
    young, other = filled(ended(company, 10)), Company.objects.create(name="Other", currency_code="USD")
    others = filled(ended(other, 400))
    expected = services.preview(company=company)
    job = removed_by(company)
    assert (job.state, job.counters["deleted"]) == ("finished", 3)
    assert job.message == "3 jobs were removed, with what became of 3 records."
    assert (expected.jobs, expected.outcomes) == (3, 3)
    for model in (JobOutcome, JobRecord, OutcomePart):
        assert set(model.objects.values_list("job", flat=True)) == {young.pk, others.pk}
    assert not Job.objects.filter(pk__in=[one.pk for one in old]).exists()


def test_the_last_run_of_each_mapping_stays_and_the_last_that_finished(company: Company) -> None:
    gone, finished, failed = ended(company, 900), ended(company, 800), ended(company, 700, state=State.FAILED)
    vendors = ended(company, 600, mapping="VENDOR")
    job = removed_by(company)
    assert set(Job.objects.exclude(pk=job.pk).values_list("pk", flat=True)) == {finished.pk, failed.pk, vendors.pk}
    assert not Job.objects.filter(pk=gone.pk).exists()
    assert "3 older jobs stayed as the last of their mapping and kind." in job.message


def test_a_job_with_something_to_settle_stays_until_it_is_settled(company: Company) -> None:
    defaults.create_missing(company)
    mapping = get_mapping(company, "CUSTOMER")
    with_failure, with_line, settled, _ = [ended(company, 400 - n) for n in range(4)]
    FailedRecord.objects.create(
        company=company, mapping=mapping, job_id=with_failure.pk, local_id=uuid4(), reason=Reason.NO_MATCH
    )
    for job, at in ((with_line, None), (settled, timezone.now())):
        UndoneRecord.objects.create(
            company=company, mapping=mapping, local_id=uuid4(), job_id=job.pk, settled_at=at, reason=Reason.REFUSED
        )
    ended(company, 1)
    job = removed_by(company)
    assert job.message.endswith("2 older jobs stayed, which still have something to settle.")
    kept = Job.objects.filter(pk__in=[with_failure.pk, with_line.pk, settled.pk])
    assert {one.pk for one in kept} == {with_failure.pk, with_line.pk}


def test_what_has_not_ended_stays_and_what_it_follows(company: Company) -> None:
    first = ended(company, 400)
    Job.objects.create(company=company, type="synchronization", mapping_name="CUSTOMER", parent=first, state="queued")
    assert services.preview(company=company).jobs == 0


def test_what_follows_a_job_that_stays_stays_with_it(company: Company) -> None:
    first = ended(company, 400, mapping="VENDOR")
    follow_up = ended(company, 399, parent=first)
    ended(company, 1)
    job = removed_by(company)
    assert Job.objects.filter(pk__in=[first.pk, follow_up.pk]).count() == 2
    assert "1 older job stayed, which follows a job that stays." in job.message


def test_what_open_jobs_need_stays(company: Company) -> None:
    defaults.create_missing(company)
    mapping = get_mapping(company, "CUSTOMER")
    previewed, undone, _ = [ended(company, 400 - n) for n in range(3)]
    CouplingPreview.objects.create(job=previewed, mapping=mapping, kept_until=timezone.now() + timedelta(hours=1))
    parameters = {"job": undone.pk, "values": True}
    Job.objects.create(company=company, type="undo", mapping_name="CUSTOMER", state="queued", parameters=parameters)
    assert services.preview(company=company).jobs == 0


def test_lines_of_the_history_go_by_their_own_age_where_it_is_chosen(company: Company) -> None:
    job = ended(company, 1)
    field = SynchronizedField.objects.create(company=company, mapping_name="CUSTOMER", name="name", caption="Name")
    for days in (40, 20):
        SynchronizedValue.objects.create(
            company=company, job=job, field=field, side=1, at=timezone.now() - timedelta(days=days), local_id=uuid4(),
            integration_id=uuid4(),
        )  # fmt: skip
    services.set_policy(company=company, days=None, idle_days=None, most=None, history_days=30)
    assert "older than 30 days go too" in services.preview(company=company).text
    assert removed_by(company).message == "1 line of the Synchronization History was removed."
    assert SynchronizedValue.objects.count() == 1


def test_alerts_that_are_over_go_by_age_with_what_was_sent_of_them(company: Company) -> None:
    receiver = AlertReceiver.objects.create(company=company, way=Way.MAIL, address="a@b.example", shown_address="a")
    moments = {"old": 400, "young": 10, "stands": None}
    for subject, days in moments.items():
        over = None if days is None else timezone.now() - timedelta(days=days)
        sent = AlertMessage.objects.create(
            receiver=receiver, state=AlertMessage.State.SENT, created_at=timezone.now() - timedelta(days=500)
        )
        alert = Alert.objects.create(company=company, kind="late", subject=subject, message="", url="/", over_at=over)
        AlertNotice.objects.create(alert=alert, receiver=receiver, message=sent)
    AlertMessage.objects.create(receiver=receiver)  # it waits to be sent
    assert services.preview(company=company).text == "1 past alert would be removed."
    RetentionPolicy.objects.create(company=company, next_at=NOW)
    services.run_due(NOW)
    (job,) = Job.objects.filter(company=company)
    assert run_to_end(job).message == "1 past alert was removed."
    assert set(Alert.objects.values_list("subject", flat=True)) == {"young", "stands"}
    assert AlertMessage.objects.count() == 3
    services.set_policy(company=company, days=None, idle_days=30, most=None)
    Alert.objects.update(over_at=timezone.now() - timedelta(days=9000))
    removed_by(company)
    assert Alert.objects.count() == 2


def test_of_too_many_the_oldest_go(company: Company) -> None:
    services.set_policy(company=company, days=None, idle_days=None, most=100)
    for _ in range(130):
        ended(company, 0)
    assert services.preview(company=company).jobs == 30


def test_a_slice_that_ends_in_the_middle_goes_on_and_removes_the_same(company: Company, settings: Any) -> None:
    for _ in range(250):
        ended(company, 400)
    ended(company, 1)
    settings.JOB_SLICE_S = 0  # each checkpoint ends a slice
    job = removed_by(company)
    assert (job.counters["deleted"], job.message) == (250, "250 jobs were removed, with what became of 250 records.")


def test_each_night_one_of_several_ticks_starts_the_job_where_something_is_old(company: Company) -> None:
    ended(company, 400)
    ended(company, 1)
    idle = Company.objects.create(name="Idle", currency_code="USD")
    services.run_due(NOW)
    assert not Job.objects.filter(type="retention").exists(), "the first time is the next night"
    night = NOW + timedelta(days=1)
    services.run_due(night)
    services.run_due(night)
    assert [one.company for one in Job.objects.filter(type="retention")] == [company]
    assert RetentionPolicy.objects.get(company=idle).next_at > night


def test_sessions_that_ended_and_old_sign_in_records_go_once_a_day(db: Any) -> None:
    days = settings.SIGN_IN_RECORD_DAYS
    for number, age in enumerate((days + 1, days - 1)):
        record = AccessFailureLog.objects.create(username=f"ada{number}", ip_address="127.0.0.1")
        AccessFailureLog.objects.filter(pk=record.pk).update(attempt_time=timezone.now() - timedelta(days=age))
    for hours in (-1, 1):
        Session.objects.create(
            session_key=f"{hours}", session_data="", expire_date=timezone.now() + timedelta(hours=hours)
        )
    now = timezone.now()
    sign_ins.remove_old_sign_ins(now)
    assert Session.objects.count() == 2, "the first time is the next night"
    Tick.objects.filter(pk=3).update(last_at=now - timedelta(days=1))
    sign_ins.remove_old_sign_ins(now)
    assert [one.username for one in AccessFailureLog.objects.all()] == ["ada1"]
    assert [one.session_key for one in Session.objects.all()] == ["1"]


def test_the_command_previews_runs_shows_and_sets(company: Company, capsys: Any) -> None:
    def printed(*arguments: str) -> Any:
        call_command("retention", *arguments, "--json")
        return json.loads(capsys.readouterr().out)

    ended(company, 400)
    ended(company, 1)
    previewed = printed("run", "--preview")
    assert (previewed["state"], previewed["companies"][0]["jobs"], Job.objects.count()) == ("preview", 1, 2)
    assert set(previewed) == {"state", "companies", "sessions", "sign_ins"}
    done = printed("run", "--company", "CRONUS")
    assert (done["state"], done["companies"][0]["jobs"]) == ("finished", 1)
    assert done["companies"][0]["job"]["counters"]["deleted"] == 1
    changed = printed("set", "--company", "CRONUS", "--days", "90", "--jobs", "any")
    assert changed["policies"] == printed("show", "--company", "CRONUS")["policies"]
    assert (changed["policies"][0]["days"], changed["policies"][0]["jobs"]) == (90, None)


def test_whatever_goes_with_a_job_is_removed_in_parts_before_it() -> None:
    """A relation without a name back is not found by the job, and goes with it in one piece however much it is."""
    going = {
        model for model in apps.get_models() for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.related_model is Job and field.remote_field.on_delete is CASCADE
        and not field.unique
    }  # fmt: skip
    assert ConflictChoice in going
    assert going <= {model for model, _ in _hanging_on(Job)}
