"""Which field goes with which column, as a table of cases: what speaks for a pair, and what does not fit."""

from dataclasses import replace

import pytest

from core.vocabulary import Direction
from coupling.mappings.proposals import Sides, Why, clashes, propose, required_and_missing
from dataverse.types import ColumnInfo
from masterdata.catalog import LocalField

BY_RULE = "ApplicationRequired"
BOTH, TO, FROM = Direction.BIDIRECTIONAL, Direction.TO, Direction.FROM


def local(name: str, caption: str = "", type: str = "text", **more: object) -> LocalField:  # noqa: A002
    return LocalField(name, caption or name.replace("_", " ").title(), type, **more)


def there(name: str, label: str = "", type: str = "String", **more: object) -> ColumnInfo:  # noqa: A002
    return ColumnInfo(name, type, label or name, **more)


def sides(fields: list[LocalField], columns: list[ColumnInfo], **more: object) -> Sides:
    known = {one.name: one for one in columns}
    return Sides(fields, "name", "new_plan", known, "new_planid", "new_name", **more)


CASES = [
    ("the publisher's prefix aside", local("seats", "Places"), there("new_seats", "Chairs"), Why.NAME),
    ("name and label", local("seats", "Seats"), there("new_seats", "Seats"), Why.NAME_AND_LABEL),
    ("case and punctuation aside", local("starts_on"), there("new_StartsOn".lower(), "Begin"), Why.NAME),
    ("the table's own name aside", local("level", "Grade"), there("new_planlevel", "Rank"), Why.NAME),
    ("label", local("fee", "Monthly Fee"), there("new_price", "Monthly fee"), Why.LABEL),
    ("name as label", local("fee", "Monthly"), there("new_x", "Fee"), Why.CROSSWISE),
    ("another word", local("no", "No."), there("new_plannumber", "Plan Number"), Why.OTHER_WORD),
    ("a standard column's word", local("phone_no", "Phone No."), there("telephone1", "Main Phone"), Why.OTHER_WORD),
    ("what a record is called", local("name", "Title"), there("new_name", "Plan"), Why.NAME),
    ("nearly alike", local("description", "Description"), there("new_descripton", "Text"), Why.SPELLED),
    ("short names that are nearly alike", local("city"), there("new_cite", "Cite"), None),
    ("nothing in common", local("seats"), there("new_colour", "Colour"), None),
    ("what Dataverse keeps", local("created_on"), there("createdon", "Created On", "DateTime"), None),
    ("an address's number is no prefix", local("city"), there("address1_city", "Address 1: City"), Why.OTHER_WORD),
]  # fmt: skip


@pytest.mark.parametrize(("field", "column", "why"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_pair_is_proposed_for_what_speaks_for_it(field: LocalField, column: ColumnInfo, why: Why | None) -> None:
    found = propose(sides([field], [column])).pairs
    assert [one.why for one in found] == ([why] if why else [])


def test_each_side_is_taken_once_and_the_best_wins() -> None:
    fields = [local("code", type="code"), local("name"), local("title", "Name")]
    columns = [there("new_name", "Name"), there("new_code", "Code")]
    found = propose(sides(fields, columns)).pairs
    assert [(one.field.name, one.column.name) for one in found] == [("code", "new_code"), ("name", "new_name")]
    called = propose(replace(sides([local("label", "Marke")], [there("new_name", "Bezeichnung")]), title="label")).pairs
    assert [one.why for one in called] == [Why.CALLED]


def test_lookups_are_proposed_where_the_records_they_lead_to_are_coupled() -> None:
    field = local("customer_no", "Customer No.", "reference", references="customer")
    lookup = there("new_customerid", "Customer", "Lookup", binds={"account": "new_customerid"})
    ready = sides([field], [lookup], coupled={"customer": {"account"}})
    assert [one.why for one in propose(ready).pairs] == [Why.NAME_AND_LABEL]
    other = replace(lookup, name="new_holder", label="Holder")
    by_rows = replace(ready, columns={"new_holder": other})
    assert [one.why for one in propose(by_rows).pairs] == [Why.LEADS_TO]
    by_name = replace(ready, columns={"vendorname": there("vendorname", "Customer")})
    assert propose(by_name).pairs == (), "a key is no name"
    two = replace(by_rows, columns={**by_rows.columns, "new_payer": replace(lookup, name="new_payer", label="Payer")})
    assert propose(two).pairs == ()
    unmapped = propose(sides([field], [lookup]))
    assert unmapped.pairs == ()
    assert unmapped.unfit == (
        "Customer No. and Customer (new_customerid), same name and label: Customer (new_customerid) points to rows "
        "whose table no mapping couples with what Customer No. names.",
    )


@pytest.mark.parametrize(
    ("field", "column", "mapping", "direction", "said"),
    [
        (local("fee", type="number"), there("new_fee", type="Money"), BOTH, BOTH, ""),
        (local("fee", type="number"), there("new_fee", type="Money"), FROM, FROM, ""),
        (local("fee", max_length=20), there("new_fee", max_length=10), BOTH, BOTH, "20 characters here, 10 there"),
        (local("fee", max_length=20), there("new_fee", max_length=10), FROM, FROM, ""),
        (local("fee", max_length=20), there("new_fee", max_length=30), BOTH, BOTH, "20 characters here, 30 there"),
        (local("fee", type="number"), there("new_fee"), BOTH, TO, "Goes to integration table alone: Fee holds a num"),
        (local("fee"), there("new_fee", for_create=False, for_update=False), BOTH, FROM, "read-only"),
        (local("fee"), there("new_fee", for_create=False, for_update=False), TO, None, "read-only"),
        (local("fee", editable=False), there("new_fee"), BOTH, TO, "cannot be written"),
        (local("fee", type="date"), there("new_fee", type="Boolean"), BOTH, None, "holds yes or no, and cannot take"),
        (local("fee"), there("new_fee", type="MultiSelectPicklist"), BOTH, None, "which cannot be synchronized"),
        (
            local("fee", type="choice", choices=(("", ""), ("1", "Low"), ("2", "High"))),
            there("new_fee", type="Picklist", choices={7: "Low"}), BOTH, BOTH, "High has no choice of that name",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_words(
    field: LocalField, column: ColumnInfo, mapping: Direction, direction: Direction | None, said: str
) -> None:
    found = propose(sides([field], [column], direction=mapping))
    assert [one.direction for one in found.pairs] == ([direction] if direction else [])
    texts = [note for one in found.pairs for note in one.notes] + list(found.unfit)
    assert [said in text for text in texts] == ([True] if said else [])
    assert all(one.is_sure is not bool(said) for one in found.pairs)


def test_required_columns_that_nothing_fills_are_named() -> None:
    columns = [
        there("new_planid", type="Uniqueidentifier", required=BY_RULE), there("new_name", required=BY_RULE),
        there("new_kind", required=BY_RULE), there("ownerid", type="Owner", required=BY_RULE),
        there("new_free", required="Recommended"),
        there("statecode", type="State", required=BY_RULE), there("new_own", required=BY_RULE, for_create=False),
    ]  # fmt: skip
    both = sides([], columns)
    assert [one.name for one in required_and_missing(both, {"new_name"})] == ["new_kind"]
    assert required_and_missing(replace(both, direction=FROM), set()) == []


def test_two_that_write_to_one_place_clash() -> None:
    both = sides([local("a"), local("b")], [there("new_x"), there("new_y")])
    a, b, x, y = *both.fields, *both.columns.values()
    pair = both.pair
    assert clashes([pair(a, x, BOTH), pair(b, y, BOTH)]) == {}
    assert "gets its value from A already" in clashes([pair(a, x, BOTH), pair(b, x, TO)])[1]
    assert clashes([pair(a, x, BOTH), pair(b, x, FROM)]) == {}
    assert clashes([pair(a, x, FROM), pair(a, y, FROM)])[1] == "A gets its value from new_x (new_x) already."
