"""Page Role Changes: who gave and took which role, and deactivated whom, and when. The rows are django-auditlog's."""

from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts import access, decisions
from accounts.models import CompanyRole
from core.roles import Can, may
from masterdata.models import Company
from ui.kit import Cell, Link, Notice, Page, Status
from ui.links import company_url
from ui.listing import Column, Filter, Listing

TITLE = "Role Changes"
PEOPLE = "People"
BY_COMMAND = "A command"
GIVEN, TAKEN = LogEntry.Action.CREATE, LogEntry.Action.DELETE


def build_page(request: HttpRequest, company: Company) -> Page:
    """Return the page."""
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(PEOPLE, company_url("accounts:people", company)),),
        help="people#changes",
        listing=build_listing(request),
    )


def build_listing(request: HttpRequest) -> Listing:
    """Return the changes in the companies that the person administers, the newest first."""
    return Listing(
        id="role-changes",
        caption="changes",
        rows=entries_for(request).select_related("actor").order_by("-timestamp", "-pk"),
        columns=[
            Column("when", "Date and Time", "timestamp", sort="timestamp"),
            Column("person", "Person", person_of),
            Column("what", "What", kind_of),
            Column("role", "Role", lambda row: (row.additional_data or {}).get("role", "")),
            Column("company", "Company", company_of),
            Column("who", "By", actor_of),
            Column("address", "Address", "remote_addr", default=False),
        ],
        filters=[
            Filter("what", "What", _filter_kind, [("given", "Given"), ("taken", "Taken")]),
            Filter("person", "Person", _filter_person, kind="text"),
        ],
        key="pk",
        empty=Notice(
            "Every role that is given or taken is listed here, with who did it and when.",
            title="No role was given yet.",
        ),
    )


def entries_for(request: HttpRequest) -> "QuerySet[LogEntry]":
    """Return the entries about roles in companies that the person administers; and about people, of all companies."""
    given = Q(content_type=ContentType.objects.get_for_model(CompanyRole), action__in=[GIVEN, TAKEN])
    if may(request.user, Can.ADMINISTER_ALL):
        people = Q(content_type=ContentType.objects.get_for_model(User), action=LogEntry.Action.UPDATE)
        wanted = given | people & Q(changes__has_key="is_active")
    else:
        companies = [one.pk for one in access.visible_companies(request, Can.ADMINISTER)]
        wanted = given & Q(additional_data__company_id__in=companies)
    entries: QuerySet[LogEntry] = LogEntry.objects.filter(wanted)
    return entries


def person_of(row: LogEntry) -> Cell:
    """Return whose role it is."""
    return str((row.additional_data or {}).get("person") or row.object_repr)


def company_of(row: LogEntry) -> Cell:
    """Return where the role counts."""
    if "is_active" in row.changes_dict and not row.additional_data:
        return ""
    return str((row.additional_data or {}).get("company")) or decisions.ALL_COMPANIES.capitalize()


def kind_of(row: LogEntry) -> Cell:
    """Return what happened, in a word."""
    if row.action == GIVEN:
        return Status("Given", "ok")
    if row.action == TAKEN:
        return Status("Taken", "warn")
    return Status("Activated", "ok") if row.changes_dict["is_active"][1] == "True" else Status("Deactivated", "warn")


def actor_of(row: LogEntry) -> Cell:
    """Return who did it: a person, whose entries outlive the account, or a command, which has no address."""
    if row.actor is not None:
        return str(row.actor.get_username())
    return "A person who was deleted" if row.remote_addr or row.actor_email else BY_COMMAND


def _filter_kind(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    return rows.filter(action=GIVEN if value == "given" else TAKEN)


def _filter_person(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    return rows.filter(Q(additional_data__person__icontains=value) | Q(object_repr__icontains=value))
