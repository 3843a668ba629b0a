"""Who signed in and who failed: kept, shown to administrators, and deleted by nobody."""

from typing import Any

import pytest
from auditlog.models import LogEntry
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.db import models
from django.test import Client

from core.roles import Role
from tests.accounts.test_sign_in_limits import attempt, fail
from tests.every_url.conftest import client_of
from tests.ui.conftest import PASSWORD, person

RECORDS = (AccessAttempt, AccessFailureLog, AccessLog)


@pytest.fixture
def administrator(db: Any) -> Client:
    """Sign an administrator in, after a viewer who failed, came in, and failed again."""
    person(Role.VIEWER)
    fail(2, address="192.0.2.1")
    assert attempt("viewer", PASSWORD, address="192.0.2.1") == 302
    fail(5, address="192.0.2.1")
    return client_of(Role.ADMINISTRATOR)


@pytest.mark.parametrize("model", RECORDS)
def test_an_administrator_reads_them_and_deletes_none(administrator: Client, model: type[models.Model]) -> None:
    record = model._default_manager.first()
    number = model._default_manager.count()
    assert record
    shown = f"/admin/axes/{model._meta.model_name}/"
    assert administrator.get(shown).status_code == 200
    assert administrator.get(f"{shown}{record.pk}/change/").status_code == 200
    assert administrator.post(f"{shown}{record.pk}/delete/", {"post": "yes"}).status_code == 403
    assert administrator.post(f"{shown}{record.pk}/change/", {"username": "another"}).status_code == 403
    for action in ("delete_selected", "cleanup_expired_attempts"):
        administrator.post(shown, {"action": action, "_selected_action": [record.pk], "post": "yes"})
    assert model._default_manager.count() == number
    record.refresh_from_db()
    assert record.username == "viewer"


def test_what_failed_is_kept_although_a_sign_in_succeeded_later(administrator: Client) -> None:
    assert AccessFailureLog.objects.count() == 7
    assert AccessLog.objects.filter(username="viewer").count() == 1


def test_an_administrator_lets_somebody_try_again_which_is_told(administrator: Client) -> None:
    assert attempt("viewer", PASSWORD, address="192.0.2.1") == 429
    record = AccessAttempt.objects.get()
    answer = administrator.post(
        "/admin/axes/accessattempt/", {"action": "release", "_selected_action": [record.pk]}, follow=True
    )
    assert b"1 may try again at once." in answer.content
    (told,) = LogEntry.objects.get_for_object(record)
    assert told.changes == {"failures_since_start": ["5", "0"]}
    assert told.actor.username == "administrator"
    assert attempt("viewer", PASSWORD, address="192.0.2.1") == 302
    assert AccessFailureLog.objects.count() == 7


def test_releasing_is_closed_to_others(administrator: Client) -> None:
    record = AccessAttempt.objects.get()
    client_of(Role.OPERATOR).post("/admin/axes/accessattempt/", {"action": "release", "_selected_action": [record.pk]})
    record.refresh_from_db()
    assert record.failures_since_start == 5
