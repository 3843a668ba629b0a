"""Everybody changes their own password; whoever forgot it gets a link by mail, where mail is set up."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.db.models import F
from django.test import Client

from accounts.models import PasswordMail
from accounts.pages.passwords import MAIL_PAUSE_S

pytestmark = pytest.mark.django_db

OLD, NEW = "correct horse battery", "another long password"


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", "ada@example.com", OLD)


@pytest.fixture
def with_mail(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have mail set up; it is sent before the page answers, so that a test finds it."""
    settings.MAIL_IS_SET_UP = True
    monkeypatch.setattr(Thread, "start", lambda thread: thread.run())
    cache.clear()


def signed_in(name: str = "ada", password: str = OLD) -> Client:
    client = Client()
    assert sign_in(client, password, name) == 302
    return client


def sign_in(client: Client, password: str, name: str = "ada") -> int:
    return client.post("/sign-in/", {"username": name, "password": password}).status_code


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def change(client: Client, old: str, new: str, again: str = "") -> Any:
    given = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return client.post("/password/", given, follow=True)


def test_somebody_without_any_role_changes_their_password_and_is_signed_out_elsewhere(ada: User) -> None:
    here, elsewhere = signed_in(), signed_in()
    assert "Change Password" in text_of(here.get("/password/"))
    assert "Your password is changed." in text_of(change(here, OLD, NEW))
    assert here.get("/").status_code == 200
    assert elsewhere.get("/")["Location"].startswith("/sign-in/")
    assert sign_in(Client(), OLD) == 200
    assert sign_in(Client(), NEW) == 302


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong", NEW, "", "Your old password was entered incorrectly"),
        (OLD, NEW, "a different one here", "The two password fields"),
        (OLD, "short", "", "at least 10"),
        (OLD, "password123", "", "too common"),
        (OLD, "", "", "required"),
    ],
)
def test_a_password_that_will_not_do_stays_out(ada: User, old: str, new: str, again: str, said: str) -> None:
    answer = change(signed_in(), old, new, again)
    assert said in text_of(answer)
    assert NEW not in text_of(answer)
    assert sign_in(Client(), OLD) == 302


def test_whoever_has_the_session_alone_does_not_guess_the_password(ada: User) -> None:
    client = signed_in()
    assert [change(client, f"guess {number}", NEW).status_code for number in range(5)] == [200, 200, 200, 200, 429]
    assert change(client, OLD, NEW).status_code == 429
    assert User.objects.get(pk=ada.pk).check_password(OLD)
    assert client.get("/").status_code == 200


def test_no_password_that_was_typed_is_kept_with_a_failed_try(ada: User) -> None:
    change(signed_in(), "my other password", NEW)
    sign_in(Client(), "my third password")
    kept = str([*AccessAttempt.objects.values(), *AccessFailureLog.objects.values()])
    assert AccessFailureLog.objects.count() == 2
    assert not [word for word in ("my other password", "my third password", NEW) if word in kept]


def test_a_right_old_password_is_no_failed_sign_in(ada: User) -> None:
    client = signed_in()
    assert [change(client, OLD, "short").status_code for _ in range(7)] == [200] * 7
    assert "Your password is changed." in text_of(change(client, OLD, NEW))
    assert not AccessAttempt.objects.filter(failures_since_start__gt=0).exists()
    assert change(client, "wrong", OLD).status_code == 200
    assert AccessAttempt.objects.get().failures_since_start == 1


def test_the_admin_has_no_second_form_that_old_passwords_can_be_guessed_on() -> None:
    User.objects.create_superuser("ada", "ada@example.com", OLD)
    client = signed_in()
    given = {"old_password": OLD, "new_password1": NEW, "new_password2": NEW}
    for answer in (client.get("/admin/password_change/"), client.post("/admin/password_change/", given)):
        assert (answer.status_code, answer["Location"]) == (302, "/password/")
    assert User.objects.get(username="ada").check_password(OLD)


def test_without_mail_there_is_no_link_and_nothing_is_sent(ada: User) -> None:
    assert "Forgot your password?" not in text_of(Client().get("/sign-in/"))
    for answer in (
        Client().get("/password/forgotten/"), Client().post("/password/forgotten/", {"email": "ada@example.com"}),
    ):  # fmt: skip
        assert "No mail server is set up" in text_of(answer)
        assert "<form" not in text_of(answer)
    assert not mail.outbox


def link() -> str:
    (sent,) = mail.outbox
    found = re.search(r"(\S+)(/password/new/\S+)", str(sent.body))
    assert found
    assert found[1] == django_settings.SITE_URL
    return found[2]


def test_a_link_comes_by_mail_and_is_good_for_one_new_password(ada: User, with_mail: None) -> None:
    elsewhere = signed_in()
    assert "Forgot your password?" in text_of(Client().get("/sign-in/"))
    # A visitor who writes another host into the request does not decide where the link leads.
    client = Client(headers={"host": "127.0.0.1"})
    answer = client.post("/password/forgotten/", {"email": "ada@example.com"}, follow=True)
    assert "Look into your mail" in text_of(answer)
    assert mail.outbox[0].to == ["ada@example.com"]
    assert "Tandem: a new password for ada" in mail.outbox[0].subject
    page = client.get(link(), follow=True)
    assert "Choose a new password" in text_of(page)
    done = client.post(page.request["PATH_INFO"], {"new_password1": NEW, "new_password2": NEW}, follow=True)
    assert "Your password is changed" in text_of(done)
    assert sign_in(Client(), NEW) == 302
    assert elsewhere.get("/")["Location"].startswith("/sign-in/")
    again = Client().get(link(), follow=True)
    assert "This link cannot be used any more" in text_of(again)
    assert "new_password1" not in text_of(again)


def test_a_link_of_somebody_who_was_deactivated_meanwhile_sets_nothing(ada: User, with_mail: None) -> None:
    Client().post("/password/forgotten/", {"email": "ada@example.com"})
    ada.is_active = False
    ada.save()
    page = Client().get(link(), follow=True)
    assert "This link cannot be used any more" in text_of(page)
    Client().post(page.request["PATH_INFO"], {"new_password1": NEW, "new_password2": NEW})
    assert User.objects.get(pk=ada.pk).check_password(OLD)


def test_a_new_password_by_mail_ends_a_lock(ada: User, with_mail: None) -> None:
    client = Client()
    assert [sign_in(client, "not the password") for _ in range(5)][-1] == 429
    client.post("/password/forgotten/", {"email": "ada@example.com"})
    page = client.get(link(), follow=True)
    client.post(page.request["PATH_INFO"], {"new_password1": NEW, "new_password2": NEW})
    assert sign_in(client, NEW) == 302


def test_whoever_keeps_asking_does_not_fill_a_mailbox(ada: User, with_mail: None) -> None:
    User.objects.create_user("grace", "grace@example.com", OLD)
    for _ in range(3):
        for name in ("ada", "grace"):
            answer = Client().post("/password/forgotten/", {"email": f"{name}@example.com"}, follow=True)
            assert "Look into your mail" in text_of(answer)
    assert [sent.to for sent in mail.outbox] == [["ada@example.com"], ["grace@example.com"]]


def test_the_pause_between_mails_holds_for_all_web_processes_and_ends(ada: User, with_mail: None) -> None:
    asked = {"email": "ada@example.com"}
    for _ in range(2):
        Client().post("/password/forgotten/", asked)
        cache.clear()  # as a process has it that did not send the mail
    assert len(mail.outbox) == 1
    PasswordMail.objects.update(sent_at=F("sent_at") - timedelta(seconds=MAIL_PAUSE_S))
    Client().post("/password/forgotten/", asked)
    assert len(mail.outbox) == 2


def test_of_those_who_ask_at_the_same_time_one_gets_the_mail_sent(transactional_db: None) -> None:
    ada = User.objects.create_user("ada", "ada@example.com", OLD)

    def claim(_: int) -> bool:
        try:
            return PasswordMail.claim(ada, MAIL_PAUSE_S)
        finally:
            connection.close()

    for _ in range(2):
        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(claim, range(4))) == [False, False, False, True]
        PasswordMail.objects.update(sent_at=F("sent_at") - timedelta(seconds=MAIL_PAUSE_S))


@pytest.mark.parametrize("given", ["nobody@example.com", "gone@example.com"])
def test_whether_an_address_is_known_is_not_told(ada: User, with_mail: None, given: str) -> None:
    User.objects.create_user("gone", "gone@example.com", OLD, is_active=False)
    known = Client().post("/password/forgotten/", {"email": "ada@example.com"}, follow=True)
    sent = len(mail.outbox)
    unknown = Client().post("/password/forgotten/", {"email": given}, follow=True)
    assert text_of(known) == text_of(unknown)
    assert (sent, len(mail.outbox)) == (1, 1)


def test_nor_does_the_time_tell_it_that_a_mail_takes(
    transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_user("ada", "ada@example.com", OLD)
    settings.MAIL_IS_SET_UP = True
    cache.clear()
    answered, sent = Event(), Event()
    monkeypatch.setattr(EmailBackend, "send_messages", lambda *_: answered.wait(10) and sent.set())
    assert Client().post("/password/forgotten/", {"email": "ada@example.com"}).status_code == 302
    assert not sent.is_set()
    answered.set()
    assert sent.wait(10)


@pytest.mark.parametrize(
    "url", ["/password/new/MQ/abc/", "/password/new/x/y-z/", "/password/new/OTk5OTk5/set-password/"]
)
def test_a_link_that_was_never_sent_leads_nowhere(ada: User, with_mail: None, url: str) -> None:
    answer = Client().post(url, {"new_password1": NEW, "new_password2": NEW}, follow=True)
    assert "This link cannot be used any more" in text_of(answer)
    assert sign_in(Client(), OLD) == 302
