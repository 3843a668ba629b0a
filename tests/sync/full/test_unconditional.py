"""Run Unconditional Full Synchronization: previewed, then one side is overwritten wherever a coupled pair differs."""

import pytest
from django.utils import timezone

from core.vocabulary import Direction
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job, State, Type
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sync.models import FullSynchPreviewRecord
from tests.sync.conftest import accounts, customer, page_text, page_url, patch, synchronize, update_mapping
from tests.sync.full.test_full import command


@pytest.fixture
def apart(company: Company, remote) -> IntegrationTableMapping:
    """Provide a mapping of whose pairs one was changed in Dataverse, and one on both sides."""
    mapping = update_mapping(company, synch_only_coupled=False)
    for number in range(3):
        customer(company, f"{10000 + number}", f"Customer {number}", city="Oslo")
    synchronize(mapping, full=True, create=True)
    pairs = list(Coupling.objects.filter(mapping=mapping).order_by("pk"))
    for pair in pairs[:2]:
        patch(remote, pair.integration_id, address1_city="Tromso")
    Customer.objects.filter(system_id=pairs[1].local_id).update(city="Bergen", modified_at=timezone.now())
    return mapping


def cities(company: Company) -> list[str]:
    return list(Customer.objects.filter(company=company).order_by("no").values_list("city", flat=True))


def test_it_is_previewed_on_its_page_and_then_overwrites_exactly_that(apart, operator, remote):
    company = apart.company
    ask = page_url(company, "unconditional", mapping="CUSTOMER")
    page = page_text(operator.get(ask))
    assert "From Dataverse Instead" in page and "differs in Dataverse is overwritten" in page
    shown = operator.post(ask, {"way": "to"})["Location"]
    job = Job.objects.get(type=Type.FULL_PREVIEW)
    assert run_to_end(job).state == State.FINISHED
    previewed = FullSynchPreviewRecord.objects.filter(preview_id=job.pk)
    assert {row.values[0][2] for row in previewed} == {"Oslo", "Bergen"}
    page = page_text(operator.get(shown))
    assert "Tromso" in page and "What would be overwritten" in page and "Overwrites what differs" in page
    assert {row["address1_city"] for row in accounts(remote).values()} == {"Oslo", "Tromso"}, "nothing yet"
    operator.post(page_url(company, "run-unconditional", full_preview=job.pk))
    done = run_to_end(Job.objects.get(type=Type.SYNCHRONIZATION, state=State.QUEUED))
    assert done.counters["modified"] == previewed.count() == 2
    assert sorted(row["address1_city"] for row in accounts(remote).values()) == ["Bergen", "Oslo", "Oslo"]
    assert cities(company) == ["Oslo", "Bergen", "Oslo"]


def test_from_dataverse_what_is_here_is_overwritten(apart, remote):
    code, lines = command("synchronize", "CUSTOMER", "--company", apart.company.name, "--unconditional", "--preview",
                          "--direction", "from")  # fmt: skip
    assert (code, lines[-1]["counters"]["modified"]) == (0, 2)
    assert cities(apart.company) == ["Oslo", "Bergen", "Oslo"]
    command("synchronize", "CUSTOMER", "--company", apart.company.name, "--unconditional", "--direction", "from")
    assert cities(apart.company) == ["Tromso", "Tromso", "Oslo"]
    assert sorted(row["address1_city"] for row in accounts(remote).values()) == ["Oslo", "Tromso", "Tromso"]


def test_without_a_direction_a_mapping_that_goes_both_ways_is_refused(apart, remote):
    code, refused = command("synchronize", "CUSTOMER", "--company", apart.company.name, "--unconditional")
    assert code == 1 and "goes one way" in refused["error"]["message"]


def test_a_mapping_of_one_way_needs_no_direction_and_goes_no_other(apart, remote):
    update_mapping(apart.company, direction=Direction.TO)
    code, done = command("synchronize", "CUSTOMER", "--company", apart.company.name, "--unconditional")
    assert (code, done["counters"]["modified"]) == (0, 2)
    code, _ = command("synchronize", "CUSTOMER", "--company", apart.company.name, "--unconditional",
                            "--direction", "from")  # fmt: skip
    assert code == 1


def test_only_what_was_previewed_as_that_is_run(apart, operator, remote):
    operator.post(page_url(apart.company, "preview-review"))
    job = run_to_end(Job.objects.get(type=Type.FULL_PREVIEW))
    url = page_url(apart.company, "run-unconditional", full_preview=job.pk)
    assert operator.post(url).status_code == 404
