"""`manage.py environment`: what it prints, and how it ends."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from connection_setup.connection import settings
from connection_setup.connection.state import connection_of
from connection_setup.enabling import services as enabling
from coupling.models import Coupling
from jobs.models import Job, Type
from masterdata.models import Company
from sandbox.testing import Sandbox, running
from tests.sync.conftest import make_unreachable
from tests.sync.environment.conftest import Changed, replace_organization
from tests.sync.full.test_full import command


def environment(company: Company, *given: str) -> tuple[int, Any]:
    return command("environment", *given, "--company", company.name)


def document(changed: Changed, remote: Sandbox, *counts: int) -> dict[str, Any]:
    names = [connection_of(changed.company).organization_name] * 2
    sides = {
        word: {"organization": name, "organization_id": str(found), "environment_url": remote.environment_url}
        for word, found, name in zip(("was", "is"), (changed.was, changed.now), names, strict=True)
    }
    return {**sides, **dict(zip(("couplings", "kept", "dropped"), counts, strict=True))}


@pytest.mark.parametrize("enabled", [True, False])
def test_show_says_what_was_what_is_and_what_keeping_would_keep(changed, remote, enabled):
    if not enabled:
        enabling.disable(company=changed.company, user=None)
    before = list(Coupling.objects.order_by("pk").values())
    assert environment(changed.company, "show") == (0, document(changed, remote, 3, 2, 1))
    assert list(Coupling.objects.order_by("pk").values()) == before
    assert not Job.objects.filter(type=Type.ENVIRONMENT).exists()


@pytest.mark.parametrize("enabled", [True, False])
def test_keep_and_drop_print_what_became_of_the_couplings(changed, remote, enabled):
    if not enabled:
        enabling.disable(company=changed.company, user=None)
    expected = document(changed, remote, 3, 2, 1)
    assert environment(changed.company, "keep") == (0, expected)
    again = {**expected, "was": expected["is"], "couplings": 2, "kept": 2, "dropped": 0}
    assert environment(changed.company, "keep") == (0, again)
    assert environment(changed.company, "drop") == (0, {**again, "kept": 0, "dropped": 2})
    assert environment(changed.company, "drop") == (0, {**again, "couplings": 0, "kept": 0, "dropped": 0})
    assert not Coupling.objects.exists()


def test_the_progress_of_keeping_names_the_job(changed, capsys):
    call_command("environment", "keep", "--company", changed.company.name)
    told = [line for line in capsys.readouterr().out.splitlines() if ": " in line]
    assert told[-1].startswith("Environment change: Finished, 3 of 3")


def test_enabling_after_a_drop_connects_to_what_answers_also_when_enabled_already(changed):
    code, refused = command("connection", "enable", "--company", changed.company.name)
    assert (code, refused["error"]["reason"]) == (1, "wrong_environment")
    assert "3 couplings belong to" in refused["error"]["message"]
    assert "Environment Changed" in refused["error"]["fix"]
    assert str(changed.was) in refused["error"]["message"] and str(changed.now) in refused["error"]["message"]
    assert environment(changed.company, "drop")[0] == 0
    code, enabled = command("connection", "enable", "--company", changed.company.name)
    assert (code, enabled["organization_id"], enabled["enabled"]) == (0, str(changed.now), True)


def test_point_back_takes_the_settings_of_the_old_environment(changed, remote, tmp_path: Path):
    code, refused = environment(changed.company, "point-back")
    assert (code, refused["error"]["reason"]) == (1, "wrong_environment")
    replace_organization(remote, changed.was)
    make_unreachable(changed.company)
    code, refused = environment(changed.company, "point-back")
    assert (code, refused["error"]["fix"]) == (1, "Enter the Client Secret again.")
    secret = tmp_path / "secret"
    secret.write_text(remote.client_secret)
    code, printed = environment(changed.company, "point-back", "--client-secret-file", str(secret))
    assert code == 0, printed
    expected = document(changed, remote, 3, 3, 0)
    assert printed == {**expected, "is": expected["was"]}
    line = tmp_path / "sandbox.json"
    line.write_text(json.dumps(remote.line()))
    assert environment(changed.company, "point-back", "--sandbox", str(line)) == (0, printed)


def test_where_nothing_answers_show_says_why_keep_is_refused_and_drop_works(changed):
    make_unreachable(changed.company)
    code, printed = environment(changed.company, "show")
    assert (code, printed["is"], printed["error"]["reason"]) == (0, None, "unreachable")
    assert (printed["couplings"], printed["kept"], printed["dropped"]) == (3, 3, 0)
    code, refused = environment(changed.company, "keep")
    assert (code, refused["error"]["reason"]) == (1, "unreachable")
    assert environment(changed.company, "drop")[1]["dropped"] == 3


def test_a_run_against_another_organization_ends_with_the_reason(changed):
    code, printed = command("synchronize", "CUSTOMER", "--company", changed.company.name)
    assert (code, printed["error"]["reason"]) == (1, "wrong_environment")


def test_only_pointing_back_takes_settings(changed):
    with pytest.raises(CommandError, match="takes no settings"):
        call_command(
            "environment", "drop", "--environment-url", "https://a.crm.dynamics.com", company=changed.company.name
        )


def test_without_json_it_prints_the_same_for_people(changed, capsys):
    call_command("environment", "show", "--company", changed.company.name)
    printed = capsys.readouterr().out
    assert f"({changed.was})" in printed and f"({changed.now})" in printed
    assert "kept       2" in printed and "dropped    1" in printed


def test_an_environment_at_another_address_is_left_by_either_way(company, coupled, remote, tmp_path: Path):
    """The address was changed while the connection was not enabled, and the couplings stayed."""
    enabling.disable(company=company, user=None)
    with running() as other:
        values = {"environment_url": other.environment_url, "sandbox_ca_file": other.ca_file}
        values |= {"tenant_id": other.tenant_id, "client_id": other.client_id}
        other.control("PUT", "environment", {"organization_id": str(uuid4())})
        settings.save_settings(connection=connection_of(company), values=values, secret=other.client_secret, user=None)
        code, printed = environment(company, "show")
        assert (code, printed["couplings"], printed["kept"], printed["dropped"]) == (0, 3, 0, 3)
        assert printed["was"]["environment_url"] == remote.environment_url
        assert printed["is"]["environment_url"] == other.environment_url
        code, refused = command("connection", "enable", "--company", company.name)
        assert (code, refused["error"]["reason"]) == (1, "wrong_environment")
        secret = tmp_path / "secret"
        secret.write_text(remote.client_secret)
        code, printed = environment(company, "point-back", "--client-secret-file", str(secret))
        assert (code, printed["is"]) == (0, printed["was"]), printed
    assert command("connection", "enable", "--company", company.name)[0] == 0
    assert Coupling.objects.count() == 3
