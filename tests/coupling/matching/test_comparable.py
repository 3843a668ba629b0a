"""Which kinds of local fields and columns can be compared, as a table."""

import pytest

from core.vocabulary import CompareAs
from coupling.matching.comparable import by_value, why_not
from coupling.rows import Criterion
from dataverse.types import ColumnInfo
from masterdata.catalog import LocalField

ANY_TEXT = {"text", "code", "reference"}
TYPES = {*ANY_TEXT, "choice", "number", "integer", "date", "datetime", "boolean"}
COMPARABLE = {
    **{name: TYPES - {"boolean"} for name in ("String", "Memo", "Uniqueidentifier")},
    **{name: {*ANY_TEXT, "number", "integer"} for name in ("Integer", "BigInt", "Decimal", "Double", "Money")},
    **{name: {*ANY_TEXT, "choice", "integer"} for name in ("Picklist", "State", "Status")},
    **{name: {"reference"} for name in ("Lookup", "Customer", "Owner")},
    "DateTime": {"text", "code", "date", "datetime"},
    "Boolean": {"boolean"},
}


def field(type_: str) -> LocalField:
    return LocalField("field", "Field", type_)


@pytest.mark.parametrize("column_type", COMPARABLE)
def test_a_column_is_compared_with_what_can_hold_its_values(column_type: str) -> None:
    column = ColumnInfo("col", column_type, label="Column")
    assert {one for one in TYPES if not why_not(field(one), column)} == COMPARABLE[column_type]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (
            ColumnInfo("col", "Lookup", label="Column"),
            "Column points to rows of another table, and Field holds no code of a record.",
        ),
        (ColumnInfo("col", "Picklist"), "col is a choice, and Field is no text, code or number of one."),
        (ColumnInfo("col", "Money", label="Column"), "Column is a number, and Field is none."),
        (ColumnInfo("col", "DateTime", label="Column"), "Column is a date, and Field is none."),
        (ColumnInfo("col", "Image", label="Column"), "Column holds Image values, which cannot be searched for."),
    ],
)
def test_what_cannot_be_compared_says_why(column: ColumnInfo, sentence: str) -> None:
    assert why_not(field("boolean"), column) == sentence


def test_translated_values_are_compared_as_numbers() -> None:
    given = Criterion("a", "b", 2, case_sensitive=True, compare_as=CompareAs.TEXT)
    assert by_value(given) == Criterion("a", "b", 2, case_sensitive=False, compare_as=CompareAs.NUMBER)
