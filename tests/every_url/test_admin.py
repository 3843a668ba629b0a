"""The admin: for administrators alone, and without what must not be changed by hand."""

from typing import Any
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connection_setup.models import DataverseConnection
from core.roles import Role
from coupling.mappings import defaults
from coupling.mappings.services import get_mapping
from coupling.models import Coupling
from jobs.models import Job, JobOutcome
from masterdata.models import Company, Customer
from sync.models import SynchronizedField, SynchronizedValue
from tests.every_url.conftest import Place, client_of, nothing_written
from tests.every_url.urls import ADMIN_ENDPOINTS, Endpoint
from tests.every_url.walk import for_each
from ui.links import company_url

pytestmark = pytest.mark.usefixtures("refusals_are_not_logged")


def address(endpoint: Endpoint, here: Place) -> str | None:
    """Return an endpoint of the admin, with an object of its model behind it."""
    if (
        endpoint.name in {"admin:app_list", "admin:view_on_site", "admin:jsi18n"}
        or "<path:" in endpoint.pattern.split("/")[0]
    ):
        return None
    objects = {"company": here.company.pk, "customer": here.customer.pk, "job": here.job.pk}
    model = endpoint.pattern.split("/")[2] if endpoint.pattern.count("/") > 2 else ""
    given: dict[str, Any] = {"object_id": objects.get(model, User.objects.first().pk), "id": 1, "url": "nothing"}
    return reverse(endpoint.name, kwargs={name: given[name] for name in endpoint.parameters if name in given})


@for_each(ADMIN_ENDPOINTS)
def test_it_is_closed_to_everybody_but_administrators_and_never_fails_for_them(here: Place, endpoint: Endpoint) -> None:
    url = address(endpoint, here)
    if url is None or endpoint.name in {"admin:login", "admin:logout"}:
        return
    others = (Role.VIEWER, Role.OPERATOR, Role.MAPPER, None)
    for turn, role in enumerate(others, ADMIN_ENDPOINTS.index(endpoint)):
        for method in ("get",) if turn % len(others) else ("get", "post"):  # each address is written to by one of them
            answer = getattr(client_of(role), method)(url)
            assert answer.status_code in (302, 403), (role, answer.status_code)
            if answer.status_code == 302:
                assert answer["Location"].startswith(("/admin/login/", "/sign-in/"))
    assert Client().get(url)["Location"].startswith(("/admin/login/", "/sign-in/"))
    answer = client_of(Role.ADMINISTRATOR).get(url)
    assert answer.status_code in (200, 302, 403, 404, 405), answer.status_code


@for_each(ADMIN_ENDPOINTS)
def test_a_write_without_a_token_is_refused_here_too(here: Place, endpoint: Endpoint) -> None:
    url = address(endpoint, here)
    if url is None:
        return
    client = client_of(Role.ADMINISTRATOR, csrf=True)
    with nothing_written():
        answer = client.post(url, {"post": "yes", "action": "delete_selected", "_selected_action": [here.customer.pk]})
    assert answer.status_code in (403, 404, 405), answer.status_code


@pytest.mark.parametrize("role", Role)
def test_the_command_makes_administrators_staff_and_nobody_else(db: None, role: Role, capsys: Any) -> None:
    call_command("user", "pat", "--role", role.value)
    pat = User.objects.get(username="pat")
    assert pat.is_staff is pat.is_superuser is (role is Role.ADMINISTRATOR)
    assert [group.name for group in pat.groups.all()] == [role.value]
    call_command("user", "pat", "--role", "Viewer")
    pat.refresh_from_db()
    assert not pat.is_staff
    assert not pat.is_superuser
    assert [group.name for group in pat.groups.all()] == ["Viewer"]


def test_secrets_keys_and_what_synchronization_compares_by_are_not_in_the_admin() -> None:
    from django.contrib import admin

    shown = {model._meta.label for model in admin.site._registry}
    assert DataverseConnection._meta.label not in shown
    assert not {"coupling.CouplingBase", "jobs.Tick", "sessions.Session"} & shown
    assert {Job._meta.label, JobOutcome._meta.label, Customer._meta.label, LogEntry._meta.label} <= shown


def test_mappings_couplings_and_what_was_synchronized_are_there_to_read_and_lead_to_their_pages(here: Place) -> None:
    defaults.create_missing(here.company)
    mapping = get_mapping(here.company, "CUSTOMER")
    pair = Coupling.objects.create(
        company=here.company, mapping=mapping, table="customer", local_id=here.customer.system_id,
        integration_id=uuid4(),
    )  # fmt: skip
    field = SynchronizedField.objects.create(
        company=here.company, mapping_name="CUSTOMER", table="customer", name="name", caption="Name"
    )
    value = SynchronizedValue.objects.create(
        company=here.company, job=here.job, field=field, side=1, at=timezone.now(), local_id=pair.local_id,
        integration_id=pair.integration_id, before="Adatum", after="Adatum Corporation",
    )  # fmt: skip
    client = client_of(Role.ADMINISTRATOR)
    for record, leads_to in (
        (mapping, company_url("coupling:mapping", here.company, mapping="CUSTOMER")),
        (pair, company_url("records:card", here.company, table="customer", system_id=pair.local_id)),
        (value, company_url("sync:history", here.company, query={"job": here.job.pk})),
    ):
        url = reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[record.pk])
        shown = client.get(url)
        assert (shown.status_code, leads_to in shown.content.decode()) == (200, True), url
        assert client.post(url, {}).status_code == 403
    listed = reverse("admin:sync_synchronizedvalue_changelist")
    for term, found in (("", True), (str(pair.local_id), True), (str(uuid4()), False), ("Adatum", False)):
        assert ("Adatum Corporation" in client.get(listed, {"q": term}).content.decode()) is found, term


def test_a_viewer_sees_every_page_and_no_button_that_works(here: Place) -> None:
    client = client_of(Role.VIEWER)
    page = client.get(reverse("records:list", kwargs={"company": here.company.slug, "table": "customer"}))
    text = page.content.decode()
    assert "New customer" not in text
    assert "Your role may look, not change." in text
    assert "/admin/" not in text


def test_deleting_a_company_is_not_offered(here: Place) -> None:
    client = client_of(Role.ADMINISTRATOR)
    url = reverse("admin:masterdata_company_changelist")
    client.post(url, {"action": "delete_selected", "_selected_action": [here.company.pk], "post": "yes"})
    assert Company.objects.filter(pk=here.company.pk).exists()
