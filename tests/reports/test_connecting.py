"""Secrets, certificates and refusals of connecting that came out wrong once, as they were reported."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connection_setup.management.commands.connection import Command
from connection_setup.secrets.certificates import read_pair
from dataverse.error_rules import error_for
from tests.reports.conftest import REPORTS, reported_files

pytestmark = reported_files


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the folder with the certificates that the reported script makes, away from where it stands."""
    folder = tmp_path_factory.mktemp("reports")
    shutil.copy(REPORTS / "make-certificates.py", folder)
    subprocess.run([sys.executable, folder / "make-certificates.py"], check=True)
    return folder / "certs"


@pytest.mark.parametrize("name", ["chain-issuer-first.pem", "chain-leaf-last.pem", "old-and-new.pem", "crlf-bom.pem"])
def test_the_certificate_that_belongs_to_the_key_is_taken(certificates: Path, name: str) -> None:
    text = (certificates / name).read_text(encoding="utf-8")
    assert read_pair(text).thumbprint == read_pair((certificates / "bag-attributes.pem").read_text()).thumbprint


def test_a_secret_is_read_without_the_mark_that_windows_tools_put_before_it() -> None:
    options = dict.fromkeys(("sandbox", "environment_url", "tenant_id", "client_id", "certificate_file"))
    command = Command()
    _, secret = command.settings({**options, "client_secret_file": str(REPORTS / "secret-with-bom.txt")}, whole=False)
    assert secret == "NOT-A-REAL-SECRET"


def reported(name: str) -> dict[str, str]:
    """Return the part of a reported answer that says what was refused: code, message."""
    answer = json.loads((REPORTS / name).read_text())
    return dict(answer.get("part", answer)["body"]["error"])


def test_an_owner_without_a_role_is_not_the_application_user() -> None:
    found = reported("owner-has-no-role.rule.json")
    error = error_for(403, found["code"], found["message"])
    assert "The user 11111111-2222-3333-4444-555555555555 has no security role" in error.message
    assert "another owner" in error.fix


def test_an_application_that_is_not_let_in_needs_no_role() -> None:
    found = reported("application-restricted.rule.json")
    error = error_for(403, found["code"], found["message"])
    assert "admits only applications" in error.message
    assert "App access control" in error.fix
    assert "role" not in error.fix
