"""The admin asks for the right that its pages ask for, whatever else a person was given: every address, every role.

Who changes master data, people and companies on pages is an administrator, so nobody else comes in: not whoever is
marked as staff, nor whoever holds every permission of Django's.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models
from django.test import Client

from core.roles import Role
from tests.admin_records import made, registered
from tests.every_url.conftest import STAFF, Place, client_of, nothing_written, staff_name
from tests.every_url.urls import ADMIN_ENDPOINTS, Endpoint
from tests.every_url.walk import for_each

PAGES = {"changelist", "add", "history", "delete", "change", "password_change"}
"""What is known of a model's pages; another kind of page has to be given its place here."""
COMMON = {
    "admin:index", "admin:login", "admin:logout", "admin:password_change", "admin:password_change_done",
    "admin:autocomplete", "admin:jsi18n", "admin:view_on_site", "admin:app_list", "admin:jobs_job_outcomes",
}  # fmt: skip
BEFORE_SIGN_IN = {"admin:login", "admin:logout"}

WRITE = {
    "post": "yes",
    "action": "delete_selected",
    "confirm": "yes",
    "format": "csv",
    "input_format": "0",
    "name": "OWNED",
}

each_endpoint = for_each([one for one in ADMIN_ENDPOINTS if one.name not in BEFORE_SIGN_IN])

pytestmark = pytest.mark.usefixtures("refusals_are_not_logged")


@pytest.fixture
def records(here: Place) -> dict[str, models.Model]:
    """Provide a record of every model that the admin shows, by "app_model"."""
    found = {model: model._default_manager.order_by("pk").first() or made(model, 1) for model in registered()}
    return {f"{model._meta.app_label}_{model._meta.model_name}": record for model, record in found.items()}


def addresses(endpoint: Endpoint, records: dict[str, models.Model]) -> Iterator[str]:
    """Yield the endpoint's addresses, with a record of its model behind them."""
    if endpoint.name == "admin:view_on_site":
        yield endpoint.url({"content_type_id": "1", "object_id": "1"})
    elif endpoint.name == "admin:app_list":
        yield from (f"/admin/{label}/" for label in sorted({model._meta.app_label for model in registered()}))
    else:
        record = next((one for name, one in records.items() if endpoint.name.startswith(f"admin:{name}_")), None)
        key = str(record.pk) if record else ""
        yield endpoint.url({"object_id": key, "id": key})


def staff(role: Role | None, everything: bool) -> Client:
    """Return a browser in which somebody with that role is signed in, marked as staff."""
    return client_of(None, name=staff_name(role, everything))


def test_every_kind_of_page_is_known() -> None:
    labels = sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in registered())
    known = COMMON | {f"admin:{label}_{page}" for label in labels for page in PAGES}
    assert {endpoint.name for endpoint in ADMIN_ENDPOINTS} <= known
    for label in labels:
        for page in PAGES - {"password_change"}:
            assert f"admin:{label}_{page}" in {endpoint.name for endpoint in ADMIN_ENDPOINTS}


@each_endpoint
def test_whoever_is_staff_without_being_an_administrator_reads_and_writes_nothing(
    records: dict[str, models.Model], endpoint: Endpoint
) -> None:
    urls, selected = list(addresses(endpoint, records)), [record.pk for record in records.values()]
    assert urls
    for role, everything in STAFF:
        client = staff(role, everything)
        who = f"{role or 'no role'}, {'every permission' if everything else 'no permission'}"
        for url in urls:
            with nothing_written():
                answers: list[Any] = [client.get(url), client.post(url, {**WRITE, "_selected_action": selected})]
            for answer in answers:
                assert answer.status_code in (302, 403, 405), (who, url, answer.status_code)
                if answer.status_code == 302:
                    assert answer["Location"].startswith("/admin/login/"), (who, url, answer["Location"])


@each_endpoint
def test_an_administrator_reads_every_page(records: dict[str, models.Model], endpoint: Endpoint) -> None:
    for url in addresses(endpoint, records):
        client = client_of(Role.ADMINISTRATOR)
        own = client.session["_auth_user_id"]
        answer = client.get(url)
        if endpoint.name == "admin:password_change" or url.endswith(f"/auth/user/{own}/password/"):
            assert (answer.status_code, answer["Location"]) == (302, "/password/")
        elif endpoint.name.endswith(("changelist", "change", "history", "index", "app_list", "outcomes")):
            assert answer.status_code == 200, url
        else:
            assert answer.status_code in (200, 302, 403, 404), url


def test_nobody_is_led_to_an_admin_that_is_closed_to_them(here: Place) -> None:
    page = f"/c/{here.company.slug}/"
    assert b'href="/admin/"' in client_of(Role.ADMINISTRATOR).get(page).content
    assert b'href="/admin/"' not in staff(Role.VIEWER, True).get(page).content
