"""Days travel both ways without shifting, whatever Dataverse keeps for them."""

from datetime import date
from typing import Any

import pytest

from core.vocabulary import CompareAs
from coupling.couplings import services
from coupling.mappings.edit import Changes, change_mapping
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.example_app.models import Subscription
from tests.sandbox.conftest import api_of
from tests.sandbox.test_customizing import column, create_definition
from tests.sync.conftest import counters, patch, synchronize

USERS, FIXED, DAYS = "UserLocal", "TimeZoneIndependent", "DateOnly"
SENT = {USERS: "2024-04-01T12:00:00Z", FIXED: "2024-04-01T00:00:00Z", DAYS: "2024-04-01"}
WRITTEN = {USERS: "2024-03-30T23:00:00Z", FIXED: "2024-03-31T00:00:00Z", DAYS: "2024-03-31"}


@pytest.fixture
def subscriptions(company: Company) -> IntegrationTableMapping:
    made = IntegrationTableMapping.objects.create(
        company=company, name="SUBSCRIPTION", table="subscription", integration_table="account",
        entity_set="accounts", uid_column="accountid", name_column="name", synch_only_coupled=False,
        integration_filter={"field": "accountnumber", "op": "not_blank"},
    )  # fmt: skip
    for field, name in (("number", "accountnumber"), ("name", "name"), ("starts_on", "new_startson")):
        made.fields.create(field=field, integration_field=name)
    return made


@pytest.fixture
def behavior(remote: Sandbox, request: pytest.FixtureRequest) -> str:
    admin = api_of(remote, grant_type="password", username=remote.admin_user, password=remote.admin_password)
    body = column("DateTime", "new_StartsOn", Format="DateOnly", DateTimeBehavior={"Value": request.param})
    create_definition(admin, "EntityDefinitions(LogicalName='account')/Attributes", body)
    return str(request.param)


def row_of(remote: Sandbox, number: str) -> dict[str, Any]:
    return next(row for row in remote.rows("accounts") if row["accountnumber"] == number)


@pytest.mark.parametrize("behavior", [USERS, FIXED, DAYS], indirect=True)
def test_a_day_is_the_same_day_on_both_sides(
    subscriptions: IntegrationTableMapping, remote: Sandbox, behavior: str
) -> None:
    company = subscriptions.company
    remote.load({"accounts": [{"accountnumber": "S1", "name": "Alder", "new_startson": WRITTEN[behavior]}]})
    here = Subscription.objects.create(company=company, number="S2", name="Birch", starts_on=date(2024, 4, 1))
    assert counters(synchronize(subscriptions)) == {"inserted": 2}
    assert Subscription.objects.get(number="S1").starts_on == date(2024, 3, 31)
    assert row_of(remote, "S2")["new_startson"] == SENT[behavior]
    assert counters(synchronize(subscriptions, full=True)) == {"unchanged": 2}
    patch(remote, row_of(remote, "S2")["accountid"], new_startson=WRITTEN[behavior])
    assert counters(synchronize(subscriptions)) == {"modified": 1}
    here.refresh_from_db()
    assert here.starts_on == date(2024, 3, 31)


@pytest.mark.parametrize("behavior", [USERS], indirect=True)
def test_records_are_matched_by_the_day_that_people_see(
    subscriptions: IntegrationTableMapping, remote: Sandbox, behavior: str
) -> None:
    remote.load({"accounts": [{"accountnumber": "X", "name": "x", "new_startson": WRITTEN[behavior]}]})
    made = Subscription.objects.create(
        company=subscriptions.company, number="S1", name="Alder", starts_on=date(2024, 3, 31)
    )
    given = [Criterion("starts_on", "new_startson", compare_as=CompareAs.DATE)]
    job = run_to_end(services.start_coupling(mapping=subscriptions, criteria=given, synchronize=False))
    assert job.counters["coupled"] == 1, job.message
    assert Coupling.objects.get(mapping=subscriptions).local_id == made.system_id


AUCKLAND = "2024-03-31T11:00:00Z"
"""Midnight of April 1st in Auckland, where noon in UTC is the day after."""


@pytest.mark.parametrize("behavior", [USERS], indirect=True)
def test_the_zone_of_a_mapping_says_whose_midnights_count(
    subscriptions: IntegrationTableMapping, remote: Sandbox, behavior: str
) -> None:
    change_mapping(mapping=subscriptions, changes=Changes(day_zone="Pacific/Auckland"))
    remote.load({"accounts": [{"accountnumber": "S1", "name": "Alder", "new_startson": AUCKLAND}]})
    here = {"company": subscriptions.company, "name": "Birch"}
    Subscription.objects.create(number="S2", starts_on=date(2024, 4, 1), **here)
    assert counters(synchronize(subscriptions)) == {"inserted": 2}
    assert Subscription.objects.get(number="S1").starts_on == date(2024, 4, 1)
    assert row_of(remote, "S2")["new_startson"] == AUCKLAND
    assert set(counters(synchronize(subscriptions))) <= {"unchanged"}
    # Another zone reads other days: so everything is compared again.
    change_mapping(mapping=subscriptions, changes=Changes(day_zone=""))
    assert synchronize(subscriptions).plan == "full"
