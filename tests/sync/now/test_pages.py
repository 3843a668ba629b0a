"""Synchronize Now, requested as a browser does: the default side, the warning, what is not coupled or deleted."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, UndoneRecord
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync import looking
from tests.sync.conflicts.test_fields import connect_and_pair
from tests.sync.conftest import (
    accounts,
    counters,
    coupling_of,
    customer,
    make_unreachable,
    page_text,
    page_url,
    patch,
    synchronize,
    update_mapping,
)
from tests.sync.engine.test_failures import delete_row


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with three pairs that were synchronized."""
    return connected("Synchronize Now", connect_and_pair)


@pytest.fixture
def pairs(company: Company, customers: IntegrationTableMapping) -> list[Customer]:
    return list(Customer.objects.filter(company=company).order_by("no"))


def ask(operator: Client, company: Company, *chosen: Customer, **more: Any) -> Any:
    form = {"selected": [str(one.system_id) for one in chosen], **more}
    return operator.post(page_url(company, "synchronize-selection", table="customer"), form)


def form_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', page))


def chosen_way(page: str) -> str:
    """Return the answer that is chosen already."""
    (found,) = re.findall(r'<input[^>]*name="way"[^>]*value="(\w+)"[^>]*checked', page)
    return str(found)


@pytest.mark.parametrize(
    ("here", "there", "way", "warned"),
    [
        ("Köln", "", "to", ["“Get data update from Dataverse” would overwrite newer data here"]),
        ("", "Ulm", "from", ["“Send data update to Dataverse” would overwrite newer data in Dataverse"]),
        ("Köln", "Ulm", "merge", ["would overwrite newer data here", "would overwrite newer data in Dataverse"]),
        ("", "", "merge", []),
    ],
)
def test_the_side_that_changed_is_the_default_and_newer_data_is_warned_of(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client, remote: Sandbox,
    here: str, there: str, way: str, warned: list[str],
) -> None:  # fmt: skip
    if there:
        patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city=there)
    if here:
        pairs[0].city = here
        pairs[0].save()
    before = Job.objects.count()
    page = page_text(ask(operator, company, pairs[0], pairs[1]))
    assert chosen_way(page) == way and Job.objects.count() == before
    for words in warned:
        assert words in page and "10000 Customer 0 (City)" in page, words
    assert ("would overwrite" in page) == bool(warned)
    assert all(words in page for words in ("Send data update to Dataverse", "Merge data"))


def test_newer_data_is_overwritten_only_once_that_is_confirmed(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client, remote: Sandbox
) -> None:
    patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city="Ulm")
    form = form_of(page_text(ask(operator, company, pairs[0])))
    before = Job.objects.count()
    warning = page_text(ask(operator, company, **form, way="to"))
    assert "Newer data in Dataverse would be overwritten: 10000 Customer 0 (City)." in warning
    assert Job.objects.count() == before
    ask(operator, company, **form_of(warning))
    job = run_to_end(Job.objects.latest("pk"))
    assert job.one_record and job.direction == "to_integration_table"
    assert accounts(remote)["Customer 0"]["address1_city"] == "Bonn"
    pairs[0].city = "Köln"
    pairs[0].save()
    ask(operator, company, **form, way="to")
    assert counters(run_to_end(Job.objects.latest("pk"))) == {"modified": 1}, "nothing newer there: it goes at once"


def test_a_pair_that_was_coupled_and_never_synchronized_is_warned_of_where_the_sides_differ(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client, remote: Sandbox
) -> None:
    CouplingBase.objects.filter(coupling=coupling_of(customers, pairs[0])).delete()
    patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city="Ulm")
    page = page_text(ask(operator, company, pairs[0]))
    for where in ("here", "in Dataverse"):
        data = f"data {where} of which nobody knows whether it is newer: 10000 Customer 0 (City)"
        assert f"would overwrite {data}." in page, where
    warning = page_text(ask(operator, company, **form_of(page), way="to"))
    assert (
        "Data in Dataverse of which nobody knows whether it is newer would be overwritten: 10000 Customer 0 (City)."
        in warning
    )
    assert "newer data" not in page and "Newer data" not in warning


def test_a_one_way_mapping_starts_at_once_unless_it_would_overwrite_newer_data(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client, remote: Sandbox
) -> None:
    update_mapping(company, direction="to_integration_table")
    customers.fields.update(direction="to_integration_table")
    synchronize(customers)
    pairs[0].city = "Köln"
    pairs[0].save()
    ask(operator, company, pairs[0])
    assert counters(run_to_end(Job.objects.latest("pk"))) == {"modified": 1}
    patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city="Ulm")
    pairs[0].city = "Trier"
    pairs[0].save()
    warning = page_text(ask(operator, company, pairs[0]))
    assert "Newer data in Dataverse would be overwritten" in warning
    ask(operator, company, **form_of(warning))
    run_to_end(Job.objects.latest("pk"))
    assert accounts(remote)["Customer 0"]["address1_city"] == "Trier"


def test_a_deletion_is_found_in_a_mapping_to_dataverse_too(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client
) -> None:
    update_mapping(company, direction="to_integration_table")
    delete_row(company, customers, coupling_of(customers, pairs[0]).integration_id)
    ask(operator, company, pairs[0])
    run_to_end(Job.objects.latest("pk"))
    assert UndoneRecord.objects.get().reason == "integration_deleted"


def test_what_is_not_coupled_is_offered_to_be_coupled(
    company: Company, pairs: list[Customer], operator: Client
) -> None:
    update_mapping(company, synch_only_coupled=True)
    new = customer(company, "20000", "Not There")
    before = Job.objects.count()
    page = page_text(ask(operator, company, new))
    assert "20000 Not There is not coupled" in page and Job.objects.count() == before
    for words in ("Set Up Coupling", "Match-Based Coupling", "Create in Dataverse"):
        assert words in page, words
    page = page_text(ask(operator, company, new, pairs[0]))
    assert "1 selected record is not coupled" in page and "Match-Based Coupling" in page
    form = form_of(page)
    operator.post(page_url(company, "create-in-dataverse", table="customer"), {**form, "confirmed": "yes"})
    run_to_end(Job.objects.latest("pk"))
    assert Coupling.objects.filter(local_id=new.system_id).exists()


def test_where_dataverse_does_not_answer_it_says_so_and_asks_before_it_may_overwrite(
    company: Company, pairs: list[Customer], operator: Client
) -> None:
    make_unreachable(company)
    page = page_text(ask(operator, company, pairs[0]))
    assert "Which side changed is not known now." in page and chosen_way(page) == "merge"
    warning = page_text(ask(operator, company, **form_of(page), way="from"))
    assert "Newer data here may be overwritten." in warning


def test_of_very_many_records_it_is_not_looked_at_which_side_changed(
    company: Company, pairs: list[Customer], operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.looking.MOST", 1)
    assert looking.MOST == 1
    page = page_text(ask(operator, company, *pairs))
    assert "With more than 1 records it is not checked which side changed." in page


@pytest.mark.parametrize("of_field", [False, True])
def test_merging_is_warned_of_where_the_mapping_or_a_field_lets_a_side_win(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client, remote: Sandbox,
    of_field: bool,
) -> None:  # fmt: skip
    if of_field:
        customers.fields.filter(field="city").update(update_conflict="get")
    else:
        update_mapping(company, update_conflict="get")
    patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city="Ulm")
    pairs[0].city = "Köln"
    pairs[0].save()
    page = page_text(ask(operator, company, pairs[0]))
    assert "“Merge data” would overwrite on one side what both sides changed" in page
    before = Job.objects.count()
    warning = page_text(ask(operator, company, **form_of(page), way="merge"))
    assert "what both sides changed" in warning and "10000 Customer 0 (City)" in warning
    assert Job.objects.count() == before
    ask(operator, company, **form_of(warning))
    run_to_end(Job.objects.latest("pk"))
    pairs[0].refresh_from_db()
    assert pairs[0].city == "Ulm"
    pairs[1].city = "Köln"
    pairs[1].save()
    ask(operator, company, **form_of(page_text(ask(operator, company, pairs[1]))), way="merge")
    assert counters(run_to_end(Job.objects.latest("pk"))) == {"modified": 1}, "nothing is lost: it goes at once"


@pytest.mark.parametrize("many", [False, True])
def test_a_mapping_of_one_way_asks_where_it_is_not_known_which_side_changed(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], operator: Client, many: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    update_mapping(company, direction="to_integration_table")
    customers.fields.update(direction="to_integration_table")
    if many:
        monkeypatch.setattr("sync.looking.MOST", 1)
    else:
        make_unreachable(company)
    before = Job.objects.count()
    warning = page_text(ask(operator, company, *pairs))
    assert Job.objects.count() == before and "Newer data in Dataverse may be overwritten." in warning
    assert ("more than 1 records" if many else "Which side changed is not known now.") in warning
    if many:
        ask(operator, company, **form_of(warning))
        run_to_end(Job.objects.latest("pk"))
        assert Job.objects.count() > before


def test_a_mapping_of_one_way_loses_the_same_whatever_way_is_chosen_for_others(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], remote: Sandbox
) -> None:
    mapping = update_mapping(company, direction="to_integration_table")
    patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city="Ulm")
    pairs[0].city = "Köln"
    pairs[0].save()
    found = looking.look([(mapping, [one.system_id for one in pairs])])
    lost = [looking.Loss("10000 Customer 0", ("City",), looking.THERE)]
    assert found.losses == {"merge": lost, "to": lost, "from": lost}
    assert found.way == "merge", "it leaves the choice to mappings that go both ways"
