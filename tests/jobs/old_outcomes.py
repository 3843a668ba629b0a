"""Databases with outcomes of the old form, which hold their texts: made, migrated and read by processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

ROOT = Path(__file__).parents[2]
POSTGRES = os.environ.get("TEST_DATABASE_URL", "")

START = """
import sys
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
"""

FILL = (
    START
    + """
from itertools import islice
from uuid import UUID
from core import bulk
apps = MigrationExecutor(connection).migrate([("jobs", "0012_narrow_outcomes")]).apps
company = apps.get_model("masterdata", "Company").objects.create(name="CRONUS", slug="cronus", currency_code="USD")
count, wide = int(sys.argv[1]), apps.get_model("jobs", "JobOutcome")
jobs = []
for at in range(3):
    of_job = len(range(at, count, 3))
    jobs.append(apps.get_model("jobs", "Job").objects.create(
        company=company, type="coupling", state="finished", mapping_name="CUSTOMER",
        breakdown={"coupled": {"": of_job - of_job // 3}, "failed": {"no_match": of_job // 3}},
    ))
fields = ("job_id", "outcome", "reason", "position", "local_id", "local_key", "local_name", "integration_id",
          "integration_name", "message", "detail")

def rows():
    last = {}
    for n in range(count):
        job, failed = jobs[n % 3], n // 3 % 3 == 2
        group = job.pk, failed
        last[group] = last.get(group, 0) + 1
        name, city = f"Customer {n}", f"City {n % 500}"
        tried = {"local": "phone_no", "integration": "telephone1", "local_value": f"+1 425 {n:07}"}
        detail = {"fields": [tried]}
        common = (UUID(int=n << 64), f"C{n:07}", name)
        if not failed:
            yield (job.pk, "coupled", "", last[group], *common, UUID(int=n), name.upper(), "", detail)
            continue
        detail |= {"candidates": [], "trail": [
            {"priority": 0, "fields": ["phone_no"], "rows": 0, "result": "no_match"},
            {"priority": 1, "fields": ["name", "city"], "rows": 0, "result": "no_match"},
        ]}
        text = f'No row has the same Phone No. "+1 425 {n:07}", nor the same Name "{name}" and City "{city}". '
        text += "Change the record or the row, or couple them by hand."
        yield (job.pk, "failed", "no_match", last[group], *common, None, "", text, detail)

made = rows()
while part := list(islice(made, 5000)):
    bulk.insert(wide, fields, part)
connection.close()
"""
)
"""argv: how many. Nine rows: six coupled, three not."""

_READ = """
import hashlib, json
from django.core.serializers.json import DjangoJSONEncoder
from jobs.models import Job, JobOutcome
from jobs.outcomes import JobOutcomes

LATER = ("under_way", "answer_ms")  # of a job, added by migrations after this one; outcomes need none of them

def read():
    said = hashlib.sha256()
    for job in Job.objects.defer(*LATER).order_by("pk"):
        for row in JobOutcomes(job):
            told = (job.pk, row.position, row.outcome, row.reason, row.local_id, row.local_name, row.integration_id,
                    row.message, row.detail)
            said.update(json.dumps(told, cls=DjangoJSONEncoder, sort_keys=True).encode())
    print(json.dumps({
        "narrow": JobOutcome.objects.exclude(arguments=None).count(), "all": JobOutcome.objects.count(),
        "said": said.hexdigest(),
    }), flush=True)
"""

READ = START + _READ + "read()\n"

MIGRATE = (
    START
    + _READ
    + """
import os, signal
from importlib import import_module
narrow = import_module("jobs.migrations.0013_narrow_old_outcomes")
part, dies_in, where = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
narrow.PART = part
done, update, narrow_part = 0, narrow.bulk.update, narrow.narrow_part

def die(here):
    if done == dies_in and here == where:
        os.kill(os.getpid(), signal.SIGKILL)

def written(*given):
    found = update(*given)
    die("inside")
    return found

def counted(*given):
    global done
    done += 1
    narrow_part(*given)
    die("after")

narrow.bulk.update, narrow.narrow_part = written, counted
read() if sys.argv[4:] else None
executor = MigrationExecutor(connection)
executor.migrate([("jobs", "0013_narrow_old_outcomes")])
print(done)
"""
)
"""argv: rows of a part, in which part the process dies (0: none), and where: "inside" its transaction or "after"; with
a fourth one it reads, and prints, before.
"""

SIZE = (
    START
    + """
with connection.cursor() as cursor:
    if connection.vendor == "sqlite":
        cursor.execute("VACUUM") if sys.argv[1:] else None
        cursor.execute("SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master "
                       "WHERE tbl_name IN ('jobs_joboutcome', 'jobs_outcomewording'))")
    else:
        cursor.execute("VACUUM FULL jobs_joboutcome") if sys.argv[1:] else None
        cursor.execute("SELECT sum(pg_total_relation_size(name)) "
                       "FROM (VALUES ('jobs_joboutcome'), ('jobs_outcomewording')) AS tables(name)")
    print(cursor.fetchone()[0])
"""
)


def run(code: str, url: str, *given: object) -> str:
    """Run code in a process of its own on a database; return what it printed: nothing where it killed itself."""
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", code, *map(str, given)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.stdout


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Provide the address of an empty database on "sqlite" or "postgresql"; it is gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'old.sqlite3'}"
        return
    name = f"old_outcomes_{os.getpid()}"
    with psycopg.connect(POSTGRES, autocommit=True) as own:
        own.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        finally:
            own.execute(f"DROP DATABASE {name} WITH (FORCE)")
