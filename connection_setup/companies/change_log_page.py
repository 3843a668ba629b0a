"""Page Change Log: who changed, enabled, disabled or consented to a company's connection, and when.

The rows are django-auditlog's. They hold no secret: that one changed shows as a new credential.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditlog.models import LogEntry
from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet
from django.utils.text import capfirst

from connection_setup import captions
from connection_setup.connection import settings
from connection_setup.models import AuthenticationType, DataverseConnection, OwnershipModel
from connection_setup.provisioning import consent
from ui.kit import Cell, Link, Notice, Page, Status
from ui.links import company_url
from ui.listing import Column, Filter, Listing

TITLE = "Change Log"
MASK = "hidden"
HIDDEN_COLUMNS = frozenset(
    {
        "id",
        "company",
        "business_unit_id",
        "owning_team_id",
        "company_row_id",
        "integration_user_id",
        "organization_id",
        "base_currency_id",
        "enabled_at",
        "consented_for",
        "consented_at",
        "next_client_id",
        "credential_version",
    }
)
"""Columns that say nothing to a person: ids, and what follows from another column beside it."""
CAPTIONS = {
    "organization_name": "Organization",
    "sandbox_ca_file": "Sandbox's certificate authority",
    "base_currency_code": "Base currency",
    "next_certificate": "Pending certificate",
}
"""Of columns whose model has no caption for people."""
CHOICES: Mapping[str, Mapping[str, str]] = {
    "cloud": dict(captions.CLOUDS),
    "authentication_type": dict(AuthenticationType.choices),
    "ownership_model": dict(OwnershipModel.choices),
}
MAX_VALUE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Group:
    """A choice of the filter What: changes of any of these columns."""

    name: str
    caption: str
    columns: Sequence[str]


GROUPS = (
    Group("enabled", "Enabled and disabled", ("enabled",)),
    Group("consent", "Consent", ("consented_by",)),
    Group(
        "settings",
        "Settings",
        (
            *settings.CREDENTIALS,
            "ownership_model",
            "secret_entered_at",
            "redirect_url",
            "client_secret_expires_on",
            "business_unit_name",
            "next_certificate",
            "certificate",
        ),
    ),
)


def build_page(connection: DataverseConnection) -> Page:
    """Return the page of a company's connection."""
    return Page(
        TITLE,
        company=connection.company,
        crumbs=(Link(captions.TITLE, company_url("connection_setup:setup", connection.company)),),
        help="connection#change-log",
        listing=build_listing(connection),
    )


def build_listing(connection: DataverseConnection) -> Listing:
    """Return the entries about a connection, the newest first."""
    rows = LogEntry.objects.get_for_model(DataverseConnection).filter(object_pk=str(connection.pk or 0))
    return Listing(
        id="change-log",
        caption="Changes",
        rows=rows.select_related("actor").order_by("-timestamp", "-pk"),
        columns=[
            Column("when", "Date and Time", "timestamp", sort="timestamp"),
            Column("who", "User", actor_name),
            Column("what", "What", change_kind),
            Column("changes", "Changes", lambda row: "; ".join(describe_changes(row)), wrap=True),
            Column("address", "Address", "remote_addr", default=False),
        ],
        filters=[Filter("group", "What", _filter_group, [(group.name, group.caption) for group in GROUPS])],
        key="pk",
        empty=Notice(
            "Every change of the connection is listed here, with who made it and when.",
            title="Nothing was changed yet.",
        ),
    )


def actor_name(row: LogEntry) -> str:
    """Return who made a change: a person, whose entries outlive the account, or a command, which has no address."""
    if row.actor is not None:
        return str(row.actor.get_username())
    return "A user who was deleted" if row.remote_addr or row.actor_email else capfirst(consent.BY_COMMAND)


def change_kind(row: LogEntry) -> Cell:
    """Return what a change was, in a word."""
    changes = row.changes_dict
    if "enabled" in changes and not (row.action == LogEntry.Action.CREATE and changes["enabled"][1] != "True"):
        return Status("Enabled", "ok") if changes["enabled"][1] == "True" else Status("Disabled", "warn")
    if "consented_by" in changes and changes["consented_by"][1]:
        return Status("Consented")
    if "answers" in changes and row.action != LogEntry.Action.CREATE:
        return Status("Answered")
    return Status("Created" if row.action == LogEntry.Action.CREATE else "Settings")


def describe_changes(row: LogEntry) -> Iterator[str]:
    """Yield the changes of an entry, one text each: "Tenant ID: a -> b"; of a secret only that it changed."""
    for name, (before, after) in sorted(row.changes_dict.items()):
        if name in HIDDEN_COLUMNS or _plain(before) == _plain(after) == "":
            continue
        if name == "enabled" and (_plain(before), _plain(after)) == ("", "False"):
            continue  # the row was created, and is not enabled yet
        if name == "secret_entered_at":
            yield f"Credential: {MASK}, {'changed' if _plain(before) else 'entered'}"
        elif name in ("next_certificate", "certificate", "sandbox_ca_file"):
            yield f"{_caption(name)}: {'changed' if _plain(after) else 'removed'}"
        elif name == "answers":
            yield "A question of the setup page was answered"
        else:
            yield f"{_caption(name)}: {_display_value(name, before)} \N{RIGHTWARDS ARROW} {_display_value(name, after)}"


def _caption(name: str) -> str:
    if name in CAPTIONS:
        return CAPTIONS[name]
    try:
        return capfirst(str(getattr(DataverseConnection._meta.get_field(name), "verbose_name", name)))
    except FieldDoesNotExist:
        return capfirst(name.replace("_", " "))


def _plain(value: Any) -> str:
    return "" if value in (None, "None", "", "{}", "[]") else str(value)


def _display_value(name: str, value: Any) -> str:
    """Return a value as the setup page shows it, cut at MAX_VALUE_LENGTH."""
    known = {"True": "Yes", "False": "No", **CHOICES.get(name, {})}
    text = known.get(_plain(value), _plain(value)) or "blank"
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 3]}..."


def _filter_group(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    columns = next((group.columns for group in GROUPS if group.name == value), ())
    return rows.filter(changes__has_any_keys=list(columns))
