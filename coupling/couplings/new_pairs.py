"""Inserting the couplings that a job decided on; a record or a row that somebody else coupled keeps that coupling.

So does a row that a record of another table got meanwhile: two jobs at once, of customers and of vendors, may both have
found the same account free.
"""

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
_IDS_PER_QUERY = 500
_OPTION_FIELDS = ("company_id", "mapping_id", "local_id", "value", "caption", "job_id")


def insert_pairs(
    mapping: IntegrationTableMapping,
    job_id: int,
    organization: UUID,
    local_ids: Sequence[str],
    row_ids: Sequence[str],
    criteria: Sequence[int | None],
    method: Method = Method.MATCHED,
) -> tuple[Sequence[int], Sequence[int]]:
    """Insert the couplings that are not there yet; return the places of those that are made, and their ids.

    Ids come as 32 digits each; criteria: the priority that each pair was matched by, None where it was not. Call it
    inside the transaction that saves what became of the records.
    """
    if taken := _taken_by_other_tables(mapping, row_ids):
        free = [at for at, row_id in enumerate(row_ids) if row_id not in taken]
        places, made_ids = _insert(
            mapping, job_id, organization, [local_ids[at] for at in free], [row_ids[at] for at in free],
            [criteria[at] for at in free], method,
        )  # fmt: skip
        return [free[place] for place in places], made_ids
    return _insert(mapping, job_id, organization, local_ids, row_ids, criteria, method)


def _taken_by_other_tables(mapping: IntegrationTableMapping, row_ids: Sequence[str]) -> set[str]:
    """Return which of the rows are coupled with records of other tables of the company, as 32 digits each.

    Until the transaction ends, no other job inserts couplings with rows of this Dataverse table: what is free stays so.
    """
    own = IntegrationTableMapping.objects.filter(company=mapping.company_id)
    same = own.filter(integration_table=mapping.integration_table, uid_kind=mapping.uid_kind)
    others = list(same.exclude(table=mapping.table).values_list("pk", flat=True))
    if not row_ids or not others:
        return set()
    list(same.order_by("pk").select_for_update(no_key=True).values_list("pk"))  # inserting pairs by hand goes on
    elsewhere = Coupling.objects.filter(mapping__in=others)
    if not elsewhere.exists():
        return set()
    taken: set[str] = set()
    for start in range(0, len(row_ids), _IDS_PER_QUERY):
        part = row_ids[start : start + _IDS_PER_QUERY]
        found = elsewhere.filter(company=mapping.company_id, integration_id__in=part)
        taken |= {row_id.hex for row_id in found.values_list("integration_id", flat=True)}
    return taken


def _insert(
    mapping: IntegrationTableMapping,
    job_id: int,
    organization: UUID,
    local_ids: Sequence[str],
    row_ids: Sequence[str],
    criteria: Sequence[int | None],
    method: Method,
) -> tuple[Sequence[int], Sequence[int]]:
    """Insert these couplings; see insert_pairs."""
    count = len(local_ids)
    if not count:
        return range(0), range(0)
    ids = bulk.take_ids(Coupling, count)
    columns = (
        repeat(mapping.company_id), repeat(mapping.pk), repeat(mapping.table), local_ids, row_ids,
        repeat(organization), repeat(method.value), repeat(job_id), criteria, repeat(None), ids,
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
