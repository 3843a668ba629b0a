"""The list of failed records that still stand, declared once: the page shows it, actions find their selection in it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from coupling.failures.standing import mappings_with_failures, standing
from coupling.models import FailedRecord, IntegrationTableMapping
from jobs.models import Reason
from jobs.pages.lists import reason_label
from masterdata.models import Company
from sync.failures.lines import Lines
from ui import ids, listing
from ui.kit import Notice

NEARLY = "nearly"
"""Stands among the reasons for what has a row that is nearly alike."""
_SINCE = (("1", "The last 24 hours"), ("7", "The last 7 days"), ("30", "The last 30 days"))


def failures_listing(
    company: Company,
    *,
    ignored: bool = False,
    lines: Lines | None = None,
    decorate: Callable[[list[Any]], None] | None = None,
    mappings: Sequence[IntegrationTableMapping] | None = None,
) -> listing.Listing:
    """Return the list; ignored: of what people ignore instead. lines: also shown are what was settled just now;
    mappings: those with failures, where the caller has them already.
    """
    also = lines.settled if lines is not None else ()
    known = mappings_with_failures(company) if mappings is None else mappings
    names = [one.name for one in known]
    return listing.Listing(
        id="failures-ignored" if ignored else "failures",
        caption="Failed records",
        rows=standing(company, ignored=ignored, also=also, mappings=known),
        columns=[listing.Column("record", "Record", str)],
        filters=[
            listing.Filter("reason", "Reason", _by_reason, _reasons(), "hidden"),
            listing.Filter("job", "Job", _by_job, kind="hidden"),
            *(
                [listing.Filter("mapping", "Mapping", _by_mapping, [(name, name) for name in names])]
                if len(names) > 1
                else []
            ),
            listing.Filter("since", "Failed in", _since, _SINCE, empty_label="All time"),
        ],
        search=("local_key__istartswith", "local_name__icontains"),
        search_label="Search by number or name",
        key="id",
        selectable=True,
        rows_template="sync/failures/rows.html",
        decorate=decorate,
        row_label=str,
        empty=Notice("Nobody ignores a failed record.", title="Nothing is ignored")
        if ignored
        else Notice("Each record that a job tried is coupled, deleted, or ignored by somebody.", "ok",
                    "No record is left with a failure"),
    )  # fmt: skip


def _reasons() -> list[tuple[str, str]]:
    return [*((value, reason_label(value)) for value in Reason.values if value), (NEARLY, "Nearly alike")]


def _by_reason(rows: "QuerySet[FailedRecord]", value: str) -> "QuerySet[FailedRecord]":
    return rows.filter(nearly__gt=0) if value == NEARLY else rows.filter(reason=value)


def _by_job(rows: "QuerySet[FailedRecord]", value: str) -> "QuerySet[FailedRecord]":
    number = ids.parse_id(value)
    return rows.filter(job_id=number) if number is not None else rows.none()


def _by_mapping(rows: "QuerySet[FailedRecord]", value: str) -> "QuerySet[FailedRecord]":
    return rows.filter(mapping__name=value)


def _since(rows: "QuerySet[FailedRecord]", value: str) -> "QuerySet[FailedRecord]":
    return rows.filter(failed_at__gte=timezone.now() - timedelta(days=int(value)))
