"""mapping new: a table of an app's own mapped with the fields that fit, whole or not at all; then it works."""

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from coupling.mappings import counts
from coupling.models import IntegrationTableMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from sync.schedules.services import run_due
from tests.coupling.mappings.custom_table import connect_with_plans
from tests.coupling.test_commands import spoken
from tests.example_app.models import Machine, Subscription

WORDS = ("--company", "Plans", "--table", "subscription", "--integration-table", "new_plan")


@pytest.fixture
def plans(connected):
    return connected("Plans", connect_with_plans)


def made_in_log(row):
    return LogEntry.objects.get_for_object(row).filter(action=LogEntry.Action.CREATE).count()


def test_it_maps_what_fits_prints_what_show_prints_and_is_in_the_log(plans):
    (shown,), code = spoken("mapping", "new", "PLAN", *WORDS)
    assert code == 0
    assert shown == spoken("mapping", "show", "PLAN", "--company", "Plans")[0][0]
    assert (shown["table"], shown["integration_table"], shown["direction"]) == (
        "subscription", "new_plan", "bidirectional",
    )  # fmt: skip
    assert {(one["field"], one["integration_field"], one["direction"]) for one in shown["fields"]} == {
        ("number", "new_number", "bidirectional"), ("name", "new_name", "bidirectional"),
        ("customer_no", "new_customerid", "bidirectional"), ("monthly_fee", "new_monthlyfee", "bidirectional"),
        ("starts_on", "new_startson", "bidirectional"), ("seats", "new_seats", "to_integration_table"),
        ("active", "new_active", "bidirectional"),
    }  # fmt: skip
    assert (shown["dependencies"], shown["every_minutes"], shown["synch_only_coupled"]) == (["CUSTOMER"], 30, True)
    one = IntegrationTableMapping.objects.get(name="PLAN")
    assert (one.entity_set, one.uid_column, one.name_column) == ("new_plans", "new_planid", "new_name")
    assert (one.modified_on_column, one.user_defined, one.scheduled) == ("modifiedon", True, True)
    assert one.position > IntegrationTableMapping.objects.get(name="CUSTOMER").position
    assert made_in_log(one) == 1
    assert sum(map(made_in_log, one.fields.all())) == 7


def test_it_couples_and_synchronizes_from_there_and_goes_again(plans, remote):
    Subscription.objects.create(company=plans, number="S1", name="Gold", seats=3)
    Subscription.objects.create(company=plans, number="S2", name="Silver")
    remote.load({"new_plans": [{"new_name": "gold", "new_number": "S1"}]})
    spoken("mapping", "new", "PLAN", *WORDS)
    assert spoken("mapping", "field", "PLAN", "add", "=new_tier", "--constant", "Base", "--company", "Plans")[1] == 0
    (job,), code = spoken("couple", "PLAN", "--company", "Plans", "--match", "number", "--create-new", "--synchronize")
    assert (code, job["counters"]["coupled"], job["counters"]["failed"]) == (0, 1, 0)
    (again,), code = spoken("synchronize", "PLAN", "--company", "Plans", "--full", "--direction", "to")
    assert (code, again["counters"]["failed"]) == (0, 0)
    found = {row["new_number"]: row for row in remote.rows("new_plans")}
    assert (found["S2"]["new_name"], found["S2"]["new_tier"]) == ("Silver", "Base")
    assert counts.count_records(plans, IntegrationTableMapping.objects.filter(name="PLAN"))
    (gone,), code = spoken("mapping", "delete", "PLAN", "--company", "Plans")
    assert (code, gone["deleted"], gone["couplings"]) == (0, "PLAN", 2)
    assert not IntegrationTableMapping.objects.filter(name="PLAN").exists()


def test_a_model_that_keeps_its_own_columns_is_mapped_and_run_on_its_schedule(plans, remote):
    Machine.objects.create(tenant=plans.slug, serial_no="M1", label="Lathe")
    words = ("--company", "Plans", "--table", "machine", "--integration-table", "new_plan")
    (shown,), _ = spoken("mapping", "new", "MACHINE", *words)
    assert {one["field"]: one["integration_field"] for one in shown["fields"]} == {
        "label": "new_name", "customer_no": "new_customerid",
    }  # fmt: skip
    assert spoken("mapping", "set", "MACHINE", "--only-coupled", "no", "--company", "Plans")[1] == 0
    IntegrationTableMapping.objects.filter(name="MACHINE").update(next_run_at=timezone.now())
    run_due(timezone.now())
    assert run_to_end(Job.objects.get(mapping_name="MACHINE")).counters["inserted"] == 1
    assert [row["new_name"] for row in remote.rows("new_plans")] == ["Lathe"]


def test_proposals_agree_with_the_default_mapping_where_names_and_labels_say_so(plans):
    (shown,), _ = spoken("mapping", "new", "AGAIN", *WORDS[:2], "--table", "customer", "--integration-table", "account")
    proposed = {one["field"]: one["integration_field"] for one in shown["fields"]}
    default = IntegrationTableMapping.objects.get(name="CUSTOMER").fields.exclude(field="")
    known = dict(default.values_list("field", "integration_field"))
    agreed = {field for field, column in known.items() if proposed.get(field) == column}
    assert len(agreed) >= 14, known.keys() - agreed


def test_without_fields_none_are_mapped_and_several_may_share_both_tables(plans):
    (shown,), code = spoken("mapping", "new", "PLAN", *WORDS, "--fields", "none", "--direction", "to")
    assert (code, shown["fields"], shown["direction"]) == (0, [], "to_integration_table")
    (second,), code = spoken("mapping", "new", "PLAN 2", *WORDS)
    assert code == 0
    assert [(one["mapping"], one["table"]) for one in second["shares"]] == [
        ("PLAN", "local"), ("PLAN", "integration"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("customer ", *WORDS), "has an integration table mapping CUSTOMER already"),
        ((" ", *WORDS), "has no name"),
        (("A/B", *WORDS), "cannot be called 'A/B'"),
        (("x" * 41, *WORDS), "has 41 characters"),
        (("PLAN", *WORDS[:2], "--table", "subscriptions", *WORDS[4:]), "Is subscription meant?"),
        (("PLAN", *WORDS[:2], "--table", "tool", *WORDS[4:]), "Plans has no tools"),
        (("PLAN", *WORDS[:5], "new_nothing"), "no table new_nothing"),
        (("PLAN", *WORDS[:5], "new_plan')"), "cannot be the logical name of a table"),
        (("PLAN", *WORDS[:5], " "), "No Dataverse table is named"),
        (("PLAN", *WORDS, "--direction", "up"), "'up' is no direction"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_nothing_is_made(plans, words, said):
    before = IntegrationTableMapping.objects.count()
    (refusal,), code = spoken("mapping", "new", *words)
    assert code == 1
    assert said in f"{refusal['error']['message']} {refusal['error']['fix']}"
    assert IntegrationTableMapping.objects.count() == before
