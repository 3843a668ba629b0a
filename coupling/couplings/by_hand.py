"""Coupling by hand: the rows that a person finds and chooses, and what Dataverse and the tables here say about them.

Requests are sent before a transaction begins; `couple_by_hand` then decides anew, by how both stand at that moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.core import signing

from core.refusals import Refusal
from coupling import claims, filters, local_records
from coupling.company_marks import Owner, read_owner
from coupling.couplings.by_hand_rules import NOT_FOUND, Refused, Standing, decide
from coupling.couplings.services import pair_of, standing_of
from coupling.filters.words import describe, words_of_columns
from coupling.gateway import PAGE_SIZE, Gateway
from coupling.models import Coupling, IntegrationTableMapping
from coupling.row_search import SearchColumns, search_columns, search_filter
from coupling.rows import RemoteRow
from dataverse import odata
from jobs.mentions import PersonReading

_SALT = "coupling.couplings.by_hand"
_IDS_PER_QUERY = 500
READ, MOST_REQUESTS, SHOWN = 1000, 5, 50
"""Of a list of uncoupled rows: the rows of one request, the requests of one page, and the rows it shows."""


@dataclass(frozen=True, slots=True)
class SeenRow:
    """A Dataverse row with how it stands: the verdict on coupling it with the record it was looked at for.

    partner: the record of the same table that it is coupled with; elsewhere: the records of other tables; named:
    whether the person may read the row's name: nobody else holds it, or a company in which they have a role.
    """

    row: RemoteRow
    standing: Standing
    partner: UUID | None = None
    elsewhere: tuple[str, ...] = ()
    named: bool = True

    @property
    def label(self) -> str:
        """What the person knows the row by."""
        return (self.row.name or str(self.row.id)) if self.named else "A row of another company"

    @property
    def refusal(self) -> Refused | None:
        """Why the row cannot be coupled with the record; None where it can."""
        verdict = decide(self.standing)
        return verdict if isinstance(verdict, Refused) else None


@dataclass(frozen=True, slots=True)
class FoundRows:
    """A page of rows that were found; next_page: what asks for the one behind, "" on the last."""

    rows: list[SeenRow]
    next_page: str = ""


@dataclass(frozen=True, slots=True)
class UncoupledRows:
    """Some rows that nothing is coupled with. looked_at: rows read for them; next_page: as in FoundRows."""

    rows: list[SeenRow]
    looked_at: int
    next_page: str = ""


class RowsSeen:
    """The rows of one mapping as a person sees them, for one record of it or for none in particular."""

    def __init__(
        self,
        mapping: IntegrationTableMapping,
        gateway: Gateway,
        *,
        user: Any = None,
        local_id: UUID | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self.mapping, self.gateway, self.user = mapping, gateway, user
        self.table = local_records.get_table(mapping)
        self._infos = gateway.table(mapping).columns
        self.searched: SearchColumns = search_columns(
            mapping, self.table, self._infos, gateway.primary_column(mapping), gateway.name_column(mapping)
        )
        self._row_filter = gateway.row_filter(mapping)
        marks = [mapping.company_column] if mapping.company_column in self._infos else []
        read = [*self.searched.telling, *self.searched.phones, *filters.field_names(self._row_filter), *marks, *columns]
        self._columns = list(dict.fromkeys(read))
        self._local_id = local_id
        self._reading, self._owners = PersonReading(user), dict[UUID, Owner]()
        own = Coupling.objects.filter(mapping=mapping, local_id=local_id).first() if local_id is not None else None
        self.coupling: Coupling | None = own
        """The coupling that the record has."""
        self._of_record = pair_of(mapping, own)

    def search(self, text: str, *, inside: bool = True, page: str = "", size: int) -> FoundRows:
        """Return the rows that a text finds, by name; one request. inside: the integration table filter counts.

        page: what the page before gave. Raises Refusal for one that is not for this search, DataverseError.
        """
        link, _ = self._place_of(page, text) if page else ("", 0)
        own = self.gateway.filter_text(self.mapping) if inside else ""
        wanted = odata.all_of(own, search_filter(text, self.searched))
        found = self.gateway.look_up(self.mapping, self._columns, wanted, link=link, page_size=size)
        following = (found.next_link and self._signed(found.next_link, text)) or ""
        return FoundRows(self.look_at(found.rows), following)

    def _signed(self, link: str, text: str, skip: int = 0) -> str:
        """Return a place among the rows as an address carries it: nobody reads another table by writing one."""
        return signing.dumps([self.mapping.pk, text, link, skip], salt=_SALT, compress=True)

    def _place_of(self, page: str, text: str) -> tuple[str, int]:
        try:
            mapping_id, searched, link, skip = signing.loads(page, salt=_SALT)
        except (signing.BadSignature, ValueError, TypeError):
            mapping_id, searched, link, skip = 0, "", "", 0
        if (mapping_id, searched) != (self.mapping.pk, text):
            raise Refusal("refused", "This page of rows belongs to another search.", "Search again.")
        return str(link), int(skip)

    def uncoupled(self, text: str, *, page: str = "") -> UncoupledRows:
        """Return rows inside the filter that a text finds and that nothing is coupled with, some SHOWN of them.

        At most MOST_REQUESTS pages are read: where most rows are coupled there may be few, or none, and more behind.
        page: what the page before gave. Raises Refusal for one that is not for this search, DataverseError.
        """
        link, skip = self._place_of(page, text) if page else ("", 0)
        wanted = odata.all_of(self.gateway.filter_text(self.mapping), search_filter(text, self.searched))
        free: list[RemoteRow] = []
        looked_at = 0
        for _ in range(MOST_REQUESTS):
            found = self.gateway.look_up(self.mapping, self._columns, wanted, link=link, page_size=READ)
            rows = found.rows[skip:]
            open_ids = self._free([row.id for row in rows])
            for at, row in enumerate(rows, start=1):
                if row.id in open_ids:
                    free.append(row)
                if len(free) == SHOWN and (at < len(rows) or found.next_link):
                    following = self._signed(link, text, skip + at)
                    return UncoupledRows(self.look_at(free), looked_at + at, following)
            looked_at += len(rows)
            if not found.next_link:
                return UncoupledRows(self.look_at(free), looked_at)
            link, skip = found.next_link, 0
        return UncoupledRows(self.look_at(free), looked_at, self._signed(link, text))

    def every_uncoupled(self, text: str) -> tuple[list[UUID], bool]:
        """Return the ids of all such rows among the first ones that a text finds, and whether there are more behind.

        At most MOST_REQUESTS of the largest pages are read. Raises DataverseError.
        """
        wanted = odata.all_of(self.gateway.filter_text(self.mapping), search_filter(text, self.searched))
        free: list[UUID] = []
        link = ""
        for _ in range(MOST_REQUESTS):
            found = self.gateway.look_up(self.mapping, [], wanted, link=link, page_size=PAGE_SIZE)
            ids = [row.id for row in found.rows]
            open_ids = self._free(ids)
            free += [row_id for row_id in ids if row_id in open_ids]
            if not found.next_link:
                return free, False
            link = found.next_link
        return free, True

    def _free(self, ids: Sequence[UUID]) -> set[UUID]:
        """Return those of the rows that neither this company has coupled, with any table, nor another one holds."""
        coupled: set[UUID] = set()
        for start in range(0, len(ids), _IDS_PER_QUERY):
            part = ids[start : start + _IDS_PER_QUERY]
            known = Coupling.objects.filter(company=self.mapping.company, integration_id__in=part)
            coupled.update(known.values_list("integration_id", flat=True))
        return set(ids) - coupled - claims.find_held(self.mapping, self.gateway.organization_id, ids)

    def read(self, row_id: UUID) -> SeenRow | None:
        """Return a row; None where Dataverse has none with this id. Raises DataverseError."""
        found = self.gateway.read(self.mapping, self._columns, [row_id]).get(row_id)
        return self.look_at([found])[0] if found is not None else None

    def read_all(self, ids: Iterable[UUID]) -> dict[UUID, SeenRow]:
        """Return rows by their ids, by one request for each 5000; those that are gone are missing. Raises
        DataverseError.
        """
        found = self.gateway.read(self.mapping, self._columns, ids)
        return {one.row.id: one for one in self.look_at(list(found.values()))}

    def look_at(self, rows: Sequence[RemoteRow]) -> list[SeenRow]:
        """Return rows with how they stand: whom they are coupled with, whose they are, what keeps them outside."""
        ids = [row.id for row in rows]
        taken: dict[UUID, list[Coupling]] = {}
        coupled = Coupling.objects.filter(company=self.mapping.company, integration_id__in=ids)
        for coupling in coupled.select_related("mapping__company"):
            taken.setdefault(coupling.integration_id, []).append(coupling)
        every = [one for couplings in taken.values() for one in couplings]
        names = _names([one for one in every if one.table != self.mapping.table])
        own = [one.local_id for one in every if one.table == self.mapping.table]
        named = local_records.read_keys_and_names(self.mapping, own) if own else {}
        holders = claims.find_holders(self.mapping, self.gateway.organization_id, ids)
        return [self._seen(row, taken.get(row.id, ()), names, holders.get(row.id), named) for row in rows]

    def _seen(
        self,
        row: RemoteRow,
        taken: Iterable[Coupling],
        names: Mapping[int, str],
        holder: claims.Holder | None,
        named: Mapping[UUID, Sequence[str]],
    ) -> SeenRow:
        """Return a row as it stands. names: the records of other tables; named: those of its own, by their ids."""
        of_row = next((one for one in taken if one.table == self.mapping.table), None)
        owner, outside = self._outside(row)
        held = self._reading.read(*owner.belongs("The row")) if owner is not None else ""
        pair = pair_of(self.mapping, of_row, named)
        standing = standing_of(self.mapping, pair, self._of_record, holder, self.user)
        standing = replace(standing, outside=outside, held=standing.held or held)
        elsewhere = tuple(names[one.pk] for one in taken if one.table != self.mapping.table)
        alive = of_row is not None and pair is not None and pair.record
        holding = holder.company_id if holder is not None else owner.company_id if owner is not None else None
        may_read = not standing.held or holding in self._reading.names
        partner = of_row.local_id if of_row is not None and alive else None
        return SeenRow(row, standing, partner, elsewhere, may_read)

    def _outside(self, row: RemoteRow) -> tuple[Owner | None, str]:
        """Return which other company a row outside the filter says it belongs to, and what else keeps it outside."""
        unmet = filters.unmet(self._row_filter, row.values.get)
        mark = row.values.get(self.mapping.company_column) if self.mapping.company_column else None
        marked = [one for one in unmet if mark and self.mapping.company_column in filters.field_names(one)]
        if marked:
            return self._owner(UUID(str(mark))), ""
        return None, describe(unmet, row.values.get, words_of_columns(self._infos), self.mapping.name)

    def _owner(self, mark: UUID) -> Owner:
        """Return whose rows of a mark are; asked for once, for many rows carry the same."""
        if mark not in self._owners:
            self._owners[mark] = read_owner(self.gateway, mark)
        return self._owners[mark]


def _names(couplings: Iterable[Coupling]) -> dict[int, str]:
    """Return the records of couplings as people know them, by the couplings' ids; one query for each mapping."""
    by_mapping: dict[int, list[Coupling]] = {}
    for one in couplings:
        by_mapping.setdefault(one.mapping_id, []).append(one)
    found: dict[int, str] = {}
    for pairs in by_mapping.values():
        named = local_records.read_named(pairs[0].mapping, [one.local_id for one in pairs])
        found |= {one.pk: named[one.local_id] for one in pairs}
    return found


def require_row(seen: SeenRow | None) -> SeenRow:
    """Return the row. Raises Refusal where Dataverse has none, or where it cannot be coupled with the record."""
    if seen is None:
        missing = decide(Standing("", "", row_found=False))
        assert isinstance(missing, Refused)
        raise Refusal(NOT_FOUND, missing.message, missing.fix)
    if (refused := seen.refusal) is not None:
        raise Refusal(refused.reason, refused.message, refused.fix)
    return seen
