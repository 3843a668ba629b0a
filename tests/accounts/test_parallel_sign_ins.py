"""Sign-in under attack: passwords that are tried at the same time count like those tried one after the other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client

from accounts.sign_in_limits import LIMITS
from core.roles import Role
from tests.ui.conftest import PASSWORD, person

MOST_AT_ONCE = 60
ROOM = 40
"""Connections that are left to others: a database takes 100 unless it is told otherwise."""

pytestmark = pytest.mark.xdist_group("many connections")


def at_once() -> int:
    """Return how many try at the same time: each has a connection of its own, and as many are left to others."""
    if connection.vendor != "postgresql":
        return MOST_AT_ONCE
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_connections')::int")
        return min(MOST_AT_ONCE, (cursor.fetchone()[0] - ROOM) // 2)


class Crowd:
    """Everybody who tries at the same time: nobody gets an answer before each is refused or has a password looked at.

    That is the moment at which all have come past the count, where the count is all that holds them back.
    """

    def __init__(self, number: int) -> None:
        self._left = number
        self._changed = threading.Condition()

    def arrive(self) -> None:
        with self._changed:
            self._left -= 1
            self._changed.notify_all()

    def wait(self) -> None:
        self.arrive()
        with self._changed:
            assert self._changed.wait_for(lambda: self._left <= 0, timeout=60)


class WaitingHasher(MD5PasswordHasher):
    """Looks at a password when everybody of the crowd has got as far."""

    algorithm = "waiting"
    crowd: ClassVar[Crowd]
    looked: ClassVar[list[str]]

    def encode(self, password: str, salt: str) -> str:
        if password.startswith("guess"):
            self.looked.append(password)
            self.crowd.wait()
        return super().encode(password, salt)


@pytest.fixture
def tried(transactional_db: Any, settings: Any) -> Callable[..., list[int]]:
    """Give the answers to many sign-ins at once."""
    settings.PASSWORD_HASHERS = [f"{__name__}.WaitingHasher"]
    person(Role.VIEWER)

    def attempt(number: int, name: str, address: str) -> int:
        try:
            sent = {"username": name.format(n=number), "password": f"guess {number}"}
            client = Client(REMOTE_ADDR=address.format(n=number), raise_request_exception=False)
            status = client.post("/sign-in/", sent).status_code
            if sent["password"] not in WaitingHasher.looked:
                WaitingHasher.crowd.arrive()
            return status
        finally:
            connection.close()

    def give(name: str, address: str) -> list[int]:
        number = at_once()
        WaitingHasher.crowd, WaitingHasher.looked = Crowd(number), []
        with ThreadPoolExecutor(number) as people:
            return list(people.map(lambda one: attempt(one, name, address), range(number)))

    return give


@pytest.mark.parametrize(
    ("name", "address", "scope"),
    [
        ("viewer", "192.0.2.1", ("username", "ip_address")),
        ("nobody of that name", "192.0.2.1", ("username", "ip_address")),
        ("guess-{n}", "192.0.2.1", ("ip_address",)),
    ],
)
def test_passwords_tried_in_parallel_are_looked_at_up_to_the_limit(
    tried: Callable[..., list[int]], name: str, address: str, scope: tuple[str, ...]
) -> None:
    answers = tried(name, address)
    assert len(WaitingHasher.looked) == LIMITS[scope]
    assert answers.count(429) >= len(answers) - LIMITS[scope]
    assert set(answers) <= {200, 429}
    assert sum(AccessAttempt.objects.values_list("failures_since_start", flat=True)) == LIMITS[scope]


def test_passwords_tried_in_parallel_from_many_addresses_are_looked_at_up_to_the_limit(
    tried: Callable[..., list[int]],
) -> None:
    for number in range(LIMITS["username",] - 10):
        AccessAttempt.objects.create(username="viewer", ip_address=f"198.51.100.{number}", failures_since_start=1)
    tried("viewer", "192.0.2.{n}")
    assert len(WaitingHasher.looked) == 10


def test_who_is_refused_meanwhile_signs_in_afterwards_from_elsewhere(tried: Callable[..., list[int]]) -> None:
    tried("viewer", "192.0.2.1")
    answer = Client(REMOTE_ADDR="198.51.100.1").post("/sign-in/", {"username": "viewer", "password": PASSWORD})
    assert answer.status_code == 302
