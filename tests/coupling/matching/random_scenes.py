"""Any input at all: random scenes that the matcher decides as the brute-force evaluator does. Soaked in tests/soak."""

from uuid import UUID

from hypothesis import strategies as st

from core.vocabulary import CompareAs
from coupling.matching.match import Matcher, group_by_priority
from coupling.rows import Criterion
from tests.coupling.matching import brute_force

FIELDS = ("phone", "name", "city")
COLUMNS = ("telephone1", "name", "city")


def local_id(number):
    return UUID(int=number + 1)


def row_id(number):
    return UUID(int=2**64 + number)


def matched(criteria, locals_, rows, coupled=(), **options):
    """Return the decisions for locals_ and rows given as dictionaries of values."""
    matcher = Matcher(group_by_priority(criteria), **options)
    names = {criterion.local for criterion in criteria}
    for start in range(0, len(locals_), 2):  # in parts, as a job reads them
        part = locals_[start : start + 2]
        matcher.add(
            [local_id(start + at).bytes for at in range(len(part))],
            {name: [values.get(name) for values in part] for name in names},
        )
    columns = {criterion.integration for criterion in criteria}
    for start in range(0, len(rows), 3):
        part = rows[start : start + 3]
        matcher.add_remote_page(
            [str(row_id(start + at)) for at in range(len(part))],
            [f"row {start + at}" for at in range(len(part))],
            {column: [values.get(column) for values in part] for column in columns},
        )
    taken = {row_id(number).bytes for number in coupled}
    return matcher.decide(lambda ids: [one for one in ids if one in taken])


texts = st.sampled_from(["", " ", "a", "A", "b", "a b", " a", "ß", "SS", "é", "e\u0301", "1", "1.0", "\x00", "a\x00"])
numbers = st.sampled_from(["33123461", "33123462", "33123461 / 33123462", "33123462, 33123463", "-", "n/a"])
values = st.one_of(st.none(), texts, numbers, st.integers(0, 2), st.booleans())
some_criteria = st.lists(
    st.builds(
        Criterion,
        st.sampled_from(FIELDS),
        st.sampled_from(COLUMNS),
        st.integers(0, 2),
        st.booleans(),
        st.sampled_from(list(CompareAs)),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: (one.local, one.integration),
)
scenes = {
    "criteria": some_criteria,
    "locals_": st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, values)), max_size=8),
    "rows": st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, values)), max_size=8),
    "coupled": st.sets(st.integers(0, 7)),
    "strict": st.booleans(),
}


def agree(criteria, locals_, rows, coupled, strict):
    """Assert that both decide the same of every record: result, row, and each priority's trail."""
    decisions = matched(criteria, locals_, rows, coupled, blank_is_no_match=strict)
    expected = brute_force.decide(
        group_by_priority(criteria),
        [(local_id(number), values) for number, values in enumerate(locals_)],
        [(row_id(number), values) for number, values in enumerate(rows)],
        {row_id(number) for number in coupled if number < len(rows)},
        strict,
    )
    for decision in decisions:
        result, row, trail = expected[decision.local_id]
        assert decision.result == result
        assert decisions.row_at(decision.position) == row
        assert [(tried.priority, tried.row_count, tried.result.value) for tried in decision.trail] == trail
    assert sum(decisions.count_results().values()) == len(locals_)
