"""Failed records as lines of a file and as objects of the command: with their outcomes and all that was found."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from coupling.failures.candidates import CandidateRow, FailureSeen, FailuresSeen, look_at
from coupling.failures.compared import text_of
from coupling.matching.run_matching import to_json_value
from coupling.models import FailedRecord
from jobs import display, outcomes
from jobs.pages.lists import reason_label

HEAD = (
    "Mapping", "Reason", "No.", "Name", "Compared", "Here", "In Dataverse", "Candidates", "Why", "Job", "Failed",
)  # fmt: skip
_AT_ONCE = 250
"""Records whose candidates are read together."""


def parts(failed: Iterable[FailedRecord], *, user: Any = None) -> Iterator[FailuresSeen]:
    """Yield failed records with their candidates as they are now, part by part."""
    rest = iter(failed)
    while part := list(islice(rest, _AT_ONCE)):
        yield look_at(part, user=user)


def lines(failed: Iterable[FailedRecord], user: Any) -> Iterator[Sequence[str]]:
    """Yield the lines of the file."""
    for part in parts(failed, user=user):
        for seen in part.lines:
            failure, outcome = seen.failed, seen.outcome
            columns = [str(one.get("integration")) for one in seen.fields]
            first = next(iter(seen.candidates), None)
            yield (
                failure.mapping.name, reason_label(failure.reason), failure.local_key, failure.local_name,
                " + ".join(display.caption_of_field(one) for one in seen.fields),
                ", ".join(text_of(one.get("local_value")) for one in seen.fields),
                ", ".join(text_of(first.values.get(name)) for name in columns) if first is not None else "",
                "; ".join(_told(one) for one in seen.candidates),
                outcome.message if outcome is not None else "",
                str(failure.job_id), failure.failed_at.isoformat(timespec="seconds"),
            )  # fmt: skip


def _told(one: CandidateRow) -> str:
    notes = [part for part in (one.city, one.phone, one.owner) if part]
    if one.nearly:
        notes.append(f"nearly, {one.nearly} % alike")
    if one.coupled_to:
        notes.append(f"coupled to {one.coupled_to}")
    return f"{one.name or one.id} ({', '.join(notes)})" if notes else one.name or one.id


def to_json(seen: FailureSeen) -> dict[str, Any]:
    """Return a failed record in the shape the commands print: the error object of `job --errors`, and more of it."""
    failure = seen.failed
    if seen.outcome is not None:
        found = outcomes.to_json(seen.outcome)
    else:
        local = {"id": failure.local_id, "key": failure.local_key, "name": failure.local_name}
        found = {"local": local, "integration": None, "reason": failure.reason, "message": "", "fields": []}
    first = next(iter(seen.candidates), None)
    values = first.values if first is not None else {}
    return {
        **found,
        "job": failure.job_id,
        "mapping": failure.mapping.name,
        "fields": [
            {**one, "integration_value": to_json_value(values.get(str(one.get("integration"))))} for one in seen.fields
        ],
        "candidates": [_candidate(one) for one in seen.candidates],
    }


def _candidate(one: CandidateRow) -> dict[str, Any]:
    """Return a candidate; nearly: per cent, of those alone that are only nearly alike."""
    found: dict[str, Any] = {
        "id": one.id, "name": one.name, "city": one.city, "phone": one.phone, "owner": one.owner,
        "coupled_to": one.coupled_to or None,
    }  # fmt: skip
    return {**found, "nearly": one.nearly} if one.nearly else found
