"""Jobs under way when a version is installed: their rows are rewritten, and the new code goes on with them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection

from coupling.models import UndoneRecord
from coupling.undone import read_condition
from jobs.mentions import HIDDEN, NOBODY, PersonReading
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sync.start.services import start_synchronization
from tests.starts import Starter
from tests.sync.conftest import accounts, counters, customer


def test_an_open_job_is_resumed_after_its_stored_keys_were_renamed(company, customers, remote):
    records = [customer(company, f"1000{number}") for number in range(2)]
    job = start_synchronization(mapping=customers)
    old = {"full": True, "direction": "to", "create_new": True}
    Job.objects.filter(pk=job.pk).update(parameters=old, resume={"told": True})
    job.outcomes.create(outcome="failed", reason="refused", position=1, local_id=records[0].system_id)

    import_module("jobs.migrations.0005_parameters").rewrite(apps, None)

    job.refresh_from_db()
    assert job.resume == {"already_reported": True}
    assert job.parameters["direction"] == "to_integration_table"
    job = run_to_end(job)
    assert (job.state, counters(job)) == ("finished", {"inserted": 1}), "the reported record is not reported again"
    assert set(accounts(remote)) == {"Customer 10001"}


class Editor:
    connection = connection


OLD = ("coupling 0008", "sync 0002")
"""The state of the tables about pairs that databases of the first versions have."""
PAIRS: dict[int, dict[str, Any]] = {
    1: {"version": 'W/"1"', "last_job_id": 1},
    2: {"version": 'W/"1"', "last_job_id": 1, "last_to_reason": "denied", "last_error": "No privilege."},
    3: {"last_job_id": 1, "last_from_reason": "value_too_long", "last_error": "Too long.", "skipped": 1},
    4: {},  # just coupled
    5: {"pending": 1},  # being created
    6: {"last_job_id": 1},  # outside a filter: its row was read, and no version of it kept
    7: {"last_job_id": 1, "conflict": '{"fields": []}'},
    9: {},  # uncoupled since
}
WITH_VALUES = (1, 5)
ORGANIZATION = uuid4()


def put(database: sqlite3.Connection, into: str, /, **given: Any) -> None:
    """Insert a row as an old version did: what is required and not given is blank."""
    columns = database.execute(f"PRAGMA table_info({into})").fetchall()
    row = {
        name: "" if kind.lower().startswith(("varchar", "text")) else "2026-01-02" if kind == "datetime" else 0
        for _, name, kind, required, _, key in columns
        if required and not key
    } | given
    names = ", ".join(f'"{name}"' for name in row)
    database.execute(f"INSERT INTO {into} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


@pytest.fixture
def upgraded(tmp_path: Path, starter: Starter) -> Iterator[sqlite3.Connection]:
    """Provide a database that the first versions filled, after an upgrade."""

    def migrate(*states: str) -> None:
        calls = "; ".join(f"call_command('migrate', *{state.split()!r}, verbosity=0)" for state in states)
        script = f"import django; django.setup(); from django.core.management import call_command; {calls}"
        environment = {
            "PATH": os.environ["PATH"], "STATE_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings",
        }  # fmt: skip
        done = starter.run(["-c", script], environment, tmp_path)
        assert done.returncode == 0, done.stderr

    migrate(*OLD)
    with closing(sqlite3.connect(tmp_path / "tandem.sqlite3", isolation_level=None)) as database:
        put(database, "masterdata_company", id=1, name="Old", system_id=uuid4().hex)
        trees = {"table_filter": "{}", "integration_filter": "{}", "insert_values": "{}", "dependencies": "[]"}
        names = {"name": "CUSTOMER", "table": "customer", "direction": "bidirectional"}
        put(database, "coupling_integrationtablemapping", id=1, company_id=1, **names, **trees)
        for pk, columns in PAIRS.items():
            put(
                database, "coupling_coupling", id=pk, company_id=1, mapping_id=1, table="customer",
                local_id=uuid4().hex, integration_id=uuid4().hex, method="matched",
                organization_id=ORGANIZATION.hex if pk != 4 else None, **columns,
            )  # fmt: skip
            if pk in WITH_VALUES:
                put(database, "coupling_couplingbase", coupling_id=pk, values=b"agreed")
        migrate("coupling 0019")
        database.execute("DELETE FROM coupling_coupling WHERE id = 9")
        migrate("")
        yield database


@pytest.mark.xdist_group("starts")
@pytest.mark.timeout(300)  # every migration there is, twice half of them
@pytest.mark.skipif(connection.vendor != "sqlite", reason="It fills a SQLite database of its own.")
def test_what_was_known_of_pairs_is_known_after_an_upgrade(upgraded: sqlite3.Connection) -> None:
    """What failed stands undone, what was outside and what conflicts is compared again, what no run has compared yet is
    found by the next one, and ids of couplings that are gone are not given again.
    """

    def read(what: str) -> list[tuple[Any, ...]]:
        return upgraded.execute(f"SELECT {what}").fetchall()

    assert read("coupling_id, reason, condition, attempts FROM coupling_undonerecord ORDER BY id") == [
        (2, "denied", "No privilege.", 1), (3, "value_too_long", "Too long.", 2),
    ]  # fmt: skip
    assert read("coupling_id, mapping_id, waits FROM sync_duepair ORDER BY coupling_id") == [(6, 1, ""), (7, 1, "")]
    known = 'coupling_id, company_id, mapping_id, "values", compared, version, last_to_reason, last_error, skipped'
    assert read(f"{known} FROM coupling_couplingbase ORDER BY coupling_id") == [
        (pk, 1, 1, b"agreed" if pk in WITH_VALUES else None, 1, columns.get("version", ""),
         columns.get("last_to_reason", ""), columns.get("last_error", ""), columns.get("skipped", 0))
        for pk, columns in PAIRS.items() if pk not in (4, 9)
    ]  # fmt: skip
    assert read("coupling_id, conflict FROM coupling_couplingbase WHERE conflict IS NOT NULL") == [
        (7, '{"fields": []}')
    ]
    assert read("mapping_id, first, last FROM coupling_newcouplings") == [(1, 4, 4)]
    assert {bytes(one) for (one,) in read("organization_id FROM coupling_coupling WHERE id <> 4")} == {
        ORGANIZATION.bytes
    }
    assert read("organization_id FROM coupling_coupling WHERE id = 4") == [(None,)]
    assert read("id, pending FROM coupling_coupling ORDER BY id") == [(pk, int(pk == 5)) for pk in range(1, 8)]
    assert read("seq FROM sqlite_sequence WHERE name = 'coupling_coupling'") == [(9,)]
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'coupling_coupling'"
    assert len(upgraded.execute(indexes).fetchall()) == 3, "two that are unique, and that of the few pending ones"


def test_stored_texts_that_name_other_companies_name_none_after_an_upgrade(company, customers, remote):
    """Those who have a role in that company read the same as before; what nobody knows any more stays hidden."""
    other = Company.objects.create(name="Adatum, Inc.", currency_code="EUR")
    job = Job.objects.create(company=company, type="coupling", state="finished")
    rest = "Match on other fields, delete the coupling there, or"
    held = "The one row with the same Name belongs to {}, where it is coupled to S1 Shop. " + rest
    texts = [
        held.format(other.name),
        "The row belongs to Adatum, Inc., where it is coupled to S1 No. 2. To couple it here, delete the coupling",
        "No row inside the filter of CUSTOMER has the same Name. 2 accounts with this Name are outside the filter: it "
        "belongs to Adatum, Inc.; it belongs to Adatum, Inc., Status is Inactive. Change them in Dataverse if they",
        "The Dataverse row belongs to another company, Adatum, Inc.. Choose Delete Couplings, or change its company "
        "there.",
        "The Dataverse row belongs to another company, Elsewhere. Choose Delete Couplings, or change its company "
        "there.",
        "No row in Dataverse has the same Name. Match on other fields, or create it there.",
    ]
    reasons = ["already_coupled", "create_queued", "no_match", "outside_filter", "outside_filter", "no_match"]
    detail = {"candidates": [{"id": "1", "name": "x", "coupled_to": "S1 Shop in Adatum, Inc."}]}
    for text, reason in zip(texts, reasons, strict=True):
        job.outcomes.create(outcome="failed", reason=reason, message=text, detail=detail)
    gone = job.outcomes.create(outcome="failed", reason="already_coupled", message=held.format("Gone Ltd."))
    line = UndoneRecord.objects.create(company=company, mapping=customers, reason="outside_filter", condition=texts[3])

    import_module("jobs.migrations.0008_no_names_of_other_companies").hide_names(apps, Editor)
    import_module("coupling.migrations.0012_other_company").hide_names(apps, Editor)

    rows = list(job.outcomes.exclude(pk=gone.pk).order_by("pk"))
    assert not [row.message for row in rows if other.name in row.message]
    mine = PersonReading(None)
    assert [mine.read_outcome(row.message, row.detail) for row in rows] == [
        (text.replace("another company, Adatum", "Adatum"), detail) for text in texts
    ]
    assert NOBODY.read_outcome(rows[0].message, rows[0].detail)[1]["candidates"][0]["coupled_to"] == HIDDEN
    gone.refresh_from_db()
    assert mine.read_outcome(gone.message, gone.detail)[0].startswith(
        f"The one row with the same Name belongs to {HIDDEN}. "
    )
    line.refresh_from_db()
    assert other.name not in line.condition
    assert read_condition(line, mine) == texts[3].replace("another company, Adatum", "Adatum")
