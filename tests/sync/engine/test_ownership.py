"""Who owns rows: the team, or the user coupled with a record's salesperson."""

import pytest

from connection_setup.connection import state
from connection_setup.enabling import run as enabling
from connection_setup.enabling import services
from connection_setup.models import DataverseConnection
from coupling.mappings import defaults
from coupling.models import IntegrationTableMapping
from jobs.models import JobOutcome
from masterdata.models import Salesperson
from sync.engine.owners import refused_owner
from tests.sync.conftest import accounts, counters, coupling_of, customer, synchronize, update_mapping


def test_the_owner_follows_the_salesperson_and_stays_when_there_is_none_any_more(company, remote):
    DataverseConnection.objects.update(ownership_model="person")
    defaults.reset_mappings(company)
    people = update_mapping(company, "SALESPEOPLE")
    synchronize(people, create=True)
    first, second = Salesperson.objects.filter(company=company).order_by("code")[:2]
    mapping = update_mapping(company, synch_only_coupled=False)
    one = customer(company, "10000", "Adatum", salesperson_code=first.code)
    synchronize(mapping)

    def owner():
        return accounts(remote)["Adatum"]["_ownerid_value"]

    assert owner() == str(coupling_of(people, first).integration_id)
    one.salesperson_code = second.code
    one.save()
    assert counters(synchronize(mapping)) == {"modified": 1}
    assert owner() == str(coupling_of(people, second).integration_id)
    one.salesperson_code = ""
    one.save()
    synchronize(mapping)
    assert owner() == str(coupling_of(people, second).integration_id), (
        "a row always has an owner: it keeps the last one"
    )
    assert counters(synchronize(mapping)) == {}


def test_a_row_of_the_team_gets_its_user_once_a_salesperson_is_entered(company, remote):
    DataverseConnection.objects.update(ownership_model="person")
    team = DataverseConnection.objects.get(company=company).owning_team_id
    defaults.reset_mappings(company)
    people = update_mapping(company, "SALESPEOPLE")
    synchronize(people, create=True)
    seller = Salesperson.objects.filter(company=company).first()
    mapping = update_mapping(company, synch_only_coupled=False)
    one = customer(company, "10000", "Adatum")
    synchronize(mapping)
    assert accounts(remote)["Adatum"]["_ownerid_value"] == str(team)
    one.salesperson_code = seller.code
    one.save()
    assert counters(synchronize(mapping)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["_ownerid_value"] == str(coupling_of(people, seller).integration_id)


@pytest.mark.parametrize("model", ["person", "team"])
def test_the_ownership_model_decides_about_salespeople_however_it_is_enabled(company, remote, model):
    """The command, the page and the guide: SALESPEOPLE is depended on, and on a schedule, with Person alone."""
    for way in ("command", "run"):
        DataverseConnection.objects.update(ownership_model="team" if model == "person" else "person")
        defaults.apply_ownership_model(company)
        services.disable(company=company, user=None)
        IntegrationTableMapping.objects.filter(company=company, name="CUSTOMER").update(scheduled=True)
        DataverseConnection.objects.update(ownership_model=model)
        if way == "command":
            assert services.enable(company=company, user=None).ok
        else:
            enabling.take_all_steps(enabling.begin(company=company, user=None, page_url="/", done_url="/"), user=None)
        assert state.connection_of(company).enabled
        mapping = update_mapping(company)
        assert ("SALESPEOPLE" in mapping.dependencies) is (model == "person"), way
        assert mapping.fields.filter(field="salesperson_code").exists() is (model == "person"), way
        people = IntegrationTableMapping.objects.get(company=company, name="SALESPEOPLE")
        assert people.scheduled is (model == "person"), way


USER = "5f0c1a52-8d0e-4b8e-9a57-3c1d0f6b7e21"
OTHER = "11111111-8d0e-4b8e-9a57-3c1d0f6b7e21"
WHOSE = (
    # what the service said, what the sentence says of the user; "" where it is about somebody else
    (f"HTTP 404 · 0x80040217 · request r · systemuser With Id = {USER} Does Not Exist", "no longer exists"),
    (f"HTTP 404 · 0x80040217 · request r · SystemUser With Id = {USER.upper()} Does Not Exist", "no longer exists"),
    ("HTTP 400 · 0x8004022B · The specified owner has been disabled.", "is disabled in Dataverse"),
    (f"HTTP 403 · 0x80042F09 · The user with id {USER} has not been assigned any roles.", "has no security role"),
    (f"HTTP 403 · 0x80040220 · Principal user (Id={USER}) is missing prvReadAccount", "that lets them own it"),
    (f"HTTP 403 · 0x80040220 · Principal user (Id={OTHER}) is missing prvReadAccount", ""),
    (f"HTTP 404 · 0x80040217 · account With Id = {OTHER} Does Not Exist", ""),
    ("HTTP 400 · 0x80040265 · No.", ""),
    ("", ""),
)


@pytest.mark.parametrize(("detail", "said"), WHOSE)
def test_a_refusal_about_the_owner_names_the_salesperson_and_no_other_refusal_does(detail, said):
    found = refused_owner(detail, USER, "JO Jim Olive")
    if not said:
        assert found == ""
        return
    assert said in found
    assert "JO Jim Olive" in found
    assert "Couple Dataverse Users with Salespeople" in found
    assert USER not in found


def test_a_record_whose_salespersons_user_cannot_own_its_row_fails_and_names_the_salesperson(company, remote):
    DataverseConnection.objects.update(ownership_model="person")
    defaults.reset_mappings(company)
    people = update_mapping(company, "SALESPEOPLE")
    synchronize(people, create=True)
    seller = Salesperson.objects.filter(company=company).order_by("code").first()
    user = str(coupling_of(people, seller).integration_id)
    mapping = update_mapping(company, synch_only_coupled=False)
    synchronize(mapping)
    disabled = {"refusal": 27, "status": 400, "code": "0x8004022B", "message": "The specified owner is disabled."}
    refusals = (
        ({"refusal": 17, "ids": [user]}, "denied"),
        ({"refusal": 18, "ids": [user]}, "denied"),
        ({"refusal": 27, "ids": [user]}, "reference_not_coupled"),
        (disabled, "reference_not_coupled"),
    )
    for number, (fault, reason) in enumerate(refusals):
        one = customer(company, f"3{number:04d}", f"Owned {number}", salesperson_code=seller.code)
        remote.control("POST", "faults", [{**fault, "method": "POST", "path": "accounts", "times": 0}])
        job = synchronize(mapping)
        remote.control("DELETE", "faults")
        outcome = JobOutcome.objects.get(job=job, outcome="failed")
        assert (outcome.reason, seller.code in outcome.message, user in outcome.message) == (reason, True, False), (
            outcome.message
        )
        assert seller.name in outcome.message
        one.delete()
    one = customer(company, "40000", "Left", salesperson_code="GONE")
    outcome = JobOutcome.objects.get(job=synchronize(mapping), outcome="failed")
    assert "GONE" in outcome.message, "one who is not coupled is named as well"


def test_a_row_whose_owner_was_deleted_in_dataverse_names_the_salesperson_too(company, remote):
    DataverseConnection.objects.update(ownership_model="person")
    defaults.reset_mappings(company)
    people = update_mapping(company, "SALESPEOPLE")
    synchronize(people, create=True)
    seller = Salesperson.objects.filter(company=company).order_by("code").first()
    mapping = update_mapping(company, synch_only_coupled=False)
    one = customer(company, "10000", "Adatum")
    synchronize(mapping)
    user = str(coupling_of(people, seller).integration_id)
    found = next(row for row in remote.rows("systemusers") if row["systemuserid"] == user)
    remote.control("POST", "people", {"name": found["domainname"], "password": "word", "vanished": True})
    one.salesperson_code = seller.code
    one.save()
    outcome = JobOutcome.objects.get(job=synchronize(mapping), outcome="failed")
    assert (outcome.reason, f"{seller.code} {seller.name}, who no longer exists" in outcome.message) == (
        "reference_not_coupled", True,
    ), outcome.message  # fmt: skip
