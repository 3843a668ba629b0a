"""Synchronizing a mapping of choices: captions, new choices, new records. One slice, since there are few of them.

What is to be created is stored in the job with its values before it is sent; whoever resumes sends the same again, and
reading back shows what is there. Choices are changed in one $batch and published once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn
from uuid import UUID

from django.utils import timezone

from core import bulk
from core.ids import new_id
from coupling.gateway import Gateway
from coupling.job_parameters import SyncParameters
from coupling.mappings import column_looks
from coupling.models import IntegrationTableMapping, OptionMapping
from dataverse.errors import DataverseError
from jobs.models import JobRecord, Outcome, Reason
from jobs.running.context import JobContext, OutcomeRow
from masterdata.models import ChangedBy
from sync.engine.choice_history import ChoiceHistory
from sync.engine.choice_plan import ChoicePlanner, Plan, outcome_of
from sync.engine.chunk import Undone
from sync.engine.undone import UndoneLedger
from sync.rules import choices as rules
from sync.rules.choices import ChoiceRecord
from sync.start.services import require_direction


def preview(mapping: IntegrationTableMapping, gateway: Gateway, parameters: SyncParameters, *,
            selected: Sequence[UUID] | None) -> list[OutcomeRow]:  # fmt: skip
    """Return the outcomes that a run would have. Raises Refusal, DataverseError."""
    column_looks.preview(mapping, gateway.table(mapping).columns).require_usable()
    planner = _planner(mapping, gateway, parameters, selected=selected)
    plan = planner.make({})
    found = plan.outcomes + [
        outcome_of(Outcome.MODIFIED, plan.sent_for[value], caption, value, message="The choice would be renamed.")
        for value, caption in plan.renamed.items()
    ]
    found += [
        outcome_of(Outcome.INSERTED, plan.sent_for[value], caption, value, message="It would be created in Dataverse.")
        for value, caption in plan.created.items()
    ]
    for outcome, part in ((Outcome.COUPLED, plan.coupled), (Outcome.MODIFIED, plan.taken)):
        found += [outcome_of(outcome, record, planner.choices[value], value) for value, record in part.items()]
    found += [
        outcome_of(Outcome.INSERTED, None, planner.choices[value], value, message="It would be created here.")
        for value in plan.inserted
    ]
    return found + [_unchanged(record, planner.choices[value], value) for value, record in plan.kept.items()]


def _unchanged(record: ChoiceRecord, caption: str, value: int) -> OutcomeRow:
    return outcome_of(Outcome.UNCHANGED, record, caption, value)


def _planner(
    mapping: IntegrationTableMapping,
    gateway: Gateway,
    parameters: SyncParameters,
    *,
    selected: Sequence[UUID] | None,
) -> ChoicePlanner:
    direction = require_direction(mapping, parameters.direction)
    creates = parameters.creates(only_coupled=mapping.synch_only_coupled, whole=selected is None)
    gateway.check_columns(mapping, [mapping.uid_column])
    found = gateway.choices(mapping).read()
    return ChoicePlanner(
        mapping, found, direction=direction, creates=creates, selected=selected, deletion=parameters.deletion
    )


class ChoiceRun:
    """The one slice of a job over a mapping of choices."""

    def __init__(self, context: JobContext, mapping: IntegrationTableMapping) -> None:
        self.context, self.mapping = context, mapping
        self.gateway = Gateway(context.company, context.usage)
        self.choices = self.gateway.choices(mapping)

    def execute(self) -> NoReturn:
        """Carry the job out, and end it."""
        selected = None
        if self.context.job.selection_only:
            ids = JobRecord.objects.filter(job=self.context.job).values_list("local_id", flat=True)
            selected = [local_id for local_id in ids if local_id is not None]
        parameters = SyncParameters.load(self.context.parameters)
        column_looks.look(self.mapping, self.gateway.table(self.mapping).columns).require_usable()
        planner = _planner(self.mapping, self.gateway, parameters, selected=selected)
        creating = {UUID(key): int(value) for key, value in self.context.resume.get("creating", {}).items()}
        plan = planner.make(creating)
        if plan.created or plan.renamed:
            self._store_intents(plan, planner)
            errors = self.choices.change(plan.created, plan.renamed)
            # A choice that was deleted meanwhile keeps its caption here; the next run finds it gone.
            now = {**planner.choices, **self.choices.read()}
        else:
            errors, now = {}, dict(planner.choices)
        self._save(plan, planner, errors, now)
        raise AssertionError("A finished job has ended its slice.")

    def _store_intents(self, plan: Plan, planner: ChoicePlanner) -> None:
        """Store which values the new choices get, and what others are called, before they are sent."""
        with self.context.checkpoint() as point:
            point.phase = "Creating choices" if plan.created else "Renaming choices"
            point.resume["creating"] = {str(plan.sent_for[value].id): value for value in plan.created}
            before = {str(value): planner.choices[value] for value in plan.renamed}
            point.resume["renaming"] = {**self.context.resume.get("renaming", {}), **before}

    def _save(
        self, plan: Plan, planner: ChoicePlanner, errors: Mapping[int, DataverseError], now: Mapping[int, str]
    ) -> None:
        sent = [self._sent(plan, value, errors, now) for value in (*plan.created, *plan.renamed)]
        new = {value: plan.sent_for[value] for value in plan.created if now.get(value) == plan.created[value]}
        history = ChoiceHistory(self.mapping, planner, self.context.job.pk)
        renamed = {int(value): was for value, was in self.context.resume.get("renaming", {}).items()}
        with self.context.checkpoint() as point:
            texts = history.texts(plan)
            outcomes = [*plan.outcomes, *sent]
            outcomes += [outcome_of(Outcome.COUPLED, one, now[value], value) for value, one in plan.coupled.items()]
            outcomes += [_unchanged(record, now[value], value) for value, record in plan.kept.items()]
            outcomes += self._take(plan, planner, now)
            made = self._insert(plan, planner, now)
            outcomes += [
                outcome_of(Outcome.INSERTED, one, now[value], value, detail={"side": "local"})
                for value, one in made.items()
            ]
            history.save(plan, now, renamed, texts, made)
            bulk.delete(OptionMapping, "id", plan.dropped)
            self._couple({**plan.coupled, **new}, planner, now)
            settled = {**plan.kept, **{value: plan.sent_for[value] for value in plan.renamed if value not in errors}}
            self._settle(settled, planner, now)
            self._note_undone(outcomes)
            point.outcomes += outcomes
            point.processed(len(outcomes))
            point.total = self.context.job.processed + len(outcomes)
            point.finish()

    def _note_undone(self, outcomes: Iterable[OutcomeRow]) -> None:
        """Store what could not be done about records; what ended well is no longer undone."""
        ledger = UndoneLedger(self.mapping, self.context.job.pk)
        undone = [
            Undone(None, one.local_id, None, one.local_key, one.local_name, one.integration_name, one.reason,
                   one.message, "", None)
            for one in outcomes
            if one.outcome == Outcome.FAILED and one.local_id is not None
        ]  # fmt: skip
        ended = [one._replace(outcome=Outcome.INSERTED) if one.outcome == Outcome.COUPLED else one for one in outcomes]
        ledger.save(undone, ended)

    def _sent(self, plan: Plan, value: int, errors: Mapping[int, DataverseError], now: Mapping[int, str]) -> OutcomeRow:
        """Return what became of a choice that was sent: there under its caption, or refused."""
        record, created = plan.sent_for[value], value in plan.created
        caption = plan.created[value] if created else plan.renamed[value]
        if now.get(value) == caption:
            return outcome_of(
                Outcome.INSERTED if created else Outcome.MODIFIED, record, caption, value,
                detail={"side": "integration"} if created else None,
            )  # fmt: skip
        error = errors.get(value)
        if error is None:
            message = "Dataverse took the choice and does not show it. Publish the table there, then run this again."
            return outcome_of(Outcome.FAILED, record, caption, value, Reason.REFUSED, message)
        message = error.user_message
        if error.reason == Reason.DENIED:
            message = (
                f"{error.message} Choose Redeploy Integration Solution on Dataverse Connection Setup, which gives the "
                "role what it takes, or add the choice in Dataverse; then run this again."
            )
        return outcome_of(
            Outcome.FAILED, record, caption, value, error.reason, message, detail={"support": error.detail}
        )

    def _couple(self, pairs: Mapping[int, ChoiceRecord], planner: ChoicePlanner, now: Mapping[int, str]) -> None:
        stamp, job = timezone.now(), self.context.job.pk
        bulk.insert(
            OptionMapping,
            ("company_id", "mapping_id", "local_id", "value", "caption", "local_text", "job_id", "synchronized_at"),
            [
                (self.mapping.company_id, self.mapping.pk, record.id, value, now[value][: rules.MAX_CAPTION],
                 record.text[: rules.MAX_CAPTION], job, stamp)
                for value, record in pairs.items()
                if value not in planner.pairs
            ],
            ignore_conflicts=True,
        )  # fmt: skip

    def _settle(self, pairs: Mapping[int, ChoiceRecord], planner: ChoicePlanner, now: Mapping[int, str]) -> None:
        """Store what both sides are called where that is news."""
        stamp = timezone.now()
        changed = []
        for value, record in pairs.items():
            pair, caption = planner.pairs[value], now[value][: rules.MAX_CAPTION]
            text = record.text[: rules.MAX_CAPTION]
            if (pair.caption, pair.local_text) != (caption, text):
                changed.append((pair.pk, caption, text, stamp))
        bulk.update(OptionMapping, "id", ("caption", "local_text", "synchronized_at"), changed)

    # -- this side --------------------------------------------------------------------------------------------------

    def _take(self, plan: Plan, planner: ChoicePlanner, now: Mapping[int, str]) -> list[OutcomeRow]:
        """Give records what their choices are called now, in the mapped fields but the code, which others refer to."""
        table, stamp = planner.table, timezone.now()
        names = [name for name in dict.fromkeys(planner.fields) if name != table.key]
        sizes = [table.field(name).max_length or rules.MAX_CAPTION for name in names]
        if names:
            changed = [
                (record.id, *(now[value][:size] for size in sizes), stamp, ChangedBy.SYNCHRONIZATION.value)
                for value, record in plan.taken.items()
            ]
            bulk.update(table.model, "system_id", (*names, "modified_at", "changed_by"), changed)
        stored = [
            (planner.pairs[value].pk, now[value][: rules.MAX_CAPTION], record.text[: rules.MAX_CAPTION], stamp)
            for value, record in plan.taken.items()
        ]
        bulk.update(OptionMapping, "id", ("caption", "local_text", "synchronized_at"), stored)
        return [outcome_of(Outcome.MODIFIED, record, now[value], value) for value, record in plan.taken.items()]

    def _insert(self, plan: Plan, planner: ChoicePlanner, now: Mapping[int, str]) -> dict[int, ChoiceRecord]:
        """Make records of choices: the code from the caption's beginning, the name from the caption. Return them."""
        table, stamp = planner.table, timezone.now()
        size = table.field(table.title).max_length or rules.MAX_CAPTION
        made = {
            value: ChoiceRecord(
                new_id(), rules.code_of(now[value], planner.size), now[value].strip()[:size], now[value]
            )
            for value in plan.inserted
        }
        bulk.insert(
            table.model,
            ("company_id", "system_id", table.key, table.title, "created_at", "modified_at", "changed_by"),
            [
                (self.mapping.company_id, one.id, one.key, one.title, stamp, stamp, ChangedBy.SYNCHRONIZATION.value)
                for one in made.values()
            ],
        )
        self._couple(made, planner, now)
        return made
