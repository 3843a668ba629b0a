"""Templates for new records: what comes from Dataverse begins with their values where no column fills a field."""

from decimal import Decimal

import pytest

from core.refusals import NotUsable
from coupling.mappings.edit import Changes, change_mapping
from coupling.models import Coupling, IntegrationTableMapping
from masterdata.models import Customer, RecordTemplate
from masterdata.record_templates import save_template
from sandbox.testing import Sandbox
from tests.sync.conftest import ACTIVE_CUSTOMER, counters, synchronize


def test_new_customers_begin_with_the_template_and_a_second_run_writes_nothing(
    customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    values = {"language_code": "ENU", "credit_limit": "2,500.50", "city": "Leeds", "name_2": " "}
    save_template(company=customers.company, code="shop", table="customer", values=values)
    change_mapping(mapping=customers, changes=Changes(template="shop"))
    remote.load({"accounts": [{"name": "Adatum", "address1_city": "York", **ACTIVE_CUSTOMER}, {
        "name": "Contoso", **ACTIVE_CUSTOMER}]})  # fmt: skip
    assert counters(synchronize(customers)) == {"inserted": 2}
    found = {one.name: one for one in Customer.objects.all()}
    for one in found.values():
        assert (one.language_code, one.credit_limit) == ("ENU", Decimal("2500.50"))
    assert [found[name].city for name in ("Adatum", "Contoso")] == ["York", ""], "what Dataverse says counts more"
    remote.control("DELETE", "requests")
    synchronize(customers)
    synchronize(customers, full=True)
    assert remote.requests()["rows_written"] == 0
    assert {row["creditlimit"] for row in remote.rows("accounts")} == {None}
    found["Adatum"].credit_limit = Decimal("3000")
    found["Adatum"].save()
    assert counters(synchronize(customers))["modified"] == 1


def test_without_the_template_that_a_mapping_names_new_records_fail_and_are_not_coupled(
    customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    template = save_template(company=customers.company, code="SHOP", table="customer", values={"language_code": "DEU"})
    change_mapping(mapping=customers, changes=Changes(template="SHOP"))
    RecordTemplate.objects.all().delete()
    remote.load({"accounts": [{"name": "Adatum", **ACTIVE_CUSTOMER}]})
    job = synchronize(customers)
    assert counters(job) == {"failed": 1}
    (failed,) = job.outcomes.filter(outcome="failed")
    assert "There is no template SHOP, which CUSTOMER names for new records." in failed.message
    assert not Coupling.objects.exists()
    template.pk = None
    template.save()
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert Customer.objects.get().language_code == "DEU"


def test_a_template_holds_what_its_fields_can_and_belongs_to_one_table(customers: IntegrationTableMapping) -> None:
    owner = customers.company
    for values, said in (
        ({"credit_limit": "much"}, "Credit Limit"),
        ({"no": "1"}, "has no field 'no'"),
        ({"blocked": "Perhaps"}, "Blocked"),
        ({"city": "x" * 31}, "City takes 30"),
    ):
        with pytest.raises(NotUsable, match=said):
            save_template(company=owner, code="SHOP", table="customer", values=values)
    assert not RecordTemplate.objects.exists()
    save_template(company=owner, code="SHOP", table="vendor")
    with pytest.raises(NotUsable, match="a template of another table"):
        save_template(company=owner, code="shop", table="customer")
    with pytest.raises(NotUsable, match="Customer has no template 'SHOP'"):
        change_mapping(mapping=customers, changes=Changes(template="shop"))
