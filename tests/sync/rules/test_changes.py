"""Values of the history are kept so that people read them and they can be written again; lines add up to what is."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.vocabulary import ConflictOption, Direction
from dataverse.types import ColumnInfo
from sync.rules.canonical import FieldSpec, canonical_local, canonical_remote
from sync.rules.changes import (
    Won,
    changes_to_local,
    changes_to_remote,
    code_of,
    keep_coded,
    keep_local,
    keep_plain,
    keep_remote,
    local_value,
    net,
    remote_value,
    replay,
    told,
    who_won,
)
from sync.rules.plan import Write, decide
from sync.rules.putting_back import PutBack
from sync.rules.putting_back import decide as put_back
from sync.rules.transfer import field_rule, fields_for
from sync.rules.values import Links, LocalColumn, Problem, Reference

pytestmark = pytest.mark.pure

NET30, NET14 = "6a1f0a52-0000-4000-8000-000000000030", "6a1f0a52-0000-4000-8000-000000000014"
TERMS = {"NET 30": NET30, "NET 14": NET14}
LINKS = Links("payment terms", TERMS, {row: code for code, row in TERMS.items()}, target="terms", table="terms")
KINDS = (("", " "), ("C", "Company"), ("P", "Person"))


def spec(name: str, column: ColumnInfo, field_type: str, **more: Any) -> FieldSpec:
    links, choices = more.pop("links", None), more.pop("choices", ())
    return FieldSpec(name, column, LocalColumn(name, name.title(), field_type, choices=choices), links=links, **more)


SPECS = {
    one.name: one
    for one in (
        spec("name", ColumnInfo("name", "String", max_length=100), "text"),
        spec("limit", ColumnInfo("creditlimit", "Money", precision=2), "number"),
        spec("count", ColumnInfo("numberofemployees", "Integer"), "integer"),
        spec("since", ColumnInfo("since", "DateTime", date_only=True), "date"),
        spec("blocked", ColumnInfo("blocked", "Boolean"), "boolean"),
        spec("kind", ColumnInfo("kind", "Picklist", choices={1: "Company", 2: "Person"}), "choice", choices=KINDS),
        spec("terms", ColumnInfo("terms", "Lookup", binds={"terms": "terms"}), "reference", links=LINKS),
    )
}
LOCAL: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["", "Adatum", "Ünïcode", "two\nlines", "x" * 90]),
    "limit": st.sampled_from([Decimal(0), Decimal("7500.00"), Decimal("0.10")]),
    "count": st.integers(0, 9),
    "since": st.sampled_from([None, date(2026, 2, 28), date(1999, 12, 31)]),
    "blocked": st.booleans(),
    "kind": st.sampled_from(["", "C", "P"]),
    "terms": st.sampled_from(["", "NET 30", "NET 14"]),
}
REMOTE: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from([None, "Adatum", "Fabrikam", "Ünïcode"]),
    "limit": st.sampled_from([None, 0.0, 7500.0, 0.1, 12.34]),
    "count": st.sampled_from([None, 0, 7]),
    "since": st.sampled_from([None, "2026-02-28", "2000-01-01"]),
    "blocked": st.sampled_from([None, True, False]),
    "kind": st.sampled_from([None, 1, 2]),
    "terms": st.sampled_from([None, NET30, NET14]),
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), ("", ""), ("Ulm", "Ulm"), (True, "Yes"), (False, "No"), (0, "0"), (Decimal("7500.00"), "7500"),
        (date(2026, 2, 28), "2026-02-28"), ("\x1fodd", "\x1fodd"), ("a\0b", "ab"), (" ", " "),
        (datetime(2026, 2, 28, 9, 5, tzinfo=UTC), "2026-02-28T09:05:00+00:00"),
    ],
)  # fmt: skip
def test_plain_values_are_told_as_people_read_them(value, text):
    kept = keep_plain(value)
    assert (told(kept), code_of(kept)) == (text, text)
    assert kept is None or kept


def test_a_code_stands_behind_its_label_and_an_unknown_row_is_told_by_its_id():
    assert (told(keep_coded(1, "Company")), code_of(keep_coded(1, "Company"))) == ("Company", "1")
    assert told(keep_remote(SPECS["terms"], NET30)) == "NET 30"
    assert told(keep_remote(SPECS["terms"], "6a1f0a52-0000-4000-8000-000000000099")).endswith("99")
    lost = Problem("reference_not_coupled", "Not coupled.", reference=Reference("terms", row_id=NET14))
    assert told(keep_remote(SPECS["terms"], lost)) == NET14


@given(st.data(), st.sampled_from(sorted(SPECS)))
def test_what_a_row_held_is_read_back_as_it_was(data, name):
    one = SPECS[name]
    value = canonical_remote(one, data.draw(REMOTE[name]))
    assert not isinstance(value, Problem)
    assert remote_value(one, keep_remote(one, value)) == value


@given(st.data(), st.sampled_from(sorted(SPECS)))
def test_what_a_record_held_is_read_back_as_it_was(data, name):
    field, value = SPECS[name].field, data.draw(LOCAL[name])
    assert field is not None
    assert local_value(field, keep_local(field, value)) == value


@pytest.mark.parametrize(("name", "kept"), [("count", "many"), ("blocked", "perhaps"), ("since", "some day")])
def test_a_value_of_another_kind_cannot_be_written_again(name, kept):
    field = SPECS[name].field
    assert field is not None
    with pytest.raises((ValueError, ArithmeticError)):
        local_value(field, kept)
    if name != "since":
        with pytest.raises(ValueError, match=kept):
            remote_value(SPECS[name], kept)


@pytest.mark.parametrize(
    ("base", "local", "remote", "asked", "expected"),
    [
        ({"name": "A"}, "B", "A", "", Won.ALONE),
        ({"name": "A"}, "A", "B", "", Won.ALONE),
        ({"name": "A"}, "B", "C", "", Won.OPTION),
        ({"name": "A"}, "B", "C", "send", Won.PERSON),
        ({}, "B", "C", "", Won.OPTION),
        ({"name": "A", "name\0": "a"}, "a", "C", "", Won.ALONE),
        ({"name": "A", "name\0": "B"}, "A", "A", "get", Won.ALONE),
        ({"name": "A", "name\0": "a"}, "a", "A", "get", Won.PERSON),
    ],
)
def test_who_won_is_told_where_both_sides_had_changed(base, local, remote, asked, expected):
    assert who_won("name", base, local, remote, asked=ConflictOption(asked)) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], {}),
        ([("a", "1", "2")], {"a": ("1", "2")}),
        ([("a", "1", "2"), ("a", "2", "3"), ("b", None, "x")], {"a": ("1", "3"), "b": (None, "x")}),
        ([("a", "1", "2"), ("a", "2", "1")], {}),
        ([("a", keep_coded(1, "Old"), "2"), ("a", "2", keep_coded(1, "New"))], {}),
        ([("a", "1", "2"), ("a", "9", "3")], {"a": ("1", "3")}),
    ],
)
def test_several_changes_come_to_what_the_first_replaced_and_the_last_wrote(changes, expected):
    assert net(changes) == expected


@pytest.mark.parametrize(
    ("current", "anyway", "expected"),
    [
        ("after", False, PutBack.WRITE),
        ("before", False, PutBack.THERE_ALREADY),
        ("other", False, PutBack.CHANGED_SINCE),
        (None, False, PutBack.CHANGED_SINCE),
        ("other", True, PutBack.WRITE),
        ("before", True, PutBack.THERE_ALREADY),
        (keep_coded("after", "renamed"), False, PutBack.WRITE),
    ],
)
def test_a_value_is_put_back_unless_it_is_back_already_or_was_changed_since(current, anyway, expected):
    assert put_back(current, before="before", after="after", anyway=anyway) is expected


class Pair:
    """Both sides of a pair, the base they agreed on, and the history that runs keep."""

    def __init__(self) -> None:
        self.local: dict[str, Any] = {
            "name": "", "limit": Decimal(0), "count": 0, "since": None, "blocked": False, "kind": "", "terms": "",
        }  # fmt: skip
        self.remote: dict[str, Any] = dict.fromkeys(SPECS)
        self.base: dict[str, Any] = {}
        self.history: list[tuple[str, str | None, str | None]] = []
        self.run(ConflictOption.SEND)

    def run(self, option: ConflictOption, allowed: Direction = Direction.BIDIRECTIONAL) -> None:
        here = {name: canonical_local(one, self.local[name]) for name, one in SPECS.items()}
        there = {name: canonical_remote(one, self.remote[name]) for name, one in SPECS.items()}
        rules = [field_rule(one) for one in SPECS.values()]
        found = decide(rules, self.base, here, there, conflict=option, allowed=allowed)
        # Where people entered the same on both sides nothing is written, and no line says so.
        self.history += [
            (name, None, keep_local(one.field, self.local[name]))
            for name, one in SPECS.items()
            if here[name] == there[name] != self.base.get(name)
        ]
        if isinstance(found, Write):
            won = dict.fromkeys(SPECS, Won.ALONE)
            fields, problems = fields_for(SPECS, found.to_local)
            assert not problems
            columns = {name: SPECS[name].field for name in found.to_local}
            lines = changes_to_remote(SPECS, found.to_remote, there, won)
            lines += changes_to_local({k: v for k, v in columns.items() if v is not None}, fields, self.local, won)
            self.history += [(one.name, one.before, one.after) for one in lines]
            self.local |= fields
            self.remote |= found.to_remote
        if hasattr(found, "base"):
            self.base = dict(found.base)

    def agreed(self) -> dict[str, str]:
        here = {name: told(keep_local(one.field, self.local[name])) for name, one in SPECS.items()}
        there = {name: told(keep_remote(one, canonical_remote(one, self.remote[name]))) for name, one in SPECS.items()}
        assert here == there
        return here


def names() -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(SPECS))


STEPS = st.lists(
    st.one_of(
        names().flatmap(lambda name: st.tuples(st.just("here"), st.just(name), LOCAL[name])),
        names().flatmap(lambda name: st.tuples(st.just("there"), st.just(name), REMOTE[name])),
        st.tuples(
            st.just("run"), st.sampled_from([ConflictOption.SEND, ConflictOption.GET, ConflictOption.ASK]),
            st.sampled_from(list(Direction)),
        ),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=300)
@given(STEPS)
def test_the_history_replayed_over_the_first_values_gives_the_present_ones(steps):
    pair = Pair()
    first = pair.agreed()
    pair.history.clear()
    for what, one, more in steps:
        if what == "run":
            pair.run(one, more)
        else:
            (pair.local if what == "here" else pair.remote)[one] = more
    pair.run(ConflictOption.SEND)
    present = replay(first, [(name, told(before), told(after)) for name, before, after in pair.history])
    assert {name: value or "" for name, value in present.items()} == pair.agreed()
