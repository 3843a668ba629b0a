"""A row that a record of another table got, while a job had found it free, keeps that coupling."""

from uuid import UUID, uuid4

from django.db import transaction

from coupling.couplings.new_pairs import insert_pairs
from coupling.models import Coupling, IntegrationTableMapping

ORGANIZATION = uuid4()


def inserted(mapping, job_id, pairs):
    here, there = [one.hex for one, _ in pairs], [row.hex for _, row in pairs]
    with transaction.atomic():  # as in a checkpoint
        places, ids = insert_pairs(mapping, job_id, ORGANIZATION, here, there, [0] * len(pairs))
    assert set(ids) == set(Coupling.objects.filter(job_id=job_id).values_list("pk", flat=True))
    return list(places)


def test_of_two_jobs_that_found_a_row_free_the_first_one_gets_it(customer_mapping):
    vendors = IntegrationTableMapping.objects.get(company=customer_mapping.company, name="VENDOR")
    rows: list[UUID] = [uuid4() for _ in range(4)]
    assert inserted(customer_mapping, 1, [(uuid4(), row) for row in rows[:2]]) == [0, 1]
    assert inserted(vendors, 2, [(uuid4(), row) for row in rows]) == [2, 3]
    assert inserted(customer_mapping, 3, [(uuid4(), row) for row in rows]) == []
    assert sorted(Coupling.objects.values_list("integration_id", flat=True)) == sorted(rows)
