"""Which tables a company's mappings couple with each other: look-ups lead to rows of those."""

from typing import Any

from coupling.models import IntegrationTableMapping


def coupled_tables(company: Any) -> dict[str, set[str]]:
    """Return the Dataverse tables by the local table that a mapping of the company couples them with."""
    found: dict[str, set[str]] = {}
    rows = IntegrationTableMapping.objects.filter(company=company, uid_kind="guid")
    for local, remote in rows.values_list("table", "integration_table"):
        found.setdefault(local, set()).add(remote)
    return found
