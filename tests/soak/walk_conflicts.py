"""What people choose for conflicts in the walk: per field, per side, by the rule that the newer one wins."""

from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from coupling.models import Coupling
from masterdata.models import Customer
from sync.conflicts import resolving
from sync.engine.conflicts_standing import conflicts_of, read_standing
from sync.rules.resolving import Choice, Rule, Take
from tests.soak.walk_model import FIELDS, MOST, Fate, Values, fates

LATER_S = 7200


class ConflictRules:
    """Rules of a walk, beside those that it has itself; `self` is the walk."""

    @precondition(lambda self: any(thing.conflict for thing in self.things))
    @rule(side=st.sampled_from([Take.HERE, Take.THERE]), fate=fates)
    def resolve_for_a_side(self: Any, side: Take, fate: Fate) -> None:
        """Decide all conflicts for one side, as a person would."""
        self._step()
        self._refresh()
        self._choose(dict.fromkeys(FIELDS, side), fate)

    @precondition(lambda self: any(thing.conflict for thing in self.things))
    @rule(
        takes=st.fixed_dictionaries(dict.fromkeys(sorted(FIELDS), st.sampled_from(list(Take)))),
        fate=fates,
    )
    def resolve_per_field(self: Any, takes: dict[str, Take], fate: Fate) -> None:
        """Choose for each field: the value here, there, the last common one, or another one that is typed."""
        self._step()
        self._refresh()
        self._choose(takes, fate)

    @precondition(lambda self: any(thing.coupled and thing.here and thing.there for thing in self.things))
    @rule(which=st.integers(0, MOST), name=st.sampled_from(sorted(FIELDS)), fate=fates)
    def resolve_by_newest(self: Any, which: int, name: str, fate: Fate) -> None:
        """Two people change the same field, the one in Dataverse long after; the newer one wins."""
        self._step()
        able = [thing for thing in self.things if thing.coupled and thing.here and thing.there and thing.base]
        if not able:
            return
        thing = able[which % len(able)]
        thing.here[name], thing.there[name] = self._value(), self._value()
        record = Customer.objects.get(company=self.world.company, name=thing.name)
        setattr(record, name, thing.here[name])
        record.save()
        self.remote.control("PUT", "clock", {"offset_s": LATER_S})
        try:
            self.client.update("accounts", self._row_of(thing), {FIELDS[name]: thing.there[name]})
        finally:
            self.remote.control("PUT", "clock", {"offset_s": 0})
        self._refresh()
        plan = resolving.plan_rule(conflicts_of(self.world.company), Rule.NEWEST)
        if not plan.chosen:
            return  # when a field changed there is known where it is the only one that did
        by_coupling = self._things_by_coupling()
        standing = {one.coupling_id: len(one.fields) for one in read_standing(conflicts_of(self.world.company))}
        for coupling_id, chosen in plan.chosen.items():
            takes = {field.partition(":")[0]: choice.take for field, choice in chosen.items()}
            assert by_coupling[coupling_id] is not thing or takes.get(name, Take.THERE) is Take.THERE, takes
        # Of which all fields are known: the others go on waiting.
        told = {pk: chosen for pk, chosen in plan.chosen.items() if len(chosen) == standing[pk]}
        if told:
            self._carry_out(told, fate)

    def _refresh(self: Any) -> None:
        """Run, so that what waits is as both sides are now."""
        self._run(self._start_whole, Fate())
        for thing in self.things:
            if thing.coupled:
                thing.synchronize(self.deletion)
        self._compare()

    def _choose(self: Any, takes: dict[str, Take], fate: Fate) -> None:
        chosen: dict[int, dict[str, Choice]] = {}
        for pair in read_standing(conflicts_of(self.world.company)):
            for one in pair.fields:
                take = takes[one.local]
                if take is Take.COMMON and not one.has_base:
                    take = Take.HERE
                text = self._value() if take is Take.VALUE else ""
                chosen.setdefault(pair.coupling_id, {})[one.name] = one.choice(take, text)
        if chosen:
            self._carry_out(chosen, fate)

    def _carry_out(self: Any, chosen: dict[int, dict[str, Choice]], fate: Fate) -> None:
        """Have the job carry choices out; the model does the same."""
        by_coupling = self._things_by_coupling()
        self._run(lambda: resolving.resolve(company=self.world.company, chosen=chosen)[0], fate)
        for coupling_id, fields in chosen.items():
            thing = by_coupling[coupling_id]
            values = {name.partition(":")[0]: self._chosen_value(thing, name, one) for name, one in fields.items()}
            thing.take(values)
        self.done.chosen += sum(map(len, chosen.values()))
        self._compare()

    @staticmethod
    def _chosen_value(thing: Any, name: str, choice: Choice) -> str:
        local = name.partition(":")[0]
        if choice.take is Take.VALUE:
            return choice.text
        source = {Take.HERE: thing.here, Take.THERE: thing.there, Take.COMMON: thing.base}[choice.take]
        return cast("Values", source)[local]

    def _things_by_coupling(self: Any) -> dict[int, Any]:
        names = dict(Customer.objects.filter(company=self.world.company).values_list("system_id", "name"))
        things = {thing.name: thing for thing in self.things}
        pairs = Coupling.objects.filter(company=self.world.company).values_list("pk", "local_id")
        return {pk: things[names[local_id]] for pk, local_id in pairs if local_id in names}
