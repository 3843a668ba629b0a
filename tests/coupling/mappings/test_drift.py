"""What a change of a column stops, decided from what it was, what it is and what the mapping uses it for."""

import pytest

from core.vocabulary import Direction
from coupling.mappings.drift import ColumnState, Kind, Stops, UsedField, Uses, accepted, drift, emptied, follow
from coupling.mappings.field_checks import Pair
from masterdata.catalog import LocalField

TEXT = ColumnState("String", "City", 80, id="1")


def used(column: str = "city", direction: Direction = Direction.BIDIRECTIONAL, length: int = 30, **more) -> UsedField:
    local = LocalField("town", "Town", more.pop("type", "text"), max_length=length)
    return UsedField(f"town:{column}", "Town", column, Pair(local, None, direction), **more)


def uses(*fields: UsedField, **more) -> Uses:
    return Uses(more.pop("direction", Direction.BIDIRECTIONAL), fields or (used(),), **more)


COLUMN_OF_ALL = {"roles": {"city": "for its filter"}}
TEMPLATE = {"template": {"city": "Bonn"}}
NUMBER = ColumnState("Integer", "City", id="2")
REQUIRED = ColumnState("String", "Region", 80, required=True)


@pytest.mark.parametrize(
    ("now", "used_for", "kind", "stops", "stopped", "said"),
    [
        ({}, uses(), "gone", "fields", 1, "The field Town is not synchronized"),
        ({}, uses(used("street")), None, "nothing", 0, ""),
        ({}, uses(**COLUMN_OF_ALL), "gone", "mapping", 1, "The mapping needs it for its filter, so it stops"),
        ({}, uses(used("street"), **TEMPLATE), "gone", "creation", 0, "none are created in Dataverse"),
        ({}, uses(used("street"), **TEMPLATE, creates=False), "gone", "nothing", 0, "is gone"),
        ({"city": NUMBER}, uses(), "retyped", "fields", 1, "was String and is Integer"),
        ({"city": NUMBER}, uses(used(direction=Direction.FROM)), "retyped", "nothing", 0, "The field Town goes on"),
        ({"city": ColumnState("Memo", "City", 2000)}, uses(), "retyped", "nothing", 0, "The field Town goes on"),
        ({"city": NUMBER}, uses(**COLUMN_OF_ALL), "retyped", "mapping", 1, "so it stops"),
        ({"city": ColumnState("File")}, uses(), "retyped", "fields", 1, "is File"),
        ({"city": ColumnState("String", "City", 20)}, uses(), "shortened", "nothing", 0, "a record with a longer"),
        ({"city": ColumnState("String", "City", 50)}, uses(), "shortened", "nothing", 0, "no value here is longer"),
        ({"city": ColumnState("String", "City", 3)}, uses(used("x"), **TEMPLATE), "shortened", "creation", 0, "none"),
        ({"city": ColumnState("String", "", 9)}, uses(used(direction=Direction.FROM)), None, "nothing", 0, ""),
        ({"city": ColumnState("String", "", 90)}, uses(), None, "nothing", 0, ""),
        ({"city": TEXT, "region": REQUIRED}, uses(), "required", "creation", 0, "No row is created there"),
        ({"city": TEXT, "region": REQUIRED}, uses(creates=False), None, "nothing", 0, ""),
        ({"city": TEXT, "region": REQUIRED}, uses(template={"region": "North"}), None, "nothing", 0, ""),
        ({"city": TEXT, "region": REQUIRED}, uses(used("region")), None, "nothing", 0, ""),
        ({"city": TEXT, "region": REQUIRED}, uses(used("region", Direction.FROM)), "required", "creation", 0, "fills"),
    ],
)  # fmt: skip
def test_a_change_stops_what_it_touches_and_no_more(now, used_for, kind, stops, stopped, said):
    found = drift({"city": TEXT}, now, used_for)
    assert [str(one.kind) for one in found] == ([kind] if kind else [])
    assert max((str(one.stops) for one in found), default="nothing") == stops
    assert sum(len(one.stopped) for one in found) == stopped
    if found:
        assert said in found[0].message and "  " not in found[0].message
        assert found[0].fix or stops == "nothing"


def test_a_lookup_that_points_elsewhere_stops_its_field_and_a_further_target_does_not():
    was = {"owner": ColumnState("Lookup", targets=("contact",))}
    field = used("owner", type="reference", partners=frozenset({"contact"}))
    (found,) = drift(was, {"owner": ColumnState("Lookup", targets=("account",))}, uses(field))
    assert (found.kind, found.stops) == (Kind.RETYPED, Stops.FIELDS)
    assert not drift(was, {"owner": ColumnState("Lookup", targets=("account", "contact"))}, uses(field))


def test_what_became_better_is_followed_and_what_became_worse_is_not():
    then = {"city": TEXT, "region": REQUIRED, "unused": TEXT}
    now = {
        "city": ColumnState("String", "Place", 100, id="1"), "region": ColumnState("String", "", 80),
        "street": ColumnState("String", "", 40, required=True),
    }  # fmt: skip
    followed = follow(then, now, uses(used(), used("street", Direction.FROM)))
    assert followed.keys() == {"city", "region", "street"} - {"region"}
    assert (followed["city"].max_length, followed["city"].label) == (100, "Place")
    # A field that only reads the column does not fill it: that it is required is told still.
    assert [one.kind for one in drift(followed, now, uses(used("street", Direction.FROM)))] == [Kind.REQUIRED]
    assert follow({"city": TEXT}, {"city": ColumnState("String", "", 9, id="1")}, uses())["city"].max_length == 80
    assert follow({"city": TEXT}, {}, uses()) == {"city": TEXT}


def test_a_column_that_was_made_anew_is_told_from_one_that_was_there_all_the_time():
    then, again = {"city": TEXT}, {"city": ColumnState("String", "City", 80, id="9")}
    assert emptied(then, {}, {"city": TEXT}, uses()) == {"city"}
    assert emptied(then, then, again, uses()) == {"city"}
    assert not emptied(then, again, again, uses())
    assert not emptied(then, then, {"city": ColumnState("String", "City", 80)}, uses())


def test_what_is_accepted_is_told_no_more_and_a_field_that_is_stopped_cannot_be():
    then, used_for = {"city": TEXT}, uses(used(), used("street"))
    now = {"city": ColumnState("String", "City", 20, id="1"), "region": REQUIRED}
    changes = drift(then, now, used_for)
    assert {one.kind for one in changes} == {Kind.SHORTENED, Kind.REQUIRED}
    assert drift(accepted(then, now, changes), now, used_for) == []
    gone = drift(then, {}, used_for)
    assert accepted(then, {}, gone) == then
