"""The words and records that the pure modules of synchronization share. No Django."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.refusals import joined

Value = bool | int | str | None
"""A canonical value: what both sides are compared by and what the base stores.

Text is NFC and trimmed, blank is None; numbers and dates are text of one spelling; choices are the choice's number;
references are the GUID of the Dataverse row.
"""


class Side(StrEnum):
    """The two sides of a pair: the local record, and the row of the integration table."""

    LOCAL = "local"
    INTEGRATION = "integration"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a value refers to: a record of a local table by its code, or the row of such a record by its id."""

    table: str
    code: str = ""
    row_id: str = ""

    def __str__(self) -> str:
        """Return it as text that `parse` reads, to be stored."""
        return f"row:{self.table}:{self.row_id}" if self.row_id else f"code:{self.table}:{self.code}"

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Return the reference that was stored. Raises ValueError."""
        kind, table, value = text.split(":", 2)
        return cls(table, row_id=value) if kind == "row" else cls(table, code=value)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value cannot be transferred to the other side.

    reason: a word of jobs' closed list; message: what is wrong; fix: what to do next; reference: what is over once that
    is coupled.
    """

    reason: str
    message: str
    fix: str = ""
    reference: Reference | None = None

    @property
    def user_message(self) -> str:
        """Return message and fix, as one text for a person."""
        return joined(self.message, self.fix)


ValueOrProblem = Value | Problem
"""The canonical value of a field on one side, or why it has none."""


@dataclass(frozen=True, slots=True)
class LocalColumn:
    """A local field as the pure modules see it; `type` as in masterdata.catalog.LocalField.

    upper_case: it holds codes that are stored trimmed and in capitals.
    """

    name: str
    caption: str
    type: str
    max_length: int | None = None
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    decimals: int | None = None
    upper_case: bool = False


@dataclass(frozen=True, slots=True)
class Links:
    """How a reference is transferred: the keys of coupled local records and their partners, both ways.

    A partner is the GUID of a row, as text, or the number of a choice. `target` is the Dataverse table that a lookup
    points to, `table` the local one. `blank_partner` is what a blank local value stands for (the local currency's row),
    `blank_code` the code that means the same as blank (the local currency's).
    """

    caption: str
    partners: Mapping[str, str | int]
    codes: Mapping[str | int, str]
    target: str = ""
    table: str = ""
    blank_partner: str | None = None
    blank_code: str = ""


def first_reference(problems: Sequence[tuple[str, Problem]]) -> Reference | None:
    """Return the first reference that the problems wait for."""
    return next((problem.reference for _, problem in problems if problem.reference), None)


def explain(problems: Sequence[tuple[str, Problem]]) -> str:
    """Return the sentences of problems, each once."""
    return " ".join(dict.fromkeys(problem.user_message for _, problem in problems))
