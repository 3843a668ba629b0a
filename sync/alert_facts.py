"""The alerts of mappings: conflicts that wait, columns that changed in Dataverse, records that failed."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet

from core.words import counted
from coupling.brakes import CHANGE_THEM, Brakes
from coupling.failures.likely import LIKELY, TOLD_APART
from coupling.failures.standing import standing
from coupling.mappings import column_looks
from coupling.models import CouplingBase, FailedRecord, IntegrationTableMapping, KnownColumns, UndoneRecord, pairs_of
from coupling.undone import left_undone
from jobs.alerts import kinds
from jobs.alerts.decisions import Fact
from jobs.alerts.job_facts import BRAKE, FAILURE
from jobs.models import Reason
from masterdata.models import Company
from ui.links import company_url

CONFLICTS, DRIFT = "conflicts", "drift"
_NO_FAILURES = (
    Reason.ONLY_COUPLED, Reason.OUTSIDE_FILTER, Reason.NOT_COUPLED, Reason.LOCAL_DELETED, Reason.INTEGRATION_DELETED,
    Reason.UPDATE_CONFLICT, Reason.REFERENCE_NOT_COUPLED, Reason.RECORD_GONE,
)  # fmt: skip
"""What was left out for these reasons waits for something; nothing failed."""


def register() -> None:
    """Name the kinds and their sources; called while the app loads."""
    kinds.add(
        CONFLICTS, "Conflicts waiting",
        "Records that were changed on both sides, or likely duplicates, wait for a decision. Over once none of the "
        "mapping waits any more.",
    )  # fmt: skip
    kinds.add(
        DRIFT, "Columns changed",
        "A column that a mapping uses is gone, shorter, of another type or newly required in Dataverse. Over once it "
        "is as it was, is accepted, or is not used any more.",
    )  # fmt: skip
    kinds.add_source(FAILURE, failed_records)
    kinds.add_source(CONFLICTS, conflicts)
    kinds.add_source(CONFLICTS, likely_duplicates)
    kinds.add_source(BRAKE, stopped_records)
    kinds.add_source(BRAKE, stopped_deletions)
    kinds.add_source(DRIFT, changed_columns)
    kinds.mapping_names(_mapping_names)


def _mapping_names(companies: Iterable[int]) -> Iterable[tuple[int, str]]:
    return IntegrationTableMapping.objects.filter(company__in=list(companies)).values_list("company_id", "name")


def conflicts(_: datetime) -> Iterable[Fact]:
    """Yield each mapping with pairs that wait for a person."""
    waiting = CouplingBase.objects.filter(conflict__isnull=False).order_by().values("mapping_id")
    counts = dict(waiting.annotate(count=Count("pk")).values_list("mapping_id", "count"))
    for mapping in _mappings(counts):
        count = counts[mapping.pk]
        of = f"of {mapping.name}"
        waits = f"1 record {of} was" if count == 1 else f"{count:,} records {of} were"
        yield Fact(
            mapping.company_id, f"conflicts:{mapping.pk}",
            f"{waits} changed on both sides and wait{'s' if count == 1 else ''} for a decision.",
            company_url("sync:conflicts", mapping.company), mapping.name, "Decide on Resolve Update Conflicts.",
        )  # fmt: skip


def changed_columns(_: datetime) -> Iterable[Fact]:
    """Yield what changed of the columns that mappings use, as the last looks found it."""
    companies = KnownColumns.objects.exclude(since={}).order_by().values_list("mapping__company_id", flat=True)
    for company in companies.distinct():
        for drift in column_looks.read_all(company).values():
            mapping = drift.mapping
            card = company_url("coupling:mapping", mapping.company, mapping=mapping.name)
            for change in drift.changes:
                subject = f"columns:{mapping.pk}:{change.key}"
                url = f"{card}#tab-columns"
                yield Fact(mapping.company_id, subject, change.message, url, mapping.name, change.fix)


def likely_duplicates(_: datetime) -> Iterable[Fact]:
    """Yield each mapping with likely duplicates: nothing failed, they wait for a person."""
    for mapping, count in _counted(_likely):
        noun = "1 likely duplicate" if count == 1 else f"{count:,} likely duplicates"
        yield Fact(
            mapping.company_id, f"likely:{mapping.pk}",
            f"{noun} of {mapping.name} wait{'s' if count == 1 else ''} for a person, and no run creates "
            f"{'it' if count == 1 else 'them'}.",
            company_url("sync:failures", mapping.company, query={"mapping": mapping.name}), mapping.name,
            "Couple each to its candidate, or create it where it is really new.",
        )  # fmt: skip


def stopped_records(_: datetime) -> Iterable[Fact]:
    """Yield each mapping of which a brake on coupling or creating stopped records that still stand."""
    for mapping, count in _counted(lambda found: found.filter(reason=Reason.BRAKE)):
        yield Fact(
            mapping.company_id, f"brake:{mapping.pk}",
            f"A brake stopped {counted(count, 'record')} of {mapping.name}: nothing of them was written.",
            company_url("sync:failures", mapping.company, query={"mapping": mapping.name}), mapping.name, CHANGE_THEM,
        )  # fmt: skip


def stopped_deletions(_: datetime) -> Iterable[Fact]:
    """Yield each mapping of which more pairs with a deleted side wait than the brake on deletions lets through."""
    gone = UndoneRecord.objects.filter(reason__in=(Reason.LOCAL_DELETED, Reason.INTEGRATION_DELETED))
    waiting = gone.filter(coupling__isnull=False, settled_at=None).exclude(mapping__deletion_conflict="")
    by_mapping = waiting.order_by().values("mapping_id")
    counts = dict(by_mapping.annotate(count=Count("pk")).values_list("mapping_id", "count"))
    for mapping in _mappings(counts):
        count = counts[mapping.pk]
        if count <= Brakes.stored(mapping.brakes).most_deleted(pairs_of(mapping).count()):
            continue  # the next run does with them what the mapping says
        yield Fact(
            mapping.company_id, f"deletions:{mapping.pk}",
            f"{counted(count, 'pair')} of {mapping.name} lost a record or row, more than the brake on deletions lets "
            "through: nothing is deleted, restored or uncoupled.",
            company_url("sync:skipped", mapping.company, query={"mapping": mapping.name}), mapping.name,
            "Restore what was deleted by mistake; else choose what becomes of them, or raise the mapping's limit.",
        )  # fmt: skip


def _likely(found: "QuerySet[FailedRecord]") -> "QuerySet[FailedRecord]":
    return found.filter(LIKELY).exclude(mapping__integration_table__in=TOLD_APART)


def _counted(narrow: "Callable[[QuerySet[FailedRecord]], QuerySet[FailedRecord]]") -> Iterator[tuple[Any, int]]:
    """Yield each mapping with how many of its failed records still stand among those wanted."""
    for company in Company.objects.filter(pk__in=FailedRecord.objects.order_by().values("company_id")):
        found = narrow(standing(company)).order_by().values("mapping_id").annotate(count=Count("pk"))
        counts = dict(found.values_list("mapping_id", "count"))
        yield from ((mapping, counts[mapping.pk]) for mapping in _mappings(counts))


def failed_records(_: datetime) -> Iterable[Fact]:
    """Yield each mapping with records that failed and still stand, but for those that wait for a person."""
    for company in Company.objects.filter(pk__in=FailedRecord.objects.order_by().values("company_id")):
        still = standing(company)
        failed = still.exclude(reason=Reason.BRAKE).exclude(pk__in=_likely(still).values("pk"))
        found = failed.order_by().values("mapping_id").annotate(count=Count("pk"))
        yield from _failed(dict(found.values_list("mapping_id", "count")), "sync:failures", "coupled or created")
    for company in Company.objects.filter(pk__in=UndoneRecord.objects.order_by().values("company_id")):
        undone = left_undone(company).exclude(reason__in=_NO_FAILURES).order_by()
        left = undone.values("mapping_id").annotate(count=Count("pk"))
        yield from _failed(dict(left.values_list("mapping_id", "count")), "sync:skipped", "synchronized")


def _failed(counts: dict[int, int], page: str, what: str) -> Iterable[Fact]:
    for mapping in _mappings(counts):
        count = counts[mapping.pk]
        records = "1 record" if count == 1 else f"{count:,} records"
        yield Fact(
            mapping.company_id, f"{page}:{mapping.pk}", f"{records} of {mapping.name} could not be {what}.",
            company_url(page, mapping.company, query={"mapping": mapping.name}), mapping.name,
            "The list says why for each, and what to do.",
        )  # fmt: skip


def _mappings(ids: Iterable[int]) -> Iterable[IntegrationTableMapping]:
    return IntegrationTableMapping.objects.filter(pk__in=list(ids)).select_related("company").order_by("pk")
