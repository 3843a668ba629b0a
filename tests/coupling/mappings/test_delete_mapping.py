"""Deleting a mapping asks, says how many couplings go, releases the rows; it is refused while a job of it runs."""

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from accounts.models import CompanyRole
from core.roles import Role
from coupling.couplings import services
from coupling.models import Coupling, IntegrationFieldMapping, IntegrationTableMapping, UndoneRecord
from coupling.rows import Criterion
from jobs.models import Job
from tests.coupling.conftest import counted, pairs, run
from tests.coupling.couplings.test_uncouple_job import company_ids
from tests.coupling.test_commands import spoken
from tests.sync.conftest import signed_in

PHONE = [Criterion("phone_no", "telephone1")]
URL = "/c/cronus/mappings/of/CUSTOMER/delete/"


@pytest.fixture
def administrator(company):
    return signed_in("Administrator")


@pytest.fixture
def coupled(customer_mapping, customers, accounts, company):
    """Three coupled customers whose accounts carry this company's mark."""
    made = customers(3)
    ours = str(company.connection.company_row_id)
    accounts(
        [{"name": f"Account {at}", "telephone1": one.phone_no, "tandem_companyid": ours} for at, one in enumerate(made)]
    )
    run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert len(pairs(customer_mapping)) == 3
    return made


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_it_asks_and_says_how_many_couplings_go(administrator, coupled):
    asked = text(administrator.get(URL))
    assert "3 couplings" in asked and "released" in asked and "No data is deleted" in asked
    assert IntegrationTableMapping.objects.filter(name="CUSTOMER").exists()
    for page in ("/c/cronus/mappings/", "/c/cronus/mappings/of/CUSTOMER/"):
        assert "Delete Mapping" in text(administrator.get(page))


def test_it_releases_the_rows_and_then_the_mapping_goes_with_all_of_it(administrator, company, coupled, remote):
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    UndoneRecord.objects.create(company=company, mapping=mapping, integration_id=uuid4(), reason="refused")
    administrator.post(URL)
    job = run(Job.objects.latest("pk"))
    assert (job.state, counted(job)) == ("finished", {"total": 3, "uncoupled": 3})
    assert "deleted" in job.message
    assert set(company_ids(remote).values()) == {None}
    assert not IntegrationTableMapping.objects.filter(pk=mapping.pk).exists()
    assert not Coupling.objects.exists() and not UndoneRecord.objects.exists()
    assert not IntegrationFieldMapping.objects.filter(mapping=mapping.pk).exists()
    assert administrator.get(f"/c/cronus/jobs/{job.pk}/").status_code == 200, "its jobs can still be read"


def test_one_without_couplings_goes_at_once(administrator, company, customer_mapping):
    before = Job.objects.count()
    administrator.post(URL)
    assert Job.objects.count() == before
    assert not IntegrationTableMapping.objects.filter(company=company, name="CUSTOMER").exists()


def test_it_is_refused_while_a_job_of_it_has_not_ended(administrator, company, customer_mapping, coupled):
    job = services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False)
    refused = text(administrator.post(URL, follow=True))
    assert f"job {job.pk}" in refused and "has not ended" in refused
    assert Job.objects.latest("pk") == job
    assert IntegrationTableMapping.objects.filter(name="CUSTOMER").exists()
    run(job)


def test_rows_that_cannot_be_released_keep_the_mapping(administrator, company, coupled, remote):
    remote.control("POST", "faults", [{"method": "PATCH", "path": "accounts", "times": 99, "fault": "500"}])
    administrator.post(URL)
    job = run(Job.objects.latest("pk"))
    kept = Coupling.objects.count()
    assert kept and job.counters["failed"] == kept
    assert "kept" in job.message
    assert IntegrationTableMapping.objects.filter(company=company, name="CUSTOMER").exists()


def test_while_not_connected_couplings_keep_the_mapping(administrator, company, coupled):
    company.connection.enabled = False
    company.connection.save()
    refused = text(administrator.post(URL, follow=True))
    assert "cannot be released" in refused
    assert Coupling.objects.count() == 3 and IntegrationTableMapping.objects.filter(name="CUSTOMER").exists()


def test_the_command_deletes_and_says_what_went(company, coupled, remote):
    (result,), code = spoken("mapping", "delete", "CUSTOMER", "--company", "Cronus")
    assert code == 0
    assert (result["deleted"], result["couplings"], result["job"]["state"]) == ("CUSTOMER", 3, "finished")
    assert not IntegrationTableMapping.objects.filter(company=company, name="CUSTOMER").exists()
    (result,), code = spoken("mapping", "delete", "CURRENCY", "--company", "Cronus")
    assert (code, result) == (0, {"deleted": "CURRENCY", "couplings": 0, "job": None})


def test_the_command_releases_no_row_for_who_may_not_operate(company, coupled):
    person = User.objects.create_user("mapper")
    CompanyRole.objects.create(person=person, company=company, role=Role.MAPPER)
    (result,), code = spoken("mapping", "delete", "CUSTOMER", "--company", "Cronus", "--user", "mapper")
    assert (code, result["error"]["reason"]) == (1, "not_permitted")
    assert Coupling.objects.count() == 3
    (result,), code = spoken("mapping", "delete", "CURRENCY", "--company", "Cronus", "--user", "mapper")
    assert (code, result["deleted"]) == (0, "CURRENCY")
