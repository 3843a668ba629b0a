"""The list of a preview's page: a tab for what was found, its columns, what changed since, and the boxes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import UUID

from connection_setup.connection.state import connection_of
from connection_setup.setup.menus import row_url
from coupling import local_records
from coupling.couplings.foreseen import ForeseenPairs, foresee, kept_of
from coupling.couplings.preview_changes import Change, changes_of_pairs, changes_of_records
from coupling.couplings.preview_store import FoundRecord, PreviewRecords, PreviewTicks, preview_groups, searched
from coupling.matching.criteria import group_caption
from coupling.matching.previewed import Found, PreviewedRecord
from coupling.models import CouplingPreview, PreviewPart
from coupling.records import lists as records
from jobs.mentions import Reader
from jobs.models import Reason
from ui.kit import Cell, Compared, Link, Notice, Status
from ui.links import company_url, optional_url
from ui.listing import Column, Filter, Listing, Ticks


@dataclass(frozen=True, slots=True)
class Tab:
    """What stands on a tab, and what its list is called."""

    name: str
    caption: str
    found: tuple[Found, ...]
    look: str
    """How it is drawn in the bar above."""


_LOOKED_AT = 1000
"""Records of a tab up to which all are looked at for what changed since; of more, those of the page."""
TABS = (
    Tab("couple", "Couple", (Found.COUPLE,), "ok"),
    Tab("create", "Create", (Found.NEW, Found.NEAR), "two"),
    Tab("several", "Several matches", (Found.SEVERAL,), "warn"),
    Tab("taken", "Already coupled", (Found.TAKEN,), "bad"),
    Tab("near", "Likely duplicates", (Found.NEAR,), ""),
    Tab("left-out", "Left out", (Found.LEFT_OUT,), ""),
)


def tab_of(name: str) -> Tab:
    """Return the tab of that name; the first for any other."""
    return next((tab for tab in TABS if tab.name == name), TABS[0])


class PreviewList:
    """The list of one tab of a preview, as one person reads it."""

    def __init__(
        self, preview: CouplingPreview, tab: Tab, given: Any, reader: Reader, address: str = "", connection: Any = None
    ) -> None:
        self.preview, self.tab, self.reader, self.address = preview, tab, reader, address
        self._known_connection = connection
        self.mapping, self.company = preview.mapping, preview.mapping.company
        self.table = local_records.get_table(self.mapping)
        self.groups = preview_groups(self.mapping, preview)
        self.ticks = PreviewTicks(preview)
        by = str(given.get("by", ""))
        self.by = int(by) if by.isascii() and by.isdigit() and len(by) < 4 else None
        self._changes: dict[bytes, Change] = {}
        self._beyond = ForeseenPairs()

    @property
    def records(self) -> PreviewRecords:
        """The records of the tab, narrowed by what they are matched by."""
        return self._everything.matched_by(self.by)

    @cached_property
    def _everything(self) -> PreviewRecords:
        return PreviewRecords(self.preview, self.tab.found, ticks=self.ticks)

    def listing(self, *, selectable: bool) -> Listing:
        """Return the list. selectable: whether its boxes can be ticked."""
        pairs = self.tab.name == "couple"
        ticks = self.boxes if selectable and self.tab.found[0] is not Found.LEFT_OUT else None
        return Listing(
            id=f"preview-{self.preview.pk}",
            caption="Pairs" if pairs else self.table.caption_plural,
            rows=PreviewPart.objects.none(),
            columns=self._columns(),
            filters=self._filters() if pairs else (),
            search=("found",),
            search_label="Search by number or name",
            key="local_id",
            selectable=ticks is not None,
            source=self.records,
            decorate=self._decorate,
            row_label=lambda row: row.record.key,
            ticks=ticks,
            cards=True,
            empty=Notice(_EMPTY.get(self.tab.name, "Nothing here."), title="None"),
        )

    @property
    def boxes(self) -> Ticks:
        """The boxes of the list."""
        word = "Leave {} in" if self.tab.name == "couple" else "Create {}"
        return Ticks(
            lambda row: row.ticked,
            lambda row: word.format(row.record.key),
            company_url("coupling:tick-preview", self.company, preview=self.preview.pk, query={"tab": self.tab.name}),
            self._shown,
        )

    def _shown(self, rows: Sequence[FoundRecord]) -> str:
        plain = Listing(id=f"preview-{self.preview.pk}", caption="", rows=PreviewPart.objects.none(), columns=())
        return plain.signed(shown=[[row.found.value, row.local_id.hex] for row in rows])

    def _filters(self) -> list[Filter]:
        if len(self.groups) < 2:
            return []
        choices = [(str(at), f"{at + 1} {group_caption(self.mapping, one)}") for at, one in enumerate(self.groups)]
        return [Filter("by", "Matched by", lambda rows, _: rows, choices, empty_label="every criterion")]

    # -- columns -------------------------------------------------------------------------------------------------------

    def _columns(self) -> list[Column]:
        caption = self.table.caption
        first = [
            Column("record", f"{caption} here", self._record, narrow="narrow"),
            Column("no", "No.", lambda row: row.record.key),
        ]
        if self.preview.is_carried_out and self.tab.found[0] is not Found.LEFT_OUT:
            first.append(Column("ticked", "Ticked", lambda row: "Yes" if row.ticked else "No"))
        since = Column(
            "since", "Since then", self._since, wrap=True, default=self.changes is None or bool(self.changes)
        )
        here = Column("here", "Here", self._here, wrap=True)
        there = Column("there", "In Dataverse", self._there, wrap=True)
        why = Column("why", "Why", self._why, wrap=True)
        row = Column("row", f"{caption} in Dataverse", self._row)
        if self.tab.name == "couple":
            matched_by = Column("by", "Matched by", self._matched_by)
            will = [] if self.preview.is_carried_out else [Column("will", "Will change", self._will)]
            beside = [replace(one, wrap=False, narrow="narrow") for one in (row, matched_by, here, there)]
            return [*first, *beside, *will, since]
        if self.tab.name == "left-out":
            return [*first, Column("reason", "Reason", lambda one: Reason(one.record.told["reason"]).label), why]
        if self.tab.name == "near":
            return [*first, here, there, why, since]
        if self.tab.name == "several":
            return [*first, here, Column("rows", "Rows in Dataverse", self._candidates, wrap=True), why, since]
        if self.tab.name == "taken":
            return [*first, here, there, row, Column("partner", "Coupled to", self._partner, wrap=True), why, since]
        return [*first, here, why, since]

    @cached_property
    def changes(self) -> dict[bytes, Change] | None:
        """What changed since about records of the tab, by their ids; None where there are many: see `_decorate`."""
        if self.tab.found[0] is Found.LEFT_OUT or self.preview.is_carried_out:
            return {}
        everything = self._everything
        return None if everything.count > _LOOKED_AT else self._look([row.record for row in everything])

    @cached_property
    def foreseen(self) -> ForeseenPairs:
        """What synchronization would do to the first pairs of the preview, as its job found it."""
        return kept_of(self.preview)

    def _look(self, given: Sequence[PreviewedRecord]) -> dict[bytes, Change]:
        return (changes_of_pairs if self.tab.name == "couple" else changes_of_records)(self.preview, given)

    def _decorate(self, rows: Sequence[FoundRecord]) -> None:
        """Look at what changed about the records of a page."""
        found = self.changes
        if self.tab.name == "couple" and not self.preview.is_carried_out and not self.foreseen.problem:
            beyond = [row.record for row in rows if self.foreseen.of(row.record) is None]
            self._beyond = foresee(self.preview, beyond) if beyond else self._beyond
        self._changes = self._look([row.record for row in rows]) if found is None else found

    def _record(self, row: FoundRecord) -> Cell:
        one = row.record
        return Link(one.name or one.key, records.card_url(self.company, self.table, row.local_id))

    def _row(self, row: FoundRecord) -> Cell:
        found = row.record.row
        if found is None:
            return ""
        name = found.name or str(UUID(bytes=found.id))
        if self.mapping.uid_kind == "option":
            return name
        return Link(
            name,
            row_url(self._connection, self.mapping.integration_table, self.mapping.entity_set, UUID(bytes=found.id)),
        )

    @cached_property
    def _connection(self) -> Any:
        return self._known_connection or connection_of(self.company)

    def _matched_by(self, row: FoundRecord) -> str:
        return f"{row.record.group + 1} {group_caption(self.mapping, self.groups[row.record.group])}"

    def _used(self, one: PreviewedRecord, group: int) -> list[Any]:
        return list(searched(self.mapping, self.preview, self.groups[group], one).used)

    def _here(self, row: FoundRecord) -> str:
        """Return the values compared here."""
        return self.here(row.record)

    def here(self, one: PreviewedRecord) -> str:
        """Return the values of a record that were compared."""
        group = one.group if one.near is None else one.near[0]
        return ", ".join(_text(field.value) for field in self._used(one, group) if _text(field.value))

    def there(self, one: PreviewedRecord) -> Compared:
        """Return the values of the row beside them; none where there is not one row."""
        if one.near is not None:
            group, values = one.near
            criteria = self.groups[group].criteria
            by_field = dict(zip((criterion.local for criterion in criteria), values, strict=False))
            return Compared(
                ", ".join(filter(None, (_text(by_field.get(f.criterion.local)) for f in self._used(one, group)))),
                equal=False,
            )
        if one.row is None:
            return Compared("", equal=True)
        by_column = dict(zip(self.preview.columns, one.row.values, strict=False))
        of_choices = self.mapping.uid_kind == "option"
        names = [f.criterion.local if of_choices else f.criterion.integration for f in self._used(one, one.group)]
        return Compared(", ".join(filter(None, (_text(by_column.get(name)) for name in names))), equal=True)

    def _there(self, row: FoundRecord) -> Cell:
        return self.there(row.record)

    def why(self, one: PreviewedRecord) -> str:
        """Return why a record would not be coupled, as the reader sees it."""
        return str(self.reader.read_outcome(one.told["message"], one.told)[0]) if one.told else ""

    def _why(self, row: FoundRecord) -> str:
        return self.why(row.record)

    def candidates(self, one: PreviewedRecord) -> str:
        """Return the rows that came into question."""
        _, told = self.reader.read_outcome("", one.told)
        return "; ".join(_candidate(found) for found in (told or {}).get("candidates", ()))

    def _candidates(self, row: FoundRecord) -> str:
        return self.candidates(row.record)

    def _partner(self, row: FoundRecord) -> str:
        _, told = self.reader.read_outcome("", row.record.told)
        return "; ".join(str(found["coupled_to"]) for found in told.get("candidates", ()) if found.get("coupled_to"))

    def _will(self, row: FoundRecord) -> Cell:
        """Return what synchronization would do to a pair, which leads to both sides field by field."""
        found = self.foreseen.of(row.record) or self._beyond.of(row.record)
        if found is None or row.record.row is None:
            return "not read"
        if found.fails:
            return Status(f"fails: {found.fails}", "bad")
        if not (found.there or found.here or found.conflicts):
            return Status(found.text, "warn") if found.why else found.text
        query = {"mapping": self.mapping.name, "row": UUID(bytes=row.record.row.id), "show": "different"}
        url = optional_url(
            "sync:set-up-coupling", self.company, table=self.table.name, system_id=row.local_id,
            query={**query, "next": self.address},
        )  # fmt: skip
        return Link(found.text, url) if url else found.text

    def will(self, one: PreviewedRecord) -> str:
        """Return what synchronization would do to a pair, in words, where the preview's job looked at it."""
        found = self.foreseen.of(one)
        if found is None:
            return "not read"
        if found.fails:
            return f"fails: {found.fails}"
        written = [
            f"{where}: {', '.join(names)}"
            for where, names in (("in Dataverse", found.there), ("here", found.here))
            if names
        ]
        return "; ".join(written) or found.text

    def _since(self, row: FoundRecord) -> Cell:
        change = self._changes.get(row.record.local_id)
        return Status(change.text, "warn") if change is not None else ""


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _candidate(found: Any) -> str:
    taken = f" (coupled to {found['coupled_to']})" if found.get("coupled_to") else ""
    return f"{found.get('name') or found.get('id')}{taken}"


_EMPTY = {
    "couple": "No record has a row of its own in Dataverse by these criteria. See the other tabs, or match on others.",
    "create": "Every record has a match.",
}
