"""What the audit log keeps: who changed the connection, mappings, criteria and people; never a secret."""

import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models.signals import pre_save
from django.urls import reverse

from connection_setup.connection import settings
from connection_setup.models import DataverseConnection
from core.roles import Role
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from masterdata.models import Company
from tests.every_url.conftest import Place, client_of

SECRET = "canary~Xq8-not-a-real-secret"


def entries(of: type, **where: Any) -> list[LogEntry]:
    return list(LogEntry.objects.get_for_model(of).filter(**where).order_by("pk"))


def everything() -> str:
    return json.dumps(list(LogEntry.objects.values()), default=str)


def test_a_changed_connection_is_told_with_who_and_without_the_secret(here: Place) -> None:
    DataverseConnection.objects.filter(company=here.company).update(enabled=False)
    client = client_of(Role.ADMINISTRATOR)
    given = {
        "environment_url": "https://fabrikam.crm4.dynamics.com", "tenant_id": "11111111-1111-1111-1111-111111111111",
        "client_id": "22222222-2222-2222-2222-222222222222", "client_secret": SECRET,
        "authentication_type": "client_secret", "ownership_model": "team",
    }  # fmt: skip
    answer = client.post(reverse("connection_setup:save", kwargs={"company": here.company.slug}), given)
    assert answer.status_code == 302
    (entry,) = entries(DataverseConnection, actor__isnull=False)
    assert entry.actor.username == "administrator"
    assert entry.remote_addr == "127.0.0.1"
    assert entry.changes["environment_url"] == ["https://contoso.crm4.dynamics.com", given["environment_url"]]
    assert entry.remote_port is None
    assert entry.changes["credential_version"] == ["0", "1"]
    assert "client_secret" not in entry.changes
    assert SECRET not in everything()
    sealed = bytes(DataverseConnection.objects.get(company=here.company).client_secret).decode()
    assert sealed
    assert sealed not in everything()


@pytest.mark.parametrize("written", ["203.0.113.9", "not an address", "1.2.3.4:5", "9" * 500])
def test_a_visitor_cannot_write_an_address_into_the_log(here: Place, written: str) -> None:
    client = client_of(Role.ADMINISTRATOR)
    url = reverse("connection_setup:disable", kwargs={"company": here.company.slug})
    answer = client.post(url, headers={"X-Forwarded-For": written, "X-Forwarded-Port": "9" * 20})
    assert answer.status_code == 302
    (entry,) = entries(DataverseConnection, actor__isnull=False)
    assert entry.remote_addr == "127.0.0.1"


def test_every_change_of_a_request_names_the_person_and_none_after_it(here: Place) -> None:
    receivers = len(pre_save.receivers)
    client = client_of(Role.ADMINISTRATOR)
    for name in ("disable", "disable"):
        client.post(reverse(f"connection_setup:{name}", kwargs={"company": here.company.slug}))
    assert len(pre_save.receivers) == receivers
    here.company.connection.refresh_from_db()
    here.company.connection.tenant_id = "changed by a command"
    here.company.connection.save()
    *_, last = entries(DataverseConnection)
    assert last.actor is None
    settings.save_settings(
        connection=here.company.connection, values={"tenant_id": "by a service"}, secret=None,
        user=User.objects.get(username="mapper"),
    )  # fmt: skip
    *_, last = entries(DataverseConnection)
    assert last.actor.username == "mapper"


def test_a_disabled_connection_is_told(here: Place) -> None:
    client = client_of(Role.ADMINISTRATOR)
    client.post(reverse("connection_setup:disable", kwargs={"company": here.company.slug}))
    (entry,) = entries(DataverseConnection, actor__isnull=False)
    assert entry.changes["enabled"] == ["True", "False"]


@pytest.mark.parametrize("role", [Role.MAPPER, Role.ADMINISTRATOR])
def test_changed_mappings_fields_and_criteria_are_told(here: Place, role: Role) -> None:
    client = client_of(role)
    where = {"company": here.company.slug, "mapping": here.mapping.name}
    card = {
        "direction": "bidirectional", "update_conflict": "send", "deletion_conflict": "", "every_minutes": "45",
        "synch_only_coupled": "on",
    }  # fmt: skip
    assert client.post(reverse("coupling:mapping", kwargs=where), card).status_code == 302
    (entry,) = entries(IntegrationTableMapping, action=LogEntry.Action.UPDATE, actor__username=role.lower())
    assert entry.changes["every_minutes"] == ["30", "45"]
    assert entry.changes["update_conflict"] == ["", "send"]

    field = here.mapping.fields.filter(enabled=True).first()
    off = reverse("coupling:switch-fields", kwargs={**where, "to": "off"})
    assert client.post(off, {"selected": [field.pk]}).status_code == 302
    (entry,) = entries(IntegrationFieldMapping, action=LogEntry.Action.UPDATE, actor__username=role.lower())
    assert entry.changes == {"enabled": ["True", "False"]}
    assert int(entry.object_id) == field.pk

    IntegrationFieldMapping.objects.filter(mapping=here.mapping, field="name").update(use_for_match=True)
    assert client.post(reverse("coupling:reset-criteria", kwargs=where)).status_code == 302
    *_, entry = entries(IntegrationFieldMapping, action=LogEntry.Action.UPDATE, actor__username=role.lower())
    assert entry.changes["use_for_match"] == ["True", "False"]


def test_a_person_s_role_and_password_are_told_and_neither_password_nor_its_hash(db: None, tmp_path: Any) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET)
    call_command("user", "vera", "--role", "Viewer", "--password-file", str(file), "--json")
    vera = User.objects.get(username="vera")
    file.write_text(f"{SECRET} and more")
    call_command("user", "vera", "--role", "Administrator", "--password-file", str(file), "--json")
    told = entries(User, object_pk=str(vera.pk))
    changes = [entry.changes for entry in told]
    assert any(change.get("is_superuser") == ["False", "True"] for change in changes)
    assert any(change.get("password") == ["***", "***"] for change in changes)
    groups = [change["groups"] for change in changes if "groups" in change]
    assert [(one["operation"], one["objects"]) for one in groups][-2:] == [
        ("delete", ["Viewer"]),
        ("add", ["Administrator"]),
    ]
    vera.refresh_from_db()
    assert SECRET not in everything()
    assert vera.password.split("$")[-1][-12:] not in everything()


def test_signing_in_is_not_told_as_a_change(here: Place) -> None:
    before = len(entries(User))
    client_of(Role.VIEWER).get("/")
    assert len(entries(User)) == before


def test_a_new_company_is_told(db: None) -> None:
    company = Company.objects.create(name="Fabrikam", currency_code="EUR")
    (entry,) = entries(Company, object_pk=str(company.pk))
    assert entry.changes["currency_code"] == ["None", "EUR"] or entry.changes["currency_code"][1] == "EUR"


def test_administrators_read_the_log_in_the_admin_and_change_nothing_there(here: Place) -> None:
    client = client_of(Role.ADMINISTRATOR)
    client.post(reverse("connection_setup:disable", kwargs={"company": here.company.slug}))
    entry = entries(DataverseConnection)[-1]
    page = client.get("/admin/auditlog/logentry/")
    assert page.status_code == 200
    assert b"enabled" in page.content
    assert client.get(f"/admin/auditlog/logentry/{entry.pk}/change/").status_code == 200
    assert client.post(f"/admin/auditlog/logentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/admin/auditlog/logentry/add/").status_code == 403
