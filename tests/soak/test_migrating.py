"""A million outcomes of the old form are narrowed in place: how long it takes and what they take before and after."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.jobs.old_outcomes import FILL, MIGRATE, POSTGRES, READ, SIZE, database, run
from tests.soak.conftest import FULL, size

ROWS = size("outcomes", 3_000, 1_000_000)
PART = 5_000
ON_POSTGRESQL = [pytest.mark.postgres, pytest.mark.skipif(not POSTGRES, reason="needs TEST_DATABASE_URL")]

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not FULL, reason="make soak: with a few, tests/jobs/test_killed_narrowing.py kills it oftener"),
]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)])
def test_a_million_old_outcomes_are_narrowed_in_place_and_killed_in_the_middle_it_goes_on(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "STATE_DIR", str(tmp_path))
    with database(kind, tmp_path) as url:
        run(FILL, url, ROWS)
        before, wide = json.loads(run(READ, url)), int(run(SIZE, url))
        began = time.monotonic()
        run(MIGRATE, url, PART, max(1, -(-ROWS // PART) // 2), "inside")
        killed = time.monotonic() - began
        done = json.loads(run(READ, url))
        assert 0 <= done["narrow"] < ROWS and done["said"] == before["said"]
        began = time.monotonic()
        run(MIGRATE, url, PART, 0, "")
        rest = time.monotonic() - began
        narrow = int(run(SIZE, url))
        kept = int(run(SIZE, url, "compacted"))
        assert json.loads(run(READ, url)) == {**before, "narrow": ROWS}
    print(
        f"{ROWS:,} outcomes on {kind}: narrowed in {killed:.1f} s until it was killed and {rest:.1f} s after, "
        f"{wide / 2**20:,.1f} MiB before and {narrow / 2**20:,.1f} MiB after ({kept / 2**20:,.1f} MiB compacted), "
        f"load {os.getloadavg()[0]:.1f}"
    )
    assert kept < wide
