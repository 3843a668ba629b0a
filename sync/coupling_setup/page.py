"""Page Set Up Coupling as data: the record, the rows it may be coupled with, both field by field, and what follows."""

from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpRequest

from connection_setup.connection.state import connection_of, unavailable_text
from connection_setup.setup.menus import row_url
from core.refusals import Explained
from coupling.couplings.by_hand import FoundRows, RowsSeen, SeenRow
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, error_notice
from coupling.records import lists as records
from coupling.records import which_mapping
from coupling.row_search import SEARCHED_BY, phone_hint
from jobs.models import Reason, Type
from jobs.outcomes import newest_outcome
from masterdata.catalog import LocalTable
from masterdata.models import ChangedBy, Company
from sync.coupling_setup.asked import NEW, Asked
from sync.coupling_setup.choices import Choice, new_choice, row_choices, way_choices
from sync.coupling_setup.comparison import Comparing, Comparison
from sync.coupling_setup.fields import CAPTIONS, Show, shown
from sync.coupling_setup.services import require_rows
from ui.cells import time_ago
from ui.kit import Action, Cell, Link, Notice, Page, Status
from ui.links import company_url

TITLE = "Set Up Coupling"
PAGE_SIZE = 20
_SHORTEST_WORD = 3
_FACTS = ("city", "phone_no", "e_mail")


@dataclass
class _Read:
    """What was read of Dataverse for the page."""

    text: str = ""
    seen: RowsSeen | None = None
    rows: FoundRows = field(default_factory=lambda: FoundRows([]))
    chosen: SeenRow | None = None
    comparison: Comparison | None = None
    problem: str = ""
    coupled: bool = False
    pending: bool = False
    notices: list[Notice] = field(default_factory=list)


class SetUpPage:
    """The page about one record; `asked`: what the address asks for."""

    def __init__(self, request: HttpRequest, company: Company, table: LocalTable, record: Any, asked: Asked) -> None:
        self.request, self.company, self.table, self.record, self.asked = request, company, table, record, asked
        self.mappings = records.mappings_of(company, table)
        self.mapping = next((one for one in self.mappings if asked.mapping in ("", one.name)), None)
        self.url = company_url("sync:set-up-coupling", company, table=table.name, system_id=record.system_id)

    def build(self) -> Page:
        """Read what is needed of Dataverse, and return the page."""
        read = self._read()
        key, title = _key_and_title(self.table, self.record)
        card = records.card_url(self.company, self.table, self.record.system_id)
        state = Status("Coupled to Dataverse", "ok") if read.coupled else Status("Not coupled")
        if read.pending:
            state = Status("Being created in Dataverse", "run")
        return Page(
            TITLE,
            company=self.company,
            crumbs=(
                Link(self.table.caption_plural, records.list_url(self.company, self.table)),
                Link(f"{key} {title}".strip(), card),
            ),
            state=state,
            help="coupling.md#by-hand",
            notices=read.notices,
            actions=self._actions(read),
            template="sync/coupling_setup/page.html",
            context=self._context(read, card),
        )

    @property
    def no_mapping(self) -> str:
        """Why there is no mapping to couple by."""
        if self.asked.mapping:
            return (
                f"There is no integration table mapping {self.asked.mapping} for {self.table.caption_plural} any more. "
                "Choose Set Up Coupling on the record's card."
            )
        return f"No integration table mapping for {self.table.caption_plural} yet."

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read(self) -> _Read:
        read = _Read(text=default_text(self.table, self.record) if self.asked.text is None else self.asked.text)
        if self.mapping is None:
            why = unavailable_text(self.company) or self.no_mapping
            read.notices.append(Notice(why, "warn", "Nothing can be coupled now"))
            return read
        try:
            require_rows(self.mapping)
            self._read_rows(read, self.mapping)
        except EXPLAINED as error:
            read.notices.append(self._explained(error))
        return read

    def _explained(self, error: Explained) -> Notice:
        notice = error_notice(error, "The rows cannot be read")
        if self.mapping is not None and self.mapping.uid_kind == "option":
            url = company_url("coupling:options", self.company, mapping=self.mapping.name)
            return replace(notice, state="warn", title="", actions=[Action("Dataverse Option Mapping", url)])
        return notice

    def _read_rows(self, read: _Read, mapping: IntegrationTableMapping) -> None:
        gateway = Gateway(self.company)
        seen = RowsSeen(mapping, gateway, user=self.request.user, local_id=self.record.system_id)
        read.seen, read.coupled = seen, seen.coupling is not None
        read.pending = seen.coupling is not None and seen.coupling.pending
        wanted = seen.coupling.integration_id if seen.coupling is not None else self.asked.row_id
        if seen.coupling is None:
            inside = not self.asked.everywhere
            read.rows = seen.search(read.text, inside=inside, page=self.asked.page, size=PAGE_SIZE)
        read.chosen = next((one for one in read.rows.rows if one.row.id == wanted), None)
        if read.chosen is None and wanted is not None:
            read.chosen = seen.read(wanted)
            if read.chosen is None and not read.pending:
                gone = "Dataverse has no such row; perhaps it was deleted there."
                read.notices.append(Notice(gone, "warn", "The row is gone"))
        free = [one for one in read.rows.rows if one.refusal is None]
        if wanted is None and self.asked.row != NEW and len(free) == 1 and not read.rows.next_page:
            read.chosen = free[0]
        if read.chosen is not None and read.chosen.standing.held:
            read.problem = f"{read.chosen.standing.held} What it holds is not shown here."
        elif read.chosen is not None:
            try:
                read.comparison = Comparing(mapping, gateway).compare(self.record.system_id, read.chosen.row.id)
            except EXPLAINED as error:
                read.problem = f"The fields cannot be compared. {error.user_message}"

    # -- what is shown -------------------------------------------------------------------------------------------------

    def _actions(self, read: _Read) -> list[Action]:
        if self.mapping is None:
            return []
        chosen = {"selected": str(self.record.system_id), which_mapping.NAME: self.mapping.name}
        others = [one.name for one in self.mappings if one != self.mapping]
        by_others = [
            Action(f"By {name}", self.address(self.asked, mapping=name, row="", page=""), icon="settings")
            for name in others
        ]
        if not read.coupled or read.pending:
            return by_others
        synchronize = company_url("sync:synchronize-selection", self.company, table=self.table.name)
        uncouple = company_url("coupling:uncouple-selection", self.company, table=self.table.name)
        return [
            Action("Synchronize Now", synchronize, "post", "sync", values=chosen),
            Action("Delete Coupling", uncouple, "post", "uncouple", values=chosen),
            *by_others,
        ]

    def _row_url(self, read: _Read) -> str:
        """Return the address of the row that is compared, in Dataverse itself."""
        connection = connection_of(self.company)
        if read.chosen is None or self.mapping is None or not connection.environment_url:
            return ""
        return row_url(connection, self.mapping.integration_table, self.mapping.entity_set, read.chosen.row.id)

    def _context(self, read: _Read, card: str) -> dict[str, Any]:
        mapping, asked = self.mapping, self.asked
        comparison = read.comparison
        fields = comparison.fields if comparison is not None else []
        chosen_row = str(read.chosen.row.id) if read.chosen is not None else ""
        here = replace(asked, text=read.text, row=asked.row if asked.row == NEW else chosen_row)
        segments = [
            (CAPTIONS[show], len(shown(fields, show)), self.address(here, show=show), show is asked.show)
            for show in Show
        ]
        return {
            "url": self.url, "usable": read.seen is not None, "coupled": read.coupled,
            "here_title": f"Here: {self.table.caption}", "facts": self._facts(card),
            "there_title": f"In Dataverse: {mapping.integration_table if mapping else ''}",
            "row_facts": self._row_facts(read), "text": read.text, "kept": self._kept(here),
            "carried": self._carried(here),
            "search_label": SEARCHED_BY, "search_note": phone_hint(read.text),
            "options": self._options(read), "found": self._found(read),
            "compare_url": self.address(here, row="", initial=""),
            "narrow": self._narrow(here, read), "next_page": self._next(here, read),
            "segments": segments if fields else [], "fields": shown(fields, asked.show),
            "compares": bool(fields), "choices": [] if read.coupled or mapping is None else way_choices(
                mapping, asked.initial, comparison.effects if comparison is not None else {}
            ),
            "row_url": self._row_url(read), "problem": read.problem,
            "refusal": self._refusal(read), "cancel_url": asked.back or card,
        }  # fmt: skip

    def address(self, asked: Asked | None = None, **other: Any) -> str:
        """Return the page's address with what is asked for, or some of it in another way."""
        query = (self.asked if asked is None else asked).query(**other)
        return company_url(
            "sync:set-up-coupling", self.company, query=query, table=self.table.name, system_id=self.record.system_id
        )

    def _kept(self, here: Asked) -> list[tuple[str, str]]:
        """Return what the search form carries along."""
        kept = {"everywhere": "1" if here.everywhere else "", "mapping": here.mapping, "next": here.back}
        return [(name, value) for name, value in kept.items() if value]

    def _carried(self, here: Asked) -> list[tuple[str, str]]:
        """Return what the form carries along, so that a refusal comes back to the same rows."""
        carried = {"q": here.text, "page": here.page, "show": here.show.value}
        return [*self._kept(here), *((name, value) for name, value in carried.items() if value is not None)]

    def _facts(self, card: str) -> list[tuple[str, Cell]]:
        key, title = _key_and_title(self.table, self.record)
        facts: list[tuple[str, Cell]] = [
            (self.table.field(self.table.key).caption, Link(key, card)),
            (self.table.field(self.table.title).caption, title),
        ]
        known = {one.name: one for one in self.table.fields}
        facts += [(known[name].caption, getattr(self.record, name)) for name in _FACTS if name in known]
        facts.append(("Changed", f"{time_ago(self.record.modified_at)} by {ChangedBy(self.record.changed_by).label}"))
        last = newest_outcome(self.company, Type.COUPLING, self.record.system_id)
        if last is not None and last.reason:
            when = time_ago(last.job.ended_at or last.job.started_at)
            facts.append(("Last try", f"{Reason(last.reason).label}, {when}"))
        return facts

    def _row_facts(self, read: _Read) -> list[tuple[str, Cell]]:
        if not read.coupled or read.chosen is None:
            return []
        return [("Row", read.chosen.label)]

    def _options(self, read: _Read) -> list[Choice]:
        if self.mapping is None or read.coupled or read.seen is None:
            return []
        rows = list(read.rows.rows)
        if read.chosen is not None and all(one.row.id != read.chosen.row.id for one in rows):
            rows.insert(0, read.chosen)
        creates = self.asked.row == NEW
        compared = read.chosen.row.id if read.chosen is not None and not creates else None
        found = row_choices(self.mapping, self.table, rows, read.seen.searched.telling, compared)
        return [*found, new_choice(self.mapping, checked=creates)]

    def _found(self, read: _Read) -> str:
        if self.mapping is None:
            return ""
        count = len(read.rows.rows)
        more = " or more" if read.rows.next_page else ""
        where = "inside and outside" if self.asked.everywhere else "inside"
        rows = "row" if count == 1 else "rows"
        return f"{count}{more} {rows} found, {where} the Integration Table Filter."

    def _narrow(self, here: Asked, read: _Read) -> Link | None:
        if self.mapping is None or read.coupled:
            return None
        text = "Search with the filter" if here.everywhere else "Search without the filter"
        return Link(text, self.address(here, everywhere=not here.everywhere, page="", row=""))

    def _next(self, here: Asked, read: _Read) -> str:
        return self.address(here, page=read.rows.next_page, row="") if read.rows.next_page else ""

    def _refusal(self, read: _Read) -> str:
        """Return why the row that is compared cannot be coupled with the record."""
        if read.chosen is None or read.coupled or (refused := read.chosen.refusal) is None:
            return ""
        return f"{refused.message} {refused.fix}"


def default_text(table: LocalTable, record: Any) -> str:
    """Return what is searched for first: the first word of the record's name that tells something."""
    title = str(getattr(record, table.title) or "")
    return next((word for word in title.split() if len(word) >= _SHORTEST_WORD), title)


def _key_and_title(table: LocalTable, record: Any) -> tuple[str, str]:
    return str(getattr(record, table.key)), str(getattr(record, table.title) or "")
