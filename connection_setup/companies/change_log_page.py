"""Page Change Log: who changed a company's connection and mappings, enabled, disabled or consented, and when.

The rows are django-auditlog's. They hold no secret: that one changed shows as a new credential. What concerns the
connection is for administrators; the other kinds of rows, which rooms above name, for whoever may read the company.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, Q, QuerySet, Subquery
from django.utils.text import capfirst

from connection_setup import captions, hooks
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
CONNECTION = "connection"
ACTIONS = {LogEntry.Action.CREATE: "Created", LogEntry.Action.DELETE: "Deleted"}


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


def build_page(connection: DataverseConnection, *, administrator: bool) -> Page:
    """Return the page of a company. administrator: whether changes of its connection are listed too."""
    return Page(
        TITLE,
        company=connection.company,
        crumbs=(Link(captions.TITLE, company_url("connection_setup:setup", connection.company)),),
        help="connection#change-log",
        listing=build_listing(connection, administrator=administrator),
    )


def build_listing(connection: DataverseConnection, *, administrator: bool) -> Listing:
    """Return the entries of a company, the newest first."""
    kinds = [(logged.name, logged.caption) for logged in hooks.logged_rows()]
    columns = [
        Column("when", "Date and Time", "timestamp", sort="timestamp"),
        Column("who", "User", actor_name),
        Column("of", "Concerns", concerns, wrap=True),
        Column("what", "What", change_kind),
        Column("changes", "Changes", lambda row: "; ".join(describe_changes(row)), wrap=True),
    ]
    filters = [Filter("of", "Concerns", _filter_kind, [(CONNECTION, "Connection"), *kinds] if administrator else kinds)]
    if administrator:
        columns.append(Column("address", "Address", "remote_addr", default=False))
        groups = [(group.name, group.caption) for group in GROUPS]
        filters.append(Filter("group", "What about the connection", _filter_group, groups))
    return Listing(
        id="change-log",
        caption="Changes",
        rows=_entries(connection, administrator=administrator),
        columns=columns,
        filters=filters,
        key="pk",
        empty=Notice(
            "Every change of the connection, of mappings and of what belongs to them is listed here, with who made it "
            "and when.",
            title="Nothing was changed yet.",
        ),
    )


def _entries(connection: DataverseConnection, *, administrator: bool) -> "QuerySet[LogEntry]":
    """Return the entries of a company: those of rows that are there, and of rows that were."""
    company = connection.company
    wanted = Q(pk__in=())
    if administrator:
        wanted |= Q(content_type=_type_of(DataverseConnection), object_pk=str(connection.pk or 0))
    for logged in hooks.logged_rows():
        of_company = Q(additional_data__company_id=company.pk) | Q(object_id__in=logged.rows(company).values("pk"))
        wanted |= Q(content_type=_type_of(logged.model)) & of_company
    rows: QuerySet[LogEntry] = LogEntry.objects.filter(wanted)
    return rows.select_related("actor", "content_type").order_by("-timestamp", "-pk")


def _name_of(model: type[Model]) -> dict[str, str]:
    return {"app_label": model._meta.app_label, "model": model._meta.model_name or ""}


def _type_of(model: type[Model]) -> Subquery:
    """Return the type of a model's rows, looked up with the entries."""
    return Subquery(ContentType.objects.filter(**_name_of(model)).values("pk")[:1])


def _logged(row: LogEntry) -> hooks.Logged | None:
    """Return the kind of row that an entry is about, None for the connection."""
    name = {"app_label": row.content_type.app_label, "model": row.content_type.model}
    return next((one for one in hooks.logged_rows() if _name_of(one.model) == name), None)


def concerns(row: LogEntry) -> str:
    """Return what an entry is about: "Connection", "Mapping CUSTOMER"."""
    logged = _logged(row)
    if logged is None:
        return "Connection"
    return f"{logged.caption} {(row.additional_data or {}).get('of') or row.object_repr}"


def actor_name(row: LogEntry) -> str:
    """Return who made a change: a person, whose entries outlive the account, or a command, which has no address."""
    if row.actor is not None:
        return str(row.actor.get_username())
    return "A user who was deleted" if row.remote_addr or row.actor_email else capfirst(consent.BY_COMMAND)


def change_kind(row: LogEntry) -> Cell:
    """Return what a change was, in a word."""
    if _logged(row) is not None:
        return Status(ACTIONS.get(row.action, "Changed"))
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
    logged = _logged(row)
    if logged is not None:
        yield from _changes_of(logged, row)
        return
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
            yield _changed(_caption(name), _display_value(name, before), _display_value(name, after))


def _changes_of(logged: hooks.Logged, row: LogEntry) -> Iterator[str]:
    """Yield the changes of a row that came or went by what is not as every new one has it; those of others whole."""
    for name, (before, after) in sorted(row.changes_dict.items()):
        column = _column(logged.model, name)
        if (logged.captions and name not in logged.captions) or _plain(before) == _plain(after):
            continue
        if column is not None and (column.is_relation or column.primary_key):
            continue
        if row.action in ACTIONS and column is not None and _plain(column.get_default()) in (
            _plain(before) + _plain(after),
        ):  # fmt: skip
            continue
        caption = logged.captions.get(name) or (capfirst(str(column.verbose_name)) if column is not None else name)
        if say := logged.words.get(name):
            before, after = _said(say, before), _said(say, after)
        words = {str(value): str(label) for value, label in (column.flatchoices if column is not None else ())}
        yield _changed(caption, _shown(before, words), _shown(after, words))


def _said(say: Callable[[Any], str], stored: Any) -> str:
    """Return how a JSON value is said; as it is stored where it cannot be read."""
    try:
        return say(json.loads(stored)) if _plain(stored) else ""
    except ValueError:
        return str(stored)


def _changed(caption: str, before: str, after: str) -> str:
    return f"{caption}: {before} \N{RIGHTWARDS ARROW} {after}"


def _column(model: type[Model], name: str) -> "Field[Any, Any] | None":
    try:
        found = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, Field) else None


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
    return _shown(value, CHOICES.get(name, {}))


def _shown(value: Any, words: Mapping[str, str]) -> str:
    known = {"True": "Yes", "False": "No", **words}
    text = known.get(_plain(value), _in_words(_plain(value))) or "blank"
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 3]}..."


def _in_words(text: str) -> str:
    """Return a list, or an object of single values, without the marks of JSON; all other text as it is."""
    if not text.startswith(("[", "{")):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    inner = found.values() if isinstance(found, dict) else found
    if any(isinstance(one, dict | list) for one in inner):
        return text
    return (
        ", ".join(f"{name} = {one}" for name, one in found.items())
        if isinstance(found, dict)
        else ", ".join(str(one) for one in found)
    )


def _filter_group(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    columns = next((group.columns for group in GROUPS if group.name == value), ())
    return rows.filter(content_type=_type_of(DataverseConnection), changes__has_any_keys=list(columns))


def _filter_kind(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    models: dict[str, type[Model]] = {
        CONNECTION: DataverseConnection,
        **{logged.name: logged.model for logged in hooks.logged_rows()},
    }
    return rows.filter(content_type=_type_of(models[value])) if value in models else rows
