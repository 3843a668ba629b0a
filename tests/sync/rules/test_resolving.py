"""What a person chose for single fields, as pure decisions: tables of cases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import ConflictOption, Direction
from dataverse.types import ColumnInfo
from sync.rules.canonical import FieldSpec
from sync.rules.plan import NO_VALUE, Conflict, FieldRule, Put, Unchanged, Write, decide
from sync.rules.resolving import (
    UNKNOWN,
    Choice,
    Refused,
    Rule,
    Take,
    changed_there,
    newer,
    pick,
    refuse_if_other,
    take_by_rule,
    typed,
)
from sync.rules.values import LocalColumn, Problem, Side

ASK, SEND, GET = ConflictOption.ASK, ConflictOption.SEND, ConflictOption.GET
NEWEST, PERSON = ConflictOption.NEWEST, ConflictOption.PERSON
HERE, THERE = Side.LOCAL, Side.INTEGRATION
CITY = FieldSpec("city:address1_city", ColumnInfo("address1_city", "String"), LocalColumn("city", "City", "text", 30))
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field_option", "mapping_option", "newest", "expected"),
    [
        (ASK, NEWEST, HERE, "here"),
        (ASK, NEWEST, THERE, "there"),
        (ASK, NEWEST, None, "asks"),
        (NEWEST, SEND, THERE, "there"),
        (NEWEST, ASK, HERE, "here"),
        (PERSON, SEND, HERE, "asks"),
        (PERSON, GET, THERE, "asks"),
        (PERSON, NEWEST, HERE, "asks"),
        (SEND, NEWEST, THERE, "here"),
        (GET, NEWEST, HERE, "there"),
        (ASK, ASK, HERE, "asks"),
    ],
)
def test_a_fields_policy_goes_before_the_mappings_and_newer_wins_by_time(
    field_option: ConflictOption, mapping_option: ConflictOption, newest: Side | None, expected: str
) -> None:
    by_field = {} if newest is None else {"f": newest}
    decision = decide(
        [FieldRule("f", conflict=field_option)], {"f": "a"}, {"f": "b"}, {"f": "c"},
        conflict=mapping_option, newer=by_field,
    )  # fmt: skip
    match decision:
        case Write(to_remote={"f": "b"}, base={"f": "b"}):
            found = "here"
        case Write(to_local={"f": "c"}, base={"f": "c"}):
            found = "there"
        case Conflict(fields=(only,)):
            found = "asks"
            assert only.by_time == ((field_option or mapping_option) == NEWEST)
        case _:
            raise AssertionError(decision)
    assert found == expected


@pytest.mark.parametrize("option", [SEND, GET, NEWEST, PERSON, ASK])
@pytest.mark.parametrize(("local", "remote", "sent"), [("b", "a", {"f": "b"}), ("a", "b", {})])
def test_no_policy_touches_a_field_that_one_side_changed(
    option: ConflictOption, local: str, remote: str, sent: dict[str, str]
) -> None:
    decision = decide([FieldRule("f", conflict=option)], {"f": "a"}, {"f": local}, {"f": remote}, newer={"f": HERE})
    assert isinstance(decision, Write) and decision.to_remote == sent and decision.base == {"f": "b"}


def test_picked_fields_are_written_and_the_others_go_on_waiting_with_their_base() -> None:
    rules = [FieldRule("city"), FieldRule("phone"), FieldRule("name")]
    base, here = {"city": "a", "phone": "1", "name": "n"}, {"city": "b", "phone": "2", "name": "m"}
    there = {"city": "c", "phone": "3", "name": "n"}
    decision = decide(rules, base, here, there, picked={"city": GET})
    assert isinstance(decision, Write)
    assert (decision.to_local, decision.to_remote) == ({"city": "c"}, {"name": "m"})
    assert [one.name for one in decision.waiting] == ["phone"]
    assert decision.base == {"city": "c", "phone": "1", "name": "m"}
    again = decide(rules, decision.base, {**here, "city": "c"}, {**there, "name": "m"})
    assert isinstance(again, Conflict) and [one.name for one in again.fields] == ["phone"]


@pytest.mark.parametrize("keep_blank", [False, True])
@given(
    base=st.one_of(st.none(), st.text(max_size=2)),
    local=st.one_of(st.none(), st.sampled_from("abc")),
    remote=st.one_of(st.none(), st.sampled_from("abc")),
    chosen=st.one_of(st.just(SEND), st.just(GET), st.builds(Put, st.one_of(st.none(), st.sampled_from("abcx")))),
)
def test_both_sides_hold_the_result_after_a_pick_and_the_next_run_writes_nothing(
    keep_blank: bool, base: str | None, local: str | None, remote: str | None, chosen: ConflictOption | Put
) -> None:
    rules = [FieldRule("f", Direction.BIDIRECTIONAL, keep_blank=keep_blank)]
    decision = decide(rules, {"f": base}, {"f": local}, {"f": remote}, picked={"f": chosen})
    assert isinstance(decision, Write | Unchanged)
    here, there = local, remote
    if isinstance(decision, Write):
        here, there = decision.to_local.get("f", local), decision.to_remote.get("f", remote)
    result = chosen.value if isinstance(chosen, Put) else local if chosen is SEND else remote
    if local != remote:
        assert (here, there) == (result, result)
    assert decide(rules, decision.base, {"f": here}, {"f": there}) == Unchanged(decision.base)


@pytest.mark.parametrize(
    ("take", "text", "local", "remote", "expected"),
    [
        (Take.HERE, "", "Köln", "Ulm", SEND),
        (Take.THERE, "", "Köln", "Ulm", GET),
        (Take.COMMON, "", "Köln", "Ulm", Put("Bonn")),
        (Take.VALUE, " Trier ", "Köln", "Ulm", Put("Trier")),
        (Take.VALUE, "", "Köln", "Ulm", Put(None)),
        # What was written before the job was interrupted is no change of anybody.
        (Take.VALUE, "Trier", "Köln", "Trier", Put("Trier")),
        (Take.COMMON, "", "Bonn", "Ulm", Put("Bonn")),
        (Take.HERE, "", "Mainz", "Ulm", "City here was “Köln” when it was chosen and is “Mainz” now"),
        (Take.HERE, "", "Köln", None, "City in Dataverse was “Ulm” when it was chosen and is blank now"),
        (Take.THERE, "", "Köln", "Hof", "City in Dataverse was “Ulm” when it was chosen and is “Hof” now"),
        (Take.VALUE, "Trier", "Mainz", "Ulm", "City here was “Köln”"),
        (Take.VALUE, "x" * 31, "Köln", "Ulm", "City takes at most 30 characters; these are 31."),
    ],
)
def test_a_choice_is_carried_out_on_what_the_person_saw_alone(
    take: Take, text: str, local: str, remote: str | None, expected: object
) -> None:
    found = pick(Choice(take, "Köln", "Ulm", text), CITY, {CITY.name: "Bonn"}, local, remote)
    if isinstance(found, Refused):
        assert isinstance(expected, str) and found.sentence.startswith(expected)
    else:
        assert found == expected


def test_a_field_that_was_never_alike_has_no_last_common_value() -> None:
    found = pick(Choice(Take.COMMON, "a", "b"), CITY, {}, "a", "b")
    assert isinstance(found, Refused) and "never alike" in found.sentence


def test_a_last_common_value_that_could_not_be_transferred_is_none() -> None:
    found = pick(Choice(Take.COMMON, "a", "b"), CITY, {CITY.name: NO_VALUE}, "a", "b")
    assert isinstance(found, Refused) and "no last common value" in found.sentence


@pytest.mark.parametrize(
    ("take", "text", "now", "refused"),
    [
        (Take.HERE, "", "Köln", False),
        (Take.THERE, "", "Ulm", False),
        (Take.COMMON, "", "Bonn", False),
        (Take.VALUE, "Trier", "Trier", False),
        (Take.VALUE, "", None, False),
        (Take.HERE, "", "Ulm", True),
        (Take.VALUE, "Trier", "Hof", True),
        (Take.VALUE, "Trier", None, True),
    ],
)
def test_a_choice_for_sides_that_became_alike_is_done_only_where_they_hold_what_was_chosen(
    take: Take, text: str, now: str | None, refused: bool
) -> None:
    found = refuse_if_other(Choice(take, "Köln", "Ulm", text), CITY, {CITY.name: "Bonn"}, now)
    assert (found is not None) == refused
    assert found is None or ("City became" in found.sentence and "Change the record" in found.sentence)


@pytest.mark.parametrize(
    ("direction", "allowed"),
    [
        (Direction.TO, Direction.BIDIRECTIONAL),
        (Direction.FROM, Direction.BIDIRECTIONAL),
        (Direction.BIDIRECTIONAL, Direction.TO),
        (Direction.BIDIRECTIONAL, Direction.FROM),
    ],
)
def test_a_choice_for_what_does_not_go_both_ways_is_refused(direction: Direction, allowed: Direction) -> None:
    spec = replace(CITY, direction=direction)
    found = pick(Choice(Take.VALUE, "a", "b", "c"), spec, {CITY.name: "x"}, "a", "b", allowed)
    assert isinstance(found, Refused) and "not synchronized both ways" in found.sentence


@pytest.mark.parametrize(
    ("take", "base", "here", "there", "refused"),
    [
        (Take.VALUE, "x", "a", "b", True),
        (Take.COMMON, None, "a", "b", True),
        (Take.HERE, "x", None, "b", True),
        (Take.THERE, "x", "a", None, False),
        (Take.VALUE, "x", "a", None, False),
    ],
)
def test_a_blank_is_not_chosen_for_a_column_that_takes_none(
    take: Take, base: str | None, here: str | None, there: str | None, refused: bool
) -> None:
    found = pick(Choice(take, here, there), replace(CITY, not_null=True), {CITY.name: base}, here, there)
    assert isinstance(found, Refused) == refused
    assert not isinstance(found, Refused) or "cannot be made blank in Dataverse" in found.sentence


def test_a_value_that_could_not_be_transferred_counts_as_seen_while_it_cannot() -> None:
    gone = Problem("reference_not_coupled", "It is not coupled.")
    assert pick(Choice(Take.THERE, UNKNOWN, "Ulm"), CITY, {}, gone, "Ulm") == GET
    assert Choice.load(Choice(Take.VALUE, None, 3, "x").dump()) == Choice(Take.VALUE, None, 3, "x")


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("text", " Trier ", "Trier"),
        ("integer", "12", 12),
        ("integer", "x", "needs a whole number"),
        ("number", "x", "needs a number"),
        ("boolean", "yes", True),
        ("boolean", "no", False),
        ("boolean", "maybe", "needs Yes or No"),
        ("date", "31.1.2026", "needs a date"),
    ],
)
def test_what_is_typed_is_read_as_the_field_holds_it(kind: str, text: str, expected: object) -> None:
    field = LocalColumn("f", "Field", kind)
    if isinstance(expected, str) and expected.startswith("needs"):
        with pytest.raises(ValueError, match=expected.replace("(", r"\(")):
            typed(field, text)
    else:
        assert typed(field, text) == expected


def test_choices_are_typed_by_value_or_label_and_required_fields_need_one() -> None:
    field = LocalColumn("f", "Blocked", "text", choices=(("all", "All"), ("ship", "Ship")))
    assert (typed(field, "Ship"), typed(field, "all")) == ("ship", "all")
    with pytest.raises(ValueError, match="has no choice"):
        typed(field, "none")
    with pytest.raises(ValueError, match="needs a value"):
        typed(LocalColumn("n", "Name", "text", required=True), "  ")


@pytest.mark.parametrize(
    ("rule", "newest", "has_base", "expected"),
    [
        (Rule.NEWEST, HERE, True, Take.HERE),
        (Rule.NEWEST, THERE, False, Take.THERE),
        (Rule.NEWEST, None, True, None),
        (Rule.HERE, None, False, Take.HERE),
        (Rule.THERE, HERE, True, Take.THERE),
        (Rule.COMMON, None, True, Take.COMMON),
        (Rule.COMMON, None, False, None),
    ],
)
def test_a_rule_takes_a_side_for_every_field_it_can_tell_one_for(
    rule: Rule, newest: Side | None, has_base: bool, expected: Take | None
) -> None:
    assert take_by_rule(rule, newest, has_base=has_base) == expected


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        (EARLY, LATE, THERE),
        (LATE, EARLY, HERE),
        (LATE, LATE, None),
        (None, LATE, None),
        (EARLY, None, None),
        (EARLY, EARLY + timedelta(milliseconds=999), None),
        (EARLY, EARLY + timedelta(seconds=1), THERE),
    ],
)
def test_the_newer_side_is_the_one_changed_later(
    here: datetime | None, there: datetime | None, expected: Side | None
) -> None:
    assert newer(here, there) == expected


@pytest.mark.parametrize(
    ("base", "local", "remote", "expected"),
    [
        ({"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"a": "3", "b": "1"}, {"a"}),
        ({"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"a": "3", "b": "4"}, {"a", "b"}),
        # What was changed here alone says nothing of the row.
        ({"a": "1", "b": "1"}, {"a": "2", "b": "5"}, {"a": "3", "b": "1"}, {"a"}),
        # Both sides got the same value: the row was changed all the same.
        ({"a": "1", "b": "1"}, {"a": "2", "b": "4"}, {"a": "3", "b": "4"}, {"a", "b"}),
        # Without a last common value, what differs may have been changed.
        ({}, {"a": "2", "b": "1"}, {"a": "3", "b": "1"}, {"a"}),
        ({}, {"a": "2", "b": "1"}, {"a": "3", "b": "4"}, {"a", "b"}),
        ({"a": None}, {"a": "2"}, {"a": None}, set()),
    ],
)
def test_what_the_row_holds_anew_is_told_from_what_it_held(
    base: dict[str, str | None], local: dict[str, str], remote: dict[str, str | None], expected: set[str]
) -> None:
    assert changed_there(base, local, remote) == expected
