"""Enable a connection with all steps at once, and disable it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from connection_setup import hooks
from connection_setup.connection import state
from connection_setup.connection.state import audit_as, lock_connection
from connection_setup.enabling.steps import STEPS
from connection_setup.enabling.work import Enabling
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import steps
from connection_setup.provisioning.steps import StepReport
from connection_setup.types import Report
from jobs import services as jobs
from masterdata.models import Company

_DISABLED = (
    "The connection to Dataverse was disabled{who}, so the job stopped. What it did until then is saved. Start it "
    "again once the connection is enabled."
)


def disable(*, company: Company, user: Any, reason: str = "") -> DataverseConnection:
    """Disable the connection; settings, mappings and couplings stay. Repeatable.

    Jobs in process stop at their next checkpoint, those that wait do not start, and schedules are on hold until the
    connection is enabled again.
    """
    with audit_as(user), transaction.atomic():
        stored = lock_connection(company)
        if not stored.enabled:
            return stored
        stored.enabled, stored.enabled_at, stored.disable_reason = False, None, reason
        stored.changed_at = timezone.now()
        stored.save()
        hooks.run_disabled(company, user)
        who = f" by {user.get_username()}" if user is not None and getattr(user, "pk", None) else ""
        jobs.stop_all(
            company=company, user=user, why=f"{_DISABLED.format(who=who)} {reason}".strip(), reason="not_enabled"
        )
    return stored


@sensitive_variables("secret")
def enable(
    *,
    company: Company,
    user: Any,
    values: Mapping[str, Any] | None = None,
    secret: str | None = None,
    on_step: Callable[[StepReport], None] | None = None,
) -> Report:
    """Take all steps of enabling at once, with the default synchronization setup. Repeatable.

    With `values` (and `secret`) these settings are used, even while the connection is enabled with others: they replace
    the old ones only once they work. A report that is not ok means that nothing was enabled or changed here; what was
    already made in the environment is found by the next try. `on_step` is called with the report of each step. Raises
    Refusal, DataverseError.
    """
    work = Enabling(company, user=user, values=values, secret=secret)
    reports: list[StepReport] = []
    while (step := steps.next_step(STEPS, reports)) is not None:
        report, error = steps.run_step(step, work)
        reports = steps.with_report(reports, report)
        if on_step is not None:
            on_step(report)
        if report.ended:
            continue
        if error is not None:
            raise error
        if values is None:
            state.store_report(work.connection, work.report)
        break
    return work.report
