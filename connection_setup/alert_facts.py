"""The alerts of connections: a credential that expires, an environment that changed. And sealing webhooks' secrets."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from connection_setup import hooks
from connection_setup.connection.organization import changed_organization
from connection_setup.models import DataverseConnection
from connection_setup.secrets import credentials, sealing
from connection_setup.setup.notices import environment_changed_notice
from jobs.alerts import kinds, secrets
from jobs.alerts.decisions import Fact
from jobs.models import AlertReceiver, AlertSettings
from ui.links import company_url, optional_url

EXPIRING, ENVIRONMENT = "expiring", "environment"


def register() -> None:
    """Name the kinds and their sources, what seals secrets, and what the change log lists; called at loading."""
    days = credentials.WARN_DAYS[0]
    kinds.add(
        EXPIRING, "Expiring credential",
        f"The client secret or certificate expires in {days} days or less; again once it has expired. Over once "
        "another one is in use.",
    )  # fmt: skip
    kinds.add(
        ENVIRONMENT, "Environment changed",
        "Another organization answers at the environment's address. Over once somebody has decided.",
    )  # fmt: skip
    kinds.add_source(EXPIRING, expiring)
    kinds.add_source(ENVIRONMENT, changed_environments)
    secrets.provide(secrets.Sealing(sealing.seal, sealing.unseal))
    hooks.log_changes(
        hooks.Logged(
            "alert-receiver", "Receiver of Alerts", AlertReceiver,
            lambda company: AlertReceiver.objects.filter(company=company),
            captions={
                "way": "Reached By", "shown_address": "Address", "kinds": "Kinds", "mapping_name": "Mapping",
                "version": "Version of Address and Secret",
            },
            words={"kinds": lambda names: ", ".join(map(kinds.label, names)) or "Every kind"},
        )
    )  # fmt: skip
    hooks.log_changes(
        hooks.Logged(
            "alert-settings", "Settings of", AlertSettings,
            lambda company: AlertSettings.objects.filter(company=company), captions={"digest": "Messages"},
        )
    )  # fmt: skip


def expiring(now: datetime) -> Iterable[Fact]:
    """Yield the enabled connections whose credential expires soon, or has expired."""
    today = timezone.localdate(now)
    for connection in DataverseConnection.objects.filter(enabled=True).select_related("company"):
        found = credentials.expiry(connection, today)
        if found is not None and found.warning_days is not None:
            url = company_url("connection_setup:setup", connection.company)
            subject = "expired" if found.days < 0 else "expires"
            yield Fact(connection.company_id, subject, found.message, url, fix=found.fix)


def changed_environments(_: datetime) -> Iterable[Fact]:
    """Yield the connections at whose address another organization answers."""
    others = DataverseConnection.objects.filter(other_organization_id__isnull=False).select_related("company")
    for connection in others:
        other = changed_organization(connection)
        notice = environment_changed_notice(connection)
        if other is not None and notice is not None:
            setup = company_url("connection_setup:setup", connection.company)
            url = optional_url("sync:environment", connection.company) or setup
            yield Fact(connection.company_id, str(other.id), f"{notice.title} {notice.text}".strip(), url)
