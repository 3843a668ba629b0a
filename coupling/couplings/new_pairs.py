"""Inserting the couplings that a job decided on; a record or a row that somebody else coupled keeps that coupling."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from core import bulk
from coupling.matching.choice_rows import row_id_of, value_of
from coupling.models import Coupling, IntegrationTableMapping, Method, NewCouplings, OptionMapping, pairs_of

_COUPLING_FIELDS = (
    "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id",
    "criterion", "created_at",
)  # fmt: skip
_OPTION_FIELDS = ("company_id", "mapping_id", "local_id", "value", "caption", "job_id")


class NewPair(NamedTuple):
    """A record and the row it is to be coupled with; criterion: the priority that it was matched by."""

    local_id: UUID
    row_id: UUID
    criterion: int | None


def insert_pairs(
    mapping: IntegrationTableMapping, job_id: int, organization: UUID, pairs: Sequence[NewPair]
) -> dict[int, int]:
    """Insert the couplings that are not there yet; return their ids by the places of their pairs."""
    before = Coupling.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    given = [
        (
            mapping.company_id, mapping.pk, mapping.table, pair.local_id, pair.row_id, organization,
            Method.MATCHED.value, job_id, pair.criterion, None,
        )
        for pair in pairs
    ]  # fmt: skip
    inserted = bulk.insert(Coupling, _COUPLING_FIELDS, given, ignore_conflicts=True)
    made = Coupling.objects.filter(pk__gt=before, job_id=job_id).order_by("pk")
    if inserted == len(pairs):  # their ids are in the order in which they were given
        return dict(enumerate(made.values_list("pk", flat=True)))
    ids = dict(made.values_list("local_id", "pk"))
    return {at: ids[pair.local_id] for at, pair in enumerate(pairs) if pair.local_id in ids}


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
