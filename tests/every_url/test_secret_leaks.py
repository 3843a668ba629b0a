"""A secret is put in at every endpoint it may come in by, and then looked for everywhere: it is found nowhere."""

import io
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.core.signals import got_request_exception
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter

from connection_setup.connection import clients
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import consent
from connection_setup.secrets import keyring, sealing
from core.vocabulary import Direction
from coupling.mappings.services import get_mapping
from coupling.models import IntegrationFieldMapping, LookUpTable
from dataverse.client import DataverseClient
from dataverse.types import Certificate, Credentials, Environment
from jobs.models import Job
from masterdata.models import Company, Customer, RecordTemplate
from sandbox.testing import Sandbox
from sync.start.services import start_synchronization
from tests.every_url.leak_search import Watch, broker, database, empty_database_log, files
from tests.every_url.test_admin import address
from tests.every_url.urls import ADMIN_ENDPOINTS, ENDPOINTS
from tests.receivers import canary
from tests.recovery import harness
from tests.recovery.harness import Fleet
from tests.sandbox.test_identity import key_and_certificate
from tests.starts import Starter

pytestmark = pytest.mark.timeout(240)

SECRET = "c4n~ary.client_\"<&>'secret/+%41é"
WRONG = "c4n~ary.wrong_\"<&>'secret/+%41é"
PASSWORD = "c4n~ary pass\"<&>'word/+%41é"


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture, django_db_setup: None, django_db_blocker: Any) -> Iterator[Watch]:
    """Knows the secrets; at the end of the test nothing may have been found."""
    caplog.set_level(logging.DEBUG)
    with django_db_blocker.unblock():
        empty_database_log()
    found = Watch()
    for name, secret in (("the client secret", SECRET), ("a wrong secret", WRONG), ("the password", PASSWORD)):
        found.hide(name, secret)
    found.hide("SECRET_KEY", django_settings.SECRET_KEY)
    for key in keyring.secrets():
        found.hide("an encryption key", key)
    yield found
    found.look("log", "\n".join(_whole(record) for record in caplog.get_records("call")))
    assert not found.found, "\n".join(found.found[:10])


def _whole(record: logging.LogRecord) -> str:
    """Return a log record with its traceback and what it was made of."""
    return f"{logging.Formatter().format(record)} {record.args!r}"


@pytest.fixture
def company(transactional_db: None, sandbox: Sandbox) -> Company:
    sandbox.control(
        "POST", "applications", {"client_id": sandbox.client_id, "secrets": [{"value": SECRET, "expires": None}]}
    )
    company = Company.objects.create(name="CRONUS International", currency_code="USD", country_code="US")
    for n in range(8):
        Customer.objects.create(company=company, no=f"C{n}", name=f"Customer {n}", phone_no=f"555-{n:04d}")
    sandbox.load({"accounts": [{"name": f"A{n}", "telephone1": f"555-{n:04d}", "customertypecode": 3} for n in (1, 2)]})
    return company


@pytest.fixture
def reported(watch: Watch) -> Iterator[list[str]]:
    """Provide what Django would tell the site's people about an exception, looked through as it happens."""
    told: list[str] = []

    def tell(sender: Any, request: Any = None, **_: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        for text in (reporter.get_traceback_text(), reporter.get_traceback_html()):
            watch.look("report of an exception", text)
        told.append(str(sys.exc_info()[1]))

    got_request_exception.connect(tell)
    yield told
    got_request_exception.disconnect(tell)


def person(watch: Watch, folder: Path) -> Client:
    """Return an administrator made by the command, signed in by the page."""
    file = folder / "password"
    file.write_text(PASSWORD)
    command(watch, "user", "ada", "--role", "Administrator", "--password-file", str(file))
    client = Client(raise_request_exception=False)
    for password, name in ((WRONG, "ada"), (PASSWORD, "nobody"), (PASSWORD, "ada")):
        watch.look("page sign-in", client.post("/sign-in/", {"username": name, "password": password}).content)
    assert client.get("/admin/").status_code == 200
    return client


def command(watch: Watch, *words: str) -> str:
    """Run a command with --json; everything it prints, which is looked through too."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*words, "--json", stdout=out, stderr=err)
    except (SystemExit, CommandError) as ended:
        err.write(repr(ended))
    except Exception:
        err.write(traceback.format_exc())
    watch.look(f"command {words[0]}", out.getvalue() + err.getvalue())
    return out.getvalue()


def settings_of(sandbox: Sandbox, secret: str) -> dict[str, str]:
    return {
        "environment_url": sandbox.environment_url, "tenant_id": sandbox.tenant_id, "client_id": sandbox.client_id,
        "client_secret": secret, "cloud": "commercial", "ownership_model": "team",
    }  # fmt: skip


def connect(watch: Watch, client: Client, company: Company, sandbox: Sandbox) -> None:
    """Through the page: refused entries, a wrong secret, the right one."""

    def post(name: str, **given: str) -> Any:
        answer = client.post(reverse(f"connection_setup:{name}", kwargs={"company": company.slug}), given, follow=True)
        watch.look(f"page {name}", answer.content + repr(answer.headers).encode())
        return answer

    post("save", **{**settings_of(sandbox, SECRET), "tenant_id": "my tenant"})
    post("save", **{**settings_of(sandbox, SECRET), "environment_url": "https://evil.example/"})
    post("enable", **settings_of(sandbox, WRONG))
    post("test", **settings_of(sandbox, WRONG))
    post("toggle", **settings_of(sandbox, SECRET), enabled="on")
    post("enabling", consent="on")
    assert DataverseConnection.objects.get(company=company).enabled
    default = reverse("connection_setup:answer", kwargs={"company": company.slug, "name": "default-setup"})
    watch.look("page of an answer", client.post(default, {"answer": "yes"}, follow=True).content)


def everything(
    watch: Watch, *, but: tuple[str, ...] = ("secret-key", "field-encryption-key", "sandbox-ca.key")
) -> None:
    """Look through the database, the broker and all files of the state folder."""
    for where, content in (*database(), *broker(), *files(Path(django_settings.STATE_DIR), *but)):
        watch.look(where, content)


def given(company: Company) -> dict[str, Any]:
    """Fill every address of the company."""
    job = Job.objects.filter(company=company).earliest("pk")
    field = IntegrationFieldMapping.objects.filter(mapping__company=company, mapping__name="CUSTOMER").earliest("pk")
    table, _ = LookUpTable.objects.get_or_create(company=company, name="Grade")
    template, _ = RecordTemplate.objects.get_or_create(company=company, code="SHOP", table="customer")
    return {
        "table_id": table.pk,
        "template_id": template.pk,
        "company": company.slug, "table": "customer", "system_id": Customer.objects.first().system_id,
        "mapping": "CUSTOMER", "pk": job.pk, "name": "index", "what": "fields", "to": "on",
        "step": "before-you-start", "part": "name", "kind": "csv", "field": field.pk, "uidb64": "MQ",
        "token": "not-a-token", "side": "table", "how": "leaving", "tree": "e30",
        "preview": (Job.objects.filter(company=company, type="preview").first() or job).pk,
        "undo": (Job.objects.filter(company=company, type="undo_preview").first() or job).pk,
        "full_preview": (Job.objects.filter(company=company, type="full_preview").first() or job).pk,
        "receiver": canary(company, SECRET).pk, "hook": company.system_id,
    }  # fmt: skip


@pytest.mark.processes
@pytest.mark.sample
def test_a_secret_is_found_nowhere(
    watch: Watch, company: Company, sandbox: Sandbox, tmp_path: Path, reported: list[str]
) -> None:
    client = person(watch, tmp_path)
    connect(watch, client, company, sandbox)
    token = clients.client_for(company)._transport._tokens.token().value
    watch.hide("the access token", token)
    assert SECRET in sealing.unseal(DataverseConnection.objects.get().client_secret), "the canary is not in there"

    for name, content in (("right", SECRET), ("wrong", WRONG), ("customers.csv", "no,name\nC9,Customer 9\nC9,Again\n")):
        (tmp_path / name).write_text(content)
    where = ("--company", "CRONUS International")
    connection = ["--environment-url", sandbox.environment_url, "--tenant", sandbox.tenant_id]
    connection += ["--client-id", sandbox.client_id, "--client-secret-file"]
    for words in (
        ("company", "list"), ("connection", "status", *where), ("connection", "test", *where),
        ("connection", "test", *where, *connection, str(tmp_path / "wrong")),
        ("connection", "enable", *where, *connection, str(tmp_path / "wrong")),
        ("connection", "enable", *where, *connection, str(tmp_path / "right")),
        ("mapping", "list", *where), ("mapping", "show", *where, "CUSTOMER"),
        ("couple", "CUSTOMER", *where, "--match", "phone_no", "--preview"),
        ("couple", "CUSTOMER", *where, "--match", "phone_no", "--create-new", "--synchronize"),
        ("synchronize", "CUSTOMER", *where, "--full"), ("fullsync", *where, "--recommendations"),
        ("uncouple", "CUSTOMER", *where, "--select", "C1"), ("jobs", *where), ("job", "1", "--errors"),
        ("masterdata", "import", "customer", str(tmp_path / "customers.csv"), *where), ("rotate_keys",),
        ("connection", "disable", *where), ("connection", "enable", *where), ("connection", "status", *where),
    ):  # fmt: skip
        assert command(watch, *words), words

    pages = 0
    for endpoint in ENDPOINTS:
        if endpoint.name == "ui:sign-out":
            continue
        url = endpoint.url(given(company))
        for answer in (client.get(url), client.get(url, headers={"HX-Request": "true"})):
            watch.look(f"page {endpoint.name}", b"".join(answer) if answer.streaming else answer.content)
            pages += 1
    for endpoint in ADMIN_ENDPOINTS:
        if url := address(endpoint, _place(company)):
            watch.look(f"page {endpoint.name}", client.get(url).content)
            pages += 1
    assert pages > 200
    answer = client.get(f"/c/{company.slug}/records/customer/export/csv/")
    exported = b"".join(answer)
    assert b"Customer 1" in exported
    watch.look("export of a list", exported)

    everything(watch)
    assert {"database", "broker", "page", "command", "export", "file"} <= set(watch.looked)


def _place(company: Company) -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(
        company=company, customer=Customer.objects.first(), job=Job.objects.filter(company=company).first()
    )


BREAKS: list[tuple[str, Callable[[pytest.MonkeyPatch], None]]] = [
    ("where it is sealed", lambda patch: patch.setattr("connection_setup.secrets.sealing.Fernet.__init__", _breaks)),
    ("where it is stored", lambda patch: patch.setattr(DataverseConnection, "save", _breaks)),
    ("where it is opened", lambda patch: patch.setattr("connection_setup.connection.endpoints.Credentials", _breaks)),
    ("where it is sent", lambda patch: patch.setattr("dataverse.tokens.msal.ConfidentialClientApplication", _breaks)),
    (
        "where it is checked",
        lambda patch: patch.setattr("connection_setup.setup.forms.looks_like_a_secret_id", _breaks),
    ),
]


def _breaks(*_: Any, **__: Any) -> None:
    raise RuntimeError("broken on purpose")


@pytest.mark.parametrize("place", [pytest.param(breaks, id=name) for name, breaks in BREAKS])
def test_an_error_of_our_own_tells_nobody_the_secret(
    watch: Watch, company: Company, sandbox: Sandbox, reported: list[str], monkeypatch: pytest.MonkeyPatch, place: Any
) -> None:
    """Neither the page of a 500, nor the log, nor the report with all variables that Django would send."""
    User.objects.create_superuser("ada", password=PASSWORD)
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
    save = reverse("connection_setup:save", kwargs={"company": company.slug})
    watch.look("page save", client.post(save, settings_of(sandbox, SECRET), follow=True).content)
    consent.give(company=company, user=None)
    place(monkeypatch)
    url = reverse("connection_setup:enable", kwargs={"company": company.slug})
    answer = client.post(url, settings_of(sandbox, SECRET))
    assert answer.status_code == 500
    assert reported == ["broken on purpose"]
    watch.look("page of an error", answer.content)
    monkeypatch.undo()
    everything(watch)


def test_an_error_while_signing_in_tells_nobody_the_password(
    watch: Watch, db: None, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_superuser("ada", password=PASSWORD)
    monkeypatch.setattr(User, "check_password", _breaks)
    client = Client(raise_request_exception=False)
    for page in ("/sign-in/", "/admin/login/"):
        answer = client.post(page, {"username": "ada", "password": PASSWORD})
        assert answer.status_code == 500
        watch.look("page of an error", answer.content)
    assert reported == ["broken on purpose"] * 2
    for url in ("/admin/auth/user/1/password/", "/admin/auth/user/add/"):
        watch.look("page of the admin", client.post(url, {"password1": PASSWORD, "password2": PASSWORD}).content)


@pytest.mark.processes
@pytest.mark.sample
def test_a_worker_and_its_tracebacks_tell_nobody_the_secret(
    watch: Watch, company: Company, sandbox: Sandbox, tmp_path: Path, reported: list[str]
) -> None:
    """A real worker with everything logged: a job that fails inside, a task that fails, a service that refuses."""
    client = person(watch, tmp_path)
    connect(watch, client, company, sandbox)
    harness.forget_messages()
    (tmp_path / "workers").mkdir()
    workers = Fleet(tmp_path / "workers", LOG_LEVEL="DEBUG")
    mapping = get_mapping(company, "CUSTOMER")
    states: list[str] = []
    try:
        for plan in (
            {"fails": "create, not sent"},
            {"fails": "request, answered"},
            {"fails": "claim, before anything"},
        ):
            job = start_synchronization(mapping=mapping, direction=Direction.TO, create=True)
            for where, content in broker():
                watch.look(where, content)
            worker = workers.start(**plan)

            def broke(log: Path = worker.log) -> bool:
                return log.exists() and "broken on purpose" in log.read_text(errors="replace")

            assert harness.wait_for(broke, harness.STUCK_S, 0.05), workers.complaints()
            assert harness.wait_for(lambda: harness.at_work(job.pk) is None, harness.STUCK_S)  # noqa: B023
            workers.kill_all()
            harness.let_leases_run_out(job.pk)
            workers.start()
            harness.wait_for_end(job.pk, workers)
            workers.kill_all()
            job.refresh_from_db()
            states.append(job.state)
        sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "secrets": []})
        sandbox.control("PUT", "clock", {"offset_s": 7200})  # the token has run out, and the secret is unknown now
        job = start_synchronization(mapping=mapping, full=True)
        workers.start()
        harness.wait_for_end(job.pk, workers)
        workers.kill_all()
        job.refresh_from_db()
        states.append(job.state)
        sandbox.control("PUT", "clock", {"offset_s": 0})
        assert states == ["failed", "failed", "finished", "failed"], [
            harness.describe(one) for one in Job.objects.all()
        ]
        logs = "".join(log.read_text() for log in workers.folder.glob("*.log"))
    finally:
        workers.close()
    assert "broken on purpose" in logs
    assert len(re.findall("Traceback", logs)) >= 1
    watch.look("log of the workers", logs)
    for url in (f"/c/{company.slug}/jobs/{one.pk}/" for one in Job.objects.all()):
        watch.look("page of a job", client.get(url).content)
        watch.look("command job", command(watch, "job", url.split("/")[-2], "--errors"))
    everything(watch)


def test_a_certificate_s_key_is_not_told_by_what_fails(watch: Watch, sandbox: Sandbox) -> None:
    key, certificate, _ = key_and_certificate()
    for line in key.splitlines()[1:-2]:
        watch.hide("the certificate's key", line)
    environment = Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True)
    credentials = Credentials(sandbox.authority, sandbox.client_id, Certificate(key, certificate))
    watch.look("repr", repr(credentials) + str(credentials) + repr(credentials.credential))
    with pytest.raises(Exception) as unknown:
        DataverseClient(environment, credentials).who_am_i()
    watch.look("traceback of a refusal", "".join(traceback.format_exception(unknown.value)))
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "certificates": [certificate]})
    assert DataverseClient(environment, credentials).who_am_i().user_id


@pytest.mark.processes
@pytest.mark.sample
@pytest.mark.xdist_group("starts")
def test_a_program_that_breaks_off_prints_no_secret(watch: Watch, tmp_path: Path, starter: Starter) -> None:
    """Started wrongly: keys in the environment that are no keys are named, not shown."""
    import os

    for name, value in (("FIELD_ENCRYPTION_KEYS", WRONG), ("SECRET_KEY", WRONG[:20])):
        environment = {**os.environ, name: value, "STATE_DIR": str(tmp_path), "EXTRA_APPS": ""}
        done = starter.run(["check"], environment, tmp_path)
        assert done.returncode != 0
        assert name in done.stderr
        watch.look("output of a start", done.stdout + done.stderr)
        assert WRONG[:20] not in done.stderr


def test_what_is_looked_for_is_found_where_it_is(watch: Watch) -> None:
    """The search itself: each spelling, and a token nobody told it of."""
    import base64
    from urllib.parse import quote

    own = Watch()
    own.hide("it", SECRET)
    for text in (
        SECRET,
        quote(SECRET),
        json.dumps({"a": SECRET}),
        base64.b64encode(b"user:" + SECRET.encode()).decode(),
    ):
        own.look("here", f"before {text} after")
    own.look("here", "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.c2ln")
    assert len(own.found) == 5
