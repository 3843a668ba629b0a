"""One row of the table from refusals to errors."""

from dataclasses import dataclass

from dataverse.errors import DataverseError


@dataclass(frozen=True, slots=True)
class Rule:
    """The error for refusals with this key whose words contain the pattern.

    key: the service code, or the HTTP status for what no code decides; message: what happened and why, with {said}
    (the service's words, at its end) and {name} (what the pattern captured); fix: what to do next, {name} too;
    pattern: a regular expression; reason: "" for the error's own; outcome_unknown: something between here and the
    service answered in its place, so the request may have been carried out.
    """

    key: str | int
    error: type[DataverseError]
    message: str
    fix: str = ""
    pattern: str = ""
    reason: str = ""
    repeat: bool = False
    outcome_unknown: bool = False
