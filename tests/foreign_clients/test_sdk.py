"""Microsoft's own Python SDK drives the sandbox, as an independent witness."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from PowerPlatform.Dataverse.client import DataverseClient

from sandbox.testing import Sandbox
from tests.foreign_clients.sdk import NOT_COVERED, OPERATIONS, REFUSED, WORKS, Credential, Run, Workbench
from tests.sandbox.conftest import ask_token, plain_session

DOCS = Path(__file__).parents[2] / "docs" / "foreign-clients.md"


@pytest.fixture
def workbench(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sandbox.ca_file)
    form = {"grant_type": "password", "username": sandbox.admin_user, "password": sandbox.admin_password}
    token = ask_token(sandbox, plain_session(sandbox), **form).json()["access_token"]
    credential = Credential(token)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with DataverseClient(sandbox.environment_url, credential) as client:
            yield Workbench(client, sandbox, tmp_path)
    assert credential.scopes == {f"{sandbox.environment_url}/.default"}


@pytest.mark.parametrize(("name", "run", "outcome"), OPERATIONS, ids=[one[0] for one in OPERATIONS])
def test_sdk_operation_has_its_documented_outcome(workbench: Workbench, name: str, run: Run, outcome: str) -> None:
    if outcome == WORKS:
        run(workbench)
        return
    with pytest.raises(Exception) as caught:
        run(workbench)
    expected = "does not cover" if outcome == NOT_COVERED else "0x"
    assert expected in str(caught.value)


def test_documented_table_lists_the_tried_operations() -> None:
    documented = dict(re.findall(r"^\| `(.+?)` \| (.+?) \|$", DOCS.read_text(), re.MULTILINE))
    assert documented == {name: outcome for name, _, outcome in OPERATIONS}
    assert set(documented.values()) <= {WORKS, REFUSED, NOT_COVERED}
