"""What a run over a mapping of choices is to do: pairs and what is uncoupled in, a plan out. Writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from connection_setup.provisioning.solution import OPTION_PREFIX
from core.vocabulary import DeletionOption, Direction
from coupling import local_records
from coupling.failures import likely
from coupling.failures.standing import NEAR_MISS
from coupling.matching.choice_rows import choice_name
from coupling.models import FailedRecord, IntegrationTableMapping, OptionMapping, pairs_of
from jobs.models import Outcome, Reason
from jobs.running.context import OutcomeRow
from sync.rules import choices as rules
from sync.rules.choices import Action, ChoicePair, ChoiceRecord

FIRST_VALUE = OPTION_PREFIX * 10_000
"""The first value of our publisher's own choices."""


@dataclass
class Plan:
    """What a run does: outcomes that are settled, and what is to be sent or stored first.

    renamed, created: captions by value; sent_for: the record of each of these values; taken, inserted: captions that
    come here.
    """

    outcomes: list[OutcomeRow] = field(default_factory=list)
    renamed: dict[int, str] = field(default_factory=dict)
    created: dict[int, str] = field(default_factory=dict)
    sent_for: dict[int, ChoiceRecord] = field(default_factory=dict)
    coupled: dict[int, ChoiceRecord] = field(default_factory=dict)
    taken: dict[int, ChoiceRecord] = field(default_factory=dict)
    inserted: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    kept: dict[int, ChoiceRecord] = field(default_factory=dict)


class ChoicePlanner:
    """Decides about the pairs of a mapping, and about what is uncoupled; writes nothing."""

    def __init__(
        self,
        mapping: IntegrationTableMapping,
        choices: Mapping[int, str],
        *,
        direction: Direction,
        creates: bool,
        selected: Sequence[UUID] | None = None,
        deletion: DeletionOption = DeletionOption.ASK,
    ) -> None:
        self.mapping, self.choices, self.direction, self.creates = mapping, choices, direction, creates
        self.selected = None if selected is None else set(selected)
        self.deletion = DeletionOption(deletion or mapping.deletion_conflict)
        self.table = local_records.get_table(mapping)
        self.size = self.table.field(self.table.key).max_length or rules.MAX_CAPTION
        fields = mapping.fields.filter(enabled=True, integration_field=mapping.uid_column).exclude(field="")
        self.fields = [one.field for one in fields if one.direction in (Direction.BIDIRECTIONAL, direction)]
        self.pairs = {pair.value: pair for pair in pairs_of(mapping)}
        records = local_records.filtered_records(mapping)
        self.inside = {record.id: record for record in self._records(records)}
        others = {pair.local_id for pair in self.pairs.values()} - set(self.inside)
        known = self.table.records(mapping.company).filter(system_id__in=others)
        self.records = {**self.inside, **{record.id: record for record in self._records(known)}}
        self.plan = Plan()

    def _records(self, records: Any) -> Iterator[ChoiceRecord]:
        text = self.fields[0] if self.fields else self.table.key
        for row in records.values_list("system_id", self.table.key, self.table.title, text):
            yield ChoiceRecord(row[0], str(row[1]), str(row[2] or ""), str(row[3] or ""))

    def make(self, creating: Mapping[UUID, int]) -> Plan:
        """Return the plan. creating: values that an interrupted slice has chosen for records."""
        for pair in self.pairs.values():
            if self.selected is None or pair.local_id in self.selected:
                self._decide(pair)
        coupled = {pair.local_id for pair in self.pairs.values()}
        uncoupled = [record for record in self.inside.values() if record.id not in coupled]
        wanted = [one for one in uncoupled if self.selected is None or one.id in self.selected]
        if self.selected is not None:
            self._skip_selected(coupled, creates=self.creates and self.direction != Direction.FROM)
        if self.creates and self.direction == Direction.FROM and self.selected is None:
            self._insert_here(uncoupled)
        elif self.creates and self.direction != Direction.FROM:
            self._create_there(wanted, creating)
        return self.plan

    def _skip_selected(self, coupled: set[UUID], *, creates: bool) -> None:
        """Say of selected records why nothing is done about them."""
        for local_id in sorted(self.selected or ()):
            record = self.records.get(local_id) or self.inside.get(local_id)
            if local_id in coupled or (record is not None and creates):
                continue
            reason, message = Reason.NOT_COUPLED, "It is not coupled. Couple it with a choice, or create one for it."
            if local_id not in self.inside:
                reason, message = Reason.RECORD_GONE, "The record no longer exists, or is outside the table filter."
            self._outcome(Outcome.SKIPPED, record, local_id=local_id, reason=reason, message=message)

    # -- pairs ------------------------------------------------------------------------------------------------------

    def _decide(self, stored: OptionMapping) -> None:
        plan, value = self.plan, stored.value
        record, caption = self.records.get(stored.local_id), self.choices.get(value)
        pair = ChoicePair(stored.local_id, value, stored.caption, stored.local_text)
        match rules.decide(pair, record, caption, self.direction, self.size):
            case Action.GONE_HERE:
                plan.dropped.append(stored.pk)
                message = "The record was deleted here, so its coupling was too. The choice stays in Dataverse."
                self._outcome(
                    Outcome.UNCOUPLED, None, stored.caption, value, local_id=stored.local_id,
                    reason=Reason.LOCAL_DELETED, message=message,
                )  # fmt: skip
            case Action.GONE_THERE:
                assert record is not None
                self._gone_there(stored, record)
            case Action.RENAME:
                assert record is not None
                plan.renamed[value], plan.sent_for[value] = record.caption, record
            case Action.TAKE:
                assert record is not None
                plan.taken[value] = record
            case Action.KEEP:
                assert record is not None
                plan.kept[value] = record

    def _gone_there(self, stored: OptionMapping, record: ChoiceRecord) -> None:
        if self.deletion == DeletionOption.UNCOUPLE:
            self.plan.dropped.append(stored.pk)
            message = "The choice was deleted in Dataverse, so the coupling was too."
            self._outcome(
                Outcome.UNCOUPLED, record, stored.caption, stored.value, reason=Reason.INTEGRATION_DELETED,
                message=message,
            )  # fmt: skip
        elif self.deletion == DeletionOption.RESTORE and self.direction != Direction.FROM:
            self.plan.created[stored.value], self.plan.sent_for[stored.value] = record.caption, record
        else:
            message = (
                "The choice it is coupled to was deleted in Dataverse. Choose an option for Resolve Deletion Conflicts "
                "on the mapping's card, or delete the coupling."
            )
            self._outcome(
                Outcome.FAILED, record, stored.caption, stored.value, reason=Reason.INTEGRATION_DELETED, message=message
            )

    # -- what is uncoupled ------------------------------------------------------------------------------------------

    def _create_there(self, records: Sequence[ChoiceRecord], creating: Mapping[UUID, int]) -> None:
        """Plan a choice for each record, unless Dataverse has one that is called like it."""
        new: list[ChoiceRecord] = []
        near = self._near_misses() if records else {}
        for record in records:
            value = creating.get(record.id)
            if value is not None:
                self.plan.created[value], self.plan.sent_for[value] = record.caption, record
                continue
            found = rules.choices_of(record, self.choices, self.size)
            free = [one for one in found if one not in self.pairs and one not in self.plan.coupled]
            if not found and record.id in near:
                message = likely.why_not_created(near[record.id])
                self._outcome(Outcome.SKIPPED, record, reason=near[record.id].reason, message=message)
            elif not found:
                new.append(record)
            elif len(found) == 1 and free:
                self.plan.coupled[free[0]] = record
            else:
                self._taken(record, found)
        taken = [*self.choices, *self.plan.created, *(pair.value for pair in self.pairs.values())]
        for value, record in zip(rules.free_values(len(new), taken, FIRST_VALUE), new, strict=True):
            self.plan.created[value], self.plan.sent_for[value] = record.caption, record

    def _near_misses(self) -> dict[UUID, FailedRecord]:
        """Return the records of which a coupling job found a choice that is nearly called like them.

        None where a person chose the records. Several choices, or one that is taken, are found by name here.
        """
        if self.selected is not None:
            return {}
        return {one.local_id: one for one in likely.waiting(self.mapping).filter(nearly__gte=NEAR_MISS)}

    def _taken(self, record: ChoiceRecord, found: Sequence[int]) -> None:
        names = ", ".join(choice_name(value, self.choices[value]) for value in found)
        if len(found) > 1:
            reason, message = Reason.MULTIPLE_MATCHES, f"Several choices in Dataverse are called like it: {names}."
            fix = "Couple it with one of them by: manage.py mapping options MAPPING --pair CODE=VALUE"
        else:
            holder = self.pairs.get(found[0])
            other = self.records.get(holder.local_id) if holder else self.plan.coupled.get(found[0])
            whom = f"{other.key} {other.title}".strip() if other else "a record that was deleted here"
            reason, message = (
                Reason.ALREADY_COUPLED,
                f"The choice {names}, which is called like it, is coupled to {whom}.",
            )
            fix = "Give one of the two records another code or name, then run this again."
        self._outcome(Outcome.FAILED, record, reason=reason, message=f"{message} {fix}")

    def _insert_here(self, uncoupled: Sequence[ChoiceRecord]) -> None:
        """Plan a record for each uncoupled choice, unless one here has its code."""
        by_code = {record.key.upper(): record for record in uncoupled}
        free = set(by_code)
        taken = {
            str(key).upper() for key in self.table.records(self.mapping.company).values_list(self.table.key, flat=True)
        }
        for value, caption in self.choices.items():
            code = rules.code_of(caption, self.size)
            if value in self.pairs:
                continue
            if code in free:
                self.plan.coupled[value] = by_code[code]
                free.discard(code)
            elif not code or code in taken:
                whom = f" {code} is there already: a code holds {self.size} letters of a caption." if code else ""
                self._outcome(
                    Outcome.FAILED, None, caption, value, reason=Reason.VALUE_INVALID,
                    message=f"No record was made of the choice, since its caption gives it no code of its own.{whom} "
                    "Change the caption in Dataverse, then run this again.",
                )  # fmt: skip
            else:
                self.plan.inserted.append(value)
                taken.add(code)

    def _outcome(
        self,
        outcome: str,
        record: ChoiceRecord | None,
        caption: str = "",
        value: int | None = None,
        *,
        reason: str = "",
        message: str = "",
        local_id: UUID | None = None,
    ) -> None:
        self.plan.outcomes.append(outcome_of(outcome, record, caption, value, reason, message, local_id))


def outcome_of(
    outcome: str,
    record: ChoiceRecord | None,
    caption: str = "",
    value: int | None = None,
    reason: str = "",
    message: str = "",
    local_id: UUID | None = None,
    detail: Mapping[str, Any] | None = None,
) -> OutcomeRow:
    """Return the outcome of a record and a choice, either of which may be missing."""
    name = choice_name(value, caption) if value is not None else ""
    key, title = (record.key, record.title) if record else ("", "")
    return OutcomeRow(
        outcome, reason, record.id if record else local_id, key[:80], title[:200], integration_name=name,
        message=message, detail=detail,
    )  # fmt: skip
