"""What a coupling job writes of a checkpoint, and what it asks the database for."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import bulk
from coupling.couplings import couple_writer, services
from coupling.models import Coupling
from coupling.rows import Criterion
from jobs.models import JobOutcome, OutcomePart
from jobs.outcomes import JobOutcomes
from tests.coupling.conftest import counted, pairs, run

PHONE = [Criterion("phone_no", "telephone1")]
TABLE = {"sqlite": 5_000, "postgresql": 20_000}


def test_a_checkpoint_settles_five_thousand_records_on_sqlite_and_twenty_thousand_on_postgresql():
    assert couple_writer.records_per_checkpoint() == TABLE[connection.vendor]


def test_records_are_written_by_checkpoints_of_that_size(customer_mapping, customers, account_of, monkeypatch):
    made = customers(12)
    account_of(made)
    monkeypatch.setattr(bulk, "MAX_ROWS", 2)
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert counted(job) == {"total": 12, "coupled": 12}
    size = 2 if connection.vendor == "sqlite" else 8
    sizes = list(OutcomePart.objects.filter(job=job).order_by("first").values_list("count", flat=True))
    assert sizes == [size] * (12 // size) + ([12 % size] if 12 % size else [])


def test_of_records_that_simply_couple_nothing_is_read_again(customer_mapping, customers, account_of, monkeypatch):
    """They are counted, and the insert tells that all are coupled; no query names couplings or reads records."""
    made = customers(9)
    rows = account_of(made)
    write, asked = couple_writer.CouplingWriter.write, []

    def written(self):
        with CaptureQueriesContext(connection) as captured:
            try:
                write(self)
            finally:
                asked.extend(one["sql"] for one in captured)

    monkeypatch.setattr(couple_writer.CouplingWriter, "write", written)
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert pairs(customer_mapping) == {one.system_id: row for one, row in zip(made, rows, strict=True)}
    about_records = [sql for sql in asked if '"masterdata_customer"' in sql]
    assert [sql.startswith("SELECT COUNT(*)") for sql in about_records[:1]] == [True]
    # The other one is the key of the last record, behind which a job that lost its worker goes on.
    assert len(about_records) == 2 and "LIMIT 1" in about_records[1]
    selected = [sql for sql in asked if re.search(r'FROM "coupling_coupling"', sql) and sql.startswith('SELECT "')]
    assert selected == []
    assert not JobOutcome.objects.filter(job=job).exists()


def test_what_was_coupled_or_deleted_meanwhile_is_told_apart_from_what_the_insert_coupled(
    customer_mapping, customers, account_of, monkeypatch
):
    made = customers(6)
    rows = account_of(made)
    save = couple_writer.CouplingWriter._save

    def others_first(self, point, part):
        couplings = [(made[1].system_id, made[5].system_id, rows[1]), (made[3].system_id, made[3].system_id, rows[5])]
        for at, (_, local_id, row_id) in enumerate(couplings):
            common = {"company": customer_mapping.company, "mapping": customer_mapping, "table": "customer"}
            Coupling.objects.create(**common, local_id=local_id, integration_id=row_id, job_id=900 + at)
        save(self, point, part)

    part_of = couple_writer.CouplingWriter._part

    def one_gone(self, first, end):
        made[0].delete()
        return part_of(self, first, end)

    monkeypatch.setattr(couple_writer.CouplingWriter, "_save", others_first)
    monkeypatch.setattr(couple_writer.CouplingWriter, "_part", one_gone)
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    found = {one.local_id: (str(one.outcome), str(one.reason)) for one in JobOutcomes(job)}
    assert found == {
        made[0].system_id or None: ("skipped", "record_gone"),
        made[1].system_id: ("failed", "already_coupled"),
        made[2].system_id: ("coupled", ""),
        made[3].system_id: ("skipped", "already_coupled"),
        made[4].system_id: ("coupled", ""),
        made[5].system_id: ("skipped", "already_coupled"),
    }
    assert counted(job) == {"total": 6, "coupled": 2, "failed": 1, "skipped": 3}
    own = Coupling.objects.filter(job_id=job.pk)
    assert {one.local_id: one.integration_id for one in own} == {made[at].system_id: rows[at] for at in (2, 4)}


def test_a_coupling_keeps_the_priority_that_decided(customer_mapping, customers, accounts):
    made = customers([{"name": "Adatum", "phone_no": "1"}, {"name": "Contoso", "phone_no": "2"}])
    accounts([{"name": "Other", "telephone1": "1"}, {"name": "Contoso", "telephone1": "9"}])
    given = [
        Criterion("phone_no", "telephone1", priority=0),
        Criterion("name", "name", priority=3),
    ]
    job = run(services.start_coupling(mapping=customer_mapping, criteria=given, synchronize=False))
    kept = dict(Coupling.objects.filter(job_id=job.pk).values_list("local_id", "criterion"))
    assert kept == dict(zip((one.system_id for one in made), (0, 3), strict=True))
