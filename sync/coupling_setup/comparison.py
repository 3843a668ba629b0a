"""What a record and a row hold field by field, and what each Synchronize After Coupling would do to them.

The same decisions are taken as by a run (sync.engine.decisions); nothing is written, and the pair need not be coupled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.vocabulary import ConflictOption, Direction
from coupling.couplings.couple_job import direction_after
from coupling.couplings.foreseen import Foreseen
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Outcome, Reason
from jobs.running.context import OutcomeRow
from masterdata.models import Company
from sync.coupling_setup.fields import ComparedField, compare_field
from sync.coupling_setup.services import FROM, NONE, TO, WAYS
from sync.engine.chunk import Chunk
from sync.engine.decisions import Decider
from sync.engine.field_values import SideValues
from sync.engine.options import Options
from sync.engine.pairs import CouplingRow, Pair, Record, read_couplings
from sync.rules.canonical import FieldSpec
from sync.rules.plan import intersect_direction
from sync.rules.values import Problem, ValueOrProblem

_PHONES = ("phone_no", "mobile_phone_no", "fax_no", "pager")


@dataclass(frozen=True, slots=True)
class Effect:
    """What a synchronization of the pair would do: the fields written there and here, or why it writes nothing.

    cleared: those of them that get a blank; fails: the reason's caption, where it would fail.
    """

    there: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    cleared: frozenset[str] = frozenset()
    conflicts: int = 0
    why: str = ""
    fails: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides of a pair. effects: by the choices of Synchronize After Coupling that the mapping's direction takes;
    NONE stands for the next synchronization.
    """

    fields: list[ComparedField]
    effects: Mapping[str, Effect] = field(default_factory=dict)


class Comparing:
    """Compares records of one mapping with rows. Raises Refusal, DataverseError where the mapping cannot be used."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway) -> None:
        self.mapping, self.gateway = mapping, gateway
        self._decider = Decider(mapping, gateway, Options())
        self._region = _region(mapping.company)

    def compare(self, local_id: UUID, row_id: UUID) -> Comparison | None:
        """Return both sides, in one request; None where either is gone. Raises DataverseError."""
        decider = self._decider
        record = decider.reader.read_records_by_id([local_id]).get(local_id)
        row = self.gateway.read(self.mapping, decider.columns, [row_id]).get(row_id)
        if record is None or row is None:
            return None
        decider.fields.prepare([record.values], [row.values])
        sides = SideValues(decider.values.local_values(record), decider.values.remote_values(row))
        fields = [self._field(spec, record, sides) for spec in decider.fields.specs.values()]
        return Comparison(fields, self._effects(record, row))

    def _field(self, spec: FieldSpec, record: Record, sides: SideValues) -> ComparedField:
        one, other = sides.local_values.get(spec.name), sides.remote_values.get(spec.name)
        (values,) = self._decider.values.compared_fields([spec.name], record, sides)
        return compare_field(
            spec.caption,
            spec.column.label or spec.column.name,
            _words(values["local_value"]),
            _remote_words(spec, other, values["integration_value"]),
            equal=not isinstance(one, Problem) and one == other,
            direction=spec.direction,
            coupled=spec.kind == "link",
            region=self._region if spec.local_name in _PHONES else None,
        )

    def _effects(self, record: Record, row: RemoteRow) -> dict[str, Effect]:
        own = Direction(self.mapping.direction)
        asked = {NONE: Options(allowed=own)}
        for way in (TO, FROM):
            direction, winner = WAYS[way]
            if intersect_direction(direction, own) is not None:
                asked[way] = Options(allowed=direction, chosen=winner, overwrite=winner)
        return {way: self._effect(options, record, row) for way, options in asked.items()}

    def _effect(self, options: Options, record: Record, row: RemoteRow) -> Effect:
        decider = self._decider
        decider.options = options
        known = read_couplings(decider.reader.couplings.filter(local_id=record.id, integration_id=row.id))
        if known:
            (pair,) = decider.reader.read_pairs(known, {row.id: row})
        else:
            pair = Pair(CouplingRow(0, record.id, row.id), record, row)
        return _effect_of(_outcomes(decider.decide([pair]))[0])


def foresee(
    mapping: IntegrationTableMapping, asked: CouplingParameters, pairs: Sequence[tuple[UUID, UUID]]
) -> dict[UUID, Foreseen]:
    """Return what synchronization after coupling would do to pairs of records and rows that are not coupled yet.

    Where none is asked for, it is what the next run does. Pairs of which a side is gone are missing; one request for
    each 5000. Raises Refusal, DataverseError.
    """
    options = Options(allowed=Direction(mapping.direction))
    if asked.synchronize:
        direction = direction_after(mapping, asked.conflict)
        both = direction == Direction.BIDIRECTIONAL
        options = Options(direction, asked.conflict, overwrite=ConflictOption.ASK if both else asked.conflict)
    gateway = Gateway(mapping.company)
    decider = Decider(mapping, gateway, options)
    records = decider.reader.read_records_by_id([local_id for local_id, _ in pairs])
    rows = gateway.read(mapping, decider.columns, [row_id for _, row_id in pairs])
    there = [
        Pair(CouplingRow(-1 - at, local_id, row_id), records[local_id], rows[row_id])  # each a number of its own
        for at, (local_id, row_id) in enumerate(pairs) if local_id in records and row_id in rows
    ]  # fmt: skip
    return {
        outcome.local_id: _foreseen(_effect_of(outcome))
        for outcome in _outcomes(decider.decide(there))
        if outcome.local_id is not None
    }


def _foreseen(effect: Effect) -> Foreseen:
    return Foreseen(effect.there, effect.here, effect.conflicts, effect.why, len(effect.cleared), effect.fails)


def _outcomes(chunk: Chunk) -> list[OutcomeRow]:
    """Return what pairs that are there on both sides end with."""
    return [
        *chunk.changes.outcomes,
        *(one for _, one in chunk.changes.unchanged),
        *(one.outcome for one in chunk.remote_updates),
        *(one.outcome for one in chunk.changes.local_updates),
    ]


def _effect_of(outcome: OutcomeRow) -> Effect:
    """Return what a pair that ends so has written, or why nothing is."""
    told: list[dict[str, Any]] = (outcome.detail or {}).get("fields", [])
    if outcome.outcome == Outcome.MODIFIED:
        source = {"integration": "local_value", "local": "integration_value"}
        written = [(str(one["caption"]), one["written"], one) for one in told if one.get("written") in source]
        return Effect(
            tuple(caption for caption, side, _ in written if side == "integration"),
            tuple(caption for caption, side, _ in written if side == "local"),
            frozenset(caption for caption, side, one in written if one[source[side]] == ""),
        )
    if outcome.outcome == Outcome.UNCHANGED:
        return Effect()
    if outcome.outcome == Outcome.CONFLICT:
        return Effect(conflicts=len(told))
    failed = outcome.outcome == Outcome.FAILED
    return Effect(why=outcome.message, fails=str(Reason(str(outcome.reason)).label) if failed else "")


def _words(value: Any) -> str:
    return ("Yes" if value else "No") if isinstance(value, bool) else str(value)


def _remote_words(spec: FieldSpec, value: ValueOrProblem, shown: Any) -> str:
    """Return a row's value as people here know it: a reference by its record's code, a choice by its label."""
    if not isinstance(value, Problem) and value is not None and not isinstance(value, bool):
        if spec.links is not None and value in spec.links.codes:
            return spec.links.codes[value]
        if spec.kind in ("choice", "link") and isinstance(value, int) and value in spec.column.choices:
            return spec.column.choices[value]
    return _words(shown)


def _region(company: Company) -> str:
    return str(company.country_code or "")
