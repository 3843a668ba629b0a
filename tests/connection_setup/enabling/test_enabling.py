"""Enabling in visible steps: each with its result, repeatable after any failure, the same by page and by command."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from accounts.roles import set_roles
from connection_setup.connection import redirect_url, settings
from connection_setup.connection import state as services
from connection_setup.enabling import run as enabling
from connection_setup.enabling import services as enabling_services
from connection_setup.enabling.steps import STEPS
from connection_setup.models import AdministratorSignIn, DataverseConnection, EnablingRun
from connection_setup.provisioning import consent
from connection_setup.provisioning import sign_in as administrator
from connection_setup.provisioning.company_objects import team_name, unit_name
from core.roles import Role
from coupling.models import IntegrationTableMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox, running
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.sandbox.browsing import sign_in

HTMX = {"HX-Request": "true", "HX-Target": "main"}


@pytest.fixture
def connected(company: Company, sandbox: Sandbox) -> DataverseConnection:
    """Save the settings of the sandbox, not enabled."""
    company.currency_code = services_currency(sandbox)
    company.save()
    return settings.save_settings(
        connection=services.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )


@pytest.fixture(scope="module")
def empty_server() -> Iterator[Sandbox]:
    with running(empty=True) as made:
        yield made


@pytest.fixture
def unprepared(company: Company, empty_server: Sandbox) -> DataverseConnection:
    """Save the settings of an environment in which nothing is prepared."""
    empty_server.reset()
    empty_server.control(
        "POST", "applications", {"client_id": empty_server.client_id, "redirect_urls": [redirect_url.default_url()]}
    )
    company.currency_code = services_currency(empty_server)
    company.save()
    return settings.save_settings(
        connection=services.connection_of(company),
        values=values(empty_server),
        secret=empty_server.client_secret,
        user=None,
    )


def begun(connection: DataverseConnection, user: Any = None, **given: Any) -> EnablingRun:
    consent.give(company=connection.company, user=user)
    return enabling.begin(company=connection.company, user=user, page_url="/here/", done_url="/there/", **given)


def states(run: EnablingRun) -> dict[str, str]:
    return {one.name: one.state for one in enabling.step_reports(run)}


def accept(admin: Client) -> Any:
    return admin.post(f"{PAGE}enabling/", {"consent": "on"}, follow=True)


# -- consent -----------------------------------------------------------------------------------------------------------


def test_the_consent_is_asked_for_once_and_audited_with_who_gave_it(
    admin: Client, connected: DataverseConnection, sandbox: Sandbox
) -> None:
    asked = text_of(admin.post(f"{PAGE}enable/", follow=True).content.decode())
    for words in ("Access Dataverse as you", "Have full access to", "Sign in and read your profile", "I accept"):
        assert words in asked
    assert sandbox.requests()["total"] == 0, "nothing is sent before the consent"
    refused = text_of(admin.post(f"{PAGE}enabling/", follow=True).content.decode())
    assert "Tick this to go on" in refused
    assert not services.connection_of(connected.company).enabled
    assert "The connection is enabled." in text_of(accept(admin).content.decode())
    kept = services.connection_of(connected.company)
    assert (kept.consented_by, kept.enabled) == ("administrator", True)
    entry = next(one for one in LogEntry.objects.all() if "consented_by" in one.changes_dict)
    assert entry.actor is not None
    assert (entry.actor.username, entry.changes_dict["consented_by"][1]) == ("administrator", "administrator")
    admin.post(f"{PAGE}disable/")
    again = text_of(admin.post(f"{PAGE}enable/", follow=True).content.decode())
    assert "The connection is enabled." in again


def test_a_new_secret_needs_no_new_consent_and_another_application_does(connected: DataverseConnection) -> None:
    company = connected.company
    consent.give(company=company, user=None)
    settings.save_settings(connection=connected, values={}, secret="another~secret", user=None)
    assert consent.is_given(services.connection_of(company))
    other = {"client_id": "11111111-2222-3333-4444-555555555555"}
    settings.save_settings(connection=connected, values=other, secret=None, user=None)
    assert not consent.is_given(services.connection_of(company))


# -- the steps ---------------------------------------------------------------------------------------------------------


def test_steps_one_by_one_and_all_at_once_have_the_same_result(
    admin: Client, connected: DataverseConnection, sandbox: Sandbox
) -> None:
    company = connected.company
    admin.post(f"{PAGE}enable/")
    answer = admin.post(f"{PAGE}enabling/", {"consent": "on", "scripts": "1"})
    assert answer.headers["Location"] == f"{PAGE}enabling/"
    page = admin.get(f"{PAGE}enabling/").content.decode()
    assert 'hx-trigger="load"' in page
    assert f"Step 2 of {len(STEPS)}" in page or f"Step 1 of {len(STEPS)}" in page
    requests = 0
    while "HX-Redirect" not in (answer := admin.post(f"{PAGE}enabling/", headers=HTMX)).headers:
        requests += 1
        assert requests < 30
        assert "Failed" not in text_of(answer.content.decode())
    assert requests >= len(STEPS) - 3, "each step had its own request"
    assert answer.headers["HX-Redirect"] == PAGE
    by_steps = services.connection_of(company)
    told = states(EnablingRun.objects.get())
    assert by_steps.enabled
    assert set(told) == {step.name for step in STEPS}
    made = {name: len(sandbox.rows(name)) for name in ("businessunits", "teams", "tandem_companies")}
    enabling_services.disable(company=company, user=None)
    page_text = text_of(admin.post(f"{PAGE}enable/", follow=True).content.decode())
    assert "The connection is enabled." in page_text
    at_once = services.connection_of(company)
    assert states(EnablingRun.objects.get()) == told
    same = ("business_unit_id", "owning_team_id", "company_row_id", "organization_id", "integration_user_id")
    assert [(one["name"], one["state"]) for one in at_once.checks] == [
        (one["name"], one["state"]) for one in by_steps.checks
    ]
    assert {name: getattr(at_once, name) for name in same} == {name: getattr(by_steps, name) for name in same}
    assert {name: len(sandbox.rows(name)) for name in made} == made


@pytest.mark.parametrize("until", range(1, len(STEPS) - 2))
def test_a_run_stopped_after_any_step_resumes_and_makes_nothing_twice(
    connected: DataverseConnection, sandbox: Sandbox, until: int
) -> None:
    run = begun(connected)
    for _ in range(until):
        enabling.take_next_step(run, user=None)
    found = enabling.current_run(connected.company)
    assert found is not None
    assert len(enabling.step_reports(found)) == until
    written = sandbox.requests()["writes"]
    again = begun(connected)
    assert len(enabling.step_reports(again)) == until, "beginning again goes on"
    assert sandbox.requests()["writes"] == written
    enabling.take_all_steps(again, user=None)
    assert services.connection_of(connected.company).enabled
    unit = unit_name(connected.company.name, connected.company.system_id)
    assert len([row for row in sandbox.rows("businessunits") if row["name"] == unit]) == 1
    assert len([row for row in sandbox.rows("teams") if row["name"] == team_name(unit)]) == 1
    assert len(sandbox.rows("tandem_companies")) == 1


FAULTS = [
    ("address", {"method": "GET", "path": "WhoAmI", "fault": "reset"}, "address"),
    ("sign-in", {"method": "GET", "path": "WhoAmI", "fault": "503", "after": 1}, "sign-in"),
    ("organization", {"method": "GET", "path": "organizations", "fault": "503"}, "organization"),
    ("currency", {"method": "GET", "path": "transactioncurrencies", "fault": "503", "after": 1}, "currency"),
    ("unit", {"method": "POST", "path": "businessunits", "fault": "reset"}, "unit"),
    ("team", {"method": "POST", "path": "teams", "fault": "503"}, "team"),
    ("role", {"method": "POST", "path": "$ref", "fault": "503"}, "team role"),
    ("row", {"method": "POST", "path": "tandem_companies", "fault": "503"}, "row"),
]


@pytest.mark.parametrize(("what", "fault", "step"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_step_that_fails_is_shown_and_the_next_try_resumes_with_it(
    admin: Client, connected: DataverseConnection, sandbox: Sandbox, what: str, fault: dict[str, Any], step: str
) -> None:
    sandbox.control("POST", "faults", [{"times": 60, "after": 0, "retry_after": 0, **fault}])
    admin.post(f"{PAGE}enable/")
    page = text_of(accept(admin).content.decode())
    run = EnablingRun.objects.get()
    failed = enabling.failed_step(run)
    assert failed is not None, states(run)
    assert failed.name == step, (failed, states(run))
    assert failed.message
    assert failed.fix
    assert "The connection is not enabled." in page
    assert page.count(failed.message) <= 2, "in the notice and in its row"
    assert "Try again" in page
    setup = text_of(admin.get(PAGE).content.decode())
    assert setup.count(failed.message) <= 2, "in the notice, and in the checks where it is one"
    assert "Continue enabling" in setup
    sandbox.control("DELETE", "faults")
    done = set(states(run)) - {step}
    again = admin.post(f"{PAGE}enabling/", follow=True)
    assert "The connection is enabled." in text_of(again.content.decode())
    assert done <= set(states(EnablingRun.objects.get()))
    assert len(sandbox.rows("tandem_companies")) == 1


def test_the_cause_of_a_failed_enabling_is_shown_once_on_the_setup_page(
    admin: Client, connection: DataverseConnection
) -> None:
    admin.post(f"{PAGE}enable/")
    accept(admin)
    html = admin.get(PAGE).content.decode()
    notices = html.partition('class="notices"')[2].partition('class="body-parts"')[0]
    assert notices.count("cannot be reached") == 1


@pytest.mark.parametrize(
    ("state", "step", "cause"),
    [({"admin_mode": True}, "mode", "in administration mode"), ({"disabled": True}, "mode", "is disabled")],
)
def test_an_environment_that_lets_nobody_in_stops_enabling_with_the_reason(
    connected: DataverseConnection, sandbox: Sandbox, state: dict[str, Any], step: str, cause: str
) -> None:
    sandbox.control("PUT", "environment", state)
    run = begun(connected)
    last = enabling.take_all_steps(run, user=None)
    assert last is not None
    assert (last.name, last.state) == (step, "failed")
    assert cause in last.message
    sandbox.control("PUT", "environment", dict.fromkeys(state, False))
    enabling.take_all_steps(run, user=None)
    assert services.connection_of(connected.company).enabled


def test_other_settings_are_another_run(connected: DataverseConnection, sandbox: Sandbox) -> None:
    run = begun(connected)
    for _ in range(6):
        enabling.take_next_step(run, user=None)
    settings.save_settings(connection=connected, values={}, secret=sandbox.client_secret, user=None)
    assert enabling.take_next_step(run, user=None) is None
    assert enabling.current_run(connected.company) is None
    assert enabling.step_reports(begun(connected)) == []


def test_where_two_windows_take_the_same_step_it_counts_once(connected: DataverseConnection) -> None:
    run = begun(connected)
    here, there = EnablingRun.objects.get(pk=run.pk), EnablingRun.objects.get(pk=run.pk)
    for _ in range(len(STEPS) + 5):
        enabling.take_next_step(here, user=None)
        enabling.take_next_step(there, user=None)
    assert services.connection_of(connected.company).enabled
    kept = EnablingRun.objects.get()
    assert kept.ended_at is not None
    assert all(one.ended for one in enabling.step_reports(kept))


def test_a_process_killed_just_after_the_switch_leaves_a_run_that_knows_it(connected: DataverseConnection) -> None:
    run = begun(connected)
    while (last := enabling.take_next_step(run, user=None)) is not None and last.name != "requirements":
        continue
    enabling_services.enable(company=connected.company, user=None)
    found = EnablingRun.objects.get()
    assert enabling.take_next_step(found, user=None) is None
    assert found.ended_at is not None
    assert all(one.ended for one in enabling.step_reports(found))


# -- the administrator -------------------------------------------------------------------------------------------------


def test_an_unprepared_environment_waits_for_an_administrator_and_resumes_after_the_sign_in(
    unprepared: DataverseConnection, empty_server: Sandbox, admin_user: Any
) -> None:
    run = begun(unprepared, admin_user)
    last = enabling.take_all_steps(run, user=admin_user, session_key="s")
    assert last is not None
    assert (last.name, last.state, enabling.waiting_for(run)) == ("administrator", "waiting", "administrator")
    assert empty_server.requests()["writes"] == 0
    address = administrator.begin(company=unprepared.company, user=admin_user, session_key="s", return_url=run.page_url)
    back = sign_in(empty_server, address, empty_server.admin_user, empty_server.admin_password)
    assert administrator.finish(session_key="s", user=admin_user, returned=back).problem == ""
    last = enabling.take_all_steps(run, user=admin_user, session_key="s")
    assert last is not None
    assert last.reason == enabling.JOB, "what an administrator makes, a job makes"
    run_to_end(Job.objects.get())
    run.refresh_from_db()
    assert services.connection_of(unprepared.company).enabled, enabling.failed_step(run)
    assert administrator.current(unprepared.company, "s") is None, "the sign-in is forgotten"
    told = {one.name: one for one in enabling.step_reports(run)}
    assert [told[name].state for name in ("solution", "tables", "role", "user")] == ["done"] * 4
    assert "is a System Administrator" in told["administrator"].message


def test_the_page_leads_to_the_sign_in_and_back(
    admin: Client, unprepared: DataverseConnection, empty_server: Sandbox
) -> None:
    admin.post(f"{PAGE}enable/")
    page = accept(admin).content.decode()
    assert "An administrator is needed." in text_of(page)
    assert f'href="{PAGE}administrator/"' in page
    asked = text_of(admin.get(f"{PAGE}administrator/").content.decode())
    assert "administrator consented on" in asked
    assert "I accept" not in asked, "what was consented to is not asked again"
    answer = admin.post(f"{PAGE}administrator/sign-in/", {"purpose": "prepare"})
    back = sign_in(empty_server, answer.headers["Location"], empty_server.admin_user, empty_server.admin_password)
    landed = admin.get("/connection/signed-in", back)
    assert landed.headers["Location"] == f"{PAGE}enabling/"
    assert 'hx-trigger="load"' in admin.get(f"{PAGE}enabling/").content.decode()
    prepared = admin.post(f"{PAGE}enabling/", follow=True).content.decode()
    assert "A job prepares it." in text_of(prepared)
    assert "every 2s" in prepared, "the page is asked for again until the job has ended"
    run_to_end(Job.objects.get())
    done = admin.get(f"{PAGE}enabling/", headers=HTMX)
    assert done.headers["HX-Redirect"] == PAGE
    assert "The environment is prepared and the connection is enabled." in text_of(admin.get(PAGE).content.decode())


def test_whoever_lost_the_role_while_signing_in_brings_nothing_back(
    admin: Client, unprepared: DataverseConnection, empty_server: Sandbox
) -> None:
    admin.post(f"{PAGE}enable/")
    accept(admin)
    answer = admin.post(f"{PAGE}administrator/sign-in/", {"purpose": "prepare"})
    back = sign_in(empty_server, answer.headers["Location"], empty_server.admin_user, empty_server.admin_password)
    assert AdministratorSignIn.objects.exists()
    person = User.objects.get(username="administrator")
    other = Company.objects.create(name="Fabrikam", currency_code="EUR")
    set_roles(person=User.objects.create_user("another"), company=None, roles=[Role.ADMINISTRATOR])
    set_roles(person=person, company=None, roles=[])
    set_roles(person=person, company=other, roles=[Role.ADMINISTRATOR])
    assert admin.get("/connection/signed-in", back).status_code == 404
    assert not AdministratorSignIn.objects.exists()


def test_what_enabled_a_connection_is_shown_until_it_is_disabled(admin: Client, connected: DataverseConnection) -> None:
    admin.post(f"{PAGE}enable/")
    accept(admin)
    assert "The connection to" in text_of(admin.get(f"{PAGE}enabling/").content.decode())
    admin.post(f"{PAGE}disable/")
    assert admin.get(f"{PAGE}enabling/").headers["Location"] == PAGE
    assert enabling.current_run(connected.company) is None


# -- commands and mappings ---------------------------------------------------------------------------------------------


def test_the_command_prints_steps_to_stderr_and_its_document_to_stdout(
    connected: DataverseConnection, capsys: Any
) -> None:
    call_command("connection", "enable", "--company", connected.company.name, "--json")
    out, err = capsys.readouterr()
    assert json.loads(out)["enabled"] is True
    for step in STEPS:
        assert f"{step.caption}: " in err
    assert services.connection_of(connected.company).consented_by == consent.BY_COMMAND
    assert IntegrationTableMapping.objects.filter(company=connected.company).exists()


def test_enabling_again_never_replaces_mappings_that_exist(connected: DataverseConnection) -> None:
    company = connected.company
    enabling_services.enable(company=company, user=None)
    mine = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    mine.create_new = True
    mine.save()
    mine.fields.filter(field="city").update(enabled=False)
    for _ in range(2):
        enabling_services.disable(company=company, user=None)
        run = begun(services.connection_of(company))
        enabling.take_all_steps(run, user=None)
        assert services.connection_of(company).enabled
    enabling_services.disable(company=company, user=None)
    enabling_services.enable(company=company, user=None)
    mine.refresh_from_db()
    assert mine.create_new
    assert not mine.fields.get(field="city").enabled


# -- who signed in -----------------------------------------------------------------------------------------------------


def came(connection: DataverseConnection, server: Sandbox, user: Any, session: str, *, bob: bool = False) -> None:
    """Somebody signed in to prepare; bob is no administrator."""
    name, word = server.admin_user, server.admin_password
    if bob:
        name, word = "bob@tandem-sandbox.example", "word"
        server.control("POST", "people", {"name": name, "password": word, "roles": ["Basic User"]})
    opens = administrator.begin(company=connection.company, user=user, session_key=session, return_url="/here/")
    found = administrator.finish(session_key=session, user=user, returned=sign_in(server, opens, name, word))
    assert found.problem == ""


def known(server: Sandbox) -> None:
    """People sign in through the application, too."""
    server.control(
        "POST", "applications", {"client_id": server.client_id, "redirect_urls": [redirect_url.default_url()]}
    )


def test_enabling_forgets_who_signed_in_to_prepare_or_to_look_in_every_session(
    connected: DataverseConnection, sandbox: Sandbox, admin_user: Any
) -> None:
    known(sandbox)
    came(connected, sandbox, admin_user, "one")
    came(connected, sandbox, admin_user, "two")
    AdministratorSignIn.objects.filter(pk=AdministratorSignIn.objects.latest("pk").pk).update(purpose="discover")
    assert AdministratorSignIn.objects.count() == 2
    enabling.take_all_steps(begun(connected), user=None, session_key="one")
    assert services.connection_of(connected.company).enabled
    assert not AdministratorSignIn.objects.exists()


def test_a_run_stopped_after_the_switch_forgets_them_as_well(
    connected: DataverseConnection, sandbox: Sandbox, admin_user: Any
) -> None:
    known(sandbox)
    run = begun(connected)
    came(connected, sandbox, admin_user, "one")
    DataverseConnection.objects.update(enabled=True)
    assert enabling.take_next_step(run, user=None) is None
    assert not AdministratorSignIn.objects.exists()


def test_a_sign_in_without_rights_is_ignored_where_nothing_is_missing(
    connected: DataverseConnection, sandbox: Sandbox, admin_user: Any
) -> None:
    known(sandbox)
    came(connected, sandbox, admin_user, "s", bob=True)
    run = begun(connected)
    enabling.take_all_steps(run, user=None, session_key="s")
    assert services.connection_of(connected.company).enabled, enabling.failed_step(run)
    assert states(run)["administrator"] == "skipped"
    assert "prepared" not in run.found


def test_a_sign_in_that_looks_for_environments_prepares_none(
    unprepared: DataverseConnection, empty_server: Sandbox, admin_user: Any
) -> None:
    came(unprepared, empty_server, admin_user, "s")
    AdministratorSignIn.objects.update(purpose=administrator.DISCOVER)
    run = begun(unprepared)
    enabling.take_all_steps(run, user=None, session_key="s")
    assert enabling.waiting_for(run) == "administrator"
    assert empty_server.requests()["writes"] == 0


def test_a_sign_in_that_fails_a_step_can_be_forgotten_for_another(
    admin: Client, unprepared: DataverseConnection, empty_server: Sandbox
) -> None:
    empty_server.control(
        "POST", "people", {"name": "bob@tandem-sandbox.example", "password": "word", "roles": ["Basic User"]}
    )
    admin.post(f"{PAGE}enable/")
    accept(admin)
    answer = admin.post(f"{PAGE}administrator/sign-in/", {"purpose": "prepare"})
    back = sign_in(empty_server, answer.headers["Location"], "bob@tandem-sandbox.example", "word")
    admin.get("/connection/signed-in", back)
    page = text_of(admin.post(f"{PAGE}enabling/", follow=True).content.decode())
    assert "System Administrator" in page
    assert "Forget the sign-in" in page
    answer = admin.post(f"{PAGE}administrator/forget/")
    assert answer.headers["Location"] == f"{PAGE}enabling/"
    page = text_of(admin.post(f"{PAGE}enabling/", follow=True).content.decode())
    assert "An administrator is needed." in page
    assert "Forget the sign-in" not in page


def test_a_sign_in_forgotten_between_two_steps_is_asked_for_again(
    unprepared: DataverseConnection, empty_server: Sandbox, admin_user: Any
) -> None:
    came(unprepared, empty_server, admin_user, "s")
    run = begun(unprepared)
    last = enabling.take_all_steps(run, user=admin_user, session_key="s")
    assert last is not None
    assert (last.name, last.reason) == ("customizations", enabling.JOB)
    administrator.drop(unprepared.company, "s")
    job = run_to_end(Job.objects.get())
    run.refresh_from_db()
    assert (job.needs_person, enabling.waiting_for(run)) == (True, "administrator")


def test_settings_changed_while_a_step_begins_stop_it(
    connected: DataverseConnection, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(connected)
    looked_at = enabling._signed_in

    def meanwhile(*given: Any) -> Any:
        settings.save_settings(connection=connected, values={}, secret=sandbox.client_secret, user=None)
        return looked_at(*given)

    monkeypatch.setattr(enabling, "_signed_in", meanwhile)
    assert enabling.take_next_step(run, user=None) is None
    assert enabling.step_reports(run) == []
