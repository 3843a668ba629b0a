"""Changes whose transaction commits only after a run has read past them."""

from datetime import timedelta

from django.utils import timezone

from masterdata.models import Customer
from tests.sync.conftest import accounts, counters, customer, synchronize


def test_a_change_committed_after_the_run_that_should_have_read_it_is_found_by_the_next(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    # The change was stamped before these runs looked, and is visible only now.
    stamped = timezone.now() - timedelta(minutes=5)
    Customer.objects.filter(pk=one.pk).update(city="Ulm", modified_at=stamped)
    job = synchronize(customers)
    assert (job.parameters.get("full"), counters(job)) == (False, {"modified": 1})
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    assert counters(synchronize(customers)) == {"unchanged": 1}
