"""Rows that are like a record: by name, phone, mail and street, each kept with its id, the most alike first."""

import uuid

import numpy as np
import pytest

from core.vocabulary import CompareAs
from coupling.matching import alike
from coupling.matching.alike import AlikeRows, compared_by
from coupling.matching.match import Matcher, group_by_priority
from coupling.rows import Criterion, RemoteRow

PHONE = Criterion("phone_no", "telephone1")
NAME = Criterion("name", "name", 1)
CITY = Criterion("city", "address1_city", 1)


def decided(criteria, records, rows):
    """Match records (name, values) with rows (name, values); return the decisions."""
    matcher = Matcher(group_by_priority(criteria), near_misses=True)
    fields = {one.local for one in criteria}
    matcher.add(
        [uuid.uuid4().bytes for _ in records],
        {field: [values.get(field, "") for _, values in records] for field in fields},
        [name for name, _ in records],
    )
    matcher.add_remote_rows([RemoteRow(uuid.uuid4(), name, values) for name, values in rows])
    return matcher.decide()


def found(decisions, position=0):
    return [(row.name, row.alike, row.by) for row in decisions.alike_at(position)]


@pytest.mark.parametrize(
    ("here", "there", "by"),
    [
        ("Pine Logistics Ltd", "Pine Logistic Limited", "name"),
        ("Logistics Pine", "PINE LOGISTICS", "name"),
        ("Gull Design SA", "Gull DesignSA", "name"),
    ],
)
def test_a_row_with_nearly_the_name_is_found_though_no_criterion_is_the_name(here, there, by):
    decisions = decided([PHONE], [(here, {"phone_no": "0121 555 0100"})], [(there, {"telephone1": "1"})])
    ((name, score, kind),) = found(decisions)
    assert (name, kind) == (there, by)
    assert 85 <= score <= 100


def test_a_phone_number_of_which_one_digit_differs_is_alike_where_the_names_have_something_in_common():
    decisions = decided(
        [PHONE],
        [("Adatum Trading House", {"phone_no": "+44 20 7946 0145"})],
        [("Adatum Trading", {"telephone1": "+44 20 7946 0146"}), ("Fabrikam", {"telephone1": "+44 20 7946 0147"})],
    )
    assert found(decisions) == [("Adatum Trading", 92, "phone")]


def test_mail_and_street_are_compared_where_criteria_read_them():
    mail = Criterion("e_mail", "emailaddress1", compare_as=CompareAs.EMAIL)
    street = Criterion("address", "address1_line1", 1)
    record = ("Adatum House", {"e_mail": "info@adatum.example", "address": "12 Station Road"})
    rows = [
        ("Adatum House Bonn", {"emailaddress1": "infos@adatum.example", "address1_line1": ""}),
        ("Adatum House Ulms", {"emailaddress1": "", "address1_line1": "12, Station Roads"}),
        ("Adatum House Kiel", {"emailaddress1": "", "address1_line1": "99 Other Lane"}),
    ]
    assert [(name, by) for name, _, by in found(decided([mail, street], [record], rows))] == [
        ("Adatum House Bonn", "mail"), ("Adatum House Ulms", "street"),
    ]  # fmt: skip


def test_names_with_other_numbers_and_rows_in_the_same_city_are_not_alike():
    record = ("Branch 12", {"name": "Branch 12", "city": "Bonn"})
    rows = [("Branch 13", {"name": "Branch 13", "address1_city": "Bonn"})]
    assert not found(decided([NAME, CITY], [record], rows))


def test_a_near_miss_comes_first_with_its_row():
    record = ("Adatum", {"name": "Adatum Corp", "city": "Bonn"})
    rows = [("Adatum Corps", {"name": "Adatum Corps", "address1_city": "Ulm"}),
            ("Adatum, Corp", {"name": "Adatum, Corp", "address1_city": "Bonn"})]  # fmt: skip
    assert found(decided([NAME, CITY], [record], rows))[0] == ("Adatum, Corp", 100, "near miss")


def test_a_record_that_has_a_row_has_none_that_is_alike():
    decisions = decided(
        [PHONE], [("Adatum", {"phone_no": "0121 555 0100"})],
        [("Adatum", {"telephone1": "0121 555 0100"}), ("Adatums", {"telephone1": "2"})],
    )  # fmt: skip
    assert not found(decisions)


def test_at_most_three_rows_are_kept_and_too_many_pairs_give_up(monkeypatch):
    compared = compared_by([PHONE])
    rows = AlikeRows(compared)
    rows.add([["Adatum Boatyards"], [""]])
    names = [f"Adatum Boatyard{letter}" for letter in "abcdef"]
    ids = [uuid.uuid4().hex for _ in names]
    rows.look(ids, names, [names, [""] * 6], np.zeros(1, np.bool_))
    assert len(rows.at(0)) == alike.KEPT
    monkeypatch.setattr(alike, "COMPARED", 3)
    few = AlikeRows(compared)
    few.add([["Adatum Boatyards"], [""]])
    few.look(ids, names, [names, [""] * 6], np.zeros(1, np.bool_))
    assert (few.looks, few.at(0)) == (False, [])
