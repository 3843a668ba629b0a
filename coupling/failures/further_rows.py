"""All rows that a record matched, where a job kept only the first ones: found again by the same criteria, by filter."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from coupling import local_records
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters
from coupling.matching import read_plan
from coupling.matching.match import Matcher
from coupling.matching.run_matching import MatchingRun
from coupling.models import FailedRecord, IntegrationTableMapping
from coupling.rows import Criterion, RemoteRow
from jobs.models import Job, Type

MOST_REQUESTS, MOST_ROWS = 2, 500
"""Requests, and rows of one page of failures; what is behind is counted, not shown."""


def find_further_rows(
    mapping: IntegrationTableMapping, gateway: Gateway, failed: Sequence[FailedRecord], jobs: Mapping[int, Job]
) -> dict[UUID, list[RemoteRow]]:
    """Return the rows that each of these records matches, by the criteria of the job that failed with it.

    Raises Refusal, DataverseError.
    """
    by_criteria: dict[tuple[Criterion, ...], list[UUID]] = {}
    for one in failed:
        job = jobs.get(one.job_id)
        if job is not None and job.type == Type.COUPLING:
            criteria = CouplingParameters.load(job.parameters).criteria
            by_criteria.setdefault(criteria, []).append(one.local_id)
    found: dict[UUID, list[RemoteRow]] = {}
    for criteria, ids in by_criteria.items():
        if criteria:
            found |= _find(mapping, gateway, criteria, ids)
    return found


def _find(
    mapping: IntegrationTableMapping, gateway: Gateway, criteria: Sequence[Criterion], ids: Sequence[UUID]
) -> dict[UUID, list[RemoteRow]]:
    records = local_records.get_table(mapping).records(mapping.company).filter(system_id__in=ids)
    run = MatchingRun(mapping, criteria, gateway, records)
    part = next(iter(local_records.iter_batches(records, run.table, run.fields)), [])
    if not part:
        return {}
    values = run.translated(part)
    local = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    wanted = read_plan.probe_filters(run.groups, local, run.column_types)
    if wanted is None or len(wanted) > MOST_REQUESTS:
        return {}
    matcher = Matcher(
        run.groups,
        blank_is_no_match=mapping.blank_is_no_match,
        country=mapping.company.country_code,
        countries=run.countries,
    )
    matcher.add(local_records.raw_ids(part), values)
    found: dict[UUID, list[RemoteRow]] = {}
    for row in gateway.probe(mapping, run.columns, wanted, pages=1)[:MOST_ROWS]:
        alone = matcher.for_other_rows()
        alone.add_remote_rows([row])
        decisions = alone.decide()
        for position in decisions.positions_with_rows():
            found.setdefault(UUID(bytes=decisions.id_at(position)), []).append(row)
    return found
