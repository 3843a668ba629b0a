"""Signing in: throttled for whoever fails, and for nobody else."""

from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from core.roles import Role
from tests.every_url.conftest import PASSWORD, person


@pytest.fixture
def ada(db: Any) -> str:
    return person(Role.ADMINISTRATOR, "ada").username


def sign_in(name: str, password: str, path: str = "/sign-in/", **more: Any) -> Any:
    return Client(**more).post(path, {"username": name, "password": password})


def fail(name: str, times: int = settings.AXES_FAILURE_LIMIT, path: str = "/sign-in/") -> Any:
    return [sign_in(name, "not the password", path) for _ in range(times)][-1]


def test_after_five_failures_the_right_password_does_not_help_either(ada: str) -> None:
    last = fail(ada)
    assert last.status_code == 429
    assert b"Too many attempts" in last.content
    assert "no-store" in last["Cache-Control"]
    assert sign_in(ada, PASSWORD).status_code == 429


def test_four_failures_are_forgiven_by_a_success(ada: str) -> None:
    for _ in range(2):
        assert fail(ada, 4).status_code == 200
        assert sign_in(ada, PASSWORD).status_code == 302


def test_others_still_sign_in(ada: str) -> None:
    person(Role.VIEWER, "vera")
    fail(ada)
    assert sign_in("vera", PASSWORD).status_code == 302


def test_the_person_still_signs_in_from_elsewhere(ada: str) -> None:
    fail(ada)
    assert sign_in(ada, PASSWORD, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_whoever_is_signed_in_stays_signed_in(ada: str) -> None:
    client = Client()
    assert client.post("/sign-in/", {"username": ada, "password": PASSWORD}).status_code == 302
    fail(ada)
    assert client.get("/").status_code == 200


def test_failed_sign_ins_on_the_admin_page_count_for_both_pages(ada: str) -> None:
    last = fail(ada, path="/admin/login/")
    assert last.status_code == 429
    assert sign_in(ada, PASSWORD).status_code == 429


def test_a_new_password_ends_the_lock_at_once(ada: str, tmp_path: Any, capsys: Any) -> None:
    person(Role.ADMINISTRATOR, "root")  # ada is not the last one
    fail(ada)
    file = tmp_path / "password"
    file.write_text("another long password\n")
    call_command("user", ada, "--role", "Viewer", "--password-file", str(file))
    assert "another long password" not in capsys.readouterr().out
    assert sign_in(ada, "another long password").status_code == 302


def test_the_sentence_does_not_tell_whether_the_name_is_known(ada: str) -> None:
    known, unknown = fail(ada, 1), fail("nobody-of-that-name", 1)
    strip = lambda answer: answer.content.replace(ada.encode(), b"").replace(b"nobody-of-that-name", b"")  # noqa: E731
    token = b'name="csrfmiddlewaretoken" value="'
    assert strip(known).split(token)[0] == strip(unknown).split(token)[0]
    assert known.status_code == unknown.status_code == 200


def test_somebody_who_has_been_made_inactive_does_not_come_in(ada: str) -> None:
    from django.contrib.auth.models import User

    client = Client()
    client.post("/sign-in/", {"username": ada, "password": PASSWORD})
    User.objects.create_superuser("root")  # the last administrator could not be made inactive
    User.objects.filter(username=ada).update(is_active=False)
    assert client.get("/")["Location"].startswith("/sign-in/")
    assert sign_in(ada, PASSWORD).status_code == 200


def test_signing_in_takes_a_new_session_so_that_nobody_can_have_laid_one_out(ada: str) -> None:
    client = Client()
    client.get("/sign-in/")
    session = client.session
    session["laid"] = "out"
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    token = client.get("/sign-in/").cookies.get("csrftoken")
    assert client.post("/sign-in/", {"username": ada, "password": PASSWORD}).status_code == 302
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != session.session_key
    assert token is None or client.cookies["csrftoken"].value != token.value
    laid_out = Client()
    laid_out.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    assert laid_out.get("/")["Location"].startswith("/sign-in/")


def test_a_new_password_or_role_counts_at_once_for_whoever_is_signed_in(ada: str, tmp_path: Any, capsys: Any) -> None:
    person(Role.ADMINISTRATOR, "root")  # ada is not the last one
    client = Client()
    client.post("/sign-in/", {"username": ada, "password": PASSWORD})
    assert client.get("/admin/").status_code == 200
    call_command("user", ada, "--role", "Viewer")
    assert client.get("/admin/").status_code == 302
    assert client.get("/").status_code == 200
    file = tmp_path / "password"
    file.write_text("another long password\n")
    call_command("user", ada, "--role", "Viewer", "--password-file", str(file))
    assert client.get("/")["Location"].startswith("/sign-in/"), "whoever knew the old password is still in"


def test_an_unknown_name_takes_as_long_as_a_known_one(ada: str, monkeypatch: Any) -> None:
    """A password is hashed for both: the time tells nobody who has an account."""
    from django.contrib.auth.hashers import get_hasher

    hashed: list[str] = []
    kind = type(get_hasher())
    whole = kind.encode
    monkeypatch.setattr(
        kind, "encode", lambda self, *given, **more: (hashed.append("once"), whole(self, *given, **more))[1]
    )
    counts = []
    for name in (ada, "nobody-of-that-name"):
        hashed.clear()
        assert sign_in(name, "not the password").status_code == 200
        counts.append(len(hashed))
    assert counts[0] == counts[1] > 0
