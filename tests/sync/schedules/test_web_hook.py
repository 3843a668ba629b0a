"""The web hook: registered in the sandbox, called by it, believed in nothing; renewed, refused with why, removed."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from connection_setup import hooks
from connection_setup.connection import state
from connection_setup.enabling import services as enabling
from connection_setup.models import DataverseConnection, WebHook
from connection_setup.secrets.sealing import unseal
from connection_setup.web_hook import services
from connection_setup.web_hook.registration import HEADER
from connection_setup.web_hook.standing import standing_of
from core.refusals import Refusal
from coupling.models import IntegrationTableMapping
from masterdata.models import Company
from sandbox.data.privileges import privilege_id_of
from sandbox.data.store import Transaction
from sandbox.testing import Sandbox
from sync.models import Schedule
from sync.schedules.web_hook import MOST_BYTES
from tests.sync.conftest import update_mapping

TABLE = "x-ms-dynamics-entity-name"


@pytest.fixture(autouse=True)
def waking(settings: Any) -> None:
    settings.JOB_WAKE_S = 3


def register(company: Company) -> WebHook:
    return services.register_as_application(company, by="ada")


def call(hook: WebHook, table: str = "account", *, key: str = "", path: str = "", **options: Any) -> Any:
    """Call the hook's address as Dataverse does."""
    headers = {HEADER: key or unseal(hook.key), TABLE: table}
    address = path or f"/dataverse-changes/{hook.company.system_id}/"
    return Client(enforce_csrf_checks=True).post(
        address, options.pop("body", "{}"), content_type="application/json", headers=headers
    )


def take_privilege(remote: Sandbox, name: str) -> None:
    """Take a privilege from every role of the sandbox."""
    store = remote.environment.store
    rows = store.rows["roleprivileges"]
    lost = privilege_id_of(name)
    for position in [i for i in rows.live_positions() if rows.column_values("privilegeid")[i] == lost]:
        store.delete("roleprivileges", position, Transaction())


def later(company: Company, name: str = "CUSTOMER", **values: Any) -> Any:
    moment = timezone.now() + timedelta(minutes=20)
    return update_mapping(company, name, scheduled=True, next_run_at=moment, **values).next_run_at


def test_a_registered_web_hook_is_kept_with_a_key_of_its_own_and_again_is_a_renewal(
    company: Company, remote: Sandbox
) -> None:
    assert standing_of(company.connection).word == "not_registered"
    first = register(company)
    (endpoint,) = remote.rows("serviceendpoints")
    steps = remote.rows("sdkmessageprocessingsteps")
    assert endpoint["serviceendpointid"] == str(first.endpoint_id)
    assert endpoint["url"] == services.address_of(company)
    assert (endpoint["contract"], endpoint["authtype"]) == (8, 5)
    assert set(first.tables) == set(hooks.mapped_tables(company))
    assert len(steps) == 3 * len(first.tables)
    assert {(one["stage"], one["mode"]) for one in steps} == {(40, 1)}
    assert standing_of(company.connection).wakes
    key = unseal(first.key)
    assert key.encode() not in bytes(first.key)
    again = register(company)
    assert unseal(again.key) != key
    assert remote.rows("serviceendpoints")[0]["serviceendpointid"] == str(first.endpoint_id)
    assert {one["sdkmessageprocessingstepid"] for one in remote.rows("sdkmessageprocessingsteps")} == {
        one["sdkmessageprocessingstepid"] for one in steps
    }
    assert call(again, key=key).status_code == 404


def test_a_call_wakes_what_takes_from_that_table_and_repeats_count_once(company: Company) -> None:
    hook = register(company)
    moments = {
        "CUSTOMER": later(company), "VENDOR": later(company, "VENDOR", direction="to_integration_table"),
        "CONTACT": later(company, "CONTACT"),
    }  # fmt: skip
    before = timezone.now()
    assert call(hook).status_code == 204
    woken = update_mapping(company).next_run_at
    assert 0 < (woken - before).total_seconds() < 4
    for _ in range(3):
        assert call(hook).status_code == 204
    assert update_mapping(company).next_run_at == woken
    assert update_mapping(company, "VENDOR").next_run_at == moments["VENDOR"]
    assert update_mapping(company, "CONTACT").next_run_at == moments["CONTACT"]
    assert call(hook, "").status_code == 204  # Dataverse does not say which: all that take anything
    assert update_mapping(company, "CONTACT").next_run_at < moments["CONTACT"]
    assert update_mapping(company, "VENDOR").next_run_at == moments["VENDOR"]
    assert WebHook.objects.get().called_at is not None


@pytest.mark.parametrize("because", ["on hold", "error", "between attempts", "another table", "a strange name", "off"])
def test_a_call_leaves_what_rests_for_a_reason(company: Company, because: str, settings: Any) -> None:
    hook = register(company)
    planned = later(company)
    mapping = update_mapping(company)
    if because == "on hold":
        IntegrationTableMapping.objects.filter(pk=mapping.pk).update(scheduled=False)
    elif because == "error":
        Schedule.objects.create(mapping=mapping, attempts=10, failed_at=timezone.now())
    elif because == "between attempts":
        Schedule.objects.create(mapping=mapping, attempts=2)
    elif because == "off":
        settings.JOB_WAKE_S = 0
    table = {"another table": "contact", "a strange name": "x" * 5000 + "\x01"}.get(because, "account")
    assert call(hook, table).status_code == 204
    assert update_mapping(company).next_run_at == planned


def test_who_does_not_prove_to_be_dataverse_learns_nothing(company: Company) -> None:
    hook = register(company)
    planned = later(company)
    key = unseal(hook.key)
    unknown = "/dataverse-changes/00000000-0000-4000-8000-000000000001/"
    answers = [call(hook, key="wrong"), call(hook, key=key[:-1]), call(hook, key=f"{key}x"), call(hook, path=unknown)]
    answers.append(call(hook, key="\u00e9".encode().decode("latin-1")))
    assert {(one.status_code, one.content, tuple(sorted(one.headers))) for one in answers} == {
        (404, b"", tuple(sorted(answers[0].headers)))
    }
    path = f"/dataverse-changes/{company.system_id}/"
    assert Client().get(path, headers={HEADER: key}).status_code == 405
    assert Client().post(path).status_code == 404
    assert update_mapping(company).next_run_at == planned
    assert WebHook.objects.get().called_at is None


def test_a_body_may_be_as_large_as_dataverse_sends_and_no_larger(company: Company) -> None:
    hook = register(company)
    assert call(hook, body="x" * (300 * 1024)).status_code == 204
    assert call(hook, body="x" * (MOST_BYTES + 1)).status_code == 413


def test_what_is_out_of_date_is_renewed_by_the_tick_and_not_at_every_tick(
    company: Company, remote: Sandbox, settings: Any
) -> None:
    register(company)
    now = timezone.now()
    for change in ("address", "key", "tables"):
        if change == "address":
            settings.PUBLIC_URL = "http://127.0.0.1:8111"
        elif change == "key":
            WebHook.objects.update(key=b"sealed by nobody")
        else:
            IntegrationTableMapping.objects.filter(company=company, name="CONTACT").delete()
        assert standing_of(company.connection).word == "outdated", change
        now += services.LOOK_EVERY + timedelta(seconds=1)
        services.settle(now)
        assert standing_of(company.connection).word == "registered", change
    assert remote.rows("serviceendpoints")[0]["url"].startswith("http://127.0.0.1:8111/")
    assert len(remote.rows("sdkmessageprocessingsteps")) == 3 * len(hooks.mapped_tables(company))
    remote.control("DELETE", "requests")
    services.settle(now + timedelta(seconds=15))
    services.settle(now + services.LOOK_EVERY * 2)
    assert remote.requests()["total"] == 0  # nothing is out of date


def test_a_refusal_is_told_with_its_reason_and_what_to_do(company: Company, remote: Sandbox, capsys: Any) -> None:
    take_privilege(remote, "prvCreateServiceEndpoint")
    with pytest.raises(SystemExit):
        call_command("connection", "webhook", "register", "--company", company.name, "--json")
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["reason"] == "denied"
    assert "Register Web Hook" in error["fix"]
    found = standing_of(company.connection)
    assert (found.word, found.wakes) == ("refused", False)
    assert found.message == error["message"]
    with pytest.raises(CommandError, match="takes no second word"):
        call_command("connection", "status", "remove", "--company", company.name)


def test_disabling_makes_calls_count_for_nothing_and_the_tick_removes_it(
    company: Company, remote: Sandbox, capsys: Any
) -> None:
    hook = register(company)
    key = unseal(hook.key)
    enabling.disable(company=company, user=None)
    assert call(hook, key=key).status_code == 404
    assert standing_of(state.connection_of(company)).word == "leaving"
    take_privilege(remote, "prvDeleteServiceEndpoint")
    now = timezone.now()
    services.settle(now)
    found = standing_of(state.connection_of(company))
    assert found.word == "leaving"
    assert "prvDeleteServiceEndpoint" in found.message or found.fix
    remote.reset()  # the role is as it was; the endpoint is gone with it
    services.settle(now + timedelta(seconds=15))
    assert WebHook.objects.exists()  # tried again after a while alone
    services.settle(now + services.LOOK_EVERY * 2)
    assert not WebHook.objects.exists()


def test_the_command_registers_tells_and_removes(company: Company, remote: Sandbox, capsys: Any) -> None:
    told = []
    for words in ((), ("register",), ("status",), ("remove",), ("remove",)):
        call_command("connection", "webhook", *words, "--company", company.name, "--json")
        told.append(json.loads(capsys.readouterr().out))
    assert [one["state"] for one in told] == [
        "not_registered", "registered", "registered", "not_registered", "not_registered",
    ]  # fmt: skip
    assert told[1]["address"].endswith(f"/dataverse-changes/{company.system_id}/")
    assert not any("key" in name for one in told for name in one)
    assert remote.rows("serviceendpoints") == remote.rows("sdkmessageprocessingsteps") == []


class Interfering:
    """A client that has something happen to the row once everything is registered, before it is stored."""

    def __init__(self, client: Any, meanwhile: Any) -> None:
        self._client, self._meanwhile, self.sent = client, [meanwhile], ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create(self, entity_set: str, row: Any, **more: Any) -> Any:
        made = self._client.create(entity_set, row, **more)
        if entity_set == "serviceendpoints":
            self._after(row)
        return made

    def update(self, entity_set: str, row_id: Any, changes: Any) -> Any:
        made = self._client.update(entity_set, row_id, changes)
        self._after(changes)
        return made

    def _after(self, values: Any) -> None:
        self.sent = values["authvalue"]
        if self._meanwhile:
            self._meanwhile.pop()()


def test_what_is_disabled_or_removed_while_it_registers_stays_so(company: Company, remote: Sandbox) -> None:
    for meanwhile, left in ((lambda: services.leave(company, None), 1), (WebHook.objects.all().delete, 0)):
        WebHook.objects.all().delete()
        client = Interfering(services.clients.client_for(company), meanwhile)
        with pytest.raises(Refusal, match="while it was registered"):
            services.register(company=company, client=client, by="ada")
        assert WebHook.objects.filter(key=b"", registered_at=None, leaving_since__isnull=False).count() == left
        assert WebHook.objects.count() == left
        assert remote.rows("serviceendpoints") == remote.rows("sdkmessageprocessingsteps") == []


def test_of_two_registrations_at_once_the_key_stored_is_the_one_that_dataverse_has(
    company: Company,
) -> None:
    for renewed in (False, True):
        client = Interfering(services.clients.client_for(company), lambda: register(company))
        hook = services.register(company=company, client=client, by="bea")
        kept = WebHook.objects.get()
        assert f'"{unseal(kept.key)}"' in client.sent, (renewed, "who stores last has also sent last")
        assert (kept.registered_by, unseal(hook.key)) == ("bea", unseal(kept.key))
        assert standing_of(company.connection).word == "registered"


def test_a_registration_that_was_killed_half_way_is_renewed_by_the_tick(company: Company) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    register(company)
    with pytest.raises(Killed):
        services.register(company=company, client=Interfering(services.clients.client_for(company), die), by="ada")
    assert standing_of(company.connection).word == "outdated"
    services.settle(timezone.now() + services.LOOK_EVERY * 2)
    assert standing_of(company.connection).word == "registered"


def test_another_organization_s_web_hook_is_forgotten(company: Company) -> None:
    hook = register(company)
    DataverseConnection.objects.update(organization_id="11111111-1111-4111-8111-111111111111")
    hooks.run_moved(company, None)
    assert not WebHook.objects.exists()
    assert call(hook).status_code == 404


@pytest.mark.parametrize(
    ("environment", "public", "allowed"),
    [
        ("https://contoso.crm4.dynamics.com", "https://tandem.example", True),
        ("https://contoso.crm4.dynamics.com", "https://tandem.example:443", True),
        ("https://contoso.crm4.dynamics.com", "https://tandem.example:8443", False),
        ("https://contoso.crm4.dynamics.com", "http://tandem.example", False),
        ("https://contoso.crm4.dynamics.com", "https://127.0.0.1", False),
        ("https://localhost:8443", "http://127.0.0.1:8000", True),
    ],
)
def test_the_address_must_be_one_that_dataverse_calls(
    environment: str, public: str, allowed: bool, settings: Any
) -> None:
    settings.PUBLIC_URL = public
    problem = services.address_problem(DataverseConnection(environment_url=environment))
    assert (problem is None) is allowed
    if problem is not None:
        assert "https" in problem.message
        assert "PUBLIC_URL" in problem.fix


def test_a_change_in_dataverse_wakes_its_mapping_within_seconds(
    transactional_db: None, company: Company, remote: Sandbox, live_server: Any, settings: Any
) -> None:
    settings.PUBLIC_URL = live_server.url
    register(company)
    planned = later(company)
    client: Any = services.clients.client_for(company)
    client.create("accounts", {"name": "Adatum"})
    until = time.monotonic() + 30
    while time.monotonic() < until and update_mapping(company).next_run_at == planned:
        time.sleep(0.05)
    assert (update_mapping(company).next_run_at - timezone.now()).total_seconds() <= 3
    assert remote.environment.web_hooks.failures == []
