"""Values that differ only in what people do not see or mean: what differs, and that nothing is coupled by it."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import CompareAs
from coupling.matching import closest
from coupling.matching.decisions import Result
from coupling.matching.match import Matcher, group_by_priority
from coupling.matching.near_misses import closest_sentence, difference
from coupling.rows import Criterion

NAME, CITY = Criterion("name", "name"), Criterion("city", "address1_city")


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ("ACME", "ACME\u200b", "an invisible character (U+200B)"),
        ("AC\u00adME\u200b", "ACME", "invisible characters (U+00AD, U+200B)"),
        ("Espe\u00a0Works", "Espe Works", "spacing (U+00A0)"),
        ("Eibe  Works", "Eibe Works", "spacing"),
        ("EibeWorks", "Eibe Works", "spacing"),
        ("Esche-Works", "Esche\u2010Works", "punctuation (U+2010)"),
        ("Esche-Works", "Esche Works", "spacing and punctuation"),
        ("A.C.M.E.", "acme", "punctuation"),
        ("Acme", "ACME\u200b ", "an invisible character (U+200B)"),
        ("Elm Ltd.", "Elm", "legal form"),
        ("Elm Ltd", "ELM GmbH & Co. KG", "legal form"),
        ("Elm A/S", "Elm, Inc.", "legal form"),
        ("Elm Sp. z o.o.", "Elm S. A.", "legal form"),
        ("Eibe-Works Ltd", "Eibe Works", "spacing, punctuation and legal form"),
        ("EibeWorksLtd", "Eibe Works Ltd", "spacing"),
        ("Bobag", "Bob", ""),
        ("Ltd.", "GmbH", ""),
        ("ACME", "ACME", ""),
        ("ACME", "acme", ""),
        ("ACME", "ACNE", ""),
        ("का", "क", ""),
        ("--", "-", ""),
    ],
)
def test_what_differs_is_named_and_other_letters_are_no_near_miss(here, there, told):
    assert difference(here, there) == told


def test_letter_case_is_told_where_it_counts():
    assert difference("ACME", "acme", case_sensitive=True) == "upper and lower case"


def matcher(records, criteria=(NAME,)):
    found = Matcher(group_by_priority(criteria), near_misses=True)
    columns = {one.local: [record.get(one.local) for record in records] for one in criteria}
    found.add([uuid4().bytes for _ in records], columns)
    return found


def page(found, rows, criteria=(NAME,)):
    columns = {one.integration: [row.get(one.integration) for row in rows] for one in criteria}
    found.add_remote_page([str(uuid4()) for _ in rows], [row.get("name") for row in rows], columns)


def test_a_near_miss_is_found_on_any_page_and_couples_nothing():
    found = matcher([{"name": "ACME"}, {"name": "Birch"}, {"name": "Elm Ltd."}])
    page(found, [{"name": "Fir"}, {"name": "ACME\u200b"}])
    page(found, [{"name": "birch"}, {"name": "ELM  LTD"}, {"name": "A-CME"}])
    decisions = found.decide()
    assert [one.result for one in decisions] == [Result.NO_MATCH, Result.COUPLED, Result.NO_MATCH]
    assert [decisions.near_miss_at(at) for at in range(3)] == [(0, ("ACME\u200b",)), None, (0, ("ELM  LTD",))]


def test_names_that_differ_in_their_legal_form_alone_are_near_misses_of_text_and_equal_as_company_names():
    records, rows = ["Elm A/S", "Oak", "Fir\u00df Ltd", "Co"], ["ELM GmbH", "Oak Inc.", "Firss", "Ltd"]
    found = matcher([{"name": name} for name in records])
    page(found, [{"name": name} for name in rows])
    decisions = found.decide()
    assert [decisions.near_miss_at(at) for at in range(4)] == [
        (0, ("ELM GmbH",)), (0, ("Oak Inc.",)), (0, ("Firss",)), None,
    ]  # fmt: skip
    assert decisions.positions_of_near_misses() == [0, 1, 2]
    by_name = (Criterion("name", "name", compare_as=CompareAs.COMPANY_NAME),)
    found = matcher([{"name": name} for name in records], by_name)
    page(found, [{"name": name} for name in rows], by_name)
    assert [one.result for one in found.decide()] == [Result.COUPLED] * 3 + [Result.NO_MATCH]


def test_the_closest_row_is_found_on_any_page_among_those_that_are_nobody_s_match():
    found = matcher([{"name": "Elm Tradings Ltd"}, {"name": "Birch"}, {"name": "Oak & Ash"}, {"name": ""}])
    page(found, [{"name": "Elm Trade Ltd."}, {"name": "Birch"}, {"name": "Birches"}, {"name": ""}])
    page(found, [{"name": "Trading, Elm"}, {"name": "Pine"}, {"name": None}])
    decisions = found.decide()
    assert [decisions.closest_row_at(at) for at in range(4)] == [(0, ("Trading, Elm",)), None, None, None]
    assert closest_sentence("Name", "Elm Tradings Ltd", "Trading, Elm") == (
        'The closest Name in Dataverse is "Trading, Elm" (95 % alike)'
    )
    assert closest_sentence("Name", "Customer 12", "Customer 13") == ""


def test_the_closest_row_is_not_looked_for_where_it_would_take_long(monkeypatch):
    monkeypatch.setattr(closest, "COMPARED", 5)
    found = matcher([{"name": "Elm Tradings"}, {"name": "Oaks"}])
    page(found, [{"name": "Elm Trading"}, {"name": "Oak"}])
    assert found.decide().closest_row_at(0) == (0, ("Elm Trading",))
    page(found, [{"name": "Elm Tradingss"}])
    assert found.decide().closest_row_at(0) is None


def test_fields_that_take_no_part_do_not_count_and_others_must_be_the_same():
    both = (NAME, CITY)
    records = [{"name": "ACME", "city": ""}, {"name": "ACME", "city": "Oslo"}, {"name": "ACME", "city": "Rome"}]
    found = matcher(records, both)
    page(found, [{"name": "AC ME", "address1_city": "Oslo"}], both)
    decisions = found.decide()
    assert [decisions.near_miss_at(at) for at in range(3)] == [
        (0, ("AC ME", "Oslo")), (0, ("AC ME", "Oslo")), None,
    ]  # fmt: skip


def test_numbers_and_mail_addresses_have_no_near_misses():
    mail = Criterion("e_mail", "emailaddress1", compare_as=CompareAs.EMAIL)
    found = matcher([{"e_mail": "a.b@example.com"}], (mail,))
    page(found, [{"emailaddress1": "ab@example.com"}], (mail,))
    assert found.decide().near_miss_at(0) is None


def test_what_is_kept_does_not_grow_with_the_rows():
    found = matcher([{"name": "ACME"}])
    for _ in range(3):
        page(found, [{"name": f"AC{' ' * n}ME"} for n in range(1, 200)])
    assert sum(len(index.near_rows) for index in found._indexes) == 1
    assert found.stored_rows == 0


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_value_is_no_near_miss_of_itself_and_both_ways_say_the_same(here, there):
    assert difference(here, here) == ""
    assert difference(here, there) == difference(there, here)


def test_ids_of_other_rows_do_not_matter():
    other = matcher([{"name": "ACME"}]).for_other_rows()
    page(other, [{"name": "AC ME"}])
    assert other.decide().near_miss_at(0) is None
    assert UUID(bytes=other.decide().id_at(0))
