"""Where a filter is refused, or finds too much, all rows are read; other errors stay what they are."""

import pytest

from coupling.matching.look_up import look_up
from coupling.rows import TooManyRows
from dataverse.errors import AccessDenied, DataverseError, Invalid, Throttled, Unavailable

REFUSED = "Rows could not be looked up by filter, so all were read instead: A sentence."


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (TooManyRows(), "A filter found more rows than it was to, so all rows were read instead."),
        (Invalid("A sentence.", status=400), REFUSED),
        (Invalid("A sentence."), REFUSED),
        (DataverseError("A sentence.", status=414), REFUSED),
        (Throttled("Busy.", status=429), None),
        (AccessDenied("No.", status=403), None),
        (Unavailable("Gone.", status=503), None),
    ],
)
def test_a_refused_filter_is_told_and_other_errors_are_raised(raised, says):
    def probe():
        raise raised

    if says is None:
        with pytest.raises(type(raised)):
            look_up(probe)
    else:
        assert look_up(probe) == (None, says)
