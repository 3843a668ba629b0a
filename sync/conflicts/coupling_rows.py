"""What the pages about single pairs share: names of records, cells, the filter by mapping, the state of actions."""

from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Exists, OuterRef

from core.roles import Can, may
from coupling import local_records
from coupling.models import CouplingBase, IntegrationTableMapping
from coupling.records import lists as records
from masterdata import catalog
from masterdata.models import Company
from ui import listing
from ui.kit import Cell, Link, Notice, Status


class CouplingCells:
    """Cells of a page of pairs by their bases; `load` reads what they show, in one query per mapping."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self._names: dict[int, tuple[str, str]] = {}

    def load(self, rows: Sequence[CouplingBase]) -> None:
        """Read the names of the rows' records: a listing's `decorate`."""
        by_mapping: dict[int, list[CouplingBase]] = {}
        for row in rows:
            by_mapping.setdefault(row.mapping_id, []).append(row)
        for found in by_mapping.values():
            names = local_records.read_keys_and_names(found[0].mapping, [row.coupling.local_id for row in found])
            self._names |= {row.pk: names[row.coupling.local_id] for row in found if row.coupling.local_id in names}

    def exists(self, row: CouplingBase) -> bool:
        """Return whether the local record exists."""
        return bool(self._names.get(row.pk, ("", ""))[0])

    def text(self, row: CouplingBase) -> str:
        """Return key and name of the local record."""
        return " ".join(self._names.get(row.pk, ())).strip() or "(deleted)"

    def record(self, row: CouplingBase) -> Cell:
        """Return the local record, as a link to its card."""
        if not self.exists(row):
            return Status(self.text(row), "bad")
        return Link(
            self.text(row), records.card_url(self.company, catalog.table(row.coupling.table), row.coupling.local_id)
        )


def mapping_filter(company: Company) -> list[listing.Filter]:
    """Return the filter by mapping, where several mappings have conflicts."""
    found = CouplingBase.objects.filter(company=company, mapping=OuterRef("pk"), conflict__isnull=False)
    mappings = IntegrationTableMapping.objects.filter(company=company).filter(Exists(found)).order_by("name")
    names = list(mappings.values_list("name", flat=True))
    if len(names) < 2:
        return []
    choices = [(name, name) for name in names]
    return [listing.Filter("mapping", "Mapping", lambda rows, value: rows.filter(mapping__name=value), choices)]


def off_reason(user: AbstractBaseUser | AnonymousUser, company: Company, unavailable: str) -> str:
    """Return why the actions of the pages are off, "" where they are not."""
    if unavailable:
        return "Enable the connection first."
    return "" if may(user, Can.OPERATE, company) else "Your role may look, not start jobs."


def not_connected(unavailable: str) -> list[Notice]:
    """Return the notice that Dataverse cannot be used, where it cannot."""
    return [Notice(unavailable, "warn", "Dataverse is not connected")] if unavailable else []
