"""The condition that an id is among many given ones, all of them in one parameter."""

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import BooleanField, F, Func


class Among(Func):
    """Whether a column of ids has one of these, each given as 32 small digits. The column's own index finds them.

    Thousands of ids cost the time of writing them; `column__in` makes an object and a parameter of each.
    """

    output_field = BooleanField()

    def __init__(self, column: str, ids: Sequence[str]) -> None:
        super().__init__(F(column))
        self.ids = ids

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the condition and its parameters."""
        column, parameters = compiler.compile(self.source_expressions[0])
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s::uuid[])", (*parameters, f"{{{','.join(self.ids)}}}")
        return f"{column} IN (SELECT value FROM json_each(%s))", (*parameters, json.dumps(self.ids))  # noqa: S608 # nosec B608
