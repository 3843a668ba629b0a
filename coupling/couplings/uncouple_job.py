"""The uncoupling job: empty the company column in Dataverse where it is ours, and delete couplings. Never data."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core import bulk
from coupling import local_records
from coupling.couplings.pending import is_being_created
from coupling.gateway import COMPANY_COLUMN, Gateway, WriteResult
from coupling.job_parameters import UncouplingParameters
from coupling.mappings.services import get_mapping
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from jobs.models import Outcome, Reason
from jobs.running.context import JobContext, OutcomeRow

COUPLINGS_PER_CHECKPOINT = 500
"""Couplings per checkpoint: one read, one write."""
ROUNDS = 3
"""How often a row that changes between reading and writing is read again."""


def uncouple(context: JobContext) -> None:
    """Handle one slice of an uncoupling job; it goes on behind the last coupling (or selected record) settled."""
    mapping = get_mapping(context.company, context.job.mapping_name)
    gateway = Gateway(context.company, context.usage)
    organization = gateway.organization_id
    work = _Uncoupling(context, mapping, gateway, organization)
    if context.job.selection_only:
        work.selected()
    elif UncouplingParameters.load(context.parameters).all:
        work.everything()
    context.finish(f"{context.job.counters.get('uncoupled', 0):,} uncoupled.")


class _Uncoupling:
    def __init__(
        self, context: JobContext, mapping: IntegrationTableMapping, gateway: Gateway, organization: UUID
    ) -> None:
        self.context = context
        self.mapping = mapping
        self.gateway = gateway
        self.organization = organization
        self.couplings = Coupling.objects.filter(mapping=mapping)

    def everything(self) -> None:
        """All couplings of the mapping, in the order they were made."""
        total = self.context.job.total
        if total is None:
            total = self.couplings.count()
        while True:
            part = list(
                self.couplings.filter(pk__gt=self.context.resume.get("after", 0)).order_by("pk")[
                    :COUPLINGS_PER_CHECKPOINT
                ]
            )
            if not part:
                return
            self._settle(part, [], total, part[-1].pk)

    def selected(self) -> None:
        """The couplings of the selected records; a record without one is told so."""
        side = self.context.selection_side
        after = self.context.resume.get("after")
        total = self.context.job.total
        if total is None:
            total = self.context.job.records.count()
        for chunk in self.context.selection(after=UUID(after) if after else None):
            for start in range(0, len(chunk), COUPLINGS_PER_CHECKPOINT):
                ids = chunk[start : start + COUPLINGS_PER_CHECKPOINT]
                found = {
                    getattr(coupling, f"{side}_id"): coupling
                    for coupling in self.couplings.filter(**{f"{side}_id__in": ids})
                }
                missing = [row_id for row_id in ids if row_id not in found]
                self._settle(list(found.values()), missing, total, str(ids[-1]))

    def _settle(self, part: list[Coupling], missing: list[UUID], total: int, after: Any) -> None:
        held = self._held(part)
        told = [self._waits(coupling) for coupling in part if coupling.pk in held]
        part = [coupling for coupling in part if coupling.pk not in held]
        results = self._emptied(part)
        names = local_records.read_keys_and_names(self.mapping, [*(coupling.local_id for coupling in part), *missing])
        kept = {row_id for row_id, result in results.items() if not result.ok and result.reason != Reason.RECORD_GONE}
        gone = [coupling.pk for coupling in part if coupling.integration_id not in kept]
        outcomes = [self._outcome(coupling, names, results.get(coupling.integration_id), kept) for coupling in part]
        outcomes += [
            OutcomeRow(
                Outcome.SKIPPED, Reason.NOT_COUPLED if row_id in names else Reason.RECORD_GONE, row_id,
                *names.get(row_id, ("", "")), message="The record is not coupled, so there was nothing to undo.",
            )
            for row_id in missing
        ]  # fmt: skip
        outcomes += told
        with self.context.checkpoint() as point:
            bulk.delete(CouplingBase, "coupling", gone)
            bulk.delete(Coupling, "id", gone)
            point.total = total
            point.phase = "Deleting couplings"
            point.outcomes += outcomes
            point.processed(len(outcomes))
            point.resume = {"after": after}

    @staticmethod
    def _held(part: list[Coupling]) -> set[int]:
        """Couplings whose row a job that has not ended is creating: without them it would create another one."""
        return {coupling.pk for coupling in part if coupling.pending and is_being_created(coupling)}

    def _waits(self, coupling: Coupling) -> OutcomeRow:
        key, name = local_records.read_keys_and_names(self.mapping, [coupling.local_id]).get(
            coupling.local_id, ("", "")
        )
        return OutcomeRow(
            Outcome.SKIPPED, Reason.CREATE_QUEUED, coupling.local_id, key, name, coupling.integration_id,
            message=f"Its row is being created in Dataverse by job {coupling.job_id}, which has not ended. Delete the "
            "coupling once that job has ended, or cancel the job.",
        )  # fmt: skip

    def _emptied(self, part: list[Coupling]) -> dict[UUID, WriteResult]:
        # A coupling made in another environment says nothing about rows of this one.
        ids = [row.integration_id for row in part if row.organization_id in (None, self.organization)]
        return clear_company_column(self.gateway, self.mapping, ids)

    def _outcome(
        self, coupling: Coupling, names: dict[UUID, tuple[str, str]], result: WriteResult | None, kept: set[UUID]
    ) -> OutcomeRow:
        key, name = names.get(coupling.local_id, ("", ""))
        if result is not None and coupling.integration_id in kept:
            return OutcomeRow(
                Outcome.FAILED, result.reason, coupling.local_id, key, name, coupling.integration_id,
                message=f"The coupling was kept, because the row could not be released: {result.message}",
                detail={"support": result.detail},
            )  # fmt: skip
        return OutcomeRow(Outcome.UNCOUPLED, Reason.NONE, coupling.local_id, key, name, coupling.integration_id)


def clear_company_column(
    gateway: Gateway, mapping: IntegrationTableMapping, ids: Sequence[UUID]
) -> dict[UUID, WriteResult]:
    """Empty the company column of the rows where it is this company's; what became of each row written to.

    A row that changed since it was read is looked at again, so that nobody else's mark is taken off.
    """
    ours = gateway.company_row_id
    if ours is None or not ids or COMPANY_COLUMN not in gateway.table(mapping).columns:
        return {}
    results: dict[UUID, WriteResult] = {}
    for _ in range(ROUNDS):
        changes: list[tuple[UUID, dict[str, Any], str]] = [
            (row.id, {COMPANY_COLUMN: None}, row.version)
            for row in gateway.read(mapping, [COMPANY_COLUMN], ids).values()
            if str(row.values[COMPANY_COLUMN] or "").lower() == str(ours)
        ]
        # What was refused and is not ours any more: emptied without our hearing of it, or somebody else's by now.
        results |= {row_id: WriteResult(row_id, ok=True) for row_id in ids if row_id in results}
        results |= {result.id: result for result in gateway.update(mapping, changes)} if changes else {}
        ids = [row_id for row_id, result in results.items() if result.mismatch]
        if not ids:
            break
    return results
