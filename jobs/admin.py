"""Jobs and their outcomes in the Django admin: to read, filter and drill down; nothing is changed here."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts.admin_site import ReadOnly
from jobs import display
from jobs.mentions import PersonReading
from jobs.models import Job, JobOutcome
from jobs.pages import lists as listings
from masterdata.admin_scope import OfVisibleCompanies, narrowed

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
    _OutcomeAdmin = admin.ModelAdmin[JobOutcome]
    _Paginator = Paginator[Any]
else:
    _JobAdmin = _OutcomeAdmin = admin.ModelAdmin
    _Paginator = Paginator


class LimitedPaginator(_Paginator):
    """Counts up to a limit: a million outcomes are paged without being counted."""

    limit = 20_000

    @cached_property
    def count(self) -> int:
        """Return the number of rows, the limit at most."""
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[: self.limit].count()


@admin.register(Job)
class JobAdmin(OfVisibleCompanies, ReadOnly, _JobAdmin):
    """The job log."""

    list_display = (
        "id", "company", "mapping_name", "type", "state", "coupled", "failed", "message_start", "started_at",
        "ended_at",
    )  # fmt: skip
    list_filter = (
        "type",
        "state",
        ("company", admin.RelatedOnlyFieldListFilter),
        "mapping_name",
        "failure_reason",
        "trigger",
    )
    list_select_related = ("company",)
    search_fields = ("=id", "mapping_name", "message")
    date_hierarchy = None
    show_full_result_count = False
    paginator = LimitedPaginator
    list_per_page = 50
    ordering = ("-id",)
    readonly_fields = ("outcomes_by_reason", "followup_jobs")
    exclude = ("resume",)

    @admin.display(description="Coupled")
    def coupled(self, job: Job) -> int:
        """Return the counter."""
        return int(job.counters.get("coupled", 0))

    @admin.display(description="Failed")
    def failed(self, job: Job) -> SafeString | int:
        """Return the counter, leading to the failed records."""
        count = int(job.counters.get("failed", 0))
        return _outcomes_link(job, f"{count:,}", outcome__exact="failed") if count else count

    @admin.display(description="Message")
    def message_start(self, job: Job) -> str:
        """Return the message, as much of it as a list has room for."""
        return Truncator(job.message).chars(140)

    @admin.display(description="Outcomes")
    def outcomes_by_reason(self, job: Job) -> SafeString | str:
        """Return each outcome and reason with its count, leading to its records.

        Those without rows of their own are on the job's pages alone.
        """
        without_rows = set(job.outcome_parts.values_list("outcome", flat=True).distinct())
        found = []
        for outcome, by in job.breakdown.items():
            for reason, count in by.items():
                text = f"{outcome}{f', {listings.reason_label(reason)}' if reason else ''}: {count:,}"
                if outcome in without_rows and not reason:
                    url = listings.outcomes_url(job, job.company, outcome=outcome, reason="none")
                    found.append(format_html('<a href="{}">{}</a>', url, text))
                else:
                    found.append(_outcomes_link(job, text, outcome__exact=outcome, reason__exact=reason))
        return _lines(found)

    @admin.display(description="Follow-up jobs")
    def followup_jobs(self, job: Job) -> SafeString | str:
        """Links to the jobs this one started."""
        return _lines(
            [
                format_html('<a href="{}">{}</a>', reverse("admin:jobs_job_change", args=(one.pk,)), display.title(one))
                for one in job.followups.order_by("pk")[:100]
            ]
        )


class MappingFilter(admin.AllValuesFieldListFilter):
    """The mappings of jobs; Django's own lists those of companies that the person does not see, too."""

    def __init__(self, field: Any, request: HttpRequest, *args: Any, **more: Any) -> None:
        super().__init__(field, request, *args, **more)
        jobs = narrowed(Job.objects.all(), "company", request)
        self.lookup_choices = jobs.order_by("mapping_name").values_list("mapping_name", flat=True).distinct()


@admin.register(JobOutcome)
class JobOutcomeAdmin(OfVisibleCompanies, ReadOnly, _OutcomeAdmin):
    """What became of single records, of those that have a row of their own (jobs.outcomes reads all)."""

    company_lookup = "job__company"

    list_filter = ("outcome", "reason", "job__type", "job__state", ("job__mapping_name", MappingFilter))
    list_select_related = ("job",)
    search_fields = ("local_key__istartswith", "=local_id", "=integration_id")
    search_help_text = "A number, or the ID of a record or Dataverse row"
    show_full_result_count = False
    paginator = LimitedPaginator
    list_per_page = 50
    ordering = ("-id",)
    exclude = ("message", "detail")

    def get_list_display(self, request: HttpRequest) -> tuple[str | Callable[[Any], str | bool], ...]:
        """Return the columns; the message as the person sees it."""
        message, _ = _as_read_by(request)
        return "id", "job_link", "outcome", "reason", "local_key", "local_name", "integration_name", message

    def get_readonly_fields(self, request: HttpRequest, obj: JobOutcome | None = None) -> Any:
        """Return what is shown of an outcome beside its own fields: message and detail as the person sees them."""
        return [*super().get_readonly_fields(request, obj), *_as_read_by(request)]

    @admin.display(description="Job")
    def job_link(self, row: JobOutcome) -> SafeString:
        """Return the row's job."""
        return format_html('<a href="{}">{}</a>', reverse("admin:jobs_job_change", args=(row.job_id,)), row.job)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the drill-down from a job, too."""
        return lookup == "job__id__exact" or super().lookup_allowed(lookup, value, cast(HttpRequest, request))


def _as_read_by(request: HttpRequest) -> tuple[Callable[[JobOutcome], str], Callable[[JobOutcome], str]]:
    """Return what shows an outcome's message and its detail as the person sees them (jobs.mentions)."""
    reader = PersonReading(request.user)

    @admin.display(description="Message", ordering="message")
    def message(row: JobOutcome) -> str:
        return reader.read_outcome(row.message, row.detail)[0]

    @admin.display(description="Detail")
    def detail(row: JobOutcome) -> str:
        shown = reader.read_outcome("", row.detail)[1]
        return json.dumps(shown, ensure_ascii=False) if shown is not None else ""

    return message, detail


def _outcomes_link(job: Job, text: str, **query: str) -> SafeString:
    url = reverse("admin:jobs_joboutcome_changelist")
    parameters = "&".join(f"{name}={value}" for name, value in {"job__id__exact": job.pk, **query}.items())
    return format_html('<a href="{}?{}">{}</a>', url, parameters, text)


def _lines(found: list[SafeString]) -> SafeString | str:
    return format_html('<ul class="lines">{}</ul>', format_html_join("", "<li>{}</li>", zip(found))) if found else "-"
