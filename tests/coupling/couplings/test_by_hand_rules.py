"""What a person may couple by hand: a table of how a record and a row stand, and what is said."""

from typing import Any

import pytest

from coupling.couplings.by_hand_rules import Allowed, Pair, Refused, Standing, decide
from jobs.models import Reason

IRIS = Pair("10440 Iris Bicycle Parts")
DELETED = Pair("")
BEING_CREATED = Pair("10440 Iris Bicycle Parts", creating_job=7)
HELD = "The row belongs to Birch, where it is coupled to B1 Iris."
WAYS_OUT = "delete the coupling there."


def standing(**such: Any) -> Standing:
    return Standing("Alder & Finch", "CUSTOMER", ways_out=WAYS_OUT, **such)


CASES: list[tuple[str, dict[str, Any], Allowed | tuple[Reason, str, str]]] = [
    ("both are free", {}, Allowed()),
    ("the row's record was deleted here", {"of_row": DELETED}, Allowed(releases=True)),
    (
        "the row is taken",
        {"of_row": IRIS},
        (Reason.ALREADY_COUPLED, "coupled already to 10440 Iris Bicycle Parts in Alder & Finch.", "Delete Coupling"),
    ),
    (
        "the record is coupled",
        {"of_record": Pair("A", "the row 7")},
        (Reason.ALREADY_COUPLED, "with the row 7.", "Delete"),
    ),
    ("both, with each other", {"of_record": IRIS, "of_row": IRIS}, (Reason.ALREADY_COUPLED, "The record is", "Delete")),
    ("the row is being created", {"of_row": BEING_CREATED}, (Reason.ALREADY_COUPLED, "job 7", "Wait for its end")),
    ("so is the record's", {"of_record": BEING_CREATED}, (Reason.ALREADY_COUPLED, "by job 7", "cancel it")),
    ("another company holds it", {"held": HELD}, (Reason.ALREADY_COUPLED, HELD, f"Choose another row, {WAYS_OUT}")),
    ("that counts before all else here", {"held": HELD, "of_row": IRIS}, (Reason.ALREADY_COUPLED, HELD, "another row")),
    ("the row is gone", {"row_found": False}, (Reason.RECORD_GONE, "no such row", "another row")),
    (
        "the row is outside the filter",
        {"outside": "Relationship Type is Vendor"},
        (Reason.OUTSIDE_FILTER, "Integration Table Filter of CUSTOMER: Relationship Type is Vendor.", "in Dataverse"),
    ),
    ("outside and taken: the partner is told", {"outside": "x", "of_row": IRIS}, (Reason.ALREADY_COUPLED, "10440", "")),
    ("outside, its record deleted", {"outside": "x", "of_row": DELETED}, (Reason.OUTSIDE_FILTER, "x", "filter")),
    ("choices", {"of_choices": True}, (Reason.CONFIGURATION, "choices of a column", "Dataverse Option Mapping")),
]


@pytest.mark.parametrize(("given", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_may_be_coupled_by_hand_and_why_not(given, expected):
    verdict = decide(standing(**given))
    if isinstance(expected, Allowed):
        assert verdict == expected
        return
    reason, message, fix = expected
    assert isinstance(verdict, Refused)
    assert verdict.reason == reason
    assert message in verdict.message
    assert fix in verdict.fix
