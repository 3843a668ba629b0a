"""Where another organization answers: lead the connection back to its own, or let it belong to the other one."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from connection_setup import hooks
from connection_setup.connection import clients, organization
from connection_setup.connection.organization import KnownOrganization
from connection_setup.connection.settings import apply_settings, missing_settings
from connection_setup.connection.state import audit_as, connection_of, lock_connection
from connection_setup.models import DataverseConnection
from connection_setup.secrets import credentials
from core.refusals import NotUsable, Refusal
from masterdata.models import Company

OBJECTS = ("business_unit_id", "business_unit_name", "owning_team_id", "company_row_id", "integration_user_id")
"""What enabling made or found in the organization; it stays there while the address changes."""


def ask_organization(connection: DataverseConnection) -> KnownOrganization:
    """Ask which organization answers at the stored settings, enabled or not; store it and return it.

    Raises Refusal (a setting is missing), DataverseError.
    """
    found = clients.stored_client(connection).who_am_i().organization_id
    clients.record_organization(connection, found)
    own, other = organization.own_organization(connection), organization.other_organization(connection)
    if other is not None:
        return other
    return KnownOrganization(found, own.name if own else "", connection.environment_url)


@sensitive_variables("secret")
def point_back(*, company: Company, values: Mapping[str, Any], secret: str, user: Any) -> DataverseConnection:
    """Lead the connection back to the organization it was enabled with, once that one is seen to answer there.

    The settings are those it was enabled with, but for `values`. A secret goes to no other place than the one it was
    entered for, so it is needed where the address changes. The connection stays enabled, or not enabled.
    Raises Refusal, DataverseError; then nothing was changed.
    """
    tried = connection_of(company)
    own, before = organization.own_organization(tried), tried.changed_at
    if own is None:
        raise NotUsable("The connection was never enabled, so there is no organization to point back to.")
    wanted = {**tried.enabled_settings, **values}
    apply_settings(tried, wanted, secret)
    if incomplete := missing_settings(tried):
        raise Refusal("configuration", incomplete.message, incomplete.fix)
    found = clients.settings_client(tried, credentials.open_credential(tried), None).who_am_i().organization_id
    if found != own.id:
        raise Refusal(
            "wrong_environment",
            f"At {tried.environment_url} the organization {found} answers, not {own}. Nothing was changed.",
            "Enter the Environment URL at which the own organization answers now.",
            field="environment_url",
        )
    with audit_as(user), transaction.atomic():
        stored = lock_connection(company)
        if stored.changed_at != before:
            raise NotUsable("The settings were changed meanwhile.", "Look at them, then point back again.")
        made = {name: getattr(stored, name) for name in OBJECTS}
        apply_settings(stored, wanted, secret)
        if stored.enabled:
            for name, value in made.items():
                setattr(stored, name, value)
        organization.belong_to(stored, own)
        stored.changed_at = timezone.now()
        stored.save()
    return stored


def take_over(*, company: Company, expected: UUID, user: Any) -> None:
    """Let the connection belong to another organization, whose couplings are the company's from now on."""
    with audit_as(user), transaction.atomic():
        stored = lock_connection(company)
        other = organization.other_organization(stored)
        name = other.name if other is not None and other.id == expected else ""
        organization.belong_to(stored, KnownOrganization(expected, name))
        # They were about the other one.
        stored.checks, stored.checked_at = [], None
        stored.base_currency_id, stored.base_currency_code = None, ""
        stored.changed_at = timezone.now()
        stored.save()
        hooks.run_moved(company, user)
