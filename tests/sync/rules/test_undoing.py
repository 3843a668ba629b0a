"""What becomes of couplings and of values when a job is undone: cases, and random lives of pairs."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.models import Reason
from sync.rules.undoing import Back, Standing, Stays, WayBack, Write, own_value, stays, way_back


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
    ("writes", "current", "expected"),
    [
        ([Write(A, B)], B, WayBack(Back.GOES, A)),
        ([Write(None, B)], B, WayBack(Back.GOES, None)),
        ([Write(A, None)], None, WayBack(Back.GOES, A)),
        ([Write(A, None)], "", WayBack(Back.GOES, A)),
        ([Write(A, B)], C, WayBack(Back.CHANGED_SINCE, C)),
        ([Write(A, B)], A, WayBack(Back.THERE_ALREADY, A)),
        ([Write(A, B), Write(B, C)], C, WayBack(Back.GOES, A)),
        ([Write(A, B), Write(B, C)], B, WayBack(Back.CHANGED_SINCE, B)),
        ([Write(A, B), Write(C, D)], D, WayBack(Back.GOES, C)),
        ([Write(A, B), Write(C, D), Write(D, A)], A, WayBack(Back.GOES, C)),
        ([Write(A, B), Write(B, A)], A, WayBack(Back.THERE_ALREADY, A)),
        ([Write("\x1f1\x1fOne", "\x1f2\x1fTwo")], "\x1f2\x1fCalled otherwise", WayBack(Back.GOES, "\x1f1\x1fOne")),
    ],
)
def test_a_value_goes_back_to_what_people_last_made_of_it(writes, current, expected):
    assert way_back(writes, current) == expected


STEPS = st.lists(
    st.tuples(st.sampled_from(["edit", "run", "put back"]), st.integers(0, 1), st.integers(0, 2)), max_size=30
)


@given(STEPS)
def test_undo_after_synchronization_returns_both_sides_to_what_they_held(steps):
    """Two sides of three fields; people enter values, runs copy them across, history keeps what runs replaced."""
    values, fresh = [[f"here {n}" for n in range(3)], [f"there {n}" for n in range(3)]], count()
    own = [list(values[0]), list(values[1])]  # what people last made of each
    history: dict[tuple[int, int], list[Write]] = {}
    for what, side, field in steps:
        if what == "edit":
            values[side][field] = own[side][field] = f"value {next(fresh)}"
            continue
        lines = history.setdefault((side, field), [])
        new = values[1 - side][field] if what == "run" else own_value(lines) if lines else values[side][field]
        if new != values[side][field]:
            lines.append(Write(values[side][field], new))
            values[side][field] = new
    for (side, field), lines in history.items():
        if lines:
            found = way_back(lines, values[side][field])
            if found.what is Back.GOES:
                values[side][field] = found.value
    assert values == own


@given(STEPS.map(lambda steps: [step for step in steps if step[0] != "edit"]))
def test_where_nobody_edits_both_sides_hold_what_they_held_before_the_job(steps):
    values = [["here"] * 3, ["there"] * 3]
    before = [list(values[0]), list(values[1])]
    history: dict[tuple[int, int], list[Write]] = {}
    for _, side, field in steps:
        if (new := values[1 - side][field]) != values[side][field]:
            history.setdefault((side, field), []).append(Write(values[side][field], new))
            values[side][field] = new
    for (side, field), lines in history.items():
        values[side][field] = way_back(lines, values[side][field]).value
    assert values == before
