"""The verbs of Resolve Update Conflicts: what a person chose for fields, one by one or by a rule, becomes jobs.

A choice is kept with the values that the person saw. The job carries it out under the mapping's key, on those values
alone (sync.rules.resolving); what changed meanwhile waits on the page, with what changed.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from core import bulk
from core.refusals import NotUsable
from core.words import counted
from coupling.mappings.services import require_enabled
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from jobs.errors import EmptySelection
from jobs.models import Job
from sync.engine.conflicts_standing import Standing, StandingField, conflicts_of, read_standing, taken_by_rule
from sync.models import ConflictChoice
from sync.rules.resolving import Choice, Rule, Take
from sync.start.services import start_synchronization

Chosen = Mapping[int, Mapping[str, Choice]]
"""By coupling: by field, what a person chose."""
FIRST = 50
"""Pairs of which a plan tells each field."""
_PART = 500
MOST_ON_A_PAGE = 5_000
"""Pairs that a rule is planned for while a page is made; for more a job chooses pair by pair."""


@transaction.atomic
def resolve(*, company: Any, chosen: Chosen, user: Any = None, text: str = "Resolve update conflicts") -> list[Job]:
    """Queue what a person chose for fields that conflict, one job per mapping. Raises EmptySelection, Refusal."""
    require_enabled(company)
    by_mapping: dict[int, dict[int, UUID]] = {}
    ids = [coupling_id for coupling_id, fields in chosen.items() if fields]
    for start in range(0, len(ids), _PART):
        part = Coupling.objects.filter(
            company=company, pk__in=ids[start : start + _PART], base__conflict__isnull=False
        ).values_list("pk", "mapping_id", "local_id")  # fmt: skip
        for coupling_id, mapping_id, local_id in part:
            by_mapping.setdefault(mapping_id, {})[coupling_id] = local_id
    if not by_mapping:
        raise EmptySelection
    mappings = IntegrationTableMapping.objects.select_related("company").in_bulk(by_mapping)
    return [_start(mappings[pk], pairs, chosen, user, text) for pk, pairs in by_mapping.items()]


def _start(mapping: IntegrationTableMapping, pairs: Mapping[int, UUID], chosen: Chosen, user: Any, text: str) -> Job:
    rows = [
        (coupling_id, {name: choice.dump() for name, choice in sorted(chosen[coupling_id].items())})
        for coupling_id in pairs
    ]
    job = start_synchronization(
        mapping=mapping, selection=pairs.values(), choices=_digest([user.pk if user else None, rows]), user=user,
        one_record=len(pairs) == 1, text=text,
    )  # fmt: skip
    if not job.already_waiting:
        bulk.insert(ConflictChoice, ("job_id", "coupling_id", "fields"), [(job.pk, *row) for row in rows])
    return job


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]


# -- by rule ----------------------------------------------------------------------------------------------------------


@dataclass
class RulePlan:
    """What a rule would choose: for each field how many pairs take which side, and what it cannot tell.

    digest: of the conflicts it was made for, so that another one is not carried out; first: of the first pairs each
    field, and what it takes.
    """

    rule: Rule
    chosen: dict[int, dict[str, Choice]] = field(default_factory=dict)
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    """By caption: how many take each side; "" for those that go on waiting."""
    pairs: int = 0
    """How many have such a field."""
    here: int = 0
    there: int = 0
    digest: str = ""
    first: "dict[int, list[tuple[StandingField, Take | None]]]" = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many fields are chosen."""
        return sum(map(len, self.chosen.values()))

    @property
    def waiting(self) -> int:
        """How many fields go on waiting, since the rule cannot tell."""
        return sum(found[""] for found in self.fields.values())

    @property
    def sentence(self) -> str:
        """What would be written."""
        return (
            f"{counted(self.count, 'field')} of {counted(len(self.chosen), 'pair')} would be chosen. "
            f"{counted(self.here, 'record')} here and {counted(self.there, 'row')} in Dataverse would be written."
        )


def plan_rule(bases: "QuerySet[CouplingBase]", rule: Rule, *, field_name: str = "", local: str = "") -> RulePlan:
    """Return what a rule would choose for these pairs. field_name, local: for this field alone, by name or local
    field.
    """
    plan = RulePlan(rule)
    seen = hashlib.sha256(f"{rule}:{field_name}:{local}".encode())
    for standing in read_standing(bases):
        seen.update(f"{standing.coupling_id}:{standing.since}".encode())
        _apply(plan, standing, field_name, local)
    plan.digest = seen.hexdigest()[:32]
    return plan


@transaction.atomic
def resolve_by_job(
    *, couplings: "QuerySet[CouplingBase]", rule: Rule, field_name: str = "", user: Any = None
) -> list[Job]:
    """Queue that a rule chooses for these pairs, however many, one job per mapping: it looks at each as it comes to it.

    Each pair gets its outcome; what the rule cannot tell goes on waiting. Raises EmptySelection, Refusal.
    """
    ids = list(couplings.order_by().values_list("mapping_id", flat=True).distinct())
    mappings = IntegrationTableMapping.objects.select_related("company").filter(pk__in=ids).order_by("name")
    if not (found := list(mappings)):
        raise EmptySelection
    return [
        start_synchronization(
            mapping=mapping, rule=rule.value, rule_field=field_name, user=user,
            selection=couplings.filter(mapping=mapping).values_list("coupling__local_id", flat=True),
            text=f"Resolve update conflicts: {rule.label}",
        )
        for mapping in found
    ]  # fmt: skip


def _apply(plan: RulePlan, standing: Standing, field_name: str, local: str) -> None:
    writes_here = writes_there = looked = False
    for one, take in taken_by_rule(standing, plan.rule, field_name, local):
        looked = True
        if standing.coupling_id in plan.first or len(plan.first) < FIRST:
            plan.first.setdefault(standing.coupling_id, []).append((one, take))
        plan.fields.setdefault(one.caption, Counter())[take.value if take else ""] += 1
        if take is None:
            continue
        plan.chosen.setdefault(standing.coupling_id, {})[one.name] = one.choice(take)
        writes_here |= take is not Take.HERE
        writes_there |= take is not Take.THERE
    plan.pairs += looked
    plan.here += writes_here
    plan.there += writes_there


def resolve_by_rule(
    *,
    company: Any,
    couplings: "QuerySet[CouplingBase] | None" = None,
    rule: Rule,
    field_name: str = "",
    seen: str = "",
    user: Any = None,
) -> list[Job]:
    """Queue what a rule chooses for these pairs that conflict, or for all of the company's.

    seen: the digest of the plan that the person saw. Raises EmptySelection, Refusal: conflicts changed since.
    """
    plan = plan_rule(conflicts_of(company) if couplings is None else couplings, rule, field_name=field_name)
    if seen and seen != plan.digest:
        raise NotUsable(
            "The conflicts changed since the preview was made, so nothing was chosen.",
            "Look at the preview as it is now, and choose again.",
        )
    return resolve(company=company, chosen=plan.chosen, user=user, text=f"Resolve update conflicts: {rule.label}")


def fields_in_conflict(bases: Iterable[CouplingBase]) -> dict[str, str]:
    """Return the fields of these conflicts, by name, with their captions."""
    found: dict[str, str] = {}
    for base in bases:
        for one in (base.conflict or {}).get("fields", ()):
            if one.get("name"):
                found.setdefault(one["name"], str(one.get("caption") or one["name"]))
    return found
