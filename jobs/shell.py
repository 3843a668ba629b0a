"""What this room adds to the shell: Tell Me entries, and its part of the role center."""

from jobs.alerts import job_facts, work
from jobs.pages import role_center
from jobs.registry import on_tick
from jobs.registry import register as register_kind
from jobs.retention import job as retention_job
from jobs.retention import services as retention
from jobs.retention.sign_ins import remove_old_sign_ins
from ui.registry import Entry, role_center_part, tell_me


def register() -> None:
    """Fill the shell's registries; called while the app loads."""
    entries = (
        Entry("Integration Synchronization Jobs", "jobs:list", also=("Job log", "Synchronization log"), navigation=60),
        Entry("Integration Coupling Jobs", "jobs:list", also=("Integration Coupling Job Log",), query="type=coupling"),
        Entry("Integration Uncoupling Jobs", "jobs:list", also=("Uncoupling log",), query="type=uncoupling"),
        Entry("Job Queue Entries", "jobs:queue", also=("Queue", "Scheduled jobs", "Background jobs")),
        Entry("Retention Policies", "jobs:retention", also=("Clean up", "Delete old jobs", "Keep jobs")),
        Entry("Alerts", "jobs:alerts", also=("Notifications", "Mail", "Webhook", "Receivers of alerts")),
    )
    for entry in entries:
        tell_me(entry)
    role_center_part(role_center.part, position=20)
    job_facts.register()
    register_kind(retention_job.TYPE, retention_job.remove, label="removing old jobs")
    on_tick(retention.run_due)
    on_tick(remove_old_sign_ins)
    on_tick(work.work, last=True)
