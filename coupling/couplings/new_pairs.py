"""Inserting the couplings that a job decided on; a record or a row that somebody else coupled keeps that coupling."""

from collections.abc import Sequence
from itertools import repeat
from uuid import UUID

from core import bulk
from coupling.matching.choice_rows import row_id_of, value_of
from coupling.models import Coupling, IntegrationTableMapping, Method, NewCouplings, OptionMapping, pairs_of

_COUPLING_FIELDS = (
    "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id",
    "criterion", "created_at", "id",
)  # fmt: skip
_OPTION_FIELDS = ("company_id", "mapping_id", "local_id", "value", "caption", "job_id")


def insert_pairs(
    mapping: IntegrationTableMapping,
    job_id: int,
    organization: UUID,
    local_ids: Sequence[str],
    row_ids: Sequence[str],
    criteria: Sequence[int],
) -> tuple[Sequence[int], Sequence[int]]:
    """Insert the couplings that are not there yet; return the places of those that are made, and their ids.

    Ids come as 32 digits each; criteria: the priority that each pair was matched by.
    """
    count = len(local_ids)
    if not count:
        return range(0), range(0)
    ids = bulk.take_ids(Coupling, count)
    columns = (
        repeat(mapping.company_id), repeat(mapping.pk), repeat(mapping.table), local_ids, row_ids,
        repeat(organization), repeat(Method.MATCHED.value), repeat(job_id), criteria, repeat(None), ids,
    )  # fmt: skip
    # The shortest column ends them.
    inserted = bulk.insert(Coupling, _COUPLING_FIELDS, zip(*columns, strict=False), ignore_conflicts=True)
    if inserted == count:
        return range(count), ids
    made = Coupling.objects.filter(pk__gte=ids[0], pk__lte=ids[-1], job_id=job_id)
    there = set(made.values_list("pk", flat=True))
    places = [at for at, pk in enumerate(ids) if pk in there]
    return places, [ids[at] for at in places]


def note_new(mapping: IntegrationTableMapping, job_id: int, ids: Sequence[int]) -> None:
    """Save that no run has compared these couplings of a job, which follow those that it has inserted before."""
    if ids:
        NewCouplings.objects.update_or_create(
            mapping=mapping, job_id=job_id,
            defaults={"last": max(ids)}, create_defaults={"first": min(ids), "last": max(ids)},
        )  # fmt: skip


def insert_choices(mapping: IntegrationTableMapping, job_id: int, pairs: Sequence[tuple[UUID, UUID, str]]) -> set[UUID]:
    """Couple records with choices, given as (record, id that stands for the choice, caption); return those coupled."""
    given = [
        (mapping.company_id, mapping.pk, local_id, value_of(row_id), caption, job_id)
        for local_id, row_id, caption in pairs
    ]
    if bulk.insert(OptionMapping, _OPTION_FIELDS, given, ignore_conflicts=True) == len(given):
        return {local_id for local_id, _, _ in pairs}
    made = pairs_of(mapping).filter(local_id__in=[local_id for local_id, _, _ in pairs], job_id=job_id)
    own = {local_id: row_id_of(value) for local_id, value in made.values_list("local_id", "value")}
    return {local_id for local_id, row_id, _ in pairs if own.get(local_id) == row_id}
