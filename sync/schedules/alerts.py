"""The alerts of schedules: late, given up, and all on hold since Dataverse does not serve."""

from collections.abc import Iterable
from datetime import datetime

from coupling.models import IntegrationTableMapping
from jobs.alerts import kinds
from jobs.alerts.decisions import Fact
from jobs.alerts.job_facts import FAILURE
from sync.models import Schedule, SchedulePause
from sync.schedules import page, reading
from ui.links import company_url

LATE, PAUSED = "late", "paused"


def register() -> None:
    """Name the kinds and their sources; called while the app loads."""
    kinds.add(
        LATE, "Late",
        "A mapping that runs by itself has not begun, or not succeeded, so many minutes past its time. Over once a run "
        "succeeds, or it is set on hold.",
    )  # fmt: skip
    kinds.add(
        PAUSED, "Schedules paused",
        "Dataverse does not serve, so all schedules of the company are on hold. Over once it serves again; they go on "
        "by themselves.",
    )  # fmt: skip
    kinds.add_source(LATE, late)
    kinds.add_source(PAUSED, paused)
    kinds.add_source(FAILURE, given_up)


def late(now: datetime) -> Iterable[Fact]:
    """Yield each mapping that is late."""
    for line in reading.late_lines(now):
        mapping = line.mapping
        yield Fact(
            mapping.company_id, f"late:{mapping.pk}", f"{mapping.name} is late. {page.reason(line)}",
            company_url("jobs:queue", mapping.company), mapping.name,
            "Job Queue Entries shows what it waits for. Choose Run Now there once the cause is gone.",
        )  # fmt: skip


def paused(_: datetime) -> Iterable[Fact]:
    """Yield each company whose schedules are on hold since Dataverse does not serve."""
    for pause in SchedulePause.objects.filter(company__connection__enabled=True).select_related("company"):
        yield Fact(
            pause.company_id, "paused", f"No schedule runs. {pause.message}", company_url("jobs:queue", pause.company),
            fix=pause.fix or "Schedules go on by themselves once Dataverse serves again.",
        )  # fmt: skip


def given_up(_: datetime) -> Iterable[Fact]:
    """Yield each schedule that is in Error after its last attempt."""
    failed = Schedule.objects.filter(failed_at__isnull=False, mapping__scheduled=True)
    for kept in failed.select_related("mapping__company"):
        mapping: IntegrationTableMapping = kept.mapping
        yield Fact(
            mapping.company_id, f"schedule:{mapping.pk}",
            f"{mapping.name} does not run by itself any more, after {kept.attempts} attempts. {kept.error}".strip(),
            company_url("jobs:queue", mapping.company), mapping.name,
            kept.error_fix or "Settle the cause, then choose Set Ready on Job Queue Entries.",
        )  # fmt: skip
