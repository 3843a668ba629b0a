"""Control calls and pages at /_sandbox/, and the command."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.service import saved_state
from sandbox.testing import running
from tests.sandbox.conftest import Api, plain_session

ID = "00000000-0000-4000-8000-0000000000a1"


def test_loaded_rows_get_the_services_defaults_and_no_customer_type(api: Api) -> None:
    assert api.sandbox.load({"accounts": [{"accountid": ID, "name": "x"}], "contacts": [{"lastname": "y"}]}) == {
        "accounts": 1,
        "contacts": 1,
    }
    row = api.get(f"accounts({ID})")
    assert (row["statecode"], row["statuscode"], row["customertypecode"]) == (0, 1, None)
    assert row["_ownerid_value"]
    assert row["_owningbusinessunit_value"]
    assert row["createdon"]
    assert row["@odata.etag"]
    assert api.sandbox.requests()["rows_written"] == 0


def test_load_accepts_lookups_in_every_notation(api: Api) -> None:
    contact = "00000000-0000-4000-8000-0000000000c1"
    rows = [
        {"name": "1", "_primarycontactid_value": contact},
        {"name": "2", "primarycontactid": contact},
        {"name": "3", "primarycontactid@odata.bind": f"/contacts({contact})"},
    ]
    people = [
        {"contactid": contact, "lastname": "x"},
        {"lastname": "y", "parentcustomerid_account@odata.bind": f"/accounts({ID})"},
    ]
    api.sandbox.load({"accounts": [*rows, {"accountid": ID, "name": "4"}], "contacts": people})
    assert [row["_primarycontactid_value"] for row in api.sandbox.rows("accounts")[:3]] == [contact] * 3
    shown = api.get("contacts?$filter=parentcustomerid_account/name eq '4'&$select=lastname")["value"]
    assert [row["lastname"] for row in shown] == ["y"]


BAD_LOADS: list[tuple[Any, str]] = [
    ({"persons": []}, "There is no table 'persons'"),
    ({"accounts": {}}, "must be a list"),
    ({"accounts": [{"name": "x"}, {"nme": "x"}]}, "no column 'nme'"),
    ({"accounts": [{"accountid": "x"}]}, "Row 0"),
    ({"accounts": [{"customertypecode": "three"}]}, "customertypecode"),
    ({"accounts": [7]}, "is no object"),
    ([], "must be a JSON object"),
]


@pytest.mark.parametrize(("content", "text"), BAD_LOADS)
def test_invalid_load_names_the_row_and_loads_nothing(api: Api, content: Any, text: str) -> None:
    with pytest.raises(requests.HTTPError, match=text):
        api.sandbox.load(content)
    assert api.sandbox.rows("accounts") == []


def test_reset_restores_rows_settings_and_clock(api: Api) -> None:
    sandbox = api.sandbox
    before = {name: sandbox.rows(name) for name in sandbox.environment.sets}
    api.create("businessunits", name="U")
    sandbox.load({"accounts": [{"name": "x"}]})
    sandbox.control("PUT", "limits", {"requests": 1})
    sandbox.control("PUT", "latency", {"request_ms": 5})
    sandbox.control("PUT", "environment", {"admin_mode": True, "base_currency": "EUR", "change_tracking_days": 3})
    sandbox.control("PUT", "clock", {"offset_s": 100, "rate": 2})
    sandbox.control("POST", "faults", [{"fault": "500"}])
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "secrets": []})
    sandbox.control("POST", "reset")
    assert {name: sandbox.rows(name) for name in sandbox.environment.sets} == before
    assert sandbox.control("GET", "limits")["requests"] == 6000
    assert sandbox.control("GET", "latency")["request_ms"] == 0
    assert sandbox.control("GET", "faults") == []
    assert sandbox.requests()["total"] == 0
    shown = sandbox.control("GET", "environment")
    assert (shown["admin_mode"], shown["base_currency"], shown["change_tracking_days"]) == (False, "USD", 7)
    assert api.send("GET", "WhoAmI").status_code == 200


def test_base_currency_can_be_changed(api: Api) -> None:
    api.sandbox.control("PUT", "environment", {"base_currency": "EUR"})
    row = api.get("organizations?$expand=basecurrencyid($select=isocurrencycode,exchangerate)")["value"][0]
    assert row["basecurrencyid"]["isocurrencycode"] == "EUR"
    assert row["basecurrencyid"]["exchangerate"] == 1


def test_the_environment_can_become_another_organization(api: Api) -> None:
    api.sandbox.control("PUT", "environment", {"organization_id": ID})
    assert api.get("WhoAmI")["OrganizationId"] == ID
    assert api.get("organizations?$select=name")["value"][0]["organizationid"] == ID


BAD_CALLS = [
    ("PUT", "limits", {"nonsense": 1}, 400),
    ("PUT", "limits", {"requests": "many"}, 400),
    ("PUT", "environment", {"base_currency": "XXX"}, 400),
    ("PUT", "environment", {"organization_id": "x"}, 400),
    ("PUT", "clock", {"rate": -1}, 400),
    ("POST", "faults", [{"fault": "earthquake"}], 400),
    ("POST", "faults", ["x"], 400),
    ("POST", "applications", {"client_id": "x"}, 400),
    ("POST", "applications", {"client_id": ID, "secrets": ["x"]}, 400),
    ("POST", "applications", {"client_id": ID, "certificates": ["x"]}, 400),
    ("GET", "rows/persons", None, 404),
    ("DELETE", "limits", None, 405),
    ("GET", "nonsense", None, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD_CALLS)
def test_invalid_control_call_is_answered_with_a_sentence(
    api: Api, method: str, path: str, body: Any, status: int
) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        api.sandbox.control(method, path, body)
    assert caught.value.response.status_code == status
    assert caught.value.response.json()["error"]["message"].endswith(".")


def test_listed_applications_do_not_show_secret_values(api: Api) -> None:
    shown = api.sandbox.control("GET", "applications")
    assert api.sandbox.client_secret not in json.dumps(shown)
    assert shown[0]["secrets"] == [{"expires": None}]


def test_pages_show_tables_and_rows_without_scripts(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": f"<b>{number:03}</b>"} for number in range(120)]})
    session = plain_session(api.sandbox)
    session.headers["Accept"] = "text/html"
    start = session.get(f"{api.sandbox.environment_url}/_sandbox/")
    assert start.headers["Content-Type"].startswith("text/html")
    assert 'href="/_sandbox/rows/accounts"' in start.text
    assert "<script" not in start.text
    assert "style=" not in start.text
    page = session.get(f"{api.sandbox.environment_url}/_sandbox/rows/accounts?page=2").text
    assert "&lt;b&gt;050&lt;/b&gt;" in page
    assert "<b>0" not in page
    assert "Page 2 of 3" in page
    assert session.get(f"{api.sandbox.environment_url}/_sandbox/style.css").status_code == 200


def test_two_sandboxes_in_one_process_have_separate_authorities() -> None:
    with running() as one, running() as two:
        assert one.environment_url != two.environment_url
        assert one.environment.organization_id != two.environment.organization_id
        with pytest.raises(requests.exceptions.SSLError):
            plain_session(two).get(f"{one.environment_url}/_sandbox/")


def start_command(state: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "STATE_DIR": str(state), "SANDBOX_ALLOWED": "1"}
    return subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    )


def test_command_prints_connection_details_stops_on_sigterm_and_restores_saved_rows(tmp_path: Path) -> None:
    kept = tmp_path / "rows"
    lines = []
    for turn in range(2):
        process = start_command(tmp_path, "--json", "--state", str(kept))
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            lines.append(line)
            assert set(line) == {
                "environment_url",
                "authority",
                "tenant_id",
                "client_id",
                "client_secret",
                "admin_user",
                "admin_password",
                "ca_file",
            }
            address = f"{line['environment_url']}/_sandbox"
            options: dict[str, Any] = {"verify": line["ca_file"], "timeout": 30}
            with requests.Session() as session:
                session.trust_env = False
                if turn == 0:
                    content = {"accounts": [{"accountid": ID, "name": "kept"}]}
                    assert session.post(f"{address}/load", json=content, **options).status_code == 200
                rows = session.get(f"{address}/rows/accounts", **options).json()
            assert [(row["accountid"], row["name"]) for row in rows] == [(ID, "kept")]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        assert process.returncode == 0
    assert lines[0]["client_secret"] == lines[1]["client_secret"]
    assert (Path(lines[0]["ca_file"]).with_suffix(".key").stat().st_mode & 0o777) == 0o600
    assert (next(kept.iterdir()).stat().st_mode & 0o777) == 0o600


@pytest.mark.parametrize(
    "head", [{"format": 1}, {"format": saved_state._FORMAT}, {"format": saved_state._FORMAT, "empty": 1}]
)
def test_saved_environment_of_another_version_is_refused_with_a_fix(tmp_path: Path, head: dict[str, Any]) -> None:
    with (tmp_path / saved_state.FILE).open("wb") as file:
        saved_state._write_message(file, head)
    with pytest.raises(saved_state.NotReadable, match="delete that file to start with a new environment"):
        saved_state.read(tmp_path)


def test_command_reports_why_it_cannot_start(tmp_path: Path, sandbox: Any) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "environment.rows").write_bytes(b"nonsense")
    process = start_command(tmp_path, "--state", str(tmp_path / "rows"))
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "cannot be read as a saved environment" in error
    process = start_command(tmp_path, "--port", str(sandbox.server.port))
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "cannot listen on port" in error
    assert "Traceback" not in error


def test_control_call_returns_all_rows_with_the_selected_columns(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": str(number)} for number in range(12_000)]})
    rows = api.sandbox.rows("accounts", "name")
    assert [row["name"] for row in rows] == [str(number) for number in range(12_000)]
    assert set(rows[0]) == {"@odata.etag", "name", "accountid"}


def test_a_page_of_another_site_cannot_control_the_sandbox(api: Api) -> None:
    session = plain_session(api.sandbox)
    address = f"{api.sandbox.environment_url}/_sandbox/reset"
    assert session.post(address, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert session.post(address, headers={"Host": "elsewhere.example"}).status_code == 403
    assert session.post(address, headers={"Origin": api.sandbox.environment_url}).status_code == 200
