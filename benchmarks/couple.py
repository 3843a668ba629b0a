"""The whole coupling job, as often as it can be in the time, against the least that brings the same couplings.

The floor downloads the same pages one after the other, decodes them into typed records, joins them with the local
records by plain dictionaries, and inserts the same couplings and outcomes, prepared as the driver takes them, in
transactions of the same size. It counts nothing, saves no progress, survives nothing. The sandbox answers without
delay, so that the time told is Tandem's and the sandbox's own; over a network both wait longer for the same pages.
"""

import time
import uuid
from typing import Any

import msgspec

from benchmarks.house import House, asked, house, run_job
from benchmarks.match import joined, plain
from benchmarks.rows import CRITERIA
from benchmarks.telling import Line

WRITE = 2000


class Account(msgspec.Struct):
    accountid: str
    name: str | None = None
    telephone1: str | None = None
    address1_city: str | None = None
    emailaddress1: str | None = None


class Page(msgspec.Struct):
    value: list[Account]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")


def ours(own: House) -> tuple[Any, float, str]:
    """Run the job; it, the seconds, and the address of the first page it read."""
    from coupling.couplings.services import start_coupling

    job = start_coupling(mapping=own.mapping, criteria=CRITERIA, user=None)
    with asked() as addresses:
        began = time.perf_counter()
        job = run_job(job)
        seconds = time.perf_counter() - began
    return job, seconds, next(url for url in addresses if "/accounts?" in url)


def floor(own: House, url: str) -> tuple[int, float]:
    """Couple without Tandem; how many records, and the seconds."""
    began = time.perf_counter()
    known: list[dict] = [{}, {}, {}]
    names: dict[Any, tuple] = {}
    with own.database.cursor() as cursor:
        cursor.execute(
            "SELECT system_id, no, name, phone_no, city, e_mail FROM masterdata_customer WHERE company_id = %s "
            "AND blocked = '' ORDER BY no", [own.company.pk],
        )  # fmt: skip
        while part := cursor.fetchmany(5000):
            for row in part:
                row_id, _, name, phone, city, mail = row
                names[row_id] = row
                for keys, key in zip(known, (plain(phone), (plain(name), plain(city)), plain(mail)), strict=True):
                    if key:
                        keys.setdefault(key, []).append(row_id)
    found: list[dict] = [{}, {}, {}]
    for page in own.plain.pages(url, msgspec.json.Decoder(Page)):
        for row in page:
            keys_of = (plain(row.telephone1), (plain(row.name), plain(row.address1_city)), plain(row.emailaddress1))
            for keys, rows, key in zip(known, found, keys_of, strict=True):
                if key and key in keys:
                    rows.setdefault(key, []).append((row.accountid, row.name))
    pairs = joined(known, found)
    _insert(own, names, pairs)
    return len(pairs), time.perf_counter() - began


COUPLING = (
    "company_id", "mapping_id", '"table"', "local_id", "integration_id", "organization_id", "method", "job_id",
    "created_at", "version", "pending", "last_to_reason", "last_from_reason", "last_error", "skipped",
)  # fmt: skip
OUTCOME = (
    "job_id", "outcome", "reason", "position", "local_id", "local_key", "local_name", "integration_id",
    "integration_name", "message", "detail",
)  # fmt: skip


def _insert(own: House, names: dict[Any, tuple], pairs: dict[Any, tuple]) -> None:
    from django.db import transaction
    from django.utils import timezone

    job = own.job
    hexed = own.database.vendor == "sqlite"
    now = timezone.now() if not hexed else str(timezone.now())[:26]
    organization = uuid.uuid4().hex
    common = (own.company.pk, own.mapping.pk, "customer")
    given = list(names.items())
    coupled = failed = 0
    for start in range(0, len(given), WRITE):
        couplings, outcomes = [], []
        for row_id, (_, no, name, phone, _city, _mail) in given[start : start + WRITE]:
            met = pairs.get(row_id)
            detail = msgspec.json.encode(
                {"fields": [{"local": "phone_no", "integration": "telephone1", "local_value": phone}]}
            ).decode()
            if met is None:
                failed += 1
                outcomes.append(
                    (job, "failed", "no_match", failed, row_id, no, name, None, "", "No row has the same.", detail)
                )
                continue
            there = met[0].replace("-", "") if hexed else met[0]
            couplings.append((*common, row_id, there, organization, "matched", job, now, "", False, "", "", "", False))
            coupled += 1
            outcomes.append((job, "coupled", "", coupled, row_id, no, name, there, met[1], "", detail))
        with transaction.atomic():
            own.insert("coupling_coupling", COUPLING, couplings)
            own.insert("jobs_joboutcome", OUTCOME, outcomes)


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    sizes = (5_000, 20_000) if quick else (100_000, 1_000_000)
    times = repeats or (1 if quick else 3)
    lines, spent, before = [], {}, 0
    with house(database) as own:
        for size in sizes:
            times = times if size < 1_000_000 else min(times, 1)
            own.customers(size, before)
            own.accounts(size)
            own.keep()
            ratios, spent[size], before = [], [], size
            for _ in range(times):
                job, seconds, url = ours(own)
                own.back()
                pairs, least = floor(own, url)
                own.back()
                assert pairs == job.counters["coupled"], (pairs, job.counters)
                ratios.append(seconds / least)
                spent[size].append(seconds)
            rate = f"{size / min(spent[size]):,.0f} records a second, {job.requests} requests"
            what = f"couple {size:,} customers on {database}"
            lines.append(Line(what, "same pages, dict join, raw insert", ratios, 2.0, note=rate))
    small, large = sizes
    growth = [b / a for a, b in zip(sorted(spent[small]), sorted(spent[large]), strict=False)]
    goal = 1.1 * large / small
    lines.append(Line(f"couple {large:,} on {database}: time", f"couple {small:,}", growth, goal))
    return lines
