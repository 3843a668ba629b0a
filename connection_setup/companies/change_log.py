"""Change Log: who changed what of a company's connection, enabled, disabled and consented, and when.

The rows are django-auditlog's. Secrets are not among them: that one changed shows as a new credential.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from auditlog.models import LogEntry
from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.views.decorators.http import require_safe

from accounts.access import company as company_of
from connection_setup.captions import CLOUDS
from connection_setup.connection import settings, state
from connection_setup.models import AuthenticationType, DataverseConnection, OwnershipModel
from connection_setup.provisioning import consent
from core.roles import Can, requires
from ui import render
from ui.kit import Cell, Link, Notice, Page, Status
from ui.links import company_url
from ui.listing import Column, Filter, Listing

TITLE = "Change Log"
HIDDEN = "hidden"
UNTOLD = frozenset(
    {
        "id", "company", "business_unit_id", "owning_team_id", "company_row_id", "integration_user_id",
        "organization_id", "base_currency_id", "enabled_at", "consented_for", "consented_at", "next_client_id",
        "credential_version",
    }
)  # fmt: skip
"""Columns that say nothing to a person: ids, and what follows from another column beside it."""
CAPTIONS = {
    "organization_name": "Organization",
    "sandbox_ca_file": "Sandbox's authority",
    "base_currency_code": "Base currency",
    "answers": "Question",
}
CHOICES: Mapping[str, Mapping[str, str]] = {
    "cloud": dict(CLOUDS),
    "authentication_type": dict(AuthenticationType.choices),
    "ownership_model": dict(OwnershipModel.choices),
}
LONGEST = 120
GROUPS = (
    ("enabled", "Enabled and disabled", ("enabled",)),
    ("consent", "Consent", ("consented_by",)),
    ("settings", "Settings", (*settings.CREDENTIALS, "ownership_model", "secret_entered_at", "redirect_url",
                              "client_secret_expires_on", "business_unit_name", "next_certificate", "certificate")),
)  # fmt: skip


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The page."""
    connection = state.connection_of(company_of(request, company))
    return render.page(
        request,
        Page(
            TITLE,
            company=connection.company,
            crumbs=(Link("Dataverse Connection Setup", company_url("connection_setup:setup", connection.company)),),
            help="connection#change-log",
            listing=listing_of(connection),
        ),
    )


def listing_of(connection: DataverseConnection) -> Listing:
    """The entries about a connection, the newest first."""
    rows = LogEntry.objects.get_for_model(DataverseConnection).filter(object_pk=str(connection.pk or 0))
    return Listing(
        id="change-log",
        caption="Changes",
        rows=rows.select_related("actor").order_by("-timestamp", "-pk"),
        columns=[
            Column("when", "Date and Time", "timestamp", sort="timestamp"),
            Column("who", "User", lambda row: who(row)),
            Column("what", "What", lambda row: what(row)),
            Column("changes", "Changes", lambda row: "; ".join(told(row)), wrap=True),
            Column("address", "Address", "remote_addr", default=False),
        ],
        filters=[Filter("group", "What", _of_group, [(name, caption) for name, caption, _ in GROUPS])],
        key="pk",
        empty=Notice(
            "Every change of the connection is listed here, with who made it and when.", title="Nothing was changed yet"
        ),
    )


def who(row: LogEntry) -> str:
    """Who made a change. A command has no address; a person's entries outlive the person."""
    if row.actor is not None:
        return str(row.actor.get_username())
    return "A user who was deleted" if row.remote_addr or row.actor_email else capfirst(consent.BY_COMMAND)


def what(row: LogEntry) -> Cell:
    """What a change was, in a word."""
    changes = row.changes_dict
    if "enabled" in changes and not (row.action == LogEntry.Action.CREATE and changes["enabled"][1] != "True"):
        return Status("Enabled", "ok") if changes["enabled"][1] == "True" else Status("Disabled", "warn")
    if "consented_by" in changes and changes["consented_by"][1]:
        return Status("Consented")
    if "answers" in changes and row.action != LogEntry.Action.CREATE:
        return Status("Answered")
    return Status("Created" if row.action == LogEntry.Action.CREATE else "Settings")


def told(row: LogEntry) -> Iterator[str]:
    """The changes of an entry, one text each: "Tenant ID: a -> b"; a secret is only said to have changed."""
    for name, (before, after) in sorted(row.changes_dict.items()):
        if name in UNTOLD or _blank(before) == _blank(after) == "":
            continue
        if name == "enabled" and (_blank(before), _blank(after)) == ("", "False"):
            continue  # it was made, and is not enabled yet
        if name == "secret_entered_at":
            yield f"Credential: {HIDDEN}, {'changed' if _blank(before) else 'entered'}"
        elif name in ("next_certificate", "certificate", "sandbox_ca_file"):
            yield f"{_caption(name)}: {'changed' if _blank(after) else 'removed'}"
        elif name == "answers":
            yield "A question of the setup page was answered"
        else:
            yield f"{_caption(name)}: {_short(name, before)} \N{RIGHTWARDS ARROW} {_short(name, after)}"


def _caption(name: str) -> str:
    if name in CAPTIONS:
        return CAPTIONS[name]
    try:
        return capfirst(str(getattr(DataverseConnection._meta.get_field(name), "verbose_name", name)))
    except FieldDoesNotExist:
        return capfirst(name.replace("_", " "))


def _blank(value: Any) -> str:
    return "" if value in (None, "None", "", "{}", "[]") else str(value)


def _short(name: str, value: Any) -> str:
    """A value as the setup page shows it."""
    known = {"True": "Yes", "False": "No", **CHOICES.get(name, {})}
    text = known.get(_blank(value), _blank(value)) or "blank"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _of_group(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    names = next((keys for name, _, keys in GROUPS if name == value), ())
    return rows.filter(changes__has_any_keys=list(names))
