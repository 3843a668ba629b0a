"""Texts compared in the database without regard to case, of whatever alphabet: SQLite folds ASCII alone by itself."""

from typing import Any

from django.db.models import Func, TextField
from django.db.models.expressions import Combinable


class Folded(Func):
    """A text in small letters, to be compared with `text.lower()`.

    of_any_alphabet: needed where that text is not ASCII; PostgreSQL then goes by ICU, since the database's own rules
    may know ASCII alone. by_code_point: so that texts are ordered as here.
    """

    function = "LOWER"
    output_field = TextField()

    def __init__(
        self, expression: "str | Combinable", *, of_any_alphabet: bool = False, by_code_point: bool = False
    ) -> None:
        super().__init__(expression)
        self.of_any_alphabet, self.by_code_point = of_any_alphabet, by_code_point

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Fold by Python's own rules; see add_function."""
        return self.as_sql(compiler, connection, function="TANDEM_LOWER", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Fold by ICU where it matters."""
        inner = '%(expressions)s COLLATE "und-x-icu"' if self.of_any_alphabet else "%(expressions)s"
        outer = ' COLLATE "C"' if self.by_code_point else ""
        return self.as_sql(compiler, connection, template=f"(LOWER({inner}){outer})", **context)


def add_function(connection: Any, **_: Any) -> None:
    """Give a new SQLite connection the function that Folded calls."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("TANDEM_LOWER", 1, _lower, deterministic=True)


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text
