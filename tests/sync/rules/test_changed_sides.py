"""Which side of a pair changed, and what a write would overwrite: every case of one field as a table."""

import pytest

from core.vocabulary import ConflictOption, Direction
from sync.rules.bases import LOCAL
from sync.rules.changed_sides import Changed, PairChanges, default_way, pair_changes
from sync.rules.plan import FieldRule

BOTH, TO, FROM = Direction.BIDIRECTIONAL, Direction.TO, Direction.FROM
NEITHER, HERE, THERE, ON_BOTH = Changed.NEITHER, Changed.HERE, Changed.THERE, Changed.BOTH


@pytest.mark.parametrize(
    ("direction", "overwrites", "base", "local", "remote", "changed", "lost_there", "lost_here"),
    [
        (BOTH, True, "a", "a", "a", NEITHER, False, False),
        (BOTH, True, "a", "b", "b", NEITHER, False, False),
        (BOTH, True, "a", "b", "a", HERE, False, True),
        (BOTH, True, "a", "a", "b", THERE, True, False),
        (BOTH, True, "a", "b", "c", ON_BOTH, True, True),
        # Without a base nobody knows which is newer: what is replaced is lost, unless it is blank.
        (BOTH, True, None, "b", "c", ON_BOTH, True, True),
        (BOTH, True, None, "b", None, ON_BOTH, False, True),
        (BOTH, True, None, "0", "12.5", ON_BOTH, True, False),
        (BOTH, True, None, "b", "b", NEITHER, False, False),
        (TO, True, None, "b", "c", HERE, True, False),
        (FROM, True, None, "b", "c", THERE, False, True),
        (TO, False, None, "b", "c", HERE, False, False),
        # One way, only what the master changed is written.
        (TO, False, "a", "b", "a", HERE, False, False),
        (TO, False, "a", "a", "b", NEITHER, False, False),
        (TO, False, "a", "b", "c", HERE, True, False),
        (FROM, False, "a", "a", "b", THERE, False, False),
        (FROM, False, "a", "b", "a", NEITHER, False, False),
        (FROM, False, "a", "b", "c", THERE, False, True),
    ],
)
def test_what_changed_and_what_would_be_lost(
    direction: Direction, overwrites: bool, base: str | None, local: str, remote: str | None, changed: Changed,
    lost_there: bool, lost_here: bool,
) -> None:  # fmt: skip
    known = {} if base is None else {"f": base}
    found = pair_changes([FieldRule("f", direction)], known, {"f": local}, {"f": remote}, overwrites=overwrites)
    assert (found.changed, bool(found.lost_there), bool(found.lost_here)) == (changed, lost_there, lost_here)


ASK, SEND, GET, NEWEST, PERSON = (
    ConflictOption.ASK, ConflictOption.SEND, ConflictOption.GET, ConflictOption.NEWEST, ConflictOption.PERSON,
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "conflict", "local", "remote", "lost"),
    [
        (FieldRule("f"), ASK, "b", "c", False),
        (FieldRule("f"), SEND, "b", "c", True),
        (FieldRule("f"), GET, "b", "c", True),
        (FieldRule("f"), NEWEST, "b", "c", True),
        (FieldRule("f"), GET, "b", "a", False),
        (FieldRule("f"), GET, "b", "b", False),
        (FieldRule("f", conflict=GET), ASK, "b", "c", True),
        (FieldRule("f", conflict=PERSON), GET, "b", "c", False),
        (FieldRule("f", keep_blank=True), GET, "b", None, False),
        (FieldRule("f", TO), ASK, "b", "c", True),
        (FieldRule("f", TO, identifies=True), ASK, "b", "c", False),
        (FieldRule("f", TO, identifies=True), SEND, "b", "c", True),
    ],
)
def test_merging_loses_what_both_changed_and_no_person_is_asked_about(
    rule: FieldRule, conflict: ConflictOption, local: str, remote: str | None, lost: bool
) -> None:
    found = pair_changes([rule], {"f": "a"}, {"f": local}, {"f": remote}, overwrites=True, conflict=conflict)
    assert bool(found.lost_merged) == lost


def test_a_pair_that_waits_for_a_person_about_one_field_loses_nothing_by_merging() -> None:
    rules = [FieldRule("f", conflict=GET), FieldRule("g")]
    found = pair_changes(
        rules, {"f": "a", "g": "a"}, {"f": "b", "g": "b"}, {"f": "c", "g": "c"}, overwrites=True, conflict=ASK
    )
    assert not found.lost_merged


def test_a_side_that_reads_otherwise_by_its_rules_is_compared_with_its_own_base() -> None:
    base = {"f": "Eve", "f" + LOCAL: "EVE"}
    found = pair_changes([FieldRule("f")], base, {"f": "EVE"}, {"f": "Eve"}, overwrites=True)
    assert found == PairChanges(NEITHER)


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ([], "merge"),
        ([NEITHER], "merge"),
        ([HERE, NEITHER], "to"),
        ([THERE], "from"),
        ([HERE, THERE], "merge"),
        ([ON_BOTH], "merge"),
        ([HERE, ON_BOTH], "merge"),
    ],
)
def test_the_default_goes_the_way_of_the_side_that_alone_changed(changes: list[Changed], way: str) -> None:
    assert default_way(changes) == way
