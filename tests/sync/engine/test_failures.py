"""What goes wrong with single pairs: deletions, limits, references, repeated failures, races."""

from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from connection_setup.models import DataverseConnection
from core.refusals import Refusal
from core.vocabulary import ConflictOption, Direction
from coupling.mappings import defaults
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from jobs.errors import EmptySelection
from jobs.models import JobOutcome
from jobs.running.waiting import run_to_end
from masterdata.models import Currency, Customer, Salesperson
from sync.models import DuePair, SynchState
from sync.start.services import retry, start_synchronization
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    counters,
    coupling_of,
    customer,
    make_unreachable,
    patch,
    synchronize,
    update_mapping,
)


def delete_row(company, mapping, row_id):
    from coupling.gateway import Gateway

    assert Gateway(company).delete(mapping, [(row_id, "")])[0].ok


def test_a_pair_whose_row_was_deleted_fails_then_is_skipped(company, customers, remote):
    one = customer(company, "10000")
    synchronize(customers)
    delete_row(company, customers, coupling_of(customers, one).integration_id)
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"failed": 1}, {"integration_deleted": 1})
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"skipped": 1}, {"repeated_failure": 1})
    assert counters(synchronize(customers)) == {}
    assert coupling_of(customers, one).skipped


def test_a_deleted_record_is_noticed_although_its_row_did_not_change(company, customers, remote):
    one = customer(company, "10000")
    synchronize(customers)
    synchronize(customers)
    one.delete()
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"failed": 1}, {"local_deleted": 1})


@pytest.mark.parametrize("side", ["here", "there"])
def test_a_deleted_record_is_restored_where_the_mapping_says_so(company, customers, remote, side):
    update_mapping(company, deletion_conflict="restore")
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    pair = coupling_of(customers, one)
    if side == "here":
        one.delete()
    else:
        delete_row(company, customers, pair.integration_id)
    assert counters(synchronize(customers)) == {"inserted": 1}
    restored = Customer.objects.get(company=company)
    again = coupling_of(customers, restored)
    assert (restored.name, restored.city, again.pk) == ("Adatum", "Bonn", pair.pk)
    assert again.integration_id == UUID(accounts(remote)["Adatum"]["accountid"])
    assert set(counters(synchronize(customers))) <= {"unchanged"}
    assert counters(synchronize(customers)) == {}


def test_the_coupling_is_deleted_with_the_row_where_the_mapping_says_so(company, customers, remote):
    update_mapping(company, deletion_conflict="uncouple", synch_only_coupled=True)
    one = customer(company, "10000")
    synchronize(customers, create=True)
    delete_row(company, customers, coupling_of(customers, one).integration_id)
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"uncoupled": 1}, {"integration_deleted": 1})
    assert not Coupling.objects.exists()


def test_a_pair_of_which_both_records_were_deleted_is_uncoupled(company, customers, remote):
    one = customer(company, "10000")
    synchronize(customers)
    delete_row(company, customers, coupling_of(customers, one).integration_id)
    one.delete()
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"uncoupled": 1}, {"record_gone": 1})


def test_a_value_too_long_for_the_local_field_names_field_length_and_limit(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="x" * 45)
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"failed": 1}, {"value_too_long": 1})
    outcome = JobOutcome.objects.get(job=job)
    assert "45 characters" in outcome.message and "City takes at most 30" in outcome.message
    assert outcome.detail["fields"][0]["integration"] == "address1_city"
    one.refresh_from_db()
    assert one.city == ""


def test_a_new_record_that_cannot_be_created_is_reported_and_leaves_nothing_behind(company, customers, remote):
    customer(company, "10000", "Adatum", currency_code="SEK")
    customer(company, "10001", "Contoso")
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"failed": 1, "inserted": 1}, {"reference_not_coupled": 1})
    assert "SEK" in JobOutcome.objects.get(job=job, outcome="failed").message
    assert Coupling.objects.count() == 1
    assert "Adatum" not in accounts(remote)


def test_a_pair_that_fails_twice_the_same_way_is_skipped_until_it_is_retried(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    one.currency_code = "SEK"
    one.save()
    assert counters(synchronize(customers)) == {"failed": 1}
    assert coupling_of(customers, one).last_to_reason == "reference_not_coupled"
    assert counters(synchronize(customers)) == {"skipped": 1}
    assert counters(synchronize(customers)) == {}
    assert counters(synchronize(customers, selection=[one.system_id])) == {"skipped": 1}
    Customer.objects.filter(pk=one.pk).update(currency_code="")
    count, (job,) = retry(company=company)
    assert (count, counters(run_to_end(job))) == (1, {"unchanged": 1})
    assert not coupling_of(customers, one).skipped
    with pytest.raises(EmptySelection):
        retry(company=company)


def test_a_pair_that_fails_another_way_is_not_skipped(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    one.currency_code = "SEK"
    one.save()
    assert counters(synchronize(customers)) == {"failed": 1}
    one.currency_code = "NOK"
    one.save()
    assert counters(synchronize(customers)) == {"failed": 1}
    assert "NOK" in coupling_of(customers, one).last_error, "the latest counts"
    one.currency_code = ""
    one.save()
    assert set(counters(synchronize(customers))) == {"unchanged"}
    assert coupling_of(customers, one).last_error == ""


def test_a_row_that_changes_while_it_is_written_is_compared_again(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    pair = coupling_of(customers, one)
    CouplingBase.objects.filter(pk=pair.pk).update(version='W/"1"')  # as if it had been changed since
    SynchState.objects.update(delta_link="")
    one.city = "Ulm"
    one.save()
    state = SynchState.objects.get()
    assert state.fingerprint
    job = synchronize(customers, direction=Direction.TO)
    assert counters(job) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    assert not DuePair.objects.exists()


def test_a_record_changed_while_it_is_written_is_not_overwritten(company, customers, remote, monkeypatch):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    from sync.engine.worker import Worker

    decide, done = Worker.decide, []

    def meanwhile(self, *given, **more):
        chunk = decide(self, *given, **more)
        if not done:
            done.append(True)
            one.phone_no = "7"
            one.save()
        return chunk

    monkeypatch.setattr(Worker, "decide", meanwhile)
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert (one.city, one.phone_no) == ("Ulm", "7")
    assert accounts(remote)["Adatum"]["telephone1"] == "7"


def test_an_expired_delta_link_means_a_full_comparison(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    remote.control("PUT", "clock", {"offset_s": 8 * 24 * 3600, "rate": 1})
    try:
        job = synchronize(customers)
    finally:
        remote.control("PUT", "clock", {"offset_s": 0, "rate": 1})
    assert (counters(job), job.plan) == ({"modified": 1}, "full")


def test_a_changed_mapping_means_a_full_comparison(company, customers, remote):
    one = customer(company, "10000", "Adatum", mobile_phone_no="9")
    synchronize(customers)
    customers.fields.filter(field="mobile_phone_no").update(enabled=True)
    job = synchronize(customers)
    assert job.plan == "full"
    assert counters(job) == {"conflicts": 1}  # newly mapped, so without history
    assert coupling_of(customers, one).conflict["fields"][0]["base_value"] is None


def test_a_pair_outside_a_filter_is_left_alone(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    two = customer(company, "10001", "Contoso")
    synchronize(customers)
    synchronize(customers)
    one.blocked, one.city = "All", "Ulm"
    one.save()
    patch(remote, coupling_of(customers, two).integration_id, statecode=1, statuscode=2, address1_city="Ulm")
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"skipped": 2}, {"outside_filter": 2})
    assert Coupling.objects.count() == 2
    one.blocked = ""
    one.save()
    assert counters(synchronize(customers)) == {"modified": 1}
    without = update_mapping(company, integration_filter={})
    assert counters(synchronize(without))["modified"] == 1, "without a filter nothing is outside"
    two.refresh_from_db()
    assert two.city == "Ulm"


def test_currencies_are_transferred_by_their_couplings_and_blank_is_the_local_one(company, customers, remote):
    euro = next(row for row in remote.rows("transactioncurrencies") if row["isocurrencycode"] == "EUR")
    dollar = next(row for row in remote.rows("transactioncurrencies") if row["isocurrencycode"] == "USD")
    local = Currency.objects.create(company=company, code="EUR", exchange_rate=Decimal("0.9"))
    currencies = IntegrationTableMapping.objects.get(company=company, name="CURRENCY")
    Coupling.objects.create(
        company=company, mapping=currencies, table="currency", local_id=local.system_id,
        integration_id=euro["transactioncurrencyid"],
    )  # fmt: skip
    customer(company, "10000", "In euro", currency_code="EUR")
    home = customer(company, "10001", "In dollars")
    assert counters(synchronize(customers)) == {"inserted": 2}
    rows = accounts(remote)
    assert rows["In euro"]["_transactioncurrencyid_value"] == euro["transactioncurrencyid"]
    assert rows["In dollars"]["_transactioncurrencyid_value"] == dollar["transactioncurrencyid"]
    assert counters(synchronize(customers)) == {"unchanged": 2}
    patch(
        remote, coupling_of(customers, home).integration_id,
        _transactioncurrencyid_value=euro["transactioncurrencyid"],
    )  # fmt: skip
    assert counters(synchronize(customers)) == {"modified": 1}
    home.refresh_from_db()
    assert home.currency_code == "EUR"


def test_new_currencies_are_sent_with_their_exchange_rate_and_the_organizations_precision(company, remote):
    (organization,) = remote.rows("organizations")
    known = {name: organization[name] for name in ("organizationid", "name", "_basecurrencyid_value")}
    remote.load({"organizations": [{**known, "currencydecimalprecision": 3}]})
    Currency.objects.create(company=company, code="SEK", description="Krona", exchange_rate=Decimal("10.5"))
    Currency.objects.create(company=company, code="NOK")
    currencies = update_mapping(company, "CURRENCY")
    job = synchronize(currencies, create=True)
    assert (counters(job), job.reasons) == ({"inserted": 1, "failed": 1}, {"value_invalid": 1})
    row = next(row for row in remote.rows("transactioncurrencies") if row["isocurrencycode"] == "SEK")
    assert (row["currencyname"], row["currencysymbol"], row["exchangerate"]) == ("Krona", "SEK", 10.5)
    assert row["currencyprecision"] == 3


def test_a_run_couples_currencies_with_the_rows_of_their_iso_codes_and_the_second_writes_nothing(company, remote):
    euro = Currency.objects.create(company=company, code="EUR", description="Euros", exchange_rate=Decimal("0.9"))
    there = {row["isocurrencycode"]: row["transactioncurrencyid"] for row in remote.rows("transactioncurrencies")}
    currencies = update_mapping(company, "CURRENCY")
    assert counters(synchronize(currencies)) == {}, "coupled ones alone"
    assert counters(synchronize(currencies, create=True)) == {"modified": 1}
    assert str(coupling_of(currencies, euro).integration_id) == there["EUR"]
    found = {row["isocurrencycode"]: row["currencyname"] for row in remote.rows("transactioncurrencies")}
    assert (len(found), found["EUR"]) == (len(there), "Euros")
    without_rate = Currency.objects.create(company=company, code="ISK", description="Krona")
    Currency.objects.create(company=company, code=" ", description="Nothing")
    remote.load({"transactioncurrencies": [{"isocurrencycode": "ISK", "currencyname": "Krona", "exchangerate": 0.8}]})
    Currency.objects.create(company=company, code="NOK")
    job = synchronize(currencies, create=True)
    there = {row["isocurrencycode"]: row for row in remote.rows("transactioncurrencies")}
    assert str(coupling_of(currencies, without_rate).integration_id) == there["ISK"]["transactioncurrencyid"]
    assert there["ISK"]["exchangerate"] == 0.8, "an existing row needs no rate from here"
    assert {one.local_key.strip() for one in job.outcomes.filter(outcome="failed")} == {"NOK", ""}
    remote.control("DELETE", "requests")
    job = synchronize(currencies, create=True, full=True)
    assert (job.counters["unchanged"], remote.requests()["rows_written"]) == (2, 0)


def test_salespeople_come_from_users_and_get_codes(company, remote):
    people = update_mapping(company, "SALESPEOPLE")
    job = synchronize(people, create=True)
    found = list(Salesperson.objects.filter(company=company).order_by("code"))
    assert counters(job) == {"inserted": len(found)} and found
    assert found[0].code == "SP NO. 00001" and found[0].name
    assert len({one.code for one in found}) == len(found)
    assert set(counters(synchronize(people))) <= {"unchanged"}


def test_a_selection_is_synchronized_and_reports_what_is_not_coupled(company, customers, remote):
    update_mapping(company, synch_only_coupled=True)
    one, two = customer(company, "10000", "Adatum"), customer(company, "10001")
    synchronize(customers, selection=[one.system_id], create=True)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    job = synchronize(customers, selection=[one.system_id, two.system_id, uuid4()])
    assert counters(job) == {"modified": 1, "skipped": 2}
    assert job.reasons == {"not_coupled": 1, "record_gone": 1}
    with pytest.raises(EmptySelection):
        start_synchronization(mapping=customers, selection=[])


def test_overwriting_makes_one_side_win(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    job = synchronize(customers, selection=[one.system_id], direction=Direction.TO, conflict=ConflictOption.SEND)
    assert counters(job) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"


def test_a_mapping_refuses_the_other_direction(company, customers):
    with pytest.raises(Refusal, match="to the integration table only"):
        start_synchronization(mapping=update_mapping(company, "CURRENCY"), direction=Direction.FROM)


def test_without_a_field_to_synchronize_the_job_fails_and_says_where_to_enable_one(company, customers, remote):
    customer(company, "10000")
    customers.fields.update(enabled=False)
    job = run_to_end(start_synchronization(mapping=customers))
    assert (job.state, job.failure_reason) == ("failed", "configuration")
    assert "no enabled field" in job.message and "Integration Field Mapping List" in job.message
    assert not Coupling.objects.exists() and not accounts(remote)


def test_an_unknown_column_stops_before_anything_is_written(company, customers, remote):
    customer(company, "10000")
    customers.fields.filter(field="city").update(integration_field="address1_town")
    job = run_to_end(start_synchronization(mapping=customers))
    assert (job.state, job.failure_reason) == ("failed", "unknown_column")
    assert "address1_town" in job.message
    assert not Coupling.objects.exists()


@pytest.mark.parametrize("selected", [False, True])
def test_an_unreachable_dataverse_fails_the_job_at_once(company, customers, remote, selected):
    one = customer(company, "10000")
    synchronize(customers)
    make_unreachable(company)
    ids = [one.system_id] if selected else None
    job = run_to_end(start_synchronization(mapping=customers, selection=ids))
    assert (job.state, job.failure_reason) == ("failed", "unreachable")
    assert "cannot be reached" in job.message
    assert "asked again" not in job.message
    assert job.outage_since is None


def test_another_organization_stops_before_the_first_write(company, customers, remote):
    customer(company, "10000")
    remote.control("PUT", "environment", {"organization_id": str(uuid4())})
    job = run_to_end(start_synchronization(mapping=customers))
    assert (job.state, job.failure_reason) == ("failed", "wrong_environment")
    assert not Coupling.objects.exists() and not accounts(remote)


def test_what_another_organization_answers_changes_nothing_here(company, customers, remote):
    update_mapping(company, deletion_conflict="uncouple")
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    remote.control("PUT", "environment", {"organization_id": str(uuid4())})
    job = run_to_end(start_synchronization(mapping=customers, full=True))
    assert (job.state, job.failure_reason) == ("failed", "wrong_environment")
    one.refresh_from_db()
    assert one.city == "" and Coupling.objects.count() == 1


def test_a_key_taken_here_is_not_given_twice(company, customers, remote):
    customers.fields.filter(field="no").update(enabled=True, direction="bidirectional")
    customer(company, "A1", "Adatum")
    remote.load({"accounts": [{"name": "Fabrikam", "accountnumber": "A1", **ACTIVE_CUSTOMER}]})
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"failed": 1, "inserted": 1}, {"duplicate": 1})


def test_a_row_that_could_not_be_created_here_is_tried_twice(company, customers, remote):
    remote.load({"accounts": [{"name": "Fabrikam", "address1_city": "x" * 45, **ACTIVE_CUSTOMER}]})
    assert counters(synchronize(customers)) == {"failed": 1}
    customers.fields.filter(field="city").update(enabled=True)
    assert counters(synchronize(customers)) == {"failed": 1}
    assert counters(synchronize(customers)) == {}


def test_a_run_in_one_direction_loses_nothing_of_the_other(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn", phone_no="1")
    synchronize(customers)
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, telephone1="2")
    one.city = "Ulm"
    one.save()
    assert counters(synchronize(customers, direction=Direction.TO)) == {"modified": 1}
    one.refresh_from_db()
    assert (one.phone_no, accounts(remote)["Adatum"]["telephone1"]) == ("1", "2")
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.phone_no == "2"
    one.address = "Here 1"
    one.save()
    patch(remote, coupling_of(customers, one).integration_id, telephone1="3")
    assert counters(synchronize(customers, direction=Direction.FROM)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_line1"] is None
    assert counters(synchronize(customers)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_line1"] == "Here 1"


def test_a_record_coupled_by_hand_meanwhile_keeps_that_coupling(company, customers, remote, monkeypatch):
    one, two = customer(company, "10000", "Adatum"), customer(company, "10001")
    from sync.engine.worker import Worker

    decide, mine = Worker.decide, uuid4()

    def meanwhile(self, *given, **more):
        chunk = decide(self, *given, **more)
        Coupling.objects.get_or_create(
            company=company, mapping=customers, table="customer", local_id=one.system_id,
            defaults={"integration_id": mine},
        )  # fmt: skip
        return chunk

    monkeypatch.setattr(Worker, "decide", meanwhile)
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert coupling_of(customers, one).integration_id == mine
    assert coupling_of(customers, two).pending is False
    assert set(accounts(remote)) == {"Customer 10001"}


def test_new_rows_belong_to_the_companys_team_and_carry_its_company(company, customers, remote):
    customer(company, "10000", "Adatum")
    synchronize(customers)
    row = accounts(remote)["Adatum"]
    connection = DataverseConnection.objects.get(company=company)
    assert row["_ownerid_value"] == str(connection.owning_team_id)
    assert row["_tandem_companyid_value"] == str(connection.company_row_id)


def test_with_person_ownership_the_salespersons_user_owns_new_rows(company, remote):
    DataverseConnection.objects.update(ownership_model="person")
    team = DataverseConnection.objects.get(company=company).owning_team_id
    defaults.reset_mappings(company)
    people = update_mapping(company, "SALESPEOPLE")
    synchronize(people, create=True)
    seller = Salesperson.objects.filter(company=company).first()
    mapping = update_mapping(company, synch_only_coupled=False)
    customer(company, "10000", "With seller", salesperson_code=seller.code)
    customer(company, "10001", "Without")
    customer(company, "10002", "With a stranger", salesperson_code="XX")
    job = synchronize(mapping)
    assert (counters(job), job.reasons) == ({"inserted": 2, "failed": 1}, {"reference_not_coupled": 1})
    rows = accounts(remote)
    assert rows["With seller"]["_ownerid_value"] == str(coupling_of(people, seller).integration_id)
    assert rows["Without"]["_ownerid_value"] == str(team)
    job = synchronize(mapping)
    assert counters(job) == {"unchanged": 2, "failed": 1}
    assert counters(synchronize(mapping)) == {"failed": 1}
