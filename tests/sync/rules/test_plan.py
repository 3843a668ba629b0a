"""The three-way decision: every case of one field as a table, then laws over many."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import ConflictOption, DeletionOption, Direction
from sync.rules.missing import DeleteCoupling, DeleteSurvivor, DeletionToResolve, Restore, decide_missing
from sync.rules.plan import (
    NO_BASE,
    CannotTransfer,
    Conflict,
    FieldRule,
    Insert,
    Unchanged,
    Write,
    decide,
    decide_new,
    intersect_direction,
)
from sync.rules.values import Problem, Side

BOTH, TO, FROM = Direction.BIDIRECTIONAL, Direction.TO, Direction.FROM
ASK, SEND, GET = ConflictOption.ASK, ConflictOption.SEND, ConflictOption.GET


def outcome(decision, name="f"):
    """Return in a few words what happens to field f."""
    match decision:
        case Unchanged(base=base, deferred=deferred):
            return f"unchanged {base.get(name, '-')}{' deferred' if deferred else ''}"
        case Write(to_remote=there, to_local=here, base=base):
            sent = f"send {there[name]}" if name in there else f"get {here[name]}"
            return f"{sent}, base {base[name]}"
        case Conflict():
            return "conflict"
        case CannotTransfer(problems=problems):
            return f"refused {problems[0][1]} {problems[0][2].reason}"
    raise AssertionError(decision)


# base, local, remote -> bidirectional, to, from; "-" is no base
CASES = [
    ("a", "a", "a", "unchanged a", "unchanged a", "unchanged a"),
    ("a", "b", "a", "send b, base b", "send b, base b", "unchanged a"),
    ("a", "a", "b", "get b, base b", "unchanged a", "get b, base b"),
    ("a", "b", "b", "unchanged b", "unchanged b", "unchanged b"),
    ("a", "b", "c", "conflict", "send b, base b", "get c, base c"),
    ("a", None, "a", "send None, base None", "send None, base None", "unchanged a"),
    ("a", "a", None, "get None, base None", "unchanged a", "get None, base None"),
    (None, "b", None, "send b, base b", "send b, base b", "unchanged None"),
    (None, "b", "c", "conflict", "send b, base b", "get c, base c"),
    ("-", "a", "a", "unchanged a", "unchanged a", "unchanged a"),
    ("-", "a", "b", "conflict", "send a, base a", "get b, base b"),
    ("-", "a", None, "conflict", "send a, base a", "get None, base None"),
    ("-", None, None, "unchanged None", "unchanged None", "unchanged None"),
]


@pytest.mark.parametrize(("base", "local", "remote", "both", "to_only", "from_only"), CASES)
def test_a_field_goes_where_its_direction_and_its_history_say(base, local, remote, both, to_only, from_only):
    history = {} if base == "-" else {"f": base}
    for direction, expected in ((BOTH, both), (TO, to_only), (FROM, from_only)):
        decision = decide([FieldRule("f", direction)], history, {"f": local}, {"f": remote})
        assert outcome(decision) == expected, direction


@pytest.mark.parametrize(
    ("base", "local", "remote", "kept"),
    [
        ("-", "I1", "EXT-1", "unchanged I1"),
        (None, "I1", "EXT-1", "unchanged I1"),
        ("I1", "I2", "EXT-1", "unchanged I2"),
        ("I1", "I1", "EXT-1", "unchanged I1"),
        ("I1", "I2", "I1", "send I2, base I2"),
        ("I1", "I2", None, "send I2, base I2"),
        ("-", "I1", None, "send I1, base I1"),
        ("-", "I1", "I1", "unchanged I1"),
    ],
)
def test_a_number_in_dataverse_is_kept_unless_it_came_from_here(base, local, remote, kept):
    history = {} if base == "-" else {"f": base}
    rule = FieldRule("f", TO, identifies=True)
    assert outcome(decide([rule], history, {"f": local}, {"f": remote})) == kept
    if local != remote and local != base:
        for chosen in ({"chosen": SEND}, {"conflict": SEND}, {"overwrite": SEND}):
            sent = decide([rule], history, {"f": local}, {"f": remote}, **chosen)
            assert outcome(sent) == f"send {local}, base {local}", chosen
    assert not FieldRule("f", BOTH, identifies=True).keeps_numbers


@pytest.mark.parametrize(
    ("field_option", "mapping_option", "chosen", "expected"),
    [
        (ASK, ASK, ASK, "conflict"),
        (ASK, SEND, ASK, "send b, base b"),
        (ASK, GET, ASK, "get c, base c"),
        (GET, SEND, ASK, "get c, base c"),
        (SEND, GET, ASK, "send b, base b"),
        (SEND, SEND, GET, "get c, base c"),
        (ASK, ASK, SEND, "send b, base b"),
    ],
)
def test_a_conflict_goes_by_the_person_then_the_field_then_the_mapping(field_option, mapping_option, chosen, expected):
    rule = FieldRule("f", BOTH, field_option)
    decision = decide([rule], {"f": "a"}, {"f": "b"}, {"f": "c"}, conflict=mapping_option, chosen=chosen)
    assert outcome(decision) == expected


def test_edits_of_different_fields_merge():
    rules = [FieldRule("city"), FieldRule("phone")]
    decision = decide(
        rules, {"city": "Bonn", "phone": "1"}, {"city": "Köln", "phone": "1"}, {"city": "Bonn", "phone": "2"}
    )
    assert decision == Write({"city": "Köln"}, {"phone": "2"}, {"city": "Köln", "phone": "2"})


def test_a_conflict_in_one_field_holds_the_whole_pair():
    rules = [FieldRule("city"), FieldRule("phone")]
    decision = decide(
        rules, {"city": "Bonn", "phone": "1"}, {"city": "Köln", "phone": "1"}, {"city": "Ulm", "phone": "2"}
    )
    assert isinstance(decision, Conflict)
    assert [field.name for field in decision.fields] == ["city"]


def test_a_conflict_says_what_each_side_and_the_base_hold():
    decision = decide([FieldRule("f")], {}, {"f": "b"}, {"f": "c"})
    assert isinstance(decision, Conflict)
    only = decision.fields[0]
    assert (only.local, only.remote, only.base) == ("b", "c", NO_BASE)


@pytest.mark.parametrize(
    ("allowed", "local", "remote", "expected"),
    [
        (TO, "b", "a", "send b, base b"),
        (TO, "a", "b", "unchanged a deferred"),
        (FROM, "b", "a", "unchanged a deferred"),
        (FROM, "a", "b", "get b, base b"),
        (TO, "b", "c", "conflict"),
        (FROM, "b", "c", "conflict"),
        (TO, "b", "b", "unchanged b"),
    ],
)
def test_a_run_in_one_direction_defers_the_other_sides_changes(allowed, local, remote, expected):
    assert outcome(decide([FieldRule("f")], {"f": "a"}, {"f": local}, {"f": remote}, allowed=allowed)) == expected


@pytest.mark.parametrize(("winner", "expected"), [(SEND, {"city": "b", "name": "x"}), (GET, {})])
def test_overwriting_makes_one_side_win_in_every_field(winner, expected):
    rules = [FieldRule("city"), FieldRule("name", TO), FieldRule("mail", FROM)]
    decision = decide(
        rules,
        {"city": "b", "name": "x", "mail": "m"},
        {"city": "b", "name": "x", "mail": "m"},
        {"city": "c", "name": "y", "mail": "n"},
        overwrite=winner,
    )
    assert isinstance(decision, Write)
    assert decision.to_remote == expected
    assert decision.to_local == ({"city": "c", "mail": "n"} if winner == GET else {})


def test_a_value_that_cannot_be_transferred_refuses_the_pair_and_names_the_side():
    problem = Problem("reference_not_coupled", "Couple it.")
    rules = [FieldRule("city"), FieldRule("currency")]
    decision = decide(
        rules, {"city": "a", "currency": "g"}, {"city": "b", "currency": problem}, {"city": "a", "currency": "g"}
    )
    assert decision == CannotTransfer((("currency", Side.INTEGRATION, problem),))
    other_way = decide(rules[1:], {"currency": "g"}, {"currency": "g"}, {"currency": problem})
    assert outcome(other_way, "currency") == "refused local reference_not_coupled"


def test_a_value_that_cannot_be_transferred_is_ignored_where_it_does_not_flow():
    problem = Problem("reference_not_coupled", "Couple it.")
    decision = decide([FieldRule("f", TO)], {"f": "g"}, {"f": "g"}, {"f": problem})
    assert decision == Unchanged({"f": "g"})


def test_a_column_that_must_not_be_empty_keeps_its_value():
    rule = FieldRule("f", TO, not_null=True)
    assert outcome(decide([rule], {"f": "g"}, {"f": None}, {"f": "g"})) == "unchanged None"
    assert outcome(decide([rule], {"f": None}, {"f": None}, {"f": "g"})) == "unchanged None"


def test_a_field_no_longer_mapped_leaves_the_base():
    assert decide([FieldRule("f")], {"f": "a", "old": "x"}, {"f": "a"}, {"f": "a"}) == Unchanged({"f": "a"})


def test_a_new_record_gets_every_field_that_flows_there_blanks_too():
    rules = [FieldRule("name"), FieldRule("mail", FROM), FieldRule("limit", TO), FieldRule("fax")]
    values = {"name": "n", "mail": "m", "limit": "1", "fax": None}
    assert decide_new(rules, values, side=Side.INTEGRATION) == Insert(
        Side.INTEGRATION, {"name": "n", "limit": "1", "fax": None}
    )
    assert decide_new(rules, values, side=Side.LOCAL) == Insert(Side.LOCAL, {"name": "n", "mail": "m", "fax": None})


def test_a_new_record_is_refused_for_a_value_that_cannot_be_transferred():
    problem = Problem("unknown_choice", "No such choice.")
    assert isinstance(decide_new([FieldRule("f")], {"f": problem}, side=Side.LOCAL), CannotTransfer)


@pytest.mark.parametrize(
    ("local_gone", "remote_gone", "option", "allowed", "expected"),
    [
        (True, True, DeletionOption.ASK, BOTH, DeleteCoupling(both_gone=True)),
        (True, True, DeletionOption.RESTORE, BOTH, DeleteCoupling(both_gone=True)),
        (False, True, DeletionOption.ASK, BOTH, DeletionToResolve("integration_deleted")),
        (True, False, DeletionOption.ASK, BOTH, DeletionToResolve("local_deleted")),
        (False, True, DeletionOption.UNCOUPLE, BOTH, DeleteCoupling()),
        (True, False, DeletionOption.UNCOUPLE, TO, DeleteCoupling()),
        (False, True, DeletionOption.RESTORE, BOTH, Restore(Side.INTEGRATION)),
        (True, False, DeletionOption.RESTORE, BOTH, Restore(Side.LOCAL)),
        (False, True, DeletionOption.RESTORE, TO, Restore(Side.INTEGRATION)),
        (True, False, DeletionOption.RESTORE, FROM, Restore(Side.LOCAL)),
        (False, True, DeletionOption.RESTORE, FROM, DeletionToResolve("integration_deleted")),
        (True, False, DeletionOption.RESTORE, TO, DeletionToResolve("local_deleted")),
    ],
)
def test_a_missing_side_goes_by_the_deletion_option(local_gone, remote_gone, option, allowed, expected):
    assert decide_missing(local_gone=local_gone, remote_gone=remote_gone, option=option, allowed=allowed) == expected


@pytest.mark.parametrize("option", DeletionOption)
def test_a_person_who_deletes_the_other_side_too_goes_before_the_option(option):
    def decided(**gone):
        return decide_missing(**gone, option=option, allowed=BOTH, delete_survivor=True)

    assert decided(local_gone=True, remote_gone=False) == DeleteSurvivor(Side.INTEGRATION)
    assert decided(local_gone=False, remote_gone=True) == DeleteSurvivor(Side.LOCAL)
    assert decided(local_gone=True, remote_gone=True) == DeleteCoupling(both_gone=True)


def test_directions_intersect():
    for one, other in product((BOTH, TO, FROM), repeat=2):
        expected = one if other in (BOTH, one) else other if one == BOTH else None
        assert intersect_direction(one, other) == expected


values = st.sampled_from([None, "a", "b", "c"])
directions = st.sampled_from([BOTH, TO, FROM])
options = st.sampled_from([ASK, SEND, GET])


@st.composite
def pairs(draw):
    names = [f"f{n}" for n in range(draw(st.integers(1, 5)))]
    rules = [FieldRule(name, draw(directions), draw(options)) for name in names]
    base = {name: draw(values) for name in names if draw(st.booleans())}
    return rules, base, {name: draw(values) for name in names}, {name: draw(values) for name in names}


def applied(decision, local, remote, base):
    if isinstance(decision, Write):
        return {**local, **decision.to_local}, {**remote, **decision.to_remote}, dict(decision.base)
    return local, remote, dict(decision.base)


@given(pairs(), options, directions, options)
def test_deciding_again_after_applying_finds_nothing(pair, conflict, allowed, overwrite):
    rules, base, local, remote = pair
    first = decide(rules, base, local, remote, conflict=conflict, allowed=allowed, overwrite=overwrite)
    if isinstance(first, Conflict):
        return
    local_values, remote_values, now = applied(first, local, remote, base)
    again = decide(rules, now, local_values, remote_values, conflict=conflict, allowed=allowed, overwrite=overwrite)
    assert isinstance(again, Unchanged)
    assert again.base == now


@given(pairs(), options)
def test_every_write_is_a_value_the_other_side_holds(pair, conflict):
    rules, base, local, remote = pair
    decision = decide(rules, base, local, remote, conflict=conflict)
    if isinstance(decision, Write):
        assert all(local[name] == value for name, value in decision.to_remote.items())
        assert all(remote[name] == value for name, value in decision.to_local.items())
        assert not decision.to_remote.keys() & decision.to_local.keys()


def mirrored(rule):
    turned = {BOTH: BOTH, TO: FROM, FROM: TO}[rule.direction]
    return FieldRule(rule.name, turned, {ASK: ASK, SEND: GET, GET: SEND}[rule.conflict])


@given(pairs(), options)
def test_the_decision_looks_the_same_from_the_other_side(pair, conflict):
    rules, base, local, remote = pair
    here = decide(rules, base, local, remote, conflict=conflict)
    there = decide(
        [mirrored(rule) for rule in rules],
        base,
        remote,
        local,
        conflict={ASK: ASK, SEND: GET, GET: SEND}[conflict],
    )
    assert type(here) is type(there)
    if isinstance(here, Write) and isinstance(there, Write):
        assert here.to_remote == there.to_local
        assert here.to_local == there.to_remote
        assert here.base == there.base


@given(pairs(), options)
def test_no_bidirectional_change_is_lost_without_a_choice(pair, conflict):
    rules, base, local, remote = pair
    decision = decide(rules, base, local, remote)
    if isinstance(decision, Write):
        local_values, remote_values, _ = applied(decision, local, remote, base)
        for rule in rules:
            if rule.direction == BOTH and rule.conflict == ASK and rule.name in base:
                changed = {side[rule.name] for side in (local, remote)} - {base[rule.name]}
                assert changed <= {local_values[rule.name]}
                assert local_values[rule.name] == remote_values[rule.name]
