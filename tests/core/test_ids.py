"""New ids follow each other in time and never meet."""

import time
from datetime import UTC, datetime
from uuid import RFC_4122

import pytest

from core import bulk
from core.ids import new_id
from masterdata.models import Company, Customer


def test_an_id_tells_its_time_and_its_kind():
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert before <= made.int >> 80 <= after
    assert (made.version, made.variant) == (7, RFC_4122)
    assert datetime.fromtimestamp((made.int >> 80) / 1000, UTC).year >= 2026


def test_ids_are_in_the_order_of_the_milliseconds_they_were_made_in():
    made = []
    for _ in range(5):
        made.append(new_id())
        time.sleep(0.002)
    assert sorted(made) == made == sorted(made, key=str)


def test_ids_of_one_millisecond_differ_in_all_other_bits():
    made = [new_id() for _ in range(2000)]
    assert len({one.int & (1 << 62) - 1 for one in made}) == 2000
    seen = 0
    for one in made:
        seen |= one.int ^ made[0].int
    assert seen & ((1 << 62) - 1) == (1 << 62) - 1
    assert (seen >> 64) & 0xFFF == 0xFFF


@pytest.mark.django_db
def test_records_get_such_ids_from_a_form_and_in_bulk_so_that_those_made_together_stand_together():
    company = Company.objects.create(name="CRONUS", currency_code="USD")
    Customer.objects.create(company=company, no="1")
    for part in range(3):
        bulk.insert(Customer, ("company_id", "no"), [(company.pk, f"{part}-{n:04}") for n in range(500)])
        time.sleep(0.002)
    ids = list(Customer.objects.order_by("id").values_list("system_id", flat=True))
    assert {one.version for one in (company.system_id, *ids)} == {7}
    assert [one.int >> 80 for one in ids] == sorted(one.int >> 80 for one in ids)
