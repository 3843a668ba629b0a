"""How each end of a pair is recorded: its outcome, and the state its coupling has from then on. Nothing is saved."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from coupling.claims import Holder, refusal
from coupling.models import IntegrationTableMapping
from jobs.mentions import Mention, Text
from jobs.models import Outcome, Reason
from jobs.running.context import OutcomeRow
from sync.engine.chunk import ChunkChanges, ClearedFailures, ConfirmedCoupling, CouplingState, Undone
from sync.engine.field_specs import Fields
from sync.engine.outside import Outside
from sync.engine.pairs import CouplingRow, Pair, Record
from sync.models import Waits
from sync.rules.transfer import pack
from sync.rules.values import Problem, Reference, Side

_NO_FAILURE: dict[str, Any] = {"last_to_reason": "", "last_from_reason": "", "last_error": "", "skipped": False}
"""The columns of a coupling whose failures are over."""
_ENDING = (Outcome.UNCOUPLED, Outcome.DELETED)
"""Outcomes after which there is no coupling any more."""
_COMPARED = ("local", "caption", "integration", "local_value", "integration_value", "base_value")
"""What an outcome keeps of a field that conflicts."""
_VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", re.IGNORECASE)


class Recorder:
    """Records the ends of pairs in a chunk's changes, for one job and mapping."""

    def __init__(self, mapping: IntegrationTableMapping, job_id: int, fields: Fields) -> None:
        self.mapping, self.job_id, self.fields = mapping, job_id, fields
        self.now = timezone.now()

    def outcome(
        self, outcome: str, pair: Pair, *, reason: str = "", message: str = "", detail: Mapping[str, Any] | None = None
    ) -> OutcomeRow:
        """Return an outcome with both sides' identification."""
        remote = pair.remote
        key, name = pair.key_and_name
        return OutcomeRow(
            outcome, reason,
            local_id=pair.coupling.local_id, local_key=key, local_name=name,
            integration_id=pair.coupling.integration_id,
            integration_name=remote.name if remote else self._name_in_base(pair),
            message=message, detail=detail,
            number=pair.coupling.id if outcome in _ENDING else None,
        )  # fmt: skip

    def _name_in_base(self, pair: Pair) -> str:
        for name, spec in self.fields.specs.items():
            if spec.column.name == self.mapping.name_column:
                return str(pair.base.get(name) or "")
        return ""

    def record_success(
        self,
        changes: ChunkChanges,
        coupling: CouplingRow,
        *,
        version: str,
        local_modified_at: datetime | None,
        base: Mapping[str, Any] | None = None,
        deferred: bool = False,
    ) -> None:
        """Record that both sides are alike; past failures and conflicts are over.

        deferred: alike but for a change that waits for a run in its direction, which reads both sides.
        """
        if deferred:
            version, local_modified_at = "", None
            changes.waiting[coupling.id] = Waits.DIRECTION
        if coupling.waiting is not None:
            version = ""  # the two are not alike: both sides are read next time
        seen = (coupling.version, coupling.local_modified_at) == (version, local_modified_at)
        if coupling.clean and base is None and seen:
            changes.touched.append(coupling.id)
        else:
            state = CouplingState(coupling.id, version, local_modified_at, self.now, self.job_id)
            changes.couplings.append(state._replace(conflict=coupling.waiting))
        changes.no_longer_due.append(coupling.id)
        changes.answered.append(coupling.id)
        if base is not None:
            changes.bases[coupling.id] = pack(base)

    def record_created(
        self,
        changes: ChunkChanges,
        coupling: CouplingRow,
        *,
        version: str,
        local_modified_at: datetime | None,
        base: Mapping[str, Any] | None = None,
    ) -> None:
        """Record that the row of a pending coupling exists: both sides are alike from the beginning.

        base: of a pair whose deleted row was restored; that of a new pair was stored before the row was sent.
        """
        changes.confirmed.append(ConfirmedCoupling(coupling.id, version, local_modified_at, self.now, self.job_id))
        changes.answered.append(coupling.id)
        if base is not None:
            changes.bases[coupling.id] = pack(base)
            changes.cleared.append(ClearedFailures(coupling.id))
            changes.no_longer_due.append(coupling.id)

    def _state(self, pair: Pair, **changed: Any) -> CouplingState:
        """Return the coupling's state as it was, but for `changed`, with the local record's last change as seen.

        A row that was read and not compared may hold a change that is not reported again: without a version the pair
        does not count as clean, and both sides are read next time.
        """
        coupling = pair.coupling
        state = CouplingState(
            coupling.id,
            version="" if pair.remote is not None else coupling.version,
            local_modified_at=pair.local.modified_at if pair.local else coupling.local_modified_at,
            synchronized_at=coupling.synchronized_at, last_job_id=self.job_id,
            last_to_reason=coupling.last_to_reason, last_from_reason=coupling.last_from_reason,
            last_error=coupling.last_error, skipped=coupling.skipped, conflict=coupling.conflict,
        )  # fmt: skip
        return state._replace(**changed)

    def _leave_pair(
        self,
        changes: ChunkChanges,
        pair: Pair,
        reason: str,
        condition: str,
        *,
        reference: Reference | None = None,
        successor_id: UUID | None = None,
        company_id: int | None = None,
    ) -> None:
        coupling = pair.coupling
        row_name = pair.remote.name if pair.remote else self._name_in_base(pair)
        waits_for = str(reference) if reference else ""
        changes.undone.append(
            Undone(
                coupling.id, coupling.local_id, coupling.integration_id, *pair.key_and_name, row_name, reason,
                condition, waits_for, successor_id, company_id,
            )
        )  # fmt: skip

    def leave_outside(self, changes: ChunkChanges, pair: Pair, why: Outside, waits: str = "") -> None:
        """Record that the pair is outside a filter, and so is left as it is; past failures are over.

        waits: set when it holds a change that only reading both sides shows (models.Waits).
        """
        changes.couplings.append(self._state(pair, **_NO_FAILURE))
        changes.no_longer_due.append(pair.coupling.id)
        if waits:
            changes.waiting[pair.coupling.id] = waits
        self._leave_pair(
            changes, pair, Reason.OUTSIDE_FILTER, why.text, successor_id=why.successor_id, company_id=why.company_id
        )
        mentions = Text(why.text, (Mention(why.company_id),) if why.company_id is not None else ())
        changes.outcomes.append(
            self.outcome(
                Outcome.SKIPPED, pair, reason=Reason.OUTSIDE_FILTER, message=why.text, detail=mentions.detail() or None
            )
        )

    def fail(
        self,
        changes: ChunkChanges,
        pair: Pair,
        side: Side,
        reason: str,
        message: str,
        detail: Mapping[str, Any] | None = None,
        *,
        reference: Reference | None = None,
    ) -> None:
        """Record that writing to `side` failed; after the same failure twice in a row the pair is skipped.

        reference: what is over once that is coupled.
        """
        coupling = pair.coupling
        column = "last_to_reason" if side == Side.INTEGRATION else "last_from_reason"
        repeated = getattr(coupling, column) == reason and _same_but_numbers(coupling.last_error, message)
        changes.couplings.append(self._state(pair, **{column: reason, "last_error": message, "skipped": repeated}))
        changes.no_longer_due.append(coupling.id)
        self._leave_pair(changes, pair, reason, message, reference=reference)
        if repeated:
            outcome, reason = Outcome.SKIPPED, Reason.REPEATED_FAILURE
            message = (
                f"{message} It failed the same way twice, so runs leave it out until either side changes or its cause "
                "is fixed. Coupled Data Synchronization Errors lists it."
            )
        else:
            outcome = Outcome.FAILED
        changes.outcomes.append(self.outcome(outcome, pair, reason=reason, message=message, detail=detail))

    def fail_record(
        self,
        changes: ChunkChanges,
        record: Record,
        reason: str,
        message: str,
        detail: Mapping[str, Any] | None = None,
        *,
        reference: Reference | None = None,
    ) -> None:
        """Record that no row could be created in Dataverse for an uncoupled record."""
        waits_for = str(reference) if reference else ""
        changes.undone.append(
            Undone(None, record.id, None, record.key, record.name, "", reason, message, waits_for)
        )  # fmt: skip
        changes.outcomes.append(
            OutcomeRow(
                Outcome.FAILED, reason, local_id=record.id, local_key=record.key, local_name=record.name,
                message=message, detail=detail,
            )
        )  # fmt: skip

    def fail_row(
        self,
        changes: ChunkChanges,
        row_id: UUID,
        name: str,
        reason: str,
        message: str,
        *,
        reference: Reference | None = None,
    ) -> OutcomeRow:
        """Record that no record could be created here for an uncoupled row. Return its outcome, to be recorded."""
        waits_for = str(reference) if reference else ""
        changes.undone.append(Undone(None, None, row_id, "", "", name, reason, message, waits_for))
        return OutcomeRow(Outcome.FAILED, reason, message=message, integration_id=row_id, integration_name=name)

    def record_conflict(
        self, changes: ChunkChanges, pair: Pair, fields: Sequence[Mapping[str, Any]], refused: str = ""
    ) -> None:
        """Record fields that changed on both sides: nothing is written, a person decides.

        fields: as update_conflicts describes them; refused: why what a person chose was not carried out.
        """
        captions = ", ".join(str(one["caption"]) for one in fields)
        conflict = {"fields": fields, "at": self.now.isoformat()}
        # It waits on a page of its own: what failed before does not hold it back any longer.
        changes.couplings.append(self._state(pair, conflict=conflict, **_NO_FAILURE))
        changes.no_longer_due.append(pair.coupling.id)
        with_history = all(one["base_value"] is not None for one in fields)
        difference = "was changed on both sides" if with_history else "differs between the two sides"
        compared = [{name: one[name] for name in _COMPARED} for one in fields]
        message = f"{captions} {difference}. Choose which side counts on the page Resolve Update Conflicts."
        changes.outcomes.append(
            self.outcome(
                Outcome.CONFLICT, pair, reason=Reason.UPDATE_CONFLICT, detail={"fields": compared},
                message=refused or message,
            )
        )  # fmt: skip

    def held_row(self, row_id: UUID, name: str, holder: Holder) -> OutcomeRow:
        """Return the outcome of an uncoupled row that no record is created for: it belongs to another company."""
        text = refusal(self.mapping, holder)
        return OutcomeRow(
            Outcome.SKIPPED, Reason.ALREADY_COUPLED, integration_id=row_id, integration_name=name,
            message=text.text, detail=text.detail(),
        )  # fmt: skip

    def uncouple(self, changes: ChunkChanges, pair: Pair, reason: str, message: str) -> None:
        """Record that the pair is uncoupled."""
        changes.uncoupled.append(pair.coupling.id)
        changes.answered.append(pair.coupling.id)
        changes.outcomes.append(self.outcome(Outcome.UNCOUPLED, pair, reason=reason, message=message))


def _same_but_numbers(one: str, other: str) -> bool:
    """Return whether two messages differ in numbers and ids at most."""
    return _VARYING.sub("#", one) == _VARYING.sub("#", other)


def display_value(value: Any) -> Any:
    """Return a canonical value as outcomes store it."""
    if isinstance(value, Problem):
        return "(not coupled)" if value.reason == "reference_not_coupled" else "(not valid)"
    return value if isinstance(value, bool | int | str) else ("" if value is None else str(value))


def key_and_name(record: Record | None) -> tuple[str, str]:
    """Return the key and the name that people know a record by, blank where it was deleted."""
    return (record.key, record.name) if record is not None else ("", "")
