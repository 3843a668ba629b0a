"""Whether a record and a row that a person chose may be coupled: decided from how both stand. No Django."""

from dataclasses import dataclass

CHOOSE_ANOTHER = "Choose another row"
NOT_FOUND, OUTSIDE, TAKEN, CONFIGURATION = "record_gone", "outside_filter", "already_coupled", "configuration"
"""Words of jobs' closed list of reasons."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A coupling that one of the two has.

    record: the record it is of, "10440 Iris Bicycle Parts", "" where that was deleted here; row: the name or the id of
    its row; creating_job: the job that may still be creating the row.
    """

    record: str
    row: str = ""
    creating_job: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a record and a row stand that a person wants coupled.

    company, mapping: their names; of_choices: the mapping couples with choices of a column, not with rows; row_found:
    the row is there in Dataverse; outside: what it misses of the integration table filter, "" where it is inside or was
    not asked for; held: the sentence that says which other company it belongs to, "" for none, with the ways out;
    of_record: the coupling that the record has; of_row: the one that the row has with a record of the same table.
    """

    company: str
    mapping: str
    of_choices: bool = False
    row_found: bool = True
    outside: str = ""
    held: str = ""
    ways_out: str = ""
    of_record: Pair | None = None
    of_row: Pair | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """They may be coupled; releases: once the row's coupling, whose record was deleted here, is gone."""

    releases: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """They may not: the reason's word, what stands in the way, and what to do next."""

    reason: str
    message: str
    fix: str = ""


def decide(standing: Standing) -> Allowed | Refused:
    """Return whether the two may be coupled, or why not; the first thing in the way is the one that is told."""
    if standing.of_choices:
        return Refused(
            CONFIGURATION,
            f"{standing.mapping} couples records with choices of a column, not with rows.",
            "Couple them on Dataverse Option Mapping.",
        )
    if not standing.row_found:
        return Refused(
            NOT_FOUND,
            "Dataverse has no such row; perhaps it was deleted there.",
            f"{CHOOSE_ANOTHER}.",
        )
    if standing.held:
        return Refused(TAKEN, standing.held, f"{CHOOSE_ANOTHER}, {standing.ways_out}")
    for pair in (standing.of_row, standing.of_record):
        if pair is not None and pair.creating_job is not None:
            return Refused(
                TAKEN,
                f"The row is being created by job {pair.creating_job}, which has not ended.",
                "Wait for its end, or cancel it.",
            )
    if standing.of_record is not None:
        row = f" with {standing.of_record.row}" if standing.of_record.row else ""
        return Refused(TAKEN, f"The record is coupled already{row}.", "Delete that coupling first.")
    if standing.of_row is not None and standing.of_row.record:
        partner = standing.of_row.record
        return Refused(
            TAKEN,
            f"The row is coupled already to {partner} in {standing.company}.",
            f"{CHOOSE_ANOTHER}, or release this one first: choose Delete Coupling on the card of "
            f"{partner.removesuffix('.')}.",
        )
    if standing.outside:
        return Refused(
            OUTSIDE,
            f"The row is outside the Integration Table Filter of {standing.mapping}: {standing.outside}.",
            "Change that in Dataverse, or the filter on the mapping; synchronization would leave the pair out.",
        )
    return Allowed(releases=standing.of_row is not None)
