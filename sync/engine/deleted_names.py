"""What people knew records by that were deleted here: what is left undone about them goes by their number and name."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from coupling.models import UndoneRecord
from jobs import outcomes
from sync.models import DuePair

Names = dict[int, tuple[str, str]]


def names_of_deleted(records: Mapping[int, UUID]) -> Names:
    """Return key and name of deleted records, given and returned by their couplings; without those nobody knows.

    Whoever deleted one said so (sync.deletions); what was deleted past the application is known from what stands undone
    about it, or from what an earlier job told of it.
    """
    found: Names = {}
    for read in (_noted, _undone, _told):
        unknown = {pk: local_id for pk, local_id in records.items() if pk not in found}
        if unknown:
            found |= read(unknown)
    return found


def _noted(records: Mapping[int, UUID]) -> Names:
    due = DuePair.objects.filter(pk__in=list(records)).exclude(local_key="")
    return _by_coupling(due.values_list("pk", "local_key", "local_name"))


def _undone(records: Mapping[int, UUID]) -> Names:
    lines = UndoneRecord.objects.filter(coupling__in=list(records)).exclude(local_key="")
    return _by_coupling(lines.values_list("coupling_id", "local_key", "local_name"))


def _told(records: Mapping[int, UUID]) -> Names:
    newest = outcomes.newest_names(records.values())
    return {pk: newest[local_id] for pk, local_id in records.items() if local_id in newest}


def _by_coupling(rows: Iterable[tuple[int | None, str, str]]) -> Names:
    return {pk: (key, name) for pk, key, name in rows if pk is not None}
