"""Values as text for a person (the FormattedValue annotation), in the format of the United States."""

from datetime import datetime
from decimal import Decimal

from sandbox.metadata.model import CHOICES, Column


def format_value(column: Column, value: object, symbol: str = "$") -> str | None:
    """Return a decoded JSON value as text; None where the service gives no text for the column's type."""
    kind = column.type
    if kind in CHOICES and isinstance(value, int):
        return column.label_of(value)
    if kind == "MultiSelectPicklist" and isinstance(value, str):
        return "; ".join(column.label_of(int(one)) or one for one in value.split(","))
    if kind == "Boolean":
        return column.choices[1 if value else 0].label
    if kind == "Money" and isinstance(value, int | float | Decimal):
        return f"{'-' if value < 0 else ''}{symbol}{abs(value):,.2f}"
    if kind in {"Integer", "BigInt"} and isinstance(value, int):
        return f"{value:,}"
    if kind in {"Decimal", "Double"} and isinstance(value, int | float | Decimal):
        return f"{value:,.{column.precision or 0}f}"
    if kind == "DateTime" and isinstance(value, str):
        found = datetime.fromisoformat(value.replace("Z", "+00:00"))
        day = f"{found.month}/{found.day}/{found.year}"
        if column.date_only or column.format == "DateOnly":
            return day
        return f"{day} {found.hour % 12 or 12}:{found.minute:02d} {'PM' if found.hour >= 12 else 'AM'}"
    return None
