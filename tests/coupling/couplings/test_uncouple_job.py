"""Deleting couplings: company ids are emptied where they are ours, and data stays."""

from uuid import uuid4

import pytest

from coupling.couplings import services
from coupling.gateway import Gateway
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from coupling.rows import Criterion
from coupling.undone import left_undone
from jobs.models import JobOutcome
from masterdata.models import Currency, Customer, Salesperson
from tests.coupling.conftest import counted, pairs, run

PHONE = [Criterion("phone_no", "telephone1")]


@pytest.fixture
def coupled(customer_mapping, customers, accounts, company):
    """Three coupled customers whose accounts carry this company's id, and three uncoupled ones."""
    made = customers(6)
    ours = str(company.connection.company_row_id)
    accounts(
        [
            {"name": f"Account {at}", "telephone1": one.phone_no, "tandem_companyid": ours}
            for at, one in enumerate(made[:3])
        ]
    )
    run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert len(pairs(customer_mapping)) == 3
    return made


def company_ids(remote):
    return {
        row["name"]: row.get("_tandem_companyid_value", row.get("tandem_companyid")) for row in remote.rows("accounts")
    }


def test_it_uncouples_the_selected_ones_of_a_list_only(customer_mapping, coupled, remote):
    names = {row["name"]: dict(row) for row in remote.rows("accounts")}
    wanted = [coupled[0].system_id, coupled[1].system_id]
    job = run(services.start_uncoupling(mapping=customer_mapping, selection=wanted))
    assert counted(job) == {"total": 2, "uncoupled": 2}
    assert list(pairs(customer_mapping)) == [coupled[2].system_id]
    ids = company_ids(remote)
    assert (ids["Account 0"], ids["Account 1"]) == (None, None)
    assert ids["Account 2"]
    assert {row["name"] for row in remote.rows("accounts")} == set(names)
    assert Customer.objects.count() == 6


def test_it_uncouples_a_single_one(customer_mapping, coupled):
    job = run(services.start_uncoupling(mapping=customer_mapping, selection=[coupled[2].system_id]))
    assert counted(job) == {"total": 1, "uncoupled": 1}


def test_selected_records_that_are_not_coupled_get_an_outcome_that_says_so(customer_mapping, coupled):
    wanted = [coupled[0].system_id, coupled[5].system_id, uuid4()]
    job = run(services.start_uncoupling(mapping=customer_mapping, selection=wanted))
    assert counted(job) == {"total": 3, "uncoupled": 1, "skipped": 2}
    assert job.reasons == {"not_coupled": 1, "record_gone": 1}


def test_it_uncouples_all_of_a_mapping_and_leaves_other_mappings(customer_mapping, coupled, company, remote):
    currencies = IntegrationTableMapping.objects.get(company=company, name="CURRENCY")
    euro = Currency.objects.create(company=company, code="EUR")
    Coupling.objects.create(
        company=company, mapping=currencies, table="currency", local_id=euro.system_id, integration_id=uuid4()
    )
    for coupling in Coupling.objects.filter(mapping=customer_mapping):
        CouplingBase.objects.create(
            coupling=coupling, company_id=coupling.company_id, mapping_id=coupling.mapping_id, values=b"x"
        )
    job = run(services.start_uncoupling(mapping=customer_mapping, all=True))
    assert counted(job) == {"total": 3, "uncoupled": 3}
    assert Coupling.objects.get().mapping == currencies
    assert CouplingBase.objects.get().mapping == currencies
    assert set(company_ids(remote).values()) == {None}


@pytest.mark.parametrize("name", ["SALESPEOPLE", "CURRENCY"])
def test_couplings_of_tables_that_companies_share_go_without_a_write(company, remote, name):
    mapping = IntegrationTableMapping.objects.get(company=company, name=name)
    model = {"SALESPEOPLE": Salesperson, "CURRENCY": Currency}[name]
    made = [model.objects.create(company=company, code=f"T{at}") for at in range(4)]
    for one in made:
        coupling = Coupling.objects.create(
            company=company, mapping=mapping, table=mapping.table, local_id=one.system_id, integration_id=uuid4(),
            organization_id=company.connection.organization_id,
        )  # fmt: skip
        CouplingBase.objects.filter(coupling=coupling).update(skipped=True, last_error="It failed twice.")
    remote.control("DELETE", "requests")
    one, two, three, _ = (row.system_id for row in made)
    assert counted(run(services.start_uncoupling(mapping=mapping, selection=[one]))) == {"total": 1, "uncoupled": 1}
    assert {row.local_id for row in left_undone(company)}.isdisjoint({one})
    both = run(services.start_uncoupling(mapping=mapping, selection=[two, three]))
    assert counted(both) == {"total": 2, "uncoupled": 2}
    assert len(pairs(mapping)) == 1
    assert counted(run(services.start_uncoupling(mapping=mapping, all=True))) == {"total": 1, "uncoupled": 1}
    assert not CouplingBase.objects.exists() and model.objects.filter(code__startswith="T").count() == 4
    assert remote.requests()["rows_written"] == 0


def test_a_row_of_another_company_keeps_its_company_id(customer_mapping, coupled, remote, company):
    other = str(uuid4())
    remote.load({"tandem_companies": [{"tandem_companyid": other, "tandem_name": "Other"}]})
    row = next(row for row in remote.rows("accounts") if row["name"] == "Account 0")
    remote.load({"accounts": [{**{k: v for k, v in row.items() if not k.startswith("_")}, "tandem_companyid": other}]})
    run(services.start_uncoupling(mapping=customer_mapping, all=True))
    assert company_ids(remote)["Account 0"] == other


@pytest.mark.parametrize("by", ["another company", "somebody"])
def test_a_row_that_changes_while_it_is_released_is_looked_at_again(
    customer_mapping, coupled, remote, company, monkeypatch, by
):
    """Between reading whose mark a row carries and taking the mark off, the row changes hands, or only its city."""
    other, read = str(uuid4()), Gateway.read
    remote.load({"tandem_companies": [{"tandem_companyid": other, "tandem_name": "Another"}]})
    changes = [{"tandem_companyid": other} if by == "another company" else {"address1_city": "Oslo"}]

    def changed_after(self, *given, **more):
        found = read(self, *given, **more)
        if changes:
            values = changes.pop()
            row = next(row for row in remote.rows("accounts") if row["name"] == "Account 1")
            kept = {"accountid": row["accountid"], "name": row["name"], "telephone1": row["telephone1"]}
            ours = {"customertypecode": 3, "tandem_companyid": str(company.connection.company_row_id)}
            remote.load({"accounts": [{**kept, **ours, **values}]})
        return found

    monkeypatch.setattr(Gateway, "read", changed_after)
    job = run(services.start_uncoupling(mapping=customer_mapping, all=True))
    assert counted(job) == {"total": 3, "uncoupled": 3}
    assert not pairs(customer_mapping)
    ids = company_ids(remote)
    assert (ids["Account 0"], ids["Account 2"]) == (None, None)
    assert ids["Account 1"] == (other if by == "another company" else None)


def test_a_row_that_is_gone_in_dataverse_does_not_keep_its_coupling(customer_mapping, coupled):
    Coupling.objects.filter(local_id=coupled[0].system_id).update(integration_id=uuid4())
    job = run(services.start_uncoupling(mapping=customer_mapping, all=True))
    assert counted(job) == {"total": 3, "uncoupled": 3}


def test_couplings_of_another_environment_are_deleted_without_asking_it(customer_mapping, coupled, remote):
    Coupling.objects.update(organization_id=uuid4())
    run(services.start_uncoupling(mapping=customer_mapping, all=True))
    assert not Coupling.objects.exists()
    assert None not in company_ids(remote).values()


def test_a_row_that_cannot_be_released_keeps_its_coupling(customer_mapping, coupled, remote):
    remote.control("POST", "faults", [{"method": "PATCH", "path": "accounts", "times": 1, "fault": "partial_batch"}])
    remote.control("POST", "faults", [{"method": "PATCH", "path": "accounts", "times": 1, "fault": "500"}])
    job = run(services.start_uncoupling(mapping=customer_mapping, all=True))
    if job.counters["failed"]:
        failed = JobOutcome.objects.filter(job=job, outcome="failed")
        assert set(failed.values_list("local_id", flat=True)) == set(pairs(customer_mapping))
        assert "was kept" in failed[0].message
    assert job.counters["uncoupled"] + job.counters["failed"] == 3


def test_coupled_again_after_uncoupling_it_finds_the_same_pairs(customer_mapping, coupled):
    before = pairs(customer_mapping)
    run(services.start_uncoupling(mapping=customer_mapping, all=True))
    run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert pairs(customer_mapping) == before
