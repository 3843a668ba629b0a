"""Tandem with a database of its own, connected to a sandbox in a process of its own; and the floor's client."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from benchmarks import rows

BULK = 1000


@contextmanager
def house(database: str) -> Iterator["House"]:
    """Prepare a house on "sqlite" or "postgresql", one in a process; everything it made is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        os.environ |= {"STATE_DIR": folder, "SANDBOX_ALLOWED": "1", "LOG_LEVEL": "ERROR"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        server = os.environ.get("TEST_DATABASE_URL", "")
        name = f"tandem_bench_{os.getpid()}"
        if database == "postgresql":
            _on_server(server, f"CREATE DATABASE {name}")
            os.environ["DATABASE_URL"] = urlsplit(server)._replace(path=f"/{name}").geturl()
        else:
            os.environ.pop("DATABASE_URL", None)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        command = [sys.executable, "manage.py", "sandbox", "--json", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield House(json.loads(process.stdout.readline()), Path(folder))
            finally:
                process.terminate()
                from django.db import connections

                connections.close_all()
                if database == "postgresql":
                    _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


def _on_server(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


class House:
    """The connected company, its CUSTOMER mapping, the database and the sandbox."""

    def __init__(self, line: dict[str, str], folder: Path) -> None:
        from django.db import connection

        from connection_setup.connection import settings, state
        from connection_setup.enabling import services
        from coupling.mappings import defaults
        from coupling.models import IntegrationTableMapping
        from masterdata.models import Company

        self.plain = Plain(line)
        self.plain.control(
            "PUT", "limits", {"requests": 10**9, "window_s": 300, "execution_s": 10**9, "concurrency": 1000}
        )
        self.folder = folder
        self.database = connection
        self.company = Company.objects.create(name="Benchmark", currency_code="USD")
        values = {
            "environment_url": line["environment_url"], "tenant_id": line["tenant_id"],
            "client_id": line["client_id"], "sandbox_ca_file": line["ca_file"],
        }  # fmt: skip
        own = state.connection_of(self.company)
        settings.save_settings(connection=own, values=values, secret=line["client_secret"], user=None)
        assert services.enable(company=self.company, user=None).ok
        defaults.create_missing(self.company)
        mappings = IntegrationTableMapping.objects.select_related("company")
        self.mapping = mappings.get(company=self.company, name="CUSTOMER")

    def customers(self, size: int, first: int = 0) -> None:
        """Insert the customers of benchmarks.rows, from `first` up to `size`."""
        from core import bulk
        from masterdata.models import Customer

        for part in rows.customers(size - first, first):
            bulk.insert(Customer, ("company_id", "no", *rows.FIELDS), [(self.company.pk, *one) for one in part])

    def neighbour(self, size: int) -> None:
        """Insert as many customers of another company, which no job of the first one looks at."""
        from core import bulk
        from masterdata.models import Company, Customer

        other, _ = Company.objects.get_or_create(name="Neighbour", currency_code="USD")
        for part in rows.customers(size):
            bulk.insert(Customer, ("company_id", "no", *rows.FIELDS), [(other.pk, *one) for one in part])

    def accounts(self, size: int, given: Callable[[int], Iterable[list[dict]]] = rows.accounts) -> None:
        """Load accounts made by rule, all inside the mapping's filter, in place of those there were."""
        for part in given(size):
            self.plain.control("POST", "load", {"accounts": [{**one, "customertypecode": 3} for one in part]})

    def keep(self) -> None:
        """Remember the database as it is, for `back`, with a job for those who write without one."""
        from jobs.models import Job

        self.job = Job.objects.create(company=self.company, type="coupling", state="finished").pk
        if self.database.vendor == "sqlite":
            with self.database.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._close()
            shutil.copy(self._file, self.folder / "kept.sqlite3")
        else:
            with self.database.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")

    def back(self) -> None:
        """Throw away couplings, jobs and outcomes made since `keep`."""
        if self.database.vendor == "sqlite":
            self._close()
            for end in ("-wal", "-shm"):
                Path(f"{self._file}{end}").unlink(missing_ok=True)
            shutil.copy(self.folder / "kept.sqlite3", self._file)
        else:
            with self.database.cursor() as cursor:
                cursor.execute(
                    "TRUNCATE coupling_coupling, coupling_couplingbase, coupling_newcouplings, jobs_joboutcome, "
                    "jobs_outcomepart, jobs_outcomewording, jobs_jobrecord CASCADE"
                )
                cursor.execute("CHECKPOINT")

    def _close(self) -> None:
        """Close every connection to the database, so that its file can be put in the place of another."""
        from connection_setup.connection import service_waits

        service_waits.close()
        self.database.close()

    @property
    def _file(self) -> str:
        return str(self.database.settings_dict["NAME"])

    def size(self, *tables: str) -> int:
        """Return the bytes of tables with their indexes."""
        with self.database.cursor() as cursor:
            if self.database.vendor == "sqlite":
                names = "SELECT name FROM sqlite_master WHERE tbl_name = %s"
                statement = f"SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name IN ({names})"
            else:
                statement = "SELECT pg_total_relation_size(%s)"
            total = 0
            for table in tables:
                cursor.execute(statement, [table])
                total += int(cursor.fetchone()[0])
            return total

    def define(self, *statements: str) -> None:
        """Carry out statements that make or drop tables."""
        with self.database.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def insert(self, table: str, columns: Sequence[str], values: Sequence[tuple]) -> None:
        """Insert with the least that a bulk insert can be: prepared tuples to the driver, by COPY or executemany."""
        with self.database.cursor() as cursor:
            if self.database.vendor == "sqlite":
                marks = ", ".join(["?"] * len(columns))
                cursor.cursor.connection.executemany(
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values
                )
                return
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for value in values:
                    copy.write_row(value)


def run_job(job: Any) -> Any:
    """Run a job and its follow-ups here."""
    from jobs.running.waiting import run_to_end

    job = run_to_end(job)
    assert job.state == "finished", (job.message, job.detail)
    return job


class Plain:
    """A client that knows what to ask: one session, one token, one request after the other."""

    def __init__(self, line: dict[str, str]) -> None:
        self.root = line["environment_url"]
        self.session = requests.Session()
        self.session.verify, self.session.trust_env = line["ca_file"], False
        form = {
            "grant_type": "client_credentials", "client_id": line["client_id"],
            "client_secret": line["client_secret"], "scope": f"{self.root}/.default",
        }  # fmt: skip
        token = self.session.post(f"{line['authority']}/oauth2/v2.0/token", data=form).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, f"{self.root}/_sandbox/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def pages(self, url: str, decoder: "msgspec.json.Decoder[Any]") -> Iterator[list[Any]]:
        """Yield the pages of a query, decoded into records of a type with `value` and `next`."""
        following: str | None = url
        while following:
            answer = self.session.get(following, headers={"Prefer": "odata.maxpagesize=5000"})
            assert answer.status_code == 200, answer.text
            page = decoder.decode(answer.content)
            yield page.value
            following = page.next

    def create(self, bodies: Iterable[bytes]) -> float:
        """Post prepared bulk messages; the seconds it took."""
        began = time.perf_counter()
        for body in bodies:
            url = f"{self.root}/api/data/v9.2/accounts/Microsoft.Dynamics.CRM.CreateMultiple"
            answer = self.session.post(url, data=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 200, answer.text
        return time.perf_counter() - began


@contextmanager
def asked() -> Iterator[list[str]]:
    """Collect the addresses that Tandem asks inside the block."""
    from dataverse import http_session

    found: list[str] = []

    def note(_method: str, url: str) -> None:
        found.append(url)

    http_session.before_send.append(note)
    try:
        yield found
    finally:
        http_session.before_send.remove(note)
