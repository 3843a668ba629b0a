"""What becomes of couplings and of values when a job is undone: cases, and random lives of pairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.models import Reason
from sync.rules.changes import Kept
from sync.rules.undoing import Line, Standing, Stays, Write, Writes, follow, own_value, stays


@pytest.mark.parametrize(
    ("standing", "why", "words"),
    [
        (Standing(there=True), None, ""),
        (Standing(there=False), Stays.UNCOUPLED, "the coupling was deleted already"),
        (Standing(there=False, ended="ada deleted the coupling"), Stays.UNCOUPLED, "ada deleted the coupling already"),
        (Standing(there=False, coupled_by="job 7"), Stays.COUPLED_ANEW, "coupled anew since, by job 7"),
        (Standing(there=False, ended="job 5 did", coupled_by="hand"), Stays.COUPLED_ANEW, "by hand"),
        (Standing(there=False, record_exists=False), Stays.UNCOUPLED, "nothing to undo"),
        (Standing(there=True, record_exists=False), Stays.DELETED, "deleted here since"),
        (Standing(there=True, decided="ada solved a conflict"), Stays.DECIDED, "ada solved a conflict, so"),
        (Standing(there=True, decided="ada did", record_exists=False), Stays.DELETED, "deleted here since"),
        (Standing(there=True, pending=True), Stays.CREATING, "not known yet"),
    ],
)
def test_exactly_the_couplings_that_nobody_touched_since_are_ended(standing, why, words):
    found = stays(standing)
    assert (found.why if found else None) is why
    assert words in (found.message if found else "")


def test_each_reason_is_one_of_the_closed_list():
    assert {one.value for one in Stays} <= set(Reason.values)


A, B, C, D = "A", "B", "C", "D"


@pytest.mark.parametrize(
    ("writes", "own"),
    [
        ([Write(A, B)], A),
        ([Write(None, B)], None),
        ([Write(A, None)], A),
        ([Write(A, B), Write(B, C)], A),
        ([Write(A, B), Write(C, D)], C),
        ([Write(A, B), Write(B, C, entered=True)], B),
        ([Write(A, B), Write(C, D), Write(D, A)], C),
        ([Write(A, B), Write(B, A)], A),
        ([Write("\x1f1\x1fOne", "\x1f2\x1fTwo"), Write("\x1f2\x1f2nd", None)], "\x1f1\x1fOne"),
    ],
)
def test_a_value_goes_back_to_what_people_last_made_of_it(writes, own):
    assert own_value(writes) == own


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([Line(True, A, B)], {True: Writes((Write(A, B),))}),
        ([Line(True, A, B), Line(False, C, B)],
         {True: Writes((Write(A, B),), True), False: Writes((Write(C, B, True),))}),
        ([Line(True, A, B), Line(False, C, B, asked=True)],
         {True: Writes((Write(A, B),)), False: Writes((Write(C, B, True),))}),
        ([Line(False, A, B), Line(True, B, C), Line(False, B, D)],
         {True: Writes((Write(B, C, True),), True), False: Writes((Write(A, B), Write(B, D, True)))}),
    ],
)  # fmt: skip
def test_what_went_to_one_side_had_been_entered_on_the_other(lines, expected):
    assert follow(lines) == expected


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "edit", "run", "put back"]), st.booleans(), st.integers(0, 2),
        st.sampled_from([None, A, B, C]),
    ),
    max_size=40,
)  # fmt: skip


@given(STEPS)
def test_undo_after_synchronization_returns_both_sides_to_what_they_held(steps):
    """Two sides of three fields; people enter values, the same ones too, once between two runs; runs copy what changed.

    Where both sides of a field changed, the one that counts is drawn. Nobody enters what the other side holds: two who
    make both sides the same by hand leave nothing in the history.
    """
    here = [f"here {n}" for n in range(3)]
    values = {True: list[Kept](here), False: [f"there {n}" for n in range(3)]}
    own = {side: list(held) for side, held in values.items()}  # what people last made of each
    base: list[Kept] = ["unknown"] * 3
    lines: list[list[Line]] = [[], [], []]
    edited: set[tuple[bool, int]] = set()
    for what, side, field, value in steps:
        if what == "run":
            changed = [one for one in (True, False) if values[one][field] != base[field]]
            if changed and values[True][field] != values[False][field]:
                source = side if len(changed) == 2 else changed[0]
                new = values[source][field]
                lines[field].append(Line(not source, values[not source][field], new))
                values[not source][field] = new
            if changed:
                base[field] = values[True][field]
            edited -= {(True, field), (False, field)}
            continue
        if what == "put back":
            written = follow(lines[field]).get(side)
            value = own_value(written.writes) if written is not None else values[side][field]
        if (side, field) not in edited and value not in (values[side][field], values[not side][field]):
            values[side][field] = own[side][field] = value
            edited.add((side, field))
    for field, told in enumerate(lines):
        for side, written in follow(told).items():
            if not written.entered and values[side][field] == written.writes[-1].after:
                values[side][field] = own_value(written.writes)
    assert values == own
