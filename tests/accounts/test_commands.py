"""Commands with --user keep to the person's roles; manage.py user gives a role in a company, and says what it took."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.models import CompanyRole
from core.commands import TandemCommand
from core.roles import Held, Role
from jobs.models import Job, State, Type
from masterdata.models import Company

pytestmark = pytest.mark.django_db

FILE = "customers.csv"

FILL = {
    "mapping": "CUSTOMER", "table": "customer", "file": FILE, "id": "JOB", "name": "grace", "company": "Alder",
    "role": "Viewer", "all": "", "local": "10000", "integration": "11111111-1111-1111-1111-111111111111", "here": "",
}  # fmt: skip
"""What stands for the arguments that a command must have."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "changes restore": ("changes", "restore", "CUSTOMER", "--company", "Alder", "--since", "2020-01-01"),
    "connection disable": ("connection", "disable", "--company", "Alder"),
    "connection enable": ("connection", "enable", "--company", "Alder"),
    "connection rehearse": ("connection", "rehearse", "--company", "Alder"),
    "connection webhook": ("connection", "webhook", "--company", "Alder"),
    "connection solution": ("connection", "solution", "--company", "Alder", "--out", FILE),
    "connection status": ("connection", "status", "--company", "Alder"),
    "connection test": ("connection", "test", "--company", "Alder"),
    "company create": ("company", "create", "Cedar", "--currency", "EUR"),
    "conflicts resolve": ("conflicts", "resolve", "--company", "Alder", "--take", "here"),
    "connection webhook register": ("connection", "webhook", "register", "--company", "Alder"),
    "connection webhook remove": ("connection", "webhook", "remove", "--company", "Alder"),
    "couple --preview": ("couple", "CUSTOMER", "--company", "Alder", "--preview"),
    "failures ignore": (
        "failures", "ignore", "--company", "Alder", "--mapping", "CUSTOMER", "--reason", "no_match", "--because", "x",
    ),
    "failures retry": ("failures", "retry", "--company", "Alder", "--mapping", "CUSTOMER", "--reason", "no_match"),
    "fullsync --preview": ("fullsync", "--company", "Alder", "--preview"),
    "fullsync --stop": ("fullsync", "--company", "Alder", "--stop"),
    "mapping drift --accept": ("mapping", "drift", "CUSTOMER", "--company", "Alder", "--accept"),
    "mapping options --pair": ("mapping", "options", "CUSTOMER", "--company", "Alder", "--pair", "A=1"),
    "retention run --company": ("retention", "run", "--company", "Alder"),
    "retention set --company": ("retention", "set", "--company", "Alder", "--days", "90"),
    "retention show --company": ("retention", "show", "--company", "Alder"),
    "schedule hold": ("schedule", "hold", "CUSTOMER", "--company", "Alder"),
    "schedule ready": ("schedule", "ready", "CUSTOMER", "--company", "Alder"),
    "schedule run": ("schedule", "run", "CUSTOMER", "--company", "Alder"),
    "schedule set": ("schedule", "set", "CUSTOMER", "--company", "Alder", "--every", "5"),
    "skipped accept": ("skipped", "accept", "--company", "Alder", "--reason", "local_deleted"),
    "skipped delete": ("skipped", "delete", "--company", "Alder", "--reason", "local_deleted"),
    "skipped uncouple": ("skipped", "uncouple", "--company", "Alder", "--reason", "local_deleted"),
    "synchronize --preview": ("synchronize", "CUSTOMER", "--company", "Alder", "--preview"),
    "undo --preview": ("undo", "JOB", "--preview"),
    "user --company": ("user", "vera", "--role", "Mapper", "--company", "Alder"),
}  # fmt: skip
"""Lines with more than they must have, where that makes another thing of them."""


def every_action() -> dict[str, tuple[str, ...]]:
    """Return a line for every action of every command, found in their parsers: what is new is among them."""
    found: dict[str, tuple[str, ...]] = {}
    for name, app in sorted(get_commands().items()):
        command = load_command_class(app, name)
        if not isinstance(command, TandemCommand):
            continue
        parser = command.create_parser("manage.py", name)
        positional = [one for one in parser._actions if not one.option_strings]
        groups = [group._group_actions[-1] for group in parser._mutually_exclusive_groups if group.required]
        verbs = next((list(one.choices) for one in positional if one.choices), [""])
        rest = [FILL[one.dest] for one in positional if not one.choices and one.nargs not in ("?", "*")]
        for option in [*(one for one in parser._actions if one.option_strings and one.required), *groups]:
            rest += filter(None, (option.option_strings[0], FILL[option.dest]))
        for verb in verbs:
            found[f"{name} {verb}".strip()] = (name, *filter(None, [verb]), *rest)
    return found


LINES = every_action() | VARIANTS
"""Every action of every command, as it is called about the company Alder."""

LOOKING = {
    "alerts list", "changes", "company list", "conflicts list", "connection solution", "connection status",
    "connection webhook", "failures list", "job", "jobs",
    "mapping copy", "mapping drift", "mapping export", "mapping list", "mapping options", "mapping show",
    "schedule list", "skipped list", "retention show --company",
}  # fmt: skip
"""Of these, what changes nothing."""

ALLOWED = {
    Role.VIEWER: LOOKING,
    Role.MAPPER: LOOKING | {
        "mapping add-defaults", "mapping delete", "mapping drift --accept", "mapping field", "mapping new",
        "mapping reset", "mapping set", "mapping table", "couple --preview", "schedule set", "suggest",
        "synchronize --preview", "undo --preview",
    },
    Role.OPERATOR: LOOKING | {
        "changes restore", "conflicts resolve", "couple", "couple --preview", "create", "failures ignore",
        "failures retry", "fullsync", "fullsync --preview", "fullsync --stop", "mapping options --pair", "pair",
        "schedule hold", "schedule ready",
        "schedule run", "suggest", "synchronize", "synchronize --preview", "uncouple", "undo", "undo --preview",
        *(line for line in LINES if line.startswith("skipped ") and line != "skipped delete"),
    },
    Role.ADMINISTRATOR: set(LINES) - {
        "company create", "retention run", "retention set", "retention show", "rotate_keys", "user",
    },
}  # fmt: skip
"""What a role in Alder allows; of what is new, nothing but to its administrators."""

ABOUT_A_JOB = {"job", "undo", "undo --preview"}
"""What names a job, and so no company."""

ABOUT_ALL = {"company create", "retention run", "retention set", "retention show", "rotate_keys", "user"}
"""What is about no company in particular."""


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
    except CommandError as wrong:
        code = wrong.returncode
    text = out.getvalue().strip()
    return code, json.loads(text) if text else {}


def run_and_watch(*line: str) -> tuple[int, dict[str, Any], list[str]]:
    """Run a command; give its exit code, the last JSON document it printed, and the statements that wrote."""
    with CaptureQueriesContext(connection) as seen:
        code, document = run(*line)
    statements = [one["sql"] for one in seen.captured_queries]
    return code, document, [sql for sql in statements if sql.startswith(("INSERT", "UPDATE", "DELETE"))]


def named(line: tuple[str, ...], folder: Path, job: Job) -> list[str]:
    """Return the line with the file and the job that it is about."""
    (folder / FILE).write_text("no,name\n1,Alder\n")
    return [str(folder / FILE) if word == FILE else str(job.pk) if word == "JOB" else word for word in line]


@pytest.fixture
def job(alder: Company) -> Job:
    return Job.objects.create(company=alder, type=Type.COUPLING, state=State.FINISHED, mapping_name="CUSTOMER")


@pytest.mark.parametrize("name", LINES)
def test_an_action_keeps_to_the_role_in_its_company(
    alder: Company, birch: Company, job: Job, tmp_path: Path, name: str
) -> None:
    """Refused for want of a right, with nothing written, or not: that nothing is connected is another reason.

    To somebody of another company, Alder is as unknown as a company that is not there.
    """
    person("vera", Role.VIEWER, alder)
    line = named(LINES[name], tmp_path, job)
    code, document, writes = run_and_watch(*line, "--user", person("stranger", Role.ADMINISTRATOR, birch).username)
    expected = {"company list": ""} | dict.fromkeys(ABOUT_A_JOB, "unknown_job")
    expected |= dict.fromkeys(ABOUT_ALL, "not_permitted")
    error = document.get("error", {"reason": "", "message": ""})
    assert error["reason"] == expected.get(name, "unknown_company")
    assert "The companies are: Birch." in error["message"] or name in expected
    assert "Alder" not in json.dumps(document).replace("'Alder'", "")
    assert (code, writes) == (0 if name == "company list" else 1, [])
    for role in Role:
        code, document, writes = run_and_watch(*line, "--user", person(role.lower(), role, alder).username)
        allowed = name in ALLOWED[role]
        assert (document.get("error", {}).get("reason") == "not_permitted") is not allowed, (role, document)
        assert allowed or (code, writes) == (1, []), role


def test_somebody_without_any_role_is_refused_everything(alder: Company, job: Job, tmp_path: Path) -> None:
    User.objects.create_user("nobody")
    for name, line in LINES.items():
        code, document, writes = run_and_watch(*named(line, tmp_path, job), "--user", "nobody")
        if name == "company list":
            assert document == {"companies": []}
            continue
        expected = "not_permitted" if name in ABOUT_ALL else "unknown_job" if name in ABOUT_A_JOB else "unknown_company"
        assert (code, document["error"]["reason"], writes) == (1, expected, []), name


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
    for name in ("root", "ada"):
        run("user", name, "--role", "Administrator")
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


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("company", "create", "Cedar", "--currency", "EUR"),
         "vera may not administer all companies, so nothing was done. An Administrator in all companies can give a "
         "role that allows it, on the page People or by: manage.py user vera --role Administrator"),
        (("synchronize", "CUSTOMER", "--company", "Alder"),
         "vera may not start jobs in Alder, so nothing was done. An Administrator of Alder can give a role that allows "
         'it, on the page People or by: manage.py user vera --role ROLE --company "Alder"'),
    ],
)  # fmt: skip
def test_who_may_not_is_told_what_and_what_to_do(alder: Company, line: tuple[str, ...], said: str) -> None:
    vera = User.objects.create_user("vera")
    roles.set_roles(person=vera, company=alder, roles=[Role.VIEWER])
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command(*line, "--user", "vera", stderr=out)
    assert out.getvalue().strip() == said
