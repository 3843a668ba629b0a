"""Rows that belong to no company in Dataverse are this company's once records are made of them here.

What is to be marked is stored with the records, and sent afterwards: a worker that is killed in between is followed by
one that sends it, and the records are made in the order in which their rows were read.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from core import bulk
from core.vocabulary import Direction
from coupling.gateway import Gateway
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Outcome
from jobs.running.context import Checkpoint, JobContext, OutcomeRow
from sync.engine.chunk import LIMITED, NewLocalRecord

_PART = 500


def needs_mark(mapping: IntegrationTableMapping, mark: Mapping[str, Any], row: RemoteRow) -> bool:
    """Return whether a row is to be marked once a record is made of it. mark: the column that does, none for none."""
    return mapping.direction != Direction.FROM and any(not row.values.get(column) for column in mark)


class Marking:
    """Marks rows as a company's, for one job and mapping."""

    def __init__(self, context: JobContext, gateway: Gateway, mapping: IntegrationTableMapping) -> None:
        self.context, self.gateway, self.mapping = context, gateway, mapping

    def note(self, point: Checkpoint, new: Sequence[NewLocalRecord], outcomes: Sequence[OutcomeRow]) -> None:
        """Store which rows are to be marked: those of the records that a checkpoint inserts."""
        inserted = {one.integration_id for one in outcomes if one.outcome == Outcome.INSERTED}
        rows = [
            [str(one.integration_id), one.version] for one in new if one.unmarked and one.integration_id in inserted
        ]
        if rows:
            point.resume["to_mark"] = [*self.context.resume.get("to_mark", ()), *rows]

    def send(self, mark: Mapping[str, Any]) -> None:
        """Mark what is stored; postpone the job where Dataverse's limit stopped some, which are kept.

        A row that somebody changed meanwhile, or of which Dataverse refuses it, is marked with the next change that is
        sent to it.
        """
        rows = [(UUID(row_id), version) for row_id, version in self.context.resume.get("to_mark", ())]
        if not rows:
            return
        results = self.gateway.update(self.mapping, [(row_id, mark, version) for row_id, version in rows])
        by_row = list(zip(rows, results, strict=True))
        limited = [(row, result.retry_after) for row, result in by_row if result.retry_after is not None]
        refused = [one for _, one in by_row if not (one.ok or one.mismatch or one.retry_after is not None)]
        with self.context.checkpoint() as point:
            self._save_versions({row_id: result.version for (row_id, _), result in by_row if result.ok})
            point.resume["to_mark"] = [[str(row_id), version] for (row_id, version), _ in limited]
            if refused:
                point.resume["not_marked"] = self.refusal or (
                    f"Rows in Dataverse could not be marked as this company's: {refused[0].message}"
                )
        if limited:
            self.context.postpone(max(wait_s for _, wait_s in limited), LIMITED)

    @property
    def refusal(self) -> str:
        """What people read where rows could not be marked, "" where all could."""
        return str(self.context.resume.get("not_marked", ""))

    def _save_versions(self, versions: Mapping[UUID, str]) -> None:
        """Take our own marks for seen: the version that a row has since is the one that its pair is alike at."""
        ids = [row_id for row_id, version in versions.items() if version]
        for start in range(0, len(ids), _PART):
            pairs = Coupling.objects.filter(mapping=self.mapping, integration_id__in=ids[start : start + _PART])
            known = pairs.values_list("pk", "integration_id")
            bulk.update(CouplingBase, "coupling_id", ("version",), [(pk, versions[row_id]) for pk, row_id in known])
