"""manage.py connection, as far as no environment is needed."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from connection_setup.models import DataverseConnection
from masterdata.models import Company
from tests.connection_setup.conftest import APPLICATION, SECRET, TENANT


def run(capsys: Any, *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON document, everything printed."""
    code = 0
    try:
        call_command("connection", *words, "--json")
    except SystemExit as ended:
        code = int(ended.code or 0)
    out, err = capsys.readouterr()
    return code, json.loads(out), out + err


def test_status_shows_the_connection_without_a_secret(connection: DataverseConnection, capsys: Any) -> None:
    code, said, everything = run(capsys, "status", "--company", "CRONUS International")
    assert code == 0
    assert said["enabled"] is False
    assert said["environment_url"] == "https://127.0.0.1:9"
    assert said["secret_stored"] is True
    assert SECRET not in everything


def test_a_failing_test_exits_with_one_and_says_why(connection: DataverseConnection, capsys: Any) -> None:
    code, said, _ = run(capsys, "test", "--company", "cronus-international")
    assert code == 1
    assert said["ok"] is False
    assert set(said["checks"][0]) == {"name", "state", "message", "fix"}
    assert "cannot be reached" in said["checks"][0]["message"]


def test_enabling_refuses_with_the_failing_check(connection: DataverseConnection, capsys: Any) -> None:
    code, said, _ = run(capsys, "enable", "--company", "cronus-international")
    assert code == 1
    assert said["error"]["reason"] == "unreachable"
    assert "cannot be reached" in said["error"]["message"]
    connection.refresh_from_db()
    assert not connection.enabled


def test_an_unknown_company_is_refused(db: None, capsys: Any) -> None:
    code, said, _ = run(capsys, "status", "--company", "Nobody")
    assert code == 1
    assert said["error"]["reason"] == "unknown_company"


def test_settings_of_options_are_tested_and_not_stored(company: Company, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    line = {
        "environment_url": "https://127.0.0.1:9",
        "tenant_id": TENANT,
        "client_id": APPLICATION,
        "client_secret": SECRET,
        "ca_file": str(tmp_path / "none.pem"),
    }
    (tmp_path / "sandbox.json").write_text(json.dumps(line) + "\nanother line\n")
    company_is = ("--company", "CRONUS International")
    named = ("--environment-url", "https://127.0.0.1:9", "--tenant", TENANT, "--client-id", APPLICATION)
    for options in (
        (*company_is, *named, "--client-secret-file", str(tmp_path / "secret")),
        (*company_is, "--sandbox", str(tmp_path / "sandbox.json")),
    ):
        code, said, everything = run(capsys, "test", *options)
        assert code == 1
        assert said["checks"][0]["name"] == "Address answers"
        assert SECRET not in everything
    assert not DataverseConnection.objects.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["enable", "--environment-url", "https://x.crm.dynamics.com"], "--tenant, --client-id, --client-secret-file"),
        (["status", "--sandbox", "{tmp}/sandbox.json"], "takes no settings"),
        (["test", "--sandbox", "{tmp}/missing"], "cannot be read"),
        (["test", "--sandbox", "{tmp}/other"], "does not hold the line"),
        (["test", "--sandbox", "{tmp}/sandbox.json", "--tenant", "x"], "leave the others out"),
    ],
)
def test_contradictory_arguments_are_a_usage_error(
    company: Company, tmp_path: Path, words: list[str], says: str
) -> None:
    (tmp_path / "other").write_text("{}")
    complete = dict.fromkeys(["environment_url", "tenant_id", "client_id", "client_secret"], "x")
    (tmp_path / "sandbox.json").write_text(json.dumps(complete))
    words = [word.format(tmp=tmp_path) for word in words]
    with pytest.raises(CommandError, match=says) as misused:
        call_command("connection", *words, "--company", "CRONUS International")
    assert misused.value.returncode == 2


def test_an_invalid_address_is_refused(company: Company, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    named = ("--environment-url", "https://example.com", "--tenant", TENANT, "--client-id", APPLICATION)
    secret = ("--client-secret-file", str(tmp_path / "secret"))
    code, said, _ = run(capsys, "enable", "--company", "CRONUS International", *named, *secret)
    assert code == 1
    assert "not the address of a Dataverse environment" in said["error"]["message"]
    assert not DataverseConnection.objects.exists()


@pytest.mark.parametrize("url", ["https://example.com", "http://contoso.crm4.dynamics.com", "contoso"])
def test_testing_an_invalid_address_fails_its_check(company: Company, capsys: Any, tmp_path: Path, url: str) -> None:
    (tmp_path / "secret").write_text(SECRET)
    named = ("--environment-url", url, "--tenant", TENANT, "--client-id", APPLICATION)
    secret = ("--client-secret-file", str(tmp_path / "secret"))
    code, said, _ = run(capsys, "test", "--company", "CRONUS International", *named, *secret)
    assert (code, said["ok"]) == (1, False)
    (check,) = said["checks"]
    assert (check["name"], check["state"]) == ("Address answers", "error")
    assert check["message"]
    assert check["fix"]
    assert not DataverseConnection.objects.exists()


def test_disabling_twice_is_fine(connection: DataverseConnection, capsys: Any) -> None:
    connection.enabled = True
    connection.save()
    for _ in range(2):
        code, said, _ = run(capsys, "disable", "--company", "CRONUS International")
        assert (code, said["enabled"]) == (0, False)
