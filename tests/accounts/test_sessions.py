"""How long somebody stays signed in."""

import os
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.sessions import Verdict, judge
from core.roles import Role
from masterdata.models import Company
from tests.starts import Starter
from tests.ui.conftest import PASSWORD, person

HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("began", "seen", "by_itself", "verdict"),
    [
        (0.0, 0.0, False, Verdict.GOES_ON),
        (-100.0, -59.0, False, Verdict.GOES_ON),
        (-100.0, -60.0, False, Verdict.EXTENDED),
        (-HOUR, -HOUR, False, Verdict.EXTENDED),
        (-HOUR, -HOUR, True, Verdict.GOES_ON),  # the page asks, not the person
        (-7 * DAY + 1, -10.0, False, Verdict.GOES_ON),
        (-7 * DAY, -100.0, False, Verdict.ENDED),
        (-8 * DAY, 0.0, True, Verdict.ENDED),
        (DAY, 0.0, False, Verdict.ENDED),  # a clock that was wrong gives nobody more time
        (None, 0.0, False, Verdict.EXTENDED),  # from before it was noted
    ],
)
def test_what_becomes_of_a_session(began: float | None, seen: float, by_itself: bool, verdict: Verdict) -> None:
    now = 1_800_000_000.0
    found = judge(
        now=now, began=None if began is None else now + began, seen=now + seen if began is not None else 0.0,
        by_itself=by_itself, idle_s=12 * HOUR, most_s=7 * DAY,
    )  # fmt: skip
    assert found is verdict


@pytest.fixture
def client(db: Any) -> Client:
    """Somebody who has just signed in."""
    Company.objects.create(name="CRONUS International", currency_code="EUR")
    person(Role.VIEWER)
    client = Client()
    assert client.post("/sign-in/", {"username": "viewer", "password": PASSWORD}).status_code == 302
    return client


def is_in(client: Client) -> bool:
    answer = client.get("/c/cronus-international/")
    assert answer.status_code == 200 or answer["Location"].startswith("/sign-in/")
    return bool(answer.status_code == 200)


def move_back(client: Client, **seconds: float) -> None:
    """Let a session have noted its times that much earlier."""
    session = client.session
    for name, by in seconds.items():
        session[name] -= by
    session.save()


def left_s(client: Client) -> float:
    """How long the session is good for if nobody comes any more."""
    row = Session.objects.get(pk=client.cookies[settings.SESSION_COOKIE_NAME].value)
    return (row.expire_date - timezone.now()).total_seconds()


def test_who_has_done_nothing_for_twelve_hours_signs_in_again(client: Client) -> None:
    assert settings.SESSION_COOKIE_AGE == 12 * HOUR
    assert 12 * HOUR - 60 < left_s(client) <= 12 * HOUR
    assert is_in(client)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_in(client)


def test_whoever_works_stays_signed_in(client: Client) -> None:
    move_back(client, seen=HOUR)
    Session.objects.update(expire_date=timezone.now() + timedelta(hours=1))
    answer = client.get("/c/cronus-international/")
    assert 12 * HOUR - 60 < left_s(client) <= 12 * HOUR
    assert answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == 12 * HOUR


def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(client: Client) -> None:
    move_back(client, seen=HOUR)
    Session.objects.update(expire_date=timezone.now() + timedelta(hours=1))
    assert (
        client.get("/c/cronus-international/", headers={"HX-Request": "true", "HX-Target": "live"}).status_code == 200
    )
    assert left_s(client) <= HOUR


def test_after_seven_days_everybody_signs_in_again_and_is_told_why(client: Client) -> None:
    assert settings.SESSION_MAX_S == 7 * DAY
    move_back(client, began=7 * DAY - 60)
    assert is_in(client)
    move_back(client, began=60)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    answer = client.get("/c/cronus-international/", follow=True)
    assert "You were signed out: nobody stays signed in for more than 7 days." in answer.content.decode()
    assert not Session.objects.filter(pk=key).exists()
    assert client.post("/sign-in/", {"username": "viewer", "password": PASSWORD}).status_code == 302
    assert is_in(client)


def test_a_session_from_before_the_limits_lasts_as_long_from_now_on(client: Client) -> None:
    session = client.session
    del session["began"], session["seen"]
    session.save()
    assert is_in(client)
    assert time.time() - 60 < client.session["began"] <= time.time()


@pytest.mark.xdist_group("starts")
def test_both_limits_are_settings(starter: Starter, tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.SESSION_COOKIE_AGE, settings.SESSION_MAX_S)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}

    def started(**chosen: str) -> "subprocess.CompletedProcess[str]":
        return starter.run(["-c", code], {**environment, **chosen}, tmp_path)

    assert started(SESSION_IDLE_HOURS="0.5", SESSION_MAX_DAYS="1").stdout.split() == ["1800", "86400"]
    assert "SESSION_IDLE_HOURS is 0; it must lie between" in started(SESSION_IDLE_HOURS="0").stderr
