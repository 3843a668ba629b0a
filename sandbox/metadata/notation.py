"""The short notation in which this folder describes columns.

A line is `SchemaName | type and flags | Label`. The logical name is the schema name in lower case. Types:
s160 text, memo2000 long text, i whole number (i0..5 with bounds), big, d10 decimal with 10 places (d10 0..5),
f floating point, m money (m0..100), mb money in base currency, b yes/no, dt date and time, date, g GUID,
p choice (p 1=One; 2=Two), l lookup (l contact), owner, customer, code text that the service sets.
Flags: ! business required, !! system required, * set by the service, + set at creation only.
"""

import re
from typing import Any

from sandbox.metadata.model import Choice, Column

_SIZED = re.compile(r"(?P<word>[a-z]+)(?P<size>\d+)?")
_SIZED_BOUNDED = re.compile(r"(?P<word>[a-z]+)(?:(?P<size>\d+)\s+)?(?P<low>-?[\de.+-]+?)\.\.(?P<high>-?[\de.+-]+)")
_BOUNDED = {"i": "Integer", "d": "Decimal", "m": "Money", "f": "Double"}
_RANGES = {"i": (-2147483648, 2147483647), "d": (-1e11, 1e11), "m": (-922337203685477, 922337203685477), "f": (0, 1e9)}


def _parse_choices(text: str) -> tuple[Choice, ...]:
    choices = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        value, label = part.split("=", 1)
        number, _, state = value.partition("@")
        choices.append(Choice(int(number), label.strip(), int(state) if state else None))
    return tuple(choices)


def _parse_flags(kind: str) -> tuple[str, dict[str, Any]]:
    """Split a type from its flags; return it and what they set of the column."""
    flags: dict[str, Any] = {}
    while kind and kind[-1] in "!*+":
        if kind.endswith("!!"):
            flags["required"], kind = "SystemRequired", kind[:-2]
        elif kind.endswith("!"):
            flags["required"], kind = "ApplicationRequired", kind[:-1]
        elif kind.endswith("*"):
            flags["for_create"] = flags["for_update"] = False
            kind = kind[:-1]
        else:
            flags["for_update"], kind = False, kind[:-1]
        kind = kind.rstrip()
    return kind, flags


def parse_column(line: str, *, custom: bool = False) -> list[Column]:
    """Return the column that a line describes; for an owner or customer also the column with its target's table.

    Raises ValueError for an unknown type.
    """
    schema_name, kind, label = (part.strip() for part in line.split("|", 2))
    name = schema_name.lower()
    kind, flags = _parse_flags(kind)
    values: dict[str, Any] = {"custom": custom, **flags}
    word, _, rest = kind.partition(" ")
    extra: list[Column] = []
    if word == "p":
        values.update(type="Picklist", choices=_parse_choices(rest))
    elif word in {"state", "status"}:
        values.update(type=word.capitalize(), choices=_parse_choices(rest))
    elif word == "l":
        target, _, nav = rest.strip().partition(" as ")
        nav = nav or (schema_name if custom else name)
        values.update(type="Lookup", targets=(target,), binds=((target, nav),))
    elif word in {"owner", "customer"}:
        targets = ("systemuser", "team") if word == "owner" else ("account", "contact")
        binds = tuple((target, name if word == "owner" else f"{name}_{target}") for target in targets)
        values.update(type=word.capitalize(), targets=targets, binds=binds)
        extra = [Column(f"{name}type", f"{schema_name}Type", "EntityName", "", attribute_of=name)]
    elif word in {"b", "dt", "date", "g", "big"}:
        types = {"b": "Boolean", "dt": "DateTime", "date": "DateTime", "g": "Uniqueidentifier", "big": "BigInt"}
        values.update(type=types[word], date_only=word == "date")
        if types[word] == "DateTime":
            values.update(
                behavior="DateOnly" if word == "date" else "UserLocal",
                format="DateOnly" if word == "date" else "DateAndTime",
            )
        if word == "b":
            labels = [part.strip() for part in rest.split("/")] if rest else ["No", "Yes"]
            values.update(choices=(Choice(0, labels[0]), Choice(1, labels[1])), default=False)
    else:
        values.update(_parse_type(kind, name))
    return [Column(name, schema_name, label=label, **values), *extra]


def _parse_type(kind: str, name: str) -> dict[str, Any]:
    found = (_SIZED_BOUNDED if ".." in kind else _SIZED).fullmatch(kind)
    if found is None:
        raise ValueError(f"{name}: {kind!r} is no type")
    word, size = found["word"], found["size"]
    if word in {"s", "memo", "email", "url", "phone", "code"}:
        formats = {"email": "Email", "url": "Url", "phone": "Phone", "memo": "TextArea"}
        return {
            "type": "Memo" if word == "memo" else "String",
            "max_length": int(size or 100),
            "format": formats.get(word, "Text"),
        }
    if word == "mb":
        bounds = _RANGES["m"]
        return {
            "type": "Money",
            "precision": 4,
            "minimum": bounds[0],
            "maximum": bounds[1],
            "for_create": False,
            "for_update": False,
        }
    if word not in _BOUNDED:
        raise ValueError(f"{name}: {kind!r} is no type")
    low, high = (float(found["low"]), float(found["high"])) if ".." in kind else _RANGES[word]
    places = {"i": None, "m": int(size or 2), "d": int(size or 2), "f": int(size or 2)}[word]
    return {"type": _BOUNDED[word], "minimum": low, "maximum": high, "precision": places}


def parse_columns(text: str, *, custom: bool = False) -> dict[str, Column]:
    """Return the columns that lines describe, by name and in their order. Raises ValueError."""
    parsed = [
        one
        for line in text.strip().splitlines()
        if line.strip() and not line.strip().startswith("#")
        for one in parse_column(line, custom=custom)
    ]
    return {one.name: one for one in parsed}
