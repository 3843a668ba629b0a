"""Which errors mean that our own database is away, and which that something is wrong with what it was asked."""

import os
import socket
import sqlite3
from pathlib import Path

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from core.database_outage import is_database_outage
from tests.starts import Starter


def sqlite(code: int, text: str = "") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def from_driver(kind: type[Exception], cause: BaseException | None) -> Exception:
    """Return an error as Django raises it, for one of the driver's."""
    error = kind(str(cause))
    error.__cause__ = cause
    return error


def gone(sqlstate: str | None) -> psycopg.Error:
    found = psycopg.errors.lookup(sqlstate) if sqlstate else psycopg.OperationalError
    return found("the server said so")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (from_driver(OperationalError, gone(None)), True),  # connection refused, reset, timed out
        (from_driver(OperationalError, gone("57P01")), True),  # shut down by an administrator
        (from_driver(OperationalError, gone("57P03")), True),  # starting up
        (from_driver(OperationalError, gone("53300")), True),  # too many connections
        (from_driver(OperationalError, gone("08006")), True),
        (from_driver(OperationalError, gone("53100")), True),  # disk full
        (from_driver(OperationalError, gone("40P01")), False),  # a deadlock is ours
        (from_driver(ProgrammingError, gone("42P01")), False),  # no such table
        (from_driver(OperationalError, sqlite(sqlite3.SQLITE_CANTOPEN)), True),
        (from_driver(OperationalError, sqlite(sqlite3.SQLITE_BUSY)), True),
        (from_driver(OperationalError, sqlite(sqlite3.SQLITE_IOERR | (2 << 8))), True),
        (from_driver(OperationalError, sqlite(sqlite3.SQLITE_FULL)), True),
        (from_driver(OperationalError, sqlite(sqlite3.SQLITE_ERROR, "no such table: x")), False),
        (from_driver(IntegrityError, sqlite(sqlite3.SQLITE_CONSTRAINT)), False),
        (from_driver(DatabaseError, None), False),
        (from_driver(OperationalError, None), False),
        (InterfaceError("cursor already closed"), False),
        (OSError("another file"), False),
        (ValueError("x"), False),
        (None, False),
    ],
    ids=str,
)
def test_an_error_means_an_outage_or_not(error: Exception | None, expected: bool) -> None:
    assert is_database_outage(error) is expected


def test_an_outage_is_found_behind_the_error_that_it_led_to() -> None:
    try:
        try:
            raise from_driver(OperationalError, gone(None))
        except OperationalError as error:
            raise RuntimeError("the page cannot be shown") from error
    except RuntimeError as found:
        assert is_database_outage(found)
    try:
        try:
            raise from_driver(OperationalError, gone(None))
        except OperationalError:
            raise KeyError("while handling it")  # noqa: B904 - as it happens
    except KeyError as found:
        assert is_database_outage(found)


ASK = """
import django
from django.conf import settings
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
print(client.get("/sign-in/").status_code)
client.cookies["sessionid"] = "x" * 32
person = {"username": "ada", "password": "p"}
for path, sent in (("/", None), ("/sign-in/", None), ("/admin/", None), ("/c/x/jobs/", None), ("/sign-in/", person)):
    answer = client.post(path, sent) if sent else client.get(path)
    told = b"The database cannot be reached" in answer.content
    headers = "no-store" in answer.get("Cache-Control", ""), "default-src 'none'" in answer["Content-Security-Policy"]
    print(path, answer.status_code, answer.get("Retry-After"), told, *headers)
"""


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.xdist_group("starts")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_pages_answer_503_with_a_page_while_the_database_is_down(tmp_path: Path, starter: Starter, kind: str) -> None:
    url = (
        f"sqlite:///{tmp_path}/nowhere/tandem.sqlite3"
        if kind == "sqlite"
        else f"postgresql://tandem@127.0.0.1:{unused_port()}/tandem"
    )
    environment = {
        "PATH": os.environ["PATH"], "STATE_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": url, "DEBUG": "0", "ALLOWED_HOSTS": "testserver",
    }  # fmt: skip
    done = starter.run(["-c", ASK], environment, tmp_path)
    assert done.returncode == 0, done.stderr
    first, *others = [line.split() for line in done.stdout.splitlines()]
    assert first == ["200"], "the page to sign in needs no database"
    assert len(others) == 5, done.stderr
    for path, *told in others:
        assert told == ["503", "30", "True", "True", "True"], path
