"""New rows that are not active here: Dataverse creates every row active, and it is made inactive once it exists.

Of a create it ignores `statecode`, and refuses a `statuscode` that belongs to another state than the first one.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sync.engine.chunk import HeldBack, NewRemoteRow
from sync.rules.canonical import FieldSpec, remote_reader
from sync.rules.values import Problem

STATE, REASON = "statecode", "statuscode"
CREATED = 0
"""The state of new rows, of all tables but those that have a rule of their own (product: a draft)."""


def hold_back(specs: Mapping[str, FieldSpec], new: NewRemoteRow) -> NewRemoteRow:
    """Return a new row without the state that it cannot be created in: it is changed to that once it exists.

    Until then both sides agree on what it is created as, so that whoever resumes after a kill sends the rest.
    """
    if not new.columns.get(STATE):
        return new
    held = {name: new.columns.pop(name) for name in (STATE, REASON) if name in new.columns}
    agreed = {name: new.base.pop(name) for name, spec in specs.items() if spec.column.name in held and name in new.base}
    for name in agreed:
        created = remote_reader(specs[name])(CREATED) if specs[name].column.name == STATE else None
        if created is not None and not isinstance(created, Problem):
            new.base[name] = created
    new.held_back = HeldBack(held, agreed)
    return new


def later_changes(
    rule: Mapping[str, Any], rows: Iterable[tuple[UUID, HeldBack | None]]
) -> list[tuple[UUID, dict[str, Any], str]]:
    """Return the updates of new rows that exist now: by the rule of their table, and what each held back."""
    wanted = [(row_id, {**rule, **(held.columns if held else {})}, "") for row_id, held in rows]
    return [one for one in wanted if one[1]]


def not_changed(new: NewRemoteRow, why: str) -> str:
    """Return what the outcome of a new row says that could not be changed once it existed."""
    return f"The row was created, and could not be {'made inactive' if new.held_back else 'published'}: {why}"
