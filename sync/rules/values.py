"""Words and records shared by the pure modules of synchronization. No Django here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Value = bool | int | str | None
"""A canonical value: what both sides are compared by and what the base keeps.

Text is NFC and trimmed, blank is None; numbers and dates are text of one spelling; choices are the choice's number;
references are the GUID of the Dataverse row.
"""


class Side(StrEnum):
    """The two sides of a pair."""

    LOCAL = "local"
    INTEGRATION = "integration"


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that cannot be carried to the other side: a reason of jobs' closed list and the user's sentence."""

    reason: str
    message: str


Carried = Value | Problem
"""What a side's value looks like to the other side."""


@dataclass(frozen=True, slots=True)
class LocalColumn:
    """A local field as the pure modules see it; `type` as in masterdata.catalog.LocalField."""

    name: str
    caption: str
    type: str
    max_length: int | None = None
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """How a reference crosses: the keys of local records that are coupled, and their partners.

    A partner is the GUID of a row, as text, or the number of a choice. `blank_partner` is what a blank local value
    stands for (the local currency's row); `blank_code` the code that says the same as blank (the local currency's).
    """

    caption: str
    partners: Mapping[str, str | int]
    codes: Mapping[str | int, str]
    target: str = ""
    blank_partner: str | None = None
    blank_code: str = ""
