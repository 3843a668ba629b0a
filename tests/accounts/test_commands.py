"""Commands with --user keep to the person's roles; manage.py user gives a role in a company, and says what it took."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command, get_commands, load_command_class

from accounts import roles
from accounts.models import CompanyRole
from core.commands import TandemCommand
from core.roles import Held, Role
from jobs.models import Job, State, Type
from masterdata.models import Company, Customer

pytestmark = pytest.mark.django_db

FILE = "customers.csv"

LINES: dict[str, tuple[str, ...]] = {
    "company create": ("company", "create", "Cedar", "--currency", "EUR"),
    "connection disable": ("connection", "disable", "--company", "Alder"),
    "connection enable": ("connection", "enable", "--company", "Alder"),
    "connection status": ("connection", "status", "--company", "Alder"),
    "connection test": ("connection", "test", "--company", "Alder"),
    "couple": ("couple", "CUSTOMER", "--company", "Alder"),
    "couple --preview": ("couple", "CUSTOMER", "--company", "Alder", "--preview"),
    "environment show": ("environment", "show", "--company", "Alder"),
    "environment drop": ("environment", "drop", "--company", "Alder"),
    "fullsync": ("fullsync", "--company", "Alder"),
    "job": ("job", "JOB"),
    "jobs": ("jobs", "--company", "Alder"),
    "mapping delete": ("mapping", "delete", "--company", "Alder", "CUSTOMER"),
    "mapping list": ("mapping", "list", "--company", "Alder"),
    "mapping reset": ("mapping", "reset", "--company", "Alder"),
    "mapping show": ("mapping", "show", "--company", "Alder", "CUSTOMER"),
    "masterdata import": ("masterdata", "import", "customer", FILE, "--company", "Alder"),
    "rotate_keys": ("rotate_keys",),
    "skipped list": ("skipped", "list", "--company", "Alder"),
    "skipped retry": ("skipped", "retry", "--company", "Alder"),
    "synchronize": ("synchronize", "CUSTOMER", "--company", "Alder"),
    "synchronize --preview": ("synchronize", "CUSTOMER", "--company", "Alder", "--preview"),
    "uncouple": ("uncouple", "CUSTOMER", "--company", "Alder", "--all"),
    "user": ("user", "grace", "--role", "Viewer"),
    "user --company": ("user", "vera", "--role", "Mapper", "--company", "Alder"),
}
"""Every command, as it is called about the company Alder."""

LOOKING = {"connection status", "job", "jobs", "mapping list", "mapping show", "skipped list"}
"""Of these, what changes nothing."""

ALLOWED = {
    Role.VIEWER: LOOKING,
    Role.MAPPER: LOOKING | {"mapping delete", "mapping reset", "couple --preview", "synchronize --preview"},
    Role.OPERATOR: LOOKING | {
        "couple", "couple --preview", "fullsync", "skipped retry", "synchronize", "synchronize --preview", "uncouple",
    },
    Role.ADMINISTRATOR: set(LINES) - {"company create", "rotate_keys", "user"},
}  # fmt: skip
"""What a role in Alder allows."""


@pytest.fixture
def alder() -> Company:
    return Company.objects.create(name="Alder", currency_code="EUR")


@pytest.fixture
def birch() -> Company:
    return Company.objects.create(name="Birch", currency_code="EUR")


def person(name: str, role: Role, company: Company | None) -> User:
    user = User.objects.create_user(name, password="x")
    roles.set_roles(person=user, company=company, roles=[role])
    return user


def run(*line: str) -> tuple[int, dict[str, Any]]:
    """Run a command; give its exit code and the last JSON document it printed."""
    out = StringIO()
    code = 0
    try:
        call_command(*line, "--json", stdout=out, stderr=StringIO())
    except SystemExit as stop:
        code = int(stop.code or 0)
    text = out.getvalue().strip()
    return code, json.loads(text) if text else {}


def named(line: tuple[str, ...], folder: Path, job: Job) -> list[str]:
    """Return the line with the file and the job that it is about."""
    (folder / FILE).write_text("no,name\n1,Alder\n")
    return [str(folder / FILE) if word == FILE else str(job.pk) if word == "JOB" else word for word in line]


@pytest.fixture
def job(alder: Company) -> Job:
    return Job.objects.create(company=alder, type=Type.COUPLING, state=State.FINISHED, mapping_name="CUSTOMER")


def test_every_command_that_works_on_data_takes_user() -> None:
    known = {line[0] for line in LINES.values()}
    ours = {name for name, app in get_commands().items() if isinstance(load_command_class(app, name), TandemCommand)}
    assert ours == known


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", LINES)
def test_a_command_keeps_to_the_role_in_its_company(
    alder: Company, birch: Company, job: Job, tmp_path: Path, name: str, role: Role
) -> None:
    """Refused for want of a right, or not: that the connection is not enabled is another reason."""
    person("vera", Role.VIEWER, None)
    person("ada", role, alder)
    code, document = run(*named(LINES[name], tmp_path, job), "--user", "ada")
    reason = document.get("error", {}).get("reason", "")
    assert (reason != "not_permitted") is (name in ALLOWED[role]), document
    assert (code, reason)[0] == 1 or name in ALLOWED[role]


@pytest.mark.parametrize("name", LINES)
def test_a_company_of_others_is_as_unknown_as_one_that_is_not_there(
    alder: Company, birch: Company, job: Job, tmp_path: Path, name: str
) -> None:
    person("vera", Role.VIEWER, alder)
    person("ada", Role.ADMINISTRATOR, birch)
    code, document = run(*named(LINES[name], tmp_path, job), "--user", "ada")
    assert code == 1
    expected = {"job": "unknown_job"} | dict.fromkeys(("company create", "rotate_keys", "user"), "not_permitted")
    assert document["error"]["reason"] == expected.get(name, "unknown_company")
    assert "The companies are: Birch." in document["error"]["message"] or name in expected
    assert "Alder" not in json.dumps(document).replace("'Alder'", "")
    assert not Customer.objects.exists()


def test_the_list_of_companies_is_that_of_the_person(alder: Company, birch: Company) -> None:
    person("ada", Role.VIEWER, birch)
    assert [one["name"] for one in run("company", "list", "--user", "ada")[1]["companies"]] == ["Birch"]
    assert [one["name"] for one in run("company", "list")[1]["companies"]] == ["Alder", "Birch"]


@pytest.mark.parametrize("active", [None, False])
def test_somebody_unknown_or_deactivated_does_nothing(alder: Company, active: bool | None) -> None:
    if active is not None:
        User.objects.filter(pk=person("ada", Role.VIEWER, None).pk).update(is_active=active)
    code, document = run("jobs", "--company", "Alder", "--user", "ada")
    assert (code, document["error"]["reason"]) == (1, "unknown_user")


def test_what_a_command_did_for_somebody_carries_their_name(alder: Company, tmp_path: Path) -> None:
    root = User.objects.create_superuser("root")
    (tmp_path / FILE).write_text("no,name\n1,Alder\n")
    code, _ = run("masterdata", "import", "customer", str(tmp_path / FILE), "--company", "Alder", "--user", "root")
    assert code == 0
    assert Job.objects.get(type=Type.IMPORT).requested_by == root
    run("user", "grace", "--role", "Viewer", "--user", "root")
    assert CompanyRole.objects.get(person__username="grace").given_by == root
    entry = LogEntry.objects.get_for_model(CompanyRole).get(additional_data__person="grace")
    assert entry.actor == root


# -- manage.py user ----------------------------------------------------------------------------------------------------


def held(name: str) -> set[Held]:
    return set(roles.stored_roles(User.objects.get(username=name)))


def test_a_role_in_a_company_is_given_beside_those_in_others(alder: Company, birch: Company) -> None:
    code, document = run("user", "ada", "--role", "Operator", "--company", "Alder")
    assert code == 0
    assert {**document, "password": "made"} == {
        "user": "ada", "role": "Operator", "created": True, "password": "made", "company": "Alder",
    }  # fmt: skip
    run("user", "ada", "--role", "Viewer", "--company", "birch")
    assert held("ada") == {Held("alder", "Operator"), Held("birch", "Viewer")}
    run("user", "ada", "--role", "Mapper", "--company", "Alder")
    assert held("ada") == {Held("alder", "Mapper"), Held("birch", "Viewer")}


def test_a_role_that_would_still_allow_more_is_taken_and_told(alder: Company, birch: Company) -> None:
    run("user", "ada", "--role", "Administrator")
    assert run("user", "ada", "--role", "Viewer", "--company", "Alder")[1]["taken"] == [
        "Administrator in all companies"
    ]
    assert held("ada") == {Held("alder", "Viewer")}
    assert not User.objects.get(username="ada").is_superuser
    assert run("user", "ada", "--role", "Operator")[1]["taken"] == ["Viewer in Alder"]
    assert held("ada") == {Held(None, "Operator")}
    out = StringIO()
    call_command("user", "ada", "--role", "Viewer", "--company", "Birch", stdout=out)
    assert out.getvalue().splitlines() == ["ada is now Viewer in Birch.", "No longer: Operator in all companies."]


def test_an_unknown_company_is_refused_and_nobody_is_made(alder: Company) -> None:
    code, document = run("user", "ada", "--role", "Viewer", "--company", "Elsewhere")
    assert (code, document["error"]["reason"]) == (1, "unknown_company")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "line",
    [
        ("user", "root", "--role", "Viewer", "--company", "Alder"),
        ("user", "vera", "--role", "Viewer"),
        ("user", "gone", "--role", "Viewer", "--company", "Alder"),
        ("user", "vera", "--role", "Viewer", "--company", "Alder", "--e-mail", "vera@example.com"),
        ("user", "nobody", "--role", "Viewer", "--company", "Alder"),
    ],
    ids=["demote an administrator of all", "all companies", "reactivate", "mail address", "a new person"],
)
def test_who_administers_one_company_changes_nothing_beyond_it(alder: Company, line: tuple[str, ...]) -> None:
    person("ada", Role.ADMINISTRATOR, alder)
    person("root", Role.ADMINISTRATOR, None)
    person("vera", Role.OPERATOR, alder)
    User.objects.filter(pk=person("gone", Role.VIEWER, None).pk).update(is_active=False)
    before = sorted(CompanyRole.objects.values_list("person__username", "company", "role"))
    code, document = run(*line, "--user", "ada")
    assert (code, document["error"]["reason"]) == (1, "not_permitted")
    assert sorted(CompanyRole.objects.values_list("person__username", "company", "role")) == before
    assert not User.objects.filter(username="nobody").exists()
    assert not User.objects.get(username="gone").is_active


def test_a_mail_address_is_stored_or_refused(alder: Company) -> None:
    run("user", "ada", "--role", "Viewer", "--e-mail", "ada@example.com")
    assert User.objects.get(username="ada").email == "ada@example.com"
    code, document = run("user", "ada", "--role", "Viewer", "--e-mail", "ada at example")
    assert (code, document["error"]["reason"]) == (1, "invalid")
    assert User.objects.get(username="ada").email == "ada@example.com"
