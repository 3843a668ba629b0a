"""What new rows in Dataverse get beside the mapped columns: as lines COLUMN=VALUE, and checked with live metadata."""

from collections.abc import Mapping
from typing import Any

from core.refusals import NotUsable
from core.vocabulary import Direction
from coupling.mappings.field_checks import Pair, check_pair
from coupling.matching.comparable import CHOICES
from dataverse.types import ColumnInfo


def lines_of(values: Mapping[str, Any]) -> str:
    """Return the values as a person reads and enters them."""
    return "\n".join(f"{name}={_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    return {True: "Yes", False: "No"}[value] if isinstance(value, bool) else str(value)


def parse_lines(text: str) -> dict[str, str]:
    """Return the values of lines COLUMN=VALUE. Raises NotUsable."""
    found: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not name or not sign or not value:
            raise NotUsable(
                f"{line!r} is no COLUMN=VALUE.", "Write one a line, such as customertypecode=3.", field="insert_values"
            )
        found[name.lower()] = value
    return found


def check_values(
    given: Any, known: Mapping[str, Any], table: str, columns: Mapping[str, ColumnInfo] | None
) -> dict[str, Any]:
    """Return the values as they are stored and sent.

    known: those that are stored already, which stay as they are; columns: the table's, None where Dataverse cannot be
    asked: then nothing but stored values is taken. Raises NotUsable.
    """
    if not isinstance(given, dict) or not all(isinstance(value, str | int | float) for value in given.values()):
        raise NotUsable(
            "The values of new rows are no object of texts, numbers and yes or no.",
            'Write them as {"customertypecode": 3}.', field="insert_values",
        )  # fmt: skip
    return {name: _checked(name, value, known, table, columns) for name, value in given.items()}


def _checked(
    name: str, value: Any, known: Mapping[str, Any], table: str, columns: Mapping[str, ColumnInfo] | None
) -> Any:
    text = _text(value)
    if name in known and _text(known[name]) == text:
        return known[name]
    if columns is None:
        raise NotUsable(
            f"Whether new rows can get {name} is not known while the connection to Dataverse is not enabled.",
            "Enable it first.", field="insert_values",
        )  # fmt: skip
    column = columns.get(name)
    if column is None or not column.for_create:
        raise NotUsable(
            f"The table {table} has no column {name!r} in Dataverse that new rows can be given.",
            "Choose another column.", field="insert_values",
        )  # fmt: skip
    if column.type == "Boolean":
        text = {"yes": "1", "no": "0", "true": "1", "false": "0"}.get(text.casefold(), text)
    try:
        check_pair(Pair(None, column, Direction.TO, constant=text), Direction.TO)
    except NotUsable as error:
        raise NotUsable(error.message, error.fix, field="insert_values") from None
    return _sent(column, text)


def _sent(column: ColumnInfo, text: str) -> Any:
    """Return a text, which the column can hold, as it is sent."""
    if column.type in CHOICES or column.type == "Boolean":
        labels = {label.casefold(): number for number, label in column.choices.items()}
        number = labels[text.casefold()] if text.casefold() in labels else int(text)
        return number if column.type in CHOICES else bool(number)
    if column.type in ("Integer", "BigInt"):
        return int(text)
    return float(text) if column.type in ("Decimal", "Double", "Money") else text
