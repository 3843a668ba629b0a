"""Rules and kept blanks in runs: whatever they make of values, the run after a run writes nothing."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import ConflictOption, Direction
from dataverse.types import ColumnInfo
from sync.rules.bases import local_base, remote_base
from sync.rules.canonical import FieldSpec, canonical_local, canonical_remote, local_reader, remote_reader
from sync.rules.plan import (
    CannotTransfer,
    Conflict,
    Unchanged,
    Write,
    base_of_new,
    decide,
    decide_new,
)
from sync.rules.transfer import field_rule, pack, to_local, to_new_row, to_remote, unpack
from sync.rules.transformations import chain
from sync.rules.values import LocalColumn, Problem, Side

RULES = ["trim", "upper", "lower", "title", "prefix=A", "suffix=b", "substring=1,2", "after=A", "replace=A,b",
         "regex=[bB],Aa", "table=T", "date=dd.MM.yyyy", "number=0.0,de"]  # fmt: skip
VALUES = st.one_of(st.text("Aab1. ", max_size=4), st.sampled_from(["", "2026-12-03", "03.12.2026", "1,5", "Ada"]))


@dataclass
class Sides:
    """A pair of one text field, as both databases hold it, with its base."""

    spec: FieldSpec
    local: str = ""
    remote: str | None = None
    base: dict = field(default_factory=dict)

    def run(self, conflict=ConflictOption.ASK, allowed=Direction.BIDIRECTIONAL):
        """Compare and write, as a run does. Returns the decision."""
        name, rule = self.spec.name, field_rule(self.spec)
        alike = canonical_local(self.spec, self.local) == canonical_remote(self.spec, self.remote)
        found = decide(
            [rule], self.base, {name: local_reader(self.spec)(self.local)},
            {name: remote_reader(self.spec)(self.remote)}, conflict=conflict, allowed=allowed,
            alike={name} if alike and rule.reread else (),
        )  # fmt: skip
        if isinstance(found, Write):
            if name in found.to_remote:
                self.remote = to_remote(self.spec, found.to_remote[name])["col"]
            if name in found.to_local:
                self.local = to_local(self.spec, found.to_local[name])
        if isinstance(found, Write | Unchanged):
            self.base = unpack(pack(found.base))
        return found


def two_way(words=(), rewrites=Side.LOCAL, direction=Direction.BIDIRECTIONAL, *, keep_blank=False):
    rewrite = chain(words, "text", {"T": {"A": "Ab", "*": "x"}}) if words else None
    return FieldSpec(
        "name:col", ColumnInfo("col", "String", max_length=500), LocalColumn("name", "Name", "text", 500), direction,
        rewrite=rewrite, rewrites=rewrites, keep_blank=keep_blank,
    )  # fmt: skip


@st.composite
def specs(draw):
    direction = draw(st.sampled_from(list(Direction)))
    rewrites = draw(st.sampled_from(list(Side)))
    if direction != Direction.BIDIRECTIONAL:
        rewrites = Side.LOCAL if direction == Direction.TO else Side.INTEGRATION
    words = draw(st.lists(st.sampled_from(RULES), max_size=3))
    return two_way(words, rewrites, direction, keep_blank=draw(st.booleans()))


@given(specs(), VALUES, VALUES, st.lists(st.tuples(st.sampled_from(list(Side)), VALUES), max_size=4),
       st.sampled_from(list(ConflictOption)), st.sampled_from(list(Direction)))  # fmt: skip
def test_after_one_run_the_next_writes_nothing(spec, local, remote, edits, conflict, allowed):
    pair = Sides(spec, local, remote)
    for side, value in [(Side.LOCAL, local), *edits]:
        if side == Side.LOCAL:
            pair.local = value
        else:
            pair.remote = value
        first = pair.run(conflict, allowed)
        held = (pair.local, pair.remote, pair.base)
        second = pair.run(conflict, allowed)
        assert (pair.local, pair.remote, pair.base) == held
        assert type(second) is (Unchanged if isinstance(first, Write) else type(first))
        if isinstance(second, Unchanged) and not second.deferred and spec.direction == Direction.BIDIRECTIONAL:
            _both_agree_with_the_base(pair)


def _both_agree_with_the_base(pair):
    name = pair.spec.name
    for found, base in (
        (local_reader(pair.spec)(pair.local), local_base(pair.base)),
        (remote_reader(pair.spec)(pair.remote), remote_base(pair.base)),
    ):
        assert isinstance(found, Problem) or found == base[name]


@given(specs(), VALUES, st.sampled_from(list(Side)))
def test_the_run_after_a_creation_writes_nothing(spec, value, side):
    if spec.direction == (Direction.FROM if side == Side.INTEGRATION else Direction.TO):
        return
    rule = field_rule(spec)
    read = local_reader(spec)(value) if side == Side.INTEGRATION else remote_reader(spec)(value)
    found = decide_new([rule], {spec.name: read}, side=side)
    if isinstance(found, CannotTransfer):
        return
    base = base_of_new([rule] if rule.reread else [], found.values, side)
    pair = Sides(spec, base=base)
    if side == Side.INTEGRATION:
        pair.local, pair.remote = value, to_new_row(spec, found.values[spec.name]).get("col")
    else:
        pair.local, pair.remote = to_local(spec, found.values[spec.name]), value
    assert isinstance(pair.run(), Unchanged)


def test_rules_to_dataverse_rewrite_what_goes_there_alone():
    pair = Sides(two_way(["upper"]), "Ada", "Ada")
    assert pair.run().to_remote == {"name:col": "ADA"}  # equal but for the rule: no conflict
    pair.remote = "Eve"
    assert isinstance(pair.run(), Write)
    assert (pair.local, pair.remote) == ("Eve", "Eve")
    assert isinstance(pair.run(), Unchanged)
    pair.local = "Ann"
    pair.run()
    assert (pair.local, pair.remote) == ("Ann", "ANN")


def test_a_rule_that_is_new_is_applied_to_what_is_there_once():
    pair = Sides(two_way(), "Ada", "Ada")
    pair.run()
    pair.spec = two_way(["prefix=x"])
    assert pair.run().to_remote == {"name:col": "xAda"}
    assert isinstance(pair.run(), Unchanged)
    pair.spec = two_way()
    assert pair.run().to_remote == {"name:col": "Ada"}
    pair.spec = two_way(["upper"], Side.INTEGRATION)
    assert pair.run().to_local == {"name:col": "ADA"}
    assert (pair.local, pair.remote) == ("ADA", "Ada")
    assert isinstance(pair.run(), Unchanged)


def test_the_same_field_edited_on_both_sides_is_a_conflict_with_rules_too():
    pair = Sides(two_way(["upper"]), "Ada", "ADA")
    pair.run()
    pair.local, pair.remote = "Eve", "Ann"
    found = pair.run()
    assert isinstance(found, Conflict)
    assert (found.fields[0].local, found.fields[0].remote, found.fields[0].base) == ("EVE", "Ann", "ADA")


def test_a_rule_that_fails_for_a_value_fails_that_pair_with_a_sentence():
    pair = Sides(two_way(["date=dd.MM.yyyy"], direction=Direction.TO), "soon", None)
    found = pair.run()
    assert isinstance(found, CannotTransfer)
    (_, side, problem) = found.problems[0]
    assert side == Side.INTEGRATION
    assert problem.user_message == (
        "Name holds “soon”, and the rule “date=dd.MM.yyyy” cannot read “soon” as a date. Correct the value, or change "
        "the rules on Integration Field Mapping List."
    )


def test_a_kept_blank_overwrites_nothing_and_is_overwritten_by_nothing_until_a_side_changes():
    for side in Side:
        pair = Sides(two_way(keep_blank=True), "Ada", "Ada")
        pair.run()
        if side == Side.LOCAL:
            pair.local = ""
        else:
            pair.remote = None
        before = (pair.local, pair.remote)
        for _ in range(3):
            assert isinstance(pair.run(), Unchanged)
            assert (pair.local, pair.remote) == before
        if side == Side.LOCAL:
            pair.remote = "Eve"
        else:
            pair.local = "Eve"
        pair.run()
        assert (pair.local, pair.remote) == ("Eve", "Eve")


def test_where_both_sides_changed_a_value_wins_over_a_kept_blank():
    pair = Sides(two_way(keep_blank=True), "Ada", "Ada")
    pair.run()
    pair.local, pair.remote = "", "Eve"
    assert pair.run(ConflictOption.SEND).to_local == {"name:col": "Eve"}
    fresh = Sides(two_way(keep_blank=True), "", "Eve")
    assert fresh.run().to_local == {"name:col": "Eve"}


def test_a_sent_blank_blanks_the_other_side():
    pair = Sides(two_way(), "Ada", "Ada")
    pair.run()
    pair.local = ""
    pair.run()
    assert pair.remote is None
