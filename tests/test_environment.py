"""The environment: a bad value stops the start with a sentence that names it."""

import os
import re
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.starts import Starter

ROOT = Path(__file__).resolve().parent.parent


Start = Callable[..., subprocess.CompletedProcess[str]]


pytestmark = pytest.mark.xdist_group("starts")


@pytest.fixture
def start(tmp_path: Path, starter: Starter) -> Start:
    """Start manage.py with a state folder of its own and these variables alone: start("check", PORT="80")."""

    def run(command: str = "check", **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "STATE_DIR": str(tmp_path / "state"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            **variables,
        }
        return starter.run(command.split(), environment, tmp_path)

    return run


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SANDBOX_ALLOWED": "maybe"}, "SANDBOX_ALLOWED is 'maybe'; it must be 1 or 0."),
        ({"PORT": "http"}, "PORT is 'http'; it must be a number."),
        ({"PORT": "70000"}, "PORT is 70000; it must lie between 1 and 65535."),
        ({"SECRET_KEY": "short"}, "SECRET_KEY has 5 characters; it must have at least 32."),
        ({"FIELD_ENCRYPTION_KEYS": "nonsense"}, "FIELD_ENCRYPTION_KEYS: key 1 is not 32 bytes"),
        ({"SECRET_KEY_FALLBACKS": "k" * 40 + " short"}, "SECRET_KEY_FALLBACKS: key 2 has 5 characters; it must have"),
        (
            {"DATABASE_URL": "mysql://localhost/x"},
            "DATABASE_URL begins with 'mysql'; it must be a sqlite: or postgresql:",
        ),
        ({"DATABASE_URL": "postgresql://localhost"}, "DATABASE_URL names no database"),
        ({"SECRET_KEY_FILE": "/nowhere/secret"}, "SECRET_KEY_FILE names a file that cannot be read"),
        ({"TRUSTED_PROXIES": "all"}, "TRUSTED_PROXIES is 'all'; it must be a number."),
        ({"PORT": "8000.5"}, "PORT is 8000.5; it must be a whole number."),
        ({"REDIS_URL": "localhost"}, "REDIS_URL begins with ''; it must be an address such as redis://HOST."),
        ({"REDIS_URL": "http://:pass-word@h"}, "REDIS_URL begins with 'http'; it must be an address such as redis://"),
        ({"REDIS_URL": "redis://host:port"}, "REDIS_URL cannot be read; it must be an address such as redis://HOST."),
        ({"EMAIL_URL": "mail.example.com"}, "EMAIL_URL begins with ''; it must be an address such as smtp+tls://HOST."),
        ({"EMAIL_URL": "smtp://me:pass-word@host:x"}, "EMAIL_URL cannot be read; it must be an address such as"),
        ({"EMAIL_URL": "smtp://mail.example.com"}, "EMAIL_FROM is ''; with EMAIL_URL it must be the address that mail"),
        ({"SITE_URL": "tandem.example"}, "SITE_URL begins with ''; it must be an address such as https://HOST."),
        ({"TIME_ZONE": "Mars/Base"}, "TIME_ZONE is 'Mars/Base'; it must be one such as Europe/Berlin."),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'loud'; it must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL."),
        ({"JOB_LEASE_S": "0"}, "JOB_LEASE_S is 0; it must lie between 1 and 3600."),
    ],
)
def test_a_bad_value_stops_the_start_with_a_sentence_that_names_it(
    start: Start, variables: dict[str, str], sentence: str
) -> None:
    done = start(**variables)
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1
    assert "pass-word" not in done.stderr


@pytest.mark.parametrize("command", ["migrate", "company list", "serve"])
def test_a_database_that_is_not_there_is_told_in_a_sentence(start: Start, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"postgresql://tandem:pass-word@127.0.0.1:{port}/tandem"
    done = start(command, DATABASE_URL=url)
    assert done.returncode == 1
    assert "The database of DATABASE_URL cannot be reached: " in done.stderr
    assert "Check the address, and that the server runs." in done.stderr
    assert "Traceback" not in done.stderr
    assert "pass-word" not in done.stderr


def test_a_secret_may_come_from_a_file(tmp_path: Path, start: Start) -> None:
    secret = tmp_path / "key"
    secret.write_text("k" * 50 + "\n")
    assert start(SECRET_KEY_FILE=str(secret)).returncode == 0


ENABLE = "from connection_setup.encryption import services as encryption; encryption.enable(user=None)"


def test_keys_are_made_once_and_only_their_owner_can_read_them(
    tmp_path: Path, migrated: Path, start: Start, starter: Starter
) -> None:
    assert start().returncode == 0
    shutil.copy(migrated, tmp_path / "state")
    assert not (tmp_path / "state" / "field-encryption-key").exists(), "a key nobody asked for"
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(tmp_path / "state")}
    enabled = starter.run(["shell", "-c", ENABLE], environment, tmp_path)
    assert enabled.returncode == 0, enabled.stderr
    keys = [tmp_path / "state" / name for name in ("secret-key", "field-encryption-key")]
    first = [key.read_text() for key in keys]
    assert start().returncode == 0
    assert [key.read_text() for key in keys] == first
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)


def test_nobody_else_can_read_what_is_made_or_was_left_open(tmp_path: Path, migrated: Path, start: Start) -> None:
    assert {"tandem.sqlite3", "secret-key"} <= {path.name for path in migrated.parent.iterdir()}
    assert open_to_others(migrated.parent) == []
    state = shutil.copytree(migrated.parent, tmp_path / "state")
    before = os.umask(0o022)
    try:
        (state / "log").mkdir()
        (state / "log" / "web.log").touch()
        state.chmod(0o755)
        for path in state.glob("*.sqlite3*"):
            path.chmod(0o644)
        assert start().returncode == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert [path for path in open_to_others(state) if path.name != "log"] == []


def test_a_folder_that_is_not_ours_alone_keeps_its_rights(tmp_path: Path, start: Start) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    assert start(SECRET_KEY="k" * 50, FIELD_ENCRYPTION_KEYS="A" * 43 + "=").returncode == 0
    assert stat.S_IMODE(state.stat().st_mode) == 0o755


def open_to_others(folder: Path) -> list[Path]:
    """Files and folders, the folder itself among them, that others may read or write."""
    return [path for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.mark.parametrize("name", [".gitignore", ".dockerignore"])
def test_secrets_written_into_env_for_compose_stay_out_of_the_repository_and_the_image(name: str) -> None:
    assert ".env" in (ROOT / name).read_text(encoding="utf-8").splitlines()


def test_compose_refuses_to_start_without_secrets_from_outside(start: Start) -> None:
    """Each must be given (${NAME:?...}), with the sentence that says how; what the file says to write is taken."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    required = re.findall(r"\$\{(\w+):\?write \1=\.\.\. into \.env\}", text)
    assert sorted(set(required)) == ["FIELD_ENCRYPTION_KEYS", "POSTGRES_PASSWORD", "SECRET_KEY"]
    secrets = r"\w*(?:SECRET|PASSWORD|KEYS?|TOKEN)\w*"
    given = re.findall(rf"^ +({secrets}): (.*)$", text, re.MULTILINE)
    assert {name for name, value in given if not value.startswith("${")} == set(), "a secret stands in the file itself"
    recipe = text[text.index("printf") : text.index("> .env")].replace("\n#", "\n")
    made = subprocess.run(["sh", "-c", recipe], capture_output=True, text=True, check=True).stdout
    variables = dict(line.split("=", 1) for line in made.splitlines())
    assert sorted(variables) == sorted(set(required))
    assert start(**variables).returncode == 0


def test_what_was_sealed_before_secrets_came_from_outside_is_read_still(
    tmp_path: Path, start: Start, starter: Starter
) -> None:
    """An installation whose key was made in the state folder names another: the old one goes on opening."""
    assert start().returncode == 0
    before = (tmp_path / "state" / "secret-key").read_text().strip()
    script = "import django; django.setup(); from django.conf import settings; print(*settings.SECRET_KEYS_BEFORE)"
    environment = {
        "PATH": os.environ["PATH"], "STATE_DIR": str(tmp_path / "state"), "SECRET_KEY": "k" * 50,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    found = starter.run(["-c", script], environment, tmp_path)
    assert found.stdout.split() == [before]
