"""Transformation rules, constants and blank values in runs over a sandbox, with the preview beside them."""

from decimal import Decimal

from core.vocabulary import BlankPolicy, Direction
from coupling.mappings import field_edit
from coupling.mappings.edit import Changes, change_mapping
from coupling.mappings.field_edit import FieldChanges
from coupling.models import IntegrationFieldMapping
from jobs.models import JobOutcome
from masterdata.models import Customer
from sync.engine.preview import Preview
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    counters,
    coupling_of,
    customer,
    patch,
    synchronize,
)


def add(mapping, local, column, **changes) -> IntegrationFieldMapping:
    return field_edit.add_field(mapping=mapping, local=local, column=column, changes=FieldChanges(**changes))


def change(mapping, local, column, **changes):
    field = field_edit.get_field_mapping(mapping, local, column)
    field_edit.set_field(field=field, changes=FieldChanges(**changes))


def writes_nothing(mapping, remote):
    remote.control("DELETE", "requests")
    job = synchronize(mapping, full=True)
    assert set(counters(job)) <= {"unchanged"}
    assert remote.requests()["rows_written"] == 0


def test_rules_rewrite_what_goes_either_way_and_the_next_run_writes_nothing(company, customers, remote):
    change(customers, "no", "accountnumber", rules=("prefix=C-",), enabled=True)
    change(customers, "name", "name", rules=("upper",))
    change(customers, "city", "address1_city", direction=Direction.FROM, rules=("before=,", "title"))
    add(customers, "credit_limit", "address2_name", rules=("number=#,##0.00,de-DE", "suffix= EUR"),
        direction=Direction.TO)  # fmt: skip
    customer(company, "10000", "Adatum", credit_limit=Decimal("1234.5"))
    remote.load({"accounts": [{"name": "Fabrikam", "address1_city": "BONN, GERMANY", **ACTIVE_CUSTOMER}]})
    assert counters(synchronize(customers)) == {"inserted": 2}
    row = accounts(remote)["ADATUM"]
    assert (row["accountnumber"], row["address2_name"]) == ("C-10000", "1.234,50 EUR")
    got = Customer.objects.get(company=company, name="Fabrikam")
    assert got.city == "Bonn"
    synchronize(customers)  # what a record from Dataverse gets here goes there: its number and its credit limit
    writes_nothing(customers, remote)
    patch(remote, coupling_of(customers, got).integration_id, name="Fabrikam East", address1_city="ulm")
    got.phone_no = "1"
    got.save()
    assert counters(synchronize(customers)) == {"modified": 1}
    got.refresh_from_db()
    assert (got.name, got.city) == ("Fabrikam East", "Ulm")
    assert accounts(remote)["Fabrikam East"]["telephone1"] == "1"  # rules to Dataverse leave what was edited there
    writes_nothing(customers, remote)


def test_a_new_rule_is_previewed_and_applied_to_all_records_once(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    change(customers, "city", "address1_city", rules=("upper", "suffix=!"))
    (previewed,) = [outcome for outcome in Preview(customers).outcomes() if outcome.outcome == "modified"]
    job = synchronize(customers)
    assert counters(job) == {"modified": 1}
    (field,) = JobOutcome.objects.get(job=job).detail["fields"]
    assert previewed.detail["fields"] == [field]
    assert (field["local_value"], field["rewritten_value"], field["written"]) == ("Bonn", "BONN!", "integration")
    assert accounts(remote)["Adatum"]["address1_city"] == "BONN!"
    writes_nothing(customers, remote)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert (one.city, accounts(remote)["Adatum"]["address1_city"]) == ("Ulm", "Ulm")
    writes_nothing(customers, remote)
    one.city = "Bern"
    one.save()
    synchronize(customers)
    assert accounts(remote)["Adatum"]["address1_city"] == "BERN!"
    writes_nothing(customers, remote)


def test_a_rule_that_fails_for_one_record_fails_that_record_alone(company, customers, remote):
    add(customers, "name_2", "yominame", direction=Direction.TO, rules=("date=dd.MM.yyyy",))
    customer(company, "10000", "Adatum", name_2="2026-12-03")
    customer(company, "10010", "Contoso", name_2="soon")
    job = synchronize(customers)
    assert counters(job) == {"inserted": 1, "failed": 1}
    assert accounts(remote)["Adatum"]["yominame"] == "03.12.2026"
    failed = JobOutcome.objects.get(job=job, outcome="failed")
    assert (failed.local_key, failed.reason) == ("10010", "value_invalid")
    assert failed.message.startswith(
        "Name 2 holds “soon”, and the rule “date=dd.MM.yyyy” cannot read “soon” as a date."
    )


def test_constants_go_to_either_side(company, customers, remote):
    add(customers, "", "sic", constant="4711")
    add(customers, "name_2", "", constant="From Dataverse")
    one = customer(company, "10000", "Adatum")
    remote.load({"accounts": [{"name": "Fabrikam", **ACTIVE_CUSTOMER}]})
    assert counters(synchronize(customers)) == {"inserted": 2}
    assert counters(synchronize(customers)) == {"modified": 2}  # the side that was there gets its constant
    one.refresh_from_db()
    assert {row["sic"] for row in accounts(remote).values()} == {"4711"}
    assert set(Customer.objects.values_list("name_2", flat=True)) == {"From Dataverse"}
    writes_nothing(customers, remote)


def test_kept_blanks_overwrite_nothing_either_way(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn", phone_no="1")
    synchronize(customers)
    synchronize(customers)
    change_mapping(mapping=customers, changes=Changes(blanks=BlankPolicy.KEEP))
    change(customers, "phone_no", "telephone1", blanks=BlankPolicy.SEND)
    patch(remote, coupling_of(customers, one).integration_id, name=None)
    one.city = one.phone_no = ""
    one.save()
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    (row,) = accounts(remote).values()
    assert (one.name, one.city, one.phone_no) == ("Adatum", "", "")
    assert (row["name"], row["address1_city"], row["telephone1"]) == (None, "Bonn", None)
    writes_nothing(customers, remote)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    synchronize(customers)
    one.refresh_from_db()
    assert one.city == "Ulm"


def test_a_look_up_table_that_changes_is_applied_by_the_next_run(company, customers, remote):
    table = field_edit.save_table(company=company, name="Grade", rows={"A": "Good", "*": "Other"})
    add(customers, "name_2", "yominame", direction=Direction.TO, rules=("table=Grade",))
    customer(company, "10000", "Adatum", name_2="a")
    synchronize(customers)
    assert accounts(remote)["Adatum"]["yominame"] == "Good"
    synchronize(customers)
    field_edit.save_table(company=company, name=table.name, rows={"A": "Best"})
    assert counters(synchronize(customers)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["yominame"] == "Best"
