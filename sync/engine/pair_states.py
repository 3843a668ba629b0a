"""What is known of pairs, as their bases keep it: saving it, and finding the pairs that no run has settled yet."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from core import bulk
from coupling.models import UNSETTLED_COUPLING, Coupling, CouplingBase, IntegrationTableMapping, NewCouplings
from sync.engine.chunk import ChunkChanges, ClearedFailures, ConfirmedCoupling, CouplingState
from sync.models import DuePair

_PART = 500


def save_states(mapping: IntegrationTableMapping, changes: ChunkChanges, *, job_id: int, now: datetime) -> None:
    """Save what is known of each pair of a chunk, with the values agreed on in the same write."""
    for known in (changes.couplings, changes.confirmed):
        _save_known(mapping, known, changes.bases)
    for start in range(0, len(changes.touched), _PART):
        part = CouplingBase.objects.filter(pk__in=changes.touched[start : start + _PART])
        part.update(last_job_id=job_id, synchronized_at=now, compared=True)
    bulk.update(CouplingBase, "coupling_id", ClearedFailures._fields[1:], changes.cleared)
    bulk.update(Coupling, "id", ("pending",), [(one.coupling_id, False) for one in changes.confirmed])
    bulk.update(
        Coupling, "id", ("integration_id", "pending"),
        [(coupling_id, row_id, False) for coupling_id, row_id in changes.restore_failed],
    )  # fmt: skip


def _save_known(
    mapping: IntegrationTableMapping, known: Sequence[CouplingState | ConfirmedCoupling], bases: Mapping[int, bytes]
) -> None:
    """Update the bases of pairs, and insert those that are not there, but not of pairs that were uncoupled meanwhile.

    bases: the values that both sides agreed on, of those of which they changed.
    """
    if not known:
        return
    coupled = _still_coupled([one.coupling_id for one in known])
    owner = (mapping.company_id, mapping.pk)
    last = {one.coupling_id: one for one in known if one.coupling_id in coupled}
    columns = ("company_id", "mapping_id", *known[0]._fields[1:])
    with_values = [(pk, *owner, *one[1:], bases[pk]) for pk, one in last.items() if pk in bases]
    bulk.upsert(CouplingBase, "coupling_id", (*columns, "values"), with_values)
    bulk.upsert(
        CouplingBase, "coupling_id", columns, [(pk, *owner, *one[1:]) for pk, one in last.items() if pk not in bases]
    )


def _still_coupled(ids: Sequence[int]) -> set[int]:
    """Return those of the couplings that are there, and stay until this transaction ends."""
    there = Coupling.objects.order_by("pk")
    if connection.vendor == "postgresql":
        there = there.select_for_update(no_key=True)
    parts = (there.filter(pk__in=ids[start : start + _PART]) for start in range(0, len(ids), _PART))
    return {pk for part in parts for pk in part.values_list("pk", flat=True)}


def unsettled(
    mapping: IntegrationTableMapping, couplings: "QuerySet[Coupling]", after: int
) -> Iterator["QuerySet[Coupling]"]:
    """Yield those of the couplings, behind an id, that a run looks at although nobody told it of a change.

    Those with a base are found by its own index, those without one among what coupling jobs made.
    """
    yield couplings.filter(UNSETTLED_COUPLING, base__mapping=mapping, base__coupling__gt=after)
    for made in NewCouplings.objects.filter(mapping=mapping, last__gt=after).order_by("first"):
        yield couplings.filter(pk__range=(max(made.first, after + 1), made.last), base=None)


def forget_settled(mapping: IntegrationTableMapping) -> None:
    """Forget what coupling jobs made, where a run has settled all of it, and due pairs that are uncoupled.

    Couplings are also deleted by rooms that do not know of due pairs.
    """
    own = Coupling.objects.filter(mapping=mapping)
    DuePair.objects.filter(mapping=mapping).filter(~Exists(own.filter(pk=OuterRef("pk")))).delete()
    for made in NewCouplings.objects.filter(mapping=mapping):
        left = own.filter(pk__range=(made.first, made.last), base=None)
        first = left.order_by("pk").values_list("pk", flat=True).first()
        same = NewCouplings.objects.filter(pk=made.pk, last=made.last)  # the job may have gone on meanwhile
        if first is None:
            same.delete()
        elif first != made.first:
            same.update(first=first)
