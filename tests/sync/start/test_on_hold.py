"""Choices that are sent from now on rest: their schedule is on hold until a record here changes or its timeout ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from core.refusals import NotUsable
from core.vocabulary import Direction
from coupling.mappings.edit import Changes, change_mapping
from coupling.mappings.field_edit import FieldChanges, set_field, set_fields
from coupling.models import IntegrationTableMapping
from masterdata.models import Company, PaymentTerms
from sync.schedules.services import run_due
from tests.sync.conftest import page_text, update_mapping

TERMS = "PAYMENT TERMS"


@pytest.fixture
def terms(company: Company) -> IntegrationTableMapping:
    """Return the mapping of payment terms, which comes from Dataverse and is the only one that runs by itself."""
    IntegrationTableMapping.objects.filter(company=company).update(scheduled=False)
    mapping = update_mapping(company, TERMS, direction="from_integration_table", scheduled=True, every_minutes=30)
    mapping.fields.update(direction="from_integration_table")
    return mapping


def sent_from_now_on(mapping: IntegrationTableMapping) -> Any:
    return change_mapping(mapping=mapping, changes=Changes(direction="to_integration_table"))


def test_it_runs_once_the_timeout_ends_and_then_every_period(company, terms, operator: Client):
    PaymentTerms.objects.create(company=company, code="NET 30")
    (told,) = sent_from_now_on(terms).advice
    assert "On Hold with Inactivity Timeout" in told
    assert set(terms.fields.values_list("direction", flat=True)) == {"to_integration_table"}
    queue = page_text(operator.get(f"/c/{company.slug}/jobs/queue/"))
    assert "On Hold with Inactivity Timeout" in queue and "It runs when a record here changes." in queue
    card = page_text(operator.get(f"/c/{company.slug}/mappings/of/{TERMS}/"))
    assert "On Hold with Inactivity Timeout: when a record here changes, or in 24 h" in card
    now = timezone.now()
    assert run_due(now + timedelta(minutes=31)) == []
    assert [job.mapping_name for job in run_due(now + timedelta(minutes=1441))] == [TERMS]
    after = update_mapping(company, TERMS)
    assert (after.on_hold_since, after.next_run_at) == (None, now + timedelta(minutes=1441 + 30))


@pytest.mark.parametrize("timeout", [1440, 0])
def test_a_record_that_changes_here_wakes_it(company, terms, timeout: int):
    one = PaymentTerms.objects.create(company=company, code="NET 30")
    update_mapping(company, TERMS, inactivity_timeout_minutes=timeout)
    terms.refresh_from_db()
    sent_from_now_on(terms)
    assert terms.scheduled and run_due(timezone.now()) == []
    one.description = "Within thirty days"
    one.save()
    assert [job.mapping_name for job in run_due(timezone.now())] == [TERMS]
    assert update_mapping(company, TERMS).on_hold_since is None


def test_whoever_changes_its_schedule_or_its_direction_makes_it_ready(company, terms):
    sent_from_now_on(terms)
    assert change_mapping(mapping=terms, changes=Changes(every_minutes=45)).names == {
        "every_minutes", "next_run_at", "on_hold_since"
    }  # fmt: skip
    assert update_mapping(company, TERMS).on_hold_since is None
    assert 44 < (terms.next_run_at - timezone.now()).total_seconds() / 60 <= 45
    change_mapping(mapping=terms, changes=Changes(direction="from_integration_table"))
    sent_from_now_on(terms)
    assert not change_mapping(mapping=terms, changes=Changes(direction="from_integration_table")).advice
    assert update_mapping(company, TERMS).on_hold_since is None
    sent_from_now_on(terms)
    change_mapping(mapping=terms, changes=Changes(scheduled=False))
    assert (update_mapping(company, TERMS).on_hold_since, run_due(timezone.now())) == (None, [])


def test_what_is_not_scheduled_stays_so_and_rows_go_on(company, terms, customers):
    update_mapping(company, TERMS, scheduled=False)
    terms.refresh_from_db()
    assert not sent_from_now_on(terms).advice
    assert (terms.scheduled, terms.on_hold_since) == (False, None)
    customers.scheduled = True
    customers.save()
    customers.fields.update(direction="to_integration_table")
    sent_from_now_on(customers)
    assert update_mapping(company).on_hold_since is None


def test_a_file_that_turns_the_direction_puts_it_on_hold_too(company, terms, tmp_path):
    file = tmp_path / "mappings.yaml"
    call_command("mapping", "export", TERMS, "--company", company.name, "--output", str(file))
    file.write_text(file.read_text().replace("from_integration_table", "to_integration_table"))
    call_command("mapping", "import", str(file), "--company", company.name)
    after = update_mapping(company, TERMS)
    assert after.scheduled and after.on_hold_since is not None


def test_a_field_turns_its_mapping_of_choices_with_all_its_fields(company, terms):
    told = set_field(field=terms.fields.get(field="code"), changes=FieldChanges(direction=Direction.TO))
    assert told[0] == "PAYMENT TERMS and all its fields go to integration table now." and "On Hold" in told[1]
    after = update_mapping(company, TERMS)
    assert (after.direction, after.on_hold_since is not None) == ("to_integration_table", True)
    assert set(after.fields.values_list("direction", flat=True)) == {"to_integration_table"}


def test_several_fields_turn_it_too_and_it_is_told_once(company, terms):
    given = {"mapping": terms, "fields": list(terms.fields.all()), "changes": FieldChanges(direction=Direction.TO)}
    changed, told = set_fields(**given)
    assert (changed, [one[:13] for one in told]) == (2, ["PAYMENT TERMS", "Its schedule "])
    assert update_mapping(company, TERMS).direction == "to_integration_table"


def test_a_field_of_choices_is_not_bidirectional_either(terms):
    with pytest.raises(NotUsable, match="cannot be bidirectional"):
        set_field(field=terms.fields.get(field="code"), changes=FieldChanges(direction=Direction.BIDIRECTIONAL))
