"""What can be done with Dataverse from a list or a card: Related > Dataverse, and the same in two clicks at most.

On a list, Related > Dataverse > Coupling stands beside the menu Synchronize, which has all of it on one level; on a
card the actions that fit the record stand in the bar itself.
"""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from connection_setup.connection.state import connection_for_request, disabled_reason
from core.roles import Can, may
from coupling.dead_partners import RELEASE
from coupling.models import IntegrationTableMapping
from coupling.records.lists import mappings_of
from coupling.records.partners import Partner
from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui.kit import Action, Menu
from ui.links import company_url, optional_url

OPEN = "Open in Dataverse"
_DENIED = "Your role may look, not change."


class DataverseMenu:
    """The actions for the selected rows of a list, or for one record.

    They are off, with the reason, while the connection is not enabled; an action is off where the role does not allow
    it. mappings: the table's, where the caller has them; partner: what the record is coupled with.
    """

    def __init__(
        self,
        request: HttpRequest,
        company: Company,
        table: LocalTable,
        *,
        record: Any = None,
        partner: Partner | None = None,
        mappings: Sequence[IntegrationTableMapping] | None = None,
    ) -> None:
        self.request, self.company, self.table, self.record = request, company, table, record
        self.partner = partner or Partner()
        mappings = mappings_of(company, table) if mappings is None else mappings
        disabled = disabled_reason(connection_for_request(request, company))
        self.off = disabled.user_message if disabled is not None else ""
        if not self.off and not mappings:
            self.off = f"No integration table mapping for {table.caption_plural} yet."
        self.mappings = [one.name for one in mappings]
        self.denied = "" if may(request.user, Can.OPERATE, company) else _DENIED

    def related(self) -> Menu:
        """Return Related > Dataverse > Coupling."""
        coupling = Menu(
            "Coupling",
            [
                *self._act("Match-Based Coupling", "coupling:criteria-selection", "couple"),
                *self._set_up(),
                *self._act("Delete Coupling", "coupling:uncouple-selection", "uncouple"),
                *self._act(RELEASE, "coupling:release-records", "uncouple"),
                *self._coupling_logs(),
            ],
            icon="couple",
        )
        actions: list[Action | Menu] = [
            *self._synchronize(), coupling, *self._create(), *self._create_here(), self._open(), self._log(),
        ]  # fmt: skip
        return Menu("Related", [Menu("Dataverse", actions, icon="dataverse", off=self.off)], icon="list")

    def synchronize(self) -> Menu | None:
        """Return the same actions on one level, for a list; None while they are off, which Related says."""
        if self.off:
            return None
        actions = [
            *self._synchronize(),
            *self._set_up(),
            *self._act("Match-Based Coupling", "coupling:criteria-selection", "couple"),
            *self._create(),
            *self._create_here(),
            *self._act("Delete Coupling", "coupling:uncouple-selection", "uncouple"),
            *self._act(RELEASE, "coupling:release-records", "uncouple"),
            self._open(),
            self._log(),
            *self._coupling_logs(),
        ]
        return Menu("Synchronize", actions, icon="sync")

    def buttons(self) -> list[Action]:
        """Return the actions that fit the record, for the bar of its card; none while they are off."""
        if self.off:
            return []
        looks = [self._log()]
        if self.partner.url:
            looks.insert(0, self._open())
        if self.denied:
            return looks
        if self.partner.pair is not None or self.partner.option is not None:
            uncouple = self._act("Delete Coupling", "coupling:uncouple-selection", "uncouple")
            return [*self._synchronize(), *self._set_up(), *uncouple, *looks]
        match = self._act("Match-Based Coupling", "coupling:criteria-selection", "couple")
        return [*self._set_up(), *match, *self._create(), *looks]

    # -- one by one ----------------------------------------------------------------------------------------------------

    def _act(self, label: str, name: str, icon: str, off: str | None = None) -> list[Action]:
        """Return an action on what is selected, or on the record; none where no room has it."""
        url = optional_url(name, self.company, table=self.table.name)
        if not url:
            return []
        values = {"selected": str(self.record.system_id)} if self.record is not None else {}
        why = self.denied if off is None else off
        return [Action(label, url, "post", icon, selection=self.record is None, off=why, values=values)]

    def _synchronize(self) -> list[Action]:
        return self._act("Synchronize Now", "sync:synchronize-selection", "sync")

    def _create(self) -> list[Action]:
        return self._act("Create in Dataverse", "sync:create-in-dataverse", "add")

    def _set_up(self) -> list[Action]:
        of_list = self._act("Set Up Coupling", "sync:set-up-coupling-records", "edit")
        if self.record is None or not of_list:
            return of_list
        url = company_url("sync:set-up-coupling", self.company, table=self.table.name, system_id=self.record.system_id)
        return [Action("Set Up Coupling", url, icon="edit", off=self.denied)]

    def _create_here(self) -> list[Action]:
        """Return the way to the rows that nothing is coupled with, for each mapping of the table."""
        if self.record is not None:
            return []
        unread = "" if may(self.request.user, Can.PREVIEW, self.company) else "Your role may not have tables read."
        found = [(name, optional_url("sync:uncoupled-rows", self.company, mapping=name)) for name in self.mappings]
        label = "Create Here from Dataverse"
        return [Action(self._of(label, name), url, icon="import", off=unread) for name, url in found if url]

    def _of(self, label: str, mapping: str) -> str:
        """Return what an action is called that is about one mapping: with its name where there are several."""
        return f"{label}, {mapping}" if len(self.mappings) > 1 else label

    def _open(self) -> Action:
        if self.record is None:
            url = company_url("records:open", self.company, table=self.table.name)
            return Action(OPEN, url, "post", "open", selection=True)
        return Action(OPEN, self.partner.url, icon="open", off=self.partner.why_not_open)

    def _log(self) -> Action:
        """Return the way to the runs that dealt with the record; those of the mapping where none did."""
        url = company_url("records:log", self.company, table=self.table.name)
        if self.record is None:
            return Action("Synchronization Log", url, "post", "job", selection=True)
        return Action("Synchronization Log", f"{url}?record={self.record.system_id}", icon="job")

    def _coupling_logs(self) -> list[Action]:
        found = []
        for name in self.mappings or [""]:
            url = company_url("jobs:list", self.company, query={"type": "coupling", "mapping": name})
            found.append(Action(self._of("Integration Coupling Job Log", name), url, icon="job"))
        return found
