"""Sign-in: how often it may fail, and whose address counts."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from accounts.sign_in_limits import LIMITS, client_ip
from core.roles import Role
from tests.ui.conftest import PASSWORD, person


def attempt(name: str, password: str = "wrong", address: str = "192.0.2.1", **headers: str) -> int:
    """Return the status of one try to sign in, by a visitor without cookies."""
    answer = Client(REMOTE_ADDR=address).post("/sign-in/", {"username": name, "password": password}, **headers)
    return answer.status_code


def fail(times: int, name: str = "viewer", address: str = "192.0.2.{n}") -> None:
    for n in range(times):
        attempt(name.format(n=n), address=address.format(n=n % 250))


@pytest.fixture(autouse=True)
def viewer(db: Any, settings: Any) -> Any:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # many tries, no time for a slow one
    return person(Role.VIEWER)


def test_one_person_at_one_address_is_stopped_after_five_failures() -> None:
    fail(5, address="192.0.2.1")
    assert attempt("viewer", PASSWORD) == 429
    assert attempt("viewer", PASSWORD, address="192.0.2.9") == 302


def test_an_address_that_tries_many_names_is_stopped() -> None:
    fail(LIMITS["ip_address",] - 1, name="guess-{n}", address="192.0.2.1")
    assert attempt("viewer", PASSWORD) == 302
    fail(1, name="another", address="192.0.2.1")
    assert attempt("viewer", PASSWORD) == 429
    assert attempt("viewer", PASSWORD, address="192.0.2.9") == 302


def test_a_name_tried_from_many_addresses_is_stopped() -> None:
    fail(LIMITS["username",] - 1)
    assert attempt("viewer", PASSWORD, address="198.51.100.1") == 302
    fail(1)
    assert attempt("viewer", PASSWORD, address="198.51.100.1") == 429


def test_signing_in_oneself_does_not_wipe_out_what_one_tried_on_others() -> None:
    fail(LIMITS["ip_address",] - 1, name="guess-{n}", address="192.0.2.1")
    assert attempt("viewer", PASSWORD) == 302
    fail(1, name="another", address="192.0.2.1")
    assert attempt("one-more", address="192.0.2.1") == 429


def test_behind_a_proxy_the_visitors_are_told_apart_by_what_the_proxy_wrote(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    for n in range(5):
        # What a visitor writes into the header himself stands before what the proxy appends.
        attempt("viewer", address="10.0.0.1", HTTP_X_FORWARDED_FOR=f"203.0.113.{n}, 198.51.100.7")
    locked = {"HTTP_X_FORWARDED_FOR": "203.0.113.99, 198.51.100.7"}
    assert attempt("viewer", PASSWORD, address="10.0.0.1", **locked) == 429
    assert attempt("viewer", PASSWORD, address="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.8") == 302


def test_without_a_trusted_proxy_the_header_changes_nothing() -> None:
    for n in range(5):
        attempt("viewer", HTTP_X_FORWARDED_FOR=f"203.0.113.{n}")
    assert attempt("viewer", PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.200") == 429


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "203.0.113.1", "10.0.0.1"),
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "6.6.6.6, 203.0.113.1", "203.0.113.1"),
        (2, "6.6.6.6, 203.0.113.1, 10.0.0.2", "203.0.113.1"),
        (2, "203.0.113.1", "10.0.0.1"),
        (1, "203.0.113.1:4711", "203.0.113.1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "unknown", "10.0.0.1"),
        (1, "x" * 5000, "10.0.0.1"),
        (1, "", "10.0.0.1"),
    ],
)
def test_the_visitors_address(settings: Any, proxies: int, header: str, address: str) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=header)
    assert client_ip(request) == address
