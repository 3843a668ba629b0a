"""Reads both sides of a mapping once, and measures every field pair that can be compared: nothing is written here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.vocabulary import CompareAs
from coupling import local_records
from coupling.gateway import Gateway
from coupling.matching import criteria
from coupling.matching.measured import Group, MeasuredSides
from coupling.matching.measurement import FieldPair, Measurement, Suggested, Way, suggested_of
from coupling.matching.placeholders import kind_of
from coupling.matching.run_matching import MatchingRun
from coupling.matching.suggesting import MeasuredPair, Pair, measure_pairs, suggest
from coupling.matching.taken_rows import coupled_row_finder
from coupling.matching.translation import translation_of
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.rows import Criterion, field_key
from dataverse.types import ColumnInfo

MOST = 200_000
"""Records and rows that are measured at most: the memory is about a kilobyte for each of them."""
_TEXTS = ("text", "code")
_BY_KIND = {"phone": CompareAs.PHONE, "email": CompareAs.EMAIL}


@dataclass
class Measuring:
    """One run. stopped: fields that a change in Dataverse keeps from being matched on (field_key); on_part: called
    after each part read, with the phase and how many are done; it may raise to stop.
    """

    mapping: IntegrationTableMapping
    gateway: Gateway
    stopped: frozenset[str] = frozenset()
    on_part: Callable[[str, int], None] = lambda _phase, _done: None
    left_out: list[tuple[str, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Choose the field pairs. Raises Unusable, Invalid."""
        self._table = local_records.get_table(self.mapping)
        self._fields: list[IntegrationFieldMapping] = []
        self._criteria: list[Criterion] = []
        self._pairs: list[Pair] = []
        for one in criteria.available_criteria(self.mapping):
            if why := self._why_not(one):
                self.left_out.append((criteria.field_caption(self.mapping, one.field), why))
            else:
                self._add(one)

    def measure(self) -> Measurement:
        """Read both sides and measure them."""
        inside = local_records.filtered_records(self.mapping)
        records = local_records.uncoupled_records(self.mapping, inside)
        all_records = records.count()
        others = inside.count() - all_records
        if not self._criteria:
            return Measurement(records=all_records, others=others, left_out=self.left_out)
        given = [replace(one, priority=at) for at, one in enumerate(self._criteria)]
        run = MatchingRun(self.mapping, given, self.gateway, records, self.mapping.blank_is_no_match)
        sides = MeasuredSides(
            [group.criteria[0] for group in run.groups],
            country=self.mapping.company.country_code,
            blank_is_no_match=self.mapping.blank_is_no_match,
        )
        ids = self._read_records(run, sides)
        more_rows = self._read_rows(run, sides)
        self.on_part("Measuring", 0)
        sides.seal()
        find_coupled = coupled_row_finder(self.mapping, run.organization_id)
        for start, row_ids in sides.row_ids_met():
            sides.take(start, row_ids, list(find_coupled(row_ids)))
        measured = measure_pairs(sides, self._pairs)
        found = suggest(sides, measured)
        examples = _Examples(self.mapping, records, sides, ids, self._criteria)
        return Measurement(
            records=sides.record_count, rows=sides.row_count, more_records=sides.record_count < all_records,
            more_rows=more_rows, others=others, left_out=self.left_out,
            pairs=[self._pair(one, examples) for one in measured],
            suggestions=[self._suggested(sides, one.groups) for one in found],
        )  # fmt: skip

    # -- what is measured ----------------------------------------------------------------------------------------------

    def _why_not(self, one: IntegrationFieldMapping) -> str:
        """Return why a field pair cannot be matched on; "" where it can."""
        if self.mapping.uid_kind == "option":
            return ""
        column = self._columns.get(one.integration_field)
        if column is None or field_key(one.field, one.integration_field) in self.stopped:
            return f"{one.integration_field} was changed or deleted in Dataverse."
        try:
            translation_of(self.mapping, criteria.to_criterion(one), column)
        except (criteria.BadCriteria, local_records.Unusable) as error:
            return error.message
        return ""

    @cached_property
    def _columns(self) -> "dict[str, ColumnInfo]":
        return dict(self.gateway.table(self.mapping).columns)

    def _add(self, one: IntegrationFieldMapping) -> None:
        """Add a field pair in each way that it may be compared, the most natural one first."""
        local = self._table.field(one.field)
        stored = replace(criteria.to_criterion(one), priority=0)
        plain = replace(stored, case_sensitive=False, compare_as=CompareAs.TEXT)
        ways = [plain]
        how = _BY_KIND.get(kind_of(plain)) if local.type in _TEXTS else None
        if how is not None:
            ways.insert(0, replace(plain, compare_as=how))
        elif one.field == self._table.title and self.mapping.table != "contact":  # a person has no legal form
            ways.append(replace(plain, compare_as=CompareAs.COMPANY_NAME))
        if stored not in ways:
            ways.append(stored)
        first = len(self._criteria)
        self._criteria += ways
        self._fields.append(one)
        # A code means the same everywhere; a number is one's own.
        own_number = one.field == self._table.key and self._table.key != "code"
        self._pairs.append(
            Pair(
                one.field, tuple(range(first, first + len(ways))), local.type,
                only_measured=own_number or bool(one.disabled_reason), own_way=how is not None,
            )
        )  # fmt: skip

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read_records(self, run: MatchingRun, sides: MeasuredSides) -> bytes:
        """Read the local side. Returns the ids, 16 bytes each."""
        columns = run.rows.table(self.mapping).columns
        translations = [translation_of(self.mapping, one, columns[one.integration]) for one in run.given]
        ids = bytearray()
        for part in local_records.iter_batches(run.records, run.table, run.fields):
            raw = local_records.raw_ids(part)[: MOST - sides.record_count]
            by_field = dict(zip(run.fields, list(zip(*part[: len(raw)], strict=True))[3:], strict=True))
            values = [
                by_field[one.local] if found is None else found.translate(by_field[one.local])
                for one, found in zip(run.given, translations, strict=True)
            ]
            sides.add_records(values, by_field.get(run.countries[0]) if run.countries else None, len(raw))
            ids += b"".join(raw)
            self.on_part("Reading records here", sides.record_count)
            if sides.record_count >= MOST:
                break
        return bytes(ids)

    def _read_rows(self, run: MatchingRun, sides: MeasuredSides) -> bool:
        """Read the rows. Returns whether there are more than were read."""
        phase = f"Reading rows of {self.mapping.integration_table}"
        for page in run.rows.scan_columns(self.mapping, run.columns):
            if sides.row_count >= MOST:
                return bool(page.ids)
            values = [page.columns[one.integration] for one in run.given]
            sides.add_rows(page.ids, values, page.columns.get(run.countries[1]) if run.countries else None)
            self.on_part(phase, sides.row_count)
        return False

    # -- what is stored ------------------------------------------------------------------------------------------------

    def _pair(self, one: MeasuredPair, examples: "_Examples") -> FieldPair:
        ways = sorted(one.pair.numbers, key=lambda number: number != one.best)
        return FieldPair(
            one.pair.local, self._criteria[one.best].integration, [self._way(one, number, examples) for number in ways]
        )

    def _way(self, one: MeasuredPair, number: int, examples: "_Examples") -> Way:
        filled, alone = one.fields[number], one.alone[number]
        shared = examples.of((number,)) if alone.wrongly_joined and number == one.best else []
        return Way(
            self._criteria[number], filled.filled_here, filled.filled_there, filled.distinct_here,
            filled.distinct_there, alone.unique, alone.unique_here, alone.unique_there, alone.wrongly_joined, shared,
        )  # fmt: skip

    def _suggested(self, sides: MeasuredSides, groups: Sequence[Group]) -> Suggested:
        chosen = [replace(self._criteria[number], priority=at) for at, group in enumerate(groups) for number in group]
        return suggested_of(chosen, sides.couple(groups))


@dataclass
class _Examples:
    """Reads the values that many share, by the first record that has each."""

    mapping: IntegrationTableMapping
    records: "QuerySet[Any]"
    sides: MeasuredSides
    ids: bytes
    criteria: Sequence[Criterion]

    def of(self, group: Group) -> list[tuple[str, int, int]]:
        """Return the values of one field: (the value here, how many records have it, how many rows)."""
        found = self.sides.examples(group)
        raw = [self.ids[16 * at : 16 * at + 16] for at, _, _ in found]
        values = self._values(self.criteria[group[0]].local, raw)
        return [(values[one], here, there) for one, (_, here, there) in zip(raw, found, strict=True) if one in values]

    def _values(self, name: str, raw: Iterable[bytes]) -> dict[bytes, str]:
        wanted = [UUID(bytes=one) for one in raw]
        rows = local_records.read_by_ids(self.records, local_records.get_table(self.mapping), [name], wanted)
        return {one: str(row[3]) for one, row in rows.items()}
