"""What undoing a coupling job writes of each pair, by what both sides hold now: for its preview, and for the job.

Both sides are read of those pairs of which synchronization wrote something; nothing is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Job
from jobs.running.context import JobContext
from masterdata.models import ChangedBy
from sync.engine.chunk import Written
from sync.engine.options import Options
from sync.engine.pairs import Pair, read_couplings
from sync.engine.worker import Worker
from sync.engine.written_fields import written
from sync.history.plan import Plan, Planner
from sync.history.reading import NetChange
from sync.models import SynchronizedField, WrittenSide
from sync.rules.changes import Change, Kept, Won, code_of
from sync.rules.putting_back import in_quotes, put_back_words
from sync.rules.undoing import Write, own_value
from sync.undo.reading import Made, MadeByJob, Writes

PAIRS = 200
"""How many pairs are looked at, read, sent and saved together."""
ROW_STAYS = "The row that the job had created in Dataverse stays there."
Sending = Mapping[str, Mapping[str, Kept]]
"""What was about to be sent before a kill: coupling -> field -> what it replaces."""


@dataclass(slots=True)
class End:
    """A pair to be ended, with what is written of it before."""

    made: Made
    plan: Plan | None = None
    """None where no value goes back."""
    asked: Sequence[NetChange] = ()
    """What synchronization wrote of it, in sum."""
    entered: Sequence[NetChange] = ()
    """Those values that people have entered since, although they are the same as were written."""
    problem: str = ""
    reason: str = ""
    detail: dict[str, Any] | None = None
    differs: bool = False
    """It is not as it was previewed, so it stays."""
    waits: bool = False
    """It changed meanwhile, and is read again."""
    limited: bool = False
    """Dataverse's limit stopped it."""
    notes: list[str] = field(default_factory=list)
    found: list[Written] = field(default_factory=list)
    """What an earlier run wrote without learning that it did: the history has yet to be told."""

    @property
    def sends(self) -> bool:
        """Whether columns of the row are to be written."""
        return self.plan is not None and bool(self.plan.columns)

    @property
    def fails(self) -> bool:
        """Whether the pair cannot be ended."""
        return bool(self.problem)

    @property
    def changes(self) -> list[Change]:
        """What goes back, on both sides."""
        return self.plan.changes if self.plan is not None else []


class Planning:
    """Plans for the pairs of one coupling job. values: what synchronization wrote goes back."""

    def __init__(
        self, context: JobContext, mapping: IntegrationTableMapping, undone: Job, *, values: bool = True
    ) -> None:
        self.mapping, self.values = mapping, values
        self.made = MadeByJob(undone, mapping)
        self.gateway = Gateway(context.company, context.usage)
        drift = column_looks.look(mapping, self.gateway.table(mapping).columns)
        self.worker = Worker(context, mapping, self.gateway, Options(), drift)
        _ = self.worker.organization_id  # of another organization nothing is written
        self.worker.ledger.changed_by = ChangedBy.PERSON
        self.planner = Planner(self.worker, anyway=False)

    def ends(self, pairs: Sequence[Made], sending: Sending) -> list[End]:
        """Say what is to be written of each pair; both sides are read of those of which something was written."""
        ends = {made.number: End(made) for made in pairs}
        for made in pairs:
            if made.created:
                ends[made.number].notes.append(ROW_STAYS)
        read = [made for made in pairs if (self.values and made.written) or self._unconfirmed(made)]
        if not read:
            return list(ends.values())
        found = self._read([made.number for made in read])
        for made in read:
            end, pair = ends[made.number], found.get(made.number)
            if pair is None:  # it was uncoupled meanwhile: the next look tells so
                end.waits = True
                continue
            self._find_unconfirmed(end, pair)
            if self.values and made.written:
                self._plan(end, pair, sending.get(str(made.number), {}))
        return list(ends.values())

    def _read(self, numbers: Sequence[int]) -> dict[int, Pair]:
        reader = self.worker.reader
        couplings = list(read_couplings(reader.couplings.filter(pk__in=numbers)))
        column, columns = self.mapping.company_column, self.worker.columns
        if column in self.gateway.table(self.mapping).columns and column not in columns:
            columns = [*columns, column]
        rows = self.gateway.read(self.mapping, columns, [one.integration_id for one in couplings])
        found = {pair.coupling.id: pair for pair in reader.read_pairs(couplings, rows)}
        self.worker.fields.prepare(
            [pair.local.values for pair in found.values() if pair.local],
            [pair.remote.values for pair in found.values() if pair.remote],
        )
        return found

    # -- writes whose answers were never saved ------------------------------------------------------------------------

    def _unconfirmed(self, made: Made) -> bool:
        """Return whether a run sent something of which the history does not know yet whether it was applied."""
        write = self.worker.unconfirmed.get(made.number)
        return write is not None and bool(write.before)

    def _find_unconfirmed(self, end: End, pair: Pair) -> None:
        """Add what such a run wrote, as far as the row holds it, to what is known to be written."""
        write = self.worker.unconfirmed.get(end.made.number)
        if write is None or pair.remote is None:
            return
        values = self.worker.values.remote_values(pair.remote)
        applied = write.changes(self.worker.fields.specs, values)
        coupling = pair.coupling
        end.found = list(written(coupling.local_id, coupling.integration_id, write.job, applied))
        if end.made.created:
            return  # of a row that the job had created nothing goes back: before the job it was not there
        for change in applied:
            end.made.written = _with(end.made.written, self._field(change.name), change)
        if pair.remote.version != coupling.version:
            # Of what was sent and is not there, somebody may have entered what is.
            lost = {name for name, value in write.values.items() if values.get(name, value) != value}
            end.made.written = [
                replace(one, entered=True) if not one.here and one.field.name in lost else one
                for one in end.made.written
            ]

    def _field(self, name: str) -> SynchronizedField:
        """Return a field as lines of the history name it; not saved."""
        spec = self.worker.fields.specs[name]
        return SynchronizedField(
            company=self.mapping.company, mapping_name=self.mapping.name, table=self.mapping.table, name=name,
            local=spec.local_name, column=spec.column.name, caption=spec.caption,
        )  # fmt: skip

    # -- plans --------------------------------------------------------------------------------------------------------

    def _plan(self, end: End, pair: Pair, sending: Mapping[str, Kept]) -> None:
        nets = [(_net(end.made, one), one.entered) for one in end.made.written]
        end.asked = [net for net, _ in nets]
        end.entered = [net for net, entered in nets if entered and self._is_as_written(pair, net)]
        asked = [net for net in end.asked if net not in end.entered]
        if pair.remote is None and any(one.side == WrittenSide.INTEGRATION for one in asked):
            asked = [one for one in asked if one.side == WrittenSide.LOCAL]
            end.notes.append("The row was deleted in Dataverse, so no value went back there.")
        plan = end.plan = self._planned(asked, pair, sending)
        if plan.problems:
            end.problem = (
                f"{' '.join(one.user_message for one in plan.problems)} The coupling was kept. Settle that, or undo "
                "the job without putting values back."
            )
            end.reason = plan.problems[0].reason
            return
        if plan.columns:
            plan.columns |= self._mark(pair.remote)
        for words, names in (
            ("Back in Dataverse", [self._caption(one.name) for one in plan.there]),
            ("Back here", [self._caption(one.name) for one in plan.here]),
        ):
            if names:
                end.notes.append(f"{words}: {put_back_words(names).removesuffix('.')}.")
        end.notes += plan.stays
        end.notes += map(_entered_again, end.entered)

    def _is_as_written(self, pair: Pair, one: NetChange) -> bool:
        return code_of(self.planner.held(pair, one)) == code_of(one.after)

    def _planned(self, asked: Sequence[NetChange], pair: Pair, sending: Mapping[str, Kept]) -> Plan:
        ids = pair.coupling.local_id, pair.coupling.integration_id
        return self.planner.plan(ids, asked, pair, sending)

    def why_kept(self, end: End, one: NetChange) -> str:
        """Return why a value that was written stays as it is; "" where it is back already."""
        assert end.plan is not None
        if one in end.entered:
            return _entered_again(one)
        alone = self._planned([one], end.plan.pair, {})
        return alone.message or (end.plan.message if end.plan.problems and alone.changes else "")

    def _mark(self, row: RemoteRow | None) -> dict[str, Any]:
        """Return the column that marks a row as this company's, blank, where it does."""
        company, column = self.gateway.company_row_id, self.mapping.company_column
        marked = row is not None and company is not None and str(row.values.get(column) or "").lower() == str(company)
        return {column: None} if marked else {}

    def _caption(self, name: str) -> str:
        spec = self.worker.fields.specs.get(name)
        return spec.caption if spec is not None else self.worker.reader.table.field(name).caption


def _with(known: Iterable[Writes], field_: SynchronizedField, change: Change) -> list[Writes]:
    """Return what is known to be written of a pair, with one write to the row in Dataverse more, the newest."""
    found, before = [], Writes(field_, False, ())
    for one in known:
        if one.field.name != field_.name:
            found.append(one)
        elif one.here:  # what went to Dataverse had been entered here, unless a person chose
            found.append(replace(one, entered=one.entered or change.won != Won.PERSON))
        else:
            before = one
    write = Write(change.before, change.after, before.entered)
    return [*found, replace(before, writes=(*before.writes, write), entered=False)]


def _entered_again(one: NetChange) -> str:
    where = "here" if one.side == WrittenSide.LOCAL else "in Dataverse"
    return (
        f"{one.field.caption} was entered {where} since: synchronization took {in_quotes(one.after)} from there. So it "
        "stays."
    )


def _net(made: Made, one: Writes) -> NetChange:
    """Return what a value is put back to and from, as it is put back by hand."""
    side = WrittenSide.LOCAL if one.here else WrittenSide.INTEGRATION
    ids: tuple[UUID, UUID] = (made.local_id or UUID(int=0), made.row_id or UUID(int=0))
    return NetChange(*ids, one.field, side, own_value(one.writes), one.writes[-1].after, ())
