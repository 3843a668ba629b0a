"""What the pages of this room share: the mapping of an address, crumbs, menus that are off and say why."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import Http404, HttpRequest

from core.refusals import Explained, Refusal
from core.roles import Can, may
from coupling.local_records import Unusable
from coupling.models import IntegrationTableMapping
from dataverse.errors import DataverseError
from masterdata.models import Company
from ui.kit import Link, Notice
from ui.links import company_url

EXPLAINED = (Refusal, DataverseError)
"""Errors that explain themselves to the user."""


def mapping_or_404(company: Company, name: str) -> IntegrationTableMapping:
    """The mapping of that name. Raises Http404 with a sentence."""
    mapping = IntegrationTableMapping.objects.select_related("company").filter(company=company, name=name).first()
    if mapping is None:
        raise Http404(f"{company} has no integration table mapping {name!r}.")
    return mapping


def of_mapping(name: str, mapping: IntegrationTableMapping, query: str = "") -> str:
    """Where a page of a mapping is."""
    url = company_url(f"coupling:{name}", mapping.company, mapping=mapping.name)
    return f"{url}?{query}" if query else url


def job_log(company: Company, **query: str) -> str:
    """The job log, narrowed."""
    from urllib.parse import urlencode

    return f"{company_url('jobs:list', company)}?{urlencode(query)}"


def crumbs(company: Company, mapping: IntegrationTableMapping | None = None) -> list[Link]:
    """Integration Table Mappings > CUSTOMER."""
    trail = [Link("Integration Table Mappings", company_url("coupling:mappings", company))]
    return [*trail, Link(mapping.name, of_mapping("mapping", mapping))] if mapping is not None else trail


ASK = "Ask a person"
"""What a blank conflict option means."""

NOT_ENABLED = "The connection is not enabled."
"""Beside an action; the notice on the page tells the rest."""


def permission_reason(request: HttpRequest, can: Can) -> str:
    """Why the person may not, or ""."""
    return "" if may(request.user, can) else "Your role may look, not change."


def show_error(request: HttpRequest, error: Explained) -> None:
    """Show a refusal as a message: the user's sentence."""
    messages.error(request, error.user_message)


def notice_of(error: Explained, title: str = "") -> Notice:
    """A refusal as a notice on the page."""
    return Notice(error.user_message, "bad", title)


def captions(mapping: IntegrationTableMapping) -> Mapping[str, str]:
    """Local field -> caption; empty where the table is gone."""
    from coupling import local_records

    try:
        return {field.name: field.caption for field in local_records.table_of(mapping).fields}
    except Unusable:
        return {}
