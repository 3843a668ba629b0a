"""What reads Dataverse asks first which organization answers, and stores nothing of another one."""

from collections.abc import Callable
from functools import partialmethod
from uuid import uuid4

import pytest

from connection_setup.connection.clients import client_for
from connection_setup.connection.state import connection_of
from connection_setup.dynamics365 import sales_test
from connection_setup.provisioning import deployed
from core.refusals import Refusal
from coupling.couplings import services as couplings
from coupling.gateway import Gateway
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion, ScanPage
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sync.engine.mapping_run import MappingRun
from sync.engine.preview import Preview
from sync.full import services as full
from sync.models import FullSynchReviewLine, SynchState
from sync.salespeople import services as salespeople
from sync.start.services import start_synchronization
from tests.sync.conftest import ACTIVE_CUSTOMER, accounts, connect, customer, patch, synchronize, update_mapping
from tests.sync.environment.conftest import replace_organization

NAME = [Criterion("name", "name")]


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company of which nothing is coupled yet."""
    return connected("CRONUS International", connect)


def state_of(mapping: IntegrationTableMapping) -> tuple[str, str, object]:
    state = SynchState.objects.get(mapping=mapping)
    return state.delta_link, state.fingerprint, state.local_high_water


@pytest.mark.parametrize("direction", ["from_integration_table", "bidirectional"])
def test_a_run_with_nothing_to_write_leaves_the_delta_link_where_it_was(company, customers, remote, direction):
    customer(company, "10000", "Adatum")
    synchronize(customers)
    mapping = update_mapping(company, synch_only_coupled=True, direction=direction)
    synchronize(mapping)
    before = state_of(mapping)
    assert before[0]
    remote.load({"accounts": [{"name": "Uncoupled there", **ACTIVE_CUSTOMER}]})
    replace_organization(remote)
    job = run_to_end(start_synchronization(mapping=mapping))
    assert (job.state, job.failure_reason) == ("failed", "wrong_environment")
    assert state_of(mapping) == before


def test_what_changed_meanwhile_arrives_once_the_own_organization_answers_again(company, customers, remote):
    own = str(connection_of(company).organization_id)
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    replace_organization(remote)
    patch(remote, Coupling.objects.get().integration_id, address1_city="Ulm")
    run_to_end(start_synchronization(mapping=customers))
    remote.control("PUT", "environment", {"organization_id": own})
    synchronize(customers)
    one.refresh_from_db()
    assert one.city == "Ulm"


def preview_of_coupling(company: Company) -> None:
    job = run_to_end(couplings.start_preview(mapping=update_mapping(company), criteria=NAME))
    raise Refusal(job.failure_reason, job.message)


READS: dict[str, Callable[[Company], object]] = {
    "review counts": full.generate,
    "review started over": full.reset,
    "preview of coupling": preview_of_coupling,
    "preview of a synchronization": lambda company: list(Preview(update_mapping(company)).outcomes()),
    "users": salespeople.read_users,
    "integration solutions": lambda company: deployed.solutions(connection_of(company)),
    "user roles": lambda company: deployed.user_roles(connection_of(company)),
    "team roles": lambda company: deployed.team_roles(connection_of(company)),
    "anything else": lambda company: client_for(company).table("account"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_nothing_is_read_of_another_organization(company, customers, remote, read):
    customer(company, "10000", "Adatum")
    synchronize(customers)
    full.generate(company)
    lines = list(FullSynchReviewLine.objects.order_by("pk").values())
    replace_organization(remote)
    remote.load({"accounts": [{"name": "Uncoupled there", **ACTIVE_CUSTOMER}]})
    client_for(company).forget_tables()
    remote.control("DELETE", "requests")
    with pytest.raises(Refusal) as refused:
        read(company)
    assert refused.value.reason == "wrong_environment"
    # The second question is the name of the organization that answers.
    assert set(remote.requests()["by"]) == {"GET WhoAmI", "GET organizations"}
    assert list(FullSynchReviewLine.objects.order_by("pk").values()) == lines


def test_matching_and_full_synchronization_end_with_the_reason(company, customers, remote):
    customer(company, "10000", "Adatum")
    remote.load({"accounts": [{"name": "Adatum", **ACTIVE_CUSTOMER}]})
    lines = {line.name: line for line in full.generate(company)}
    full.recommend_full(lines["CUSTOMER"])
    replace_organization(remote)
    couple = run_to_end(couplings.start_coupling(mapping=customers, criteria=NAME, synchronize=False))
    assert (couple.state, couple.failure_reason) == ("failed", "wrong_environment")
    full.start(company, only=["CUSTOMER"])
    line = FullSynchReviewLine.objects.get(company=company, name="CUSTOMER")
    assert line.job is not None
    assert run_to_end(line.job).failure_reason == "wrong_environment"
    assert not Coupling.objects.exists()
    assert len(accounts(remote)) == 1


def test_the_test_of_dynamics_365_says_so(company, remote):
    replace_organization(remote)
    report = sales_test.run(company)
    assert report.failed is not None and report.failed.reason == "wrong_environment"


def test_the_question_costs_one_request_and_a_run_with_nothing_to_do_four_at_most(company, customers, remote):
    customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    client_for(company).forget_tables()
    remote.control("DELETE", "requests")
    job = synchronize(customers)
    assert job.requests <= 4
    assert remote.requests()["by"]["GET WhoAmI"] == 1
    assert remote.requests()["rows_written"] == 0


def test_every_read_and_every_batch_of_writes_asks_first_however_shortly_after_the_last(company, customers, remote):
    """Let the organization be replaced right after a read of the same client: no time makes the next one safe."""
    own = str(connection_of(company).organization_id)
    customer(company, "10000", "Adatum")
    customer(company, "20000", "Trey Research")
    synchronize(customers)
    mapping, link = update_mapping(company), state_of(customers)[0]
    row_ids = list(Coupling.objects.values_list("integration_id", flat=True))
    columns = ["name", "telephone1"]
    begin: dict[str, Callable[[Gateway], object]] = {
        "a scan": lambda gateway: list(gateway.scan(mapping, columns)),
        "the changes since": lambda gateway: list(gateway.scan(mapping, columns, link=link, track_changes=True)),
        "a scan by column": lambda gateway: list(gateway.scan_columns(mapping, columns)),
        "rows outside the filter": lambda gateway: list(gateway.scan_outside(mapping, columns, 1)),
        "one count": lambda gateway: gateway.size(mapping),
        "counts": lambda gateway: gateway.counts(mapping, [gateway.row_filter(mapping)] * 2),
        "rows that a filter moves": lambda gateway: gateway.count_moved(mapping, update_mapping(company, "VENDOR")),
        "rows by value": lambda gateway: gateway.probe(mapping, columns, ["name eq 'Adatum'"]),
        "rows by id": lambda gateway: gateway.read(mapping, columns, row_ids),
        "rows of another table": lambda gateway: gateway.rows("account", ["name"], {"name": "Adatum"}),
        "a table's columns": lambda gateway: gateway.table_again(mapping),
        "the organization": lambda gateway: gateway.organization_id,
        "creations": lambda gateway: gateway.create(mapping, [(uuid4(), {"name": "New"})]),
        "changes": lambda gateway: gateway.update(mapping, [(one, {"name": "Changed"}, "") for one in row_ids]),
        "deletions": lambda gateway: gateway.delete(mapping, [(one, "") for one in row_ids]),
    }
    unnoticed = []
    for what, read in begin.items():
        gateway = Gateway(company)
        gateway.rows("account", ["name"], {"name": "Adatum"})
        replace_organization(remote)
        try:
            read(gateway)
            unnoticed.append(what)
        except Refusal as refused:
            assert refused.reason == "wrong_environment"
        replace_organization(remote, own)
    assert unnoticed == []
    assert {row["name"] for row in accounts(remote).values()} == {"Adatum", "Trey Research"}


def test_the_question_is_asked_once_for_a_read_of_many_pages_and_not_at_all_where_nothing_is_read(
    company, customers, remote
):
    remote.load({"accounts": [{"name": f"Row {number}", **ACTIVE_CUSTOMER} for number in range(9)]})
    gateway = Gateway(company)
    gateway.table(customers)
    ids = [row.id for page in gateway.scan(customers, ["name"], page_size=2) for row in page.rows]
    assert len(ids) == 9
    assert remote.requests()["by"]["GET WhoAmI"] == 1
    before = gateway.requests
    gateway.read(customers, ["name"], [])
    assert gateway.update(customers, []) == gateway.create(customers, []) == gateway.delete(customers, []) == []
    assert gateway.requests == before
    gateway.read(customers, ["name"], ids)
    assert remote.requests()["by"]["GET WhoAmI"] == 2


def test_a_read_that_goes_on_asks_again_and_stores_nothing_of_another_organization(
    company, customers, remote, monkeypatch
):
    """Let the organization be replaced after the first of two pages, in the middle of one slice."""
    remote.load({"accounts": [{"name": f"Row {number}", **ACTIVE_CUSTOMER} for number in range(3)]})
    monkeypatch.setattr("dataverse.acceptance.ASK_AGAIN_S", 0.0)
    monkeypatch.setattr("coupling.gateway.Gateway.scan", partialmethod(Gateway.scan, page_size=2))
    process = MappingRun._process_page

    def and_then(self: MappingRun, page: ScanPage) -> None:
        process(self, page)
        replace_organization(remote)

    monkeypatch.setattr(MappingRun, "_process_page", and_then)
    job = run_to_end(start_synchronization(mapping=customers))
    assert (job.state, job.failure_reason) == ("failed", "wrong_environment")
    assert Coupling.objects.count() == 2
    assert not SynchState.objects.exclude(delta_link="").exists()
