"""How an endpoint may be knocked at: with a token for every write, and with answers that carry their headers.

`client_of` gives a browser that finds the headers in every answer of every test of this folder.
"""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from core.roles import Role
from tests.every_url.conftest import Place, carries, client_of, methods, nothing_written, refused
from tests.every_url.urls import ADMIN_ENDPOINTS, ENDPOINTS, Endpoint
from tests.every_url.walk import for_each

pytestmark = pytest.mark.usefixtures("no_network", "refusals_are_not_logged")

OTHER_METHODS = ("PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "BREW")

GROUPED = re.compile(r"""(?:value|name|id|for|href|action)="[^"]*?(?<![\d,])\d{1,3}(?:,\d{3})+(?!\d)""")
"""A number as people read it, 1,001, where a browser sends it back; tests' ids begin above a thousand for that."""


@for_each(ENDPOINTS)
def test_a_write_without_a_token_is_refused_before_anything_else(here: Place, endpoint: Endpoint) -> None:
    client = client_of(Role.ADMINISTRATOR, csrf=True)
    with nothing_written():
        answer = client.post(endpoint.url(here.given), here.selection)
    if endpoint.name == "sync:web-hook":  # a program's, which proves itself by a key
        assert answer.status_code == 404
        return
    assert answer.status_code in (403, 405)
    if answer.status_code == 403:
        assert b"This form has expired" in answer.content


@for_each(ENDPOINTS)
def test_a_method_that_no_page_knows_is_refused_and_does_nothing(here: Place, endpoint: Endpoint) -> None:
    """Each endpoint tells what it takes, and takes nothing else: not PUT, nor the next of the others by turns."""
    url = endpoint.url(here.given)
    assert methods(endpoint, url) <= {"GET", "POST"}
    refused(client_of(Role.ADMINISTRATOR), OTHER_METHODS[ENDPOINTS.index(endpoint) % len(OTHER_METHODS)], url)


@for_each(ENDPOINTS)
def test_every_url_answers_an_administrator_and_head_as_get(here: Place, endpoint: Endpoint) -> None:
    client, url = client_of(Role.ADMINISTRATOR), endpoint.url(here.given)
    if "GET" not in methods(endpoint, url):
        refused(client, "HEAD", url)
        return
    with nothing_written():
        page, head, part = client.get(url), client.head(url), client.get(url, headers={"HX-Request": "true"})
    assert page.status_code in (200, 302, 404)
    assert part.status_code in (200, 302, 404)
    assert head.status_code == page.status_code
    assert not (b"".join(head) if head.streaming else head.content)
    assert page.streaming or not GROUPED.findall(page.content.decode()), "ids are sent back as people read numbers"


def test_a_write_with_another_session_s_token_is_refused(here: Place) -> None:
    client = client_of(Role.ADMINISTRATOR, csrf=True)
    foreign = Client()
    foreign.get("/sign-in/")
    token = foreign.cookies["csrftoken"].value
    client.get(reverse("ui:role-center", kwargs={"company": here.company.slug}))
    appearance = reverse("ui:appearance")
    assert client.post(appearance, {"theme": "dark", "csrfmiddlewaretoken": token[::-1]}).status_code == 403
    own = client.cookies["csrftoken"].value
    assert client.post(appearance, {"theme": "dark", "csrfmiddlewaretoken": own}).status_code == 302
    assert client.post(appearance, {"theme": "dark"}, headers={"X-CSRFToken": own}).status_code == 302
    other_site = {"Origin": "https://evil.example"}
    assert client.post(appearance, {"csrfmiddlewaretoken": own}, headers=other_site).status_code == 403


def test_no_view_of_ours_is_exempt_from_the_token() -> None:
    exempt = [endpoint.name for endpoint in ENDPOINTS if getattr(endpoint.view, "csrf_exempt", False)]
    assert exempt == ["sync:web-hook"], "Dataverse calls it, and proves itself by a key"
    assert not [endpoint.name for endpoint in ADMIN_ENDPOINTS if getattr(endpoint.view, "csrf_exempt", False)]


def test_refusals_and_failures_carry_them_too(here: Place, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(Role.ADMINISTRATOR)
    for path, status in (("/nothing/", 404), ("/static/nothing.css", 404), ("/favicon.ico", 404)):
        answer = client.get(path)
        assert answer.status_code == status
        carries(answer, kept=path.startswith("/static/"))
    answer = client.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    carries(answer)
    monkeypatch.setattr("connection_setup.connection.state.connection_of", lambda _: 1 / 0)
    answer = client.get(reverse("connection_setup:setup", kwargs={"company": here.company.slug}))
    assert answer.status_code == 500
    assert b"Something went wrong here" in answer.content
    assert b"ZeroDivision" not in answer.content
    carries(answer)


@pytest.mark.parametrize(
    "sent",
    [
        {f"field{n}": "x" for n in range(1500)},
        {"theme": "x" * (3 * 2**20)},
    ],
    ids=["more fields than a form has", "longer than a form is"],
)
def test_a_form_no_page_of_ours_sends_is_refused_in_words(here: Place, sent: dict[str, str]) -> None:
    for csrf, status in ((False, 400), (True, 403)):  # where a token is asked for, none is found in it
        client = client_of(Role.ADMINISTRATOR, csrf=csrf)
        with nothing_written():
            answer = client.post(reverse("ui:appearance"), sent)
        assert answer.status_code == status
        assert b"<h1" in answer.content
        carries(answer)


def test_a_request_over_https_that_names_a_strange_host_carries_them(here: Place, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client(raise_request_exception=False).get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    carries(answer)


def test_static_files_carry_them_and_are_kept(here: Place, settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
    answer = Client().get("/static/ui/base.css")
    assert answer.status_code == 200
    carries(answer, kept=True)
    assert "no-store" not in answer.get("Cache-Control", "")


def test_cookies_are_closed_to_scripts_and_to_other_sites(here: Place) -> None:
    client = Client()
    person = {"username": "viewer", "password": "correct horse battery staple"}
    answer = client.post("/sign-in/", person)
    assert answer.status_code == 302
    session = answer.cookies["sessionid"]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
    assert settings.CSRF_COOKIE_SAMESITE == "Lax"


def test_signing_in_leads_to_no_other_site(here: Place) -> None:
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http:evil"):
        client = Client()
        person = {"username": "viewer", "password": "correct horse battery staple", "next": target}
        answer = client.post("/sign-in/", person)
        assert answer.status_code == 302
        assert answer["Location"] == "/"


@pytest.mark.parametrize("name", ["columns", "appearance", "tip"])
def test_a_choice_leads_back_to_no_other_site(here: Place, name: str) -> None:
    client = client_of(Role.VIEWER)
    values = {"list": "jobs", "column": "start", "name": "tip:x", "next": "https://evil.example/"}
    assert client.post(reverse(f"ui:{name}"), values)["Location"] == "/"


def test_signing_out_ends_the_session(here: Place) -> None:
    client = client_of(Role.VIEWER)
    page = reverse("ui:role-center", kwargs={"company": here.company.slug})
    assert client.get(page).status_code == 200
    old = client.cookies["sessionid"].value
    assert client.post("/sign-out/").status_code == 302
    client.cookies["sessionid"] = old
    assert client.get(page).status_code == 302
