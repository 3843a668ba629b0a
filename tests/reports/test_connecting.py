"""Secrets, certificates and refusals of connecting that came out wrong once, as they were reported."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from connection_setup.checks import error_checks
from connection_setup.secrets.certificates import read_pair
from connection_setup.types import SIGN_IN, Expectations
from dataverse.error_rules import error_for
from masterdata.models import Company
from tests.reports.conftest import REPORTS, reported_files

pytestmark = reported_files


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the folder with the certificates that the reported script makes, away from where it stands."""
    folder = tmp_path_factory.mktemp("reports")
    shutil.copy(REPORTS / "make-certificates.py", folder)
    subprocess.run([sys.executable, folder / "make-certificates.py"], check=True)
    return folder / "certs"


@pytest.fixture
def sign_in(transactional_db: None, sandbox: Any) -> Callable[..., str]:
    """Test the connection with these options; gives the first check that failed as "name: message fix", "" for none."""
    company = Company.objects.create(name="CRONUS", currency_code="USD")
    line = sandbox.line()

    def sign_in(*options: str) -> str:
        out = StringIO()
        with suppress(SystemExit):
            call_command(
                "connection", "test", "--company", company.name, "--environment-url", line["environment_url"],
                "--tenant", line["tenant_id"], "--client-id", line["client_id"], *options, "--json", stdout=out,
                stderr=StringIO(),
            )  # fmt: skip
        checks = json.loads(out.getvalue())["checks"]
        assert "Sign-in of the application" in [one["name"] for one in checks]
        wrong = [f"{one['name']}: {one['message']} {one['fix']}" for one in checks if one["state"] == "error"]
        return next(iter(wrong), "")

    return sign_in


def test_each_certificate_that_can_be_used_signs_in_and_each_other_is_refused_with_its_own_sentence(
    certificates: Path, sandbox: Any, sign_in: Callable[..., str]
) -> None:
    leaf = read_pair((certificates / "bag-attributes.pem").read_text()).certificate_pem
    sandbox.control(
        "POST", "applications", {"client_id": sandbox.client_id, "certificates": [leaf], "secrets": []}
    )  # fmt: skip
    with pytest.raises(CommandError, match=r"bundle\.pfx cannot be read\. The PFX file is protected by a password"):
        sign_in("--certificate-file", str(certificates / "bundle.pfx"))
    found = {file.name: sign_in("--certificate-file", str(file)) for file in sorted(certificates.glob("*.pem"))}
    assert sorted(name for name, wrong in found.items() if not wrong) == [
        "bag-attributes.pem", "chain-issuer-first.pem", "chain-leaf-last.pem", "crlf-bom.pem", "old-and-new.pem",
        "traditional.pem",
    ]  # fmt: skip
    refused = {name: wrong for name, wrong in found.items() if wrong}
    for name, words in {
        "cert-only.pem": "holds no private key",
        "ec-key.pem": "RSA",
        "encrypted-key.pem": "passphrase",
        "wrong-key.pem": "does not belong to the certificate",
    }.items():
        assert words in refused.pop(name), name
    assert not refused


def test_a_secret_is_read_without_the_mark_that_windows_tools_put_before_it(
    sandbox: Any, sign_in: Callable[..., str]
) -> None:
    secrets = [{"value": "NOT-A-REAL-SECRET", "expires": "2099-01-01T00:00:00Z"}]
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "secrets": secrets})
    assert sign_in("--client-secret-file", str(REPORTS / "secret-with-bom.txt")) == ""


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
    expected = Expectations(
        "CRONUS", uuid4(), "EUR", frozenset(), {}, str(uuid4()), secret_is_an_id=False, enabled=True
    )
    made = error_checks.check_for_error(error, SIGN_IN, expected)
    assert (made.name, made.state) == ("Access of the application", "error")
