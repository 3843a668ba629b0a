"""What stands of mappings becomes alerts and is over again: changed columns, conflicts, records that failed."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.models import CouplingBase, IntegrationTableMapping
from dataverse import metadata_cache
from jobs.alerts import services, work
from jobs.models import Alert
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.receivers import SECRET, WebhookServer, serving
from tests.sync.conftest import coupling_of, customer, patch, signed_in, synchronize


def alerts(company: Company) -> list[tuple[str, str, bool]]:
    """Look, and return kind, mapping and whether it is over, the oldest first."""
    work.look(timezone.now())
    found = Alert.objects.filter(company=company).exclude(kind="not_seen").order_by("pk")
    return [(one.kind, one.mapping_name, one.over_at is not None) for one in found]


def opens(url: str) -> str:
    """Return the page that an alert leads to."""
    client: Client = signed_in("Viewer")
    answer = client.get(url, follow=True)
    assert answer.status_code == 200, url
    return str(answer.content.decode())


def look(mapping: IntegrationTableMapping) -> None:
    metadata_cache.forget()
    column_looks.look(mapping, Gateway(mapping.company).table_again(mapping).columns)


@pytest.mark.parametrize(
    ("column", "change", "back", "says"),
    [
        ("address1_city", {"gone": True}, {"gone": False}, "is gone in Dataverse"),
        ("address1_city", {"max_length": 5}, {"max_length": 80}, "takes 5 characters"),
        ("address1_city", {"type": "Integer"}, {"type": "String"}, "is Integer in Dataverse"),
        ("sic", {"required": "ApplicationRequired"}, {"required": "None"}, "is required in Dataverse now"),
    ],
    ids=["gone", "shortened", "retyped", "newly required"],
)
def test_a_column_that_changes_is_told_and_is_over_once_it_is_as_it_was(
    company: Company,
    customers: IntegrationTableMapping,
    remote: Sandbox,
    column: str,
    change: Any,
    back: Any,
    says: str,
) -> None:
    look(customers)
    assert alerts(company) == []
    with serving(WebhookServer()) as server:
        services.save_receiver(company=company, way="webhook", address=server.url, secret=SECRET, only=["drift"])
        remote.control("POST", "columns", {"table": "account", "column": column, **change})
        look(customers)
        assert alerts(company) == [("drift", "CUSTOMER", False)]
        found = Alert.objects.get(kind="drift")
        assert says in found.message and found.fix and found.url.endswith("#tab-columns")
        assert "Changes in Dataverse" in opens(found.url)
        remote.control("POST", "columns", {"table": "account", "column": column, **back})
        look(customers)
        assert alerts(company) == [("drift", "CUSTOMER", True)]
        work.make_messages(timezone.now())
        work.send_due(timezone.now())
        (told,) = server.taken[0]["alerts"]
        assert (told["kind"], told["mapping"], bool(told["over"])) == ("drift", "CUSTOMER", True)


def test_conflicts_that_wait_are_told_once_and_are_over_once_decided(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    made = [customer(company, f"1000{number}") for number in range(2)]
    synchronize(customers)
    synchronize(customers)
    for number, one in enumerate(made):
        one.name = f"Here {number}"
        one.save()
        patch(remote, coupling_of(customers, one).integration_id, name=f"There {number}")
    synchronize(customers)
    assert alerts(company) == [("conflicts", "CUSTOMER", False)] == alerts(company)
    found = Alert.objects.get(kind="conflicts")
    assert found.message == "2 records of CUSTOMER were changed on both sides and wait for a decision."
    assert "Resolve Update Conflicts" in opens(found.url)
    CouplingBase.objects.update(conflict=None)
    assert alerts(company) == [("conflicts", "CUSTOMER", True)]


def test_records_that_fail_are_told_with_their_number_and_are_over_once_the_cause_is_gone(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    made = [customer(company, f"1000{number}", city="Ulm") for number in range(2)]
    synchronize(customers)
    look(customers)
    remote.control("POST", "columns", {"table": "account", "column": "address1_city", "max_length": 5})
    for one in made:
        one.city = "Saarbrücken"
        one.save()
    metadata_cache.forget()
    synchronize(customers)
    assert ("failure", "CUSTOMER", False) in alerts(company)
    (found,) = Alert.objects.filter(kind="failure")
    assert found.message == "2 records of CUSTOMER could not be synchronized."
    assert "10000" in opens(found.url)
    for one in made:
        one.city = "Bonn"
        one.save()
    synchronize(customers)
    assert ("failure", "CUSTOMER", True) in alerts(company)
    assert Alert.objects.filter(kind="failure").count() == 1
