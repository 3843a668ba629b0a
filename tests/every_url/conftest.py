"""Two companies with something behind every endpoint, and a person per role."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.roles import set_roles as give_roles
from connection_setup.models import DataverseConnection
from core.roles import Role
from core.vocabulary import Recommendation
from coupling.mappings import defaults
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from dataverse import transport
from dataverse.client import DataverseClient
from jobs.models import Job, JobOutcome, Outcome, Reason, State, Type
from masterdata.models import Company, Customer
from sync.models import FullSynchReviewLine
from tests.conftest import quickly_hashed
from tests.every_url.urls import Endpoint
from tests.tables import Tables

PASSWORD = "correct horse battery staple"

_signed_in: dict[str, str] = {}
"""The sessions of `places`, by the person's name: signing in is not what the thousands of tests on it are about."""


_methods: dict[Endpoint, set[str]] = {}


@dataclass(frozen=True)
class Place:
    """A company and one of its objects of each kind."""

    company: Company
    customer: Customer
    mapping: IntegrationTableMapping
    job: Job
    coupling: Coupling
    undone: UndoneRecord

    @property
    def given(self) -> dict[str, Any]:
        """What fills every address of the company."""
        return {
            "company": self.company.slug, "table": "customer", "system_id": self.customer.system_id,
            "mapping": self.mapping.name, "pk": self.job.pk, "name": "index", "what": "fields", "to": "on",
            "step": "before-you-start", "kind": "csv",
            "uidb64": "MQ", "token": "not-a-token",
        }  # fmt: skip

    @property
    def selection(self) -> dict[str, Any]:
        """Everything by which a form could name one of the company's objects."""
        keys = [self.customer.system_id, self.mapping.pk, self.coupling.pk, self.job.pk, self.undone.pk]
        return {"selected": [str(key) for key in keys], "id": str(self.mapping.pk), "name": self.mapping.name}


def place(name: str, prefix: str, *, connected: bool = True) -> Place:
    """Return a company, connected or not, with customers, couplings, a job that failed in part, and a review."""
    company = Company.objects.create(name=name, currency_code="EUR")
    if connected:
        DataverseConnection.objects.create(
            company=company, environment_url="https://contoso.crm4.dynamics.com", tenant_id=str(uuid.uuid4()),
            client_id=str(uuid.uuid4()), enabled=True, organization_id=uuid.uuid4(), organization_name="Contoso",
        )  # fmt: skip
    defaults.create_missing(company)
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    mapping.name = f"{prefix}CUSTOMER"  # a name that only this company has
    mapping.save()
    some = [Customer.objects.create(company=company, no=f"{prefix}{n}", name=f"{name} {n}") for n in range(3)]
    job = Job.objects.create(
        company=company, type=Type.COUPLING, state=State.QUEUED, mapping_name=mapping.name, started_at=timezone.now(),
        counters={"failed": 1, "total": 1}, breakdown={"failed": {"no_match": 1}},
    )  # fmt: skip
    JobOutcome.objects.create(
        job=job, outcome=Outcome.FAILED, reason=Reason.NO_MATCH, local_id=some[2].system_id, local_key=some[2].no
    )
    pairs = [
        Coupling.objects.create(
            company=company, mapping=mapping, table="customer", local_id=one.system_id, integration_id=uuid.uuid4(),
            skipped=number == 0, last_to_reason=Reason.VALUE_TOO_LONG if number == 0 else "",
            conflict={"fields": [{"local": "Name", "integration": "name"}]} if number == 1 else None,
        )
        for number, one in enumerate(some[:2])
    ]  # fmt: skip
    undone = [
        UndoneRecord.objects.create(
            company=company, mapping=mapping, coupling=pairs[0], local_id=some[0].system_id,
            integration_id=pairs[0].integration_id, local_key=f"{prefix}0", local_name=f"{name} 0",
            reason=Reason.VALUE_TOO_LONG, condition="City takes at most 30 characters.", successor_id=uuid.uuid4(),
        ),
        UndoneRecord.objects.create(
            company=company, mapping=mapping, integration_id=uuid.uuid4(), integration_name=f"{name} row",
            reason=Reason.REFERENCE_NOT_COUPLED, condition="Its currency is not coupled.",
        ),
    ]  # fmt: skip
    FullSynchReviewLine.objects.create(
        company=company, name=mapping.name, direction="bidirectional", recommendation=Recommendation.FULL,
        local_count=3, integration_count=1,
    )  # fmt: skip
    return Place(company, some[0], mapping, job, pairs[0], undone[0])


@pytest.fixture(scope="module")
def places(django_db_setup: Tables, django_db_blocker: Any) -> Iterator[tuple[Place, Place]]:
    """Both companies and everybody, once for a module; what a test changes is rolled back after it."""
    with django_db_blocker.unblock(), quickly_hashed():
        made = place("CRONUS International", "C"), place("Northwind Traders", "N")
        for role in (*Role, None):
            person(role)
            _signed_in[_name(role)] = client_of(role).cookies[settings.SESSION_COOKIE_NAME].value
        for role in Role:
            for name, roles in members(role, *made).items():
                one = person(None, name)
                for of, its in roles.items():
                    give_roles(person=one, company=of.company, roles=[its])
                _signed_in[name] = client_of(None, name=name).cookies[settings.SESSION_COOKIE_NAME].value
    yield made
    _signed_in.clear()
    with django_db_blocker.unblock():
        django_db_setup.restore()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever would be sent fails at once, and nobody waits to send it again: URLs are tried without a service."""

    def fail(*_: Any, **__: Any) -> None:
        raise transport.requests.ConnectionError("There is no network in this test.")

    monkeypatch.setattr(transport.requests.Session, "send", fail)
    monkeypatch.setitem(DataverseClient.__init__.__kwdefaults__, "sleep", lambda _: None)


@contextmanager
def nothing_written() -> Iterator[None]:
    """Assert that no row changes of any table but the session's."""
    with CaptureQueriesContext(connection) as asked:
        yield
    writes = [one["sql"] for one in asked.captured_queries if one["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}]
    writes = [sql for sql in writes if '"django_session"' not in sql]
    assert not writes, writes


@pytest.fixture
def here(places: tuple[Place, Place], db: None) -> Place:
    return places[0]


@pytest.fixture
def there(places: tuple[Place, Place], db: None) -> Place:
    return places[1]


def members(role: Role, here: Place, there: Place) -> dict[str, dict[Place, Role]]:
    """Those who have the role in one company: in the other none, or that of a Viewer."""
    return {f"{_name(role)}-there": {there: role}, f"{_name(role)}-there-viewer-here": {there: role, here: Role.VIEWER}}


def person(role: Role | None, name: str = "") -> User:
    """Somebody with that role in all companies, made as the command does; None for somebody who has none yet."""
    user = User.objects.create_user(name or _name(role), password=PASSWORD)
    if role:
        give_roles(person=user, company=None, roles=[role])
    return user


def client_of(role: Role | None, *, csrf: bool = False, name: str = "") -> Client:
    """Return a browser in which somebody of that role or name is signed in; to `places` they already are."""
    client = Client(enforce_csrf_checks=csrf, raise_request_exception=False)
    name = name or _name(role)
    if name in _signed_in:
        client.cookies[settings.SESSION_COOKIE_NAME] = _signed_in[name]
        return client
    user = User.objects.filter(username=name).first() or person(role)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def methods(endpoint: Endpoint, url: str) -> set[str]:
    """Return the methods an endpoint takes: what it says when asked with one that it does not. Each is asked once."""
    if endpoint not in _methods:
        answer = client_of(Role.ADMINISTRATOR).put(url)
        assert answer.status_code == 405, f"{endpoint.name} takes PUT: {answer.status_code}"
        _methods[endpoint] = {one.strip() for one in answer["Allow"].split(",")} - {"HEAD", "OPTIONS"}
    return _methods[endpoint]


def _name(role: Role | None) -> str:
    return str(role or "nobody").lower()
