"""Which Dataverse rows are taken already: coupled, or another company's."""

from collections.abc import Callable, Iterable
from uuid import UUID

from coupling import claims
from coupling.matching.choice_rows import row_id_of
from coupling.models import Coupling, IntegrationTableMapping, pairs_of


def coupled_row_finder(
    mapping: IntegrationTableMapping, organization_id: UUID | None = None
) -> Callable[[list[bytes]], Iterable[bytes]]:
    """Return what finds, of some Dataverse rows, those that are taken.

    Taken are rows coupled to a record of any table of the company, and those that belong to another company.
    """
    if mapping.uid_kind == "option":
        return lambda _: [row_id_of(value).bytes for value in pairs_of(mapping).values_list("value", flat=True)]
    couplings = Coupling.objects.filter(company=mapping.company)
    any_at_all: list[bool] = []

    def find_coupled(ids: list[bytes]) -> Iterable[bytes]:
        found = [row.bytes for row in claims.find_held(mapping, organization_id, [UUID(bytes=raw) for raw in ids])]
        if not any_at_all:
            any_at_all.append(couplings.exists())
        if not any_at_all[0]:
            return found
        for start in range(0, len(ids), 500):
            part = [UUID(bytes=raw) for raw in ids[start : start + 500]]
            found += [
                row.bytes for row in couplings.filter(integration_id__in=part).values_list("integration_id", flat=True)
            ]
        return found

    return find_coupled
