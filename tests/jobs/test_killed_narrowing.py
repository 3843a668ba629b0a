"""Killed with SIGKILL anywhere in the migration of old outcomes, the next one does the rest; all is read throughout."""

import json
import os
from pathlib import Path

import pytest

from tests.jobs.old_outcomes import FILL, MIGRATE, POSTGRES, READ, database, run

ROWS, PART = 22, 4
ON_POSTGRESQL = [pytest.mark.postgres, pytest.mark.skipif(not POSTGRES, reason="needs TEST_DATABASE_URL")]

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)])
def test_killed_again_and_again_it_goes_on_and_every_outcome_says_what_it_said(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "STATE_DIR", str(tmp_path))
    with database(kind, tmp_path) as url:
        run(FILL, url, ROWS)
        found = []
        for dies_in, where in ((1, "inside"), (1, "after"), (2, "inside"), (2, "after")):
            found.append(json.loads(run(MIGRATE, url, PART, dies_in, where, "read")))
        read, parts = run(MIGRATE, url, PART, 0, "", "read").splitlines()
        found += [json.loads(read), json.loads(run(READ, url))]
    assert [one.pop("narrow") for one in found] == [0, 0, PART, 2 * PART, 4 * PART, ROWS]
    assert int(parts) == -(-(ROWS - 4 * PART) // PART)
    assert found == [{"all": ROWS, "said": found[0]["said"]}] * len(found)
