"""The web hook of a company: registered by somebody who may, its key checked, renewed when out of date, removed.

What is registered is stored once Dataverse has taken it; its id there is chosen and stored before anything is sent, so
that a second try finds what the first one made. While a company has none, its mappings run at their times alone.
"""

import hmac
import logging
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from connection_setup import hooks
from connection_setup.connection import clients, state
from connection_setup.models import DataverseConnection, WebHook
from connection_setup.secrets.sealing import CannotDecrypt, seal, unseal
from connection_setup.web_hook import registration
from core.database_outage import is_database_outage
from core.refusals import Explained, NotUsable, Refusal
from dataverse import clouds
from dataverse.errors import DataverseError
from masterdata.models import Company

logger = logging.getLogger(__name__)
RECEIVER = "sync:web-hook"
"""The view that Dataverse calls."""
LOOK_EVERY = timedelta(minutes=5)
"""How often the tick looks whether a registration is out of date, or tries again to remove one."""
CALL_NOTED_EVERY = timedelta(minutes=1)
SIGN_IN = "Choose Integration, then Register Web Hook, on Dataverse Connection Setup, and sign in as an administrator."
_DEFAULT_PORT = 443
_TRIES = 3
"""How often it is registered where somebody else registers it at the same time."""


def address_of(company: Company) -> str:
    """Return the address at which Dataverse calls this site for a company."""
    return f"{settings.PUBLIC_URL}{reverse(RECEIVER, kwargs={'hook': company.system_id})}"


def address_problem(connection: DataverseConnection) -> Refusal | None:
    """Return why Dataverse could not call this site at its address; None where it might.

    Whether it can be reached from there is known once Dataverse has called.
    """
    parts = urlsplit(settings.PUBLIC_URL)
    host = parts.hostname or ""
    environment = urlsplit(connection.environment_url).hostname or ""
    if clouds.is_loopback(environment):
        return None  # a sandbox on this machine calls any address of it
    if parts.scheme == "https" and (parts.port or _DEFAULT_PORT) == _DEFAULT_PORT and not clouds.is_loopback(host):
        return None
    return NotUsable(
        f"Dataverse calls a web hook at an https address, at port {_DEFAULT_PORT}, that it can reach from the "
        f"internet; the address of this site is {settings.PUBLIC_URL}.",
        "Put a proxy that speaks HTTPS in front of this site, and set PUBLIC_URL, or SITE_URL, to its address.",
    )


# -- registering ------------------------------------------------------------------------------------------------------


def register(*, company: Company, client: Any, by: str) -> WebHook:
    """Register the company's web hook as the client's user, or renew it, with a new key. Repeatable.

    client: of an administrator, or of the application where its role may. by: a name. Of two at once the second to
    store registers again, so that the key stored is the one that Dataverse has. Raises Refusal (also where it was
    disabled or removed meanwhile: it is removed again), DataverseError; why it was refused stays with what is stored.
    """
    connection = state.connection_of(company)
    if off := state.disabled_reason(connection):
        raise off
    if problem := address_problem(connection):
        raise problem
    tables = hooks.mapped_tables(company)
    if not tables:
        raise NotUsable("There is no mapping to wake.", "Add mappings first: choose Use Default Synchronization Setup.")
    organization_id = clients.verify_organization(company, client)
    for _ in range(_TRIES):
        kept = _chosen(company, organization_id)
        try:
            stored = _register(kept, client, tables, by)
        except DataverseError as error:
            _note_problem(kept, error)
            raise
        if stored is not None:
            return stored
        if not _is_wanted(kept):
            _take_back(client, kept)
            raise NotUsable(
                "The connection was disabled, or the web hook removed, while it was registered, so it was removed "
                "again.",
                SIGN_IN,
            )
    # Dataverse may have the key of the one that lost: the tick renews it.
    WebHook.objects.filter(pk=kept.pk).update(address="", looked_at=None)
    raise NotUsable("Somebody else registered the web hook at the same time.", "It is renewed within minutes.")


def _register(kept: WebHook, client: Any, tables: Collection[str], by: str) -> WebHook | None:
    """Register it in Dataverse and store that; None where what is stored changed meanwhile. Raises DataverseError."""
    address, key = address_of(kept.company), secrets.token_urlsafe(32)
    called = registration.register(
        client, kept.endpoint_id, name=f"Tandem - {kept.company.name}", address=address, key=key, tables=tables
    )
    with transaction.atomic():
        state.lock_connection(kept.company)
        now = WebHook.objects.select_for_update().filter(pk=kept.pk, leaving_since=None, key=bytes(kept.key)).first()
        if now is None:
            return None
        now.key, now.address, now.tables, now.wanted_tables = seal(key), address, called, sorted(tables)
        now.registered_at, now.registered_by = timezone.now(), by[:150]
        now.problem = now.problem_fix = ""
        now.save(update_fields=[
            "key", "address", "tables", "wanted_tables", "registered_at", "registered_by", "problem", "problem_fix",
        ])  # fmt: skip
    return now


def _is_wanted(kept: WebHook) -> bool:
    return WebHook.objects.filter(pk=kept.pk, leaving_since=None).exists()


def _take_back(client: Any, kept: WebHook) -> None:
    """Remove from Dataverse what was registered too late; where that fails, the tick does, as long as it is known."""
    try:
        registration.remove(client, kept.endpoint_id)
    except DataverseError as error:
        logger.warning("the web hook of company %s stays in Dataverse: %s", kept.company_id, error)


def register_as_application(company: Company, *, by: str) -> WebHook:
    """Register the web hook with the application's own rights. Raises Refusal, also where its role may not."""
    try:
        return register(company=company, client=clients.client_for(company), by=by)
    except DataverseError as error:
        fix = SIGN_IN if error.reason == "denied" else error.fix
        raise Refusal(error.reason, error.message, fix, detail=error.detail) from error


def _chosen(company: Company, organization_id: UUID) -> WebHook:
    """Return what is stored of the web hook, with the id it has in Dataverse; another organization's is forgotten."""
    with transaction.atomic():
        state.lock_connection(company)
        kept = WebHook.objects.filter(company=company).first()
        if kept is not None and kept.organization_id != organization_id:
            kept.delete()
            kept = None
        if kept is None:
            kept = WebHook.objects.create(company=company, endpoint_id=uuid4(), organization_id=organization_id)
        # Without an address it is out of date until it is stored again: what is killed half-way the tick renews.
        kept.leaving_since, kept.address, kept.looked_at = None, "", timezone.now()
        kept.save(update_fields=["leaving_since", "address", "looked_at"])
    return kept


def _note_problem(kept: WebHook, error: Explained) -> None:
    """Store why it was refused, unless somebody else registered it meanwhile."""
    WebHook.objects.filter(pk=kept.pk, key=bytes(kept.key)).update(problem=error.message, problem_fix=error.fix)


# -- removing ---------------------------------------------------------------------------------------------------------


def leave(company: Company, _user: Any) -> None:
    """Have the web hook removed, since the connection is disabled: calls count for nothing from now on.

    The hook of hooks.on_disabled, in its transaction: Dataverse is asked by the next tick.
    """
    WebHook.objects.filter(company=company).update(
        leaving_since=timezone.now(), key=b"", registered_at=None, looked_at=None
    )


def forget_moved(company: Company, _user: Any) -> None:
    """Forget the web hook of the organization that the connection belonged to before; the hook of hooks.on_moved."""
    own = state.connection_of(company).organization_id
    rows = WebHook.objects.filter(company=company)
    (rows if own is None else rows.exclude(organization_id=own)).delete()


def remove(company: Company) -> bool:
    """Remove the web hook from Dataverse with the application's own rights, and forget it; whether there was one.

    Raises Refusal, DataverseError; what it is called with counts for nothing all the same.
    """
    kept = WebHook.objects.filter(company=company).first()
    if kept is None:
        return False
    leave(company, None)
    kept.key = b""
    _remove(kept)
    return True


def _remove(kept: WebHook) -> None:
    connection = state.connection_of(kept.company)
    try:
        client: Any = clients.organization_client(connection, kept.organization_id)
        registration.remove(client, kept.endpoint_id)
    except (DataverseError, Refusal) as error:
        _note_problem(kept, error)
        raise
    WebHook.objects.filter(pk=kept.pk, leaving_since__isnull=False).delete()


# -- what the tick does -----------------------------------------------------------------------------------------------


def settle(now: datetime) -> None:
    """Remove what is to leave, and renew what is out of date, each where that was not tried for LOOK_EVERY."""
    due = Q(looked_at=None) | Q(looked_at__lt=now - LOOK_EVERY) | Q(looked_at__gt=now)
    for kept in WebHook.objects.filter(due).select_related("company__connection"):
        if not WebHook.objects.filter(pk=kept.pk, looked_at=kept.looked_at).update(looked_at=now):
            continue  # another tick has it
        try:
            if kept.leaving_since is not None:
                _remove(kept)
            elif kept.registered_at is not None and kept.company.connection.enabled and is_outdated(kept):
                register_as_application(kept.company, by=kept.registered_by)
        except (DataverseError, Refusal) as error:
            logger.warning("the web hook of company %s: %s", kept.company_id, error)
        except Exception as error:  # of one company; the others' are looked after all the same
            if is_database_outage(error):
                raise
            logger.exception("the web hook of company %s could not be looked after", kept.company_id)


def is_outdated(kept: WebHook) -> bool:
    """Return whether Dataverse calls another address than this site's, or not for all mappings, or with a lost key."""
    if kept.address != address_of(kept.company) or set(kept.wanted_tables) != set(hooks.mapped_tables(kept.company)):
        return True
    try:
        return not unseal(kept.key)
    except CannotDecrypt:
        return True


# -- being called -----------------------------------------------------------------------------------------------------


def accepts(company_id: UUID, key: str) -> Company | None:
    """Return the company whose web hook a call with this key is for; None for any other call.

    company_id: the one in the address. The moment of the call is noted, once a minute at most.
    """
    kept = WebHook.objects.filter(company__system_id=company_id).select_related("company").first()
    try:
        expected = unseal(kept.key) if kept is not None else ""
    except CannotDecrypt:
        expected = ""
    # Compared in any case, so that how long it takes does not tell whether there is such a company.
    same = hmac.compare_digest(key.encode(), (expected or secrets.token_urlsafe(32)).encode())
    if not same or kept is None or kept.registered_at is None:
        return None
    now = timezone.now()
    if kept.called_at is None or not now - CALL_NOTED_EVERY < kept.called_at <= now:
        WebHook.objects.filter(pk=kept.pk).update(called_at=now)
    return kept.company
