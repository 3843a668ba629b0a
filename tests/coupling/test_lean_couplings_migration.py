"""A database of before is migrated to lean couplings in parts: broken off anywhere, it goes on, and loses nothing."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
POSTGRES = os.environ.get("TEST_DATABASE_URL", "")

BEFORE = """
import django
django.setup()
from datetime import UTC, datetime
from uuid import UUID
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
before = [("coupling", "0019_coupling_criterion"), ("sync", "0006_deleted_records_by_name")]
apps = MigrationExecutor(connection).migrate(before).apps
company = apps.get_model("masterdata", "Company").objects.create(name="CRONUS", slug="cronus", currency_code="USD")
mapping = apps.get_model("coupling", "IntegrationTableMapping").objects.create(company=company, name="CUSTOMER")
model, base = apps.get_model("coupling", "Coupling"), apps.get_model("coupling", "CouplingBase")
for n in range(1, 18):
    one = model.objects.create(
        company=company, mapping=mapping, table="customer", local_id=UUID(int=n << 64), integration_id=UUID(int=n),
        organization_id=UUID(int=7) if n % 2 else None, version=f"W/{n}" if n % 3 else "", compared=n % 3 == 1,
        last_job_id=n if n % 5 == 0 else None, conflict={"fields": [n]} if n == 8 else None, skipped=n == 9,
        last_error="It failed." if n == 10 else "", created_at=datetime(2026, 1, n, tzinfo=UTC), pending=n == 17,
    )
    if n % 4 == 0:
        base.objects.create(coupling=one, values=bytes([n]))
model.objects.filter(integration_id=UUID(int=16)).delete()
connection.close()
"""

MIGRATE = """
import os, signal, sys
import django
django.setup()
from contextlib import contextmanager
from importlib import import_module
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
lean = import_module("coupling.migrations.0020_lean_couplings")
lean.PART = 4
ends_at, kills, done = int(sys.argv[1]), sys.argv[2] == "kill", 0

def reached():
    global done
    done += 1
    if done == ends_at:
        os.kill(os.getpid(), signal.SIGKILL) if kills else None
        raise KeyboardInterrupt

def counted(copy, step):
    @contextmanager
    def step_and_end(connection):
        with step(connection) as editor:
            yield editor
            reached()
    def copy_and_end(connection, sql):
        count = copy(connection, sql)
        reached()
        return count
    lean._copy_part, lean._step = copy_and_end, step_and_end

counted(lean._copy_part, lean._step)
again = True
while again:
    try:
        MigrationExecutor(connection).migrate([("coupling", "0020_lean_couplings")])
        again = False
    except KeyboardInterrupt:
        ends_at, done = ends_at + 2, 0
"""

MIGRATE_AND_DUMP = (
    MIGRATE
    + """
import json
found = {}
with connection.cursor() as cursor:
    for table in ("coupling_coupling", "coupling_couplingbase", "coupling_newcouplings"):
        columns = [one.name for one in connection.introspection.get_table_description(cursor, table)]
        columns.remove("id") if table == "coupling_newcouplings" else None
        names = ", ".join(f'"{name}"' for name in sorted(columns))
        cursor.execute(f"SELECT {names} FROM {table}")
        shown = [[one.hex() if isinstance(one, bytes) else str(one) for one in row] for row in cursor.fetchall()]
        found[table] = sorted(shown)
        found[table + " columns"] = sorted(columns)
        constraints = connection.introspection.get_constraints(cursor, table)
        indexes = [one for one in constraints.values() if one["index"] or one["unique"]]
        found[table + " indexes"] = sorted((one["columns"], one["unique"]) for one in indexes)
    found["tables"] = sorted(one for one in connection.introspection.table_names(cursor) if "coupling" in one)
from uuid import UUID
from coupling.models import Coupling
kept = Coupling.objects.order_by("-pk").values().first()
kept.pop("id"), kept.update(local_id=UUID(int=99), integration_id=UUID(int=99))
found["next id"] = Coupling.objects.create(**kept).pk
print(json.dumps({"steps": done, "holds": found}))
"""
)


def run(code: str, url: str, folder: Path, *given: str) -> str:
    """Run code in a process of its own on a database; return what it printed."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "STATE_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *given], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, -9), done.stderr
    return done.stdout


ON_POSTGRESQL = [pytest.mark.postgres, pytest.mark.skipif(not POSTGRES, reason="needs TEST_DATABASE_URL")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Provide copies of a database as it was before, by their names."""
    if request.param == "sqlite":
        before = tmp_path / "before.sqlite3"
        run(BEFORE, f"sqlite:///{before}", tmp_path)

        def copy(name: str) -> str:
            shutil.copy(before, tmp_path / f"{name}.sqlite3")
            return f"sqlite:///{tmp_path / name}.sqlite3"

        yield copy
        return
    before_name = f"lean_{os.getpid()}_before"
    names: list[str] = []
    server = POSTGRES.rpartition("/")[0]
    with psycopg.connect(POSTGRES, autocommit=True) as own:
        own.execute(f"CREATE DATABASE {before_name}")
        run(BEFORE, f"{server}/{before_name}", tmp_path)

        def copied(name: str) -> str:
            names.append(f"lean_{os.getpid()}_{name}")
            own.execute(f"CREATE DATABASE {names[-1]} TEMPLATE {before_name}")
            return f"{server}/{names[-1]}"

        yield copied
        for name in (*names, before_name):
            own.execute(f"DROP DATABASE {name} WITH (FORCE)")


def migrated(url: str, folder: Path, ends_at: int) -> dict[str, Any]:
    """Migrate a database, broken off again and again, each time later (0: never). Return what it holds then."""
    found: dict[str, Any] = json.loads(run(MIGRATE_AND_DUMP, url, folder, str(ends_at), ""))
    return found


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_broken_off_after_each_step_and_killed_it_goes_on_to_what_one_go_gives(
    databases: Callable[[str], str], tmp_path: Path
) -> None:
    straight, broken, killed = map(databases, ("straight", "broken", "killed"))
    one_go = migrated(straight, tmp_path, 0)
    expected = one_go["holds"]
    assert len(expected["coupling_coupling"]) == 16
    assert expected["next id"] == 18
    assert "version" in expected["coupling_couplingbase columns"]
    assert "version" not in expected["coupling_coupling columns"]
    assert migrated(broken, tmp_path, 1)["holds"] == expected
    assert run(MIGRATE, killed, tmp_path, str(one_go["steps"] // 2), "kill") == ""
    assert migrated(killed, tmp_path, 0)["holds"] == expected
