"""What becomes of pairs one side of which was deleted, and the brake: above so many a run leaves them to a person.

A table that was emptied by mistake, a restored backup, a filter of somebody else's: a run that did then what the
mapping's option says would carry the mistake to the other side. So the pairs of a batch are counted before any of them
is decided, together with those that wait for a person since earlier runs; where they are too many, none of the batch
and none after it is decided, in whatever slice.
"""

from collections.abc import Iterable
from typing import Any

from core.vocabulary import DeletionOption
from coupling.brakes import Brakes, deletions_stopped, deletions_wait
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from jobs.models import Reason
from sync.engine.options import DeletionsMet, Options
from sync.engine.pairs import Pair

KEPT = "deletions"
"""Where a job keeps between slices what it met."""


def met_before(resume: dict[str, Any]) -> DeletionsMet:
    """Return what a job's earlier slices met."""
    return DeletionsMet(*resume.get(KEPT, ()))


class Deletions:
    """The mapping's option for pairs with a deleted side, until the brake closes."""

    def __init__(self, mapping: IntegrationTableMapping, options: Options) -> None:
        self.mapping, self.options = mapping, options
        self.met = options.deletions or DeletionsMet()

    @property
    def stopped(self) -> bool:
        """Whether the brake has closed."""
        return self.met.stopped

    @property
    def told(self) -> str:
        """Why nothing is done about any such pair; "" while the brake is open."""
        return deletions_stopped(self.met.met, self.met.total, self._most(self.met.total)) if self.stopped else ""

    def look(self, pairs: Iterable[Pair]) -> None:
        """Count the pairs of a batch one side of which was deleted, before anything is decided about them."""
        if self._a_person_chose or not self.mapping.deletion_conflict:
            return
        found = {
            pair.coupling.id for pair in pairs if (pair.local is None) != (pair.remote is None and not pair.assumed)
        }
        if not found:
            return
        waiting = self._waiting()
        met, total, stopped = self.met if self.met.total else DeletionsMet(waiting.count(), self._count_pairs())
        met += len(found) - waiting.filter(coupling_id__in=found).count()
        self.met = DeletionsMet(met, total, stopped or met > self._most(total))

    def keep(self, resume: dict[str, Any]) -> None:
        """Note what was met for the job's next slices."""
        if self.met.total:
            resume[KEPT] = list(self.met)

    @property
    def option(self) -> DeletionOption:
        """What becomes of such a pair now."""
        return DeletionOption.ASK if self.stopped else DeletionOption(self._chosen)

    def explain(self, where: str) -> str:
        """Return why nothing is done about a pair whose other side was deleted there."""
        if self.stopped:
            return deletions_wait(where, self.met.met, self.met.total, self._most(self.met.total))
        return (
            f"The record it is coupled to was deleted {where}. Choose an option for Resolve Deletion Conflicts on the "
            "mapping's card; or choose Restore Records, Delete Records or Delete Couplings for this one."
        )

    @property
    def _chosen(self) -> str:
        return self.options.deletion or self.mapping.deletion_conflict

    @property
    def _a_person_chose(self) -> bool:
        return self.options.deletions is None or bool(self.options.deletion) or self.options.delete_survivors

    def _waiting(self) -> Any:
        """Return what waits for a person since a side of it was deleted."""
        reasons = (Reason.LOCAL_DELETED, Reason.INTEGRATION_DELETED)
        lines = UndoneRecord.objects.filter(mapping=self.mapping, reason__in=reasons, coupling__isnull=False)
        return lines.filter(settled_at=None)

    def _count_pairs(self) -> int:
        return Coupling.objects.filter(mapping=self.mapping).count()

    def _most(self, total: int) -> int:
        return Brakes.stored(self.mapping.brakes).most_deleted(total)
