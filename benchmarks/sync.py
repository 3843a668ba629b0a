"""Measure synchronizing new customers to Dataverse, and couplings of which nothing changed.

The floor of creating is a plain client that posts the same rows, prepared beforehand, in bulk messages of the same
size, one after the other. Tandem reads its records, makes the rows, stores their ids before it sends them, and
stores couplings, bases and outcomes.
"""

import json
import time
import uuid
from typing import Any

from benchmarks.house import BULK, House, Plain, house, run_job
from benchmarks.telling import Line
from core.vocabulary import Direction


def synchronize(own: House, **asked: Any) -> tuple[Any, float]:
    """Run a synchronization here. Return its job and the seconds it took."""
    from sync.start.services import start_synchronization

    job = start_synchronization(mapping=own.mapping, **asked)
    began = time.perf_counter()
    job = run_job(job)
    assert not job.counters["failed"], job.reasons
    return job, time.perf_counter() - began


COPIED_COLUMNS = (
    "name", "address1_city", "telephone1", "emailaddress1", "customertypecode", "creditlimit",
)  # fmt: skip


def bodies_like(plain: Plain, count: int) -> list[list[dict[str, Any]]]:
    """Return the rows that Tandem created last, as the targets of bulk messages."""
    rows = plain.control("GET", "rows/accounts")[-count:]
    targets = [
        {
            "@odata.type": "Microsoft.Dynamics.CRM.account",
            **{name: row[name] for name in COPIED_COLUMNS if row.get(name) is not None},
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({row['_transactioncurrencyid_value']})",
            "ownerid@odata.bind": f"/teams({row['_ownerid_value']})",
            "tandem_companyid@odata.bind": f"/tandem_companies({row['_tandem_companyid_value']})",
        }
        for row in rows
    ]
    return [targets[at : at + BULK] for at in range(0, len(targets), BULK)]


def bulk_message(targets: list[dict[str, Any]]) -> bytes:
    """Return the message that creates these targets under new ids."""
    return json.dumps({"Targets": [{**target, "accountid": str(uuid.uuid4())} for target in targets]}).encode()


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    new, coupled, repeats = (2_000, 5_000, repeats or 1) if quick else (20_000, 100_000, repeats or 3)
    with house(database) as own:
        own.mapping.synch_only_coupled = False
        own.mapping.save()
        plain = own.plain
        own.customers(new)
        own.keep()
        ratios, bulk = [], []
        for repeat in range(repeats):
            plain.control("DELETE", "requests")
            job, seconds = synchronize(own, direction=Direction.TO)
            assert job.counters["inserted"] == new
            requests = plain.control("GET", "requests")
            by_shape = requests["by"].items()
            writes = sum(n for shape, n in by_shape if shape.startswith("POST") and "CreateMultiple" in shape)
            bulk.append(requests["rows_written"] / max(1, writes))
            if not repeat:
                messages = bodies_like(plain, new)
            ratios.append(seconds / plain.create([bulk_message(targets) for targets in messages]))
            own.back()
        own.customers(coupled, new)
        synchronize(own, direction=Direction.TO)
        synchronize(own, create=False)  # everything is read once: what the plain client made stays uncoupled
        plain.control("DELETE", "requests")
        quiet = [synchronize(own, create=False) for _ in range(repeats)]
        requests = plain.control("GET", "requests")
        size = f"{coupled:,}"
        return [
            Line(f"create {new:,} customers in Dataverse on {database}: time", "posting prepared rows", ratios, 1.5),
            Line(f"create {new:,} customers on {database}: rows per write request", "", bulk, 100, least=True),
            Line(f"nothing changed on {size} couplings on {database}: requests", "",
                 [float(job.requests) for job, _ in quiet], 2, note=f"{min(s for _, s in quiet):.2f} s"),
            Line(f"nothing changed on {size} couplings on {database}: rows written", "",
                 [float(requests["rows_written"])], 0),
        ]  # fmt: skip
