"""What a delta link belongs to: a change of it has everything compared again."""

import pytest

from sync.engine.fingerprint import fingerprint

CITY = {"field": "city", "op": "eq", "value": "Berlin"}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"table_filter": CITY}, False),
        ({"integration_filter": {}}, False),
        ({"company_column": ""}, False),
        ({"multi_company": True}, False),
        ({"every_minutes": 5}, True),
        ({"deletion_conflict": "restore"}, False),
    ],
)
def test_a_changed_filter_is_another_fingerprint(customers, changes, same):
    before = fingerprint(customers, creates=False)
    for name, value in changes.items():
        setattr(customers, name, value)
    assert (fingerprint(customers, creates=False) == before) is same


def test_without_the_condition_on_the_company_its_column_does_not_count(customers):
    customers.multi_company = True
    before = fingerprint(customers, creates=False)
    customers.company_column = ""
    assert fingerprint(customers, creates=False) == before
