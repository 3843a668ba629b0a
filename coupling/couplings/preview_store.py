"""What a preview found, read from its packed parts: record by record, page by page, by its ticks."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from heapq import merge
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count

from core.vocabulary import Direction
from coupling import local_records
from coupling.brakes import Brakes, coupling_stopped
from coupling.job_parameters import CouplingParameters
from coupling.matching import criteria
from coupling.matching.explanation import Searched, SearchedField
from coupling.matching.match import Group, group_by_priority
from coupling.matching.previewed import CREATABLE, Found, PreviewedRecord, unpack_records
from coupling.matching.run_matching import to_json_value
from coupling.models import CouplingPreview, IntegrationTableMapping, PreviewException, PreviewPart


def preview_groups(mapping: IntegrationTableMapping, preview: CouplingPreview) -> list[Group]:
    """Return the priorities that a preview went by, in order."""
    given = CouplingParameters.load(preview.job.parameters).criteria
    try:
        return criteria.group_criteria(mapping, given)
    except local_records.Unusable:  # a field that was compared is gone
        return group_by_priority(given)


def searched(
    mapping: IntegrationTableMapping, preview: CouplingPreview, group: Group, one: PreviewedRecord
) -> Searched:
    """Return the fields of a priority with the values that a record of a preview had."""
    values = dict(zip(preview.fields, one.values, strict=False))
    return Searched(
        [
            SearchedField(criterion, criteria.field_caption(mapping, criterion.local), values.get(criterion.local))
            for criterion in group.criteria
        ]
    )


def compared_fields(
    mapping: IntegrationTableMapping, preview: CouplingPreview, group: Group, one: PreviewedRecord
) -> list[dict[str, Any]]:
    """Return the fields that took part, with the values here, as outcomes keep them."""
    own = mapping.uid_column if mapping.uid_kind == "option" else ""
    return [
        {
            "local": field.criterion.local, "integration": own or field.criterion.integration,
            "local_value": to_json_value(field.value),
        }
        for field in searched(mapping, preview, group, one).used
    ]  # fmt: skip


_FEW = 1000
"""Records, or exceptions, up to which all are read at once."""


class PreviewTicks:
    """Which records of a preview are ticked: all of which the same was found, or none, but for exceptions."""

    def __init__(self, preview: CouplingPreview) -> None:
        self.preview = preview

    def default(self, found: Found) -> bool:
        """Return whether the records are ticked that are no exceptions."""
        return bool(self.preview.ticked.get(found.value, found is Found.COUPLE))

    @cached_property
    def _first_exceptions(self) -> list[tuple[str, UUID]]:
        return list(self.preview.exceptions.values_list("found", "local_id")[: _FEW + 1])

    @cached_property
    def exceptions(self) -> dict[str, set[UUID]]:
        """The exceptions, by what was found."""
        rows: dict[str, set[UUID]] = {}
        few = len(self._first_exceptions) <= _FEW
        all_of_them = self.preview.exceptions.values_list("found", "local_id")
        for found, local_id in self._first_exceptions if few else all_of_them.iterator(2000):
            rows.setdefault(found, set()).add(local_id)
        return rows

    def has(self, found: Found, local_id: UUID) -> bool:
        """Return whether a record is ticked."""
        return self.default(found) is not (local_id in self.exceptions.get(found.value, ()))

    @cached_property
    def _exception_counts(self) -> dict[str, int]:
        if len(self._first_exceptions) <= _FEW:
            return {found: len(ids) for found, ids in self.exceptions.items()}
        counted = PreviewException.objects.filter(preview=self.preview).values("found").annotate(number=Count("pk"))
        return {row["found"]: row["number"] for row in counted}

    def count(self, found: Found) -> int:
        """Return how many records of which this was found are ticked."""
        others = self._exception_counts.get(found.value, 0)
        return int(self.preview.numbers.get(found.value, 0)) - others if self.default(found) else others

    def count_created(self) -> int:
        """Return how many ticked records are to be created."""
        return sum(map(self.count, CREATABLE))

    def count_all(self) -> int:
        """Return how many records are ticked."""
        return self.count(Found.COUPLE) + self.count_created()


class FoundRecord(NamedTuple):
    """A record of a preview with what was found of it, and whether it is ticked."""

    found: Found
    record: PreviewedRecord
    ticked: bool

    @property
    def local_id(self) -> UUID:
        """Its id."""
        return UUID(bytes=self.record.local_id)


class PreviewRecords:
    """The records of a preview of which one of these was found, each group in key order: a list's source."""

    def __init__(
        self,
        preview: CouplingPreview,
        found: Sequence[Found],
        *,
        text: str = "",
        group: int | None = None,
        ticks: PreviewTicks | None = None,
    ) -> None:
        self.preview, self.found, self.text, self.group = preview, tuple(found), text.lower(), group
        self.ticks = ticks or PreviewTicks(preview)
        self._unpacked: dict[int, list[PreviewedRecord]] = {}

    def searched(self, text: str) -> "PreviewRecords":
        """Return those whose number begins with a text, or whose name here or in Dataverse has it."""
        return self._narrowed_to(text, self.group)

    def matched_by(self, group: int | None) -> "PreviewRecords":
        """Return those that the priority at this position matched; None for all."""
        return self._narrowed_to(self.text, group)

    def _narrowed_to(self, text: str, group: int | None) -> "PreviewRecords":
        """Return records of the same parts: what was read of them is not read again."""
        narrowed = PreviewRecords(self.preview, self.found, text=text, group=group, ticks=self.ticks)
        narrowed._parts, narrowed._unpacked = self._parts, self._unpacked
        return narrowed

    @cached_property
    def _parts(self) -> list[PreviewPart]:
        """The parts in the order of the list, with what is packed in them where that is little."""
        order = {found.value: place for place, found in enumerate(self.found)}
        parts = PreviewPart.objects.filter(preview=self.preview, found__in=list(order))
        if not self._is_small:
            parts = parts.defer("packed")
        return sorted(parts, key=lambda part: (order[part.found], part.first))

    @property
    def _is_small(self) -> bool:
        """Whether all of them are read at once. Nothing is counted before the preview is complete."""
        numbers = self.preview.numbers
        return self.preview.complete and sum(int(numbers.get(found.value, 0)) for found in self.found) <= _FEW

    @property
    def _narrowed(self) -> bool:
        return bool(self.text) or self.group is not None

    @cached_property
    def _matching(self) -> list[tuple[int, list[int]]]:
        """The places in each part of those that a search finds, by the part's place."""
        return [
            (at, [place for place, one in enumerate(self._read(part)) if self._matches(one)])
            for at, part in enumerate(self._parts)
        ]

    def _matches(self, one: PreviewedRecord) -> bool:
        return (self.group is None or one.group == self.group) and (not self.text or one.has_text(self.text))

    @property
    def count(self) -> int:
        """How many there are."""
        if self._narrowed:
            return sum(len(places) for _, places in self._matching)
        return sum(part.count for part in self._parts)

    def __getitem__(self, span: slice) -> list[FoundRecord]:
        """Return a stretch of the list, given by its first position and the one behind its last."""
        first, behind, before = span.start or 0, span.stop, 0
        found: list[FoundRecord] = []
        for at, part in enumerate(self._parts):
            places: Sequence[int] = self._matching[at][1] if self._narrowed else range(part.count)
            inside = places[max(0, first - before) : max(0, behind - before)]
            if inside:
                records = self._read(part)
                found += [self._found(part, records[place]) for place in inside]
            before += len(places)
            if before >= behind:
                break
        return found

    def __iter__(self) -> Iterator[FoundRecord]:
        """Yield all, read part by part."""
        for part in self._parts:
            yield from (self._found(part, one) for one in self._read(part) if not self._narrowed or self._matches(one))

    def _found(self, part: PreviewPart, one: PreviewedRecord) -> FoundRecord:
        found = Found(part.found)
        return FoundRecord(found, one, self.ticks.has(found, UUID(bytes=one.local_id)))

    def _read(self, part: PreviewPart) -> list[PreviewedRecord]:
        if "packed" in part.get_deferred_fields():
            return unpack_records(PreviewPart.objects.values_list("packed", flat=True).get(pk=part.pk))
        if part.pk not in self._unpacked:
            self._unpacked[part.pk] = unpack_records(part.packed)
        return self._unpacked[part.pk]


def records_in_order(preview: CouplingPreview) -> Iterator[tuple[Found, PreviewedRecord]]:
    """Yield the records that take part, in key order, then those that were selected and do not."""
    parts = PreviewPart.objects.filter(preview=preview).order_by("chunk", "pk").defer("packed")
    for chunk in dict.fromkeys(part.chunk for part in parts):
        of_chunk: list[Iterable[_Placed]] = [
            [_Placed(one.position, Found(part.found), one) for one in unpack_records(part.packed)]
            for part in PreviewPart.objects.filter(preview=preview, chunk=chunk).order_by("pk")
        ]
        for placed in merge(*of_chunk, key=attrgetter("position")):
            yield placed.found, placed.record


class _Placed(NamedTuple):
    position: int
    found: Found
    record: PreviewedRecord


def brakes_of(preview: CouplingPreview) -> Brakes:
    """Return the brakes that a person has set last."""
    return Brakes(preview.stop_above, preview.stop_above_percent, preview.stop_coupled_above)


def stopped_by(preview: CouplingPreview) -> str:
    """Return why a brake would let nothing be coupled; "" where none stops it."""
    brakes, coupled = brakes_of(preview), int(preview.numbers.get(Found.COUPLE, 0))
    if brakes.coupled is None or not brakes.stops_coupling(coupled):
        return ""
    return coupling_stopped(coupled, brakes.coupled).message


def count_matched(preview: CouplingPreview) -> int:
    """Return how many records take part."""
    return sum(int(count) for found, count in preview.numbers.items() if found != Found.LEFT_OUT.value)


def can_create(mapping: IntegrationTableMapping) -> bool:
    """Return whether rows can be created through the mapping: its direction leads to Dataverse."""
    return mapping.direction != Direction.FROM
