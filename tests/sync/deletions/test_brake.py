"""Mass deletions stop at the brake and wait for a person: a table emptied by mistake stays so on one side alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import DeletionOption
from coupling.brakes import Brakes
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.engine.deletion_brake import Deletions, met_before
from sync.engine.options import DeletionsMet, Options
from sync.engine.pairs import PairReader, read_couplings
from tests.coupling.test_commands import spoken
from tests.sync.conflicts.test_deleted import connect_and_pair
from tests.sync.conftest import accounts, counters, coupling_of, synchronize, update_mapping
from tests.sync.engine.test_failures import delete_row

OPTIONS = [DeletionOption.UNCOUPLE, DeletionOption.RESTORE]


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with four pairs that were synchronized."""
    return connected("Four Pairs", connect_and_pair)


def delete_rows(company: Company, mapping: IntegrationTableMapping, count: int) -> None:
    for record in Customer.objects.filter(company=company).order_by("no")[:count]:
        delete_row(company, mapping, coupling_of(mapping, record).integration_id)


@pytest.mark.parametrize("option", OPTIONS)
def test_of_too_many_deleted_rows_nothing_is_done_about_any_and_each_waits_with_the_reason(
    company: Company, remote: Sandbox, option: DeletionOption
) -> None:
    mapping = update_mapping(company, deletion_conflict=option, brakes={"deleted": 2})
    delete_rows(company, mapping, 3)
    job = synchronize(mapping)
    assert (counters(job)["failed"], job.reasons) == (3, {"integration_deleted": 3})
    assert (Coupling.objects.count(), len(accounts(remote)), Customer.objects.count()) == (4, 1, 4)
    waiting = UndoneRecord.objects.filter(company=company)
    assert {one.reason for one in waiting} == {"integration_deleted"}
    stopped = "those of 3 of the mapping's 4 pairs, and the brake stops above 2, so nothing is done about any of them"
    assert stopped in waiting[0].condition


def test_the_brake_stays_closed_in_later_runs_until_a_person_decides(company: Company, remote: Sandbox) -> None:
    mapping = update_mapping(company, deletion_conflict=DeletionOption.UNCOUPLE, brakes={"deleted": 2})
    delete_rows(company, mapping, 3)
    synchronize(mapping)
    UndoneRecord.objects.update(look_at=timezone.now())  # a run takes them up by itself
    for _ in range(2):
        synchronize(mapping)
    synchronize(mapping, full=True)
    assert Coupling.objects.count() == 4, "not even as many as the brake allows, since the others wait"


def test_a_run_goes_on_in_its_next_slice_with_what_it_met(company: Company, remote: Sandbox) -> None:
    mapping = update_mapping(company, deletion_conflict=DeletionOption.RESTORE, brakes={"deleted": 2})
    met = DeletionsMet(met=2, total=4)
    resume: dict[str, Any] = {}
    first = Deletions(mapping, Options(deletions=met))
    pair = PairReader(mapping, []).read_pairs(read_couplings(Coupling.objects.filter(mapping=mapping))[:1], {})
    first.look(pair)
    first.keep(resume)
    assert met_before(resume) == DeletionsMet(3, 4, stopped=True)
    assert Deletions(mapping, Options(deletions=met_before(resume))).option == DeletionOption.ASK


def test_deleted_records_here_stop_at_it_too_and_go_on_once_it_is_raised(company: Company, remote: Sandbox) -> None:
    mapping = update_mapping(company, deletion_conflict=DeletionOption.UNCOUPLE, brakes={"deleted_percent": 50})
    for record in Customer.objects.filter(company=company).order_by("no")[:3]:
        record.delete()
    assert synchronize(mapping).reasons == {"local_deleted": 3}
    (told,), code = spoken("mapping", "set", "CUSTOMER", "--company", company.name, "--stop-deleted-above", "75%")
    assert (code, told["brakes"]) == (0, {"deleted_percent": 75})
    spoken("skipped", "retry", "--company", company.name)
    assert Coupling.objects.count() == 1
    assert not UndoneRecord.objects.filter(company=company).exists()


def test_as_many_as_the_brake_allows_go_by_the_option(company: Company, remote: Sandbox) -> None:
    mapping = update_mapping(company, deletion_conflict=DeletionOption.UNCOUPLE, brakes={"deleted": 3})
    delete_rows(company, mapping, 3)
    assert counters(synchronize(mapping))["uncoupled"] == 3


def test_what_a_person_chose_goes_past_the_brake(company: Company, remote: Sandbox) -> None:
    mapping = update_mapping(company, deletion_conflict=DeletionOption.UNCOUPLE, brakes={"deleted": 0})
    delete_rows(company, mapping, 2)
    synchronize(mapping)
    assert Coupling.objects.count() == 4
    spoken("skipped", "uncouple", "--company", company.name, "--reason", "integration_deleted")
    assert Coupling.objects.count() == 2


@pytest.mark.parametrize(
    ("brakes", "total", "most"),
    [
        (Brakes(), 50, 100), (Brakes(), 1_000, 100), (Brakes(), 20_000, 2_000), (Brakes(deleted=5), 20_000, 5),
        (Brakes(deleted_percent=50), 9, 4), (Brakes(deleted=3, deleted_percent=50), 100, 3),
        (Brakes(deleted=3, deleted_percent=50), 4, 2), (Brakes(deleted=0), 10, 0),
    ],
)  # fmt: skip
def test_without_a_limit_of_its_own_a_mapping_has_one_all_the_same(brakes: Brakes, total: int, most: int) -> None:
    assert brakes.most_deleted(total) == most


@given(st.builds(Brakes, *[st.none() | st.integers(0, 99)] * 5))
def test_brakes_are_kept_and_those_of_coupling_are_told_apart(brakes: Brakes) -> None:
    assert Brakes.stored(brakes.dump()) == brakes
    assert brakes.on_coupling().dump() == {n: v for n, v in brakes.dump().items() if not n.startswith("deleted")}
