"""Parts that the pages of this room share: the mapping of an address, breadcrumbs, addresses, messages for errors."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from core.refusals import Explained, Refusal
from core.roles import Can, may
from coupling import local_records
from coupling.models import IntegrationTableMapping
from dataverse.errors import DataverseError
from masterdata.models import Company
from ui.kit import Link, Notice
from ui.links import company_url

EXPLAINED = (Refusal, DataverseError)
"""Errors with a message and a fix for the user."""

ASK_A_PERSON = "Ask a person"
"""What a blank conflict option means."""

NOT_ENABLED = "The connection is not enabled."
"""Beside an action; the notice on the page says the rest."""


def mapping_or_404(
    company: Company, name: str, along: "Iterable[Callable[[QuerySet[Any]], QuerySet[Any]]]" = ()
) -> IntegrationTableMapping:
    """Return the mapping of that name. along: adds what else is read with it. Raises Http404 with a sentence."""
    rows: QuerySet[Any] = IntegrationTableMapping.objects.select_related("company", "known_columns")
    for add in along:
        rows = add(rows)
    mapping: IntegrationTableMapping | None = rows.filter(company=company, name=name).first()
    if mapping is None:
        raise Http404(f"{company} has no integration table mapping {name!r}.")
    return mapping


def mapping_url(page: str, mapping: IntegrationTableMapping, **query: Any) -> str:
    """Return the address of a page of a mapping; blank values of the query are left out."""
    return company_url(f"coupling:{page}", mapping.company, mapping=mapping.name, query=query)


def job_log_url(company: Company, **query: str) -> str:
    """Return the address of the job log, narrowed by the query."""
    return company_url("jobs:list", company, query=query)


def crumbs(company: Company, mapping: IntegrationTableMapping | None = None) -> list[Link]:
    """Return the breadcrumbs: Integration Table Mappings > CUSTOMER."""
    trail = [Link("Integration Table Mappings", company_url("coupling:mappings", company))]
    return [*trail, Link(mapping.name, mapping_url("mapping", mapping))] if mapping is not None else trail


def permission_reason(request: HttpRequest, company: Company, can: Can) -> str:
    """Return why the person may not in the company, or ""."""
    return "" if may(request.user, can, company) else "Your role may look, not change."


def show_error(request: HttpRequest, error: Explained) -> None:
    """Show an error as a message on the next page."""
    messages.error(request, error.user_message)


def error_notice(error: Explained, title: str = "") -> Notice:
    """Return an error as a notice on the page."""
    return Notice(error.user_message, "bad", title)


def field_captions(mapping: IntegrationTableMapping) -> Mapping[str, str]:
    """Return the captions of the local fields, by name; none where the table is gone."""
    try:
        return {field.name: field.caption for field in local_records.get_table(mapping).fields}
    except local_records.Unusable:
        return {}
