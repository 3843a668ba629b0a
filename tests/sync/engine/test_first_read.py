"""A change made while the first tracked read goes on arrives, from wherever its delta link dates."""

from functools import partialmethod

import pytest

from coupling.gateway import Gateway
from coupling.rows import ScanPage
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from sync.engine.mapping_run import MappingRun
from sync.models import SynchState
from sync.start.services import start_synchronization
from tests.sync.conftest import ACTIVE_CUSTOMER, patch


@pytest.mark.parametrize("dates_from", ["first", "last"])
def test_what_changes_between_two_pages_is_not_lost(company, customers, remote, monkeypatch, dates_from):
    customers.synch_only_coupled = False
    customers.save()
    remote.control("PUT", "behavior", {"delta_link_from": dates_from})
    remote.load({"accounts": [{"name": f"Row {number}", **ACTIVE_CUSTOMER} for number in range(3)]})
    monkeypatch.setattr("coupling.gateway.Gateway.scan", partialmethod(Gateway.scan, page_size=2))
    process, seen = MappingRun._process_page, []

    def and_then(self: MappingRun, page: ScanPage) -> None:
        if not seen:
            patch(remote, str(page.rows[0].id), name="Changed meanwhile")
        seen.append(page)
        process(self, page)

    monkeypatch.setattr(MappingRun, "_process_page", and_then)
    job = run_to_end(start_synchronization(mapping=customers))
    assert job.state == "finished", job.message
    assert [bool(page.delta_link) for page in seen] == [False, False, False, True]
    assert SynchState.objects.get(mapping=customers).delta_link == seen[-1].delta_link
    monkeypatch.undo()
    run_to_end(start_synchronization(mapping=customers))
    names = set(Customer.objects.filter(company=company).values_list("name", flat=True))
    assert names >= {"Changed meanwhile", "Row 1", "Row 2"}


def test_one_page_is_asked_for_once(customers, remote):
    remote.load({"accounts": [{"name": "Row", **ACTIVE_CUSTOMER}]})
    remote.control("DELETE", "requests")
    run_to_end(start_synchronization(mapping=customers))
    assert remote.requests()["by"]["GET accounts"] == 1
