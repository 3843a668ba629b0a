"""Records whose rows were merged into others in Dataverse: coupled with those, under the mapping's key, by the job that
then synchronizes them.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from core.refusals import NotUsable, Refusal
from coupling.couplings.services import couple_by_hand, delete_coupling
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from jobs.models import Outcome
from jobs.running.context import JobContext, OutcomeRow

_PART = 200
"""Records of one transaction."""


def couple_with_merged(
    context: JobContext, mapping: IntegrationTableMapping, organization_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, OutcomeRow]:
    """Let the couplings of these records lead to the rows that theirs were merged into.

    Return the outcomes of those of which that is refused, by record; a record whose row was not merged, or that was
    coupled so before the job was interrupted, is left as it is.
    """
    refused: dict[UUID, OutcomeRow] = {}
    for start in range(0, len(ids), _PART):
        lines = UndoneRecord.objects.filter(
            mapping=mapping, coupling__local_id__in=ids[start : start + _PART], successor_id__isnull=False
        )
        with context.checkpoint():
            for line in lines.select_related("coupling").order_by("pk"):
                try:
                    with transaction.atomic():
                        _couple(mapping, line, organization_id, context.job.requested_by)
                except Refusal as refusal:
                    if line.coupling is not None:
                        refused[line.coupling.local_id] = _refused(line, line.coupling.local_id, refusal)
    return refused


def _couple(mapping: IntegrationTableMapping, line: UndoneRecord, organization_id: UUID, user: object) -> None:
    pair = Coupling.objects.select_for_update().filter(undone=line).first()
    if pair is None or line.successor_id is None:
        raise NotUsable("It is not coupled any more.")
    delete_coupling(pair, user)
    couple_by_hand(
        mapping=mapping, local_id=pair.local_id, integration_id=line.successor_id, organization_id=organization_id,
        user=user,
    )  # fmt: skip


def _refused(line: UndoneRecord, local_id: UUID, refusal: Refusal) -> OutcomeRow:
    return OutcomeRow(
        Outcome.FAILED, refusal.reason, local_id, line.local_key, line.local_name,
        integration_id=line.successor_id, message=refusal.user_message,
    )  # fmt: skip
