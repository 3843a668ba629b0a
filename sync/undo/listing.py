"""The list of a preview of an undo: a tab for what ends, what cannot, what stays, and for values; as a file, too."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from coupling.models import IntegrationTableMapping
from coupling.records.lists import card_url
from jobs.models import Reason
from jobs.pages.lists import reason_label
from masterdata import catalog
from sync.models import UndoPreview, UndoPreviewPart
from sync.rules.changes import Kept, told
from sync.undo.previewed import ENDS, FAILS
from sync.undo.store import BACK, STAYING, Found, FoundPairs, Numbers
from ui.cells import text_of
from ui.kit import Cell, Link, Long, Notice, Status
from ui.listing import Column, Filter, Listing

_BLANK = "(blank)"


@dataclass(frozen=True, slots=True)
class Tab:
    """What stands on a tab: couplings, or values that go back or stay. look: how it is drawn in the bar above."""

    name: str
    caption: str
    look: str = ""
    values: str = ""


TABS = (
    Tab("ends", "Couplings that end", "ok"),
    Tab("fails", "Cannot be undone", "bad"),
    Tab("stays", "Stay as they are", "warn"),
    Tab("back", "Values that go back", values=BACK),
    Tab("kept", "Values that stay", values=STAYING),
)


def tab_of(name: str) -> Tab:
    """Return the tab of that name; the first for any other."""
    return next((tab for tab in TABS if tab.name == name), TABS[0])


def count_of(tab: Tab, numbers: Numbers) -> int:
    """Return how many stand on a tab."""
    counts = {"ends": numbers.of(ENDS), "fails": numbers.of(FAILS), "stays": numbers.stay, "back": numbers.back,
              "kept": numbers.kept}  # fmt: skip
    return counts[tab.name]


class UndoList:
    """The list of one tab. given: the parameters of its address."""

    def __init__(
        self, preview: UndoPreview, mapping: IntegrationTableMapping, tab: Tab, given: Mapping[str, str]
    ) -> None:
        self.preview, self.mapping, self.tab = preview, mapping, tab
        self.table = catalog.table(mapping.table)
        self.reasons = list(Numbers(preview).reasons)
        asked = given.get("reason", "")
        self.reason = asked if tab.name == "stays" and asked in self.reasons else ""

    @property
    def source(self) -> FoundPairs:
        """What stands on the tab."""
        kinds = {"ends": [ENDS], "back": [ENDS], "fails": [FAILS], "kept": [ENDS, FAILS]}.get(self.tab.name)
        if kinds is None:
            kinds = [self.reason] if self.reason else self.reasons
        return FoundPairs(self.preview, kinds, self.tab.values)

    def listing(self) -> Listing:
        """Return the list."""
        choices = [(reason, str(reason_label(reason))) for reason in self.reasons]
        reasons = [Filter("reason", "Reason", lambda rows, _: rows, choices)] if self.tab.name == "stays" else []
        return Listing(
            id=f"undo-{self.tab.name}",
            caption="Values" if self.tab.values else "Couplings",
            rows=UndoPreviewPart.objects.none(),
            columns=self.columns(),
            filters=reasons,
            search=("found",),
            search_label="Search by number or name",
            key="number",
            source=self.source,
            row_label=lambda row: row.pair.key,
            cards=True,
            empty=Notice(_EMPTY[self.tab.name], title="None"),
        )

    def columns(self) -> Sequence[Column]:
        """Return the columns of the tab."""
        first = [
            Column("no", "No.", self._record),
            Column("name", "Name", lambda row: row.pair.name, wrap=True),
            Column("row", "Row in Dataverse", lambda row: row.pair.row_name, wrap=True, default=not self.tab.values),
        ]
        if self.tab.name == "ends":
            created = Column("becomes", "The row", lambda row: "Stays there" if row.pair.created else "Is released")
            return [*first, created, Column("values", "Values", _values)]
        if self.tab.name == "fails":
            return [*first, Column("why", "Why", lambda row: row.pair.message, wrap=True)]
        if self.tab.name == "stays":
            reason = Column("reason", "Reason", lambda row: Status(Reason(row.kind).label, "warn"))
            return [*first, reason, Column("why", "Why", lambda row: row.pair.message, wrap=True)]
        of_values = [
            *first,
            Column("field", "Field", lambda row: row.value.caption),
            Column("side", "Where", lambda row: "Here" if row.value.here else "In Dataverse"),
            Column("held", "Holds now", lambda row: _value(row.value.held), wrap=True),
        ]
        if self.tab.name == "back":
            return [*of_values, Column("back", "Goes back to", lambda row: _value(row.value.back), wrap=True)]
        return [*of_values, Column("why", "Why it stays", lambda row: row.value.why, wrap=True)]

    def _record(self, row: Found) -> Cell:
        """Return the record's number as a link to its card, where it is there."""
        key = row.pair.key or "?"
        if row.local_id is None or not row.pair.key or row.kind == Reason.LOCAL_DELETED:
            return key
        return Link(key, card_url(self.mapping.company, self.table, row.local_id))

    # -- as a file ----------------------------------------------------------------------------------------------------

    @property
    def head(self) -> Sequence[str]:
        """The heads of the columns of a CSV file."""
        return [*(one.label for one in self.columns()), "Record ID"]

    def lines(self, text: str) -> Iterator[Sequence[str]]:
        """Yield the lines of a CSV file. text: what is searched for."""
        columns, source = self.columns(), self.source
        wanted = text.lower()
        for row in source:
            if not wanted or row.pair.has_text(wanted):
                cells = [one.value(row) for one in columns if callable(one.value)]
                yield [*map(text_of, cells), str(row.local_id or "")]


def _value(kept: Kept) -> Cell:
    return Long(text) if (text := told(kept)) else _BLANK


def _values(row: Found) -> str:
    back, stay = len(row.pair.back), len(row.pair.kept)
    words = [f"{back} {'goes' if back == 1 else 'go'} back"] if back else []
    return ", ".join([*words, f"{stay} {'stays' if stay == 1 else 'stay'}"] if stay else words)


_EMPTY = {
    "ends": "No coupling of the job can end: each was ended, or touched by somebody since. See the other tabs.",
    "fails": "Every coupling that ends can be undone.",
    "stays": "Nobody touched a coupling of the job since.",
    "back": "Synchronization wrote nothing of these pairs that can go back.",
    "kept": "Nothing that synchronization wrote has to stay.",
}
