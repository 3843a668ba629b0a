"""Looking for pairs one side of which was deleted, without synchronizing anything else: Find for Deleted.

A run hears of deletions here, and of those in Dataverse where the changes of the table are read. This one looks at all
couplings, for whatever nobody told. What it finds goes by the mapping's option, and without one waits for a person.
"""

from collections.abc import Sequence
from typing import NoReturn

from coupling.models import UndoneRecord
from jobs.models import Reason
from jobs.running.context import Checkpoint
from sync.engine.pairs import CHUNK, CouplingRow, read_couplings
from sync.engine.run import Run
from sync.engine.worker import SetPosition

_PHASE = "Looking for deleted records"


class DeletedRun(Run):
    """One slice of a job that looks through a mapping's couplings."""

    def execute(self) -> NoReturn:
        """Look through the couplings from where the job stands, and end it."""
        if "after" not in self.context.resume:
            self._set_position(0)
        while True:
            after = self.context.resume["after"]
            couplings = read_couplings(self.unprocessed().filter(id__gt=after).order_by("id")[:CHUNK])
            if not couplings:
                self.end()
            last = couplings[-1].id
            if broken := self._broken(couplings):
                self.read_both_sides(broken, _advance_to(last))
            else:
                self._set_position(last)

    def _set_position(self, after: int) -> None:
        with self.context.checkpoint() as point:
            _advance_to(after)(point)

    def _broken(self, couplings: Sequence[CouplingRow]) -> list[CouplingRow]:
        """Return those of which a side does not exist, without those that stand on the list for that already."""
        rows = self.gateway.read(self.mapping, [], [coupling.integration_id for coupling in couplings])
        records = self.worker.reader.company_records.filter(system_id__in=[one.local_id for one in couplings])
        existing = set(records.values_list("system_id", flat=True))
        broken = [one for one in couplings if one.local_id not in existing or one.integration_id not in rows]
        listed = UndoneRecord.objects.filter(
            coupling__in=[one.id for one in broken], reason__in=[Reason.LOCAL_DELETED, Reason.INTEGRATION_DELETED]
        )
        known = set(listed.values_list("coupling_id", flat=True))
        return [one for one in broken if one.id not in known]


def _advance_to(after: int) -> SetPosition:
    """Return what sets the position behind this coupling."""

    def set_position(point: Checkpoint) -> None:
        point.resume["after"] = after
        point.phase = _PHASE

    return set_position
