"""How fast rows are read: what the sandbox serves per second of one core, and what the client takes in.

The sandbox runs in a process of its own with its limits off; its processor time is read from the system, so that the
reader on the other core does not count. The floor of the client is a plain session that decodes the same pages.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import requests

from benchmarks.rows import accounts
from benchmarks.telling import Line
from dataverse.client import DataverseClient
from dataverse.table_scan import scan
from dataverse.types import ClientSecret, Credentials, Environment

COLUMNS = ["name", "telephone1", "address1_city", "emailaddress1", "statecode", "modifiedon"]
AIM = 100_000
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def served(size: int) -> Iterator[tuple[dict[str, str], int, requests.Session]]:
    """Serve a sandbox with that many accounts, created over a year; its line, its process, and a session for it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "manage.py", "sandbox", "--json", "--port", "0"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "STATE_DIR": folder, "DEBUG": "1"}
        )
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            session = requests.Session()
            session.trust_env = False
            session.verify = line["ca_file"]
            base = f"{line['environment_url']}/_sandbox"
            far = 10**9
            session.put(f"{base}/limits", json={"requests": far, "execution_s": far, "concurrency": 1000}, timeout=60)
            second = 0
            for page in accounts(size):
                for row in page:
                    second += 31_536_000 // size or 1
                    row["createdon"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + second))
                session.post(f"{base}/load", json={"accounts": page}, timeout=300).raise_for_status()
            yield line, process.pid, session
        finally:
            process.terminate()
            process.wait(20)


def processor_s(pid: int) -> float:
    """Return the processor time a process has had so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def client_of(line: dict[str, str]) -> DataverseClient:
    return DataverseClient(
        Environment(line["environment_url"], ca_file=line["ca_file"], loopback_allowed=True),
        Credentials(line["authority"], line["client_id"], ClientSecret(line["client_secret"])),
    )


def plain_pages(line: dict[str, str], session: requests.Session, *, decode: bool) -> int:
    """Read every page with nothing but a session; how many rows."""
    form = {
        "grant_type": "client_credentials", "client_id": line["client_id"], "client_secret": line["client_secret"],
        "scope": f"{line['environment_url']}/.default",
    }  # fmt: skip
    token = session.post(f"{line['authority']}/oauth2/v2.0/token", data=form, timeout=60).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    link: str | None = f"{line['environment_url']}/api/data/v9.2/accounts?$select={','.join(COLUMNS)}"
    rows = 0
    while link:
        body = session.get(link, headers=headers, timeout=300).content
        if decode:
            page: dict[str, Any] = msgspec.json.decode(body)
            rows += len(page["value"])
            link = page.get("@odata.nextLink")
        else:
            rows += body.count(b'"accountid"')
            at = body.rfind(b'"@odata.nextLink":')
            link = None if at < 0 else json.loads(body[at + 18 : body.rindex(b"}")])
    return rows


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:  # noqa: ARG001 - no database
    size = 50_000 if quick else 500_000
    rates, ones, many = [], [], []
    with served(size) as (line, pid, session):
        client = client_of(line)
        plain_pages(line, session, decode=False)
        for _ in range(repeats or (1 if quick else 3)):
            before = processor_s(pid)
            assert plain_pages(line, session, decode=False) == size
            rates.append(size / (processor_s(pid) - before))
            began = time.perf_counter()
            assert plain_pages(line, session, decode=True) == size
            floor = time.perf_counter() - began
            began = time.perf_counter()
            assert sum(len(page.rows) for page in client.pages("accounts", select=COLUMNS)) == size
            ones.append((time.perf_counter() - began) / floor)
            began = time.perf_counter()
            pages = scan(client, "accounts", "accountid", select=COLUMNS, parallel_from_s=0)
            assert sum(len(page.rows) for page in pages) == size
            many.append((time.perf_counter() - began) / floor)
        slots = client.concurrency
        # A service far away answers late, however fast it is: there ranges at once are worth their probing.
        slow = {"request_ms": 300}
        session.put(f"{line['environment_url']}/_sandbox/latency", json=slow, timeout=60)
        began = time.perf_counter()
        plain_pages(line, session, decode=True)
        floor = time.perf_counter() - began
        began = time.perf_counter()
        sum(len(page.rows) for page in scan(client, "accounts", "accountid", select=COLUMNS))
        far = (time.perf_counter() - began) / floor
    what = f"read {size:,} accounts of six columns"
    return [
        Line(f"{what}: rows a second of one core", "", rates, AIM, least=True, note="the sandbox's processor time"),
        Line(f"{what}: client, page after page", "plain session, pages decoded", ones),
        Line(
            f"{what}: client, ranges at once",
            "plain session, pages decoded",
            many,
            note=f"{slots} slots, two cores",
        ),
        Line(f"{what}: client, ranges at once, 300 ms away", "plain session, pages decoded", [far]),
    ]
