"""A preview as the command prints it: an object per record, in the shape of an error object, and the numbers last."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from uuid import UUID

from core.refusals import joined
from coupling.brakes import coupling_stopped, record_not_created
from coupling.couplings.preview_store import (
    brakes_of,
    compared_fields,
    count_matched,
    preview_groups,
    records_in_order,
    searched,
)
from coupling.job_parameters import CouplingParameters
from coupling.matching.choice_rows import value_of
from coupling.matching.decisions import Result
from coupling.matching.explanation import matched_on, will_be_created
from coupling.matching.previewed import CREATABLE, Found, PreviewedRecord
from coupling.models import CouplingPreview
from jobs import services as jobs
from jobs.mentions import NOBODY, Reader
from jobs.models import Reason, no_counts


class PreviewLines:
    """What the run would do that was previewed: as its parameters say, not as somebody ticked since."""

    def __init__(self, preview: CouplingPreview) -> None:
        self.preview = preview
        self.mapping = preview.mapping
        self.groups = preview_groups(preview.mapping, preview)
        self.asked = CouplingParameters.load(preview.job.parameters)
        self.brakes = brakes_of(preview)

    def count(self, *found: Found) -> int:
        """Return how many records there are of which one of these was found."""
        return sum(int(self.preview.numbers.get(one.value, 0)) for one in found)

    @property
    def total(self) -> int:
        """The number of records that take part."""
        return count_matched(self.preview)

    @property
    def left_out(self) -> int:
        """The number of selected records that take no part."""
        return self.count(Found.LEFT_OUT)

    @property
    def creates(self) -> tuple[Found, ...]:
        """What would be created, by what was found."""
        if not self.asked.create:
            return ()
        return (Found.NEW,) if self.asked.only_unmatched else CREATABLE

    @cached_property
    def brake_on_coupling(self) -> str:
        """Why nothing would be coupled, where the brake stops it."""
        count = self.count(Found.COUPLE)
        if self.brakes.coupled is None or not self.brakes.stops_coupling(count):
            return ""
        return coupling_stopped(count, self.brakes.coupled).user_message

    @cached_property
    def brake_on_creating(self) -> str:
        """What is told of each record that would not be created, where the brake stops it."""
        count, most = self.count(*self.creates), self.brakes.most_created(self.total)
        return record_not_created(count, most) if most is not None and count > most else ""

    @property
    def created(self) -> int:
        """The number of records that would be created."""
        return 0 if self.brake_on_coupling or self.brake_on_creating else self.count(*self.creates)

    @property
    def coupled(self) -> int:
        """The number of records that would be coupled."""
        return 0 if self.brake_on_coupling else self.count(Found.COUPLE)

    def lines(self, reader: Reader = NOBODY) -> Iterator[dict[str, Any]]:
        """Yield one object per record, as the reader sees it."""
        for found, one in records_in_order(self.preview):
            yield self.line(found, one, reader)

    def line(self, found: Found, one: PreviewedRecord, reader: Reader) -> dict[str, Any]:
        """Return one record in the shape of an error object, with the outcome in front."""
        outcome, reason, added = self._outcome(found, one)
        message, told = self._told(found, one, reader)
        row = one.row
        of_choices = self.mapping.uid_kind == "option"
        row_id = UUID(bytes=row.id) if row is not None else None
        return {
            "outcome": outcome,
            "local": {"id": str(UUID(bytes=one.local_id)), "key": one.key, "name": one.name},
            "integration": None
            if row is None or row_id is None
            else {"id": str(value_of(row_id) if of_choices else row_id), "name": row.name},
            "reason": reason,
            "message": joined(message, added),
            "fields": told["fields"],
            "candidates": told["candidates"],
            "trail": told["trail"],
        }

    def _outcome(self, found: Found, one: PreviewedRecord) -> tuple[str, str, str]:
        """Return outcome and reason of a record, and what is added to its message."""
        if found is Found.LEFT_OUT:
            return "skip", one.told["reason"], ""
        if self.brake_on_coupling and (found is Found.COUPLE or found in self.creates):
            return "fail", Reason.BRAKE.value, self.brake_on_coupling
        if found is Found.COUPLE:
            return "couple", "", ""
        if found not in self.creates:
            return "fail", one.told["reason"], ""
        if self.brake_on_creating:
            return "fail", Reason.BRAKE.value, self.brake_on_creating
        return "create", Reason.CREATE_QUEUED.value, will_be_created(of_choices=self.mapping.uid_kind == "option")

    def _told(self, found: Found, one: PreviewedRecord, reader: Reader) -> tuple[str, dict[str, Any]]:
        """Return the message of a record, and its fields, candidates and trail."""
        if found is not Found.COUPLE:
            message, told = reader.read_outcome(one.told["message"], one.told)
            return message, told
        group = self.groups[one.group]
        return matched_on(searched(self.mapping, self.preview, group, one)), {
            "fields": compared_fields(self.mapping, self.preview, group, one),
            "candidates": [
                {"id": str(self._row_id(one)), "name": one.rows[0].name, "coupled_to": None},
            ],
            "trail": self._trail(one),
        }

    def _row_id(self, one: PreviewedRecord) -> UUID | int:
        row_id = UUID(bytes=one.rows[0].id)
        return value_of(row_id) if self.mapping.uid_kind == "option" else row_id

    def _trail(self, one: PreviewedRecord) -> list[dict[str, Any]]:
        """Return what each priority gave up to the one that coupled."""
        tried = [*one.tried, (1, Result.COUPLED.value)]
        return [
            {
                "priority": group.priority,
                "fields": [field.criterion.local for field in searched(self.mapping, self.preview, group, one).used],
                "rows": rows, "result": result,
            }
            for group, (rows, result) in zip(self.groups, tried, strict=False)
        ]  # fmt: skip

    def summary(self) -> dict[str, Any]:
        """Return the numbers in the shape of a job's summary, with the state `preview`."""
        reasons: Counter[str] = Counter()
        failed = 0
        for found, reason in _REASONS.items():
            count = self.count(found)
            if self.brake_on_coupling and (found is Found.COUPLE or found in self.creates):
                reason, failed = Reason.BRAKE.value, failed + count
            elif found in self.creates:
                reason = Reason.BRAKE.value if self.brake_on_creating else Reason.CREATE_QUEUED.value
                failed += count if self.brake_on_creating else 0
            elif found is not Found.COUPLE:
                failed += count
            if reason:
                reasons[reason] += count
        reasons.update(self._left_out_reasons())
        job = self.preview.job
        return {
            **jobs.summary(job),
            "type": "coupling",
            "state": "preview",
            "counters": {
                **no_counts(), "total": self.total + self.left_out, "coupled": self.coupled, "failed": failed,
                "skipped": self.left_out + self.created,
            },
            "reasons": {reason: count for reason, count in sorted(reasons.items()) if count},
            "by_priority": [{"fields": fields, "coupled": coupled} for fields, coupled in self.preview.orders],
        }  # fmt: skip

    def _left_out_reasons(self) -> Counter[str]:
        """Return why selected records take no part, with how many."""
        if not self.left_out:
            return Counter()
        return Counter(one.told["reason"] for found, one in records_in_order(self.preview) if found is Found.LEFT_OUT)


_REASONS = {
    Found.COUPLE: "",
    Found.NEW: Result.NO_MATCH.value,
    Found.NEAR: Result.NO_MATCH.value,
    Found.SEVERAL: Result.MULTIPLE.value,
    Found.TAKEN: Result.ALREADY_COUPLED.value,
}
