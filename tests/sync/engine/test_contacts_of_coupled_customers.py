"""A customer who is coupled with an account that was there: its contacts' rows belong to that account then."""

from typing import Any
from uuid import UUID

import pytest

from core.vocabulary import Direction
from coupling.couplings import services as couplings
from coupling.models import IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import JobOutcome
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.sync.conftest import accounts, counters, customer, synchronize
from tests.sync.engine.test_contacts import business, contacts, load, person, row_of, rows

__all__ = ["contacts"]  # a fixture


def companies(remote: Sandbox) -> dict[str, str]:
    return {name: row["_parentcustomerid_value"] for name, row in rows(remote).items()}


def by_match(mapping: IntegrationTableMapping, one: Customer, account: str) -> None:
    job = run_to_end(
        couplings.start_coupling(mapping=mapping, criteria=[Criterion("phone_no", "telephone1")], synchronize=False)
    )
    assert counters(job) == {"coupled": 1}
    assert row_of(mapping, one) == account


def by_hand(mapping: IntegrationTableMapping, one: Customer, account: str) -> None:
    organization = mapping.company.connection.organization_id
    couplings.couple_by_hand(
        mapping=mapping, local_id=one.system_id, integration_id=UUID(account), organization_id=organization
    )


@pytest.mark.parametrize("couple", [by_match, by_hand])
def test_contacts_of_a_coupled_customer_get_its_account_as_their_company_in_dataverse(
    company: Company, customers: Any, contacts: IntegrationTableMapping, remote: Sandbox, couple: Any
) -> None:
    contoso = customer(company, "20000", "Contoso")
    business(company, "CT8", customer_no="20000")
    moved = person(company, "CT9", "CT8")
    synchronize(customers, direction=Direction.TO)
    synchronize(contacts)
    assert companies(remote) == {"PCT9": row_of(customers, contoso)}

    remote.load({"accounts": [{"name": "Adatum", "customertypecode": 3, "telephone1": "0121 555 0100"}]})
    account = accounts(remote)["Adatum"]["accountid"]
    one = customer(company, "10000", "Adatum Corporation", phone_no="0121 555 0100")
    business(company, "CT1", customer_no="10000")
    person(company, "CT2", "CT1", first_name="Ada")
    known = person(company, "CT3", "CT1", surname="Burns")
    row, organization = load(remote, "Burns", account), company.connection.organization_id or UUID(int=0)
    couplings.couple_by_hand(
        mapping=contacts, local_id=known.system_id, integration_id=row, organization_id=organization
    )
    moved.company_no = "CT1"
    moved.save()
    waits = synchronize(contacts)
    failed = JobOutcome.objects.filter(job=waits, outcome="failed", reason="reference_not_coupled")
    assert {one.local_key for one in failed} >= {"CT2", "CT9"}
    assert companies(remote) == {"PCT9": row_of(customers, contoso), "Burns": account}

    couple(customers, one, account)
    job = synchronize(contacts)
    assert (job.counters["inserted"], job.counters["modified"], job.counters["failed"]) == (1, 1, 0)
    assert companies(remote) == {"PCT2": account, "PCT9": account, "Burns": account}
    known.refresh_from_db()
    assert known.company_no == "CT1"
    remote.control("DELETE", "requests")
    assert counters(synchronize(contacts, full=True)) == {"unchanged": 3}
    assert remote.requests()["rows_written"] == 0
