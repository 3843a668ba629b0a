"""Jobs and their outcomes in the Django admin: to read, filter and drill down; nothing is changed here."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.views.decorators.http import require_safe

from accounts.admin_site import ReadOnly
from jobs import display
from jobs.mentions import PersonReading
from jobs.models import Job, JobOutcome
from jobs.outcomes import JobOutcomes, outcomes_without_rows
from jobs.pages import lists as listings
from masterdata.admin_scope import OfVisibleCompanies, narrowed
from ui.ids import parse_id

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
    _OutcomeAdmin = admin.ModelAdmin[JobOutcome]
    _Paginator = Paginator[Any]
else:
    _JobAdmin = _OutcomeAdmin = admin.ModelAdmin
    _Paginator = Paginator


NO_REASON = "none"
"""What stands in an address for outcomes without a reason."""
OUTCOME_COLUMNS = {
    "outcome": "Outcome", "reason": "Reason", "local_key": "Local key", "local_name": "Local name",
    "integration_name": "Integration name", "message": "Message", "detail": "Detail",
}  # fmt: skip
"""What the page of a job's outcomes shows, as the list of outcomes calls it."""
MOST_PAGES = 1_000_000


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
    readonly_fields = ("outcomes_by_reason", "all_outcomes", "followup_jobs")
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

        The list of rows has no others; `outcomes` has all.
        """
        without_rows = outcomes_without_rows(job)
        found = []
        for outcome, reason, text in _groups(job):
            if outcome in without_rows and not reason:
                url = _outcomes_url(job, outcome=outcome, reason=NO_REASON)
                found.append(format_html('<a href="{}">{}</a>', url, text))
            else:
                found.append(_outcomes_link(job, text, outcome__exact=outcome, reason__exact=reason))
        return _lines(found)

    def get_urls(self) -> list[Any]:
        """Return the pages of jobs, with that of a job's outcomes."""
        page = self.admin_site.admin_view(require_safe(self.outcomes))
        return [path("<path:object_id>/outcomes/", page, name="jobs_job_outcomes"), *super().get_urls()]

    def outcomes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what became of a job's records, whether they have rows of their own or not."""
        job = self.get_object(request, object_id)
        if job is None:
            raise Http404(f"There is no job {object_id}.")
        asked = ((name, request.GET.get(name, "").replace("\0", "")[:200]) for name in ("outcome", "reason", "q"))
        given = {name: text for name, text in asked if text}
        reason = "" if given.get("reason") == NO_REASON else given.get("reason")
        found = JobOutcomes(job, given.get("outcome", ""), reason, text=given.get("q", ""))
        number = parse_id(request.GET.get("page", "")) or 1
        first = (min(number, MOST_PAGES) - 1) * self.list_per_page
        first = first if 0 <= first < found.count else 0
        page = first // self.list_per_page + 1
        rows = found[first : first + self.list_per_page]
        reader = PersonReading(request.user)
        reader.read_rows(rows)
        behind = first + len(rows)
        context = {
            **self.admin_site.each_context(request),
            "title": "Outcomes", "subtitle": str(job), "opts": self.opts, "job": job,
            "columns": OUTCOME_COLUMNS.items(), "rows": [_cells(row) for row in rows],
            "groups": _chosen_groups(job, given), "outcome": given.get("outcome"), "reason": given.get("reason"),
            "query": given.get("q", ""), "first": first + 1 if rows else 0, "last": behind, "count": found.count,
            "previous_url": _outcomes_url(job, **given, page=str(page - 1)) if first else "",
            "next_url": _outcomes_url(job, **given, page=str(page + 1)) if behind < found.count else "",
        }  # fmt: skip
        return TemplateResponse(request, "admin/jobs/job/outcomes.html", context)

    @admin.display(description="All outcomes")
    def all_outcomes(self, job: Job) -> SafeString:
        """Return the way to the outcomes of all records."""
        return format_html('<a href="{}">{}</a>', _outcomes_url(job), f"{listings.total(job):,}")

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
    exclude = ("message", "detail", "arguments")

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

    @admin.display(description="Message")
    def message(row: JobOutcome) -> str:
        return reader.read_outcome(row.message, row.detail)[0]

    @admin.display(description="Detail")
    def detail(row: JobOutcome) -> str:
        return _json(reader.read_outcome("", row.detail)[1])

    return message, detail


def _json(detail: Any) -> str:
    return json.dumps(detail, ensure_ascii=False) if detail is not None else ""


def _cells(row: JobOutcome) -> list[tuple[str, str]]:
    """Return what the page of a job's outcomes shows of one, by the names of the columns."""
    shown = {
        "outcome": str(row.get_outcome_display()), "reason": listings.reason_label(row.reason),
        "detail": _json(row.detail),
    }  # fmt: skip
    return [(name, shown.get(name, getattr(row, name))) for name in OUTCOME_COLUMNS]


def _groups(job: Job) -> Iterator[tuple[str, str, str]]:
    """Yield each outcome and reason of a job, with how often there is one: "failed, No match: 3"."""
    for outcome, by in sorted(job.breakdown.items()):
        for reason, count in sorted(by.items()):
            yield outcome, reason, f"{outcome}{f', {listings.reason_label(reason)}' if reason else ''}: {count:,}"


def _chosen_groups(job: Job, given: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Return all outcomes and each group, with its address, and whether it is the one that is shown."""
    shown = given.get("outcome"), given.get("reason")
    groups = [(f"all: {listings.total(job):,}", _outcomes_url(job), shown == (None, None))]
    for outcome, reason, text in _groups(job):
        one = outcome, reason or NO_REASON
        groups.append((text, _outcomes_url(job, outcome=one[0], reason=one[1]), shown == one))
    return groups


def _outcomes_url(job: Job, **query: str) -> str:
    url = reverse("admin:jobs_job_outcomes", args=(job.pk,))
    return f"{url}?{urlencode(query)}" if query else url


def _outcomes_link(job: Job, text: str, **query: str) -> SafeString:
    url = reverse("admin:jobs_joboutcome_changelist")
    parameters = "&".join(f"{name}={value}" for name, value in {"job__id__exact": job.pk, **query}.items())
    return format_html('<a href="{}?{}">{}</a>', url, parameters, text)


def _lines(found: list[SafeString]) -> SafeString | str:
    return format_html('<ul class="lines">{}</ul>', format_html_join("", "<li>{}</li>", zip(found))) if found else "-"
