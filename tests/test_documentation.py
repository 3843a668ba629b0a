"""The recipes for developers work word by word: their code, put where it says, runs."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.conf import settings

from tests.starts import Starter
from tests.tables import is_migrated, one_migration_behind

DOCS = Path(settings.BASE_DIR) / "docs"

TRY_IT = """
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from jobs import services as jobs
from jobs.running.waiting import run_to_end
from masterdata import catalog
from masterdata.models import Company
from rental.models import Machine, Tool
from shop.models import Subscription

owner = Company.objects.create(name="Alder Trading", currency_code="USD")
for number in range(3):
    Subscription.objects.create(company=owner, number=f"S{number}", name="Gold")
ada = User.objects.create_superuser("ada", password="x")
client = Client(headers={"host": "127.0.0.1"})
client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")

page = client.get(f"/c/{owner.slug}/renewals/")
assert page.status_code == 200 and "<h1" in page.content.decode() and "Renewals" in page.content.decode()
assert client.post(f"/c/{owner.slug}/renewals/").status_code == 405
found = client.get(reverse("ui:search", args=[owner.slug]), {"q": "subscriptions that end"}).content.decode()
assert f"/c/{owner.slug}/renewals/" in found, found
rows = client.get(reverse("records:list", args=[owner.slug, "subscription"])).content.decode()
assert "S2" in rows, rows

Machine.objects.bulk_create([Machine(business=owner, serial_no=f"M{number}", label="Lathe") for number in range(3)])
Tool.objects.create(code="T1", label="Hammer", branch="ALD")
Tool.objects.create(code="T2", label="Saw", branch="BIR")
for table, here in (("machine", "Lathe"), ("tool", "Hammer")):
    rows = client.get(reverse("records:list", args=[owner.slug, table])).content.decode()
    assert here in rows and "Saw" not in rows, rows
    known = catalog.table(table).records(owner).last()
    card = client.get(reverse("records:card", args=[owner.slug, table, known.system_id])).content.decode()
    assert here in card and "Not coupled" in card, card

job = run_to_end(jobs.start(company=owner, type="renewal", user=ada))
assert (job.state, job.counters["modified"]) == ("finished", 3), (job.message, job.detail)
listed = client.get(reverse("jobs:list", args=[owner.slug]), {"type": "renewal"}).content.decode()
assert '<option value="renewal" selected' in listed, listed
assert "Renew subscriptions" in listed
card = client.get(reverse("jobs:job", args=[owner.slug, job.pk]))
assert "Renew subscriptions" in card.content.decode()
print("every step of it works")
"""


def commands() -> str:
    """Return the README's commands, from a fresh clone on, as a script for this interpreter and any free port."""
    text = (Path(settings.BASE_DIR) / "README.md").read_text(encoding="utf-8")
    block = re.search(r"From a fresh clone:\n\n```sh\n(make setup\n.*?)```", text, re.DOTALL)
    assert block is not None
    script = block[1].removeprefix("make setup\n").replace(".venv/bin/python manage.py", '"$PYTHON" "$ROOT/manage.py"')
    return script.replace("--port 8443", "--port 0")


@pytest.mark.processes
@pytest.mark.sample
@pytest.mark.timeout(240)
def test_the_commands_of_the_readme_work_as_they_are_printed(tmp_path: Path, migrated: Path) -> None:
    """That `migrate` makes all tables in an empty folder is what `migrated` is made by."""
    (tmp_path / "state").mkdir(mode=0o700)
    one_migration_behind(tmp_path / "state", migrated)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "STATE_DIR": str(tmp_path / "state"),
        "PYTHON": sys.executable, "ROOT": str(settings.BASE_DIR),
    }  # fmt: skip
    script = f"set -e\ntrap 'kill $(jobs -p)' EXIT\n{commands()}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_migrated(tmp_path / "state")
    assert "is enabled." in done.stdout
    assert "CUSTOMER coupling, job 3: finished" in done.stdout


def blocks(page: str) -> dict[str, str]:
    """Return the code blocks of a page that begin with their file's name, by that name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return {found[1]: found[0] for found in re.findall(r"```python\n(# (\S+\.py)\n.*?)```", text, re.DOTALL)}


@pytest.mark.xdist_group("starts")
@pytest.mark.timeout(180)
def test_the_recipes_for_own_models_pages_and_jobs_work_as_they_are_printed(
    tmp_path: Path, migrated: Path, starter: Starter
) -> None:
    files = blocks("own-models.md") | blocks("own-pages.md")
    own = {f"shop/{name}.py" for name in ("models", "apps", "views", "urls", "jobs")}
    assert set(files) == own | {"rental/models.py", "rental/apps.py"}
    for name, text in {**files, "shop/__init__.py": "", "rental/__init__.py": ""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "state").mkdir()
    shutil.copy(migrated, tmp_path / "state" / "tandem.sqlite3")
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "EXTRA_APPS": "shop,rental",
        "STATE_DIR": str(tmp_path / "state"), "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    for command in (
        ["makemigrations", "shop", "rental"],
        ["migrate", "--verbosity", "0"],
        ["collectstatic", "--noinput", "--verbosity", "0"],
        ["-c", TRY_IT],
    ):
        done = starter.run(command, environment, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "every step of it works\n"


def test_what_mutation_testing_names_is_there() -> None:
    chosen = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["tool"]["mutmut"]
    patterns = [*chosen["only_mutate"], *chosen["pytest_add_cli_args_test_selection"], *chosen["source_paths"]]
    named = re.findall(r"^(?:\| `|## )([a-z_/0-9]+\.py)", (DOCS / "mutation-testing.md").read_text(), re.MULTILINE)
    assert named
    assert [one for one in (*patterns, *named) if not any(DOCS.parent.glob(one))] == []


@pytest.mark.parametrize(
    ("document", "below"),
    [
        ("scenarios-coupling", ""),
        ("scenarios-mappings", ""),
        ("scenarios-synchronization", ""),
        ("connection-scenarios", "connection_setup"),
    ],
)
def test_the_tests_that_scenarios_name_are_there(document: str, below: str) -> None:
    named = set(re.findall(r"`([\w/]+\.py)::(\w+)`", (DOCS / f"{document}.md").read_text()))
    assert named
    tests, gone = Path(__file__).parent, []
    for file, name in sorted(named):
        places = [tests / file, tests / below / file, tests.parent / file]
        found = next((place for place in places if place.exists()), None)
        if found is None or not re.search(rf"^\s*def {name}\b", found.read_text(), re.MULTILINE):
            gone.append(f"{file}::{name}")
    assert gone == []
