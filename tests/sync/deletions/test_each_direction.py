"""What becomes of a pair whose record here was deleted: by direction, option, and whether coupled ones alone run."""

import pytest

from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import JobOutcome
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.sync.conftest import counters, coupling_of, customer, synchronize, update_mapping


@pytest.mark.parametrize("only_coupled", [True, False])
@pytest.mark.parametrize("direction", ["bidirectional", "from_integration_table"])
@pytest.mark.parametrize(
    ("option", "outcome", "coupled", "here"),
    [("uncouple", {"uncoupled": 1}, 0, 0), ("restore", {"inserted": 1}, 1, 1), ("", {"failed": 1}, 1, 0)],
)
def test_the_option_counts_whichever_way_the_mapping_goes(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox,
    direction: str, only_coupled: bool, option: str, outcome: dict[str, int], coupled: int, here: int,
) -> None:  # fmt: skip
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    customers.fields.update(direction=direction)
    mapping = update_mapping(company, direction=direction, synch_only_coupled=only_coupled, deletion_conflict=option)
    synchronize(mapping)
    synchronize(mapping)
    pair, system_id = coupling_of(mapping, one), one.system_id
    one.delete()
    job = synchronize(mapping)
    assert counters(job) == outcome
    assert (Coupling.objects.count(), Customer.objects.count()) == (coupled, here)
    told = JobOutcome.objects.filter(job=job).get()
    if not option:
        assert (told.local_id, told.integration_id) == (system_id, pair.integration_id), "both sides are named"
        assert [counters(synchronize(mapping)) for _ in range(2)] == [{"skipped": 1}, {}]
