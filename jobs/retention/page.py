"""Page Retention Policies as data: how long jobs are kept, what would go now, and what the last runs removed."""

from django.conf import settings
from django.utils import timezone

from core.roles import ONLY_ADMINISTRATORS
from core.words import counted
from jobs import display
from jobs.models import Alert, Job
from jobs.pages.lists import job_url
from jobs.retention import reading, rules
from jobs.retention.forms import PolicyForm
from jobs.retention.job import TYPE
from masterdata.models import Company
from ui.kit import Action, Cell, FastTab, Field, Link, Notice, Page, Table, Tip
from ui.links import company_url

TITLE = "Retention Policies"
RUN = "Remove Old Jobs Now"
COUNTED = 500
"""Jobs that are counted before somebody removes them; beyond there are "at least" so many."""
_LATEST = 10


def build_page(company: Company, form: PolicyForm, *, administrator: bool) -> Page:
    """Return the page; administrator: whether the person may change the policy and run it."""
    off = "" if administrator else ONLY_ADMINISTRATORS
    run = Action(RUN, company_url("jobs:retention-run", company), icon="delete", off=off, dialog=True)
    return Page(
        TITLE,
        company=company,
        help="jobs.md#retention",
        tip=Tip(
            "What stays, however old it is",
            "The last run of each mapping, and every job of which a failure, a conflict or something left out is not "
            "settled yet. Couplings and records are never removed.",
        ),
        actions=[run],
        notices=_notices(form),
        fast_tabs=[
            FastTab("jobs", "Jobs", [*(_field(form, name, administrator) for name in form.fields), _next_run(form)]),
            FastTab("alerts", "Alerts", [_past_alerts(company, form)], open=False),
            FastTab("runs", "What was removed", table=_runs(company)),
            FastTab(
                "sign-ins", "Sign-in records and sessions",
                [
                    Field("Keep Sign-in Records (Days)", f"{settings.SIGN_IN_RECORD_DAYS:,}"),
                    Field("Set By", "SIGN_IN_RECORD_DAYS, a setting of this installation, for all companies"),
                ],
                open=False,
            ),
        ],
        form_url=company_url("jobs:retention-save", company) if administrator else "",
        submit=Action("Save", icon="save", primary=True) if administrator else None,
    )  # fmt: skip


def _field(form: PolicyForm, name: str, administrator: bool) -> Field:
    if administrator:
        return Field(form_field=form[name])
    value = getattr(form.instance, name)
    return Field(str(form.fields[name].label), "Any" if value is None else f"{value:,}")


def _past_alerts(company: Company, form: PolicyForm) -> Field:
    """Return how long alerts that are over are kept, and how many there are."""
    days = form.instance.days
    kept = "for ever" if days is None else f"{counted(days, 'day')} after they are over"
    past = Alert.objects.filter(company=company).exclude(over_at=None).count()
    hint = (
        f"{counted(past, 'alert')} of {company} {'is' if past == 1 else 'are'} over. What was sent of them goes along."
    )
    return Field("Keep Past Alerts", f"{kept}, as jobs are", hint=hint)


def _next_run(form: PolicyForm) -> Field:
    """Return when old jobs are looked for next."""
    stored = form.instance
    return Field("Next Run", stored.next_at or rules.next_run(timezone.now()))


def _notices(form: PolicyForm) -> list[Notice]:
    if form.errors:
        return [Notice("Nothing was saved yet. Each field that cannot be saved says why.", "bad")]
    if reading.rules_of(form.instance).removes_nothing:
        return [Notice("Nothing is ever removed: the database grows with each run.", "warn")]
    return []


def _runs(company: Company) -> Table:
    found = Job.objects.filter(company=company, type=TYPE).order_by("-pk")[:_LATEST]
    rows: list[tuple[Cell, ...]] = [
        (
            Link(f"Job {job.pk}", job_url(job, company)),
            job.started_at or job.created_at,
            display.status(job),
            int(job.counters.get("deleted", 0)),
            job.message,
        )
        for job in found
    ]
    return Table(
        "What was removed", ("Job", "Start", "State", "Jobs Removed", "What Happened"), rows, numeric=frozenset({3}),
        wrap=frozenset({4}), stack=True,
        empty="Nothing was removed yet. Old jobs are looked for each night at 02:45 UTC.",
    )  # fmt: skip
