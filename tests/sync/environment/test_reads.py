"""What reads Dataverse asks first which organization answers, and stores nothing of another one."""

from collections.abc import Callable

import pytest

from connection_setup.connection.clients import client_for
from connection_setup.connection.state import connection_of
from connection_setup.dynamics365 import sales_test
from connection_setup.provisioning import deployed
from core.refusals import Refusal
from coupling.couplings import services as couplings
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sync.engine.preview import Preview
from sync.full import services as full
from sync.models import FullSynchReviewLine, SynchState
from sync.salespeople import services as salespeople
from sync.start.services import start_synchronization
from tests.sync.conftest import ACTIVE_CUSTOMER, accounts, customer, patch, synchronize, update_mapping
from tests.sync.environment.conftest import replace_organization

NAME = [Criterion("name", "name")]


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


READS: dict[str, Callable[[Company], object]] = {
    "review counts": full.generate,
    "review started over": full.reset,
    "preview of coupling": lambda company: couplings.preview(mapping=update_mapping(company), criteria=NAME),
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
