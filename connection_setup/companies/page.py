"""Dataverse Connections of All Companies: how each stands, and what is still to do in each."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.template.defaultfilters import date as formatted_date
from django.utils import timezone

from connection_setup import captions
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.types import Report
from masterdata.models import Company
from ui.kit import Cell, FastTab, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url
from ui.listing import Column, Filter, Listing

TITLE = "Dataverse Connections of All Companies"
SHOWN = 20
"""So many companies the certificate page names, those with something to do first."""
DONE, TO_DO, WAITS, NOTHING = "Done", "To do", "Certificate waits", "Nothing to do"


def page(company: Company, seen: Sequence[Company], *, administrator: bool) -> Page:
    """The page: the companies that the person sees, a line each."""
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(captions.TITLE, _setup(company)),),
        state=_state(seen),
        help="connection#companies",
        tip=Tip(
            "One connection per company",
            "Each company has its own connection, mappings, couplings and jobs. What is changed on a setup page is "
            "changed for that company alone: repeat it in each.",
        ),
        listing=_listing(seen, administrator=administrator),
    )


def certificate_state(connection: DataverseConnection | None) -> str:
    """Whether the company still has to change to a certificate: DONE, TO_DO, WAITS or NOTHING."""
    if connection is None or not connection.enabled or credentials.provided(connection):
        return NOTHING
    if connection.authentication_type == AuthenticationType.CERTIFICATE:
        return DONE
    return WAITS if connection.next_certificate else TO_DO


def certificates_left(seen: Iterable[Company]) -> list[Company]:
    """The companies that still have to change to a certificate."""
    return [one for one in seen if certificate_state(connection_of(one)) in (TO_DO, WAITS)]


def certificates_tab(company: Company, seen: Sequence[Company]) -> FastTab | None:
    """The to-do list of Use Certificate Authentication; None where no other company is connected."""
    states = [(one, certificate_state(connection_of(one))) for one in with_connections(seen)]
    states = sorted([one for one in states if one[1] != NOTHING], key=lambda one: one[1] == DONE)
    rows: list[tuple[Cell, ...]] = [
        (Link(one.name, _certificate(one)), _certificate_status(state), "This page" if one == company else "")
        for one, state in states[:SHOWN]
    ]
    if len(states) > SHOWN:
        everyone = company_url("connection_setup:companies", company)
        rows.append((Link(f"{len(states) - SHOWN:,} more", everyone), "", ""))
    if len(rows) < 2:
        return None
    done = sum(state == DONE for _, state in states)
    return FastTab(
        "companies",
        "Repeat in Each Company",
        gist=f"{done} of {len(states)} companies done",
        table=Table("Companies that are connected", ("Company", "Certificate", "Note"), rows),
    )


def with_connections(seen: Sequence[Company]) -> list[Company]:
    """The companies with what is known of their connections, in one query."""
    known = {one.company_id: one for one in DataverseConnection.objects.filter(company__in=list(seen))}
    for one in seen:
        one._connection_known = known.get(one.pk)  # type: ignore[attr-defined]
    return list(seen)


def connection_of(company: Company) -> DataverseConnection | None:
    """The company's connection as `with_connections` found it; None where it has none."""
    if not hasattr(company, "_connection_known"):
        with_connections([company])
    found: DataverseConnection | None = company._connection_known  # type: ignore[attr-defined]
    return found


def _listing(seen: Sequence[Company], *, administrator: bool) -> Listing:
    columns = [
        Column("name", "Company", "name", sort="name", wrap=True),
        Column("state", "State", _shown(captions.state), sort="connection__enabled"),
        *([Column("open", "Action", _next_step)] if administrator else []),
        Column("certificate", "Certificate", _certificate_cell),
        Column("expires", "Credential Expires", _shown(_expires)),
        Column("environment", "Environment", _shown(_environment), sort="connection__environment_url", wrap=True),
        Column(
            "authentication", "Authentication Type", _shown(_authentication), sort="connection__authentication_type"
        ),
        Column("tested", "Last Test", _shown(_tested), sort="connection__checked_at"),
    ]
    return Listing(
        "connections",
        "companies",
        Company.objects.filter(pk__in=[one.pk for one in seen]).order_by("name"),
        columns,
        filters=(
            Filter("state", "State", _by_state, (("on", "Enabled"), ("off", "Not enabled"), ("none", "Not set up"))),
            Filter("certificate", "Certificate", _by_certificate, (("todo", TO_DO), ("done", DONE))),
        ),
        search=("name__icontains", "connection__environment_url__icontains"),
        search_label="Search companies",
        row_url=_setup,
        decorate=_decorate,
        empty=Notice("Make one with manage.py company create.", title="There is no company yet."),
    )


def _decorate(rows: list[Any]) -> None:
    with_connections(rows)


def _shown(of: Callable[[DataverseConnection], Cell]) -> Callable[[Company], Cell]:
    """A cell made of the row's connection; of one with default settings where it has none."""

    def cell(company: Company) -> Cell:
        return of(connection_of(company) or DataverseConnection(company=company))

    return cell


def _environment(connection: DataverseConnection) -> Cell:
    host = connection.environment_url.removeprefix("https://")
    return f"{connection.organization_name} ({host})" if host and connection.organization_name else host


def _authentication(connection: DataverseConnection) -> Cell:
    if not connection.environment_url:
        return ""
    kind = str(connection.get_authentication_type_display())
    return f"{kind}, provided" if credentials.provided(connection) else kind


def _expires(connection: DataverseConnection) -> Cell:
    expires = credentials.expiry(connection, timezone.localdate())
    return Status(f"{expires.on:%-d %B %Y}", captions.STATES[expires.state]) if expires else ""


def _tested(connection: DataverseConnection) -> Cell:
    if not connection.checked_at:
        return ""
    report = Report.stored(connection.checks)
    moment = formatted_date(timezone.localtime(connection.checked_at), "j M Y H:i")
    word = "failed" if report.failed else "attention" if report.attention_count else "OK"
    return Status(f"{moment}, {word}", "bad" if report.failed else "warn" if report.attention_count else "ok")


def _certificate_cell(company: Company) -> Cell:
    return _certificate_status(certificate_state(connection_of(company)))


def _certificate_status(state: str) -> Status:
    return Status(state, {DONE: "ok", TO_DO: "warn", WAITS: "run"}.get(state, ""))  # type: ignore[arg-type]


def _next_step(company: Company) -> Cell:
    """What is next for the company."""
    connection = connection_of(company)
    if connection is None or not connection.environment_url:
        return Link("Set up", _setup(company))
    if not connection.enabled:
        return Link("Enable", _setup(company))
    if certificate_state(connection) in (TO_DO, WAITS):
        return Link("Use Certificate Authentication", _certificate(company))
    return Link("Open", _setup(company))


def _by_state(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    if value == "on":
        return rows.filter(connection__enabled=True)
    none = Q(connection=None) | Q(connection__environment_url="")
    return rows.filter(none) if value == "none" else rows.exclude(none).filter(connection__enabled=False)


def _by_certificate(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    connected = rows.filter(connection__enabled=True)
    kind = {"connection__authentication_type": AuthenticationType.CERTIFICATE}
    return connected.filter(**kind) if value == "done" else connected.exclude(**kind)


def _state(seen: Sequence[Company]) -> Status:
    enabled = DataverseConnection.objects.filter(company__in=list(seen), enabled=True).count()
    return Status(f"{enabled} of {len(seen)} enabled", "ok" if enabled == len(seen) and seen else "")


def _setup(company: Company) -> str:
    return company_url("connection_setup:setup", company)


def _certificate(company: Company) -> str:
    return company_url("connection_setup:certificate", company)
