"""An empty environment is prepared by an administrator who signs in, and the company then connects by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from connection_setup import hooks
from connection_setup.connection import clients
from connection_setup.connection import settings as connection_settings
from connection_setup.enabling import services as enabling_services
from connection_setup.environments import services as environments
from connection_setup.models import AdministratorSignIn, DataverseConnection, WebHook
from connection_setup.provisioning import preparation, solution
from connection_setup.provisioning import sign_in as administrator
from connection_setup.secrets.sealing import unseal
from connection_setup.web_hook import services as web_hook
from core.refusals import Refusal
from dataverse.choices import ColumnChoices
from dataverse.errors import SignInError
from jobs import registry
from sandbox.testing import Sandbox
from tests.sandbox.browsing import sign_in


def signed_in(saved: DataverseConnection, empty: Sandbox, user: Any, name: str = "", password: str = "") -> Any:
    address = administrator.begin(company=saved.company, user=user, session_key="s", return_url="/")
    back = sign_in(empty, address, name or empty.admin_user, password or empty.admin_password)
    return administrator.finish(session_key="s", user=user, returned=back)


def test_an_empty_environment_is_prepared_and_the_company_connects(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    assert enabling_services.enable(company=saved.company, user=None).failed is not None
    done = signed_in(saved, empty, admin_user)
    assert (done.name, done.problem) == (empty.admin_user, "")
    told = list(preparation.take_all_steps(done))
    assert [one.state for one in told] == ["done"] * len(preparation.STEPS), told
    assert [one.name for one in told] == [step.name for step in preparation.STEPS]
    report = enabling_services.enable(company=saved.company, user=None)
    assert report.ok, report.document()
    assert not report.attention_count, report.document()
    choices = ColumnChoices(clients.client_for(saved.company), "account", "paymenttermscode")
    assert choices.change({solution.OPTION_PREFIX * 10_000: "14 DAYS"}, {}) == {}, "the role may add choices"
    assert "14 DAYS" in choices.read().values()
    written = empty.requests()["rows_written"]
    again = list(preparation.take_all_steps(done))
    looking = ("administrator", "customizations", "check", "self-test")
    assert all("there already" in one.message or one.name in looking for one in again), again
    assert empty.requests()["rows_written"] == written, "a second time changes nothing"


def test_a_failure_in_any_step_resumes_there_and_makes_nothing_twice(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    done = signed_in(saved, empty, admin_user)
    ways = [
        {"method": "POST", "path": "publishers", "fault": "lost_reply"},
        {"method": "POST", "path": "solutions", "fault": "500"},
        {"method": "POST", "path": "EntityDefinitions", "fault": "lost_reply"},
        {"method": "POST", "path": "EntityDefinitions(*)/Attributes", "fault": "reset"},
        {"method": "POST", "path": "RelationshipDefinitions", "fault": "lost_reply", "after": 2},
        {"method": "POST", "path": "roles", "fault": "lost_reply"},
        {"method": "POST", "path": "systemusers", "fault": "lost_reply"},
    ]
    for fault in ways:
        empty.control("POST", "faults", [{**fault, "times": 1}])
        list(preparation.take_all_steps(done))
    empty.control("DELETE", "faults")
    assert all(one.state == "done" for one in preparation.take_all_steps(done))
    assert enabling_services.enable(company=saved.company, user=None).ok
    for entity_set, name in (("publishers", "tandem"), ("solutions", solution.SOLUTION)):
        assert sum(row["uniquename"] == name for row in empty.rows(entity_set)) == 1
    assert sum(row.get("applicationid") == empty.client_id for row in empty.rows("systemusers")) == 1
    roles = [row for row in empty.rows("roles") if row["name"] == solution.ROLE]
    assert len({row["_businessunitid_value"] for row in roles}) == len(roles)


@pytest.mark.parametrize(
    ("person", "said"),
    [
        ({"licensed": False, "roles": ["System Administrator"]}, "no licence|licence"),  # refused by the service
        ({"licensed": True, "roles": ["Basic User"]}, "System Administrator"),
        ({"access_mode": 5}, "environment's own tenant"),
    ],
)
def test_preparing_without_the_rights_fails_with_the_reason(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any, person: dict[str, Any], said: str
) -> None:
    name = "bob@tandem-sandbox.example"
    empty.control("POST", "people", {"name": name, "password": "word", **person})
    told = list(preparation.take_all_steps(signed_in(saved, empty, admin_user, name, "word")))
    assert (told[-1].name, told[-1].state) == ("administrator", "failed")
    assert said.split("|")[-1] in f"{told[-1].message} {told[-1].fix}"
    assert told[-1].fix
    assert empty.requests()["rows_written"] == 0


# -- a sign-in belongs to one session, and is taken once ---------------------------------------------------------------


def begun(saved: DataverseConnection, empty: Sandbox, user: Any, session: str = "s") -> dict[str, Any]:
    address = administrator.begin(company=saved.company, user=user, session_key=session, return_url="/")
    return sign_in(empty, address, empty.admin_user, empty.admin_password)


def test_an_answer_is_accepted_once_and_in_its_own_session_alone(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any, django_user_model: Any
) -> None:
    back = begun(saved, empty, admin_user)
    other = django_user_model.objects.create(username="eve")
    for session, user, returned in (
        ("another", admin_user, back),
        ("s", other, back),
        ("s", admin_user, {**back, "state": "forged"}),
        ("s", admin_user, {"code": back["code"]}),
        ("s", admin_user, {}),
    ):
        with pytest.raises(SignInError, match="not begun in this browser"):
            administrator.finish(session_key=session, user=user, returned=returned)
    assert administrator.finish(session_key="s", user=admin_user, returned=back).signed_in_at
    with pytest.raises(SignInError, match="was used already"):
        administrator.finish(session_key="s", user=admin_user, returned=back)


def test_a_code_of_another_sign_in_is_refused(saved: DataverseConnection, empty: Sandbox, admin_user: Any) -> None:
    stolen = begun(saved, empty, admin_user, "victim")
    own = begun(saved, empty, admin_user, "attacker")
    mixed = {**own, "code": stolen["code"]}
    assert "code" in mixed
    found = administrator.finish(session_key="attacker", user=admin_user, returned=mixed)
    assert found.signed_in_at is None
    assert found.problem


def test_a_sign_in_that_took_too_long_or_whose_settings_changed_is_begun_again(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    back = begun(saved, empty, admin_user)
    AdministratorSignIn.objects.update(began_at=timezone.now() - administrator.RETURN_WITHIN - timedelta(seconds=1))
    with pytest.raises(SignInError, match="quarter of an hour"):
        administrator.finish(session_key="s", user=admin_user, returned=back)
    back = begun(saved, empty, admin_user)
    connection_settings.save_settings(connection=saved, values={}, secret=empty.client_secret, user=None)
    assert "settings were changed" in administrator.finish(session_key="s", user=admin_user, returned=back).problem
    assert administrator.current(saved.company, "s") is None


def test_a_declined_consent_says_how_to_go_on(saved: DataverseConnection, empty: Sandbox, admin_user: Any) -> None:
    address = administrator.begin(company=saved.company, user=admin_user, session_key="s", return_url="/")
    back = sign_in(empty, address, empty.admin_user, empty.admin_password, "cancel")
    found = administrator.finish(session_key="s", user=admin_user, returned=back)
    assert "permissions were not granted" in found.problem
    assert administrator.current(saved.company, "s") == found
    with pytest.raises(SignInError, match="is over"):
        administrator.signed_in_person(found)


def test_tokens_are_sealed_and_dropped(saved: DataverseConnection, empty: Sandbox, admin_user: Any) -> None:
    done = signed_in(saved, empty, admin_user)
    assert b"AccessToken" not in bytes(done.sealed)
    assert "AccessToken" in unseal(done.sealed)
    assert [one.url for one in administrator.list_environments(done)] == [empty.environment_url]
    administrator.drop(saved.company, "s")
    assert not AdministratorSignIn.objects.exists()


def test_the_tick_drops_expired_sign_ins(saved: DataverseConnection, empty: Sandbox, admin_user: Any) -> None:
    done, now = signed_in(saved, empty, admin_user), timezone.now()
    for work in registry.registry.ticks:
        if work.__module__.startswith("connection_setup"):
            work(now)
    assert AdministratorSignIn.objects.filter(pk=done.pk).exists()
    for work in registry.registry.ticks:
        if work.__module__.startswith("connection_setup"):
            work(now + administrator.SIGN_IN_LIFETIME + timedelta(seconds=1))
    assert not AdministratorSignIn.objects.exists()


def test_a_broken_key_file_is_the_problem_of_a_finished_sign_in(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any, settings: Any, tmp_path: Path
) -> None:
    back = begun(saved, empty, admin_user)
    settings.FIELD_ENCRYPTION_KEY_FILE = tmp_path / "key"
    settings.FIELD_ENCRYPTION_KEY_FILE.write_text("nonsense\n")
    found = administrator.finish(session_key="s", user=admin_user, returned=back)
    assert found.signed_in_at is None
    assert found.problem
    kept = administrator.current(saved.company, "s")
    assert kept is not None
    assert kept.problem == found.problem, "nobody waits for it any more"


def test_an_unfinished_sign_in_ends_with_a_problem(saved: DataverseConnection, empty: Sandbox, admin_user: Any) -> None:
    begun(saved, empty, admin_user)
    waiting = administrator.current(saved.company, "s")
    assert waiting is not None
    assert not waiting.problem
    AdministratorSignIn.objects.update(began_at=timezone.now() - administrator.RETURN_WITHIN - timedelta(seconds=1))
    over = administrator.current(saved.company, "s")
    assert over is not None
    assert "was not finished within a quarter of an hour" in over.problem
    assert over.problem_fix == "Begin it again."
    assert over.problem_text == f"{over.problem} {over.problem_fix}"


def test_a_sign_in_that_another_window_dropped_stays_dropped(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    done = signed_in(saved, empty, admin_user)
    administrator.drop(saved.company, "s")
    told = preparation.take_next_step(done)
    assert told is not None
    assert told.state == "done"
    environments.discover_environments(done)
    assert not AdministratorSignIn.objects.exists()


def test_an_administrator_registers_the_web_hook_and_the_application_then_renews_and_removes_it(
    saved: DataverseConnection, empty: Sandbox, admin_user: Any
) -> None:
    list(preparation.take_all_steps(signed_in(saved, empty, admin_user)))
    assert enabling_services.enable(company=saved.company, user=None).ok
    hooks.apply_default_setup(saved.company, schedules=False)
    with pytest.raises(Refusal, match="prvReadServiceEndpoint") as refused:
        web_hook.register_as_application(saved.company, by="the command line")
    assert "sign in as an administrator" in refused.value.fix
    done = signed_in(saved, empty, admin_user)
    done.purpose = preparation.WEB_HOOK
    told = list(preparation.take_all_steps(done))
    assert [(one.name, one.state) for one in told] == [
        ("administrator", "done"), ("web hook rights", "done"), ("web hook", "done"),
    ], told  # fmt: skip
    kept = WebHook.objects.get()
    assert (kept.registered_by, kept.problem) == (empty.admin_user, "")
    assert empty.rows("serviceendpoints")[0]["url"] == web_hook.address_of(saved.company)
    web_hook.register_as_application(saved.company, by="the command line")
    assert web_hook.remove(saved.company)
    assert empty.rows("serviceendpoints") == []
