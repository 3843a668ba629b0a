"""What a run takes for a change: mapped fields alone, whatever the clocks of both sides say."""

import pytest

from coupling.models import IntegrationTableMapping
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.sync.conftest import accounts, counters, coupling_of, customer, patch, synchronize, update_mapping


def test_fields_that_are_not_mapped_change_nothing_and_make_no_conflict(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    row = coupling_of(customers, one).integration_id
    one.name_2 = "Here"
    one.save()
    patch(remote, row, sic="There")
    remote.control("DELETE", "requests")
    assert counters(synchronize(customers)) == {"unchanged": 1}
    assert remote.requests()["rows_written"] == 0
    one.name_2, one.city = "Here again", "Ulm"
    one.save()
    patch(remote, row, sic="There again")
    assert counters(synchronize(customers)) == {"modified": 1}
    assert (accounts(remote)["Adatum"]["address1_city"], accounts(remote)["Adatum"]["sic"]) == ("Ulm", "There again")
    one.name_2 = "Here once more"
    one.save()
    patch(remote, row, address1_city="Trier")
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert (one.city, one.name_2) == ("Trier", "Here once more")


@pytest.mark.parametrize("seconds", [0, 3600, -3600])
def test_a_clock_that_is_ahead_or_behind_in_dataverse_makes_no_difference(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox, seconds: int
) -> None:
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    remote.control("PUT", "clock", {"offset_s": seconds, "rate": 1})
    try:
        assert counters(synchronize(customers)) == {}
        row = coupling_of(customers, one).integration_id
        patch(remote, row, address1_city="Ulm")
        assert counters(synchronize(customers)) == {"modified": 1}
        one.refresh_from_db()
        one.phone_no, was = "7", one.city
        one.save()
        assert (was, counters(synchronize(customers))) == ("Ulm", {"modified": 1})
        assert accounts(remote)["Adatum"]["telephone1"] == "7"
        one.city = "Trier"
        one.save()
        patch(remote, row, address1_city="Mainz")
        assert counters(synchronize(customers)) == {"conflicts": 1}
    finally:
        remote.control("PUT", "clock", {"offset_s": 0, "rate": 1})


def test_from_dataverse_only_what_is_changed_here_is_left_and_what_is_changed_there_comes(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    mapping = update_mapping(company, direction="from_integration_table")
    mapping.fields.update(direction="from_integration_table")
    synchronize(mapping)
    one.city, one.phone_no = "Trier", "7"
    one.save()
    patch(remote, coupling_of(mapping, one).integration_id, address1_city="Ulm")
    assert counters(synchronize(mapping)) == {"modified": 1}
    one.refresh_from_db()
    assert (one.city, one.phone_no) == ("Ulm", "7")
    assert accounts(remote)["Adatum"]["telephone1"] is None
