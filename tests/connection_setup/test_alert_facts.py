"""What stands of connections becomes alerts and is over again; the secrets of webhooks go along with every new key."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from connection_setup.encryption import services as encryption
from connection_setup.models import AuthenticationType, DataverseConnection
from jobs.alerts import secrets, services, work
from jobs.models import Alert, AlertReceiver
from masterdata.models import Company

pytestmark = pytest.mark.django_db
SECRET = "a long random secret of the tests"


@pytest.fixture
def company() -> Company:
    made = Company.objects.create(name="CRONUS", currency_code="USD")
    DataverseConnection.objects.create(
        company=made, environment_url="https://contoso.crm4.dynamics.com", enabled=True, client_id=str(uuid4()),
        organization_id=uuid4(), organization_name="Contoso", authentication_type=AuthenticationType.CLIENT_SECRET,
    )  # fmt: skip
    return made


def alerts(kind: str) -> list[tuple[str, bool]]:
    work.look(timezone.now())
    return [(one.message, one.over_at is not None) for one in Alert.objects.filter(kind=kind).order_by("pk")]


def expires(company: Company, days: int) -> None:
    on = timezone.localdate() + timedelta(days=days)
    DataverseConnection.objects.filter(company=company).update(client_secret_expires_on=on)


def test_a_secret_that_expires_is_told_once_again_once_it_has_and_is_over_with_a_new_one(company: Company) -> None:
    expires(company, 31)
    assert alerts("expiring") == []
    expires(company, 30)
    ((message, over),) = alerts("expiring")
    assert message.startswith("The Client Secret expires in 30 days") and not over
    expires(company, 2)
    ((message, over),) = alerts("expiring")
    assert "in 2 days" in message and not over, "it goes on, in other words"
    expires(company, -1)
    assert [over for _, over in alerts("expiring")] == [True, False]
    expires(company, 365)
    assert [over for _, over in alerts("expiring")] == [True, True]


def test_a_certificate_that_expires_is_told_too(company: Company) -> None:
    DataverseConnection.objects.update(
        authentication_type=AuthenticationType.CERTIFICATE, certificate_expires_at=timezone.now() + timedelta(days=3)
    )
    ((message, _),) = alerts("expiring")
    assert message.startswith("The Certificate expires in")
    DataverseConnection.objects.update(enabled=False)
    assert [over for _, over in alerts("expiring")] == [True]


def test_another_organization_is_told_until_its_own_answers_again(company: Company) -> None:
    DataverseConnection.objects.update(other_organization_id=uuid4(), other_organization_name="Contoso Copy")
    ((message, over),) = alerts("environment")
    assert "Contoso" in message and not over
    assert Alert.objects.get(kind="environment").url.startswith(f"/c/{company.slug}/")
    DataverseConnection.objects.update(other_organization_id=None)
    assert [over for _, over in alerts("environment")] == [True]


def test_a_new_key_encrypts_the_secrets_of_webhooks_too(company: Company) -> None:
    one = services.save_receiver(company=company, way="webhook", address="https://127.0.0.1:1/", secret=SECRET)
    assert encryption.enable(user=None).resealed == 1
    one = AlertReceiver.objects.get(pk=one.pk)
    assert secrets.unseal(one.secret) == SECRET
    (stored,) = encryption.read_state().secrets
    assert (stored.company, stored.caption) == ("CRONUS", "Secret of a webhook")
