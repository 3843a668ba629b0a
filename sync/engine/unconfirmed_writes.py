"""Writes to Dataverse that were sent and whose answers were never saved: whether they were applied is not known.

They are stored with the mapping from before the first request until the pair is dealt with, by whichever job does.
A value that is read back equal to what was sent is our own: it becomes the base, and is no change made in Dataverse.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from coupling.models import IntegrationTableMapping
from sync.engine.chunk import RemoteUpdate
from sync.models import SynchState
from sync.rules.canonical import FieldSpec
from sync.rules.changes import Change, Won, keep_remote
from sync.rules.values import Side, Value, ValueOrProblem


@dataclass(frozen=True, slots=True)
class UnconfirmedWrite:
    """One write: the id of the job that sent it, the values in it; `previous`: the row that a restored one replaces.

    before: what each value replaces, as the history keeps it, and why this side counted (changes.Won); none where the
    history has it already. The names of the fields are stored (msgpack), so they stay.
    """

    job: int
    values: dict[str, Value]
    previous: str = ""
    before: dict[str, tuple[str | None, int]] = field(default_factory=dict)

    def was_applied_by(self, job_id: int, remote_values: Mapping[str, ValueOrProblem]) -> bool:
        """Return whether this job sent it, and the row holds all of it as far as its columns are there still."""
        return self.job == job_id and all(
            remote_values[name] == value for name, value in self.values.items() if name in remote_values
        )

    def merge_into_base(
        self, base: Mapping[str, Value], remote_values: Mapping[str, ValueOrProblem]
    ) -> dict[str, Value]:
        """Return the base with those values that were sent and that the row holds."""
        return {**base, **{name: self.values[name] for name in self._held(remote_values)}}

    def _held(self, remote_values: Mapping[str, ValueOrProblem]) -> list[str]:
        """Return the fields of which the row holds what was sent."""
        return [name for name, value in self.values.items() if name in remote_values and remote_values[name] == value]

    def changes(self, specs: Mapping[str, FieldSpec], remote_values: Mapping[str, ValueOrProblem]) -> list[Change]:
        """Return what it changed of the row, as far as the row holds it and the history has not got it."""
        return [
            Change(name, Side.INTEGRATION, before, keep_remote(specs[name], self.values[name]), Won(won))
            for name, (before, won) in self.before.items()
            if name in specs and name in self._held(remote_values)
        ]


@dataclass(slots=True)
class UnconfirmedWrites:
    """The unconfirmed writes of a mapping, by coupling id. Changed in memory; call `save` inside a checkpoint."""

    mapping: IntegrationTableMapping
    by_coupling: dict[int, UnconfirmedWrite] = field(default_factory=dict)
    _changed: bool = False

    @classmethod
    def load(cls, mapping: IntegrationTableMapping) -> "UnconfirmedWrites":
        """Return what is stored with the mapping."""
        packed = SynchState.objects.filter(mapping=mapping).values_list("unconfirmed_writes", flat=True).first()
        return cls(mapping, _decoder.decode(bytes(packed)) if packed else {})

    def get(self, coupling_id: int) -> UnconfirmedWrite | None:
        """Return the unconfirmed write of a pair, None where there is none."""
        return self.by_coupling.get(coupling_id)

    def add(self, coupling_id: int, write: UnconfirmedWrite) -> None:
        """Add a write that is about to be sent."""
        self.by_coupling[coupling_id], self._changed = write, True

    def add_update(self, job_id: int, update: RemoteUpdate) -> None:
        """Add an update that is about to be sent.

        What an earlier write of the pair is known to have written stays with it: its base may have been saved by nobody
        yet.
        """
        known, base = self.by_coupling.get(update.pair.coupling.id), update.base
        held = {name: value for name, value in known.values.items() if base.get(name) == value} if known else {}
        sent = {name: base[name] for name in update.sent}
        before = {one.name: (one.before, one.won.value) for one in update.changes}
        self.add(update.pair.coupling.id, UnconfirmedWrite(job_id, {**held, **sent}, before=before))

    def remove(self, coupling_ids: Iterable[int]) -> None:
        """Remove the writes of pairs of which is known what became of them."""
        if self.by_coupling:
            for coupling_id in coupling_ids:
                self._changed |= self.by_coupling.pop(coupling_id, None) is not None

    def note_told(self, coupling_ids: Iterable[int]) -> None:
        """Note that the history has what these writes changed, whatever else becomes of the pairs."""
        for coupling_id in coupling_ids:
            write = self.by_coupling.get(coupling_id)
            if write is not None and write.before:
                self.add(coupling_id, replace(write, before={}))

    def save(self) -> None:
        """Store the writes with the mapping, where they changed."""
        if self._changed:
            values = {"unconfirmed_writes": _encoder.encode(self.by_coupling) if self.by_coupling else b""}
            SynchState.objects.update_or_create(mapping=self.mapping, defaults=values)
            self._changed = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[int, UnconfirmedWrite])
