"""Which field each column of a file holds: chosen, or known by the field's name or caption."""

import re
from collections.abc import Iterable, Mapping, Sequence

from core.refusals import Refusal
from masterdata.catalog import LocalTable


class UnknownColumns(Refusal):
    """A column was named that the file or the table does not have."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__("unknown_column", message, fix)


def chosen_columns(table: LocalTable, header: Sequence[str], columns: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Return the columns a person chose. Raises UnknownColumns."""
    fields = [known.name for known in table.fields]
    positions = {word.casefold(): position for position, word in enumerate(header)}
    for name, word in columns.items():
        if name not in fields:
            raise UnknownColumns(
                f"{table.caption} has no field {name!r}.",
                f"The possible ones are: {', '.join(fields)}.",
            )
        if word.casefold() not in positions:
            raise UnknownColumns(
                f"The file has no column {word!r}.",
                f"Its columns are: {', '.join(filter(None, header))}.",
            )
    _need_key(table, columns, header)
    return {name: (positions[word.casefold()], word) for name, word in columns.items()}


def guess_columns(table: LocalTable, header: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Return each column that is named like a field or its caption, the first one for each; others are left out."""
    known = {_plain(word): one.name for one in table.fields for word in (one.caption, one.name)}
    found: dict[str, tuple[int, str]] = {}
    for position, word in enumerate(header):
        if word and (name := known.get(_plain(word))):
            found.setdefault(name, (position, word))
    return found


def columns_by_name(table: LocalTable, header: Sequence[str], *, fix: str) -> dict[str, tuple[int, str]]:
    """Return each column found by a field's name or caption. Raises UnknownColumns, ending with `fix`."""
    known = {_plain(word): one.name for one in table.fields for word in (one.caption, one.name)}
    unknown = [word for word in header if word and _plain(word) not in known]
    if unknown:
        raise UnknownColumns(
            f"{table.caption} has no field for the file's {'column' if len(unknown) == 1 else 'columns'} "
            f"{', '.join(unknown)}.",
            f"The possible ones are: {', '.join(one.name for one in table.fields)}. {fix}",
        )
    plan: dict[str, tuple[int, str]] = {}
    for position, word in enumerate(header):
        if not word:
            continue
        name = known[_plain(word)]
        if name in plan:
            raise UnknownColumns(
                f"The file's columns {plan[name][1]} and {word} both mean {name}.",
                "Keep one of them.",
            )
        plan[name] = (position, word)
    _need_key(table, plan, header)
    return plan


def _need_key(table: LocalTable, columns: Iterable[str], header: Sequence[str]) -> None:
    """Check that the key, which tells records apart, and each field without blank and default are in the file."""
    for needed in table.fields:
        if needed.required and needed.name not in columns:
            raise UnknownColumns(
                f"No column gives {needed.name} ({needed.caption}), which every record of {table.caption} needs.",
                f"The file's columns are: {', '.join(filter(None, header))}.",
            )


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word.casefold())
