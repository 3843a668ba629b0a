"""Two companies with something behind every endpoint, and a person per role."""

import copy
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.roles import set_roles as give_roles
from connection_setup.models import DataverseConnection
from core.roles import Role
from core.vocabulary import Recommendation
from coupling import claims
from coupling.job_parameters import CouplingParameters
from coupling.mappings import defaults
from coupling.matching.decisions import Candidate
from coupling.matching.partners import candidate_to_json
from coupling.matching.previewed import PreviewedRecord, PreviewedRow, digest_of, pack_records
from coupling.models import (
    Coupling,
    CouplingBase,
    CouplingPreview,
    FailedRecord,
    IntegrationTableMapping,
    LookUpTable,
    PreviewPart,
    UndoneRecord,
)
from coupling.rows import Criterion
from dataverse import transport
from dataverse.client import DataverseClient
from jobs.mentions import HIDDEN
from jobs.models import Alert, AlertReceiver, Job, JobOutcome, Outcome, Reason, State, Type, Way
from masterdata.models import Company, Customer, RecordTemplate
from sync.full.preview_job import StoredLine
from sync.models import (
    FullSynchPreview,
    FullSynchPreviewRecord,
    FullSynchReviewLine,
    PreviewKind,
    SynchronizedField,
    SynchronizedValue,
    WrittenSide,
)
from tests.every_url.undo_previews import undo_preview
from tests.every_url.urls import Endpoint
from tests.tables import Rows, Tables

PASSWORD = "correct horse battery staple"

STAFF_THERE = "staff-there"
STAFF = [*((role, False) for role in (Role.MAPPER, Role.OPERATOR, Role.VIEWER, None)), (Role.VIEWER, True)]
"""Everybody but administrators, marked as staff: with their role alone, and with every permission of Django's."""

_signed_in: dict[str, str] = {}
"""The sessions of `places`, by the person's name: signing in is not what the thousands of tests on it are about."""


_methods: dict[Endpoint, set[str]] = {}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def carries(answer: Any, *, kept: bool = False) -> None:
    """Assert the headers every answer has; `kept`: a static file, which browsers may keep."""
    for name, value in HEADERS.items():
        assert answer.get(name) == value, f"{name}: {answer.get(name)!r}"
    policy = answer.get("Content-Security-Policy", "")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "camera=()" in answer["Permissions-Policy"]
    if not kept:
        assert "no-store" in answer["Cache-Control"]
        assert "private" in answer["Cache-Control"]


class Browser(Client):
    """One that finds fault with every answer which does not carry its headers."""

    def request(self, **request: Any) -> Any:
        answer = super().request(**request)
        carries(answer, kept=request["PATH_INFO"].startswith("/static/"))
        return answer


@dataclass(frozen=True)
class Place:
    """A company and one of its objects of each kind."""

    company: Company
    customer: Customer
    mapping: IntegrationTableMapping
    job: Job
    coupling: Coupling
    undone: UndoneRecord
    look_up_table: LookUpTable
    template: RecordTemplate
    preview: Job
    undo: Job
    full_preview: Job
    receiver: AlertReceiver

    @property
    def given(self) -> dict[str, Any]:
        """What fills every address of the company."""
        return {
            "company": self.company.slug, "table": "customer", "system_id": self.customer.system_id,
            "mapping": self.mapping.name, "pk": self.job.pk, "name": "index", "what": "fields", "to": "on",
            "step": "before-you-start", "kind": "csv", "part": "name", "field": self._field,
            "table_id": self.look_up_table.pk, "side": "table", "how": "leaving", "tree": "e30",
            "template_id": self.template.pk, "preview": self.preview.pk, "undo": self.undo.pk,
            "full_preview": self.full_preview.pk,
            "receiver": self.receiver.pk, "hook": self.company.system_id, "uidb64": "MQ", "token": "not-a-token",
        }  # fmt: skip

    @cached_property
    def _field(self) -> int:
        """The first field of the mapping, asked for once: addresses are made thousands of times."""
        return int(self.mapping.fields.earliest("pk").pk)

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
    FailedRecord.objects.create(
        company=company, mapping=mapping, local_id=some[2].system_id, local_key=some[2].no, local_name=some[2].name,
        reason=Reason.NO_MATCH, job_id=job.pk,
    )  # fmt: skip
    pairs = [
        Coupling.objects.create(
            company=company, mapping=mapping, table="customer", local_id=one.system_id, integration_id=uuid.uuid4(),
        )
        for one in some[:2]
    ]  # fmt: skip
    bases = CouplingBase.objects.filter(mapping=mapping)
    bases.filter(pk=pairs[0].pk).update(skipped=True, last_to_reason=Reason.VALUE_TOO_LONG)
    bases.filter(pk=pairs[1].pk).update(conflict={"fields": [{"local": "Name", "integration": "name"}]})
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
    table = LookUpTable.objects.create(company=company, name=f"{prefix}GRADE", rows={"A": "Good"})
    _written(job, mapping, pairs[0], f"{name} before", f"{name} after")
    template = RecordTemplate.objects.create(company=company, code=f"{prefix}SHOP", table="customer")
    preview = _preview(company, mapping, some[2])
    undo = undo_preview(job, mapping, some[2])
    full_preview = _full_preview(company, mapping, some[2])
    receiver = AlertReceiver.objects.create(
        company=company, way=Way.MAIL, address=f"{prefix}@example.com", shown_address=f"{prefix}@example.com",
        mapping_name=mapping.name,
    )  # fmt: skip
    for over_at in (None, timezone.now()):
        Alert.objects.create(
            company=company, kind="failure", subject="it", mapping_name=mapping.name, message=f"{mapping.name} failed.",
            fix="Look at its job.", url=f"/c/{company.slug}/jobs/", over_at=over_at,
        )  # fmt: skip
    return Place(
        company, some[0], mapping, job, pairs[0], undone[0], table, template, preview, undo, full_preview, receiver
    )


def _written(job: Job, mapping: IntegrationTableMapping, pair: Coupling, before: str, after: str) -> None:
    """Have the history say that a job wrote a field of a pair here."""
    field = SynchronizedField.objects.create(
        company=job.company, mapping_name=mapping.name, table=mapping.table, name="city:address1_city", local="city",
        column="address1_city", caption="City",
    )  # fmt: skip
    SynchronizedValue.objects.create(
        company=job.company, job=job, field=field, side=WrittenSide.LOCAL, at=timezone.now(), local_id=pair.local_id,
        integration_id=pair.integration_id, before=before, after=after,
    )  # fmt: skip


def _preview(company: Company, mapping: IntegrationTableMapping, record: Customer) -> Job:
    """Return the job of a preview that is complete: one record would be coupled."""
    asked = CouplingParameters(criteria=(Criterion("name", "name"),))
    job = Job.objects.create(
        company=company, type=Type.PREVIEW, state=State.FINISHED, mapping_name=mapping.name, parameters=asked.dump(),
        started_at=timezone.now(), ended_at=timezone.now(),
    )  # fmt: skip
    preview = CouplingPreview.objects.create(
        job=job, mapping=mapping, complete=True, numbers={"couple": 1}, orders=[["Name", 1]], fields=["name"],
        columns=["name"], kept_until=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    found = PreviewedRecord(
        0, record.system_id.bytes, record.no, record.name, digest_of([record.name]), [record.name], 0,
        [PreviewedRow(uuid.uuid4().bytes, f"{record.name} row", [record.name])],
    )  # fmt: skip
    PreviewPart.objects.create(preview=preview, found="couple", chunk=0, first=0, count=1, packed=pack_records([found]))
    return job


def _full_preview(company: Company, mapping: IntegrationTableMapping, record: Customer) -> Job:
    """Return the job of a preview of the full synchronization: one record would be created in Dataverse."""
    job = Job.objects.create(
        company=company, type=Type.FULL_PREVIEW, state=State.FINISHED, started_at=timezone.now(),
        ended_at=timezone.now(),
    )  # fmt: skip
    line = StoredLine(mapping=mapping.name, recommendation=Recommendation.FULL.value, counts={"created_there": 1})
    preview = FullSynchPreview.objects.create(
        job=job, complete=True, lines=[line.dump()], kept_until=timezone.now() + timedelta(days=1)
    )
    FullSynchPreviewRecord.objects.create(
        preview=preview, mapping_name=mapping.name, kind=PreviewKind.CREATED_THERE, local_id=record.system_id,
        local_key=record.no, local_name=record.name, values=[["Name", "", record.name]],
    )  # fmt: skip
    return job


def mention(one: Place, other: Place) -> None:
    """Have a job of `one` say that the other company holds a row, and a line of what is undone, as a run would."""
    holder = claims.Holder(other.company.pk, f"{other.customer.no} {other.customer.name}")
    text = claims.refusal(one.mapping, holder)
    candidate = candidate_to_json(Candidate(uuid.uuid4(), "Shared Works", coupled=True), {})
    candidate |= {"coupled_to": HIDDEN, "mention": holder.mention.to_json()}
    JobOutcome.objects.create(
        job=one.job, outcome=Outcome.FAILED, reason=Reason.ALREADY_COUPLED, local_id=one.customer.system_id,
        local_key=one.customer.no, message=text.text, detail={"candidates": [candidate], **text.detail()},
    )  # fmt: skip
    counts: dict[str, Any] = {"counters": {"failed": 2, "total": 2}}
    counts["breakdown"] = {"failed": {"no_match": 1, "already_coupled": 1}}
    Job.objects.filter(pk=one.job.pk).update(**counts)
    UndoneRecord.objects.filter(pk=one.undone.pk).update(
        condition=f"The Dataverse row belongs to {HIDDEN}.", other_company_id=other.company.pk
    )


@dataclass(frozen=True)
class Scene:
    """Both companies and everybody, as they were made: what they are in the tests' hands, and their rows."""

    made: tuple[Place, Place]
    sessions: dict[str, str]
    rows: Rows


@pytest.fixture(scope="session")
def _scene(django_db_setup: Tables, django_db_blocker: Any) -> Scene:
    """Made once for all modules of this folder; the database is left as it was."""
    with django_db_blocker.unblock():
        before = django_db_setup.rows()
        made = place("CRONUS International", "C"), place("Northwind Traders", "N")
        for one, other in (made, made[::-1]):
            mention(one, other)
        sessions = {_name(role): _session_of(person(role)) for role in (*Role, None)}
        for role in Role:
            for name, roles in members(role, *made).items():
                one = person(None, name)
                for of, its in roles.items():
                    give_roles(person=one, company=of.company, roles=[its])
                sessions[name] = _session_of(one)
        sessions |= {name: _session_of(one) for name, one in staff(made[1])}
        scene = Scene(made, sessions, django_db_setup.since(before))
        django_db_setup.restore()
    return scene


def _session_of(user: User) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture(scope="module")
def places(_scene: Scene, django_db_setup: Tables, django_db_blocker: Any) -> Iterator[tuple[Place, Place]]:
    """Both companies and everybody, put there for a module; what a test changes is rolled back after it."""
    with django_db_blocker.unblock():
        django_db_setup.put(_scene.rows)
    _signed_in.update(_scene.sessions)
    yield copy.deepcopy(_scene.made)
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


@pytest.fixture
def refusals_are_not_logged() -> Iterator[None]:
    """Thousands are provoked, and a log with all their tracebacks helps nobody."""
    loggers = [logging.getLogger(name) for name in ("django.request", "django.security")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@contextmanager
def nothing_written() -> Iterator[None]:
    """Assert that no row changes of any table but the session's."""
    writes: list[str] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE", "REPLACE")) and '"django_session"' not in sql:
            writes.append(sql)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield
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


def staff(there: Place) -> Iterator[tuple[str, User]]:
    """Yield those marked as staff, made here: an administrator of one company with every permission of Django's, and
    everybody but administrators, with their role alone and with every permission.
    """
    everything = Permission.objects.all()
    one = person(None, STAFF_THERE)
    give_roles(person=one, company=there.company, roles=[Role.ADMINISTRATOR])
    one.user_permissions.set(everything)
    User.objects.filter(pk=one.pk).update(is_staff=True)
    yield STAFF_THERE, one
    for role, all_of_them in STAFF:
        name = staff_name(role, all_of_them)
        one = User.objects.create_user(name, password=PASSWORD, is_staff=True)
        if role:
            one.groups.add(Group.objects.get(name=role))
        if all_of_them:
            one.user_permissions.set(everything)
        yield name, one


def staff_name(role: Role | None, everything: bool) -> str:
    return f"staff-{role}-{everything}"


def person(role: Role | None, name: str = "") -> User:
    """Somebody with that role in all companies, made as the command does; None for somebody who has none yet."""
    user = User.objects.create_user(name or _name(role), password=PASSWORD)
    if role:
        give_roles(person=user, company=None, roles=[role])
    return user


def client_of(role: Role | None, *, csrf: bool = False, name: str = "") -> Client:
    """Return a browser in which somebody of that role or name is signed in; to `places` they already are."""
    client = Browser(enforce_csrf_checks=csrf, raise_request_exception=False)
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
        known = {one.strip() for one in refused(client_of(Role.ADMINISTRATOR), "PUT", url)["Allow"].split(",")}
        assert known <= {"GET", "HEAD", "POST", "OPTIONS"}
        _methods[endpoint] = known - {"HEAD", "OPTIONS"}
    return _methods[endpoint]


def refused(client: Client, method: str, url: str) -> Any:
    """Assert that the method is none that the address takes, and that it does nothing; the answer."""
    with nothing_written():
        answer = client.generic(method, url, "selected=1", "application/x-www-form-urlencoded")
    assert answer.status_code == 405, f"{method}: {answer.status_code}"
    return answer


def _name(role: Role | None) -> str:
    return str(role or "nobody").lower()
