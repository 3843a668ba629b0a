"""The verbs of this room: save settings, test, enable, disable, and a client for those who may use one.

Nothing is sent while a database transaction is open, and nothing is kept of an enabling that fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from auditlog.context import set_actor
from django.utils import timezone

from accounts.audit import actor_is_set
from connection_setup.models import DataverseConnection
from connection_setup.types import Report
from core.refusals import Refusal
from masterdata.models import Company

if TYPE_CHECKING:
    pass


class NotConnected(Refusal):
    """There is no usable connection."""


def connection_of(company: Company) -> DataverseConnection:
    """The company's connection; one with default settings, not saved yet, where there is none."""
    found = DataverseConnection.objects.filter(company=company).select_related("company").first()
    return found or DataverseConnection(company=company)


def unavailable_reason(company: Company) -> str:
    """Why Dataverse cannot be used now, as a sentence; "" when the connection is enabled."""
    fields = ("company_id", "enabled", "disable_reason")
    return disabled_reason(DataverseConnection.objects.filter(company=company).only(*fields).first())


def disabled_reason(connection: DataverseConnection | None) -> str:
    """Why this connection cannot be used, as a sentence; "" when it is enabled."""
    if connection and connection.enabled:
        return ""
    why = f" {connection.disable_reason}" if connection and connection.disable_reason else ""
    return (
        f"The connection to Dataverse is not enabled.{why} An administrator enables it in Dataverse Connection Setup."
    )


def units_choice(connection: DataverseConnection) -> tuple[UUID, str] | None:
    """The business unit the connection names, by id and name; None while it is to be the company's own."""
    if connection.business_unit_id is None:
        return None
    return connection.business_unit_id, connection.business_unit_name


# -- inside -----------------------------------------------------------------------------------------------------------


@contextmanager
def audited(user: Any) -> Iterator[None]:
    """Name the user in the audit rows; the secret is left out of them, its change shows as the credential's version."""
    if user is None or not getattr(user, "pk", None) or actor_is_set():
        yield
        return
    with set_actor(user):
        yield


def locked(company: Company) -> DataverseConnection:
    """The row, held until the transaction ends, so that two administrators do not overwrite each other."""
    DataverseConnection.objects.get_or_create(company=company)
    return DataverseConnection.objects.select_for_update().get(company=company)


def keep_report(connection: DataverseConnection, report: Report) -> None:
    """Store the report of a test; nothing else changes."""
    connection.checks = [check.document() for check in report.checks]
    connection.checked_at = timezone.now()
    if connection.pk:
        DataverseConnection.objects.filter(pk=connection.pk).update(
            checks=connection.checks, checked_at=connection.checked_at
        )
