"""Counting what a full synchronization has to do, mapping by mapping, and what is recommended for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from connection_setup.connection.state import connection_of
from core.vocabulary import Direction, Recommendation
from coupling import claims, local_records
from coupling.gateway import Gateway
from coupling.mappings import defaults
from coupling.mappings.services import require_enabled
from coupling.matching import criteria
from coupling.models import Coupling, IntegrationTableMapping
from dataverse.types import Usage
from jobs.models import Job, State, Type
from sync.full import results
from sync.full.estimate import Rates, Work, estimate
from sync.full.recommendations import Facts, Kind, recommend
from sync.models import FullSynchReviewLine

_KINDS = {
    "salesperson": Kind.SALESPEOPLE,
    "currency": Kind.CURRENCY,
    **dict.fromkeys(("unit_of_measure", "unit_group", "item_unit_of_measure", "resource_unit_of_measure"), Kind.UNITS),
}


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of a mapping: what the recommendation goes by, and all that a run would read."""

    facts: Facts
    read: int


def count_all(company: Any, usage: Usage | None = None) -> list[tuple[IntegrationTableMapping, Counted]]:
    """Count both sides of every mapping. It sends requests, so call it before the lines' transaction begins."""
    require_enabled(company)
    gateway = Gateway(company, usage)
    mappings = IntegrationTableMapping.objects.select_related("company").filter(company=company)
    mappings = mappings.exclude(name__in=[*defaults.disabled_names(company), *defaults.resting_names(company)])
    return [(mapping, _count(mapping, gateway)) for mapping in mappings]


def counted_lines(
    company: Any, counted: Sequence[tuple[IntegrationTableMapping, Counted]], *, lock: bool = False
) -> list[FullSynchReviewLine]:
    """Return the lines with these counts and recommendations, unsaved; what people and jobs did with them stays.

    lock: inside a transaction that saves them, so that nobody changes them meanwhile.
    """
    rows = FullSynchReviewLine.objects.filter(company=company)
    known = {line.name: line for line in (rows.select_for_update() if lock else rows)}
    found: dict[str, Facts] = {}
    for mapping, seen in counted:
        line = known.setdefault(mapping.name, FullSynchReviewLine(company=company, name=mapping.name))
        found[mapping.name] = replace(seen.facts, overridden=line.overridden)
    removed = {name for name, line in known.items() if line.removed}
    advice = recommend(facts for name, facts in found.items() if name not in removed)
    now = timezone.now()
    known_rates = results.rates_of(company)
    for mapping, seen in counted:
        line, facts = known[mapping.name], seen.facts
        line.dependencies, line.direction, line.position = mapping.dependencies, mapping.direction, mapping.position
        line.local_count, line.integration_count, line.counted_at = facts.local_count, facts.remote_count, now
        if not line.status:
            line.recommendation = Recommendation(advice.get(mapping.name, Recommendation.NO_RECORDS).value)
            line.estimate = _estimate(line, seen, known_rates)
    return [known[mapping.name] for mapping, _ in counted]


def save_lines(company: Any, counted: Sequence[tuple[IntegrationTableMapping, Counted]]) -> None:
    """Write the counts and recommendations on the lines. Call it inside a transaction."""
    lines = counted_lines(company, counted, lock=True)
    FullSynchReviewLine.objects.filter(company=company).exclude(name__in=[line.name for line in lines]).delete()
    for line in lines:
        line.save()


def _estimate(line: FullSynchReviewLine, seen: Counted, known: Rates) -> dict[str, Any]:
    """Return what the line's run is expected to take; nothing where nothing runs.

    Where records and rows are coupled first, how many will be the same is not known: all that can be is taken to be.
    """
    here, there = line.local_count, line.integration_count or 0
    if line.recommendation not in (Recommendation.FULL, Recommendation.NONE):
        return {}
    created_there, created_here = (here, there) if line.recommendation == Recommendation.FULL else (0, 0)
    if couples_first(line, has_criteria=seen.facts.criteria):
        created_there, created_here = max(0, here - there), max(0, there - here)
    work = Work(
        seen.read,
        created_there if line.direction != Direction.FROM else 0,
        created_here if line.direction != Direction.TO else 0,
    )
    return estimate(work, known).dump()


def _count(mapping: IntegrationTableMapping, gateway: Gateway) -> Counted:
    kind = Kind.OPTION if mapping.uid_kind == "option" else _KINDS.get(mapping.table, Kind.TABLE)
    local_records.get_table(mapping).find_changes(mapping.company)
    local_count = local_records.uncoupled_records(mapping).order_by().count()
    if kind is Kind.OPTION:
        remote_count, read, only_base_currency = 0, 0, False
    else:
        local_count += local_records.unconfirmed_records(mapping).order_by().count()
        remote_count, read, only_base_currency = _count_remote(mapping, gateway, currencies=kind is Kind.CURRENCY)
    facts = Facts(
        mapping.name, local_count, remote_count, tuple(mapping.dependencies), kind,
        bool(criteria.stored_criteria(mapping)),
        only_base_currency=only_base_currency,
    )  # fmt: skip
    return Counted(facts, max(local_count, read))


def _count_remote(mapping: IntegrationTableMapping, gateway: Gateway, *, currencies: bool) -> tuple[int, int, bool]:
    """Return how many rows inside the filter the company has not coupled, but those that belong to another company; and
    how many rows there are inside the filter.

    With `currencies` also whether the base currency is the only one, else False.
    """
    columns = ["exchangerate"] if currencies else []
    organization_id = connection_of(mapping.company).organization_id
    count, read, rates = 0, 0, []
    for page in gateway.scan(mapping, columns):
        ids = [row.id for row in page.rows]
        known = set(
            Coupling.objects.filter(company=mapping.company, integration_id__in=ids, pending=False)
            .values_list("integration_id", flat=True)
        )  # fmt: skip
        read += len(ids)
        count += len(ids) - len(known | claims.find_held(mapping, organization_id, ids))
        if currencies:
            rates += [row.values.get("exchangerate") for row in page.rows]
    return count, read, len(rates) == 1 and float(rates[0] or 0) == 1.0


def couples_first(line: FullSynchReviewLine, *, has_criteria: bool) -> bool:
    """Return whether the criteria couple what is the same before a full synchronization creates the rest.

    Where a person recommends it after the mapping was coupled, what is uncoupled found no match: it is created at once.
    """
    if not (has_criteria and line.local_count and line.integration_count):
        return False
    if not line.overridden:
        return True
    coupled = Job.objects.filter(company=line.company, mapping_name=line.name, type=Type.COUPLING, state=State.FINISHED)
    return not coupled.exists()
