"""Page Dataverse Connections of All Companies: the status of each connection, and what to do next in each company."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet
from django.template.defaultfilters import date as formatted_date
from django.utils import timezone

from connection_setup import captions
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.types import Report
from masterdata.models import Company
from ui import kit
from ui.kit import Cell, FastTab, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url
from ui.listing import Column, Filter, Listing

TITLE = "Dataverse Connections of All Companies"
MAX_COMPANIES = 20
"""The certificate page names no more companies than this, those with something to do first."""


class CertificateState(StrEnum):
    """How far a company is with changing to a certificate, as pages show it."""

    DONE = "Done"
    TO_DO = "To do"
    PENDING = "Certificate pending"
    NOTHING = "Nothing to do"


UNFINISHED = (CertificateState.TO_DO, CertificateState.PENDING)
STATUS_STYLES: Mapping[CertificateState, kit.State] = {
    CertificateState.DONE: "ok",
    CertificateState.TO_DO: "warn",
    CertificateState.PENDING: "run",
    CertificateState.NOTHING: "",
}


def build_page(company: Company, visible: Sequence[Company], administered: Sequence[Company]) -> Page:
    """Return the page: a line for each company that the person sees, what to do next in those they administer."""
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(captions.TITLE, _setup_url(company)),),
        state=_status(visible),
        help="connection#companies",
        tip=Tip(
            "One connection per company",
            "Each company has its own connection, mappings, couplings and jobs. A change on a setup page applies to "
            "that company alone: repeat it in each.",
        ),
        listing=_listing(visible, administered),
    )


def certificate_state(connection: DataverseConnection | None) -> CertificateState:
    """Return how far the company is with changing to a certificate."""
    if connection is None or not connection.enabled or credentials.provided(connection):
        return CertificateState.NOTHING
    if connection.authentication_type == AuthenticationType.CERTIFICATE:
        return CertificateState.DONE
    return CertificateState.PENDING if connection.next_certificate else CertificateState.TO_DO


def companies_to_upgrade(companies: Iterable[Company]) -> list[Company]:
    """Return the companies that still have to change to a certificate."""
    return [company for company, state in _certificate_states(companies) if state in UNFINISHED]


def build_certificates_tab(company: Company, visible: Sequence[Company]) -> FastTab | None:
    """Return the to-do list of Use Certificate Authentication; None where no other company is connected."""
    states = [(one, state) for one, state in _certificate_states(visible) if state is not CertificateState.NOTHING]
    states.sort(key=lambda pair: pair[1] is CertificateState.DONE)
    rows: list[tuple[Cell, ...]] = [
        (Link(one.name, _certificate_url(one)), _certificate_status(state), "This page" if one == company else "")
        for one, state in states[:MAX_COMPANIES]
    ]
    if len(states) > MAX_COMPANIES:
        all_companies = company_url("connection_setup:companies", company)
        rows.append((Link(f"{len(states) - MAX_COMPANIES:,} more", all_companies), "", ""))
    if len(rows) < 2:
        return None
    done = sum(state is CertificateState.DONE for _, state in states)
    return FastTab(
        "companies",
        "Repeat in Each Company",
        gist=f"{done} of {len(states)} companies done",
        table=Table("Companies that are connected", ("Company", "Certificate", "Note"), rows),
    )


def _certificate_states(companies: Iterable[Company]) -> list[tuple[Company, CertificateState]]:
    """Return each company with its state; one query."""
    listed = list(companies)
    connections = {
        connection.company_id: connection for connection in DataverseConnection.objects.filter(company__in=listed)
    }
    return [(company, certificate_state(connections.get(company.pk))) for company in listed]


def _listing(visible: Sequence[Company], administered: Sequence[Company]) -> Listing:
    columns = [
        Column("name", "Company", "name", sort="name", wrap=True),
        Column("state", "State", _connection_cell(captions.connection_status), sort="connection__enabled"),
        *([Column("open", "Action", _next_step_in(administered))] if administered else []),
        Column("certificate", "Certificate", lambda row: _certificate_status(certificate_state(_connection(row)))),
        Column("expires", "Credential Expires", _connection_cell(_expires)),
        Column(
            "environment",
            "Environment",
            _connection_cell(_environment),
            sort="connection__environment_url",
            wrap=True,
        ),
        Column(
            "authentication",
            "Authentication Type",
            _connection_cell(_authentication),
            sort="connection__authentication_type",
        ),
        Column("tested", "Last Test", _connection_cell(_tested), sort="connection__checked_at"),
    ]
    states = (("on", "Enabled"), ("off", "Not enabled"), ("none", "Not set up"))
    certificates = (("todo", CertificateState.TO_DO.value), ("done", CertificateState.DONE.value))
    return Listing(
        "connections",
        "companies",
        Company.objects.filter(pk__in=[one.pk for one in visible]).select_related("connection").order_by("name"),
        columns,
        filters=(
            Filter("state", "State", _filter_state, states),
            Filter("certificate", "Certificate", _filter_certificate, certificates),
        ),
        search=("name__icontains", "connection__environment_url__icontains"),
        search_label="Search companies",
        row_url=_setup_url,
        empty=Notice("Create one with manage.py company create.", title="There is no company yet."),
    )


def _connection(company: Company) -> DataverseConnection | None:
    """Return the connection that came with a row of the list; None where it has none."""
    return getattr(company, "connection", None)


def _connection_cell(cell: Callable[[DataverseConnection], Cell]) -> Callable[[Company], Cell]:
    """Return a cell of a company made from its connection, or from default settings where it has none."""
    return lambda company: cell(_connection(company) or DataverseConnection(company=company))


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
    return Status(f"{expires.on:%-d %B %Y}", captions.STATUS_STYLES[expires.state]) if expires else ""


def _tested(connection: DataverseConnection) -> Cell:
    if not connection.checked_at:
        return ""
    report = Report.stored(connection.checks)
    moment = formatted_date(timezone.localtime(connection.checked_at), "j M Y H:i")
    word = "failed" if report.failed else "attention" if report.attention_count else "OK"
    return Status(f"{moment}, {word}", "bad" if report.failed else "warn" if report.attention_count else "ok")


def _certificate_status(state: CertificateState) -> Status:
    return Status(state.value, STATUS_STYLES[state])


def _next_step_in(administered: Sequence[Company]) -> Callable[[Company], Cell]:
    """Return the cell with the next step: blank for companies that the person does not administer."""
    keys = {company.pk for company in administered}
    return lambda company: _next_step(company) if company.pk in keys else ""


def _next_step(company: Company) -> Cell:
    """Return the link to what is to be done next for the company."""
    connection = _connection(company)
    if connection is None or not connection.environment_url:
        return Link("Set up", _setup_url(company))
    if not connection.enabled:
        return Link("Enable", _setup_url(company))
    if certificate_state(connection) in UNFINISHED:
        return Link("Use Certificate Authentication", _certificate_url(company))
    return Link("Open", _setup_url(company))


def _filter_state(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    if value == "on":
        return rows.filter(connection__enabled=True)
    none = Q(connection=None) | Q(connection__environment_url="")
    return rows.filter(none) if value == "none" else rows.exclude(none).filter(connection__enabled=False)


def _filter_certificate(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    connected = rows.filter(connection__enabled=True)
    kind = {"connection__authentication_type": AuthenticationType.CERTIFICATE}
    return connected.filter(**kind) if value == "done" else connected.exclude(**kind)


def _status(visible: Sequence[Company]) -> Status:
    enabled = DataverseConnection.objects.filter(company__in=list(visible), enabled=True).count()
    return Status(f"{enabled} of {len(visible)} enabled", "ok" if enabled == len(visible) and visible else "")


def _setup_url(company: Company) -> str:
    return company_url("connection_setup:setup", company)


def _certificate_url(company: Company) -> str:
    return company_url("connection_setup:certificate", company)
