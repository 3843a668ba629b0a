"""What people knew records by that were deleted here: what is left undone about them goes by their number and name."""

from collections.abc import Mapping
from uuid import UUID

from coupling.couplings import pair_outcomes
from sync.models import DuePair

Names = dict[int, tuple[str, str]]


def names_of_deleted(records: Mapping[int, UUID]) -> Names:
    """Return key and name of deleted records, given and returned by their couplings; without those nobody knows.

    Whoever deleted one said so (sync.deletions); what was deleted past the application is known from what stands undone
    about it, or from what an earlier job told of it.
    """
    noted = DuePair.objects.filter(pk__in=list(records)).exclude(local_key="")
    found = {pk: (key, name) for pk, key, name in noted.values_list("coupling_id", "local_key", "local_name")}
    return found | pair_outcomes.names_of_deleted({pk: one for pk, one in records.items() if pk not in found})
