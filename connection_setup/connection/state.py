"""The state of a company's connection: its row, whether it can be used, and how the row is locked and changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

from auditlog.context import set_actor
from django.http import HttpRequest
from django.utils import timezone

from accounts.audit import actor_is_set
from connection_setup.models import DataverseConnection
from connection_setup.types import Report
from core.refusals import Refusal
from masterdata.models import Company


class NotConnected(Refusal):
    """The connection cannot be used."""


def connection_of(company: Company) -> DataverseConnection:
    """Return the company's connection; one with default settings, not saved yet, where there is none."""
    for found in DataverseConnection.objects.raw(_row_of_company(), [company.pk]):
        found.company = company
        return found
    return DataverseConnection(company=company)


@cache
def _row_of_company() -> str:
    """Return the query for a company's connection, written once: Django takes longer to write it than to ask it, and
    every page and every step asks.
    """
    sql, _ = DataverseConnection.objects.filter(company=0).order_by().query.sql_with_params()
    return sql


def connection_for_request(request: HttpRequest, company: Company) -> DataverseConnection:
    """Return the company's connection; asked for once in a request."""
    cache = vars(request)
    if "_dataverse_connection" not in cache:
        cache["_dataverse_connection"] = connection_of(company)
    connection: DataverseConnection = cache["_dataverse_connection"]
    return connection


def know_connection(request: HttpRequest, connection: DataverseConnection) -> None:
    """Spare the rest of a request the question for a connection that was read along with something else."""
    vars(request).setdefault("_dataverse_connection", connection)


def unavailable_reason(company: Company) -> NotConnected | None:
    """Return why Dataverse cannot be used now; None when the connection is enabled."""
    fields = ("company_id", "enabled", "disable_reason")
    return disabled_reason(DataverseConnection.objects.filter(company=company).only(*fields).first())


def unavailable_text(company: Company) -> str:
    """Return why Dataverse cannot be used now, as one text for a person; "" when the connection is enabled."""
    reason = unavailable_reason(company)
    return reason.user_message if reason is not None else ""


def disabled_reason(connection: DataverseConnection | None) -> NotConnected | None:
    """Return why this connection cannot be used; None when it is enabled."""
    if connection and connection.enabled:
        return None
    why = f" {connection.disable_reason}" if connection and connection.disable_reason else ""
    return NotConnected(
        "not_enabled",
        f"The connection to Dataverse is not enabled.{why}",
        "An administrator enables it in Dataverse Connection Setup.",
    )


def chosen_business_unit(connection: DataverseConnection) -> tuple[UUID, str] | None:
    """Return id and name of the business unit that the connection names; None for the company's own."""
    if connection.business_unit_id is None:
        return None
    return connection.business_unit_id, connection.business_unit_name


@contextmanager
def audit_as(user: Any) -> Iterator[None]:
    """Name the user in the audit rows of what is saved inside, unless somebody is named already.

    Secrets are left out of audit rows; a change of one shows as the credential's version.
    """
    if user is None or not getattr(user, "pk", None) or actor_is_set():
        yield
        return
    with set_actor(user):
        yield


def lock_connection(company: Company) -> DataverseConnection:
    """Return the company's row, made where there is none and locked until the transaction ends."""
    DataverseConnection.objects.get_or_create(company=company)
    return DataverseConnection.objects.select_for_update().get(company=company)


def store_report(connection: DataverseConnection, report: Report) -> None:
    """Store the report of a test; nothing else changes."""
    connection.checks = [check.document() for check in report.checks]
    connection.checked_at = timezone.now()
    if connection.pk:
        DataverseConnection.objects.filter(pk=connection.pk).update(
            checks=connection.checks, checked_at=connection.checked_at
        )
