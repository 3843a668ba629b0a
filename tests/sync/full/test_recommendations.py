"""Recommendations and waves, as tables of cases and laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import Recommendation
from sync.full.recommendations import Facts, Kind, Line, next_step, recommend
from sync.rules.waves import sort_into_waves

FULL, NONE, DEPENDENCY, NO_RECORDS = (
    Recommendation.FULL,
    Recommendation.NONE,
    Recommendation.DEPENDENCY,
    Recommendation.NO_RECORDS,
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts("CUSTOMER", 5, 0), FULL),
        (Facts("CUSTOMER", 0, 5), FULL),
        (Facts("CUSTOMER", 5, 5), NONE),
        (Facts("CUSTOMER", 0, 0), NO_RECORDS),
        (Facts("CUSTOMER", 5, 5, criteria=True), NONE),
        (Facts("CUSTOMER", 5, 5, overridden=True), FULL),
        (Facts("SALESPEOPLE", 0, 0, kind=Kind.SALESPEOPLE), FULL),
        (Facts("SALESPEOPLE", 3, 3, kind=Kind.SALESPEOPLE), FULL),
        (Facts("CURRENCY", 3, 1, kind=Kind.CURRENCY, only_base_currency=True), FULL),
        (Facts("CURRENCY", 3, 2, kind=Kind.CURRENCY), NONE),
        (Facts("CURRENCY", 0, 2, kind=Kind.CURRENCY), NO_RECORDS),
        (Facts("PAYMENT TERMS", 0, 4, kind=Kind.OPTION), NO_RECORDS),
        (Facts("PAYMENT TERMS", 2, 0, kind=Kind.OPTION), NONE),
        (Facts("UNIT OF MEASURE", 4, 1, kind=Kind.UNITS), FULL),
        (Facts("UNIT OF MEASURE", 0, 1, kind=Kind.UNITS), NO_RECORDS),
        (Facts("UNIT OF MEASURE", 4, 2, kind=Kind.UNITS), NONE),
    ],
)
def test_the_recommendation_follows_from_what_is_uncoupled_on_both_sides(facts, expected):
    assert recommend([facts]) == {facts.name: expected}


def test_a_mapping_on_both_sides_waits_for_the_criteria_of_what_it_depends_on():
    customer, contact = Facts("CUSTOMER", 5, 5), Facts("CONTACT", 5, 5, ("CUSTOMER", "VENDOR"))
    assert recommend([customer, contact])["CONTACT"] is DEPENDENCY
    chosen = Facts("CUSTOMER", 5, 5, criteria=True)
    assert recommend([chosen, contact])["CONTACT"] is NONE
    one_side = Facts("CONTACT", 5, 0, ("CUSTOMER",))
    assert recommend([customer, one_side])["CONTACT"] is FULL


def test_what_waits_for_a_dependency_makes_those_that_depend_on_it_wait():
    found = recommend(
        [
            Facts("CUSTOMER", 1, 1),
            Facts("CONTACT", 1, 1, ("CUSTOMER",)),
            Facts("OPPORTUNITY", 1, 1, ("CONTACT",), criteria=True),
        ]
    )
    assert found == {"CUSTOMER": NONE, "CONTACT": DEPENDENCY, "OPPORTUNITY": DEPENDENCY}


def test_the_order_in_which_mappings_are_given_does_not_matter():
    chain = [
        Facts("LAST", 1, 1, ("MIDDLE",), criteria=True),
        Facts("CURRENCY", 1, 1, kind=Kind.CURRENCY, criteria=True),
        Facts("MIDDLE", 1, 1, ("FIRST",), criteria=True),
        Facts("FIRST", 1, 1),
    ]
    expected = {"LAST": DEPENDENCY, "CURRENCY": NONE, "MIDDLE": DEPENDENCY, "FIRST": NONE}
    assert recommend(chain) == recommend(chain[::-1]) == expected


def line(name, *dependencies, status="", recommendation=FULL, removed=False):
    return Line(name, recommendation, dependencies, status, removed)


@pytest.mark.parametrize(
    ("lines", "start", "nothing", "blocked"),
    [
        ([line("A"), line("B", "A")], ("A",), (), set()),
        ([line("A", status="finished"), line("B", "A")], ("B",), (), set()),
        ([line("A", status="in_process"), line("B", "A")], (), (), set()),
        ([line("A", status="postponed"), line("B", "A"), line("C")], ("C",), (), set()),
        ([line("A", status="failed"), line("B", "A"), line("C", "B")], (), (), {"B", "C"}),
        ([line("A", status="cancelled"), line("B", "A")], (), (), {"B"}),
        ([line("A", recommendation=NO_RECORDS), line("B", "A")], ("B",), ("A",), set()),
        ([line("A", "ELSEWHERE")], ("A",), (), set()),
        ([line("A", removed=True), line("B", "A")], ("B",), (), set()),
        ([line("A", recommendation=NONE), line("B", "A", recommendation=DEPENDENCY)], ("A",), (), {"B"}),
        ([line("A", "B"), line("B", "A")], (), (), {"A", "B"}),
        ([line("A", "A")], ("A",), (), set()),
    ],
)
def test_lines_start_in_waves(lines, start, nothing, blocked):
    found = next_step(lines)
    assert found.start == start
    assert found.nothing_to_do == nothing
    assert set(found.blocked) == blocked


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            [line("CONTACT", "CUSTOMER"), line("CUSTOMER", status="failed")],
            {"CONTACT": "CUSTOMER, which this depends on, failed."},
        ),
        (
            [line("OPPORTUNITY", "CONTACT"), line("CONTACT", "CUSTOMER"), line("CUSTOMER", status="cancelled")],
            {
                "CONTACT": "CUSTOMER, which this depends on, was cancelled.",
                "OPPORTUNITY": "CONTACT, which this depends on, could not start.",
            },
        ),
        (
            [line("OPPORTUNITY", "CONTACT"), line("CONTACT", "CUSTOMER", recommendation=DEPENDENCY)],
            {
                "CONTACT": "A mapping that this depends on has no coupling criteria. "
                "Select its criteria, then choose Refresh.",
                "OPPORTUNITY": "CONTACT, which this depends on, could not start.",
            },
        ),
        (
            [line("A", "B", "C", "ELSEWHERE"), line("B", "A"), line("C", "A")],
            {
                "A": "It waits for B, C, which waits for it. Remove one of the lines.",
                "B": "It waits for A, which waits for it. Remove one of the lines.",
                "C": "It waits for A, which waits for it. Remove one of the lines.",
            },
        ),
    ],
)
def test_a_blocked_line_says_what_it_waits_for(lines, says):
    assert next_step(lines).blocked == says


def test_a_line_starts_in_the_same_step_once_what_stands_below_it_has_nothing_to_do():
    found = next_step([line("CONTACT", "CUSTOMER"), line("CUSTOMER", recommendation=NO_RECORDS)])
    assert (found.start, found.nothing_to_do) == (("CONTACT",), ("CUSTOMER",))


def test_waves_put_each_name_after_those_it_depends_on():
    assert sort_into_waves({"CONTACT": ["CUSTOMER"], "CUSTOMER": ["CURRENCY", "GONE"], "CURRENCY": []}) == [
        ["CURRENCY"],
        ["CUSTOMER"],
        ["CONTACT"],
    ]
    assert sort_into_waves({"A": ["B"], "B": ["A"], "C": []}) == [["C"], ["A", "B"]]


names = [f"M{n}" for n in range(6)]


@st.composite
def reviews(draw):
    return [
        Line(
            name,
            draw(st.sampled_from([FULL, NONE, DEPENDENCY, NO_RECORDS])),
            tuple(draw(st.lists(st.sampled_from(names), max_size=3, unique=True))),
        )
        for name in names[: draw(st.integers(1, 6))]
    ]


@given(reviews(), st.randoms(use_true_random=False))
def test_every_review_ends_and_no_line_starts_before_what_it_depends_on(lines, chance):
    state = {one.name: one for one in lines}
    for _ in range(3 * len(lines) + 3):
        found = next_step(list(state.values()))
        for name in found.start:
            for other in state[name].dependencies:
                if other in state and other != name:
                    assert state[other].status == "finished" or other in found.nothing_to_do
        for name in found.nothing_to_do:
            state[name] = Line(name, state[name].recommendation, state[name].dependencies, "finished")
        for name in found.blocked:
            state[name] = Line(name, state[name].recommendation, state[name].dependencies, "blocked")
        for name in found.start:
            state[name] = Line(
                name, state[name].recommendation, state[name].dependencies, chance.choice(["finished", "failed"])
            )
    assert all(one.status for one in state.values())
