"""Two companies in one environment: each with its own unit, team and row, its own rows, couplings and jobs."""

from typing import Any

import pytest

from connection_setup.connection import state
from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection
from core.vocabulary import ConflictOption, Direction
from coupling import filters
from coupling.couplings.services import start_coupling, start_uncoupling
from coupling.gateway import Gateway
from coupling.matching.outside import whys
from coupling.models import Coupling, IntegrationTableMapping
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.full import services as full
from tests.coupling.conftest import match_on
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    connect,
    counters,
    customer,
    patch,
    synchronize,
    update_mapping,
)


@pytest.fixture
def other(company: Company, remote: Sandbox) -> Company:
    """Return a second company, connected to the same environment."""
    made = Company.objects.create(name="Northwind Traders", currency_code="USD", country_code="US")
    connect(made, remote)
    return made


def connection(company: Company) -> DataverseConnection:
    return state.connection_of(company)


def company_rows(remote: Sandbox) -> dict[str, str | None]:
    """Return the company row that each account belongs to."""
    return {name: row["_tandem_companyid_value"] for name, row in accounts(remote).items()}


def test_each_has_a_unit_a_team_and_a_row_of_its_own(company: Company, other: Company, remote: Sandbox) -> None:
    one, two = connection(company), connection(other)
    assert one.organization_id == two.organization_id
    for name in ("business_unit_id", "owning_team_id", "company_row_id", "business_unit_name"):
        assert getattr(one, name) != getattr(two, name), name
    rows = {row["tandem_companyid"]: row for row in remote.rows("tandem_companies")}
    for connected, owner in ((one, company), (two, other)):
        row = rows[str(connected.company_row_id)]
        assert (row["tandem_name"], row["tandem_externalid"]) == (owner.name, str(owner.system_id))
        assert row["_tandem_defaultowningteam_value"] == str(connected.owning_team_id)
        assert row["_owningbusinessunit_value"] == str(connected.business_unit_id)


def test_rows_belong_to_the_company_that_made_them_and_the_other_never_sees_them(
    company: Company, other: Company, remote: Sandbox
) -> None:
    customer(company, "1", "Of one")
    customer(other, "1", "Of the other")
    remote.load({"accounts": [{"name": "Of nobody", **ACTIVE_CUSTOMER}]})
    for owner in (company, other):
        job = synchronize(update_mapping(owner, synch_only_coupled=False), direction=Direction.TO, create=True)
        assert counters(job) == {"inserted": 1}
    assert company_rows(remote) == {
        "Of one": str(connection(company).company_row_id),
        "Of the other": str(connection(other).company_row_id),
        "Of nobody": None,
    }
    teams = {name: row["_ownerid_value"] for name, row in accounts(remote).items()}
    assert teams["Of one"] == str(connection(company).owning_team_id)
    assert teams["Of the other"] == str(connection(other).owning_team_id)
    for owner, own in ((company, "Of one"), (other, "Of the other")):
        mapping = update_mapping(owner)
        seen = {row.name for page in Gateway(owner).scan(mapping, []) for row in page.rows}
        assert seen == {own, "Of nobody"}
        full.reset(owner)
        line = next(one for one in full.lines(owner) if one.name == "CUSTOMER")
        assert (line.local_count, line.integration_count) == (0, 1), "the row of nobody"
    # One takes the row of nobody: it is out of the other's sight from then on.
    taken = customer(company, "2", "Of nobody")
    mapping = update_mapping(company)
    match_on(mapping, "name")
    assert counters(run_to_end(start_coupling(mapping=mapping))) == {"coupled": 1}
    taken.city = "Oslo"
    taken.save()
    synchronize(mapping, conflict=ConflictOption.SEND)
    assert accounts(remote)["Of nobody"]["address1_city"] == "Oslo"
    assert company_rows(remote)["Of nobody"] == str(connection(company).company_row_id)
    seen = {row.name for page in Gateway(other).scan(update_mapping(other), []) for row in page.rows}
    assert seen == {"Of the other"}
    assert Customer.objects.filter(company=other).count() == 1


def test_each_company_has_couplings_and_runs_of_its_own(company: Company, other: Company, remote: Sandbox) -> None:
    for owner in (company, other):
        for number in range(3):
            customer(owner, f"{number}", f"{owner.name} {number}")
        synchronize(update_mapping(owner, synch_only_coupled=False), full=True, create=True)
    pairs: dict[int, set[Any]] = {
        owner.pk: set(Coupling.objects.filter(company=owner).values_list("integration_id", flat=True))
        for owner in (company, other)
    }
    assert [len(found) for found in pairs.values()] == [3, 3]
    assert not pairs[company.pk] & pairs[other.pk]
    row = next(iter(pairs[company.pk]))
    known = next(one for one in remote.rows("accounts") if one["accountid"] == str(row))
    kept = {name: value for name, value in known.items() if not name.startswith("@") and value is not None}
    kept = {name: value for name, value in kept.items() if name not in ("versionnumber", "modifiedon")}
    remote.load({"accounts": [{**kept, "address1_city": "Bergen"}]})
    synchronize(update_mapping(other))
    assert not Customer.objects.filter(company=other, city="Bergen").exists()
    synchronize(update_mapping(company))
    assert Customer.objects.filter(company=company, city="Bergen").count() == 1
    remote.control("DELETE", "requests")
    for owner in (company, other):
        for full_run in (False, True):
            assert set(counters(synchronize(update_mapping(owner), full=full_run))) <= {"unchanged"}
    assert remote.requests()["rows_written"] == 0
    assert not Coupling.objects.filter(company=company, mapping__company=other).exists()


def test_disabling_one_leaves_the_other_as_it_is(company: Company, other: Company, remote: Sandbox) -> None:
    customer(other, "1", "Of the other")
    enabling_services.disable(company=company, user=None)
    assert state.unavailable_reason(company)
    job = synchronize(update_mapping(other, synch_only_coupled=False), create=True, direction=Direction.TO)
    assert counters(job) == {"inserted": 1}
    assert enabling_services.enable(company=company, user=None).ok
    assert IntegrationTableMapping.objects.filter(company=other).exists()


def test_a_third_company_needs_the_same_local_currency(company: Company, other: Company, remote: Sandbox) -> None:
    third = Company.objects.create(name="Fabrikam", currency_code="EUR")
    values = {
        "environment_url": remote.environment_url, "tenant_id": remote.tenant_id, "client_id": remote.client_id,
        "sandbox_ca_file": remote.ca_file,
    }  # fmt: skip
    report = enabling_services.enable(company=third, user=None, values=values, secret=remote.client_secret)
    assert report.failed
    assert "The local currency is EUR, but" in report.failed.message
    assert "connected to the same organization, has USD" in report.failed.message
    assert not connection(third).enabled


def test_rows_of_a_mapping_that_names_no_company_column_are_shared_whatever_columns_the_table_has(
    company: Company, remote: Sandbox
) -> None:
    mapping = update_mapping(company, synch_only_coupled=False, company_column="")
    customer(company, "1", "New there")
    synchronize(mapping)
    assert company_rows(remote) == {"New there": None}
    own = str(connection(company).company_row_id)
    patch(remote, Coupling.objects.get().integration_id, **{"tandem_companyid@odata.bind": f"/tandem_companies({own})"})
    assert run_to_end(start_uncoupling(mapping=mapping, all=True)).state == "finished"
    assert company_rows(remote) == {"New there": own}


def test_why_a_row_is_outside_is_told_of_the_mapping_s_own_company_column() -> None:
    own = filters.Condition("contoso_ownerid", filters.Operator.IN, ["1", None], kind=filters.Kind.ROW)
    columns = {"contoso_ownerid": ["2"]}
    told = whys(own, {}, columns, 1, "contoso_ownerid", {"2": "Northwind"}.__getitem__)
    assert told == ["Company is Northwind"]
