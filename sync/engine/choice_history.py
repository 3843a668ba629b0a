"""What a run over a mapping of choices wrote, for the history: captions of choices, and texts of records here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from coupling.matching.choice_rows import row_id_of
from coupling.models import IntegrationTableMapping
from sync.engine.choice_plan import ChoicePlanner, Plan
from sync.engine.chunk import Written
from sync.engine.history import History
from sync.rules.changes import Change, Kept, Won, keep_plain
from sync.rules.choices import ChoiceRecord
from sync.rules.values import Side

Texts = Mapping[UUID, Mapping[str, Any]]
"""What records here held, by field."""


class ChoiceHistory:
    """The lines of one run. before: what the choices were called before it renamed any."""

    def __init__(self, mapping: IntegrationTableMapping, planner: ChoicePlanner, job_id: int) -> None:
        self.mapping, self.planner, self.job_id = mapping, planner, job_id
        self.text = planner.fields[0] if planner.fields else planner.table.key
        """The local field that a choice is called by."""
        self.names = [name for name in dict.fromkeys(planner.fields) if name != planner.table.key]

    def texts(self, plan: Plan) -> Texts:
        """Return what the records hold that are about to take a caption."""
        records = self.planner.table.records(self.mapping.company)
        ids = [record.id for record in plan.taken.values()]
        return {row["system_id"]: row for row in records.filter(system_id__in=ids).values("system_id", *self.names)}

    def save(
        self, plan: Plan, now: Mapping[int, str], before: Mapping[int, str], texts: Texts,
        inserted: Mapping[int, ChoiceRecord],
    ) -> None:  # fmt: skip
        """Save the lines, in the transaction that saves what was written.

        before: what choices were called that this run renamed, in whichever slice; inserted: records made of choices.
        """
        lines = [*self._there(plan, now, before), *self._here(plan, now, texts)]
        table = self.planner.table
        for value, one in inserted.items():
            for name, text in ((table.key, one.key), (table.title, one.title)):
                lines.append(self._line(one.id, value, name, Side.LOCAL, None, text, Won.NEW))
        History(self.mapping, self._described).save([one for one in lines if one.change.before != one.change.after])

    def _there(self, plan: Plan, now: Mapping[int, str], before: Mapping[int, str]) -> Iterator[Written]:
        for value, caption in plan.created.items():
            if now.get(value) == caption:
                yield self._line(plan.sent_for[value].id, value, self.text, Side.INTEGRATION, None, caption, Won.NEW)
        renamed = {**plan.kept, **{value: plan.sent_for[value] for value in plan.renamed}}
        for value, was in before.items():
            record = renamed.get(value)
            if record is not None and now.get(value) == record.caption:
                yield self._line(record.id, value, self.text, Side.INTEGRATION, was, record.caption)

    def _here(self, plan: Plan, now: Mapping[int, str], texts: Texts) -> Iterator[Written]:
        for value, record in plan.taken.items():
            for name in self.names:
                size = self.planner.table.field(name).max_length
                was = texts.get(record.id, {}).get(name)
                yield self._line(record.id, value, name, Side.LOCAL, was, now[value][:size])

    def _line(
        self, local_id: UUID, value: int, name: str, side: Side, before: Any, after: Any, won: Won = Won.ALONE
    ) -> Written:
        kept: Sequence[Kept] = (keep_plain(before), keep_plain(after))
        change = Change(f"{name}:{self.mapping.uid_column}", side, kept[0], kept[1], won)
        return Written(local_id, row_id_of(value), self.job_id, change)

    def _described(self, name: str) -> tuple[str, str, str]:
        local, _, column = name.partition(":")
        return local, column, self.planner.table.field(local).caption
