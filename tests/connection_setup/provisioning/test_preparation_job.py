"""An empty environment is prepared by a job, whatever it answers: refused, locked, late, signed out, killed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import CompanyRole
from connection_setup.connection import state
from connection_setup.enabling import preparing
from connection_setup.enabling import run as enabling
from connection_setup.models import AdministratorSignIn, DataverseConnection, EnablingRun
from connection_setup.provisioning import consent, definitions, preparation
from connection_setup.provisioning import sign_in as administrator
from connection_setup.types import ROLE, SOLUTION
from core.roles import Role
from jobs.models import Job, State
from jobs.running.runner import run as run_job
from sandbox.testing import Sandbox
from tests.sandbox.browsing import sign_in

MOST_SLICES = 60


@pytest.fixture
def saved(saved: DataverseConnection, admin_user: Any) -> DataverseConnection:
    """Provide the connection of the folder's fixture, with consent given."""
    return consent.give(company=saved.company, user=admin_user)


def signed_in(saved: DataverseConnection, empty: Sandbox, user: Any, purpose: str = "prepare") -> AdministratorSignIn:
    address = administrator.begin(company=saved.company, user=user, session_key="s", return_url="/", purpose=purpose)
    back = sign_in(empty, address, empty.admin_user, empty.admin_password)
    return administrator.finish(session_key="s", user=user, returned=back)


def begun(saved: DataverseConnection, user: Any) -> tuple[EnablingRun, Job]:
    """Begin to enable as the page does, up to where a job goes on."""
    run = enabling.begin(company=saved.company, user=user, page_url="/here/", done_url="/there/")
    report = enabling.take_all_steps(run, user=user, session_key="s")
    assert report is not None
    assert report.reason == enabling.JOB, report
    return run, Job.objects.get()


def go_on(job: Job, empty: Sandbox, *, until: Callable[[Job], bool] = lambda job: job.ended) -> Job:
    """Work on a job as workers do, without waiting: what it waits for passes on the stand-in's clock."""
    passed = 0.0
    for _ in range(MOST_SLICES):
        run_job(job.pk)
        job.refresh_from_db()
        if until(job):
            return job
        assert job.state in (State.POSTPONED, State.IN_PROCESS), job.message
        if job.not_before is not None:
            passed += max(1.0, (job.not_before - timezone.now()).total_seconds())
            empty.control("PUT", "clock", {"offset_s": passed})
            Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    raise AssertionError(f"job {job.pk} is still {job.state}: {job.message}")


def is_complete(empty: Sandbox) -> None:
    """Assert that everything is there, once."""
    for entity_set, name in (("publishers", "tandem"), ("solutions", SOLUTION)):
        assert sum(row["uniquename"] == name for row in empty.rows(entity_set)) == 1
    tables = empty.environment.tables
    assert set(definitions.COMPANY_COLUMNS) <= set(tables["tandem_company"].columns)
    assert all("tandem_companyid" in tables[name].columns for name in definitions.WITH_COMPANY)
    assert sum(row.get("applicationid") == empty.client_id for row in empty.rows("systemusers")) == 1
    roles = [row for row in empty.rows("roles") if row["name"] == ROLE]
    assert len({row["_businessunitid_value"] for row in roles}) == len(roles)


@pytest.mark.parametrize(
    ("language", "listed", "caption"),
    [(1031, [], "Unternehmen"), (1030, [1030, 1033], "Virksomhed"), (1033, [1033], "Company")],
    ids=["German", "Danish", "English"],
)
def test_an_organization_of_another_language_is_prepared_in_it(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any, language: int, listed: list[int], caption: str
) -> None:
    empty.control("PUT", "environment", {"base_language": language, "strict_labels": True})
    empty.control("PUT", "environment", {"languages": listed})
    signed_in(saved, empty, admin_user)
    run, job = begun(saved, admin_user)
    job = go_on(job, empty)
    assert (job.state, job.processed) == (State.FINISHED, job.total), (job.message, run.steps)
    is_complete(empty)
    assert empty.environment.tables["tandem_company"].label == caption
    assert state.connection_of(saved.company).enabled
    assert not AdministratorSignIn.objects.exists(), "the administrator's tokens end with the job"
    components = {row["objectid"] for row in empty.rows("solutioncomponents") if row["componenttype"] == 1}
    assert str(empty.environment.tables["team"].id) not in components, "the referenced table is taken out again"
    assert str(empty.environment.tables["tandem_company"].id) in components
    run.refresh_from_db()
    assert {one.state for one in enabling.step_reports(run)} <= {"done", "skipped", "attention"}


STEPS = {
    "publishers": {"method": "POST", "path": "publishers"},
    "solutions": {"method": "POST", "path": "solutions"},
    "tables": {"method": "POST", "path": "EntityDefinitions"},
    "lookups": {"method": "POST", "path": "RelationshipDefinitions", "after": 1},
    "role": {"method": "POST", "path": "roles"},
    "privileges": {"method": "POST", "path": "AddPrivilegesRole"},
    "user": {"method": "POST", "path": "systemusers"},
}
"""What each step writes."""
LOCKS = (3, 4, 5)


@pytest.mark.parametrize("step", STEPS)
def test_each_step_refused_locked_and_late_goes_on_and_makes_nothing_twice(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any, step: str
) -> None:
    signed_in(saved, empty, admin_user)
    empty.control("PUT", "environment", {"metadata_lag_s": 30, "user_lag_s": 20, "lose_columns": 1})
    empty.control("POST", "faults", [{"refusal": number, **STEPS[step]} for number in LOCKS])
    empty.control("POST", "faults", {"refusal": 12, **STEPS[step]})
    run, job = begun(saved, admin_user)
    job = go_on(job, empty, until=lambda job: job.ended or job.state == State.POSTPONED)
    assert "one at a time" in job.message or "busy" in job.message or "does not show it" in job.message, job.message
    job = go_on(job, empty)
    assert job.state == State.FINISHED, (job.message, run.steps)
    is_complete(empty)
    assert job.throttled == 0, "a lock is no limit of requests"


def test_a_refused_step_fails_with_what_to_do_and_the_next_try_goes_on(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    for step, scope in STEPS.items():
        if not AdministratorSignIn.objects.exists():
            signed_in(saved, empty, admin_user)
        empty.control("POST", "faults", {"refusal": 1, **scope, "times": 0})
        run = enabling.begin(company=saved.company, user=admin_user, page_url="/here/", done_url="/there/")
        enabling.take_all_steps(run, user=admin_user, session_key="s")
        job = Job.objects.latest("pk")
        job = go_on(job, empty)
        assert (job.state, bool(job.failure_message)) == (State.FAILED, True), step
        assert job.failure_fix, step
        empty.control("DELETE", "faults")
    run = enabling.begin(company=saved.company, user=admin_user, page_url="/here/", done_url="/there/")
    enabling.take_all_steps(run, user=admin_user, session_key="s")
    assert go_on(Job.objects.latest("pk"), empty).state == State.FINISHED
    is_complete(empty)


def test_a_lock_of_ten_minutes_ends_with_who_may_hold_it(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    signed_in(saved, empty, admin_user)
    _, job = begun(saved, admin_user)
    empty.control("PUT", "environment", {"lock_s": 100_000, "lock_by": "Import"})
    job = go_on(job, empty, until=lambda job: job.state == State.POSTPONED)
    found = dict(EnablingRun.objects.get().found)
    assert found["preparation"]["waits"]["reason"] == "locked"
    found["preparation"]["waits"]["since"] -= 601
    EnablingRun.objects.update(found=found)
    job = go_on(job, empty)
    assert job.state == State.FAILED
    assert "Solution history" in job.failure_fix
    assert enabling.failed_step(EnablingRun.objects.get()) is not None


def test_a_sign_in_that_ends_is_asked_for_again_and_the_job_goes_on(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    signed_in(saved, empty, admin_user)
    run, job = begun(saved, admin_user)
    AdministratorSignIn.objects.all().delete()
    job = go_on(job, empty, until=lambda job: job.needs_person)
    assert "sign-in is over" in job.message
    assert "goes on by itself" in job.message
    run.refresh_from_db()
    assert enabling.waiting_for(run) == "administrator"
    signed_in(saved, empty, admin_user)
    preparing.wake(saved.company)
    empty.control("POST", "faults", {"fault": "401", "path": "roles", "times": 0})
    job = go_on(job, empty, until=lambda job: job.needs_person)
    assert "sign-in is over" in job.message, "the service does not take its token any more"
    assert not AdministratorSignIn.objects.exists()
    empty.control("DELETE", "faults")
    signed_in(saved, empty, admin_user)
    preparing.wake(saved.company)
    assert go_on(job, empty).state == State.FINISHED
    is_complete(empty)


def test_another_administrator_s_sign_in_has_the_job_go_on(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any, django_user_model: Any
) -> None:
    other, nobody = (django_user_model.objects.create_user(name) for name in ("other", "nobody"))
    signed_in(saved, empty, admin_user)
    _, job = begun(saved, admin_user)
    AdministratorSignIn.objects.update(user=nobody)
    assert administrator.newest(saved.company, "prepare") is None, "they may not administer the company any more"
    CompanyRole.objects.create(person=other, company=saved.company, role=Role.ADMINISTRATOR)
    AdministratorSignIn.objects.update(user=other)
    job = go_on(job, empty)
    assert job.state == State.FINISHED, job.message
    assert not AdministratorSignIn.objects.exists()


def test_a_preparation_that_waits_for_a_person_makes_way_for_one_of_another_purpose(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any, admin_client: Client
) -> None:
    redeploying = preparing.start(signed_in(saved, empty, admin_user, preparation.REDEPLOY), user=admin_user)
    AdministratorSignIn.objects.all().delete()
    redeploying = go_on(redeploying, empty, until=lambda job: job.needs_person)
    run = enabling.begin(company=saved.company, user=admin_user, page_url="/here/", done_url="/there/")
    enabling.take_all_steps(run, user=admin_user, session_key="s")
    assert enabling.waiting_for(run) == "administrator", "the other job does not keep enabling from going on"
    page = admin_client.get(f"/c/{saved.company.slug}/dataverse-connection-setup/enabling/").content.decode()
    assert f"/jobs/{redeploying.pk}/" in page, "the page leads to the job that waits"
    signed_in(saved, empty, admin_user)
    enabling.take_all_steps(run, user=admin_user, session_key="s")
    preparing.forget_sign_ins(redeploying.exclusive_key)
    assert AdministratorSignIn.objects.exists(), "what the job that made way signed in with is not the other's"
    redeploying.refresh_from_db()
    assert (redeploying.state, "otherwise" in redeploying.message) == (State.CANCELLED, True)
    assert go_on(Job.objects.latest("pk"), empty).state == State.FINISHED


def test_settings_that_change_while_a_job_takes_a_step_end_it_with_that(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    signed_in(saved, empty, admin_user)
    _, job = begun(saved, admin_user)
    run_job(job.pk, on_progress=lambda _: DataverseConnection.objects.update(changed_at=timezone.now()))
    job.refresh_from_db()
    assert job.state == State.FAILED, job.message
    assert "settings were changed meanwhile" in job.failure_message


def test_a_job_killed_after_any_checkpoint_goes_on(saved: DataverseConnection, empty: Sandbox, admin_user: Any) -> None:
    class Killed(BaseException):
        pass

    def die(_: Job) -> None:
        raise Killed

    signed_in(saved, empty, admin_user)
    _, job = begun(saved, admin_user)
    for _ in range(MOST_SLICES):
        try:
            run_job(job.pk, on_progress=die)
        except Killed:
            continue
        break
    assert go_on(job, empty).state == State.FINISHED
    is_complete(empty)


def test_a_redeployment_is_a_job_that_ends_with_the_sign_in(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    done = signed_in(saved, empty, admin_user, preparation.REDEPLOY)
    job = go_on(preparing.start(done, user=admin_user), empty)
    assert (job.state, job.processed) == (State.FINISHED, len(preparation.STEPS)), job.message
    assert "turn on Enabled" in job.message
    is_complete(empty)
    assert not AdministratorSignIn.objects.exists()
    assert not state.connection_of(saved.company).enabled


def test_a_blocked_environment_is_found_beforehand_and_the_file_is_offered(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any, admin_client: Client
) -> None:
    empty.control("PUT", "environment", {"unmanaged_customizations": False, "base_language": 1031})
    signed_in(saved, empty, admin_user)
    before = empty.requests()["rows_written"]
    _, job = begun(saved, admin_user)
    job = go_on(job, empty)
    assert job.state == State.FAILED
    assert "does not allow unmanaged customizations" in job.failure_message
    assert "administrator" in job.failure_fix
    assert empty.requests()["rows_written"] == before, "nothing was made half-way"
    card = admin_client.get(f"/c/{saved.company.slug}/jobs/{job.pk}/").content.decode()
    assert "Download Solution File" in card
    assert "language=1031" in card
    assert "Languages and customizations" in card, "the job's page shows the steps"
