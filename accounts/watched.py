"""Query sets that say what they change without saving each row, which signals would say otherwise.

What is changed in SQL, past the models, nobody here hears of.
"""

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from django.db import models

Watch = Callable[[models.QuerySet[Any], Collection[str]], AbstractContextManager[None]]


ADDED = "(added)"
"""Stands among the names of what changes for rows that are added."""


class WatchedQuerySet(models.QuerySet[Any]):
    """Rows whose changes in bulk are made under `watch`: it is given them, and the names of what changes."""

    watch: ClassVar[Watch] = staticmethod(lambda *_: nullcontext())

    def update(self, **values: Any) -> int:
        """Change all rows; bulk_update comes here as well."""
        with type(self).watch(self, values.keys()):
            return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Any]:
        """Insert rows; those that are there already may be changed by it."""
        with type(self).watch(self.all(), {ADDED, *(update_fields or ())}):
            return super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )
