"""Counts of mappings' records and couplings: of all mappings by one query, however many there are."""

from uuid import uuid4

from coupling.mappings import counts
from coupling.models import Coupling, IntegrationTableMapping
from masterdata.models import Company, Customer


def test_more_mappings_than_sqlite_counts_by_one_query_are_counted_by_two(db, django_assert_num_queries):
    company = Company.objects.create(name="Alder", currency_code="EUR")
    record, _ = (Customer.objects.create(company=company, no=no, name=no) for no in ("C1", "C2"))
    mappings = IntegrationTableMapping.objects.bulk_create(
        IntegrationTableMapping(
            company=company, name=f"M{number}", table="customer", integration_table="account", position=number
        )
        for number in range(counts._AT_ONCE + 1)
    )
    broken = mappings[1]
    broken.table = "no_such_table"
    for mapping in (mappings[0], mappings[-1]):
        Coupling.objects.create(
            company=company, mapping=mapping, table=mapping.name, local_id=record.system_id, integration_id=uuid4()
        )
    with django_assert_num_queries(2):
        found = counts.count_records(company, mappings)
    assert len(found) == len(mappings)
    assert not found.pop(broken.pk).usable
    assert {pk for pk, one in found.items() if (one.records, one.coupled, one.uncoupled) == (2, 1, 1)} == {
        mappings[0].pk, mappings[-1].pk,
    }  # fmt: skip
    assert all(one.usable and one.records == one.coupled + one.uncoupled == 2 for one in found.values())
