"""Synchronize Now for the selected records of a list, or for one record: the question, the warning, the job."""

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
from coupling.records import lists as records
from coupling.records.which_mapping import NAME, find_or_ask, that_couple
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.asking import Asking
from sync.start import services
from sync.start.direction import TITLE, WAYS
from sync.start.pages import redirect_to_jobs
from ui import listing, render
from ui.kit import Action, Link, Notice, Page
from ui.links import company_url, optional_url


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
        way = _ask(request, owner, local_table, mapping, selected)
        if isinstance(way, HttpResponse):
            return way
        direction, conflict = WAYS[way]
        job = services.start_synchronization(
            mapping=mapping, selection=selected.rows.values_list("system_id", flat=True).iterator(),
            direction=direction, conflict=conflict, user=request.user, one_record=selected.count == 1,
        )  # fmt: skip
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, [job], back)


def _ask(
    request: HttpRequest,
    company: Company,
    table: LocalTable,
    mapping: IntegrationTableMapping,
    selected: listing.Selection,
) -> HttpResponse | str:
    """Return what is asked first; the way they go where nothing is left to ask."""
    beside = _NotCoupled(request, company, table, mapping, selected)
    if beside.count >= selected.count:
        return beside.offer_coupling()
    asking = Asking(
        request, company, f"{counted(selected.count, 'record')} of {mapping.name}", selected, [mapping],
        lambda: [(mapping, selected.ids)], selected.count, beside.crumb, {NAME: mapping.name}, beside.notices(),
    )  # fmt: skip
    answer = asking.answer()
    return asking.way if answer is None else answer


def _mappings_of(company: Company, table: LocalTable) -> list[IntegrationTableMapping]:
    """Return the mappings that records of a table are synchronized by. Raises Refusal where nothing can be."""
    require_enabled(company)
    mappings = records.mappings_of(company, table)
    if not mappings:
        raise NotUsable(f"{table.caption_plural} have no integration table mapping to synchronize by.")
    return mappings


class _NotCoupled:
    """What is said of selected records that are not coupled, with the ways to couple them."""

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
        self.crumb = Link(table.caption_plural, records.list_url(company, table))
        coupled = pairs_of(mapping).filter(local_id__in=selected.rows.order_by().values("system_id")).count()
        self.count = selected.count - coupled

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

    def offer_coupling(self) -> HttpResponse:
        """Return the page that leads to coupling, where none of the records is coupled."""
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
                help="synchronization#now",
                notices=[notice],
                actions=[*self._coupling_actions(), Action("Cancel", self.crumb.url, icon="close")],
            ),
        )

    def notices(self) -> list[Notice]:
        """Say how many of the records are not coupled."""
        if not self.count:
            return []
        are = ("is", "is left as it is") if self.count == 1 else ("are", "are left as they are")
        text = f"{counted(self.count, 'selected record')} {are[0]} not coupled, and {are[1]}."
        return [Notice(text, "warn", actions=[one for one in self._coupling_actions() if one.method == "post"])]
