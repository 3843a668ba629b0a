"""What criteria would couple, by values kept as hashes: the same as the matcher says, for any data."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.vocabulary import CompareAs
from coupling.matching.decisions import Result
from coupling.matching.match import Matcher, group_by_priority
from coupling.matching.measured import MeasuredSides
from coupling.rows import Criterion
from tests.coupling.matching.test_match import local_id, row_id

CRITERIA = [
    Criterion("phone_no", "telephone1", 0, compare_as=CompareAs.PHONE),
    Criterion("phone_no", "telephone1", 0),
    Criterion("name", "name", 0),
    Criterion("name", "name", 0, case_sensitive=True),
    Criterion("name", "name", 0, compare_as=CompareAs.COMPANY_NAME),
    Criterion("city", "city", 0),
]
PHONE, PHONE_TEXT, NAME, NAME_CASE, COMPANY, CITY = range(6)
FIELDS, COLUMNS = ("phone_no", "name", "city"), ("telephone1", "name", "city")


def ids_of(rows, start):
    """Return the ids of a page; a row may say that it is another one, as when a table changes while it is read."""
    return [str(row_id(row.get("again", start + at))) for at, row in enumerate(rows)]


def sides_of(locals_, rows, coupled=(), **options):
    sides = MeasuredSides(CRITERIA, **options)
    for start in range(0, len(locals_), 2):
        part = locals_[start : start + 2]
        sides.add_records([[one.get(c.local) for one in part] for c in CRITERIA], None, len(part))
    for start in range(0, len(rows), 3):
        part = rows[start : start + 3]
        sides.add_rows(ids_of(part, start), [[one.get(c.integration) for one in part] for c in CRITERIA], None)
    sides.seal()
    taken = {row_id(number).bytes for number in coupled}
    for start, ids in sides.row_ids_met(size=2):
        sides.take(start, ids, [one for one in ids if one in taken])
    return sides


def decisions_of(groups, locals_, rows, coupled=(), **options):
    criteria = [
        Criterion(c.local, c.integration, priority, c.case_sensitive, c.compare_as)
        for priority, group in enumerate(groups)
        for c in (CRITERIA[at] for at in group)
    ]
    matcher = Matcher(group_by_priority(criteria), **options)
    matcher.add(
        [local_id(at).bytes for at in range(len(locals_))],
        {name: [one.get(name) for one in locals_] for name in FIELDS},
    )
    for start in range(0, len(rows), 3):
        part = rows[start : start + 3]
        columns = {name: [one.get(name) for one in part] for name in COLUMNS}
        matcher.add_remote_page(ids_of(part, start), ["" for _ in part], columns)
    taken = {row_id(number).bytes for number in coupled}
    return matcher.decide(lambda ids: [one for one in ids if one in taken])


PHONES = st.sampled_from([None, "", "425 555 0100", "+1 425 555 0100", "425 555 0101; 425 555 0102", "425 555 0102",
                          "425 555 0100 / 425 555 0101", "-", "none"])  # fmt: skip
NAMES = st.sampled_from([None, "Adatum", "ADATUM", "Adatum, Inc.", " adatum", "Fabrikam", "n/a"])
CITIES = st.sampled_from([None, "", "Oslo", "OSLO", "Bergen"])
LOCALS = st.lists(st.fixed_dictionaries({"phone_no": PHONES, "name": NAMES, "city": CITIES}), max_size=8)
ROWS = st.lists(st.fixed_dictionaries({"telephone1": PHONES, "name": NAMES, "city": CITIES}), max_size=8)
WAYS = st.lists(
    st.lists(st.sampled_from(range(6)), min_size=1, max_size=3, unique_by=lambda at: CRITERIA[at].local).map(tuple),
    min_size=1, max_size=3, unique=True,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(WAYS, LOCALS, ROWS, st.sets(st.integers(0, 7)), st.booleans())
def test_for_any_data_and_criteria_as_many_are_coupled_by_each_priority_as_the_matcher_couples(
    groups, locals_, rows, coupled, blank_is_no_match
):
    options = {"country": "US", "blank_is_no_match": blank_is_no_match}
    found = sides_of(locals_, rows, coupled, **options).couple(groups)
    decided = decisions_of(groups, locals_, rows, coupled, **options)
    assert list(found.by_priority) == decided.count_coupled_by_priority()
    assert found.unique == decided.count_coupled()


def test_a_row_that_comes_twice_while_its_table_changes_counts_once():
    locals_, rows = [{"name": "Adatum"}], [{"name": "Adatum"}, {"name": "Fabrikam"}, {"name": "Adatum", "again": 0}]
    sides = sides_of(locals_, rows)
    assert (sides.row_count, sides.couple([(NAME,)]).unique) == (2, 1)
    assert decisions_of([(NAME,)], locals_, rows).count_results()[Result.COUPLED] == 1


@pytest.mark.parametrize(
    ("here", "there", "unique", "wrong"),
    [
        (["Adatum"], ["Adatum"], 1, 0),
        (["Adatum"], ["Adatum", "Adatum"], 0, 1),
        (["Adatum", "Adatum"], ["Adatum"], 1, 2),
        (["Adatum", "Adatum"], ["Adatum", "Adatum"], 0, 2),
        (["Adatum", "Fabrikam"], ["Fabrikam"], 1, 0),
        (["Adatum", "", ""], ["", "Adatum"], 1, 0),
        ([], ["Adatum"], 0, 0),
        (["Adatum"], [], 0, 0),
    ],
)
def test_what_several_share_on_either_side_would_be_wrongly_joined(here, there, unique, wrong):
    sides = sides_of([{"name": one} for one in here], [{"name": one} for one in there])
    found = sides.couple([(NAME,)])
    assert (found.unique, found.wrongly_joined) == (unique, wrong)


def test_what_a_later_priority_tells_apart_is_not_wrongly_joined():
    here = [{"phone_no": "425 555 0100", "name": name} for name in ("Adatum", "Fabrikam", "Contoso")]
    there = [{"telephone1": "425 555 0100", "name": name} for name in ("Adatum", "Fabrikam")]
    sides = sides_of(here, there, country="US")
    found = sides.couple([(PHONE,), (NAME,)])
    assert (found.unique, found.by_priority, found.wrongly_joined) == (2, (0, 2), 1)


def test_both_sides_are_counted_filled_and_distinct_and_matched():
    here = [{"name": "Adatum"}, {"name": "adatum"}, {"name": "n/a"}, {"name": "Relecloud"}]
    there = [{"name": "Adatum"}, {"name": "Relecloud"}, {"name": "Fabrikam"}, {"name": None}]
    sides = sides_of(here, there)
    field, found = sides.measure(NAME), sides.couple([(NAME,)])
    assert (field.filled_here, field.distinct_here, field.filled_there, field.distinct_there) == (3, 2, 3, 3)
    assert (found.filled_here, found.filled_there, found.unique_here, found.unique_there) == (3, 3, 3, 1)
    assert sides.measure(NAME_CASE).distinct_here == 3


def test_values_that_many_share_are_told_with_how_many():
    here = [{"name": name} for name in ("Adatum", "Fabrikam", "Fabrikam", "Fabrikam", "Relecloud")]
    there = [{"name": name} for name in ("Adatum", "Fabrikam", "Relecloud", "Relecloud")]
    assert sides_of(here, there).examples((NAME,)) == [(1, 3, 1), (4, 1, 2)]
