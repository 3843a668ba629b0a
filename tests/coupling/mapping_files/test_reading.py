"""A file of mappings as text: what is read, what is refused with its line, and that writing and reading are inverse."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.vocabulary import CompareAs, Direction
from coupling.mapping_files.difference import differences, summary
from coupling.mapping_files.reading import read_file, rules_direction
from coupling.mapping_files.tree import MAX_NODES
from coupling.mapping_files.types import (
    MAX_BYTES,
    BadFile,
    FieldEntry,
    MappingEntry,
    MappingFile,
    OptionEntry,
    SetEntry,
)
from coupling.mapping_files.writing import write_file
from coupling.rows import Criterion

pytestmark = pytest.mark.pure

FROM = "from_integration_table"
HEAD = "format: 1\nmappings:\n  SHOPS:\n    table: customer\n    integration_table: account\n    entity_set: accounts\n"
SHOPS = HEAD + "    uid_column: accountid\n"
"""A mapping with what it needs, in seven lines."""
SETS = SHOPS + "    fields:\n      - {field: a, integration_field: b}\n    criteria_sets:\n"
"""One with criteria sets, in ten."""


def read(text):
    return read_file(text.encode() if isinstance(text, str) else text)


def test_what_a_file_leaves_out_is_as_it_is_by_default():
    entry = read(
        SHOPS + "    fields:\n      - {field: no, integration_field: name, direction: from_integration_table}\n"
    )
    assert entry == MappingFile(
        (
            MappingEntry(
                "SHOPS", "customer", "account", "accounts", "accountid",
                fields=(FieldEntry("no", "name", FROM, transformation_direction=FROM),),
            ),
        )
    )  # fmt: skip


def test_words_that_other_versions_of_yaml_read_as_something_else_stay_words():
    found = read(
        SHOPS + "    table_filter: {field: no, op: in, value: [yes, 2026-01-31, 010, 1e3, off]}\n"
        "    insert_values: {a: 1, b: 1.5, c: true, d: null, e: '1'}\n"
    ).mappings[0]
    assert found.table_filter == {"field": "no", "op": "in", "value": ["yes", "2026-01-31", "010", "1e3", "off"]}
    assert found.insert_values == {"a": 1, "b": 1.5, "c": True, "d": None, "e": "1"}


BAD = [
    (b"", "The file is empty."),
    (b"\xff\xfe", "Line 1: The file is no text in UTF-8."),
    (b" " * (MAX_BYTES + 1), "The file has 2,000,001 bytes"),
    ("format: 1\nmappings: [", "Line 3: The file is no YAML"),
    ("a\0b", "The file is no YAML"),
    ("a: &bomb [1]\nb: [*bomb, *bomb]", "Line 1: Anchors and aliases are not read, but here is 'bomb'"),
    ("a: *bomb", "Line 1: Anchors and aliases are not read, but here is 'bomb'"),
    ("a: !!python/object/apply:os.system [echo]", "Line 1: Tags are not read, but here is 'tag:yaml.org,2002:python"),
    ("a: ! b", "Line 1: Tags are not read"),
    ("- " * 100_000, "Line 1: The file nests deeper than 12 levels."),
    ("[" * 100_000, "Line 1: The file "),
    ("a: [" + "1," * MAX_NODES + "]", "more than 100,000 values"),
    ("format: 1\nformat: 1", "Line 2: The key 'format' is in line 1 already."),
    (SHOPS + "    table: vendor\n", "Line 8: The key 'table' is in line 4 already."),
    ("format: 1\n---\nformat: 1", "Line 2: The file has a second document."),
    ("? [a]\n: 1", "Line 1: A key of the file is a list or a table."),
    ("- 1", "Line 1: the file takes a table, not a list."),
    ("format: 2\nmappings: {}", "Line 1: The file's format is '2'; 1 is read."),
    ("mappings: {}", "Line 1: The file lacks the key 'format'."),
    ("format: 1\nmappings: {}", "Line 2: The file has no mapping."),
    ("format: 1\nmapping: {}", "Line 2: The file has no key 'mapping'. Is mappings meant?"),
    (HEAD, "Line 3: The mapping SHOPS lacks the key 'uid_column'."),
    (SHOPS + "    colour: red\n", "Line 8: The mapping SHOPS has no key 'colour'."),
    (SHOPS + "    <<: {a: 1}\n", "Line 8: The mapping SHOPS has no key '<<'."),
    (SHOPS + "    part_of: dynamics_365\n", "Line 8: The mapping SHOPS has no key 'part_of'."),
    (
        SHOPS + "    direction: sideways\n",
        "Line 8: SHOPS, direction takes one of bidirectional, to_integration_table, ",
    ),
    (SHOPS + "    create_new: yes\n", "Line 8: SHOPS, create_new takes true or false, not 'yes'."),
    (SHOPS + "    every_minutes: 0\n", "Line 8: SHOPS, every_minutes takes a number from 1 to 1,440, not '0'."),
    (SHOPS + "    every_minutes: 30.5\n", "every_minutes takes a number from 1 to 1,440, not '30.5'."),
    (SHOPS + "    every_minutes: true\n", "every_minutes takes a number"),
    (SHOPS + f"    name_column: {'a' * 129}\n", "Line 8: SHOPS, name_column takes 128 characters, and this has 129."),
    (SHOPS + "    name_column: na'me\n", "Line 8: SHOPS, name_column takes a logical name"),
    (SHOPS + "    dependencies: CUSTOMER\n", "Line 8: SHOPS, dependencies takes a list, not 'CUSTOMER'."),
    (SHOPS + "    insert_values: {a: [1]}\n", "Line 8: SHOPS, insert_values, a takes a single value, not a list."),
    (
        SHOPS + "    table_filter: {field: city, op: like, value: 1}\n",
        "Line 8: SHOPS, table_filter: The filter on city uses 'like'",
    ),
    (
        SHOPS + "    table_filter:\n      all:\n        - {field: city, op: eq}\n",
        "Line 8: SHOPS, table_filter: The filter on city uses 'eq' without a value.",
    ),
    (
        SHOPS + "    fields:\n      - {field: a, integration_field: b, rule: trim}\n",
        "Line 9: SHOPS, field 1 has no key",
    ),
    (SHOPS + "    fields:\n      - {direction: bidirectional}\n", "Line 9: SHOPS, field 1 names neither a field nor"),
    (SHOPS + "    fields:\n      - {field: a, rules: trim}\n", "Line 9: SHOPS, field 1, rules takes a list"),
    (SHOPS + "    fields:\n      - a\n", "Line 9: SHOPS, field 1 takes a table, not 'a'."),
    (SHOPS + "    options:\n      - {code: A, value: x}\n", "Line 9: SHOPS, option 1, value takes a number"),
    (
        SHOPS + "    options:\n      - {code: A, value: 1}\n      - {code: B, value: 1}\n",
        "Line 10: SHOPS, option 2 has a code or a value that line 9 has already.",
    ),
    (SETS + "      Mine: []\n", "Line 11: SHOPS, criteria set Mine takes one criterion or more"),
    (
        SETS + "      Mine:\n        - {field: a, integration_field: c}\n",
        "Line 12: SHOPS, criteria set Mine: a=c is no field",
    ),
    (
        SETS + "      Mine:\n        - {field: a}\n",
        "Line 12: SHOPS, criteria set Mine lacks the key 'integration_field'.",
    ),
    (
        SETS + "      Mine:\n        - {field: a, integration_field: b, compare_as: sound}\n",
        "Line 12: SHOPS, criteria set Mine, compare_as takes one of text, phone",
    ),
    (
        SETS + "      Mine:\n        - {field: a, integration_field: b}\n        - {field: a, integration_field: b}\n",
        "Line 11: SHOPS, criteria set Mine takes one criterion or more, each field pair once.",
    ),
    (
        SETS + "".join(f"      {name}:\n        - {{field: a, integration_field: b}}\n" for name in ("Mine", "MINE")),
        "Line 13: SHOPS, criteria set MINE is there twice.",
    ),
    (SETS + "      ' Mine': []\n", "Line 11: A criteria set cannot be called ' Mine'"),
    (SETS + "      '': []\n", "Line 11: A criteria set has a name"),
    (SHOPS + "    criteria_sets: [a]\n", "Line 8: SHOPS, criteria_sets takes a table, not a list."),
    (SHOPS.replace("SHOPS", "A/B"), "Line 3: A mapping cannot be called 'A/B'."),
    (SHOPS.replace("SHOPS", "'" + "S" * 41 + "'"), "Line 3: A mapping cannot be called"),
    (SHOPS + "look_up_tables: {COLOURS: [red]}\n", "Line 8: look_up_tables, COLOURS takes a table, not a list."),
    (SHOPS + 'look_up_tables: {COLOURS: {a: "\\0"}}\n', "Line 8: '\\x00' has a character that no text has."),
    (SHOPS + 'look_up_tables: {"a\\0": {a: b}}\n', "Line 8: 'a\\x00' has a character that no text has."),
    (
        SHOPS + '    table_filter:\n      {field: city, op: eq,\n       value: "a\\0"}\n',
        "Line 10: 'a\\x00' has a character that no text has.",
    ),
    (SHOPS + '    insert_values: {"a\\0": 1}\n', "Line 8: 'a\\x00' has a character that no text has."),
    (SHOPS + '    "na\\uD800me": 1\n', "Line 8: "),
    (SHOPS + "    insert_values: {a: -1.0e999}\n", "Line 8: -1.0e999 is a number too large to be kept."),
    (
        SHOPS + "    table_filter: {field: city, op: eq, value: 1.0e999}\n",
        "Line 8: 1.0e999 is a number too large to be kept.",
    ),
]


def test_a_pair_of_choices_that_is_there_twice_names_the_line_that_has_it_first():
    pairs = "".join(f"      - {{code: C{at}, value: {at}}}\n" for at in range(40))
    for twice, line in (("{code: C10, value: 99}", 19), ("{code: X, value: 3}", 12), ("{code: C10, value: 3}", 12)):
        with pytest.raises(BadFile, match=f"Line 49: SHOPS, option 41 has a code or a value that line {line} has"):
            read(f"{SHOPS}    options:\n{pairs}      - {twice}\n")


@pytest.mark.parametrize(("text", "said"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_with_a_file_is_said_with_its_line(text, said):
    with pytest.raises(BadFile) as refused:
        read(text)
    assert said in str(refused.value)
    assert str(refused.value).endswith("Correct the file. Nothing was changed.")
    assert refused.value.reason == "configuration"


# -- writing and reading ----------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
FILLED = TEXTS.filter(str.strip)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
NUMBERS = st.integers(0, 2_147_483_647)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e29, max_value=1e29)
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | FLOATS | TEXTS
VALUES = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | FLOATS | FILLED
CONDITIONS = st.builds(
    lambda field, value, label: {"field": field, "op": "eq", "value": value, **({"label": label} if label else {})},
    FILLED, VALUES, TEXTS,
)  # fmt: skip
FILTERS = st.just({}) | CONDITIONS | st.builds(
    lambda joint, inner, parts: {joint: [*parts, {inner: parts}]},
    st.sampled_from(["all", "any"]), st.sampled_from(["all", "any"]), st.lists(CONDITIONS, min_size=1, max_size=2),
)  # fmt: skip
DIRECTIONS = st.sampled_from(Direction.values)


def field_of(**values):
    if not values["field"] and not values["integration_field"]:
        values["field"] = "no"
    return FieldEntry(**values)


FIELDS = st.builds(
    field_of, field=TEXTS, integration_field=st.just("") | NAMES, direction=DIRECTIONS, enabled=st.booleans(),
    disabled_reason=TEXTS, constant=TEXTS, rules=st.lists(FILLED, max_size=3).map(tuple),
    transformation_direction=st.sampled_from(["to_integration_table", "from_integration_table"]),
    update_conflict=st.sampled_from(["", "send", "get", "newest", "ask"]),
    blanks=st.sampled_from(["", "send", "keep"]),
    clear_on_failed=st.booleans(), not_null=st.booleans(), validate_field=st.booleans(),
    validate_integration_field=st.booleans(), use_for_match=st.booleans(), match_priority=NUMBERS,
    case_sensitive=st.booleans(), compare_as=st.sampled_from(CompareAs.values),
)  # fmt: skip
OPTIONS = st.lists(
    st.builds(OptionEntry, code=FILLED, value=NUMBERS, caption=TEXTS),
    unique_by=(lambda one: one.code, lambda one: one.value), max_size=3,
).map(lambda found: tuple(sorted(found, key=lambda one: one.value))) | st.none()  # fmt: skip
MAPPINGS = st.builds(
    MappingEntry,
    name=st.from_regex(r"[A-Za-zÄ-ü0-9][A-Za-z0-9:# '\"{-]{0,20}[A-Za-z]", fullmatch=True), table=FILLED,
    integration_table=NAMES, entity_set=NAMES, uid_column=NAMES, modified_on_column=NAMES, name_column=NAMES,
    uid_kind=st.sampled_from(["guid", "option"]), direction=DIRECTIONS, table_filter=FILTERS,
    integration_filter=FILTERS, company_column=st.just("") | NAMES,
    insert_values=st.dictionaries(NAMES, SCALARS, max_size=2),
    dependencies=st.lists(FILLED, max_size=2).map(tuple), synch_only_coupled=st.booleans(),
    update_conflict=st.sampled_from(["", "send", "get", "newest"]), blanks=st.sampled_from(["send", "keep"]),
    deletion_conflict=st.sampled_from(["", "restore", "uncouple"]), multi_company=st.booleans(),
    brakes=st.fixed_dictionaries({}, optional={"created": st.integers(0, 9), "created_percent": st.integers(0, 100)}),
    synch_after_coupling=st.booleans(), create_new=st.booleans(), blank_is_no_match=st.booleans(),
    day_zone=st.sampled_from(["", "Europe/Berlin"]),
    scheduled=st.none() | st.booleans(), every_minutes=st.integers(1, 1440),
    inactivity_timeout_minutes=st.integers(0, 525_600), late_after_minutes=st.integers(1, 10_080),
    position=st.none() | NUMBERS,
    fields=st.lists(FIELDS, max_size=2).map(tuple), options=OPTIONS,
)  # fmt: skip
FILES = st.builds(
    MappingFile,
    st.lists(MAPPINGS, min_size=1, max_size=2, unique_by=lambda one: one.name).map(
        lambda found: tuple(sorted(found, key=lambda one: one.name))
    ),
    st.dictionaries(
        FILLED.filter(lambda one: one == one.strip()), st.dictionaries(TEXTS, TEXTS, max_size=3), max_size=2
    ),
)


@settings(max_examples=40)
@given(FILES)
def test_what_is_written_is_read_as_it_was_and_differs_in_nothing(file):
    text = write_file(file)
    again = read(text)
    assert again == file
    assert write_file(again) == text
    assert differences(file, again) == []


@settings(max_examples=20)
@given(FILES, FILES)
def test_after_its_differences_nothing_differs_and_each_is_a_sentence(one, other):
    renamed = dataclasses.replace(other.mappings[0], name=one.mappings[0].name)
    other = MappingFile((renamed, *other.mappings[1:]), other.look_up_tables)
    changes = differences(one, other)
    for change in changes:
        assert change.sentence.rstrip().endswith(".")
        assert change.document()["text"] == change.sentence
    assert len(summary(changes)) <= len({change.mapping for change in changes})
    stays = {name for name in (entry.name for entry in one.mappings) if other.mapping(name) is None}
    assert not stays & {change.mapping for change in changes}


def test_words_that_would_be_read_as_something_else_are_written_in_quotes():
    words = ("1.5e3", "1.0", "-0.", "1.", "010", "1e3", "~", "True", "no", "null", "12", "-3", "1_000", "0x1F")
    one = MappingEntry(
        "SHOPS", "customer", "account", "accounts", "accountid", insert_values={"a": "1.5e3"},
        table_filter={"any": [{"field": "no", "op": "in", "value": [*words]}]},
    )  # fmt: skip
    file = MappingFile((one,), {"WORDS": dict.fromkeys(words, "2.5E-3")})
    text = write_file(file)
    assert read(text) == file
    assert "'1.5e3'" in text and "'2.5E-3'" in text


def test_criteria_sets_are_written_read_and_compared_by_name():
    fields = (FieldEntry("a", "b"), FieldEntry("c", "d"))
    one = SetEntry("Mine", (Criterion("a", "b"), Criterion("c", "d", 2, True, CompareAs.COMPANY_NAME)))
    with_sets = MappingEntry(
        "SHOPS", "customer", "account", "accounts", "accountid", fields=fields, criteria_sets=(one,)
    )
    file = MappingFile((with_sets,))
    text = write_file(file)
    assert "    criteria_sets:\n      Mine:\n        - {field: a, integration_field: b}\n" in text
    assert "{field: c, integration_field: d, match_priority: 2, case_sensitive: true, compare_as: company_name}" in text
    assert read(text) == file and write_file(read(text)) == text
    silent = MappingFile((dataclasses.replace(with_sets, criteria_sets=None),))
    other = SetEntry("Other", (Criterion("a", "b"),))
    changed = dataclasses.replace(one, criteria=one.criteria[:1])
    after = MappingFile((dataclasses.replace(with_sets, criteria_sets=(changed, other)),))
    assert differences(file, silent) == []
    assert [change.sentence for change in differences(file, after)] == [
        "SHOPS: the criteria set Mine is changed, with a.",
        "SHOPS: the criteria set Other is added, with a.",
    ]
    assert [change.sentence for change in differences(after, file)][-1:] == [
        "SHOPS: the criteria set Mine is changed, with a, c."
    ]
    assert summary(differences(after, file)) == ["SHOPS: 2 criteria sets (Other, Mine)."]


def test_differences_are_sentences_of_what_pages_call_things():
    before = MappingEntry(
        "SHOPS", "customer", "account", "accounts", "accountid", scheduled=False,
        fields=(FieldEntry("no", "a"), FieldEntry("city", "b", use_for_match=True), FieldEntry("name", "c")),
        options=(OptionEntry("X", 1, "x"), OptionEntry("W", 7, "w")),
    )  # fmt: skip
    after = dataclasses.replace(
        before, direction="to_integration_table", update_conflict="send", every_minutes=5, scheduled=True,
        table_filter={"field": "city", "op": "eq", "value": "Rome"}, dependencies=("CURRENCY",),
        fields=(FieldEntry("city", "b", rules=("trim",)), FieldEntry("no", "a"), FieldEntry("zip", "d")),
        options=(OptionEntry("X", 2, "y"), OptionEntry("Z", 3)),
    )  # fmt: skip
    new = dataclasses.replace(after, name="NEW")
    changes = differences(MappingFile((before,)), MappingFile((after, new), {"COLOURS": {"a": "b"}}))
    assert [one.sentence for one in changes] == [
        "The look-up table COLOURS is added, with 1 row.",
        "SHOPS: Direction was Bidirectional and becomes To integration table.",
        "SHOPS: Table Filter was everything and becomes [city is Rome].",
        "SHOPS: Dependencies was blank and becomes CURRENCY.",
        "SHOPS: Resolve Update Conflicts was Ask a person and becomes Send data update to integration table.",
        "SHOPS: Runs by itself was off and becomes on.",
        "SHOPS: Synchronize every (minutes) was 30 and becomes 5.",
        "SHOPS: the field name=c is removed.",
        "SHOPS: Transformation Rules of the field city=b was blank and becomes trim.",
        "SHOPS: Match on this Field of the field city=b was on and becomes off.",
        "SHOPS: the field zip=d is added.",
        "SHOPS: the fields stand in another order.",
        "SHOPS: W is not coupled with the choice 7 w any more.",
        "SHOPS: X was coupled with the choice 1 x and becomes 2 y.",
        "SHOPS: Z is coupled with the choice 3.",
        "NEW: the mapping is added, of customer and account, to integration table, with 3 fields; it runs by itself "
        "every 5 minutes.",
        "NEW: X is coupled with the choice 2 y.",
        "NEW: Z is coupled with the choice 3.",
    ]
    assert summary(changes) == [
        "Look-up tables: 1 look-up table (COLOURS).",
        "SHOPS: 1 filter (Table Filter); 1 own field (name=c); 1 missing field (zip=d); 1 matching criterion (city=b); "
        "1 changed field (city=b); the order of the fields; 1 policy (Resolve Update Conflicts); "
        "2 settings of the schedule (Runs by itself, Synchronize every (minutes)); "
        "2 settings (Direction, Dependencies); 3 pairs of choices (W, X, Z).",
        "NEW: the mapping is added; 2 pairs of choices (X, Z).",
    ]


def test_the_rules_of_a_field_go_its_way_unless_the_file_says_otherwise():
    assert [rules_direction(one) for one in ("", *Direction.values)] == [
        "to_integration_table", "to_integration_table", "to_integration_table", "from_integration_table",
    ]  # fmt: skip


def test_the_file_that_the_guide_shows_is_one():
    guide = (Path(__file__).parents[3] / "docs" / "mappings.md").read_text(encoding="utf-8")
    shown = guide.partition("```yaml\n")[2].partition("```")[0]
    assert read(shown).mappings[0].fields[1].rules == ("trim", "table=COUNTRIES")
