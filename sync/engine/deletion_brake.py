"""What becomes of pairs one side of which was deleted, and the brake: above so many a run leaves them to a person.

A table that was emptied by mistake, a restored backup, a filter of somebody else's: a run that did then what the
mapping's option says would carry the mistake to the other side. So the pairs of a batch are counted before any of them
is decided, and where they are too many, none of the batch and none after it is.
"""

from collections.abc import Iterable
from functools import cached_property

from core.vocabulary import DeletionOption
from coupling.brakes import Brakes, deletions_wait
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job, Reason
from sync.engine.options import Options
from sync.engine.pairs import Pair

_REASONS = (Reason.LOCAL_DELETED.value, Reason.INTEGRATION_DELETED.value)


def deleted_in(job: Job) -> int:
    """Return how many pairs with a deleted side a job has met in its earlier slices, by their outcomes.

    Restored ones have none that says so: of them each slice counts its own.
    """
    return sum(int(by.get(reason, 0)) for by in job.breakdown.values() for reason in _REASONS)


class Deletions:
    """The mapping's option for pairs with a deleted side, until the brake closes."""

    def __init__(self, mapping: IntegrationTableMapping, options: Options) -> None:
        self.mapping, self.options = mapping, options
        self._met = options.deleted_before or 0
        self.stopped = False
        """Whether the brake has closed."""

    def look(self, pairs: Iterable[Pair]) -> None:
        """Count the pairs of a batch one side of which was deleted, before anything is decided about them."""
        if self._a_person_chose or not self.mapping.deletion_conflict:
            return
        found = sum((pair.local is None) != (pair.remote is None and not pair.assumed) for pair in pairs)
        if found:
            self._met += found
            self.stopped = self.stopped or self._met > self._most

    @property
    def option(self) -> DeletionOption:
        """What becomes of such a pair now."""
        return DeletionOption.ASK if self.stopped else DeletionOption(self._chosen)

    def explain(self, where: str) -> str:
        """Return why nothing is done about a pair whose other side was deleted there."""
        if self.stopped:
            return deletions_wait(where, self._met, self._total, self._most)
        return (
            f"The record it is coupled to was deleted {where}. Choose an option for Resolve Deletion Conflicts on the "
            "mapping's card; or choose Restore Records, Delete Records or Delete Couplings for this one."
        )

    @property
    def _chosen(self) -> str:
        return self.options.deletion or self.mapping.deletion_conflict

    @property
    def _a_person_chose(self) -> bool:
        return self.options.deleted_before is None or bool(self.options.deletion) or self.options.delete_survivors

    @cached_property
    def _total(self) -> int:
        return Coupling.objects.filter(mapping=self.mapping).count() + (self.options.deleted_before or 0)

    @cached_property
    def _most(self) -> int:
        return Brakes.stored(self.mapping.brakes).most_deleted(self._total)
