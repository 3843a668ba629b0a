"""A walk at random through what people and misfortune do to two systems, beside a model of what must come of it.

The model knows each thing (a customer here, an account there, or both) by its name, which never changes. What it says
after every step is compared with both systems: nothing is there twice, nothing is lost, no edit is overwritten unseen,
counters equal outcomes, and a second run writes nothing.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from connection_setup.connection.clients import client_for
from coupling.couplings import services as coupling
from coupling.models import Coupling
from jobs.models import Job, State
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from sandbox.testing import Sandbox
from sync.start import services as sync
from tests.recovery import harness, scenarios, states
from tests.recovery.harness import Fleet
from tests.recovery.scenarios import BY_PHONE
from tests.soak.walk_conflicts import ConflictRules
from tests.soak.walk_model import FIELDS, MOST, Done, Fate, Thing, Values, fates
from tests.soak.walk_schedules import ScheduleRules


def machine(remote: Sandbox, fleet: Fleet, done: Done) -> type[RuleBasedStateMachine]:
    """Walk on these systems; what is done is counted in `done`."""

    class Walk(ConflictRules, ScheduleRules, RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            harness.forget_messages()
            self.remote, self.done = remote, done
            self.world = scenarios.world(remote)
            self.client = client_for(self.world.company)
            self.things: list[Thing] = []
            self.number = 0
            self.written = 0
            self.deletion = "uncouple"

        @initialize(
            deletion=st.sampled_from(["uncouple", "restore"]),
            sides=st.lists(st.sampled_from(["here", "there", "both"]), min_size=4, max_size=8),
        )
        def begin(self, deletion: str, sides: list[str]) -> None:
            self.deletion = deletion
            self.world.mapping(synch_only_coupled=False, deletion_conflict=deletion)
            self.begin_schedule()
            for side in sides:
                self.add(1, side)

        # -- people -------------------------------------------------------------------------------------------------

        @rule(number=st.integers(1, 4), side=st.sampled_from(["here", "there", "both"]))
        def add(self, number: int, side: str) -> None:
            """Somebody enters new things, on one side or, unknowing, on both."""
            self._step()
            for _ in range(min(number, MOST - len(self.things))):
                self.number += 1
                thing = Thing(f"Thing {self.number}", f"555-{self.number:05d}")
                if side != "there":
                    thing.here = self._values()
                    Customer.objects.create(
                        company=self.world.company, no=f"T{self.number:05d}", name=thing.name, phone_no=thing.phone,
                        **thing.here,
                    )  # fmt: skip
                    self.changed_here = True
                if side != "here":
                    thing.there = self._values()
                    row = {"name": thing.name, "telephone1": thing.phone, "customertypecode": 3}
                    self.client.create("accounts", {**row, **self._columns(thing.there)})
                self.things.append(thing)

        @precondition(lambda self: self.things)
        @rule(
            which=st.integers(0, MOST), name=st.sampled_from(sorted(FIELDS)), blank=st.booleans(),
            sides=st.sampled_from([("here",), ("there",), ("here", "there")]), alike=st.booleans(),
        )  # fmt: skip
        def edit(self, which: int, name: str, blank: bool, sides: tuple[str, ...], alike: bool) -> None:
            """Somebody changes a field; or two people do, of the same thing on both sides, differently or alike."""
            self._step()
            able = [thing for thing in self.things if all(getattr(thing, side) is not None for side in sides)]
            if not able:
                return
            thing, value = able[which % len(able)], "" if blank else self._value()
            if "here" in sides:
                thing.here[name] = value
                record = Customer.objects.get(company=self.world.company, name=thing.name)
                setattr(record, name, value)
                record.save()
                self.changed_here = True
            if "there" in sides:
                thing.there[name] = value if alike or "here" not in sides else self._value()
                self.client.update("accounts", self._row_of(thing), {FIELDS[name]: thing.there[name] or None})

        @precondition(lambda self: self.things)
        @rule(which=st.integers(0, MOST), sides=st.sampled_from([("here",), ("there",), ("here", "there")]))
        def delete(self, which: int, sides: tuple[str, ...]) -> None:
            """Somebody deletes a thing on one side, or on both."""
            self._step()
            able = [thing for thing in self.things if all(getattr(thing, side) is not None for side in sides)]
            if not able:
                return
            thing = able[which % len(able)]
            if "here" in sides:
                Customer.objects.get(company=self.world.company, name=thing.name).delete()
                self.deleted_here |= thing.coupled
                thing.here = None
            if "there" in sides:
                self.client.delete("accounts", self._row_of(thing))
                thing.there = None
            self._forget()

        # -- jobs ---------------------------------------------------------------------------------------------------

        @rule(full=st.booleans(), create=st.booleans(), fate=fates)
        def synchronize(self, full: bool, create: bool, fate: Fate) -> None:
            """Run over the whole mapping. Where a run may create, the couplings are made first: else it repeats."""
            self._step()
            create = create and not any(thing.twins for thing in self.things)
            left = [thing for thing in self.things if not thing.coupled]
            self._run(lambda: sync.start_synchronization(mapping=self.world.mapping(), full=full, create=create), fate)
            for thing in self.things:
                if thing.coupled:
                    thing.synchronize(self.deletion)
            if create:
                for thing in left:
                    thing.agree(thing.here or thing.there or {})
                self._see_whether_created([thing for thing in self.things if not thing.coupled])
            self._compare()
            before = remote.requests()["rows_written"]
            counted = scenarios.again(self.world)
            assert remote.requests()["rows_written"] == before, counted
            assert not set(counted) - {"conflicts"}, counted
            self._compare()

        @precondition(lambda self: any(thing.coupled and thing.here is not None for thing in self.things))
        @rule(chosen=st.sets(st.integers(0, MOST), min_size=1, max_size=5), fate=fates)
        def synchronize_selected(self, chosen: set[int], fate: Fate) -> None:
            self._step()
            able = [thing for thing in self.things if thing.coupled and thing.here is not None]
            picked = [able[at] for at in sorted({which % len(able) for which in chosen})]
            ids = self._ids(picked)
            self._run(
                lambda: sync.start_synchronization(
                    mapping=self.world.mapping(), selection=ids, one_record=len(ids) == 1
                ),
                fate,
            )
            for thing in picked:
                thing.synchronize(self.deletion)
            self._compare()

        @rule(
            synchronize=st.booleans(), create=st.booleans(), conflicts=st.sampled_from(["send", "get"]), fate=fates
        )  # fmt: skip
        def couple(self, synchronize: bool, create: bool, conflicts: str, fate: Fate) -> None:
            self._step()
            self._run(
                lambda: coupling.start_coupling(
                    mapping=self.world.mapping(), criteria=BY_PHONE, create_new=create, synchronize=synchronize,
                    conflicts=conflicts,
                ),
                fate,
            )  # fmt: skip
            for thing in self.things:
                if thing.twins:
                    thing.coupled = True
                    if synchronize:
                        thing.synchronize(self.deletion, conflicts)
                elif create and not thing.coupled and thing.here is not None:
                    thing.agree(thing.here)
            self._compare()

        @precondition(lambda self: any(thing.coupled for thing in self.things))
        @rule(chosen=st.none() | st.sets(st.integers(0, MOST), min_size=1, max_size=5), fate=fates)
        def uncouple(self, chosen: set[int] | None, fate: Fate) -> None:
            """All couplings of the mapping, or those of a few records."""
            self._step()
            able = [thing for thing in self.things if thing.coupled and (chosen is None or thing.here is not None)]
            if not able:
                return
            picked = able if chosen is None else [able[at] for at in sorted({which % len(able) for which in chosen})]
            ids = self._ids(picked)
            self._run(
                lambda: (
                    coupling.start_uncoupling(mapping=self.world.mapping(), all=True)
                    if chosen is None
                    else coupling.start_uncoupling(mapping=self.world.mapping(), selection=ids)
                ),
                fate,
            )
            for thing in picked:
                thing.part()
            self._compare()

        # -- running ------------------------------------------------------------------------------------------------

        def _start_whole(self) -> Job:
            return sync.start_synchronization(mapping=self.world.mapping(), create=False)

        def _run(self, start: Callable[[], Job], fate: Fate) -> None:
            done.jobs += 1
            if fate.faults:
                remote.control("POST", "faults", fate.faults)
            try:
                job = start()
                if fate.point or fate.line:
                    self._kill(job, fate)
                job = run_to_end(job)
            finally:
                done.faults += sum(one["struck"] for one in remote.control("GET", "faults"))
                remote.control("DELETE", "faults")
            for one in harness.family(job.pk):
                assert one.state == State.FINISHED, (one.type, one.state, one.message, one.detail)
                assert not one.counters.get("failed") or one.type == "coupling", (one.type, one.reasons)
            states.make_sure_it_adds_up(job)

        def _kill(self, job: Job, fate: Fate) -> None:
            worker = fleet.start(small=True, point=fate.point, line=fate.line)
            ended = harness.wait_for(lambda: not worker.alive or not harness.open_ones(job.pk), harness.STUCK_S, 0.02)
            assert ended, f"{fate}: {harness.describe(job)}\n{fleet.complaints()}"
            worker.kill()
            done.killed += worker.died_as_planned
            harness.let_leases_run_out(job.pk)

        # -- looking ------------------------------------------------------------------------------------------------

        def _compare(self) -> None:
            """Both systems are as the model says."""
            self._forget()
            done.conflicts += sum(thing.conflict for thing in self.things)
            found_here, found_there, pairs = self._here(), self._there(), self._pairs()
            assert found_here == {thing.name: thing.here for thing in self.things if thing.here is not None}
            assert found_there == {thing.name: thing.there for thing in self.things if thing.there is not None}
            coupled = {thing.name: thing.conflict for thing in self.things if thing.coupled and thing.here is not None}
            orphans = sum(thing.coupled and thing.here is None for thing in self.things)
            assert pairs.pop("", 0) == orphans
            assert pairs == coupled

        def _here(self) -> dict[str, Values]:
            rows = list(Customer.objects.filter(company=self.world.company).values_list("name", *FIELDS))
            assert len({row[0] for row in rows}) == len(rows), "a customer is there twice"
            return {row[0]: dict(zip(FIELDS, row[1:], strict=True)) for row in rows}

        def _there(self) -> dict[str, Values]:
            rows = remote.rows("accounts", "name", *FIELDS.values())
            assert len({row["name"] for row in rows}) == len(rows), "an account is there twice"
            return {row["name"]: {name: row.get(column) or "" for name, column in FIELDS.items()} for row in rows}

        def _pairs(self) -> dict[str, Any]:
            """Whether each coupled record waits for a decision, by its name; under "" the number of the deleted."""
            names = dict(Customer.objects.filter(company=self.world.company).values_list("system_id", "name"))
            told: dict[str, Any] = {"": 0}
            for pair in Coupling.objects.filter(company=self.world.company):
                assert not pair.pending
                if pair.local_id in names:
                    told[names[pair.local_id]] = pair.conflict is not None
                else:
                    told[""] += 1
            return told

        def _see_whether_created(self, parted: list[Thing]) -> None:
            """Whether a run creates what it took apart itself, or leaves that to the next, is its own affair."""
            pairs = self._pairs()
            for thing in parted:
                if thing.name in pairs:
                    thing.agree(thing.here or thing.there or {})

        # -- helpers ------------------------------------------------------------------------------------------------

        def _step(self) -> None:
            done.steps += 1

        def _value(self) -> str:
            self.written += 1
            return f"v{self.written}"

        def _values(self) -> Values:
            return {name: self._value() for name in FIELDS}

        def _columns(self, values: Values) -> dict[str, str]:
            return {column: values[name] for name, column in FIELDS.items()}

        def _forget(self) -> None:
            self.things = [thing for thing in self.things if not thing.gone]

        def _ids(self, things: list[Thing]) -> list[Any]:
            names = [thing.name for thing in things]
            mine = Customer.objects.filter(company=self.world.company, name__in=names)
            return list(mine.values_list("system_id", flat=True))

        def _row_of(self, thing: Thing) -> str:
            rows = remote.rows("accounts", "accountid", "name")
            return next(row["accountid"] for row in rows if row["name"] == thing.name)

        def teardown(self) -> None:
            fleet.kill_all()

    return Walk
