"""What is asked before selected pairs are synchronized: the way where both are possible, and whether newer data is to
be overwritten. It stands before every Synchronize that means selected records.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from core.vocabulary import ConflictOption, Direction
from core.words import counted
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.page_parts import EXPLAINED
from masterdata.models import Company
from sync import looking
from sync.looking import HERE, THERE, Look, Loss, look
from sync.rules.changed_sides import Changed
from sync.start.direction import TITLE, WAYS, ask_direction
from ui import listing, render
from ui.kit import Action, FastTab, Link, Notice, Table

_NAMED = 5
"""Records that a warning names."""
_LABELS = {"merge": "Merge data", "to": "Send data update to Dataverse", "from": "Get data update from Dataverse"}
_SIDES = {
    Changed.HERE: "Changed here", Changed.THERE: "Changed in Dataverse", Changed.BOTH: "Changed on both sides",
    Changed.NEITHER: "Unchanged on both sides",
}  # fmt: skip
_DECIDING = (ConflictOption.SEND, ConflictOption.GET, ConflictOption.NEWEST)
TOO_MANY = (
    "With more than {:,} records it is not checked which side changed. To see what would be written first, select "
    "fewer, or have manage.py synchronize --preview tell it."
)
_ON_ONE_SIDE = "on one side what both sides changed, as the mapping or its field decides"


@dataclass
class Asking:
    """What is asked before pairs are synchronized.

    what: "3 records of CUSTOMER"; mappings: that the pairs are of; pairs: by mapping the ids of their records;
    count: of how many; back: the list they were selected on; carried: what comes back with the answers; notices: what
    is said beside.
    """

    request: HttpRequest
    company: Company
    what: str
    selected: listing.Selection
    mappings: Sequence[IntegrationTableMapping]
    pairs: Callable[[], Sequence[tuple[IntegrationTableMapping, Sequence[UUID]]]]
    count: int
    back: Link
    carried: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[Notice] = ()
    fixed: str = ""
    """The way, where there is no choice."""

    @property
    def asks_for_direction(self) -> bool:
        """Whether both ways are possible."""
        return any(one.direction == Direction.BIDIRECTIONAL for one in self.mappings)

    @property
    def way(self) -> str:
        """The way that was chosen; "merge" where there is no choice; "" where none was made yet."""
        if self.fixed:
            return self.fixed
        given = self.request.POST.get("way", "")
        return (given if given in WAYS else "") if self.asks_for_direction else "merge"

    def answer(self) -> HttpResponse | None:
        """Return what is asked first; None where nothing is left to ask."""
        if self.way and (self.request.POST.get("confirmed") == "yes" or not self._may_overwrite()):
            return None
        found, problem = self._look()
        return self._warn(found, problem) if self.way else self._ask(found, problem)

    def _may_overwrite(self) -> bool:
        """Return whether the way that was chosen may replace what somebody changed."""
        return may_overwrite(self.mappings, self.way)

    def _look(self) -> tuple[Look | None, str]:
        """Return what a look finds; or why there is none."""
        if all(one.uid_kind == "option" for one in self.mappings):
            return None, ""
        if self.count > looking.MOST:
            return None, TOO_MANY.format(looking.MOST)
        try:
            return look(self.pairs()), ""
        except EXPLAINED as error:
            return None, f"Which side changed is not known now. {error.user_message}"

    # -- the direction ------------------------------------------------------------------------------------------------

    def _ask(self, found: Look | None, problem: str) -> HttpResponse:
        notices = list(self.notices)
        if problem:
            notices.append(Notice(problem, "warn"))
        for way, label in _LABELS.items() if found is not None else ():
            for data, losses in _by_side(found.losses[way] if found is not None else []):
                notices.append(Notice(f"“{label}” would overwrite {data}: {_told(losses)}.", "warn"))
        return ask_direction(
            self.request, self.company, self.what, self.selected, self.back, self.carried,
            initial=found.way if found is not None else "merge", notices=notices,
            tabs=[_what_changed(found)] if found is not None else [],
        )  # fmt: skip

    # -- the warning --------------------------------------------------------------------------------------------------

    def _warn(self, found: Look | None, problem: str) -> HttpResponse | None:
        """Ask before newer data is overwritten; return None where none would be."""
        losses = found.losses[self.way] if found is not None else []
        if not losses and not problem:
            return None
        told = told_losses(losses)
        values = {
            **self.carried, "selection": self.selected.token, "way": self.way, "confirmed": "yes",
        }  # fmt: skip
        return render.confirm(
            self.request,
            title=TITLE,
            text=told or f"{problem} {self._unknown()} may be overwritten.",
            action=Action("Overwrite" if told else "Synchronize", self.request.path, "post", "sync", values=values),
            back=self.back.url,
            company=self.company,
            careful=True,
        )

    def _unknown(self) -> str:
        """Return what may be overwritten where it is not known."""
        ways = {Direction(one.direction) for one in self.mappings}
        if self.way == "to" or ways == {Direction.TO}:
            return f"Newer data {THERE}"
        if self.way == "from" or ways == {Direction.FROM}:
            return f"Newer data {HERE}"
        return "What both sides changed"


def may_overwrite(mappings: Sequence[IntegrationTableMapping], way: str) -> bool:
    """Return whether synchronizing pairs of these a way (WAYS) may replace what somebody changed."""
    looked_at = [one for one in mappings if one.uid_kind != "option"]
    if not looked_at or way != "merge":
        return bool(looked_at)
    if any(one.direction != Direction.BIDIRECTIONAL or one.update_conflict in _DECIDING for one in looked_at):
        return True
    decides = Q(update_conflict__in=_DECIDING) | ~Q(direction=Direction.BIDIRECTIONAL)
    return IntegrationFieldMapping.objects.filter(decides, mapping__in=looked_at).exists()


def told_losses(losses: Sequence[Loss]) -> str:
    """Return what would be overwritten, in sentences; "" for nothing."""
    return " ".join(
        f"This would overwrite {data}: {_told(some)}." if data == _ON_ONE_SIDE else
        f"{data[0].upper()}{data[1:]} would be overwritten: {_told(some)}."
        for data, some in _by_side(losses)
    )  # fmt: skip


def _by_side(losses: Sequence[Loss]) -> list[tuple[str, list[Loss]]]:
    """Return losses by what they are, in words."""
    found = [
        (_data(where, newer), [one for one in losses if (one.where, one.newer) == (where, newer)])
        for where in (THERE, HERE, "")
        for newer in (True, False)
    ]
    return [(data, some) for data, some in found if some]


def _data(where: str, newer: bool) -> str:
    if not where:
        return _ON_ONE_SIDE
    return f"newer data {where}" if newer else f"data {where} of which nobody knows whether it is newer"


def _what_changed(found: Look) -> FastTab:
    rows: list[list[Any]] = [[label, found.changed[side]] for side, label in _SIDES.items() if found.changed[side]]
    if found.gone:
        rows.append(["Deleted on one side", found.gone])
    table = Table("What changed since the last synchronization", ("Pairs", "Number"), rows, numeric=frozenset({1}))
    return FastTab("changed", "What changed since the last synchronization", table=table)


def _told(losses: Sequence[Loss]) -> str:
    """Return which records lose what: the first ones by name."""
    named = "; ".join(f"{one.label} ({', '.join(one.fields)})" for one in losses[:_NAMED])
    more = len(losses) - _NAMED
    return f"{named}; and {counted(more, 'record')} more" if more > 0 else named
