"""manage.py mapping set: what it changes, what it refuses, and what it says about couplings outside a new filter."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.refusals import NotUsable
from coupling.couplings.services import start_coupling
from coupling.mappings.edit import Changes, change_mapping
from coupling.models import Coupling, IntegrationFieldMapping, IntegrationTableMapping
from coupling.rows import Criterion
from coupling.undone import left_undone
from sync.start.services import start_synchronization
from tests.coupling.conftest import counted, run

NO_ACCOUNTS = {
    "all": [{"field": "statecode", "op": "eq", "value": 0}, {"field": "name", "op": "begins_with", "value": "Z"}]
}


def spoken(*words, name="CUSTOMER"):
    """Run mapping set. Returns its document, its exit code, and what it told on stderr."""
    out, told, code = StringIO(), StringIO(), 0
    try:
        call_command("mapping", "set", name, "--company", "Cronus", *words, "--json", stdout=out, stderr=told)
    except SystemExit as ended:
        code = ended.code
    return json.loads(out.getvalue()), code, told.getvalue()


def test_settings_are_changed_and_the_mapping_is_shown(company, customer_mapping):
    table_filter = {"any": [{"field": "blocked", "op": "blank"}, {"field": "city", "op": "eq", "value": "Berlin"}]}
    words = [
        "--table-filter",
        json.dumps(table_filter),
        "--conflicts",
        "send",
        "--deletion",
        "uncouple",
        "--every",
        "5",
    ]
    document, code, told = spoken(*words, "--only-coupled", "no", "--direction", "both", "--multi-company", "yes")
    assert code == 0
    assert document["multi_company"] is True
    assert "rows that other companies use" in told
    assert (document["name"], document["table_filter"], document["update_conflict"]) == (
        "CUSTOMER",
        table_filter,
        "send",
    )
    assert (document["deletion_conflict"], document["every_minutes"]) == ("uncouple", 5)
    assert (document["synch_only_coupled"], document["direction"]) == (False, "bidirectional")
    assert document["fields"]
    assert "the next run creates that side anew" in told
    assert "No coupling is outside the Table Filter." in told
    shown = StringIO()
    call_command("mapping", "show", "CUSTOMER", "--company", "Cronus", "--json", stdout=shown)
    assert json.loads(shown.getvalue()) == document
    document, _, _ = spoken("--table-filter", "{}", "--conflicts", "ask", "--deletion", "ask", "--every", "60")
    assert (document["table_filter"], document["update_conflict"], document["every_minutes"]) == ({}, "", 60)


@pytest.mark.parametrize("minutes", [1, 600])
def test_another_interval_moves_the_next_run(company, customer_mapping, minutes):
    before = timezone.now() + timedelta(minutes=30)
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(next_run_at=before, scheduled=True)
    asked = timezone.now()
    spoken("--every", str(minutes))
    customer_mapping.refresh_from_db()
    moved = customer_mapping.next_run_at - timedelta(minutes=minutes)
    assert asked <= moved <= timezone.now()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--table-filter", '{"field": "colour", "op": "eq", "value": 1}'),
         "Customer has no field 'colour'; it has no,"),
        (("--table-filter", '{"field": "cty", "op": "blank"}'), "Customer has no field 'cty'"),
        (("--table-filter", '{"field": "city", "op": "like", "value": 1}'), "The filter on city uses 'like'"),
        (("--table-filter", '{"field": "credit_limit", "op": "lt", "value": "much"}'),
         "Credit Limit (LCY) (credit_limit) takes a number, not 'much'."),
        (("--table-filter", '{"field": "city", "op" "eq"}'),
         "The filter is no JSON: Expecting ':' delimiter before '\"eq\"}' at character 24."),
        (("--table-filter", ""), "The filter is no JSON: Expecting value before its end."),
        (("--table-filter", "null"), "The filter is null."),
        (("--table-filter", "[]"), "A filter condition cannot be read: []."),
        (("--table-filter", '{"field": "city", "field": "no", "op": "blank"}'), "has 'field' twice."),
        (("--table-filter", '{"field": "credit_limit", "op": "lt", "value": NaN}'), "NaN is no number."),
        (("--table-filter", '{"field": "credit_limit", "op": "lt", "value": 1e999}'), "too large: 1e999."),
        (("--table-filter", '{"all":' * 5000), "it nests too deep."),
        (("--integration-filter", '{"field": "telephon1", "op": "blank"}'),
         "Dataverse has no column 'telephon1' in the table account."),
        (("--integration-filter", '{"field": "customertypecode", "op": "eq", "value": 4711}'),
         "Relationship Type (customertypecode) has no choice 4711; it has 1 Competitor,"),
        (("--integration-filter", '{"field": "name", "op": "gt", "value": "A"}'), "'gt' cannot compare Account Name"),
        (("--every", "0"), "A mapping cannot be synchronized every 0 minutes."),
        (("--every", "1441"), "every 1,441 minutes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_a_sentence_and_nothing_is_saved(company, words, said):
    before = list(IntegrationTableMapping.objects.values())
    document, code, _ = spoken("--conflicts", "send", *words)
    assert (code, document["error"]["reason"]) == (1, "configuration")
    assert said in document["error"]["message"]
    assert list(IntegrationTableMapping.objects.values()) == before


def test_a_name_that_is_nearly_right_is_offered(company):
    document, _, _ = spoken("--integration-filter", '{"field": "telephon1", "op": "blank"}')
    assert document["error"]["fix"].startswith("Is telephone1 or ")
    assert document["error"]["fix"].endswith("meant? Nothing was changed.")


def test_a_direction_that_no_field_has_is_refused(company):
    document, code, _ = spoken("--direction", "to", name="SALESPEOPLE")
    assert code == 1
    assert "No enabled field of SALESPEOPLE goes to integration table" in document["error"]["message"]


def test_a_direction_that_is_none_is_refused_by_name(company):
    document, code, _ = spoken("--direction", "sideways")
    assert code == 1
    assert document["error"]["message"] == "'sideways' is no direction."


@pytest.mark.parametrize("words", [(), ("--only-coupled", "perhaps"), ("--every", "often")])
def test_what_makes_no_sense_is_wrong_usage(company, words):
    with pytest.raises(CommandError) as refused:
        spoken(*words)
    assert refused.value.returncode in (1, 2)


def test_settings_belong_to_set(company):
    with pytest.raises(CommandError, match="--every belongs to mapping set"):
        call_command("mapping", "show", "CUSTOMER", "--company", "Cronus", "--every", "5", stdout=StringIO())


def test_without_a_connection_columns_are_checked_by_name_alone(company):
    connection_row = company.connection
    connection_row.enabled = False
    connection_row.save()
    stored = '{"field": "new_whatever", "op": "gt", "value": "A"}'
    document, code, told = spoken("--integration-filter", stored)
    assert (code, document["integration_filter"]) == (0, json.loads(stored))
    assert "only the form of the columns' names was checked: new_whatever." in told
    document, code, _ = spoken("--integration-filter", '{"field": "New Column", "op": "blank"}')
    assert code == 1
    assert "'New Column' cannot be the logical name of a column" in document["error"]["message"]


def test_couplings_outside_a_new_filter_are_counted_left_out_and_listed(company, customer_mapping, customers, accounts):
    customers([{"phone_no": "1", "city": "Berlin"}, {"phone_no": "2", "city": "Bonn"}, {"phone_no": "3"}])
    accounts([{"name": f"Account {at}", "telephone1": str(at)} for at in (1, 2, 3)])
    job = run(
        start_coupling(mapping=customer_mapping, criteria=[Criterion("phone_no", "telephone1")], synchronize=True)
    )
    assert job.counters["coupled"] == 3
    run(start_synchronization(mapping=customer_mapping))

    _, _, told = spoken("--table-filter", '{"field": "city", "op": "eq", "value": "berlin"}')
    assert "2 couplings are outside the Table Filter: they stay, are left out of runs, and stand on" in told
    assert "uncoupled" not in told, "all of them are coupled"
    customer_mapping.refresh_from_db()
    assert counted(run(start_synchronization(mapping=customer_mapping))).get("skipped") == 2
    conditions = [one.condition for one in left_undone(company)]
    assert any("City is Bonn (CUSTOMER takes berlin)" in condition for condition in conditions)
    assert any("City is blank (CUSTOMER takes berlin)" in condition for condition in conditions)

    _, _, told = spoken("--table-filter", "{}", "--integration-filter", json.dumps(NO_ACCOUNTS))
    assert "No coupling is outside the Table Filter." in told
    assert "3 couplings are outside the Integration Table Filter" in told
    customer_mapping.refresh_from_db()
    assert counted(run(start_synchronization(mapping=customer_mapping))).get("skipped") == 3
    assert all("(CUSTOMER takes what begins with Z)" in one.condition for one in left_undone(company))
    assert Coupling.objects.count() == 3

    spoken("--integration-filter", "{}")
    customer_mapping.refresh_from_db()
    assert "skipped" not in counted(run(start_synchronization(mapping=customer_mapping)))
    assert not left_undone(company).exists()


def test_choices_go_one_way_and_take_their_fields_along(customer_mapping):
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(uid_kind="option")
    customer_mapping.refresh_from_db()
    with pytest.raises(NotUsable, match="maps records to the choices of a column"):
        customer_mapping.direction = "to_integration_table"
        change_mapping(mapping=customer_mapping, changes=Changes(direction="bidirectional"))
    change_mapping(mapping=customer_mapping, changes=Changes(direction="from_integration_table"))
    fields = IntegrationFieldMapping.objects.filter(mapping=customer_mapping)
    assert set(fields.values_list("direction", flat=True)) == {"from_integration_table"}


def test_what_nothing_can_follow_from_is_taken_back(customer_mapping):
    customer_mapping.fields.filter(field="name").update(direction="from_integration_table")
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(create_new=True)
    customer_mapping.refresh_from_db()
    changed = change_mapping(mapping=customer_mapping, changes=Changes(direction="from_integration_table"))
    assert changed.names == {"direction", "create_new"}
    assert "nothing is created in Dataverse" in changed.advice[0]
    again = change_mapping(
        mapping=customer_mapping, changes=Changes(direction="to_integration_table", multi_company=True)
    )
    assert "rows that other companies use" in again.advice[0]
