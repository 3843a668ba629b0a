"""One round of the demo's jobs: every mapping in use is coupled by criteria, then all are synchronized in full."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from config.demo.show import Screen
from core.vocabulary import CompareAs, ConflictOption
from coupling.couplings import services as couplings
from coupling.failures.likely import count_waiting
from coupling.mappings import defaults
from coupling.mappings import services as mappings
from coupling.matching import criteria
from coupling.models import Coupling, Method, UndoneRecord
from coupling.rows import Criterion
from coupling.undone import FOR_A_RECORD
from jobs.models import ENDED_STATES, Job, Outcome, State, Type
from jobs.outcomes import JobOutcomes
from jobs.running import waiting
from masterdata.models import Company
from sync.full import services as full

_PARTNERS = (("phone_no", 1, CompareAs.PHONE), ("name", 2, CompareAs.COMPANY_NAME), ("city", 2, CompareAs.TEXT))
# Mapping -> local field, priority, how it is compared.
CRITERIA: dict[str, tuple[tuple[str, int, CompareAs], ...]] = {
    "SALESPEOPLE": (("e_mail", 1, CompareAs.EMAIL), ("name", 2, CompareAs.TEXT)),
    "CURRENCY": (("code", 1, CompareAs.TEXT),),
    "PAYMENT TERMS": (("code", 1, CompareAs.TEXT), ("description", 2, CompareAs.TEXT)),
    "SHIPMENT METHOD": (("code", 1, CompareAs.TEXT), ("description", 2, CompareAs.TEXT)),
    "SHIPPING AGENT": (("code", 1, CompareAs.TEXT), ("name", 2, CompareAs.TEXT)),
    "CUSTOMER": _PARTNERS,
    "VENDOR": _PARTNERS,
    "CONTACT": (("e_mail", 1, CompareAs.EMAIL), ("first_name", 2, CompareAs.TEXT), ("surname", 2, CompareAs.TEXT)),
    "UNIT OF MEASURE": (("code", 1, CompareAs.TEXT),),
    "ITEM UOM": (("code", 1, CompareAs.TEXT), ("unit_group_code", 1, CompareAs.TEXT)),
    "RESOURCE UOM": (("code", 1, CompareAs.TEXT), ("unit_group_code", 1, CompareAs.TEXT)),
    "ITEM-PRODUCT": (("no", 1, CompareAs.TEXT),),
    "RESOURCE-PRODUCT": (("no", 1, CompareAs.TEXT),),
    "CUSTPRCGRP-PRICE": (("code", 1, CompareAs.TEXT),),
    "PLHEADER-PRICE": (("code", 1, CompareAs.TEXT),),
    "OPPORTUNITY": (("description", 1, CompareAs.TEXT),),
}
CHOICES = ("PAYMENT TERMS", "SHIPMENT METHOD", "SHIPPING AGENT")
SALES = tuple(defaults.names_of_part(defaults.DYNAMICS_365))
CREATED_IN_FULL = ("CUSTOMER", "VENDOR", "CONTACT", *SALES)
"""Coupling comes first, so what is left of these on either side is really new, but for likely duplicates."""


class DemoFailed(Exception):
    """A step did not go as it should; the text says which and why."""


@dataclass
class Round:
    """What one round of the jobs did: the jobs themselves, customers and accounts made, rows written there, records
    that it left on Coupled Data Synchronization Errors, likely duplicates that wait for a person, seconds.
    """

    jobs: list[Job] = field(default_factory=list)
    customers: int = 0
    accounts: int = 0
    written: int = 0
    left: int = 0
    waiting: int = 0
    seconds: float = 0.0

    def count(self, counter: str, *, kind: str = "", mapping: str = "") -> int:
        """Return a counter over all jobs, or those of a kind and mapping."""
        return sum(
            int(job.counters.get(counter, 0))
            for job in self.jobs
            if kind in ("", job.type) and mapping in ("", job.mapping_name)
        )

    def reasons(self, mapping: str) -> Counter[str]:
        """Return why records were not coupled."""
        found: Counter[str] = Counter()
        for job in self.jobs:
            if job.type == "coupling" and job.mapping_name == mapping:
                found.update(job.reasons)
        return found

    def of(self, mapping: str) -> tuple[int, int, int, int, int, int]:
        """Return how many records of a mapping were coupled, created here and there, changed here and there, and how
        many failed to synchronize.
        """
        found: Counter[str] = Counter()
        for job in self.jobs:
            if job.mapping_name == mapping and job.type == Type.SYNCHRONIZATION:
                found.update(f"created {_side_of(one.detail)}" for one in JobOutcomes(job, Outcome.INSERTED))
                for one in JobOutcomes(job, Outcome.MODIFIED):
                    found.update({f"changed {side}" for side in _written_sides(one.detail)})
        done = [found[f"{what} {side}"] for what in ("created", "changed") for side in ("local", "integration")]
        here, there, changed_here, changed_there = done
        runs = [job.pk for job in self.jobs if job.mapping_name == mapping and job.type == Type.SYNCHRONIZATION]
        # A run couples prices and units with what is there of the same list, product and unit.
        coupled = self.count("coupled", kind="coupling", mapping=mapping)
        coupled += Coupling.objects.filter(job_id__in=runs, method=Method.MATCHED).count()
        failed = self.count("failed", kind="synchronization", mapping=mapping)
        return coupled, here, there, changed_here, changed_there, failed

    def by_mapping(self) -> dict[str, tuple[int, int, int, int, int, int]]:
        """Return what `of` does, for all mappings that jobs ran for."""
        names = {job.mapping_name for job in self.jobs}
        return {name: self.of(name) for name in defaults.default_names() if name in names}


def _side_of(detail: Any) -> str:
    return str((detail or {}).get("side", "integration"))


def _written_sides(detail: Any) -> set[str]:
    """Return the sides that a change was written to; choices, which tell no fields, are written there alone."""
    return {str(row["written"]) for row in (detail or {}).get("fields", []) if row.get("written")} or {"integration"}


def in_use(company: Company) -> list[str]:
    """Return the mappings with criteria that the company maps units and prices by."""
    off = defaults.disabled_names(company)
    return [name for name in CRITERIA if name not in off]


def choose_criteria(company: Company) -> None:
    """Keep the criteria on the mappings, as the page Select Coupling Criteria does."""
    for name in in_use(company):
        mapping = mappings.get_mapping(company, name)
        columns = {one.field: one.integration_field for one in criteria.available_criteria(mapping)}
        chosen = [Criterion(f, columns[f], priority, compare_as=how) for f, priority, how in CRITERIA[name]]
        mappings.save_criteria(
            mapping=mapping,
            settings=mappings.Settings(
                criteria=chosen, synchronize=True, create_new=mapping.create_new, conflicts=ConflictOption.SEND
            ),
        )


def play(company: Company, screen: Screen) -> Round:
    """Couple every mapping with criteria, then synchronize in full. Raises DemoFailed."""
    done, began = Round(), time.monotonic()
    for name in in_use(company):
        _finish(couplings.start_coupling(mapping=mappings.get_mapping(company, name)), done, screen)
    _synchronize_in_full(company, done, screen)
    undone = UndoneRecord.objects.filter(mapping__company=company, settled_at=None)
    done.left = undone.exclude(waits_for__startswith=FOR_A_RECORD).count()
    done.waiting = sum(count_waiting(company).values())
    done.seconds = time.monotonic() - began
    return done


def _synchronize_in_full(company: Company, done: Round, screen: Screen) -> None:
    for line in full.reset(company):
        if line.name in CREATED_IN_FULL:
            full.recommend_full(line)
    full.start(company)
    ended: set[int] = set()
    while open_jobs := [line.job for line in full.lines(company) if line.job and line.job.pk not in ended]:
        for job in open_jobs:
            _finish(job, done, screen)
            ended.add(job.pk)
        full.advance(company)
    for line in full.lines(company):
        if line.status not in ("", State.FINISHED):
            raise DemoFailed(f"The full synchronization of {line.name} ended as {line.status}. {line.message}")


def _finish(job: Job, done: Round, screen: Screen) -> None:
    """Wait for a job and what follows from it."""
    job = waiting.run_to_end(job, on_progress=screen.progress)
    open_jobs = [job]
    while open_jobs:
        one = open_jobs.pop(0)
        done.jobs.append(one)
        screen.done(one)
        open_jobs += Job.objects.filter(parent=one, state__in=ENDED_STATES).order_by("pk")
