"""manage.py skipped, as programs use it."""

from masterdata.models import Customer
from tests.coupling.test_commands import spoken
from tests.sync.conftest import ACTIVE_CUSTOMER, accounts, coupling_of, customer, patch, synchronize


def test_it_lists_what_is_left_undone_with_its_condition(company, customers, remote):
    one = customer(company, "10000", "Adatum Corporation")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, customertypecode=5)
    remote.load({"accounts": [{"name": "Fabrikam", "address1_city": "x" * 45, **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    (told,), code = spoken("skipped", "list", "--company", company.name)
    assert (code, told["total"]) == (0, 2)
    pair, row = sorted(told["records"], key=lambda record: record["local"] is None)
    assert set(pair) == {"mapping", "local", "integration", "reason", "condition", "since", "attempts"}
    assert (pair["mapping"], pair["local"]["key"], pair["local"]["name"]) == ("CUSTOMER", "10000", "Adatum Corporation")
    assert pair["reason"] == "outside_filter" and "Relationship Type is Partner" in pair["condition"]
    assert (row["local"], row["integration"]["name"], row["reason"]) == (None, "Fabrikam", "value_too_long")
    (told,), _ = spoken("skipped", "list", "--company", company.name, "--reason", "value_too_long")
    assert [record["integration"]["name"] for record in told["records"]] == ["Fabrikam"]


def test_it_tries_selected_ones_again_and_uncouples_others(company, customers, remote):
    records = [customer(company, f"1000{number}") for number in range(2)]
    synchronize(customers)
    synchronize(customers)
    Customer.objects.update(currency_code="SEK")
    synchronize(customers, selection=[one.system_id for one in records])
    Customer.objects.filter(no="10000").update(currency_code="")
    chosen = ("--company", company.name, "--mapping", "CUSTOMER", "--select")
    (told,), code = spoken("skipped", "retry", *chosen, "10000")
    assert (code, [job["counters"]["unchanged"] for job in told["jobs"]]) == (0, [1])
    (told,), code = spoken("skipped", "uncouple", *chosen, "10001")
    assert (code, [job["counters"]["uncoupled"] for job in told["jobs"]]) == (0, [1])
    (told,), _ = spoken("skipped", "list", "--company", company.name)
    assert told == {"records": [], "total": 0}
    (refused,), code = spoken("skipped", "retry", "--company", company.name)
    assert (code, refused["error"]["reason"]) == (1, "empty_selection")
    assert len(accounts(remote)) == 2
