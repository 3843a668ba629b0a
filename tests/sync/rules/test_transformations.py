"""Transformation rules: what each makes of a value, the words that are none, and what ends by itself."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.rules.rule_errors import MAX_RESULT, RuleFailed
from sync.rules.transformations import MAX_RULES, RULES, BadRule, chain, parse

TABLES = {"Grade": {"A": "Good", "b": "Fair", "": "never"}, "All": {"A": "1", "*": "other"}}


@pytest.mark.parametrize(
    ("words", "value", "expected"),
    [
        (["trim"], "  Ada  ", "Ada"),
        (["upper"], "straße", "STRASSE"),
        (["lower"], "ADA", "ada"),
        (["title"], "o'brien McDONALD-smith 3rd", "O'brien Mcdonald-Smith 3rd"),
        (["alphanumeric"], "+49 (0)89-12é", "4908912é"),
        (["prefix=Mr. "], "Smith", "Mr. Smith"),
        (["suffix= GmbH"], "Alder", "Alder GmbH"),
        (["prefix=a=b,c "], "x", "a=b,c x"),
        (["substring=1,3"], "Adatum", "Ada"),
        (["substring=4,99"], "Adatum", "tum"),
        (["substring=7,1"], "Adatum", None),
        (["after=: "], "Tel: 12: 3", "12: 3"),
        (["after=:"], "none", "none"),
        (["before=,"], "Smith, John, Jr.", "Smith"),
        (["before=,"], "Smith", "Smith"),
        (["replace=-,"], "a-b-c", "abc"),
        (["replace=\\,,;"], "a,b", "a;b"),
        (["replace=a,b,c"], "xa", "xb,c"),
        (["regex=[^0-9],"], "+49 89", "4989"),
        (["regex=a{1,3},b"], "aaaa", "bb"),
        ([r"regex=(\w+) (\w+),\2, \1"], "John Smith", "Smith, John"),
        ([r"regex=(\d+),(\d+),$1.$2"], "12,34", "12.34"),
        ([r"regex=^,\\\$"], "x", "\\$x"),
        (["regex=(a)|b,<$1>"], "ab", "<a><>"),
        (["regex=(a+)+$,x"], "a" * 40 + "b", "a" * 40 + "b"),
        (["date=dd.MM.yyyy"], date(2026, 12, 3), "03.12.2026"),
        (["date=dd.MM.yyyy"], "2026-12-03", "03.12.2026"),
        (["date=dd.MM.yyyy HH:mm"], datetime(2026, 12, 3, 14, 5, tzinfo=UTC), "03.12.2026 14:05"),
        (["date=dd.MM.yyyy", "date=MM/dd/yy"], "3.12.2026", "12/03/26"),
        (["date=d. MMMM yyyy,de"], date(2026, 3, 3), "3. März 2026"),
        (["date=h:mm a, d MMM yyyy,en-US"], "3:04 pm, 3 mar 2026", "3:04\u202fPM, 3 Mar 2026".replace("\u202f", " ")),
        (["number=#,##0.00,de-DE"], Decimal("1234.5"), "1.234,50"),
        (["number=#,##0.00"], 1234.5, "1,234.50"),
        (["number=0.00,de", "suffix= EUR"], "1234,5", "1234,50 EUR"),
        (["number=0.##,de", "number=#,##0.0,en"], "1234,5", "1,234.5"),
        (["upper"], Decimal("10.500"), "10.5"),
        (["prefix=is "], True, "is Yes"),
        (["table=Grade"], "a", "Good"),
        (["upper", "table=All"], "zz", "other"),
        (["table=All", "prefix=x"], "A", "x1"),
        ([" Upper"], "ada", "ADA"),
        ([], "ada", "ada"),
        (["prefix=x"], "", None),
        (["prefix=x"], None, None),
        (["upper"], "e\u0301", "É"),
    ],
)  # fmt: skip
def test_each_rule_makes_of_a_value_what_it_says(words, value, expected):
    assert chain(words, "text", TABLES)(value) == expected
    steps = list(chain(words, "text", TABLES).steps(value))
    assert [word for word, _ in steps] == words
    assert not steps or steps[-1][1] == expected


@pytest.mark.parametrize(
    ("words", "target", "value", "expected"),
    [
        (["date=dd.MM.yyyy"], "date", "31.12.2026", date(2026, 12, 31)),
        (["date=dd.MM.yy"], "date", "31.12.49", date(2049, 12, 31)),
        (["date=dd.MM.yy"], "date", "31.12.50", date(1950, 12, 31)),
        (["before= ", "date=d. MMMM yyyy,de"], "date", "x", None),
        (["date=d MMMM yyyy,de"], "date", "3 MÄRZ 2026", date(2026, 3, 3)),
        (["date=dd.MM.yyyy HH:mm"], "date", "31.12.2026 08:15", datetime(2026, 12, 31, 8, 15, tzinfo=UTC)),
        (["date=dd.MM.yyyy"], "date", date(2026, 12, 31), date(2026, 12, 31)),
        (["number=#,##0.00,de"], "number", "1.234,5", Decimal("1234.5")),
        (["number=#,##0.00,de"], "number", "1234.5", Decimal("1234.5")),
        (["number=#,##0.00,de"], "number", Decimal(3), Decimal(3)),
        (["regex=[^0-9],"], "number", "12 pieces", "12"),
    ],
)
def test_a_last_format_is_read_where_the_destination_takes_a_date_or_a_number(words, target, value, expected):
    if expected is None:
        with pytest.raises(RuleFailed):
            chain(words, target)(value)
    else:
        assert chain(words, target)(value) == expected


@pytest.mark.parametrize(
    ("words", "message", "fix"),
    [
        (["x"], "There is no rule “x”.", "The rules are trim, upper,"),
        (["trim=1"], "The rule “trim=1” cannot be read: trim takes no value.", "Write trim."),
        (["upper", "prefix"], "The rule “prefix” cannot be read: prefix needs a value.", "Write prefix=TEXT."),
        (["substring=0,1"], "it names no character: the first has position 1", "substring=START,LENGTH"),
        (["substring=1"], "it needs a position and a length", "substring=START,LENGTH"),
        (["replace=a"], "it needs a comma behind the text to replace", "replace=OLD,NEW"),
        (["regex=a"], "it needs a comma between pattern and replacement", "regex=PATTERN,REPLACEMENT"),
        (["regex=(,a"], "does not take (missing ): ()", "regex=PATTERN,REPLACEMENT"),
        (["regex=(?=a),b"], "no look-around and no back-reference, so that no pattern runs for ever", "regex="),
        (["regex=(a)\\1,b"], "no look-around and no back-reference", "regex="),
        (["regex=((a{100}){100}){100},b"], "does not take (invalid repetition size", "regex="),
        (["regex=(a{40}b{40}c{40}){8}" * 6 + ",b"], "a pattern that is too large", "regex="),
        (["regex=(a),$2"], "it names group 2 in the replacement, and the pattern has 1", "regex="),
        (["regex=a,\\q"], "in which \\q means nothing", "regex="),
        (["date=tt"], "it uses t; a date is written with", "date=FORMAT[,CULTURE]"),
        (["date=--"], "it names no part of a date", "date=FORMAT[,CULTURE]"),
        (["date=dddd"], "it has a part of a length that there is not", "date=FORMAT[,CULTURE]"),
        (["date=hhh:mm yyyy"], "it has a part of a length that there is not", "date=FORMAT[,CULTURE]"),
        (["date=dd.MM.yyyy,xx-YY"], "it names the culture xx-YY, which is not known", "date=FORMAT[,CULTURE]"),
        (["number=abc"], "it is not a format of numbers", "number=FORMAT[,CULTURE]"),
        (["number=#,##0.00,qq"], "it names the culture qq, which is not known", "number=FORMAT[,CULTURE]"),
        (["table=X"], "which there is not (there is All, Grade)", "table=NAME"),
        (["upper"] * (MAX_RULES + 1), f"{MAX_RULES + 1} rules are more than a field can have.", f"at most {MAX_RULES}"),
        (["prefix=" + "x" * 600], "is too long.", "at most 500 characters"),
    ],
)  # fmt: skip
def test_words_that_are_no_rules_are_refused_with_what_to_write(words, message, fix):
    with pytest.raises(BadRule) as refused:
        parse(words, TABLES)
    assert message in refused.value.message
    assert fix in refused.value.fix
    assert refused.value.message.endswith(".")
    assert refused.value.fix.endswith(".")


@pytest.mark.parametrize(
    ("words", "value", "why"),
    [
        (["date=dd.MM.yyyy"], "31.02.2026", "the rule “date=dd.MM.yyyy” cannot read “31.02.2026” as a date"),
        (["date=HH:mm"], "10:20", "cannot read “10:20” as a date"),
        (["number=0"], "NaN", "cannot read “NaN” as a number"),
        (["number=0"], "1e5", "cannot read “1e5” as a number"),
        (["number=0"], "9" * 47 + ".1", "the rule “number=0” cannot be applied to"),
        (["date=yyyy", "date=dd.MM.yyyy"], Decimal("1.5"), "the rule “date=yyyy” cannot be applied to “1.5”"),
        (["number=0.00", "number=#,##0.00"], date(2026, 1, 31), "the rule “number=0.00” cannot be applied to"),
        (["trim", "table=Grade"], "Z", "the rule “table=Grade” has no row for “Z”"),
        (["replace=a," + "b" * 100] * 4, "a" * 20_000, "would make 2,000,000 characters of it"),
        (["regex=.," + "b" * 100], "a" * 20_000, "characters of it, more than a column of Dataverse takes"),
        (["regex=x,y"], "\ud800", "holds half a character"),
        (["regex=(x{90}){9},y"], "a" * 900_000, "so it was not tried"),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_do_with_one_value_is_a_sentence_about_that_value(words, value, why):
    with pytest.raises(RuleFailed) as failed:
        chain(words, "text", TABLES)(value)
    assert why in failed.value.why
    assert failed.value.fix.endswith(".")


@pytest.mark.parametrize("pattern", ["regex=a.*z|a,b", "regex=(a*)*b|a,xx"])
def test_a_pattern_that_would_run_for_ever_ends_with_a_sentence(pattern):
    began = time.monotonic()
    with pytest.raises(RuleFailed) as failed:
        chain([pattern])("a" * MAX_RESULT)
    assert time.monotonic() - began < 6
    assert failed.value.why == f"the rule “{pattern}” took more than 2 seconds with it, so it was ended"


def test_several_patterns_that_take_their_time_end_when_the_time_for_all_of_them_is_up():
    began = time.monotonic()
    with pytest.raises(RuleFailed, match="the time for the whole trial was up") as failed:
        list(chain(["trim", *["regex=a.*z|a,b"] * 3]).steps("a" * MAX_RESULT, began + 0.2))
    assert time.monotonic() - began < 1.5
    assert failed.value.fix.endswith(".")
    with pytest.raises(RuleFailed, match="the time for the whole trial was up"):
        list(chain(["trim"]).steps("a", began))


@given(st.lists(st.sampled_from([name + ("=" + (value and "a,b")) * bool(value) for name, (_, value, _) in
                                 RULES.items() if name not in ("table", "substring", "date", "number")]), max_size=4),
       st.text(max_size=20))  # fmt: skip
def test_any_chain_makes_text_or_nothing_of_any_text(words, value):
    found = chain(words)(value)
    assert found is None or (isinstance(found, str) and found)


@given(st.text(max_size=30), st.text(max_size=20))
def test_any_word_is_a_rule_or_refused_with_a_sentence(name, value):
    for word in (name, *(f"{known}={value}" for known in RULES)):
        try:
            rules = parse([word], {})
        except BadRule as error:
            assert error.message.endswith(".")
        else:
            assert rules[0].word == word
