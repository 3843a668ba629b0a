"""What an upgrade cannot settle by itself: listed when the database has been brought up to date; the start goes on.

    unsettled.register("Rows that two companies hold", settle, "Delete the coupling in one of the two.")

A room registers it when its app loads; `settle` does what it can, and returns a sentence for each thing that is left.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db import connections
from django.db.migrations.executor import MigrationExecutor


class Unsettled(NamedTuple):
    """One kind of thing that a person must settle.

    settle: settles what it can, and returns a sentence for each that is left; fix: what to do about them.
    """

    title: str
    settle: Callable[[], Sequence[str]]
    fix: str


_kinds: list[Unsettled] = []


def register(title: str, settle: Callable[[], Sequence[str]], fix: str) -> None:
    """Call `settle` after every upgrade, and list what it returns."""
    _kinds.append(Unsettled(title, settle, fix))


def settle() -> list[str]:
    """Settle what can be; return the rest as lines of text: a title, what was found, what to do."""
    found: list[str] = []
    for kind in _kinds:
        if sentences := kind.settle():
            found += [f"{kind.title}:", *(f"  {sentence}" for sentence in sentences), f"  {kind.fix}"]
    return found


def list_after_upgrade(using: str, plan: Sequence[tuple[Any, bool]] = (), **_: Any) -> None:
    """Print what is to be settled, once migrations were applied. A receiver of post_migrate."""
    forward = [migration for migration, backwards in plan if not backwards]
    if not forward:
        return
    executor = MigrationExecutor(connections[using])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return  # brought to an earlier state on purpose: not all columns are there
    for line in settle():
        print(line, file=sys.stderr)  # noqa: T201 - whoever upgrades reads it there
