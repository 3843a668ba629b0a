"""Synchronize Now for the selected records of a list, or for one record: the question, the warning, the job."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from accounts.access import company_or_404
from core.refusals import NotUsable, Refusal
from core.roles import Can, requires
from core.vocabulary import Direction
from core.words import counted
from coupling.mappings.services import require_enabled
from coupling.models import IntegrationTableMapping, pairs_of
from coupling.page_parts import EXPLAINED
from coupling.records import lists as records
from coupling.records.which_mapping import NAME, find_or_ask, that_couple
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.now.looking import MOST, Look, Loss, look
from sync.rules.changed_sides import Changed
from sync.start import services
from sync.start.direction import TITLE, WAYS, ask_direction
from sync.start.pages import redirect_to_jobs
from ui import listing, render
from ui.kit import Action, FastTab, Link, Notice, Page, Table
from ui.links import company_url, optional_url

_NAMED = 5
"""Records that a warning names."""
_OF_MAPPING = {Direction.TO: "to", Direction.FROM: "from"}
_SIDES = {
    Changed.HERE: "Changed here", Changed.THERE: "Changed in Dataverse", Changed.BOTH: "Changed on both sides",
    Changed.NEITHER: "Unchanged on both sides",
}  # fmt: skip


@require_POST
@requires(Can.OPERATE)
def synchronize_selection(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Synchronize Now for the selected records of a list; ask for the direction where both are possible, and before
    newer data is overwritten.
    """
    owner, local_table = company_or_404(request, company), records.table_or_404(table)
    back = records.list_url(owner, local_table)
    selected = records.selected_records(request, owner, local_table)
    if not selected:
        return listing.nothing_selected(request, back)
    try:
        mappings = that_couple(_mappings_of(owner, local_table), selected)
        mapping = find_or_ask(request, owner, local_table, selected, mappings, title=TITLE)
        if isinstance(mapping, HttpResponse):
            return mapping
        asking = _Asking(request, owner, local_table, mapping, selected)
        if (answer := asking.answer()) is not None:
            return answer
        direction, conflict = WAYS[asking.way] if asking.asks_for_direction else WAYS["merge"]
        job = services.start_synchronization(
            mapping=asking.mapping, selection=selected.rows.values_list("system_id", flat=True).iterator(),
            direction=direction, conflict=conflict, user=request.user, one_record=selected.count == 1,
        )  # fmt: skip
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, [job], back)


def _mappings_of(company: Company, table: LocalTable) -> list[IntegrationTableMapping]:
    """Return the mappings that records of a table are synchronized by. Raises Refusal where nothing can be."""
    require_enabled(company)
    mappings = records.mappings_of(company, table)
    if not mappings:
        raise NotUsable(f"{table.caption_plural} have no integration table mapping to synchronize by.")
    return mappings


class _Asking:
    """What is asked before selected records are synchronized."""

    def __init__(
        self,
        request: HttpRequest,
        company: Company,
        table: LocalTable,
        mapping: IntegrationTableMapping,
        selected: listing.Selection,
    ) -> None:
        self.request, self.company, self.table = request, company, table
        self.mapping, self.selected = mapping, selected
        self.way = request.POST.get("way", "")
        self.confirmed = request.POST.get("confirmed") == "yes"
        self.crumb = Link(table.caption_plural, records.list_url(company, table))
        self.asks_for_direction = mapping.direction == Direction.BIDIRECTIONAL
        coupled = pairs_of(mapping).filter(local_id__in=selected.rows.order_by().values("system_id")).count()
        self.uncoupled = selected.count - coupled

    def answer(self) -> HttpResponse | None:
        """Return what is asked first; None where nothing is left to ask."""
        if self.uncoupled >= self.selected.count:
            return self._offer_coupling()
        needs_direction = self.asks_for_direction and self.way not in WAYS
        if not needs_direction and (self.confirmed or self.mapping.uid_kind == "option"):
            return None
        if not needs_direction and self.asks_for_direction and self.way == "merge":
            return None  # merging overwrites nothing
        found, problem = self._look()
        if needs_direction:
            return self._ask(found, problem)
        return self._warn(found, problem)

    def _look(self) -> tuple[Look | None, str]:
        """Return what a look finds; or why there is none."""
        if self.mapping.uid_kind == "option":
            return None, ""
        if self.selected.count > MOST:
            return None, f"Of more than {MOST:,} records it is not looked at which side changed."
        try:
            return look(self.mapping, self.selected.ids), ""
        except EXPLAINED as error:
            return None, f"Which side changed is not known now. {error.user_message}"

    # -- what is not coupled ------------------------------------------------------------------------------------------

    def _coupling_actions(self) -> list[Action]:
        """Return what couples records: one by hand, several by matching; or creates their rows."""
        values = {"selection": self.selected.token, NAME: self.mapping.name}
        parts: dict[str, Any] = {"table": self.table.name}
        found = []
        if self.selected.count == 1:
            record = self.selected.rows[0]
            url = company_url("sync:set-up-coupling", self.company, **parts, system_id=record.system_id)
            found.append(Action("Set Up Coupling", url, icon="edit", primary=True))
        if url := optional_url("coupling:criteria-selection", self.company, **parts):
            found.append(Action("Match-Based Coupling", url, "post", "couple", values=values))
        if self.mapping.direction != Direction.FROM:
            url = company_url("sync:create-in-dataverse", self.company, **parts)
            found.append(Action("Create in Dataverse", url, "post", "add", values=values))
        return found

    def _offer_coupling(self) -> HttpResponse:
        one = self.selected.count == 1
        label = records.record_title(self.table, self.selected.rows[0]).replace(" · ", " ") if one else ""
        what = f"{label} is not coupled to a Dataverse row, so it has" if one else (
            f"None of the {self.selected.count:,} selected records is coupled to a Dataverse row, so they have"
        )  # fmt: skip
        notice = Notice(f"{what} nothing to be synchronized with. Couple first.", "warn", "Not coupled")
        return render.page(
            self.request,
            Page(
                TITLE,
                company=self.company,
                crumbs=(self.crumb,),
                help="synchronization.md#now",
                notices=[notice],
                actions=[*self._coupling_actions(), Action("Cancel", self.crumb.url, icon="close")],
            ),
        )

    def _uncoupled_notice(self) -> list[Notice]:
        if not self.uncoupled:
            return []
        what = f"{counted(self.uncoupled, 'selected record')} {'is' if self.uncoupled == 1 else 'are'} not coupled"
        text = f"{what}, and left as it is by this run." if self.uncoupled == 1 else f"{what}, and left as they are."
        return [Notice(text, "warn", actions=[one for one in self._coupling_actions() if one.method == "post"])]

    # -- the direction ------------------------------------------------------------------------------------------------

    def _ask(self, found: Look | None, problem: str) -> HttpResponse:
        notices = self._uncoupled_notice()
        if problem:
            notices.append(Notice(problem, "warn"))
        for way, where in (("to", "in Dataverse"), ("from", "here")):
            if found is not None and (losses := found.losses[way]):
                label = "Send data update to Dataverse" if way == "to" else "Get data update from Dataverse"
                notices.append(Notice(f"{label} would overwrite newer data {where}: {_told(losses)}.", "warn"))
        return ask_direction(
            self.request, self.company, f"{counted(self.selected.count, 'record')} of {self.mapping.name}",
            self.selected, self.crumb, initial=found.way if found is not None else "merge", notices=notices,
            tabs=[_what_changed(found)] if found is not None else [], carried={NAME: self.mapping.name},
        )  # fmt: skip

    # -- the warning --------------------------------------------------------------------------------------------------

    def _warn(self, found: Look | None, problem: str) -> HttpResponse | None:
        """Ask before newer data is overwritten; return None where none would be."""
        way = self.way if self.asks_for_direction else _OF_MAPPING.get(Direction(self.mapping.direction), "to")
        losses = found.losses[way] if found is not None else []
        if not losses and not (problem and self.asks_for_direction):
            return None
        where = "in Dataverse" if way == "to" else "here"
        text = f"Newer data {where} would be overwritten: {_told(losses)}." if losses else (
            f"{problem} Newer data {where} may be overwritten."
        )  # fmt: skip
        values = {
            "selection": self.selected.token, "way": self.way, "confirmed": "yes", NAME: self.mapping.name,
        }  # fmt: skip
        return render.confirm(
            self.request,
            title=TITLE,
            text=text,
            action=Action("Overwrite", self.request.path, "post", "sync", values=values),
            back=self.crumb.url,
            company=self.company,
            careful=True,
        )


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
