"""Columns that change in Dataverse while a job runs: refusals are looked into before records fail because of them."""

from collections.abc import Iterable

from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.mappings.column_looks import Drift
from coupling.models import IntegrationTableMapping
from coupling.rows import WriteResult
from dataverse.errors import Invalid
from jobs.models import Reason

SUSPECT = frozenset(
    {Reason.UNKNOWN_COLUMN.value, Reason.VALUE_TOO_LONG.value, Reason.VALUE_INVALID.value, Reason.UNKNOWN_CHOICE.value}
)
"""Reasons of refusals that another table than the one that was read explains."""
MOST_LOOKS = 5
"""How often a slice begins anew because columns changed."""


class ColumnsChanged(Exception):
    """The table's columns are not what this slice took them for: it has to begin anew from its last checkpoint."""


def look_again(mapping: IntegrationTableMapping, gateway: Gateway, drift: Drift) -> bool:
    """Read the table's metadata anew and keep what is seen. Return whether it is another than `drift` says."""
    found = column_looks.look(mapping, gateway.table_again(mapping).columns)
    return found.mark != drift.mark or _outline(found) != _outline(drift)


def _outline(drift: Drift) -> set[tuple[str, str, str]]:
    return {(change.key, change.now, change.stops.value) for change in drift.changes}


class LaterLook:
    """Looks whether columns changed since a slice read them; once in a slice, and where something points to it.

    Raises ColumnsChanged: nothing is recorded of the chunk in hand then. What of it was written is recognized as our
    own by whoever decides about it again.
    """

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway, drift: Drift) -> None:
        self._about = mapping, gateway, drift
        self._taken = False

    def into(self, results: Iterable[WriteResult]) -> None:
        """Look where Dataverse refused rows for what another table than the one that was read explains."""
        if any(not result.ok and result.reason in SUSPECT for result in results):
            self.take()

    def take(self) -> None:
        """Look, unless that was done already."""
        if self._taken:
            return
        self._taken = True
        if look_again(*self._about):
            raise ColumnsChanged


def asks_for_gone_column(error: Exception, link: str | None) -> bool:
    """Return whether a link to the changes asks for a column that is gone."""
    return link is not None and isinstance(error, Invalid) and error.reason == Reason.UNKNOWN_COLUMN
