"""The uncoupling job: clear the company column in Dataverse where it is this company's, and delete couplings.

Records and rows themselves are never deleted.
"""

from collections.abc import Sequence
from typing import Any, NoReturn
from uuid import UUID

from core import bulk
from coupling import local_records
from coupling.couplings.contact_relations import uncouple_follow_ups
from coupling.couplings.coupled_records import keep_outcomes, kept_of_ended
from coupling.couplings.pending import is_being_created
from coupling.gateway import Gateway
from coupling.job_parameters import UncouplingParameters
from coupling.mappings.services import get_mapping
from coupling.matching.choice_rows import choice_name
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, OptionMapping, UndoneRecord, pairs_of
from coupling.rows import WriteResult
from jobs.errors import Ended
from jobs.models import Outcome, Reason
from jobs.running.context import JobContext, OutcomeRow

COUPLINGS_PER_CHECKPOINT = 500
"""One read and one write of rows in Dataverse each."""
ATTEMPTS = 3
"""How often a row that changes between reading and writing is read again."""

Names = dict[UUID, tuple[str, str]]
"""Key and name of local records, by id."""


def uncouple(context: JobContext) -> None:
    """Handle one slice of an uncoupling job; it resumes behind the last coupling, or selected record, done."""
    mapping = get_mapping(context.company, context.job.mapping_name)
    gateway = Gateway(context.company, context.usage)
    asked = UncouplingParameters.load(context.parameters)
    if mapping.uid_kind == "option":
        _release_choices(context, mapping)
        context.finish(f"{context.job.counters.get('uncoupled', 0):,} uncoupled.")
    uncoupling = _Uncoupling(context, mapping, gateway, gateway.organization_id)
    if context.job.selection_only:
        uncoupling.delete_selected()
    elif asked.all:
        uncoupling.delete_all()
    done = f"{context.job.counters.get('uncoupled', 0):,} uncoupled."
    if asked.delete_mapping:
        _delete_mapping(context, mapping, done)
    context.finish(done, follow_ups=list(uncouple_follow_ups(mapping, context.job, gateway)))


def _release_choices(context: JobContext, mapping: IntegrationTableMapping) -> None:
    """Delete the couplings with choices, of the selection or all; Dataverse keeps no mark of whose a choice is."""
    if context.job.processed:
        return
    pairs = {pair.local_id: pair for pair in pairs_of(mapping).order_by("pk")}
    selected = [local_id for part in context.selection() for local_id in part] if context.job.selection_only else None
    wanted = list(pairs) if selected is None else selected
    names = local_records.read_keys_and_names(mapping, wanted)
    deleted = [pairs[local_id] for local_id in wanted if local_id in pairs]
    outcomes = [
        OutcomeRow(
            Outcome.UNCOUPLED, Reason.NONE, one.local_id, *names.get(one.local_id, ("", "")),
            integration_name=choice_name(one.value, one.caption),
        )
        for one in deleted
    ]  # fmt: skip
    outcomes += [_not_coupled_outcome(local_id, names) for local_id in wanted if local_id not in pairs]
    with context.checkpoint() as point:
        bulk.delete(OptionMapping, "id", [one.pk for one in deleted])
        point.total = len(outcomes)
        point.phase = "Deleting couplings"
        point.outcomes += outcomes
        point.processed(len(outcomes))


def _not_coupled_outcome(row_id: UUID, names: Names) -> OutcomeRow:
    """Return the outcome of a selected record that has no coupling."""
    return OutcomeRow(
        Outcome.SKIPPED, Reason.NOT_COUPLED if row_id in names else Reason.RECORD_GONE, row_id,
        *names.get(row_id, ("", "")), message="The record is not coupled, so there was nothing to undo.",
    )  # fmt: skip


def _delete_mapping(context: JobContext, mapping: IntegrationTableMapping, done: str) -> NoReturn:
    """End the job, and the mapping with it where none of its couplings is left."""
    left = Coupling.objects.filter(mapping=mapping).count()
    if left:
        rows = "1 row" if left == 1 else f"{left:,} rows"
        context.finish(f"{done} {mapping.name} was kept, since {rows} could not be released.")
    with context.checkpoint() as point:
        mapping.delete()
        point.finish(f"{done} {mapping.name} is deleted.")
    raise Ended


class _Uncoupling:
    def __init__(
        self, context: JobContext, mapping: IntegrationTableMapping, gateway: Gateway, organization: UUID
    ) -> None:
        self.context = context
        self.mapping = mapping
        self.gateway = gateway
        self.organization = organization
        self.couplings = Coupling.objects.filter(mapping=mapping)

    def delete_all(self) -> None:
        """Delete all couplings of the mapping, in the order they were made."""
        total = self.context.job.total
        if total is None:
            total = self.couplings.count()
        while True:
            following = self.couplings.filter(pk__gt=self.context.resume.get("after", 0)).order_by("pk")
            part = list(following[:COUPLINGS_PER_CHECKPOINT])
            if not part:
                return
            self._delete(part, [], total, part[-1].pk)

    def delete_selected(self) -> None:
        """Delete the couplings of the selected records; one without a coupling gets an outcome that says so."""
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
                not_coupled = [row_id for row_id in ids if row_id not in found]
                self._delete(list(found.values()), not_coupled, total, str(ids[-1]))

    def _delete(self, part: list[Coupling], not_coupled: list[UUID], total: int, after: Any) -> None:
        """Delete some couplings, with an outcome for each and for the records that are not coupled."""
        being_created = [coupling for coupling in part if is_being_created(coupling)]
        part = [coupling for coupling in part if coupling not in being_created]
        results = self._clear_company(part)
        names = local_records.read_keys_and_names(
            self.mapping, [*(coupling.local_id for coupling in (*part, *being_created)), *not_coupled]
        )
        refused = {
            row_id for row_id, result in results.items() if not result.ok and result.reason != Reason.RECORD_GONE
        }
        deleted = [coupling.pk for coupling in part if coupling.integration_id not in refused]
        outcomes = [self._outcome(coupling, names, results.get(coupling.integration_id), refused) for coupling in part]
        outcomes += [_not_coupled_outcome(row_id, names) for row_id in not_coupled]
        outcomes += [self._being_created_outcome(coupling, names) for coupling in being_created]
        outcomes = kept_of_ended(outcomes)
        with self.context.checkpoint() as point:
            keep_outcomes(deleted)
            bulk.delete(Coupling, "id", deleted)  # before their bases, so that nobody saves new ones meanwhile
            bulk.delete(CouplingBase, "coupling", deleted)
            bulk.delete(UndoneRecord, "coupling", deleted)
            point.total = total
            point.phase = "Deleting couplings"
            point.outcomes += outcomes
            point.processed(len(outcomes))
            point.resume = {"after": after}

    def _being_created_outcome(self, coupling: Coupling, names: Names) -> OutcomeRow:
        """Return the outcome of a coupling whose row a job is creating: without it, the job would create another."""
        key, name = names.get(coupling.local_id, ("", ""))
        return OutcomeRow(
            Outcome.SKIPPED, Reason.CREATE_QUEUED, coupling.local_id, key, name, coupling.integration_id,
            message=f"Its row is being created in Dataverse by job {coupling.job_id}, which has not ended. Delete the "
            "coupling once that job has ended, or cancel the job.",
        )  # fmt: skip

    def _clear_company(self, part: list[Coupling]) -> dict[UUID, WriteResult]:
        # A coupling made in another environment says nothing about rows of this one.
        ids = [coupling.integration_id for coupling in part if coupling.organization_id in (None, self.organization)]
        return clear_company_column(self.gateway, self.mapping, ids)

    def _outcome(self, coupling: Coupling, names: Names, result: WriteResult | None, refused: set[UUID]) -> OutcomeRow:
        key, name = names.get(coupling.local_id, ("", ""))
        if result is not None and coupling.integration_id in refused:
            return OutcomeRow(
                Outcome.FAILED, result.reason, coupling.local_id, key, name, coupling.integration_id,
                message=f"The coupling was kept, because the row could not be released: {result.message}",
                detail={"support": result.detail},
            )  # fmt: skip
        return OutcomeRow(
            Outcome.UNCOUPLED, Reason.NONE, coupling.local_id, key, name, coupling.integration_id, number=coupling.pk
        )


def clear_company_column(
    gateway: Gateway, mapping: IntegrationTableMapping, ids: Sequence[UUID]
) -> dict[UUID, WriteResult]:
    """Clear the company column of the rows where it is this company's. Returns the result of each row written to.

    A row that changed since it was read is read again, so that no other company's mark is taken off.
    """
    company_row_id, column = gateway.company_row_id, mapping.company_column
    if company_row_id is None or not ids or column not in gateway.table(mapping).columns:
        return {}
    results: dict[UUID, WriteResult] = {}
    for _ in range(ATTEMPTS):
        changes: list[tuple[UUID, dict[str, Any], str]] = [
            (row.id, {column: None}, row.version)
            for row in gateway.read(mapping, [column], ids).values()
            if str(row.values[column] or "").lower() == str(company_row_id)
        ]
        # Refused and no longer this company's: cleared by a request whose answer was lost, or another company's by now.
        results |= {row_id: WriteResult(row_id, ok=True) for row_id in ids if row_id in results}
        results |= {result.id: result for result in gateway.update(mapping, changes)} if changes else {}
        ids = [row_id for row_id, result in results.items() if result.mismatch]
        if not ids:
            break
    return results
