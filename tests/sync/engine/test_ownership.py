"""Who owns rows: the team, or the user coupled with a record's salesperson."""

import pytest

from connection_setup.connection import state
from connection_setup.enabling import run as enabling
from connection_setup.enabling import services
from connection_setup.models import DataverseConnection
from coupling.mappings import defaults
from coupling.models import IntegrationTableMapping
from masterdata.models import Salesperson
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
